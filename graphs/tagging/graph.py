"""Wiring of the tagging graph."""

import itertools
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graphs.tagging import nodes
from graphs.tagging.context import TaggingContext, TaggingOptions
from graphs.tagging.state import TaggingInput, TaggingOutput, TaggingState
from notes.records import StepName


def build_tagging(
    *, fused: bool = False, context: TaggingContext | None = None
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph that tags one note an invocation.

    `await graph.ainvoke({"note": note}, context=TaggingContext(program=…))` gives `{"trace": Trace}` or
    `{"failure": Failure}`; `astream(…, stream_mode="updates")` shows the steps as they happen.

    Args:
        fused: Ask describe to refine in one structured answer instead of five; the traces look the same.
        context: Used by invocations that hand none in, or only options, as LangGraph's own server does.
    """
    schema = TaggingContext if context is None else TaggingOptions
    graph = StateGraph(TaggingState, input_schema=TaggingInput, output_schema=TaggingOutput, context_schema=schema)
    asked: list[tuple[str, StepName, Any]]
    steps: list[tuple[str, StepName, Any]] = [("retrieve", "retrieve", nodes.retrieve_interests)]
    if fused:
        asked = [("at_once", "describe", nodes.ask_at_once)]
    else:
        asked = [
            ("describe", "describe", nodes.describe_pictures),
            ("match", "match", nodes.match_interests),
            ("draft", "draft", nodes.draft_tags),
        ]
    last: list[tuple[str, StepName, Any]] = [
        ("dedupe", "dedupe", nodes.dedupe_tags),
        ("refine", "refine", nodes.refine_tags),
    ]
    steps = [*steps, *asked, *last]
    for node, step, function in steps:
        graph.add_node(node, nodes.fails_softly(step, function, context))
    graph.add_edge(START, steps[0][0])
    for (node, _, _), (following, _, _) in itertools.pairwise(steps):
        graph.add_edge(node, following)  # after a failure the nodes pass on; a conditional edge costs more than they do
    graph.add_edge(steps[-1][0], END)
    return graph.compile(name="tagging_fused" if fused else "tagging")
