"""A run's folder, opened for the report: its description, its notes where they still are, its handbook."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from distill.runs import (
    RunDescription,
    RunSummary,
    read_description,
    read_failures,
    read_rejects,
    read_summary,
    read_traces,
)
from distill.runs.lines import Damage
from handbook import Handbook, HandbookError
from handbook.file import load
from notes.reading import UnreadableInput, read_notes
from notes.records import Failure, Note, Reject, Trace
from signatures.questions import TagLimits

_MOST_SAID = 20


@dataclass(kw_only=True)
class OpenRun:
    """A run that is being read; `problems` grows with what turns out to be wrong."""

    folder: Path
    description: RunDescription
    summary: RunSummary | None
    """None: it has not finished."""
    notes: Path | None
    """Where its notes are read again; None: nobody knows."""
    handbook: Handbook | None = None
    """None: it had none, or it is no longer the one it had."""
    limits: TagLimits
    """House form; how near is the same."""
    damaged: int = 0
    """Lines that are not what was written."""
    problems: list[str] = field(default_factory=list)
    """For people."""

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.folder.resolve().name

    @property
    def notes_folder(self) -> Path | None:
        """Pictures lie in it."""
        if self.notes is None or not self.notes.exists():
            return None
        return self.notes if self.notes.is_dir() else self.notes.parent

    def read_notes(self) -> Iterator[Note]:
        """The notes as they are now; what is wrong with them as a whole becomes a problem of the report."""
        if self.notes is None:
            self.problem("run.json does not say where the notes are; give them with --notes FILE")
            return
        source = self.description.notes
        try:
            for row in read_notes(self.notes, split=source.split, ids=set(source.ids) or None, limit=source.limit):
                if isinstance(row, Note):
                    yield row
        except (UnreadableInput, OSError) as error:
            self.problem(f"the notes cannot be read again: {error}; give them with --notes FILE")

    def outcomes(self) -> Iterator[Trace | Failure]:
        """Traces, then failures.

        Raises:
            distill.runs.RunError: a line is no record of this version.
        """
        yield from read_traces(self.folder, on_damaged=self._damage)
        yield from read_failures(self.folder, on_damaged=self._damage)

    def rejects(self) -> Iterator[Reject]:
        """Rows that were no notes.

        Raises:
            distill.runs.RunError: a line is no record of this version.
        """
        yield from read_rejects(self.folder, on_damaged=self._damage)

    def problem(self, message: str) -> None:
        """Keep something to be said."""
        if len(self.problems) < _MOST_SAID and message not in self.problems:
            self.problems.append(message)

    def _damage(self, damage: Damage) -> None:
        if damage.kind == "torn" and self.summary is None:
            return  # it is being written, or was cut off and will be resumed
        self.damaged += 1
        self.problem(f"{damage.file.name}:{damage.line} {'is torn off' if damage.kind == 'torn' else 'has changed'}")


def open_run(folder: Path, *, notes: Path | None = None) -> OpenRun:
    """Open the run in `folder`.

    Args:
        folder: Of the run.
        notes: Where its notes are now; None: where they were.

    Raises:
        distill.runs.RunError: there is no run, or its description is damaged.
    """
    description = read_description(folder)
    summary = read_summary(folder)
    known = notes or (Path(description.notes.path) if description.notes.path else None)
    run = OpenRun(folder=folder, description=description, summary=summary, notes=known, limits=_limits(description))
    if summary is None:
        run.problem(f"the run has not finished: it holds no summary.json; go on with: tagllm run … --out {folder}")
    elif not summary.accounted:
        run.problem(
            f"not every row is accounted for: {summary.read:,} read, but {summary.tagged:,} tagged + "
            f"{summary.failed:,} failed + {summary.rejected:,} rejected + {summary.duplicate:,} duplicate"
        )
    run.handbook = _handbook(run)
    return run


def _handbook(run: OpenRun) -> Handbook | None:
    source = run.description.handbook
    if source is None:
        return None
    if not source.path or not Path(source.path).is_dir():
        run.problem("the handbook is not where it was: novelty and coverage are measured without its vocabulary")
        return None
    try:
        found = load(Path(source.path))
    except HandbookError as error:
        run.problem(f"the handbook cannot be read: {error}")
        return None
    if found.digest != source.digest:
        run.problem("the handbook has changed since: novelty and coverage are measured without its vocabulary")
        return None
    return found


def _limits(description: RunDescription) -> TagLimits:
    try:
        return TagLimits.model_validate(description.configuration.get("limits", {}))
    except ValidationError:
        return TagLimits()
