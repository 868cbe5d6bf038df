"""An index that is open: vectors mapped from disk, notes by row and by id."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommend.index.approximate import open_near, search_near
from recommend.index.exact import Found, merged, search_exact
from recommend.index.manifest import Manifest, read_manifest, unusable
from recommend.records import RecommendError, Vectors


class Neighbour(NamedTuple):
    """A note beside a query."""

    id: str
    score: float
    """Cosine, -1 to 1."""
    title: str
    tags: tuple[str, ...]


class NoteIndex:
    """Vectors and notes of an index's folder; nothing is read before it is looked at.

    Args:
        folder: Of the index.
        manifest: As `read_manifest` found it.

    Raises:
        RecommendError: a file is not what the manifest says.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.manifest = manifest
        self._vectors: list[NDArray[np.floating]] = []
        self._notes: list[pa.Table] = []
        try:
            for part in manifest.parts:
                shape = (part.count, manifest.dimension)
                self._vectors.append(np.memmap(folder / part.vectors, dtype=manifest.dtype, mode="r", shape=shape))
                self._notes.append(pa.ipc.open_file(pa.memory_map(str(folder / part.notes))).read_all())
            self._gone = np.load(folder / manifest.gone, allow_pickle=False) if manifest.gone else np.zeros(0, np.int64)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise unusable(folder, " ".join(str(error).split())[:200]) from None
        for part, notes in zip(manifest.parts, self._notes, strict=True):
            if notes.num_rows != part.count:
                raise unusable(folder, f"{part.notes} holds {notes.num_rows:,} notes, {part.count:,} were written")
        self._starts = np.cumsum([0, *(part.count for part in manifest.parts)])
        self._near: Any = open_near(folder / manifest.near.file) if manifest.near is not None else None

    def __len__(self) -> int:
        return self.manifest.rows - len(self._gone)

    def search(self, queries: Vectors, k: int, *, exact: bool = False) -> Found:
        """The k nearest notes of each query.

        Args:
            queries: Unit vectors of the index's own method, shape (q, d).
            k: How many.
            exact: Whether every note is compared, also where the index has an approximate part.

        Raises:
            RecommendError: the queries are of another dimension.
        """
        if queries.shape[1] != self.manifest.dimension:
            raise RecommendError(
                f"the query has {queries.shape[1]} numbers, the index {self.manifest.dimension}; embed it with the "
                f"index's method, {self.manifest.method}"
            )
        near = self.manifest.near
        if exact or near is None:
            return search_exact(queries, self._vectors, k, self._gone)
        found = search_near(self._near, queries, k, near.looked_through, self._gone[self._gone < near.notes])
        found = self._rescored(queries, found)
        if near.notes < self.manifest.rows:
            part = int(np.searchsorted(self._starts, near.notes))
            since = search_exact(queries, self._vectors[part:], k, self._gone[self._gone >= near.notes] - near.notes)
            found = merged(found, Found(np.where(since.rows >= 0, since.rows + near.notes, -1), since.scores), k)
        return found

    def neighbours(self, found: Found, *, without: Sequence[int] = ()) -> list[list[Neighbour]]:
        """What was found, as notes; rows in `without` are left out."""
        return [
            [
                self.note(int(row), float(score))
                for row, score in zip(rows, scores, strict=True)
                if row >= 0 and row not in without
            ]
            for rows, scores in zip(found.rows, found.scores, strict=True)
        ]

    def note(self, row: int, score: float = 1.0) -> Neighbour:
        """The note of a row."""
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        one = self._notes[part].slice(row - int(self._starts[part]), 1).to_pylist()[0]
        return Neighbour(one["id"], score, one["title"], tuple(one["tags"]))

    def row_of(self, id: str) -> int | None:
        """The row of a note; None: it is not in the index."""
        for part in reversed(range(len(self._notes))):
            row = pc.index(self._notes[part].column("id"), pa.scalar(id)).as_py()  # pyright: ignore[reportAttributeAccessIssue]
            if row >= 0:
                return row + int(self._starts[part])
        return None

    def vectors_of(self, rows: NDArray[np.int64]) -> Vectors:
        """The vectors of m rows, shape (m, d)."""
        found = np.empty((len(rows), self.manifest.dimension), dtype=np.float32)
        part = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(part):
            inside = part == number
            found[inside] = self._vectors[number][rows[inside] - self._starts[number]]
        return found

    def rows_of(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Rows, gone or not, of the notes that are among `ids`, ascending."""
        wanted = pa.array(ids, pa.string())
        found = []
        for start, notes in zip(self._starts, self._notes, strict=False):
            held = pc.is_in(notes.column("id"), value_set=wanted)  # pyright: ignore[reportAttributeAccessIssue]
            found.append(np.flatnonzero(held.to_numpy()) + start)
        return np.concatenate(found).astype(np.int64)

    @property
    def gone(self) -> NDArray[np.int64]:
        """Rows whose notes were added again since, ascending."""
        return self._gone

    @property
    def vectors(self) -> list[NDArray[np.floating]]:
        """Of each part, mapped from disk."""
        return list(self._vectors)

    def _rescored(self, queries: Vectors, found: Found) -> Found:
        """The same rows with exact cosines, in their order."""
        vectors = self.vectors_of(np.maximum(found.rows, 0).ravel()).reshape(*found.rows.shape, -1)
        scores = np.where(found.rows >= 0, np.einsum("qkd,qd->qk", vectors, queries), -np.inf).astype(np.float32)
        order = np.lexsort((found.rows, -scores), axis=1)
        return Found(np.take_along_axis(found.rows, order, axis=1), np.take_along_axis(scores, order, axis=1))


def open_index(folder: Path | str) -> NoteIndex:
    """The index in `folder`.

    Raises:
        RecommendError: there is none, or it is damaged.
    """
    folder = Path(folder)
    return NoteIndex(folder, read_manifest(folder))
