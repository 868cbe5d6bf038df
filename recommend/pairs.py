"""Pairs of notes out of clicks: which notes to recommend beside which.

The co-clicks of a block of notes are one sparse product, cut down to each note's best targets before the next block:
what is held at a time depends on `BLOCK`, not on how many pairs there are. Scores are summed in whole numbers, so that
the order of the rows changes no byte.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import sparse

from notes.writing import JsonlWriter
from recommend.clicks import Clicks
from recommend.records import Pair, PairOptions, RecommendError

BLOCK = 1 << 23
"""Co-clicks counted at a time: about 200 MB."""
_ONE = 1 << 40
"""1/N_u is counted in 2^-40: the sum over 16 million users who clicked both still fits into 64 bits."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pairs in the order of their queries, each query's best target first; m of them."""

    ids: tuple[str, ...]
    """Of all notes, sorted."""
    queries: NDArray[np.int32]
    """Places in `ids`, shape (m,), ascending."""
    targets: NDArray[np.int32]
    """Places in `ids`, shape (m,)."""
    scores: NDArray[np.float64]
    """Shape (m,); within a query descending."""

    def __len__(self) -> int:
        return len(self.queries)

    def __iter__(self) -> Iterator[Pair]:
        rows = zip(self.queries.tolist(), self.targets.tolist(), self.scores.tolist(), strict=True)
        return (Pair(query=self.ids[query], target=self.ids[target], score=score) for query, target, score in rows)

    def best(self, count: int) -> "Pairs":
        """The first `count` targets of each query."""
        place = np.arange(len(self.queries)) - np.searchsorted(self.queries, self.queries)
        kept = place < count
        return Pairs(ids=self.ids, queries=self.queries[kept], targets=self.targets[kept], scores=self.scores[kept])


def find_pairs(
    clicks: Clicks, options: PairOptions | None = None, *, progress: Callable[[int, int], None] | None = None
) -> Pairs:
    """Each note's best targets.

    Users with more than `options.most_clicks` notes are left out here; `clicks.crowded` says how many there are.
    Costs Σ_u N_u² additions.

    Args:
        clicks: Each user once a note.
        options: Which definition, which thresholds.
        progress: Called with the notes done and the notes there are.
    """
    options = options or PairOptions()
    clicks = clicks.without_crowded(options.most_clicks)
    users, notes = clicks.users, clicks.notes
    total = len(clicks.ids)
    _, users = np.unique(users, return_inverse=True)
    per_user = np.bincount(users)
    if options.definition == "cosine":
        worth = np.ones(len(users), dtype=np.int64)
    else:
        worth = np.rint(_ONE / per_user).astype(np.int64)[users]
    shape = (len(per_user), total)
    weighed = sparse.csr_array((worth, (users, notes)), shape=shape)
    clicked = sparse.csr_array((np.ones(len(users), dtype=np.int64), (notes, users)), shape=shape[::-1])
    popularity = np.bincount(notes, minlength=total)
    cost = np.bincount(notes, weights=per_user[users].astype(np.float64), minlength=total).astype(np.int64)
    found: list[_Found] = []
    for first, last in _blocks(cost):
        found.append(_best(clicked[first:last] @ weighed, first, popularity, options))
        if progress is not None:
            progress(last, total)
    return Pairs(
        ids=clicks.ids,
        queries=np.concatenate([one.queries for one in found] or [np.zeros(0, np.int32)]),
        targets=np.concatenate([one.targets for one in found] or [np.zeros(0, np.int32)]),
        scores=np.concatenate([one.scores for one in found] or [np.zeros(0)]),
    )


class _Found(NamedTuple):
    queries: NDArray[np.int32]
    targets: NDArray[np.int32]
    scores: NDArray[np.float64]


def _blocks(cost: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Stretches of notes whose co-clicks come to `BLOCK` or less, a note at least."""
    ends = np.cumsum(cost)
    first = 0
    while first < len(cost):
        before = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + BLOCK, side="right")))
        yield first, last
        first = last


def _best(rows: Any, first: int, popularity: NDArray[np.int64], options: PairOptions) -> _Found:
    """The best targets of a block of notes, `first` the place of its first; `rows` what was counted of each pair."""
    queries, targets, scores = [], [], []
    for row, (start, end) in enumerate(itertools.pairwise(rows.indptr.tolist())):
        query, others, counted = first + row, rows.indices[start:end], rows.data[start:end]
        kept = others != query
        if options.definition == "cosine":
            kept &= counted >= options.support
            others = others[kept]
            score = counted[kept] / np.sqrt(popularity[others] * float(popularity[query]))
        else:
            # Rounded, for the sum of 2^-40ths of a score that is the threshold may lie beside it.
            score = np.round(counted / _ONE, 9)
            kept &= (score >= options.lowest) & (score <= options.highest)
            others, score = others[kept], score[kept]
        if len(score) > options.most:
            last = np.partition(score, len(score) - options.most)[len(score) - options.most]
            others, score = others[score >= last], score[score >= last]
        order = np.lexsort((others, -score))[: options.most]
        queries.append(np.full(len(order), query, dtype=np.int32))
        targets.append(others[order].astype(np.int32))
        scores.append(score[order])
    return _Found(np.concatenate(queries), np.concatenate(targets), np.concatenate(scores))


def write_pairs(path: Path, pairs: Iterable[Pair]) -> int:
    """Write a pair a line as JSON; returns how many."""
    writer = JsonlWriter(path)
    try:
        for pair in pairs:
            writer.write(pair)
    finally:
        writer.close()
    if not writer.count:
        path.write_bytes(b"")
    return writer.count


def read_pairs(path: Path) -> Iterator[Pair]:
    """Pairs as `write_pairs` wrote them.

    Raises:
        RecommendError: there is no such file, or a line is no pair.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise RecommendError(f"{path}: {error.strerror}; make pairs with: tagllm recommend pairs") from None
    with file:
        for number, line in enumerate(file, 1):
            try:
                yield Pair.model_validate_json(line)
            except ValidationError as error:
                problem = error.errors()[0]["msg"]
                raise RecommendError(f"{path}:{number}: no pair: {problem}; make the pairs again") from None


__all__ = ["Pairs", "find_pairs", "read_pairs", "write_pairs"]
