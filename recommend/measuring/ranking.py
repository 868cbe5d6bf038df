"""Where a note stands when all other notes are ordered by their similarity to a query."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recommend.records import Vectors

_STEPS = 1 << 20
"""Similarities are compared in steps of 2^-20, about 1e-6: below that a float32 product depends on how it was cut into
blocks, and equal notes would not be equal."""
_AT_ONCE = 1 << 25
"""Similarities held at a time: 128 MB."""


def ranks(
    vectors: Vectors,
    queries: NDArray[np.integer],
    targets: NDArray[np.integer],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.int64]:
    """Rank of each target, 1 the best, among all notes but the query itself, as the NoteLLM paper ranks.

    rank = 1 + the notes more similar to the query than the target + those exactly as similar that stand before it.
    Notes must stand in the order of their ids: then ranks do not depend on the order of anybody's rows.

    Args:
        vectors: Unit vectors of the pool, in the order of the notes' ids, shape (p, d).
        queries: Row of each query, shape (m,), ascending.
        targets: Row of its target, shape (m,).
        progress: Called with the pairs done and the pairs there are.

    Raises:
        ValueError: a pair's query is its target.
    """
    if (queries == targets).any():
        raise ValueError("a note is no target of its own")
    found = np.zeros(len(queries), dtype=np.int64)
    size = max(1, _AT_ONCE // max(1, len(vectors)))
    asked, starts = np.unique(queries, return_index=True)
    ends = np.append(starts[1:], len(queries))
    places = np.arange(len(vectors))
    for first in range(0, len(asked), size):
        rows = asked[first : first + size]
        similar = np.rint((vectors[rows] @ vectors.T) * _STEPS).astype(np.int32)
        similar[np.arange(len(rows)), rows] = np.iinfo(np.int32).min
        for row in range(len(rows)):
            for pair in range(starts[first + row], ends[first + row]):
                target = targets[pair]
                own = similar[row, target]
                before = np.count_nonzero(similar[row] > own)
                before += np.count_nonzero((similar[row] == own) & (places < target))
                found[pair] = 1 + before
        if progress is not None:
            progress(int(ends[min(first + size, len(asked)) - 1]), len(queries))
    return found
