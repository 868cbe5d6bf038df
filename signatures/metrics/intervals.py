"""How sure a number is: percentile bootstrap over notes.

Notes are drawn with replacement, as many as there are, and the metric is worked out anew from the averages of the drawn
ones, so that F1 of two averages stays what it is. The same seed and number of notes give the same draws: two systems on
the same notes are drawn together, and their difference is paired.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 95
"""Percent."""
_AT_ONCE = 1 << 20
"""Weights held at a time."""


def means(table: Floats) -> Floats:
    """Mean of every column over the notes that have a value there; NaN where none has. Shape (n, c) to (c,).

    Summed note by note in their order, as the published scorer does it: the last digit is the same.
    """
    found = np.full(table.shape[1], np.nan)
    for number, column in enumerate(table.T):
        values = column[~np.isnan(column)]
        if len(values):
            found[number] = np.cumsum(values / len(values))[-1]
    return found


def resampled(table: Floats, resamples: int, seed: int = 0) -> Floats:
    """Means of the columns in every resample: shape (n, c) to (resamples, c), NaN where no drawn note has a value.

    Raises:
        ValueError: resamples below 1.
    """
    if resamples < 1:
        raise ValueError(f"resamples must be >= 1, got {resamples}")
    n, columns = table.shape
    found = np.full((resamples, columns), np.nan)
    if not n:
        return found
    known = ~np.isnan(table)
    values = np.hstack([np.where(known, table, 0.0), known])
    random = np.random.default_rng(seed)
    size = max(1, min(resamples, _AT_ONCE // n))
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        drawn = random.integers(0, n, size=(rows, n)) + n * np.arange(rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        sums = weights.astype(np.float64) @ values
        counts = sums[:, columns:]
        np.divide(sums[:, :columns], counts, out=found[start : start + rows], where=counts > 0)
    return found


def interval(draws: Floats) -> tuple[float, float] | None:
    """The middle `CONFIDENCE` percent of the draws; None where there is none."""
    draws = draws[~np.isnan(draws)]
    if not len(draws):
        return None
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(draws, [tail, 100 - tail])
    return float(low), float(high)
