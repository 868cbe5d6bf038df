"""Exact search: the product of the queries with every vector, block by block, keeping the best as it goes.

What is better than a query's k-th best so far is rare after the first block, so that nearly all of the time goes into
the product itself, and no similarities but those of one block are ever held.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommend.records import Vectors

_FIRST = 1 << 12
"""Vectors of the first block, all of which are looked at; the next ones are twice as large each."""
_SCORES = 1 << 22
"""Similarities at a time, 16 MB: fewer make the product's threads wait for one another."""
_NUMBERS = 1 << 24
"""Of vectors at a time: 64 MB where they must be made float32 first."""


class Found(NamedTuple):
    """The nearest notes of q queries, best first; equal ones by row."""

    rows: NDArray[np.int64]
    """Shape (q, k); -1 where there are fewer than k."""
    scores: NDArray[np.float32]
    """Cosines, shape (q, k); -inf where there is no row."""


def search_exact(
    queries: Vectors, parts: Sequence[NDArray[np.floating]], k: int, gone: NDArray[np.int64] | None = None
) -> Found:
    """The k nearest of all rows.

    Args:
        queries: Unit vectors, shape (q, d).
        parts: Unit vectors, float32 or float16, each of shape (n_i, d); rows are counted through.
        k: How many.
        gone: Rows that are not there any more, ascending.
    """
    best = [(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in queries]
    least = np.full(len(queries), -np.inf, dtype=np.float32)
    gone = np.zeros(0, np.int64) if gone is None else gone
    columns = np.ascontiguousarray(queries.T, dtype=np.float32)
    largest = max(1, min(_SCORES // max(1, len(queries)), _NUMBERS // max(1, queries.shape[1])))
    size = min(_FIRST, largest)
    scores = np.empty((largest, len(queries)), dtype=np.float32)
    begin = 0
    for part in parts:
        start = 0
        while start < len(part):
            block = np.asarray(part[start : start + size], dtype=np.float32)
            product = np.matmul(block, columns, out=scores[: len(block)])
            first = begin + start
            inside = gone[np.searchsorted(gone, first) : np.searchsorted(gone, first + len(block))] - first
            if len(inside):
                product[inside] = -np.inf
            better = product > least
            rows = np.flatnonzero(better if len(queries) == 1 else better.any(axis=1))
            closer = product[rows] > least
            for query in np.flatnonzero(closer.any(axis=0)):
                new = rows[closer[:, query]]
                rows_so_far, scores_so_far = best[query]
                best[query] = _best(rows_so_far, scores_so_far, first + new, product[new, query], k)
                if len(best[query][0]) == k:
                    least[query] = best[query][1].min()
            start += len(block)
            size = min(2 * size, largest)
        begin += len(part)
    found = Found(np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), -np.inf, np.float32))
    for query, (rows, values) in enumerate(best):
        order = np.lexsort((rows, -values))
        found.rows[query, : len(order)] = rows[order]
        found.scores[query, : len(order)] = values[order]
    return found


def _best(
    rows: NDArray[np.int64], scores: NDArray[np.float32], new: NDArray[np.int64], those: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    rows, scores = np.concatenate([rows, new]), np.concatenate([scores, those])
    if len(rows) <= k:
        return rows, scores
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    above, level = np.flatnonzero(scores > least), np.flatnonzero(scores == least)
    # Rows come in ascending order, so the first of those level at the end are the ones with the lowest rows.
    kept = np.sort(np.concatenate([above, level[: k - len(above)]]))
    return rows[kept], scores[kept]


def merged(one: Found, other: Found, k: int) -> Found:
    """The k best of two searches over different rows."""
    rows, scores = np.hstack([one.rows, other.rows]), np.hstack([one.scores, other.scores])
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    return Found(np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1))
