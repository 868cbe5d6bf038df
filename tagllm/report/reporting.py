"""What `tagllm report` does: read, measure, choose, write."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from notes.reading import UnreadableInput, read_notes
from notes.records import Failure, Trace
from signatures.metrics import Frequencies
from tagllm.report.choosing import Choosing
from tagllm.report.comparing import Comparison, difference
from tagllm.report.entries import details, head
from tagllm.report.facts import Facts
from tagllm.report.opening import OpenRun, open_run
from tagllm.report.page import Page
from tagllm.report.store import Joined, Store
from tagllm.report.texts import cut, shown
from tagllm.report.thumbnails import Thumbnails

T = TypeVar("T")

MAX_MB = 48
"""Of a page: some 15,000 notes with every step, open in two seconds."""
_REST = 2_000_000
"""Bytes kept free for what is not notes."""
_FOR_PICTURES = 0.4
"""Share of the room that thumbnails may take."""
_FEW = 2_000
"""Up to so many notes requests and answers are shown at length."""


@dataclass(frozen=True, kw_only=True)
class Reported:
    """What was written."""

    path: Path
    size: int
    """Bytes."""
    notes: int
    """Notes that can be browsed."""
    of: int
    """Notes the runs hold."""
    pictures: int
    """Thumbnails."""
    facts: dict[str, Any]
    """Numbers over everything."""
    problems: tuple[str, ...]
    """What was wrong with the runs; none: all is accounted for."""


def make_report(
    folders: Sequence[Path],
    out: Path,
    *,
    notes: Path | None = None,
    pictures: bool = True,
    max_mb: int = MAX_MB,
    resamples: int = 1000,
) -> Reported:
    """Write one run, or the comparison of two, as an HTML file; progress goes to standard error.

    Args:
        folders: Of one run, or of two: the first is compared with the second.
        out: The HTML file.
        notes: Where the notes are now; None: where they were.
        pictures: Whether thumbnails are shown.
        max_mb: Size of the file at most; notes that find no room are counted, but cannot be browsed.
        resamples: Of the bootstrap behind the intervals.

    Raises:
        distill.runs.RunError: a folder holds no run, or one that cannot be read.
        OSError: the file cannot be written.
        ValueError: neither one folder nor two.
    """
    if len(folders) not in (1, 2):
        raise ValueError(f"a report is of 1 run or 2, got {len(folders)}")
    messages = Console(stderr=True, highlight=False)
    with ExitStack() as stack:
        progress = stack.enter_context(_progress(messages))
        store = stack.enter_context(Store(len(folders)))
        runs = [open_run(folder, notes=notes) for folder in folders]
        frequencies = _fill(store, runs, progress)
        facts = [
            Facts(number, handbook=run.handbook, frequencies=frequencies, limits=run.limits)
            for number, run in enumerate(runs)
        ]
        comparison = Comparison() if len(runs) == 2 else None
        total = len(store)
        choosing = Choosing()
        for joined in _watched(store.joined(), progress, "measuring", total):
            for part in facts:
                part.take(joined, store)
            changed = comparison.take(joined) if comparison is not None else False
            choosing.add(joined.place, striking=changed or _failed(joined), **_kind(joined))
        for run, part in zip(runs, facts, strict=True):
            for reject in run.rejects():
                part.take_reject(reject)
        room = max_mb * 1_000_000 - _REST
        page = Page(budget=room)
        thumbnails = Thumbnails(
            runs[0].notes_folder if pictures else None,
            expected=max(part.pictures for part in facts),
            budget=int(room * _FOR_PICTURES),
        )
        most = 20_000 if total <= _FEW else 2_500
        for place in _watched(choosing.order(), progress, "writing notes", total):
            if page.full:
                break
            joined = store.at(place)
            added = {"difference": difference(joined)} if comparison is not None else {}
            page.add(head(joined, facts) | added, details(joined, thumbnails, most=most))
        said: dict[str, Any] = {
            "runs": [_run_json(run, part, store, resamples) for run, part in zip(runs, facts, strict=True)],
            "compare": comparison.as_json(facts, store, [run.description for run in runs], resamples=resamples)
            if comparison is not None
            else None,
            "shown": {"notes": page.notes, "of": total, "pictures": thumbnails.made},
            "interests": {id: name for part in reversed(facts) for id, name in part.interests.items()},
        }
        names = " against ".join(run.name for run in runs)
        size = page.write(out, said, title=f"TagLLM report: {names}")
        problems = tuple(f"{run.name}: {problem}" for run in runs for problem in run.problems)
        return Reported(
            path=out,
            size=size,
            notes=page.notes,
            of=total,
            pictures=thumbnails.made,
            facts=said,
            problems=problems,
        )


def _fill(store: Store, runs: list[OpenRun], progress: Progress) -> Frequencies | None:
    """Notes and outcomes into the store; how often words occur in the first run's notes."""
    frequencies = None
    files: set[Path] = set()
    for number, run in enumerate(runs):
        if run.notes is None or run.notes not in files or runs[0].description.notes != run.description.notes:
            for note in _watched(run.read_notes(), progress, "reading notes", None):
                store.add_note(note)
        if run.notes is not None:
            files.add(run.notes)
        held = run.summary.tagged + run.summary.failed if run.summary is not None else None
        for outcome in _watched(run.outcomes(), progress, f"reading {run.name}", held):
            if not store.add_outcome(number, outcome):
                run.problem("a note has several outcomes; its last trace counts")
        if frequencies is None and run.notes is not None:
            try:
                rows = _watched(read_notes(run.notes), progress, "counting words", None)
                frequencies = Frequencies(rows)
            except (UnreadableInput, OSError):
                continue  # said by `read_notes` of the run
    return frequencies


def _failed(joined: Joined) -> bool:
    return any(isinstance(outcome, Failure) for outcome in joined.outcomes)


def _kind(joined: Joined) -> dict[str, str]:
    trace = next((outcome for outcome in joined.outcomes if isinstance(outcome, Trace)), None)
    return {
        "category": joined.note.category,
        "interest": trace.matched[0].id if trace is not None and trace.matched else "",
    }


def _run_json(run: OpenRun, facts: Facts, store: Store, resamples: int) -> dict[str, Any]:
    description, summary = run.description, run.summary
    if facts.unreadable:
        run.problem(
            f"{facts.unreadable:,} notes could not be read again, or have changed since: "
            "their words are not shown, and they are not measured"
        )
    duplicate = facts.rejects["duplicate_id"]
    rejected = facts.rejects.total() - duplicate
    held = {"tagged": facts.tagged, "failed": facts.failed, "rejected": rejected, "duplicate": duplicate}
    if summary is not None and held != summary.model_dump(include=set(held)):
        run.problem(
            "summary.json does not say what the folder holds: "
            + ", ".join(f"{n:,} {name} ({getattr(summary, name):,} said)" for name, n in held.items())
        )
    return {
        "name": cut(run.name, 120),
        "fingerprint": description.fingerprint,
        "created_at": description.created_at.isoformat(timespec="seconds"),
        "teacher": description.teacher,
        "model": cut(description.model, 200),
        "revision": cut(description.model_revision, 80),
        "graph": description.graph,
        "prompts": sorted({name.rsplit("/", 1)[0] for name in description.prompts}),
        "handbook": description.handbook.digest if description.handbook is not None else None,
        "notes": {
            "file": cut(Path(description.notes.path).name, 120) if description.notes.path else None,
            "split": description.notes.split,
            "limit": description.notes.limit,
        },
        "made_by": shown(description.model_dump(mode="json", include={"configuration", "versions", "prompts"}), 40_000),
        "finished": summary is not None,
        "counts": {"read": summary.read if summary is not None else None, **held},
        "accounted": summary is not None and summary.read == sum(held.values()),
        "tokens": summary.tokens.model_dump() if summary is not None else None,
        "seconds": summary.seconds if summary is not None else None,
        "cache_hits": summary.cache_hits if summary is not None else None,
        "damaged": run.damaged,
        "lost": [cut(str(kind), 200) for kind in summary.audit.differences()] if summary is not None else [],
        **facts.as_json(store, resamples=resamples),
        "problems": [cut(problem, 500) for problem in run.problems],
    }


def _watched(items: Iterable[T], progress: Progress, doing: str, total: int | None) -> Iterator[T]:
    task = progress.add_task(doing, total=total)
    for item in items:
        yield item
        progress.advance(task)
    progress.remove_task(task)


def _progress(messages: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal)
