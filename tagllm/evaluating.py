"""What `tagllm eval` does: tag, measure, tag again without a part, compare."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from distill.runs.describing import configuration_of
from graphs.tagging import TaggingContext, build_tagging, tag_notes
from graphs.tagging.context import Part
from notes.reading import read_notes
from notes.records import Failure, Note, Record, Reject
from notes.writing import JsonlWriter
from signatures.metrics import METRICS, Difference, Estimate, Evaluation, Frequencies, Report, tag_vectors
from signatures.metrics.intervals import CONFIDENCE
from signatures.questions import TagLimits
from tagllm.setup import Setup, tagging_setup
from tagllm.showing import printable
from tagllm.teaching import TeacherChoice

SEED = 0
_SHOWN_FAILURES = 20


class Prediction(Record):
    """A line of `--predictions`."""

    id: str
    tags: tuple[str, ...]
    """Best first; none for a note that failed."""


@dataclass(frozen=True)
class Ablation:
    """What a part is worth."""

    without: Report
    """The run without it."""
    differences: dict[str, Difference]
    """Full less without, by metric."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What came out."""

    report: Report
    failures: dict[str, int]
    """Notes that got no tags, by reason."""
    rejected: int
    """Rows that were no notes."""
    settings: dict[str, object]
    ablations: dict[Part, Ablation] = field(default_factory=dict)
    categories: dict[str, Report] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every row was a note and every note got tags."""
        return not (self.report.failed or self.rejected)

    def as_json(self) -> dict[str, Any]:
        """As `eval --json` writes it."""
        report = self.report
        found = _numbers(report) | {"failures": self.failures, "rejected": self.rejected}
        found["ablations"] = {
            part: _numbers(ablation.without)
            | {
                "differences": {name: d.difference for name, d in ablation.differences.items()},
                "intervals": {name: _ends(d) for name, d in ablation.differences.items()},
                "clear": {name: d.clear for name, d in ablation.differences.items()},
            }
            for part, ablation in self.ablations.items()
        }
        if self.categories:
            found["categories"] = {name: _numbers(report) for name, report in self.categories.items()}
        return found | {"settings": self.settings}

    def render(self) -> RenderableType:
        """As tables for people."""
        report = self.report
        shown: list[RenderableType] = [_metrics_table(report)]
        shown += [_ablation_table(part, ablation) for part, ablation in self.ablations.items()]
        if self.categories:
            shown.append(_categories_table(self.categories))
        said = f"{report.notes:,} notes, {report.with_gold:,} with gold tags, {report.failed:,} failed"
        if self.failures:
            said += f" ({', '.join(f'{count} {reason}' for reason, count in self.failures.items())})"
        said += (
            f", {self.rejected:,} rejected\nBrackets: {CONFIDENCE} % interval, bootstrap over notes, "
            f"{self.settings['resamples']:,} resamples; “over”: notes that the metric says something about."
        )
        return Group(*shown, Text(said, style="dim"))


def run_eval(
    path: Path,
    *,
    split: str | None = None,
    limit: int | None = None,
    handbook: Path | None = None,
    learn: str | None = None,
    keep: Path | None = None,
    ablate: Sequence[Part] = (),
    predictions: Path | None = None,
    by_category: bool = False,
    fused: bool = False,
    limits: TagLimits | None = None,
    teacher: TeacherChoice | None = None,
    fetch: bool = False,
    resamples: int = 1000,
) -> Evaluated:
    """Tag the notes in `path` and measure; standard error gets progress and messages.

    Args:
        path: Notes, with their gold in `hashtags`; the tagger never sees it.
        split: Only notes of this split.
        limit: Stop after this many notes.
        handbook: Folder of a handbook.
        learn: Build the handbook from the notes of this split instead.
        keep: Where the built handbook stays; None: it is thrown away.
        ablate: Parts to go without, one at a time, in runs over the same notes.
        predictions: File for the tags, a JSON line a note.
        by_category: Whether the categories are measured too.
        fused: Ask for everything in one answer.
        limits: House form.
        teacher: Who answers; by default the embedded teacher.
        fetch: Whether `http(s)` pictures are fetched.
        resamples: Of the bootstrap.

    Raises:
        notes.reading.UnreadableInput: the notes as a whole cannot be read.
        handbook.HandbookError: the handbook cannot be used.
    """
    messages = Console(stderr=True, highlight=False)
    teacher = teacher or TeacherChoice()
    with ExitStack() as stack:
        if learn is not None:
            handbook = keep or Path(stack.enter_context(TemporaryDirectory(prefix="tagllm-")))
            _learn(path, learn, handbook)
        quiet = not messages.is_terminal or teacher.name != "embedded"
        with nullcontext() if quiet else messages.status("loading"):
            frequencies = Frequencies(read_notes(path))
            folder = path if path.is_dir() else path.parent
            setup = tagging_setup(folder, teacher=teacher, handbook=handbook, fetch=fetch, limits=limits, fused=fused)
        stack.enter_context(closing(setup))
        book = setup.context.handbook.handbook if setup.context.handbook is not None else None

        def measure(context: TaggingContext, doing: str, **said: Any) -> tuple[Evaluation, int]:
            evaluation = Evaluation(handbook=book, frequencies=frequencies, limits=context.limits)
            rows = read_notes(path, split=split, limit=limit, pictures=setup.pictures)
            with progress_bar(messages, doing, limit) as progress:
                at_a_time = teacher.notes_at_a_time
                run = _measure(rows, setup, context, evaluation, progress, fused=fused, concurrency=at_a_time, **said)
                return evaluation, asyncio.run(run)

        with closing(JsonlWriter(predictions)) if predictions is not None else nullcontext() as writer:
            full, rejected = measure(setup.context, "tagging", messages=messages, writer=writer)
        ablations: dict[Part, Ablation] = {}
        for part in ablate:
            other, _ = measure(replace(setup.context, skip=frozenset({part})), f"without {part}")
            without = other.report(resamples=resamples, seed=SEED)
            ablations[part] = Ablation(without, full.compare(other, resamples=resamples, seed=SEED))
        return Evaluated(
            report=full.report(resamples=resamples, seed=SEED),
            failures=dict(full.failures.most_common()),
            rejected=rejected,
            ablations=ablations,
            categories=full.by_category(resamples=resamples, seed=SEED) if by_category else {},
            settings={
                "split": split,
                "limit": limit,
                "graph": configuration_of(setup.context, fused=fused)["graph"],
                "teacher": setup.context.program.teacher,
                "model": setup.context.program.model,
                "handbook_digest": book.digest if book is not None else "",
                "learned_from": learn,
                "confidence": CONFIDENCE,
                "resamples": resamples,
                "seed": SEED,
            },
        )


def _learn(path: Path, split: str, out: Path) -> None:
    from tagllm.handbooks import build

    build(path, out, split=split)


async def _measure(
    rows: Iterable[Note | Reject],
    setup: Setup,
    context: TaggingContext,
    evaluation: Evaluation,
    progress: Progress,
    *,
    fused: bool,
    concurrency: int,
    messages: Console | None = None,
    writer: JsonlWriter | None = None,
) -> int:
    """Tag notes and take them in; returns how many rows were no notes."""
    rejected = failed = 0
    under_way: deque[Note] = deque()

    def kept() -> Iterator[Note | Reject]:
        for row in rows:
            if isinstance(row, Note):
                under_way.append(row)
            yield row

    def say(message: str) -> None:
        if messages is not None:
            messages.print(message, markup=False, soft_wrap=True)

    async for outcome in tag_notes(build_tagging(fused=fused), kept(), context, concurrency=concurrency):
        if isinstance(outcome, Reject):
            rejected += 1
            where = f"{Path(outcome.source).name}:{outcome.line}"
            say(f"rejected {printable(where)}: {outcome.reason}: {printable(outcome.message)}")
            continue
        note = under_way.popleft()
        tags: tuple[str, ...] = ()
        vectors = None
        if isinstance(outcome, Failure):
            failed += 1
            if failed <= _SHOWN_FAILURES:
                say(f"failed {printable(note.id)}: {outcome.step}: {outcome.reason}: {printable(outcome.message)}")
        else:
            tags = tuple(tag.tag for tag in outcome.tags)
            vectors = await tag_vectors(tags, context.encoder) if context.encoder is not None else None
        evaluation.add(note, outcome, vectors=vectors)
        if writer is not None:
            writer.write(Prediction(id=note.id, tags=tags))
        progress.advance(progress.task_ids[0])
    await setup.disconnect()
    if failed > _SHOWN_FAILURES:
        say(f"… and {failed - _SHOWN_FAILURES:,} more failed")
    return rejected


def progress_bar(messages: Console, doing: str, total: int | None) -> Progress:
    """A bar on standard error, where that is a terminal; its one task is there already."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal)
    progress.add_task(doing, total=total)
    return progress


def _numbers(report: Report) -> dict[str, Any]:
    return {
        "notes": report.notes,
        "with_gold": report.with_gold,
        "failed": report.failed,
        "metrics": {name: found.value for name, found in report.metrics.items()},
        "intervals": {name: _ends(found) for name, found in report.metrics.items()},
        "counted": {name: found.notes for name, found in report.metrics.items()},
    }


def _ends(found: Estimate | Difference) -> list[float] | None:
    return None if found.low is None or found.high is None else [found.low, found.high]


def _metrics_table(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("metric")
    for name in ("value", f"{CONFIDENCE} % interval", "over"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("unit", "what it says"):
        table.add_column(name)
    for metric in METRICS:
        found = report.metrics[metric.name]
        cells = (_number(found.value), _bracket(found), f"{found.notes:,}", metric.unit, metric.says)
        name = f"  {metric.name}" if metric.part else metric.name
        table.add_row(Text(name), *map(Text, cells), style="dim" if metric.part else "")
    return table


def _ablation_table(part: Part, ablation: Ablation) -> Table:
    failed = f", {ablation.without.failed:,} failed" if ablation.without.failed else ""
    title = Text(f"\nwithout {part}{failed}", style="bold")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("metric")
    for name in ("with", "without", "difference", f"{CONFIDENCE} % interval, paired"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("unit", "zero is"):
        table.add_column(name)
    for metric in METRICS:
        if metric.part:
            continue
        found = ablation.differences[metric.name]
        difference = _number(found.difference, sign="+")
        zero = "–" if found.low is None else "outside" if found.clear else "inside"
        cells = (_number(found.full), _number(found.without), difference, _bracket(found, "+"), metric.unit, zero)
        table.add_row(Text(metric.name), *map(Text, cells), style="" if found.clear else "dim")
    return table


def _categories_table(categories: dict[str, Report]) -> Table:
    metrics = [metric for metric in METRICS if not metric.part and metric.name not in ("F1@3", "MAP@5", "MAP@10")]
    title = Text("\nby category", style="bold")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("category", overflow="fold", min_width=12)
    table.add_column("notes", justify="right")
    for metric in metrics:
        table.add_column(f"{metric.name.replace('_', ' ')} ({metric.unit})", justify="right")
    for name, report in categories.items():
        cells = []
        for found in (report.metrics[metric.name] for metric in metrics):
            cell = Text("–" if found.value is None else f"{found.value:.1f}")
            if found.low is not None and found.high is not None:
                cell.append(f"\n{found.low:.1f}…{found.high:.1f}", style="dim")
            cells.append(cell)
        table.add_row(Text(printable(name, 40) or "(none)"), f"{report.notes:,}", *cells)
    return table


def _number(value: float | None, *, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.2f}"


def _bracket(found: Estimate | Difference, sign: str = "") -> str:
    return "" if found.low is None or found.high is None else f"[{found.low:{sign}.2f}, {found.high:{sign}.2f}]"
