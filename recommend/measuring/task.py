"""What is asked of a method: for each query note, find its targets among all other test notes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.pairs import find_pairs
from recommend.records import PairOptions, RecommendError
from recommend.splitting import Split


@dataclass(frozen=True, kw_only=True)
class Task:
    """m pairs over a pool of p notes."""

    pool: tuple[str, ...]
    """Ids of the test notes, sorted: those somebody clicked in the test part. All of them are ranked."""
    queries: NDArray[np.int64]
    """Row of the query in the pool, shape (m,), ascending."""
    targets: NDArray[np.int64]
    """Row of the target, shape (m,)."""
    slices: dict[str, NDArray[np.bool_]]
    """Parts of the pairs, by their target: `low_exposure`, `high_exposure`, `warm`, `cold`; `both_cold` where the query
    is cold too. Each of shape (m,)."""
    exposure: tuple[int, int]
    """Users of a target of low exposure at most, of high exposure at least."""
    options: PairOptions

    @property
    def chance(self) -> float:
        """Of a target to stand at any one rank, 0 to 1: Recall@k of a random order is k times that."""
        return 1 / (len(self.pool) - 1)


def make_task(
    parts: Split,
    options: PairOptions | None = None,
    *,
    targets: int = 1,
    exposure: tuple[int, int] | None = None,
) -> Task:
    """Pairs out of the test clicks, and the notes to rank.

    A note is cold when nobody clicked it in training. Its exposure is how many users clicked it, in training and
    test; low and high are the lowest and the highest third of the targets, or what `exposure` says.

    Args:
        parts: Clicks to measure on, and those trained on.
        options: Which notes belong together.
        targets: Of each query, the strongest first.
        exposure: Users of low exposure at most, of high exposure at least.

    Raises:
        RecommendError: no two test notes belong together.
    """
    options = options or PairOptions()
    pairs = find_pairs(parts.test, options).best(targets)
    if not len(pairs):
        raise RecommendError(
            f"no two of the {int((parts.test.popularity > 0).sum()):,} test notes belong together by "
            f"{options.definition}; lower --lowest {options.lowest:g} or --support {options.support}, or hold out "
            "more with --test-share"
        )
    tested = np.flatnonzero(parts.test.popularity)
    users = parts.test.popularity if parts.by == "none" else parts.test.popularity + parts.train.popularity
    exposed = users[pairs.targets]
    low, high = exposure or (int(np.quantile(exposed, 1 / 3)), int(np.quantile(exposed, 2 / 3, method="higher")))
    cold = parts.seen[pairs.targets] == 0
    slices = {
        "low_exposure": exposed <= low,
        "high_exposure": (exposed >= high) & (exposed > low),
        "warm": ~cold,
        "cold": cold,
        "both_cold": cold & (parts.seen[pairs.queries] == 0),
    }
    return Task(
        pool=tuple(pairs.ids[note] for note in tested),
        queries=np.searchsorted(tested, pairs.queries),
        targets=np.searchsorted(tested, pairs.targets),
        slices=slices,
        exposure=(low, high),
        options=options,
    )
