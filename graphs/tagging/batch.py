"""Tagging many notes: several at a time, outcomes in the order of the notes."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from graphs.tagging.context import TaggingContext
from notes.records import Failure, Note, Reject, Trace


async def tag_notes(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    notes: Iterable[Note | Reject],
    context: TaggingContext,
    *,
    concurrency: int = 32,
) -> AsyncIterator[Trace | Failure | Reject]:
    """Tag notes, at most `concurrency` at a time; rejects pass through in their place.

    An error that is nobody's answer (a bug, not a failure of the teacher) ends the iteration; its notes name the note.

    Raises:
        ValueError: concurrency below 1.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency must be >= 1, got {concurrency}")
    waiting: deque[asyncio.Task[Trace | Failure] | Reject] = deque()
    source = iter(notes)
    exhausted = False
    try:
        while waiting or not exhausted:
            while not exhausted and len(waiting) < concurrency:
                item = next(source, None)
                if item is None:
                    exhausted = True
                elif isinstance(item, Reject):
                    waiting.append(item)
                else:
                    waiting.append(asyncio.create_task(_tag(graph, item, context)))
            if waiting:
                first = waiting.popleft()
                yield first if isinstance(first, Reject) else await first
    finally:
        tasks = [task for task in waiting if isinstance(task, asyncio.Task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tag(graph: CompiledStateGraph[Any, Any, Any, Any], note: Note, context: TaggingContext) -> Trace | Failure:
    try:
        result = await graph.ainvoke({"note": note}, context=context)
    except Exception as error:
        error.add_note(f"while tagging note {note.id!r}")
        raise
    return result["failure"] if "failure" in result else result["trace"]
