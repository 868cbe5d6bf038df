"""What `tagllm corpus build` and `check` do and show."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from distill.corpus import CorpusPolicy, CorpusSummary
from distill.corpus.checking.results import Check
from distill.corpus.records import SPLITS, Split
from tagllm.showing import printable

_LARGE = 0.5
"""Share of the notes in one group from which the splits say little."""


def run_build(
    runs: Sequence[Path],
    out: Path,
    policy: CorpusPolicy,
    messages: Console,
    *,
    notes: Path | None = None,
    overwrite: bool = False,
) -> CorpusSummary:
    """Build a corpus; progress goes to standard error.

    Raises:
        distill.corpus.CorpusError: it cannot be built.
        prompts.PromptError: there are no such words.
    """
    with _telling(messages) as told:
        from distill.corpus.building import build

        return build(runs, out, policy, notes=notes, overwrite=overwrite, progress=told)


@contextlib.contextmanager
def _telling(messages: Console) -> Iterator[Any]:
    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:,.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as progress:
        tasks: dict[str, Any] = {}

        def told(what: str, count: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=None)
            progress.advance(tasks[what], count)

        yield told


def warnings_of(summary: CorpusSummary) -> list[str]:
    """What a person should know before training on a corpus."""
    found = []
    if not summary.kept:
        found.append("nothing is left to learn from; the reasons are above")
        return found
    notes = sum(summary.notes.values())
    splitting = summary.policy.splitting
    if notes > 1 and summary.largest_group > _LARGE * notes:
        by = " or ".join(splitting.by)
        found.append(
            f"{summary.largest_group:,} of {notes:,} notes hang together by {by} and cannot be divided; "
            "if that is meant, choose what notes may not share with --split-by"
        )
    held_out: tuple[tuple[Split, float], ...] = (("validation", splitting.validation), ("test", splitting.test))
    for split, share in held_out:
        if share and not summary.notes[split]:
            found.append(f"no note is in the {split} split: there are too few groups of notes; tag more notes")
    for run in summary.runs:
        if not run.finished:
            found.append(f"the run {printable(run.name, 60)} has not finished: the corpus holds what it had tagged")
    for view, counts in summary.rows.items():
        if not any(counts.values()):
            reasons = ", ".join(summary.left_out.get(view, {}))
            found.append(f"the view {view} has no example ({reasons}); leave it out with --views")
    if any(not licence for licence in summary.licences):
        found.append(f"{summary.licences['']:,} notes state no licence; see that you may train on them")
    return found


def rendered(summary: CorpusSummary) -> RenderableType:
    """What went in, what was dropped and why, and how many examples there are of each view."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("", *SPLITS, "left out"):
        table.add_column(name, justify="left" if name in ("", "left out") else "right", header_style="bold")
    table.add_row("notes", *(f"{summary.notes[split]:,}" for split in SPLITS), "")
    table.add_section()
    for view, counts in summary.rows.items():
        left = ", ".join(f"{count:,} {reason}" for reason, count in summary.left_out.get(view, {}).items())
        table.add_row(Text(view, style="cyan"), *(f"{counts[split]:,}" for split in SPLITS), Text(left, style="dim"))
    traces = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    traces.add_column(no_wrap=True)
    traces.add_column(justify="right")
    traces.add_column(overflow="fold")
    for run in summary.runs:
        model = printable(" ".join(filter(None, (run.teacher, run.model))), 80)
        traces.add_row(Text(printable(run.name, 60), style="cyan"), f"{run.traces:,}", Text(f"traces of {model}"))
    for reason, count in summary.dropped.items():
        traces.add_row(Text("dropped", style="yellow"), f"{count:,}", Text(reason))
    traces.add_row(Text("kept", style="bold green"), f"{summary.kept:,}", Text(_of_kept(summary)))
    warned = [Text(warning, style="yellow") for warning in warnings_of(summary)]
    return Group(traces, Text(), table, *warned)


def _of_kept(summary: CorpusSummary) -> str:
    several = f", {summary.several_runs:,} tagged by several runs" if summary.several_runs else ""
    return f"traces with {summary.images:,} pictures in {summary.groups:,} groups{several}"


def run_check(folder: Path, messages: Console) -> list[Check]:
    """Check a corpus; progress goes to standard error.

    Raises:
        distill.corpus.CorpusError: there is none.
    """
    from distill.corpus.checking import check

    found = []
    with messages.status("checking") if messages.is_terminal else contextlib.nullcontext() as status:
        for one in check(folder):
            found.append(one)
            if status is not None:
                status.update(f"checked {one.part}")
    return found


def checked(checks: Sequence[Check]) -> RenderableType:
    """What a check found, for a terminal: a line a reader, and one for every part that does not fit."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("by", "part", "rows", "refused"):
        justify = "right" if name in ("rows", "refused") else "left"
        table.add_column(name, justify=justify, header_style="bold", overflow="fold")
    readers: dict[str, list[Check]] = {}
    for one in checks:
        readers.setdefault(one.by, []).append(one)
    problems = []
    for by, parts in readers.items():
        sound = [one for one in parts if one.holds]
        if sound:
            what = sound[0].part if len(sound) == 1 else f"{len(sound)} parts"
            rows = sum(one.rows for one in sound)
            table.add_row(by, Text(what, style="cyan"), f"{rows:,}", Text("0", style="green"))
        for one in parts:
            if not one.holds:
                refused = Text(f"{one.refused:,}", style="bold red")
                table.add_row(by, Text(one.part, style="cyan"), f"{one.rows:,}", refused)
    for one in checks:
        problems += [Text(printable(problem, 300), style="red") for problem in one.problems]
        if one.refused > len(one.problems):
            problems.append(Text(f"… and {one.refused - len(one.problems):,} more in {one.part}", style="red"))
    return Group(table, *problems)


def as_json(checks: Sequence[Check]) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "holds": all(one.holds for one in checks),
        "checks": [
            {"part": one.part, "by": one.by, "rows": one.rows, "refused": one.refused, "problems": one.problems}
            for one in checks
        ],
    }
