"""What `tagllm recommend index` and `search` do."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from notes.records import Note
from recommend import RecommendError
from recommend.index import Manifest, NoteIndex, add_notes, open_index, write_index
from recommend.index.folder import Neighbour
from recommend.index.manifest import EMBEDDER, Dtype
from recommend.index.writing import check_method
from recommend.methods import METHODS, Embedder, Seeing, open_method
from recommend.pictures import NotePictures
from recommend.shown import Shown, with_tags
from tagllm.recommending import pictures_beside, stream_notes, tags_shown, tell_refused
from tagllm.showing import printable
from tagllm.telling import telling

Asked = Literal["auto", "id", "file", "text"]


def run_index(
    path: Path,
    folder: Path,
    messages: Console,
    *,
    method: str = "sbert",
    model: Path | None = None,
    tags: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    dtype: Dtype = "float32",
    approximate: bool | None = None,
    recall: float = 0.98,
    add: bool = False,
    overwrite: bool = False,
) -> tuple[Manifest, int]:
    """Make the index `folder`, or add to it; returns its manifest and how many rows were no notes.

    Raises:
        notes.reading.UnreadableInput: the notes as a whole cannot be read.
        recommend.RecommendError: the index cannot be made or added to.
    """
    rejected = 0

    def reject() -> None:
        nonlocal rejected
        rejected += 1

    def seen(shown: Shown | dict[str, tuple[str, ...]], notes: Iterable[Note]) -> Iterator[Note]:
        return (note for one in notes for note in with_tags([one], shown))

    with telling(messages) as told:
        index = open_index(folder) if add else None
        named = tags or (index.manifest.shown if index is not None else "none")
        # A run's tags are compared with the notes it tagged; without a run nobody need hold them.
        known = {note.id: note for note in _read(path, split, limit)} if named not in ("none", "hashtags") else {}
        shown = tags_shown(named, known, messages)
        notes = seen(shown, stream_notes(path, messages, split=split, limit=limit, on_reject=reject))
        pictures = pictures_beside(path)
        if index is not None:
            manifest = add_notes(folder, notes, embedder_of(index, folder, model, pictures), progress=told)
            tell_refused(pictures, messages)
            return manifest, rejected
        embedder = open_method(method, model=model, notes=seen(shown, _read(path, split, limit)), pictures=pictures)
        manifest = write_index(
            folder,
            notes,
            embedder,
            shown=named,
            model=model,
            dtype=dtype,
            approximate=approximate,
            recall=recall,
            overwrite=overwrite,
            progress=told,
        )
        tell_refused(pictures, messages)
        return manifest, rejected


def _read(path: Path, split: str | None, limit: int | None) -> Iterator[Note]:
    """The notes, without a word about rows that are none: the pass that is told of comes later."""
    return stream_notes(path, Console(quiet=True), split=split, limit=limit)


def embedder_of(
    index: NoteIndex, folder: Path, model: Path | None = None, pictures: NotePictures | None = None
) -> Embedder:
    """The method the index was made with.

    Raises:
        recommend.RecommendError: it is not there, or is another one now.
    """
    manifest = index.manifest
    if manifest.method not in METHODS:
        raise RecommendError(
            f"{folder} was made with the method {manifest.method[:40]!r}, which this version does not have; "
            f"it has: {', '.join(METHODS)}"
        )
    own = folder / EMBEDDER
    place = model or (Path(manifest.model) if manifest.model else own if own.is_dir() and any(own.iterdir()) else None)
    embedder = open_method(manifest.method, model=place, pictures=pictures)
    check_method(manifest, embedder, folder)
    return embedder


class Asking(NamedTuple):
    """A note that others are sought for."""

    id: str
    """Empty: a text without one."""
    title: str
    tags: tuple[str, ...]
    row: int | None
    """In the index; None: it is not there."""


class Answer(NamedTuple):
    """What was found beside a note."""

    asking: Asking
    neighbours: list[Neighbour]

    def as_json(self) -> dict[str, Any]:
        """As `recommend search --json` writes it."""
        asking = self.asking
        query = {"id": asking.id or None, "title": asking.title, "tags": list(asking.tags)}
        found = [
            {"rank": rank, "id": one.id, "score": one.score, "title": one.title, "tags": list(one.tags)}
            for rank, one in enumerate(self.neighbours, 1)
        ]
        return {"query": query, "neighbours": found}


def run_search(
    asked: Sequence[str],
    folder: Path,
    messages: Console,
    *,
    kind: Asked = "auto",
    model: Path | None = None,
    k: int = 10,
    exact: bool = False,
) -> list[Answer]:
    """The notes nearest to each of `asked`: ids of notes in the index, files of notes, or texts.

    A note that is in the index is not among its own neighbours.

    Raises:
        notes.reading.UnreadableInput: a file of notes cannot be read.
        recommend.RecommendError: the index cannot be used, or what was asked is nothing it can be searched with.
    """
    with messages.status("searching") if messages.is_terminal else contextlib.nullcontext():
        index = open_index(folder)
        embedder: Embedder | None = None
        answers = []
        for word in asked:
            pictures = pictures_beside(Path(word)) if kind in ("auto", "file") and _is_file(word) else None
            if pictures is not None and isinstance(embedder, Seeing):
                embedder.look_at(pictures)
            for asking, note in _asked(word, index, kind, messages):
                if note is None:
                    assert asking.row is not None
                    vector = index.vectors_of(np.array([asking.row]))
                else:
                    embedder = embedder or embedder_of(index, folder, model, pictures)
                    vector = embedder.embed([note])
                if not vector.any():
                    raise RecommendError(
                        f"{printable(asking.title or asking.id, 60)!r} holds no word that {index.manifest.method} "
                        "knows, so nothing is near it; give it a title, some content or tags"
                    )
                own = () if asking.row is None else (asking.row,)
                found = index.search(vector, k + len(own), exact=exact)
                answers.append(Answer(asking, index.neighbours(found, without=own)[0][:k]))
            if pictures is not None:
                tell_refused(pictures, messages)
    return answers


def _asked(word: str, index: NoteIndex, kind: Asked, messages: Console) -> list[tuple[Asking, Note | None]]:
    row = index.row_of(word) if kind in ("auto", "id") and 0 < len(word) <= 256 else None
    if row is not None:
        one = index.note(row)
        return [(Asking(one.id, one.title, one.tags, row), None)]
    if kind == "id":
        raise RecommendError(f"no note with id {printable(word, 80)!r} among the {len(index):,} of the index")
    if kind == "file" or (kind == "auto" and _is_file(word)):
        notes = list(stream_notes(Path(word), messages))
        if not notes:
            raise RecommendError(f"{printable(word, 80)} holds no note to search with")
        seen = with_tags(notes, "none" if index.manifest.shown == "none" else "hashtags")
        return [
            (Asking(note.id, note.title or note.content, note.hashtags, index.row_of(note.id)), note) for note in seen
        ]
    if not word.strip():
        raise RecommendError("an empty text has no neighbours; give a note's id, a file of notes, or some words")
    return [(Asking("", word, (), None), Note(id="query", content=word[:200_000]))]


def _is_file(word: str) -> bool:
    with contextlib.suppress(OSError, ValueError):  # a text may be too long for a name, or hold what no name can
        return Path(word).is_file()
    return False


def indexed(manifest: Manifest, folder: Path) -> RenderableType:
    """What an index holds."""
    size = sum((folder / name).stat().st_size for name in manifest.files) / (1 << 20)
    gone = manifest.rows - len(NoteIndex(folder, manifest))
    said = f"{manifest.rows - gone:,} notes, {manifest.dimension} numbers each, {size:,.1f} MiB; {manifest.method}"
    lines = [Text(f"{said}, tags: {printable(manifest.shown, 60)}")]
    near = manifest.near
    if near is None:
        lines.append(Text("every search is exact", style="dim"))
    else:
        lines.append(
            Text(
                f"approximate search looks through {near.looked_through:,} of {near.lists:,} lists and finds "
                f"{100 * near.recall:.1f} % of the exact 100 nearest",
                style="dim",
            )
        )
    return Group(*lines)


def answered(answers: Sequence[Answer]) -> RenderableType:
    """A table for each note that was asked about."""
    tables: list[RenderableType] = []
    for asking, neighbours in answers:
        heading = Text(printable(asking.title or asking.id, 100), style="bold")
        if asking.tags:
            heading.append(f"\n{_tags(asking.tags)}", style="green not bold")
        table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, expand=True)
        table.add_column("", justify="right", no_wrap=True)
        table.add_column("cosine", justify="right", no_wrap=True)
        table.add_column("note", ratio=4, overflow="fold")
        table.add_column("tags", ratio=6, overflow="fold")
        for rank, one in enumerate(neighbours, 1):
            note = Text(printable(one.title, 90))
            note.append(f"\n{printable(one.id, 60)}", style="dim")
            table.add_row(f"{rank}", f"{one.score:.3f}", note, Text(_tags(one.tags), style="green"))
        tables += [table, Text("")]
    return Group(*tables)


def _tags(tags: Sequence[str]) -> str:
    return printable(" · ".join(printable(tag, 60) for tag in tags), 300)
