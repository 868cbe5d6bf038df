"""One space for notes and tags: meaning, words and runs of characters, each as a few numbers.

Where the encoder cannot read a text, its words and characters are what is left of it: two Chinese texts are near when
the notes of the handbook use their characters in the same places.
"""

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handbook.matching.memory import Floats, Postings

WORDS, GRAMS = 192, 128
"""Numbers that stand for a text's words and for its runs of characters, at most."""
_AT_ONCE = 256
"""Texts whose codes are looked up together."""
_SPREAD = 4
"""Notes that a code must occur in to have a place in the space."""


class Space(NamedTuple):
    """Directions found in the evidence notes; a text is its meaning followed by its coordinates along them."""

    words: NDArray[np.float16]
    """Shape (codes of words, w); zero for a code too rare."""
    grams: NDArray[np.float16]
    """Shape (codes of runs of characters, g)."""

    @classmethod
    def of(cls, words: Postings, grams: Postings, n: int, pool: Executor) -> "Space":
        """The main directions of `n` notes, both kinds at a time."""
        return cls(*pool.map(_directions, (words, grams), (n, n), (WORDS, GRAMS)))

    def place(self, vectors: Floats, words: sparse.csr_matrix, grams: sparse.csr_matrix) -> Floats:
        """Texts in the space, shape (b, d + w + g).

        Args:
            vectors: Their meaning, zeros where there is none, shape (b, d).
            words: Their words, shape (b, codes of words).
            grams: Their runs of characters, shape (b, codes of runs of characters).
        """
        return np.hstack([vectors, _project(words, self.words), _project(grams, self.grams)]).astype(np.float32)


def _directions(postings: Postings, n: int, most: int) -> NDArray[np.float16]:
    from sklearn.utils.extmath import randomized_svd

    spread = np.diff(postings.indptr) >= _SPREAD
    size = min(most, n - 1, int(spread.sum()) - 1)
    found = np.zeros((len(postings.codes), max(0, size)), dtype=np.float16)
    if size > 0:
        rows = sparse.csr_matrix(postings.matrix(n)[spread])
        directions, _, _ = randomized_svd(rows, size, n_iter=2, random_state=0)  # pyright: ignore[reportArgumentType]
        found[spread] = directions
    return found


def _project(texts: sparse.csr_matrix, directions: NDArray[np.float16]) -> Floats:
    found = np.zeros((len(texts.indptr) - 1, directions.shape[1]), dtype=np.float32)
    for start in range(0, len(found), _AT_ONCE):
        part = sparse.csr_matrix(texts[start : start + _AT_ONCE])
        codes, places = np.unique(part.indices, return_inverse=True)
        shape = len(part.indptr) - 1, len(codes)
        narrow = sparse.csr_matrix((part.data, places.astype(np.int32), part.indptr), shape=shape)
        found[start : start + _AT_ONCE] = narrow @ directions[codes].astype(np.float32)
    return found
