"""What `tagllm recommend` commands share: notes, clicks, tags and methods as they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from distill.runs import RunError, read_description, read_traces
from notes.pictures import PictureStore
from notes.reading import read_notes
from notes.records import Note, Reject
from recommend import PairOptions
from recommend.clicks import Clicks, read_clicks
from recommend.pictures import NotePictures
from recommend.shown import Shown, with_tags
from recommend.splitting import SplitBy
from tagllm.showing import printable
from tagllm.telling import Told

_SHOWN_PROBLEMS = 20


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How interactions are read and divided; the same in `pairs` and `eval`."""

    by: SplitBy = "time"
    share: float = 0.2
    """For the test, 0 to 1."""
    seed: int = 0
    """Of the notes that are held out."""
    min_strength: float | None = None
    """None: 4 where strengths are ratings of five."""


@dataclass(frozen=True, kw_only=True)
class ReadNotes:
    """Notes of a file."""

    notes: dict[str, Note]
    rejected: int
    """Rows that were no notes."""


def stream_notes(
    path: Path,
    messages: Console,
    *,
    split: str | None = None,
    limit: int | None = None,
    on_reject: Callable[[], None] = lambda: None,
) -> Iterator[Note]:
    """Notes one at a time; rows that are none are told of and counted.

    Raises:
        notes.reading.UnreadableInput: the notes as a whole cannot be read.
    """
    rejected = 0
    for row in read_notes(path, split=split, limit=limit):
        if not isinstance(row, Reject):
            yield row
            continue
        rejected += 1
        on_reject()
        if rejected <= _SHOWN_PROBLEMS:
            where = f"{Path(row.source).name}:{row.line}"
            messages.print(f"rejected {printable(where)}: {row.reason}: {printable(row.message)}", markup=False)


def pictures_beside(notes: Path) -> NotePictures:
    """Where the pictures of a file or folder of notes are."""
    return NotePictures(PictureStore(notes if notes.is_dir() else notes.parent))


def tell_refused(pictures: NotePictures, messages: Console) -> None:
    """Say how many pictures could not be opened, where there were any."""
    if said := pictures.told():
        messages.print(said, markup=False)


def all_notes(path: Path, messages: Console, told: Told) -> ReadNotes:
    """All notes of a file, by id.

    Raises:
        notes.reading.UnreadableInput: the notes as a whole cannot be read.
    """
    rejects: list[None] = []
    notes: dict[str, Note] = {}
    for note in stream_notes(path, messages, on_reject=lambda: rejects.append(None)):
        notes[note.id] = note
        if not len(notes) % 512:
            told("reading notes", len(notes), 0)
    return ReadNotes(notes=notes, rejected=len(rejects))


def clicks_on(
    path: Path, ids: Sequence[str], behaviour: Behaviour, options: PairOptions, messages: Console, told: Told
) -> Clicks:
    """The clicks of a file, and on standard error what is not counted.

    Raises:
        notes.reading.UnreadableInput: the file cannot be read.
        recommend.RecommendError: no interaction is with one of the notes.
    """
    clicks = read_clicks(
        path,
        ids,
        min_strength=behaviour.min_strength,
        progress=lambda rows: told("reading interactions", rows, 0),
    )
    for problem in clicks.problems:
        messages.print(f"rejected {printable(problem)}", markup=False)
    if behaviour.min_strength is None and clicks.min_strength is not None:
        messages.print(
            f"strengths are ratings of five: the {clicks.counts['too_weak']:,} interactions below "
            f"{clicks.min_strength:g} are no clicks; --min-strength 0 takes them all"
        )
    crowded = clicks.crowded(options.most_clicks)
    if crowded:
        messages.print(
            f"set aside: {crowded:,} who clicked more than {options.most_clicks:,} notes, as no person does; "
            "--most-clicks lets them in"
        )
    return clicks


def tags_shown(named: str, notes: dict[str, Note], messages: Console) -> Shown | dict[str, tuple[str, ...]]:
    """What `--tags` names: `none`, `hashtags`, or the tags of a run by note id.

    Raises:
        recommend.RecommendError: it is no run, or a run over other notes.
    """
    from recommend import RecommendError

    if named in ("none", "hashtags"):
        return "none" if named == "none" else "hashtags"
    try:
        read_description(named)
        found: dict[str, tuple[str, ...]] = {}
        changed = 0
        for trace in read_traces(named):
            note = notes.get(trace.note_id)
            if note is None:
                continue
            changed += note.digest != trace.note_digest
            found[trace.note_id] = tuple(tag.tag for tag in trace.tags)
    except RunError as error:
        raise RecommendError(f"--tags {named}: {error}; or --tags none, --tags hashtags") from None
    if not found:
        raise RecommendError(f"--tags {named}: the run tagged none of these {len(notes):,} notes; tag them with it")
    if changed:
        messages.print(f"{changed:,} notes have changed since the run {printable(named)} tagged them", markup=False)
    if len(found) < len(notes):
        messages.print(
            f"the run {printable(named)} tagged {len(found):,} of {len(notes):,} notes; the others have no tags",
            markup=False,
        )
    return found


def seen_by(notes: dict[str, Note], named: str, messages: Console) -> list[Note]:
    """The notes as `--tags` shows them to a method, in the order of their ids.

    Raises:
        recommend.RecommendError: as `tags_shown`.
    """
    tags = tags_shown(named, notes, messages)
    return with_tags([notes[id] for id in sorted(notes)], tags)
