"""Making an index, adding to it, and making one of its parts again."""

import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc
from numpy.typing import NDArray

from notes.records import Note
from recommend.index.approximate import FEWEST, make_near
from recommend.index.folder import NoteIndex, open_index
from recommend.index.manifest import EMBEDDER, MANIFEST, Dtype, Manifest, Part, digest
from recommend.methods import Embedder
from recommend.records import RecommendError, Vectors

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is (0: not known)."""
APPROXIMATE_FROM = 50_000
"""Notes from which an approximate part is worth its making."""
_AT_ONCE = 4096
_SINCE = 0.25
"""Share of the notes added since the approximate part was made, from which it is made again."""
_NOTES = pa.schema([("id", pa.string()), ("title", pa.string()), ("tags", pa.list_(pa.string()))])
_TITLE, _TAGS = 300, 24
"""Characters of a title, and tags of a note, that are kept to be shown."""
_UNIT = 1e-2
"""How far a vector's length may be from 1: half precision is."""


def write_index(
    folder: Path,
    notes: Iterable[Note],
    embedder: Embedder,
    *,
    shown: str = "none",
    model: Path | None = None,
    dtype: Dtype = "float32",
    approximate: bool | None = None,
    recall: float = 0.98,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Make an index; the folder appears when it is complete.

    Args:
        folder: Made; its parent must exist.
        notes: With the tags the method is to see; each id once.
        embedder: The method.
        shown: What the tags are, for the manifest.
        model: Folder of the method's model.
        dtype: Of the vectors on disk; float16 takes half the room and more time.
        approximate: Whether to make an approximate part; None: from `APPROXIMATE_FROM` notes.
        recall: Of the exact 100 nearest that approximate search should find, 0 to 1.
        overwrite: Replace an index that is there.
        progress: Told how it goes.

    Raises:
        RecommendError: there is something already, there are no notes, or the method cannot embed them.
    """
    _check_place(folder, overwrite)
    place = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        part, dimension = _write_part(place, 0, _embedded(notes, embedder, progress), dtype)
        (place / EMBEDDER).mkdir()
        embedder.save(place / EMBEDDER)
        manifest = Manifest(
            method=embedder.name,
            model=str(model.resolve()) if model is not None else "",
            revision=embedder.revision,
            dimension=dimension,
            dtype=dtype,
            shown=shown,
            parts=(part,),
            files={},
        )
        manifest = _finish(place, manifest, approximate, recall, progress)
        place.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        place.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return manifest


def add_notes(folder: Path, notes: Iterable[Note], embedder: Embedder, *, progress: Progress | None = None) -> Manifest:
    """Add notes to an index; one whose id is there takes its place.

    What is there stays as it is until the manifest names the new files. Added notes are searched exactly until they are
    a quarter of all; then the files are put together and the approximate part is made again.

    Raises:
        RecommendError: there is no sound index, it is of another method, another process is adding, or no notes.
    """
    with _locked(folder):
        index = open_index(folder)
        old = index.manifest
        check_method(old, embedder, folder)
        part, dimension = _write_part(folder, _next(old), _embedded(notes, embedder, progress), old.dtype)
        if dimension != old.dimension:
            raise RecommendError(f"{embedder.name} gives {dimension} numbers a note, {folder} holds {old.dimension}")
        with pa.memory_map(str(folder / part.notes)) as file:
            ids = pa.ipc.open_file(file).read_all().column("id").to_pylist()
        gone = np.union1d(index.gone, index.rows_of(ids))
        manifest = old.model_copy(update={"parts": (*old.parts, part), "gone": ""})
        if len(gone):
            manifest = manifest.model_copy(update={"gone": f"gone-{_next(old):05}.npy"})
            np.save(folder / manifest.gone, gone, allow_pickle=False)
        manifest = _record(folder, manifest)
        near = old.near
        if near is not None and manifest.rows - near.notes > _SINCE * manifest.rows:
            manifest = _put_together(NoteIndex(folder, manifest), folder, near.wanted, progress)
        _sweep(folder, manifest)
    return manifest


def check_method(manifest: Manifest, embedder: Embedder, folder: Path) -> None:
    """That vectors of `embedder` can be compared with those of the index.

    Raises:
        RecommendError: they cannot.
    """
    if (manifest.method, manifest.revision) != (embedder.name, embedder.revision):
        raise RecommendError(
            f"{folder} was made with {manifest.method} ({manifest.revision}), this is {embedder.name} "
            f"({embedder.revision}); their vectors cannot be compared: make the index again, or use its own method"
        )


def _check_place(folder: Path, overwrite: bool) -> None:
    if not folder.parent.is_dir():
        raise RecommendError(f"{folder.parent} is no folder; make it first")
    if not folder.exists():
        return
    empty = folder.is_dir() and not any(folder.iterdir())
    if not empty and not (folder / MANIFEST).is_file():
        raise RecommendError(f"{folder} is there and is no index; choose another place")
    if not empty and not overwrite:
        raise RecommendError(f"{folder} is there; add to it with --add, replace it with --overwrite")


def _embedded(
    notes: Iterable[Note], embedder: Embedder, progress: Progress | None
) -> Iterator[tuple[list[Note], Vectors]]:
    """Notes with their vectors, a few thousand at a time.

    Raises:
        RecommendError: the method gives a vector that is none.
    """
    done = 0
    rest = iter(notes)
    while batch := list(itertools.islice(rest, _AT_ONCE)):
        vectors = embedder.embed(batch)
        lengths = np.linalg.norm(vectors, axis=1)
        wrong = np.flatnonzero(~((np.abs(lengths - 1) < _UNIT) | (lengths == 0)))
        if len(wrong):
            raise RecommendError(
                f"{embedder.name} gives the note {batch[wrong[0]].id!r} a vector of length {lengths[wrong[0]]:g}, "
                "it must be 1; the model is damaged, or no method of recommendation"
            )
        done += len(batch)
        if progress is not None:
            progress("embedding", done, 0)
        yield batch, vectors


def _write_part(
    folder: Path, number: int, batches: Iterable[tuple[list[Note], Vectors]], dtype: Dtype
) -> tuple[Part, int]:
    """Write vectors and notes as they come; returns what was written, and the dimension."""
    names = f"vectors-{number:05}.{'f32' if dtype == 'float32' else 'f16'}", f"notes-{number:05}.arrow"
    count = dimension = 0
    with (folder / names[0]).open("wb") as vectors, pa.ipc.new_file(str(folder / names[1]), _NOTES) as writer:
        for notes, found in batches:
            vectors.write(np.ascontiguousarray(found, dtype=dtype).tobytes())
            columns = [[n.id for n in notes], [n.title[:_TITLE] or n.content[:_TITLE] for n in notes]]
            arrays = [pa.array(column, pa.string()) for column in columns]
            tags = pa.array([list(note.hashtags[:_TAGS]) for note in notes], _NOTES.field("tags").type)
            writer.write_batch(pa.record_batch([*arrays, tags], schema=_NOTES))
            count, dimension = count + len(notes), found.shape[1]
    if not count:
        raise RecommendError("no note to put into the index; see that the notes file holds some, and --split, --limit")
    return Part(vectors=names[0], notes=names[1], count=count), dimension


def _finish(
    folder: Path, manifest: Manifest, approximate: bool | None, recall: float, progress: Progress | None
) -> Manifest:
    """The approximate part where it is wanted, then the manifest."""
    wanted = manifest.rows >= APPROXIMATE_FROM if approximate is None else approximate
    if wanted:
        part = manifest.parts[0]
        shape = (part.count, manifest.dimension)
        vectors: NDArray[np.floating] = np.memmap(folder / part.vectors, dtype=manifest.dtype, mode="r", shape=shape)
        file = folder / f"near-{part.vectors.split('-')[1].split('.')[0]}.faiss"
        manifest = manifest.model_copy(update={"near": make_near(vectors, file, recall=recall, progress=progress)})
    return _record(folder, manifest)


def _record(folder: Path, manifest: Manifest) -> Manifest:
    """Write the manifest with the digest of every file, last of all and in one step.

    The digest of a file that is there already is kept: files are written once.
    """
    listed = [name for part in manifest.parts for name in (part.vectors, part.notes)]
    listed += [manifest.gone] * bool(manifest.gone) + [near.file for near in (manifest.near,) if near is not None]
    listed += [file.relative_to(folder).as_posix() for file in sorted((folder / EMBEDDER).glob("*")) if file.is_file()]
    files = {name: manifest.files.get(name) or digest(folder / name) for name in listed}
    manifest = manifest.model_copy(update={"files": files})
    beside = folder / f".{MANIFEST}.new"
    beside.write_text(manifest.model_dump_json(indent=1) + "\n", "utf-8")
    beside.replace(folder / MANIFEST)
    return manifest


def _put_together(index: NoteIndex, folder: Path, recall: float, progress: Progress | None) -> Manifest:
    """All notes that are there in one file, and the approximate part anew."""
    number = _next(index.manifest)
    batches = ((notes, vectors) for notes, vectors in _held(index))
    part, _ = _write_part(folder, number, batches, index.manifest.dtype)
    manifest = index.manifest.model_copy(update={"parts": (part,), "gone": "", "near": None})
    return _finish(folder, manifest, part.count >= FEWEST, recall, progress)


def _held(index: NoteIndex) -> Iterator[tuple[list[Note], Vectors]]:
    """Notes, as far as an index keeps them, and their vectors."""
    there = np.setdiff1d(np.arange(index.manifest.rows), index.gone)
    for start in range(0, len(there), _AT_ONCE):
        rows = there[start : start + _AT_ONCE]
        found = [index.note(row) for row in rows.tolist()]
        notes = [Note(id=one.id, title=one.title, hashtags=one.tags) for one in found]
        yield notes, index.vectors_of(rows)


def _next(manifest: Manifest) -> int:
    """A number that no file of the index has."""
    return 1 + max(int(part.vectors.split("-")[1].split(".")[0]) for part in manifest.parts)


def _sweep(folder: Path, manifest: Manifest) -> None:
    """Remove what the manifest does not name: earlier parts, and what an interrupted addition left."""
    for pattern in ("vectors-*", "notes-*", "gone-*", "near-*"):
        for file in folder.glob(pattern):
            if file.name not in manifest.files:
                file.unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    if not folder.is_dir():
        raise RecommendError(f"{folder} is no index; make one first, without --add")
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecommendError(f"another process is adding to {folder}; wait until it is done") from None
        yield
    finally:
        os.close(handle)
