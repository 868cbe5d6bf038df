"""Reading runs, and the notes they were over, again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from distill.corpus.records import CorpusError
from distill.corpus.store import CandidateStore
from distill.runs import (
    NotesSource,
    RunDescription,
    RunError,
    read_description,
    read_failures,
    read_summary,
    read_traces,
)
from distill.runs.folder import LOCK
from distill.runs.lines import Damage, note_id
from distill.runs.locking import owner_of
from notes.reading import UnreadableInput, read_notes
from notes.records import DraftTag, FinalTag, Note, Trace
from signatures.questions import TagLimits

Progress = Callable[[str, int], None]
"""What is being done, and how much more of it is done."""


@dataclass(frozen=True, kw_only=True)
class SourceRun:
    """A run that a corpus is made of."""

    folder: Path
    name: str
    """Of the folder; unique among the runs."""
    description: RunDescription
    notes: Path
    source: int
    """Runs over the same notes have the same."""
    traces: int
    """Read, damaged ones among them."""
    failures: int
    is_finished: bool

    @property
    def notes_folder(self) -> Path:
        """Pictures lie in it."""
        return self.notes if self.notes.is_dir() else self.notes.parent

    @property
    def limits(self) -> TagLimits:
        """House form of its tags.

        Raises:
            CorpusError: the run was made by another version, whose limits have other names.
        """
        try:
            return TagLimits.model_validate(self.description.configuration.get("limits", {}))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise CorpusError(
                f"{self.folder / 'run.json'}: limits.{where}: {first['msg']}; this version cannot read them: "
                "run the notes again, or use the version that made the run"
            ) from None

    @property
    def shows_hashtags(self) -> bool:
        """Whether the tagger was shown the authors' own hashtags."""
        return bool(self.description.configuration.get("show_hashtags", False))


def gather(
    folders: Sequence[Path],
    store: CandidateStore,
    *,
    notes: Path | None = None,
    with_pictures: bool = True,
    progress: Progress | None = None,
) -> list[SourceRun]:
    """Read the traces of runs, each with its note as it is now.

    Args:
        folders: Of the runs, in any order.
        store: Takes them.
        notes: Where the notes are, if they have moved; for all runs.
        with_pictures: False: what rests on pictures alone is left out, for it is not shown.
        progress: Told of every note and trace.

    Raises:
        CorpusError: a run is being written, is none, or its notes cannot be read.
    """
    folders = _ordered(folders)
    names = _names(folders)
    known: dict[tuple[Path, NotesSource], int] = {}
    found = []
    for number, (folder, name) in enumerate(zip(folders, names, strict=True)):
        description = _description(folder)
        where = _where(folder, description, notes)
        reading = description.notes.model_copy(update={"path": None})
        source = known.get((where, reading))
        if source is None:
            source = known[where, reading] = len(known)
            _read_notes(where, description.notes, store, source, progress)
        try:
            traces = _read_traces(folder, number, source, store, with_pictures, progress)
            failures = sum(1 for _ in read_failures(folder, on_damaged=lambda _: None))
        except RunError as error:
            raise CorpusError(str(error)) from None
        run = SourceRun(
            folder=folder,
            name=name,
            description=description,
            notes=where,
            source=source,
            traces=traces,
            failures=failures,
            is_finished=read_summary(folder) is not None,
        )
        found.append(run)
    store.lose(store.earlier())
    return found


def _names(folders: Sequence[Path]) -> list[str]:
    """The folders' names, told apart where they are the same."""
    names: list[str] = []
    for folder in folders:
        name, number = folder.name, 2
        while name in names:
            name, number = f"{folder.name}-{number}", number + 1
        names.append(name)
    return names


def _ordered(folders: Sequence[Path]) -> list[Path]:
    """Each once, in an order of their own."""
    found = [folder.resolve() for folder in folders]
    for number, folder in enumerate(found):
        if folder in found[:number]:
            raise CorpusError(f"{folders[number]} was named twice; name each run once")
    return sorted(found, key=lambda folder: (folder.name, str(folder)))


def _description(folder: Path) -> RunDescription:
    try:
        description = read_description(folder)
    except RunError as error:
        raise CorpusError(str(error)) from None
    owner = owner_of(folder / LOCK)
    if owner is not None:
        raise CorpusError(f"{folder} is being written by {owner}; build the corpus when that has ended")
    return description


def _where(folder: Path, description: RunDescription, notes: Path | None) -> Path:
    if notes is not None:
        return notes
    if not description.notes.path:
        raise CorpusError(f"{folder}: run.json does not say where its notes are; give them with --notes FILE")
    return Path(description.notes.path)


def _read_notes(
    where: Path, source: NotesSource, store: CandidateStore, number: int, progress: Progress | None
) -> None:
    def read() -> "list[Note]":
        batch = []
        for row in rows:
            if isinstance(row, Note):
                batch.append(row)
            if len(batch) == 1000:
                break
        return batch

    rows = iter(read_notes(where, split=source.split, ids=set(source.ids) or None, limit=source.limit))
    try:
        while batch := read():
            store.add_notes(number, batch)
            if progress is not None:
                progress("reading notes", len(batch))
    except (UnreadableInput, OSError) as error:
        raise CorpusError(f"the notes cannot be read again: {error}; give them with --notes FILE") from None


def _read_traces(
    folder: Path, run: int, source: int, store: CandidateStore, with_pictures: bool, progress: Progress | None
) -> int:
    count = 0

    def damaged(damage: Damage) -> None:
        nonlocal count
        count += 1
        store.add_lost(run, note_id(damage.data), "damaged", f"{damage.file.name}:{damage.line} {damage.kind}")

    for trace in read_traces(folder, on_damaged=damaged):
        count += 1
        note = store.note(source, trace.note_id)
        if note is None:
            store.add_lost(run, trace.note_id, "note_missing", "no note with this id is where the run read it")
        elif note.digest != trace.note_digest:
            store.add_lost(run, trace.note_id, "note_changed", f"it was {trace.note_digest}, it is {note.digest}")
        else:
            store.add_trace(run, trace if with_pictures else text_alone(trace), source, note)
        if progress is not None and count % 100 == 0:
            progress("reading traces", 100)
    return count


def text_alone(trace: Trace) -> Trace:
    """The trace with what can be known without its pictures: tags and drafts with other evidence than theirs."""

    def holds(tag: FinalTag | DraftTag) -> bool:
        return any(evidence.picture is None for evidence in tag.evidence)

    tags, drafts = tuple(filter(holds, trace.tags)), tuple(filter(holds, trace.drafts))
    return trace.model_copy(update={"pictures": (), "tags": tags, "drafts": drafts})
