"""Runs from Python: `async for outcome in run(notes, context, out=folder)`."""

import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from distill.runs.describing import configuration_of, describe
from distill.runs.description import NotesSource
from distill.runs.folder import open_run
from distill.runs.limits import MaxFailures
from distill.runs.session import Outcome, Session
from distill.runs.spans import open_spans
from distill.runs.tagging import LocalTagger
from graphs.tagging import TaggingContext
from notes.reading import read_notes
from notes.records import Note, Reject


async def run(
    notes: Path | str | Iterable[Note | Reject],
    context: TaggingContext,
    *,
    out: Path | str,
    fused: bool = False,
    concurrency: int = 64,
    window: int = 0,
    max_failures: str | None = None,
    fresh: bool = False,
    settings: dict[str, Any] | None = None,
) -> AsyncGenerator[Outcome, None]:
    """Tag notes into a run's folder; what comes out has been written down. Called again, it goes on where it ended.

    Notes that are done are not asked again and do not come out again; `distill.runs.read_traces` has all of them.

    Args:
        notes: File or folder of notes, or the notes themselves, from the first, in any order.
        context: Who tags; `graphs.tagging`.
        out: Folder of the run.
        fused: Ask everything in one answer.
        concurrency: Notes under way at most.
        window: Notes of one category are asked about together within as many; 0: in the order they come.
        max_failures: Stop when more notes fail: `20`, `5%`.
        fresh: Begin anew, and keep the run that is there beside it.
        settings: What else decides what the tags are, as JSON: a run goes on only with the same.

    Raises:
        RunError: the folder holds another run, another process writes to it, or the disk takes no more.
        notes.reading.UnreadableInput: the notes cannot be read.
        ValueError: concurrency below 1, or `max_failures` is neither a number nor a share.
    """
    limit = MaxFailures.parse(max_failures) if max_failures is not None else None
    source = NotesSource()
    if isinstance(notes, (str, Path)):
        source = NotesSource(path=os.path.abspath(notes))  # noqa: PTH100, ASYNC240 - links are kept; no file is read
        notes = read_notes(notes)
    configuration = configuration_of(context, fused=fused) | (settings or {})
    folder = open_run(out, describe(configuration, notes=source), fresh=fresh)
    spans = None
    try:
        spans = open_spans(folder.path.name)
        folder.read()
        session = Session(
            folder,
            notes,
            LocalTagger(context, fused=fused),
            concurrency=concurrency,
            window=window,
            max_failures=limit,
            spans=spans,
        )
        async with aclosing(session.outcomes()) as outcomes:
            async for outcome in outcomes:
                yield outcome
    finally:
        if spans is not None:
            spans.close()
        folder.close()
