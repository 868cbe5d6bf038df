"""How near phrases are: in meaning, in their characters, by the notes they stand on, by the users who act on them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from scipy import sparse

from handbook.mine.phrases import spaced
from handbook.mine.records import PhraseStats
from notes.language import has_han
from notes.words import kinds, normalised, terms

Floats = NDArray[np.float32]

_READ = 12_000
"""Phrases whose meaning is read, best supported first: reading costs more than all the rest."""
_AT_ONCE = 1024
_SPELLING, _COMPANY, _USERS = 0.35, 0.9, 0.35
"""Weights beside that of meaning, which is 1."""
_UNREAD = 0.7
"""Weight of spelling where no meaning is read: other characters need not mean something else."""
_TASTES = 32
"""Dimensions that users' tastes are told apart in."""
_ONCE, _OF_NOTES = 3.0, 100
"""Notes that bring half of a phrase's company: what stands on one note only keeps company with that note. In fewer than
a few hundred notes, a hundredth of them: there is nothing else to go by."""
_FEW_USERS = 10
"""Users that bring half of what tastes say."""


def meanings(
    phrases: Sequence[PhraseStats], encoder: Embeddings | None, told: Callable[[int, int], None] | None = None
) -> dict[str, Floats]:
    """Unit vectors of what phrases mean, those the encoder can read.

    Args:
        phrases: Of all categories.
        encoder: Knows English; None: nothing is read.
        told: How many have been read, of how many.
    """
    if encoder is None:
        return {}
    users: dict[str, int] = {}
    for phrase in phrases:
        if not has_han(phrase.phrase):
            users[phrase.phrase] = max(users.get(phrase.phrase, 0), phrase.users * (1 + phrase.hashtag))
    chosen = sorted(sorted(users, key=lambda text: (-users[text], text))[:_READ])
    found: dict[str, Floats] = {}
    for start in range(0, len(chosen), _AT_ONCE):
        part = chosen[start : start + _AT_ONCE]
        # Rounded: what a text's neighbours in a batch do to the last bits must not decide anything.
        read = np.asarray(encoder.embed_documents([spaced(text) for text in part]), dtype=np.float32).round(3)
        found.update(zip(part, read, strict=True))
        if told is not None:
            told(len(found), len(chosen))
    return found


class Features:
    """What phrases of one category are compared by; each phrase is of unit length.

    Args:
        phrases: Best supported first, n of them.
        carried: Which note carries which of them, shape (notes, n).
        acted: Which user acted on which of them, shape (n, users); None: the users are the notes' authors.
        read: Unit vectors of meaning, by phrase.
    """

    def __init__(
        self,
        phrases: Sequence[PhraseStats],
        carried: sparse.csr_matrix,
        acted: sparse.csr_matrix | None,
        read: dict[str, Floats],
    ) -> None:
        size = max((len(vector) for vector in read.values()), default=1)
        meaning = np.zeros((len(phrases), size))
        for row, phrase in enumerate(phrases):
            if phrase.phrase in read:
                meaning[row] = read[phrase.phrase]
        # Where no meaning is read, characters have to tell.
        spelling = _scaled(_spelling([p.phrase for p in phrases]), np.where(meaning.any(axis=1), _SPELLING, _UNREAD))
        notes = np.asarray(carried.sum(axis=0), dtype=np.float64).ravel()
        on_note = np.diff(carried.indptr)
        once = float(np.clip(np.count_nonzero(on_note) / _OF_NOTES, 0.5, _ONCE))
        # What stands alone on its note keeps no company there, which says nothing.
        beside = np.asarray(carried[on_note > 1].sum(axis=0), dtype=np.float64).ravel()
        company = _scaled(_company(carried), _COMPANY * beside / (notes + once))
        users = np.zeros((len(phrases), 1))
        if acted is not None:
            many = np.array([phrase.users for phrase in phrases], dtype=np.float64)
            sure = many / (many + _FEW_USERS) * notes / (notes + once)
            users = _tastes(acted) * (_USERS * sure)[:, None]
        dense = np.concatenate([meaning, users], axis=1)
        shared = sparse.csr_matrix(sparse.hstack([spelling, company]))
        lengths = np.sqrt(np.square(dense).sum(axis=1) + _squares(shared))
        self._dense: Floats = (dense / lengths[:, None]).astype(np.float32)
        self._sparse = _scaled(shared, 1 / lengths)

    def near(self, rows: slice, others: slice) -> Floats:
        """Cosines of some phrases with others."""
        shared = sparse.csr_matrix(self._sparse[rows] @ self._sparse[others].T).toarray()
        # Rounded: the last bits depend on the number of threads.
        return (self._dense[rows] @ self._dense[others].T + shared).astype(np.float32).round(4)

    def inside(self, rows: Sequence[int]) -> Floats:
        """Cosines of a few phrases with one another."""
        part = self._sparse[list(rows)]
        shared = sparse.csr_matrix(part @ part.T).toarray()
        return (self._dense[list(rows)] @ self._dense[list(rows)].T + shared).astype(np.float32).round(4)


def _scaled(matrix: sparse.csr_matrix, factors: NDArray[np.float64]) -> sparse.csr_matrix:
    return sparse.csr_matrix(sparse.diags(factors) @ matrix)


def _squares(matrix: sparse.csr_matrix) -> NDArray[np.float64]:
    return np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel()


def _spelling(texts: Sequence[str]) -> sparse.csr_matrix:
    """Unit vectors of the runs of characters in them: 夜景 is near to 夜景机位, “running shoe” to “running sock”."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    def runs(text: str) -> list[str]:
        plain = normalised(spaced(text))
        if has_han(plain):
            return [*plain, *(plain[i : i + 2] for i in range(len(plain) - 1))]
        found = []
        for word in terms(plain) or (plain,):
            # Of words the dictionary has, parts say nothing: “terror” is far from “terraforming”.
            known = bool(kinds(word)) or len(word) < 6
            found.extend([f"{word} "] if known else [word[i : i + 5] for i in range(len(word) - 4)])
        return found

    words: Any = runs
    if not texts:
        return sparse.csr_matrix((0, 1), dtype=np.float64)
    return sparse.csr_matrix(TfidfVectorizer(analyzer=words, sublinear_tf=True).fit_transform(texts))


def _company(carried: sparse.csr_matrix) -> sparse.csr_matrix:
    """Unit vectors of the phrases that each phrase stands together with, itself among them, weighed by information."""
    carried = sparse.csr_matrix(carried, dtype=np.float64)
    together = sparse.csr_matrix(carried.T @ carried).tocoo()
    of_phrase = np.asarray(carried.sum(axis=0)).ravel()
    expected = of_phrase[together.row] * of_phrase[together.col] / max(1, np.count_nonzero(np.diff(carried.indptr)))
    information = np.maximum(np.log(together.data / expected), 0)
    found = sparse.csr_matrix((information, (together.row, together.col)), shape=together.shape)
    return _scaled(found, 1 / np.maximum(np.sqrt(_squares(found)), 1e-9))


def _tastes(acted: sparse.csr_matrix) -> NDArray[np.float64]:
    """Unit vectors of who acts on a phrase, in few dimensions: information of users and phrases on one another."""
    from sklearn.decomposition import TruncatedSVD

    entries = sparse.csr_matrix(acted, dtype=np.float64).tocoo()
    of_phrase, of_user = (np.asarray(acted.sum(axis=axis), dtype=np.float64).ravel() for axis in (1, 0))
    phrases, people = len(of_phrase), len(of_user)
    information = np.log1p(of_user.sum() / (of_user[entries.col] * of_phrase[entries.row]))
    matrix = sparse.csr_matrix((information, (entries.row, entries.col)), shape=(phrases, people))
    size = min(_TASTES, phrases - 1, people - 1)
    if size < 1 or not matrix.nnz:
        return np.zeros((phrases, 1))
    # Its shares of variance, which nobody asked for, are none where all is alike.
    with np.errstate(divide="ignore", invalid="ignore"):
        found = TruncatedSVD(size, random_state=0, n_iter=3).fit_transform(matrix)
    return (found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)).round(5)
