"""What `tagllm optimize` and `tagllm prompts compare` do: notes and words in, a measured version out."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import dspy
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import prompts
from graphs.tagging import build_tagging
from notes.reading import read_notes
from notes.records import Failure, Note, Trace
from prompts import PromptError, PromptProgram
from prompts.writing import new_version, write
from signatures.llm import llm_program
from signatures.metrics import Frequencies
from signatures.metrics.intervals import CONFIDENCE
from signatures.metrics.judge import Judge
from signatures.metrics.tagging import NAME, TaggingMetric
from signatures.optimizing import (
    Budget,
    BudgetSpent,
    Found,
    Gain,
    Loop,
    Optimizer,
    Runner,
    Search,
    Split,
    gain_of,
    metered,
    optimized,
    split_notes,
)
from signatures.questions import Program, TagLimits
from tagllm.setup import Setup, tagging_setup
from tagllm.teaching import TeacherChoice
from teachers.vllm.engine import vllm_lm

Part = Literal["held-out", "validation", "train", "all"]
THREADS = 8
"""Notes at a time, where nobody said how many."""
_PLAIN = 30.0
"""Seconds between two lines of progress where there is no terminal."""
_NOBODY = ("unreachable", "timeout", "teacher_error", "refused")
"""Failures that say nothing about words."""


class CannotOptimize(ValueError):
    """What was asked for cannot be done; the message says why, and the way out."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """Notes, words and a model, ready to be searched with."""

    setup: Setup
    split: Split
    searching: Callable[[Budget], AbstractContextManager[Search]]
    """With a budget; ends what its threads still do."""
    rejected: int
    """Rows that were no notes."""


@dataclass(frozen=True, kw_only=True)
class Optimized:
    """What an optimisation came to."""

    parent: PromptProgram
    optimizer: Optimizer
    found: Found
    gain: Gain
    """On the held-out notes."""
    split: Split
    requests: int
    """Different ones that were asked, answered by the model or by the cache."""
    unjudged: int
    rejected: int
    version: PromptProgram | None
    """As it was written; None where nobody asked for it."""

    def as_json(self) -> dict[str, Any]:
        """As `optimize --json` writes it."""
        split, gain = self.split, self.gain
        return {
            "version": self.version.id if self.version is not None else None,
            "default": bool(self.version.about["default"]) if self.version is not None else None,
            "parent": self.parent.id,
            "optimizer": self.optimizer,
            "ended": self.found.ended,
            "candidates": self.found.candidates,
            "changed": self.found.written.program.digest != self.parent.digest,
            "gain": gain._asdict() | {"clear": gain.clear, "confidence": CONFIDENCE},
            "notes": {"train": len(split.train), "validation": len(split.validation), "held_out": len(split.held_out)},
            "requests": self.requests,
            "slots": {"completed": self.found.written.completed, "removed": self.found.written.removed},
            "unread_proposals": self.found.unread,
            "unjudged": self.unjudged,
            "rejected": self.rejected,
        }


def run_optimize(
    path: Path,
    optimizer: Optimizer,
    *,
    out: Path | None = None,
    force: bool = False,
    budget_requests: int | None = None,
    budget_minutes: float | None = None,
    rounds: int = 6,
    seed: int = 0,
    fused: bool = False,
    **work: Any,
) -> Optimized:
    """Look for better words, measure them on notes that nothing was chosen by, write them down.

    Args:
        path: Notes.
        optimizer: Which one.
        out: Folder of the new version; None: nothing is written.
        force: Make it the default, whatever the gain is.
        budget_requests: Different requests, at most, the measurements before and after among them.
        budget_minutes: Until no more candidates are tried; the measurement after comes on top.
        rounds: How many candidates are tried, about.
        seed: Of the split and of the optimiser.
        fused: Tune the words that ask everything at once.
        work: As in `open_work`.

    Raises:
        CannotOptimize: too few notes, too small a budget, or a model that tags nothing.
        notes.reading.UnreadableInput: the notes as a whole cannot be read.
        handbook.HandbookError: the handbook cannot be used.
        prompts.PromptError: there are no such words, or `out` is no place for new ones.
        teachers.vllm.launch.ServerError: the model's server cannot be used.
        teachers.store.StoreError: a cache cannot be used.
    """
    teacher: TeacherChoice = work["teacher"]
    parent = _parent(teacher.prompts or prompts.default("tagging_fused" if fused else "tagging"))
    if out is not None:
        new_version(out, parent.name)
    console = Console(file=sys.stderr, highlight=False)
    budget = Budget(requests=budget_requests, seconds=None if budget_minutes is None else 60 * budget_minutes)
    with open_work(path, parent, seed=seed, **work) as ready, _progress(console, optimizer, budget) as report:
        with ready.searching(budget) as search:
            search.rounds, search.seed, search.report = rounds, seed, report
            before = _before(search, parent, budget)
            found = optimized(parent, optimizer, search)
        # What an optimiser left behind in threads still has the old budget; this one is for measuring alone.
        rest = Budget(known=budget)
        with ready.searching(rest) as measuring:
            after = measuring.measure(found.written.program, ready.split.held_out)
        gain = gain_of(before, after, seed=seed)
        version = None
        if out is not None:
            said = _about(ready, parent, optimizer, found, gain, rest.requests, force, seed)
            version = write(found.written.program, out, said, note=_note(parent, optimizer, found, gain))
    return Optimized(
        parent=parent,
        optimizer=optimizer,
        found=found,
        gain=gain,
        split=ready.split,
        requests=rest.requests,
        unjudged=search.unjudged + measuring.unjudged,
        rejected=ready.rejected,
        version=version,
    )


def run_compare(
    path: Path, versions: Sequence[str], *, part: Part = "held-out", seed: int = 0, **work: Any
) -> tuple[list[Gain], int]:
    """Score versions on the same notes; each one's gain over the first, and how many rows were no notes.

    Raises:
        As `run_optimize`.
    """
    programs = [_parent(name) for name in versions]
    scores = []
    rejected = 0
    for program in programs:
        with open_work(path, program, seed=seed, **work) as ready:
            split, rejected = ready.split, ready.rejected
            parts = {
                "held-out": split.held_out,
                "validation": split.validation,
                "train": split.train,
                "all": (*split.train, *split.validation, *split.held_out),
            }
            with ready.searching(Budget()) as search:
                scores.append(search.measure(program, parts[part]))
    return [gain_of(scores[0], other, seed=seed) for other in scores], rejected


@contextmanager
def open_work(
    path: Path,
    words: PromptProgram,
    *,
    teacher: TeacherChoice,
    seed: int = 0,
    split: str | None = None,
    limit: int | None = None,
    handbook: Path | None = None,
    limits: TagLimits | None = None,
    judge: bool = False,
) -> Iterator[Work]:
    """Notes in three parts, and the graph with a model that is asked with `words`.

    Args:
        path: Notes.
        words: Of the program `tagging` or `tagging_fused`.
        teacher: A model on servers.
        seed: Of the split.
        split: Only notes whose `split` column says so.
        limit: Stop after this many notes.
        handbook: Folder of a handbook.
        limits: House form.
        judge: Whether the model's own opinion of the tags is a part of the score.
    """
    folder = path if path.is_dir() else path.parent
    setup = tagging_setup(folder, teacher=teacher, handbook=handbook, limits=limits)
    try:
        rows = list(read_notes(path, split=split, limit=limit, pictures=setup.pictures))
        notes = [row for row in rows if isinstance(row, Note)]
        try:
            parts = split_notes(notes, seed=seed)
        except ValueError as error:
            raise CannotOptimize(f"{path}: {error}") from None
        fused = "fused" in words.prompts
        graph, context = build_tagging(fused=fused), setup.context
        assert setup.engine is not None

        async def tag(program: Program, note: Note) -> Trace | Failure:
            result = await graph.ainvoke({"note": note}, context=replace(context, program=program))
            return result["failure"] if "failure" in result else result["trace"]

        def program(lm: dspy.LM, candidate: PromptProgram) -> Program:
            candidates: dict[str, Any] = {"fused_words" if fused else "words": candidate}
            revision = setup.engine.revision if setup.engine is not None else ""
            return llm_program(lm, revision=revision, handbook_tokens=teacher.handbook_tokens, **candidates)

        book = context.handbook.handbook if context.handbook is not None else None
        metric = TaggingMetric(handbook=book, frequencies=Frequencies(notes), limits=context.limits)

        lm = vllm_lm(setup.engine, temperature=teacher.temperature, max_tokens=teacher.max_tokens)

        @contextmanager
        def searching(budget: Budget) -> Iterator[Search]:
            loop = Loop()
            counted = metered(lm, budget, loop)
            try:
                yield Search(
                    runner=Runner(loop, tag, program, counted),
                    metric=metric,
                    split=parts,
                    threads=teacher.concurrency or THREADS,
                    judge=Judge(counted) if judge else None,
                )
            finally:
                loop.close(setup.disconnect)

        yield Work(setup=setup, split=parts, searching=searching, rejected=len(rows) - len(notes))
    finally:
        setup.close()


def _parent(name: str) -> PromptProgram:
    program = prompts.named(name)
    if program.name not in ("tagging", "tagging_fused"):
        raise PromptError(f"{name} does not tag notes; versions of tagging and of tagging_fused can be tuned")
    return program


def _before(search: Search, parent: PromptProgram, budget: Budget) -> list[float]:
    """The parent on the held-out notes; what measuring after takes is set aside from the budget."""
    notes, limit = search.split.held_out, budget.limit
    try:
        scores = search.measure(parent, notes)
    except BudgetSpent:
        raise CannotOptimize(
            f"the budget does not even measure {parent.id} on {len(notes)} held-out notes; raise it, or take fewer "
            "notes with --limit"
        ) from None
    if sum(search.failures[reason] for reason in _NOBODY) == len(notes):
        raise CannotOptimize(f"the model answers nothing: {search.last_failure}")
    if limit is not None:
        reserve = len(notes) * len(parent.prompts)
        if budget.requests + reserve >= limit:
            raise CannotOptimize(
                f"--budget-requests {limit} leaves nothing to search with: measuring before took {budget.requests}, "
                f"after takes up to {reserve}; raise it well above {budget.requests + reserve}"
            )
        budget.limit = limit - reserve
    return scores


def _about(
    ready: Work,
    parent: PromptProgram,
    optimizer: Optimizer,
    found: Found,
    gain: Gain,
    requests: int,
    force: bool,
    seed: int,
) -> dict[str, Any]:
    """`program.toml` of the new version."""
    context, split = ready.setup.context, ready.split
    program = found.written.program
    book = context.handbook.handbook if context.handbook is not None else None
    parts = {"train": len(split.train), "validation": len(split.validation), "held_out": len(split.held_out)}
    slots = {"completed": found.written.completed, "removed": found.written.removed}
    return {
        "parent": parent.id,
        "parent_digest": parent.digest,
        "optimizer": optimizer,
        "ended": found.ended,
        "metric": NAME,
        "teacher": f"{context.program.model}@{context.program.model_revision}".rstrip("@"),
        "data": split.fingerprint,
        "handbook": book.digest if book is not None else "",
        "default": gain.clear or force,
        "gain": gain._asdict() | {"confidence": CONFIDENCE, "clear": gain.clear},
        "split": parts | {"seed": seed},
        "spent": {"requests": requests, "candidates": found.candidates, "unread_proposals": found.unread},
        **({"match": {"threshold": program.threshold}} if program.threshold else {}),
        **{f"slots_{name}": dict(steps) for name, steps in slots.items() if steps},
    }


def _note(parent: PromptProgram, optimizer: Optimizer, found: Found, gain: Gain) -> str:
    what = "the words of" if found.written.program.digest == parent.digest else f"{optimizer} from"
    return (
        f"{what} {parent.id}; score {gain.before:.3f} → {gain.after:.3f} on {gain.notes} held-out notes, "
        f"gain [{gain.low:+.3f}, {gain.high:+.3f}]."
    )


@contextmanager
def _progress(console: Console, optimizer: Optimizer, budget: Budget) -> Iterator[Callable[[int, float], None]]:
    """A live line on a terminal, a plain one now and then elsewhere."""
    limit = f" of {budget.limit:,}" if budget.limit is not None else ""
    shown_at = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(optimizer, total=None, said="measuring")

        def report(candidates: int, best: float) -> None:
            nonlocal shown_at
            said = f"{candidates} versions tried, best {best:.3f}, {budget.requests:,}{limit} requests"
            progress.update(task, said=said)
            if not console.is_terminal and time.monotonic() - shown_at >= _PLAIN:
                shown_at = time.monotonic()
                console.print(f"{optimizer}: {said}", markup=False, soft_wrap=True)

        yield report
