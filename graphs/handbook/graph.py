"""Wiring of the handbook graph."""

import itertools
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graphs.handbook import nodes
from graphs.handbook.context import HandbookContext
from graphs.handbook.state import HandbookInput, HandbookOutput, HandbookState


def build_handbook() -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph that makes one handbook an invocation.

    `await graph.ainvoke({"name": "…"}, context=HandbookContext(program=…, gather=…))` gives `{"handbook": Handbook,
    "gathered": Gathered, "findings": (Finding, …), "asked": {…}}`.
    """
    graph = StateGraph(
        HandbookState, input_schema=HandbookInput, output_schema=HandbookOutput, context_schema=HandbookContext
    )
    steps: list[tuple[str, Any]] = [
        ("gather", nodes.gather),
        ("cluster", nodes.cluster),
        ("name", nodes.name),
        ("merge", nodes.merge),
        ("check", nodes.check),
    ]
    for step, function in steps:
        graph.add_node(step, function)
    graph.add_edge(START, steps[0][0])
    for (step, _), (following, _) in itertools.pairwise(steps):
        graph.add_edge(step, following)
    graph.add_edge(steps[-1][0], END)
    return graph.compile(name="handbook")
