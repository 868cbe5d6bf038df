"""Who tags a run's notes: the graph in this process, or workers elsewhere (`distill.runs.cluster`)."""

import re
import traceback
from typing import Any, NamedTuple, Protocol

from langgraph.graph.state import CompiledStateGraph

from graphs.tagging import TaggingContext, build_tagging
from notes.records import STEPS, Failure, Note, StepName, Trace

_TASK = re.compile(r"During task with name '(\w+)'")


class Done(NamedTuple):
    """What became of a note."""

    outcome: Trace | Failure
    shard: int = 0
    """Which worker did it: each has parts of its own."""


class Tagger(Protocol):
    """Tags notes, several at a time."""

    async def tag(self, note: Note) -> Done:
        """What becomes of a note; an error nobody foresaw is a failure too, so that one note does not end a run."""
        ...


class LocalTagger:
    """The graph in this process.

    Args:
        context: Handed to the graph.
        fused: Ask everything in one answer.
    """

    def __init__(self, context: TaggingContext, *, fused: bool = False) -> None:
        self._context = context
        self._graph: CompiledStateGraph[Any, Any, Any, Any] = build_tagging(fused=fused)

    async def tag(self, note: Note) -> Done:
        """What becomes of a note."""
        try:
            result = await self._graph.ainvoke({"note": note}, context=self._context)
        except Exception as error:  # noqa: BLE001 - a bug met by one note of millions: recorded, counted, replayable
            return Done(_unforeseen(note, error))
        return Done(result["failure"] if "failure" in result else result["trace"])


def _unforeseen(note: Note, error: Exception) -> Failure:
    tasks = (_TASK.search(said) for said in getattr(error, "__notes__", ()))
    names = ["describe" if task[1] == "at_once" else task[1] for task in tasks if task]
    step: StepName | None = next((step for step in STEPS if step in names), None)
    places = [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)
    ]
    message = f"{type(error).__name__}: {error} (at {' → '.join(places)})"
    return Failure(note_id=note.id, note_digest=note.digest, step=step, reason="unforeseen", message=message[:2000])
