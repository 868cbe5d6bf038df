"""Phrases of a category become interests: by meaning, and by standing on the same notes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from scipy import sparse
from scipy.cluster import hierarchy

from handbook.mining.records import PhraseStats
from notes.language import has_han

Floats = NDArray[np.float32]

NEAR = 0.42
"""Cosine, averaged over pairs, down to which phrases are of one interest."""
LARGEST = 24
"""Phrases of an interest; a larger one is cut in two."""
ALONE = 5
"""Users from which a phrase that is near to no other is an interest by itself."""
_TOGETHER = 0.75
"""Weight of standing together beside that of meaning."""
_COMPONENTS = 48


def phrase_vectors(phrases: Sequence[PhraseStats], carried: sparse.csr_matrix, encoder: Embeddings | None) -> Floats:
    """Unit vectors of phrases, shape (n, d): meaning, then company.

    Args:
        phrases: Of one category.
        carried: Which note carries which phrase, 0 or 1, shape (notes, n).
        encoder: Knows English; Chinese phrases are compared by their characters. None: all are.
    """
    meaning = _meaning([phrase.phrase for phrase in phrases], encoder)
    together = _TOGETHER * _company(carried)
    vectors = np.concatenate([meaning, together], axis=1)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def groups(vectors: Floats, users: Sequence[int]) -> list[list[int]]:
    """Rows that belong together, each group in the order of the rows, groups by their first row.

    Average linkage down to `NEAR`; what is too large is cut, what is alone and little supported joins its nearest.
    """
    n = len(vectors)
    if n < 3:
        return [[row] for row in range(n)]
    distances = np.round(np.clip(1 - vectors @ vectors.T, 0, 2), 5).astype(np.float64)
    condensed = distances[np.triu_indices(n, 1)]
    tree = hierarchy.linkage(condensed, method="average")
    found: list[list[int]] = []
    for rows in _of_labels(hierarchy.fcluster(tree, 1 - NEAR, criterion="distance")):
        found.extend(_cut(rows, distances))
    return _joined(found, vectors, users)


def _cut(rows: list[int], distances: NDArray[np.float64]) -> list[list[int]]:
    if len(rows) <= LARGEST:
        return [rows]
    inner = distances[np.ix_(rows, rows)]
    tree = hierarchy.linkage(inner[np.triu_indices(len(rows), 1)], method="ward")
    parts = _of_labels(hierarchy.fcluster(tree, -(-len(rows) // LARGEST) + 1, criterion="maxclust"))
    if len(parts) < 2:  # all the same: cut where it falls
        parts = [list(range(start, min(start + LARGEST, len(rows)))) for start in range(0, len(rows), LARGEST)]
    return [part for local in parts for part in _cut([rows[i] for i in local], distances)]


def _joined(found: list[list[int]], vectors: Floats, users: Sequence[int]) -> list[list[int]]:
    """Groups of one little supported phrase join the nearest group that has room."""
    alone = [group for group in found if len(group) == 1 and users[group[0]] < ALONE]
    rest = [group for group in found if not (len(group) == 1 and users[group[0]] < ALONE)]
    if not rest:
        return sorted(_cut(sorted(row for group in alone for row in group), 1 - vectors @ vectors.T), key=min)
    centres = np.stack([vectors[group].mean(axis=0) for group in rest])
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-6)
    room = np.array([2 * LARGEST - len(group) for group in rest])
    for row in sorted(group[0] for group in alone):
        near = (centres @ vectors[row]).round(5)
        if not (room > 0).any():
            rest.append([row])
            continue
        best = int(np.argmax(np.where(room > 0, near, -2)))
        rest[best].append(row)
        room[best] -= 1
    return sorted((sorted(group) for group in rest), key=min)


def _of_labels(labels: NDArray[Any]) -> list[list[int]]:
    found: dict[int, list[int]] = {}
    for row, label in enumerate(labels.tolist()):
        found.setdefault(label, []).append(row)
    return list(found.values())


def _meaning(texts: Sequence[str], encoder: Embeddings | None) -> Floats:
    han = np.array([encoder is None or has_han(text) for text in texts])
    latin_rows, han_rows = np.flatnonzero(~han), np.flatnonzero(han)
    parts: list[tuple[NDArray[np.intp], Floats]] = []
    if len(latin_rows) and encoder is not None:
        read = np.asarray(encoder.embed_documents([texts[i] for i in latin_rows]), dtype=np.float32)
        parts.append((latin_rows, read))
    if len(han_rows):
        parts.append((han_rows, _characters([texts[i] for i in han_rows])))
    found = np.zeros((len(texts), sum(part.shape[1] for _, part in parts)), dtype=np.float32)
    begin = 0
    for rows, part in parts:  # side by side: what the two say cannot be compared
        found[rows, begin : begin + part.shape[1]] = part
        begin += part.shape[1]
    return found


def _characters(texts: Sequence[str]) -> Floats:
    """By characters and pairs of them: 夜景 is near to 夜景机位."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        counts = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True).fit_transform(texts)
    except ValueError:  # nothing but what the vectoriser takes for white space
        return np.zeros((len(texts), 1), dtype=np.float32)
    return _reduced(sparse.csr_matrix(counts), 128)


def _company(carried: sparse.csr_matrix) -> Floats:
    """How phrases keep company: positive pointwise mutual information over notes, reduced."""
    together = sparse.csr_matrix(carried.T @ carried, dtype=np.float64)
    together.setdiag(0)
    together.eliminate_zeros()
    total = together.sum()
    if not total:
        return np.zeros((together.shape[0], 1), dtype=np.float32)
    sums = np.asarray(together.sum(axis=1)).ravel()
    entries = together.tocoo()
    information = np.log(np.maximum(entries.data * total / (sums[entries.row] * sums[entries.col]), 1.0))
    weight = entries.data / (entries.data + 1)  # once together is little
    positive = sparse.csr_matrix((information * weight, (entries.row, entries.col)), shape=together.shape)
    return _reduced(positive, _COMPONENTS)


def _reduced(matrix: sparse.csr_matrix, components: int) -> Floats:
    """Unit vectors of `matrix`'s rows in fewer dimensions; zeros stay zeros."""
    from sklearn.decomposition import TruncatedSVD

    size = min(components, matrix.shape[0] - 1, matrix.shape[1] - 1)
    if size < 1 or not matrix.nnz:
        return np.zeros((matrix.shape[0], 1), dtype=np.float32)
    found = TruncatedSVD(size, random_state=0, n_iter=4).fit_transform(matrix)
    norms = np.linalg.norm(found, axis=1, keepdims=True)
    return np.where(norms > 1e-6, found / np.maximum(norms, 1e-6), 0).astype(np.float32)
