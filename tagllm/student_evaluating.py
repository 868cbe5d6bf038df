"""What `tagllm student eval` does: ask the student about notes it has not learned from, and lay its run beside its
teacher's.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from distill.runs import RunError, RunSummary, read_description, read_failures, read_summary, read_traces, run
from distill.student.comparing import Comparison, Judged, Outcome, compare
from distill.student.config import StudentError
from distill.student.folder import read_learned, read_student
from notes.reading import read_notes
from notes.records import Note
from signatures.metrics import Frequencies, tag_vectors
from tagllm.evaluating import progress_bar
from tagllm.setup import Setup, tagging_setup
from tagllm.teaching import TeacherChoice

RUN = "run"


@dataclass(frozen=True, kw_only=True)
class Notes:
    """Which notes are asked about."""

    path: Path
    split: str | None = None
    limit: int | None = None
    ids: tuple[str, ...] = ()
    learned_too: bool = False
    """Whether notes are asked about that the student learned from."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What came out."""

    comparison: Comparison
    learned: int
    """Notes left out because the student learned from them."""
    unknown: int
    """Notes left out because the teacher's run has nothing on them."""
    rejected: int
    """Rows that are no notes."""
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether the student gave every note its tags."""
        return not self.comparison.student_costs.failed and not self.rejected

    def as_json(self) -> dict[str, Any]:
        """As `student eval --json` writes it."""
        left_out = {"learned_from": self.learned, "not_in_the_run": self.unknown, "rejected": self.rejected}
        return {**self.comparison.model_dump(mode="json"), "left_out": left_out, "settings": self.settings}


def run_student_eval(
    student: Path,
    notes: Notes,
    *,
    against: Path | None = None,
    out: Path | None = None,
    handbook: Path | None = None,
    teacher: TeacherChoice | None = None,
    resamples: int = 1000,
) -> Evaluated:
    """Ask the student, and compare; progress goes to standard error.

    Args:
        student: Its folder.
        notes: Which ones.
        against: Folder of the teacher's run over the same notes.
        out: Folder where the student's run stays, as `run`; None: it is thrown away.
        handbook: Folder of a handbook; by default that of the teacher's run, where it is still the same.
        teacher: Where the student is asked; by default a server is started.
        resamples: Of the bootstrap.

    Raises:
        StudentError: there is no such student, or no note is left to ask about.
        RunError: the teacher's run cannot be read, or `out` holds another run.
        notes.reading.UnreadableInput: the notes cannot be read.
        handbook.HandbookError: the handbook cannot be used.
        teachers.vllm.launch.ServerError: the server cannot be used.
    """
    made = read_student(student)
    teacher = teacher or TeacherChoice(name="vllm", model=str(student), student=True, cached=False)
    learned = set() if notes.learned_too else {n.id for n in read_learned(student) if n.split == "train"}
    theirs = _outcomes(against) if against is not None else None
    handbook = handbook or (_handbook_of(against) if against is not None else None)
    messages = Console(stderr=True, highlight=False)
    with ExitStack() as stack:
        folder = out if out is not None else Path(stack.enter_context(TemporaryDirectory(prefix="tagllm-")))
        setup = tagging_setup(
            notes.path if notes.path.is_dir() else notes.path.parent, teacher=teacher, handbook=handbook
        )
        stack.enter_context(closing(setup))
        chosen = _Chosen(notes, setup, learned, theirs)
        asked = list(chosen)  # ids and texts of what is held out: small beside a model
        if not asked:
            raise StudentError(chosen.why_none(against))
        total = len(asked)

        async def ask() -> None:
            with progress_bar(messages, "asking the student", total) as progress:
                at_a_time = teacher.notes_at_a_time
                async for _ in run(asked, setup.context, out=folder / RUN, concurrency=at_a_time):
                    progress.advance(progress.task_ids[0])
            await setup.disconnect()

        asyncio.run(ask())
        ours = _outcomes(folder / RUN)
        frequencies = Frequencies(read_notes(notes.path))
        book = setup.context.handbook.handbook if setup.context.handbook is not None else None
        with messages.status("measuring") if messages.is_terminal else nullcontext():
            judged = asyncio.run(_judged(asked, ours, theirs, setup))
            comparison = compare(
                judged,
                frequencies=frequencies,
                handbook=book,
                limits=setup.context.limits,
                rates=(_rate(folder / RUN), _rate(against) if against is not None else None),
                resamples=resamples,
            )
    return Evaluated(
        comparison=comparison,
        learned=chosen.learned,
        unknown=chosen.unknown,
        rejected=chosen.rejected,
        settings={
            "student": str(student),
            "base": made.made_of.base,
            "notes": str(notes.path),
            "split": notes.split,
            "against": str(against) if against is not None else None,
            "handbook": str(handbook) if handbook is not None else None,
            "resamples": resamples,
        },
    )


class _Chosen:
    """The notes to ask about; counts those that are left out."""

    def __init__(self, notes: Notes, setup: Setup, learned: set[str], theirs: dict[str, Outcome] | None) -> None:
        self._rows = read_notes(notes.path, split=notes.split, ids=set(notes.ids) or None, pictures=setup.pictures)
        self._limit = notes.limit
        self._known, self._theirs = learned, theirs
        self.learned = self.unknown = self.rejected = 0

    def __iter__(self) -> Iterator[Note]:
        found = 0
        for row in self._rows:
            if found == self._limit:
                return
            if not isinstance(row, Note):
                self.rejected += 1
            elif row.id in self._known:
                self.learned += 1
            elif self._theirs is not None and row.id not in self._theirs:
                self.unknown += 1
            else:
                found += 1
                yield row

    def why_none(self, against: Path | None) -> str:
        said = f"no note is left to ask about: {self.learned:,} were learned from"
        if against is not None:
            said += f", {self.unknown:,} are not in {against}"
        return f"{said}; name others, or add --learned-too"


def _outcomes(folder: Path) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {failure.note_id: failure for failure in read_failures(folder)}
    return found | {trace.note_id: trace for trace in read_traces(folder)}


def _handbook_of(folder: Path) -> Path | None:
    said = read_description(folder).handbook
    return Path(said.path) if said is not None and said.path and Path(said.path).is_dir() else None


def _rate(folder: Path) -> float | None:
    """Notes a second of a run."""
    summary: RunSummary | None = read_summary(folder)
    done = summary.tagged + summary.failed if summary is not None else 0
    return done / summary.seconds if summary is not None and summary.seconds and done else None


async def _judged(
    asked: list[Note], ours: dict[str, Outcome], theirs: dict[str, Outcome] | None, setup: Setup
) -> list[Judged]:
    found = []
    for note in asked:
        student = ours.get(note.id)
        if student is None:
            raise RunError(
                f"the run of the student has nothing on note {note.id!r}: this is a defect, please report it"
            )
        teacher = theirs[note.id] if theirs is not None else None
        vectors = [await _vectors(outcome, setup) for outcome in (student, teacher)]
        found.append(Judged(note, student, teacher, (vectors[0], vectors[1])))
    return found


async def _vectors(outcome: Outcome | None, setup: Setup) -> Any:
    if setup.context.encoder is None or outcome is None or not hasattr(outcome, "tags"):
        return None
    return await tag_vectors([tag.tag for tag in outcome.tags], setup.context.encoder)  # pyright: ignore[reportAttributeAccessIssue]
