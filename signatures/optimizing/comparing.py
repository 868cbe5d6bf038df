"""Two versions on the same notes: the difference of their scores, and how sure it is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from signatures.metrics.intervals import interval, resampled

RESAMPLES = 2000


class Gain(NamedTuple):
    """After less before, over the same notes."""

    before: float
    """Mean score, 0 to 1."""
    after: float
    value: float
    low: float
    """Ends of the interval of the difference, paired by note."""
    high: float
    notes: int

    @property
    def clear(self) -> bool:
        """Whether it is a gain beyond doubt: the interval lies above zero."""
        return self.low > 0


def gain_of(before: Sequence[float], after: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0) -> Gain:
    """The gain from one list of scores to another, both of the same notes in the same order.

    Raises:
        ValueError: the lists differ in length, or are empty.
    """
    if len(before) != len(after) or not before:
        raise ValueError(f"as many scores before as after, and at least one, got {len(before)} and {len(after)}")
    table = np.array([before, after], dtype=np.float64).T
    old, new = float(np.mean(table[:, 0])), float(np.mean(table[:, 1]))
    differences = (table[:, 1] - table[:, 0])[:, None]
    low, high = interval(resampled(differences, resamples, seed)[:, 0]) or (0.0, 0.0)
    return Gain(old, new, new - old, low, high, len(before))
