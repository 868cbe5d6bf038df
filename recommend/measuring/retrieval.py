"""Recall, MRR and NDCG out of ranks, with intervals over queries; two methods compared on the same queries.

Each query counts alike, however many targets it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.measuring.ranking import ranks
from recommend.measuring.task import Task
from recommend.methods import Progress
from recommend.records import Vectors
from signatures.metrics.intervals import interval, means, resampled

Floats = NDArray[np.float64]
KS = (10, 100, 1000)


def metric_names(ks: Sequence[int] = KS) -> tuple[str, ...]:
    """What is measured, in percent: Recall@k and NDCG@k for each k, and MRR."""
    return (*(f"Recall@{k}" for k in ks), "MRR", *(f"NDCG@{k}" for k in ks))


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and how sure it is."""

    value: float | None
    """Percent, or points of difference; None where no query says anything."""
    low: float | None
    """Ends of the 95 % bootstrap interval over queries."""
    high: float | None
    queries: int
    """That it is an average of."""

    @property
    def clear(self) -> bool:
        """Whether zero is outside of the interval."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Where a method put the targets of a task."""

    task: Task
    ranks: NDArray[np.int64]
    """Of each pair's target, 1 the best, shape (m,)."""
    ks: tuple[int, ...] = KS

    @classmethod
    def of(cls, task: Task, vectors: Vectors, *, ks: Sequence[int] = KS, progress: Progress | None = None) -> "Ranking":
        """Rank the pool by `vectors`, a row for each of `task.pool`, for every query."""
        return cls(task=task, ranks=ranks(vectors, task.queries, task.targets, progress=progress), ks=tuple(ks))

    def table(self, kept: NDArray[np.bool_] | None = None) -> Floats:
        """A row a query, a column a metric, in percent; NaN where a query has no target among `kept`.

        Recall@k: share of its targets at rank k or better. MRR: 1 over the best rank. NDCG@k: Σ 1/log2(1 + rank) over
        its targets at rank k or better, over what it could be.
        """
        queries, row = np.unique(self.task.queries, return_inverse=True)
        kept = np.ones(len(self.ranks), dtype=np.bool_) if kept is None else kept
        row, rank = row[kept], self.ranks[kept]
        count = np.bincount(row, minlength=len(queries)).astype(np.float64)
        some = np.where(count > 0, count, np.nan)
        best = np.full(len(queries), np.inf)
        np.minimum.at(best, row, rank)
        gain = 1 / np.log2(1 + rank)
        ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(2 + np.arange(int(count.max(initial=0)))))])
        recall = [np.bincount(row, weights=rank <= k, minlength=len(queries)) / some for k in self.ks]
        possible = [ideal[np.minimum(count, k).astype(np.intp)] for k in self.ks]
        gained = [np.bincount(row, weights=gain * (rank <= k), minlength=len(queries)) for k in self.ks]
        ndcg = [g / np.where(count > 0, p, np.nan) for g, p in zip(gained, possible, strict=True)]
        return 100 * np.column_stack([*recall, np.where(count > 0, 1 / best, np.nan), *ndcg])

    def slices(self) -> dict[str, NDArray[np.bool_] | None]:
        """Everything (`all`), and the task's parts that hold a pair."""
        return {"all": None, **{name: kept for name, kept in self.task.slices.items() if kept.any()}}

    def estimates(self, *, resamples: int = 1000, seed: int = 0) -> dict[str, dict[str, Estimate]]:
        """Every metric of every part, by the part's name and the metric's."""
        return {name: _estimates(self, self.table(kept), None, resamples, seed) for name, kept in self.slices().items()}


def compare(one: Ranking, other: Ranking, *, resamples: int = 1000, seed: int = 0) -> dict[str, dict[str, Estimate]]:
    """`one` less `other`, both drawn together: by part and metric.

    Raises:
        ValueError: they are not of the same task.
    """
    same = one.task.pool == other.task.pool and one.ks == other.ks
    if not (same and np.array_equal(one.task.queries, other.task.queries) and len(one.ranks) == len(other.ranks)):
        raise ValueError("only rankings of one task can be compared")
    return {
        name: _estimates(one, one.table(kept), other.table(kept), resamples, seed)
        for name, kept in one.slices().items()
    }


def _estimates(ranking: Ranking, table: Floats, less: Floats | None, resamples: int, seed: int) -> dict[str, Estimate]:
    values = means(table) if less is None else means(table - less)
    draws = resampled(table if less is None else table - less, resamples, seed)
    found = {}
    for column, name in enumerate(metric_names(ranking.ks)):
        ends = interval(draws[:, column])
        value = float(values[column])
        found[name] = Estimate(
            value=None if np.isnan(value) else value,
            low=ends[0] if ends else None,
            high=ends[1] if ends else None,
            queries=int((~np.isnan(table[:, column])).sum()),
        )
    return found
