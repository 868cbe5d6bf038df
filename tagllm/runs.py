"""What `tagllm runs status` and `verify` show."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

import prompts
from distill.runs import (
    RunDescription,
    RunError,
    RunSummary,
    Verification,
    read_description,
    read_failures,
    read_summary,
    verify,
)
from distill.runs.folder import LOCK
from distill.runs.locking import Owner, owner_of
from distill.runs.progress import RunProgress, read_progress
from notes.records import Failure
from tagllm.showing import printable

_SHOWN = 10
"""Failures, ids and differences shown on a terminal."""


class Standing(NamedTuple):
    """How a run stands."""

    folder: Path
    description: RunDescription
    summary: RunSummary
    """Of the finished run, or as it last stood."""
    is_finished: bool
    owner: Owner | None
    """Who writes now; None: nobody."""
    progress: RunProgress | None
    failures: tuple[Failure, ...]
    """The first that count."""

    @property
    def words(self) -> dict[str, bool]:
        """Versions of the words that asked; True: today's default is another one, so all of the run is stale."""
        ids = dict.fromkeys(name.rpartition("/")[0] for name in self.description.prompts)
        return {id: prompts.is_stale(id) for id in ids if id}

    @property
    def state(self) -> str:
        """In a word."""
        if self.owner is not None:
            return "running"
        return "finished" if self.is_finished else "stopped"


def standing(folder: Path) -> Standing:
    """How the run in `folder` stands; also of one that is under way.

    Raises:
        RunError: there is no run.
    """
    description = read_description(folder)
    summary = read_summary(folder)
    progress = read_progress(folder)
    failures = tuple(islice(read_failures(folder, on_damaged=lambda _: None), _SHOWN))
    stands = summary or (progress.summary if progress is not None else RunSummary())
    return Standing(folder, description, stands, summary is not None, owner_of(folder / LOCK), progress, failures)


def as_json(found: Standing) -> dict[str, Any]:
    """The standing as `runs status --json` writes it."""
    running = None
    if found.owner is not None and found.progress is not None:
        running = {
            "pid": found.owner.pid,
            "host": found.owner.host,
            "since": found.owner.since,
            "in_flight": found.progress.in_flight,
            "notes_per_second": round(found.progress.notes_per_second, 2),
            "seconds_ago": round(max(0.0, time.time() - found.progress.at), 1),
        }
    differences = [one._asdict() for one in found.summary.audit.differences()]
    return {
        "state": found.state,
        "summary": found.summary.model_dump(mode="json"),
        "differences": differences,
        "words": [{"version": id, "stale": is_stale} for id, is_stale in found.words.items()],
        "running": running,
        "run": found.description.model_dump(mode="json", exclude={"options", "configuration"}),
    }


def rendered(found: Standing) -> RenderableType:
    """The standing for a terminal."""
    summary, description = found.summary, found.description
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("run", Text(f"{printable(str(found.folder))}: {found.state}", style="bold"))
    if found.owner is not None:
        said = f"process {found.owner}"
        if found.progress is not None:
            progress = found.progress
            said += f"; {progress.in_flight} in flight, {progress.notes_per_second:,.1f} notes/s"
        table.add_row("writer", Text(said.removeprefix("process process ")))
    table.add_row("notes", Text(printable(description.notes.path or "handed in by a program", 200)))
    model = " ".join(filter(None, (description.teacher, description.model, description.model_revision)))
    table.add_row("teacher", Text(f"{printable(model, 200)}, {description.graph}"))
    for id, is_stale in found.words.items():
        made = f"; no longer the default: all {summary.tagged:,} traces were made with it" if is_stale else ""
        table.add_row("words", Text(printable(id) + made, style="yellow" if is_stale else ""))
    table.add_row("rows", Text(said_of(summary, is_complete=found.is_finished)))
    tokens = f"{summary.tokens.prompt:,} prompt and {summary.tokens.completion:,} completion tokens"
    table.add_row("cost", Text(f"{tokens}, {summary.cache_hits:,} answers known"))
    for reason, count in summary.reasons.items():
        table.add_row("failed", Text(f"{count:,} {reason}", style="red"))
    for difference in summary.audit.differences()[:_SHOWN]:
        table.add_row("differ", Text(printable(str(difference)), style="yellow"))
    for failure in found.failures:
        said = f"{printable(failure.note_id, 60)}: {failure.step or 'step not known'}: {failure.reason}: "
        table.add_row("such as", Text(said + printable(failure.message, 200)))
    place = shlex.quote(str(found.folder))
    way = []
    if found.state == "stopped":
        way.append("it goes on when its command is given again")
    if summary.failed:
        way.append(f"to ask failed notes again: tagllm runs replay {place}")
    return Group(table, *(Text(line, style="dim") for line in way))


def run_verify(folder: Path, messages: Console) -> Verification:
    """Check a run; progress goes to standard error.

    Raises:
        RunError: there is no run, or it is being written.
    """
    read_description(folder)
    owner = owner_of(folder / LOCK)
    if owner is not None:
        raise RunError(f"{folder} is being written by {owner}; verify it when that has ended")
    with _reading(messages) as told:
        return verify(folder, progress=told)


@contextmanager
def _reading(messages: Console) -> Iterator[Any]:
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} lines and rows"), TimeElapsedColumn())
    with Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as progress:
        task = progress.add_task("reading", total=None)
        yield lambda count: progress.advance(task, count)


def verified(found: Verification, folder: Path) -> RenderableType:
    """What a check found, for a terminal."""
    lines = [
        Text(
            f"{'notes not read again' if found.read is None else f'{found.read:,} rows'}: {found.tagged:,} tagged, "
            f"{found.failed:,} failed, {found.rejected:,} rejected, {found.duplicate:,} duplicate"
        )
    ]
    troubles = (
        ("damaged", found.damaged),
        ("tagged more than once", found.twice),
        ("neither tagged nor failed", found.missing),
        ("on the disk, but in no note", found.unknown),
        ("changed since they were tagged", found.changed),
        ("does not fit", found.problems),
    )
    for what, ids in troubles:
        if ids:
            shown = ", ".join(printable(id, 160) for id in ids[:_SHOWN])
            more = f" … and {len(ids) - _SHOWN:,} more; --json names them" if len(ids) > _SHOWN else ""
            lines.append(Text(f"{what}: {shown}{more}", style="red"))
    if not found.is_finished:
        lines.append(Text("the run has not finished: it wrote no summary.json", style="yellow"))
    if found.holds:
        lines.append(Text("everything fits", style="green"))
    elif found.damaged or found.missing or not found.is_finished:
        lines.append(Text("what is damaged or missing is done when the run's command is given again", style="dim"))
    return Group(*lines)


def said_of(summary: RunSummary, *, is_complete: bool) -> str:
    """What became of the notes, in a line."""
    counts = [
        f"{summary.tagged:,} tagged",
        f"{summary.failed:,} failed",
        f"{summary.rejected:,} rejected",
        f"{summary.duplicate:,} duplicate",
    ]
    said = f"{summary.read:,} read = {' + '.join(counts)}" if is_complete else f"{', '.join(counts)} so far"
    return f"{said}; {summary.seconds:,.1f} s"
