"""The evidence notes as they are compared with: three kinds of nearness, and which tags near notes carry."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handbook.matching.texts import Codes, Reading, Weighted

KINDS = ("meaning", "words", "grams", "all")
NEAR = 60
"""Neighbours looked at, of each kind."""
_COMMON = 0.25
"""Of the notes: what more of them share is no sign of nearness."""

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]


class Postings(NamedTuple):
    """Which notes contain a code; rows are notes of unit length."""

    codes: Codes
    """Ascending, shape (f,)."""
    weights: Floats
    """Of each code: its inverse document frequency, shape (f,)."""
    indptr: Ints
    indices: Ints
    data: Floats
    """CSR of the transpose: a row for each code, a column for each note."""

    @classmethod
    def of(cls, notes: Sequence[Weighted]) -> "Postings":
        """Postings of `notes`; what occurs once tells nothing about another note."""
        n = len(notes)
        codes, occurs = _counted([note.codes for note in notes])
        kept = (occurs > 1) & (occurs <= max(2.0, _COMMON * n))
        codes, occurs = codes[kept], occurs[kept]
        weights = np.log((n + 1) / (occurs + 0.5)).astype(np.float32)
        matrix = sparse.csr_matrix(_vectors(notes, codes, weights).T.tocsr())
        indptr, indices = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32)
        return cls(codes, weights, indptr, indices, np.asarray(matrix.data, dtype=np.float32))

    def matrix(self, n: int) -> sparse.csr_matrix:
        """Codes by notes, shape (f, n)."""
        return sparse.csr_matrix((self.data, self.indices, self.indptr), shape=(len(self.codes), n), copy=False)

    def of_notes(self, rows: NDArray[np.intp], n: int) -> "Postings":
        """The postings of some of the `n` notes."""
        part = sparse.csr_matrix(self.matrix(n)[:, rows])
        indptr, indices = part.indptr.astype(np.int32), part.indices.astype(np.int32)
        return Postings(self.codes, self.weights, indptr, indices, np.asarray(part.data, dtype=np.float32))

    def vectors(self, notes: Sequence[Weighted]) -> sparse.csr_matrix:
        """Notes by codes, rows of unit length, shape (len(notes), f)."""
        return _vectors(notes, self.codes, self.weights)


def _counted(codes: Sequence[Codes]) -> tuple[Codes, NDArray[np.int64]]:
    if not codes:
        return np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int64)
    return np.unique(np.concatenate(codes), return_counts=True)


def _vectors(notes: Sequence[Weighted], codes: Codes, weights: Floats) -> sparse.csr_matrix:
    indptr, indices, data = [0], [], []
    for note in notes:
        place = np.searchsorted(codes, note.codes)
        known = np.flatnonzero(place < len(codes))
        known = known[codes[place[known]] == note.codes[known]]
        columns = place[known]
        values = np.log1p(note.counts[known]) * weights[columns]
        norm = float(np.sqrt(values @ values))
        indices.append(columns.astype(np.int32))
        data.append(values / norm if norm else values)
        indptr.append(indptr[-1] + len(columns))
    return sparse.csr_matrix(
        (
            np.concatenate(data).astype(np.float32) if data else np.zeros(0, dtype=np.float32),
            np.concatenate(indices) if indices else np.zeros(0, dtype=np.int32),
            np.array(indptr, dtype=np.int32),
        ),
        shape=(len(notes), len(codes)),
    )


class Memory:
    """`n` evidence notes.

    Args:
        vectors: Their meaning, unit length or zero, shape (n, d).
        words: Postings of their words.
        grams: Postings of their runs of characters.
        tags: Notes by tags, ones where a note carries a tag, shape (n, t).
    """

    def __init__(self, vectors: Floats, words: Postings, grams: Postings, tags: sparse.csr_matrix) -> None:
        self.vectors = vectors
        self.words = words
        self.grams = grams
        self.tags = tags
        n = len(vectors)
        self._words = words.matrix(n)
        self._grams = grams.matrix(n)

    def __len__(self) -> int:
        return len(self.vectors)

    def without(self, rows: NDArray[np.intp]) -> "Memory":
        """The memory as it is without some notes."""
        kept = np.setdiff1d(np.arange(len(self)), rows)
        words, grams = self.words.of_notes(kept, len(self)), self.grams.of_notes(kept, len(self))
        return Memory(self.vectors[kept], words, grams, sparse.csr_matrix(self.tags[kept]))

    def by_words(self, readings: Sequence[Reading]) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """Words and runs of characters of `b` notes, rows of unit length."""
        return (
            self.words.vectors([reading.words for reading in readings]),
            self.grams.vectors([reading.grams for reading in readings]),
        )

    def nearness(self, vectors: Floats, words: sparse.csr_matrix, grams: sparse.csr_matrix) -> list[Floats]:
        """Cosine of each of `b` notes and each evidence note, of each of `KINDS`, shape (b, n)."""
        found = [vectors @ self.vectors.T, _full(words @ self._words), _full(grams @ self._grams)]
        found.append(found[0] + found[1] + found[2])
        return found


def _full(product: Any) -> Floats:
    return sparse.csr_matrix(product).toarray()


class Neighbours(NamedTuple):
    """The nearest evidence notes of `b` notes."""

    notes: Ints
    """Their rows, nearest first, shape (b, k)."""
    near: Floats
    """How near, shape (b, k)."""

    @classmethod
    def of(cls, near: Floats) -> "Neighbours":
        """The nearest by `near`, shape (b, n)."""
        k = min(NEAR, near.shape[1])
        rows = (
            np.argpartition(-near, k - 1, axis=1)[:, :k] if k < near.shape[1] else np.tile(np.arange(k), (len(near), 1))
        )
        values = np.take_along_axis(near, rows, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        return cls(np.take_along_axis(rows, order, 1).astype(np.int32), np.take_along_axis(values, order, 1))


class Triples(NamedTuple):
    """Tags of neighbours: entry `i` says that neighbour `place[i]` of the flattened (b, k) neighbours carries it."""

    pairs: NDArray[np.int64]
    """Row of the asking note times the number of tags, plus the tag."""
    place: NDArray[np.intp]


def expand(tags: sparse.csr_matrix, notes: Ints) -> Triples:
    """The tags of every neighbour, `notes` as in `Neighbours`."""
    flat = notes.ravel()
    starts = tags.indptr[flat].astype(np.int64)
    sizes = tags.indptr[flat + 1] - starts
    place = np.repeat(np.arange(len(flat)), sizes)
    within = np.arange(len(place)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    found = tags.indices[starts[place] + within]
    width = np.int64(tags.shape[1])  # pyright: ignore[reportOptionalSubscript]
    return Triples((place // notes.shape[1]) * width + found, place)
