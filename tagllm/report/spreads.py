"""How a number spreads over notes: kept in a few bytes a note, shown as a few bars."""

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

_BARS = 20
_MOST_WHOLE = 40


class Column:
    """A number of each note, by its place; 4 bytes a note."""

    def __init__(self) -> None:
        self.values = array("f")
        """NaN where a note has none."""

    def put(self, place: int, value: float) -> None:
        """Keep a note's number."""
        self.values.extend([math.nan] * (place + 1 - len(self.values)))
        self.values[place] = value

    def get(self, place: int) -> float | None:
        """A note's number, if it has one."""
        value = self.values[place] if place < len(self.values) else math.nan
        return None if math.isnan(value) else value


def spread(
    numbers: Sequence[float], low: float | None = None, high: float | None = None, *, percent: bool = False
) -> dict[str, Any] | None:
    """Counts in equal bars between two ends, those of the values by default, with their median; None without values."""
    values = np.asarray(numbers, dtype=np.float64)
    values = values[np.isfinite(values)] * (100 if percent else 1)
    if not len(values):
        return None
    first = (low * (100 if percent else 1)) if low is not None else math.floor(values.min())
    last = (high * (100 if percent else 1)) if high is not None else max(first + 1, math.ceil(values.max()))
    counts, _ = np.histogram(np.clip(values, first, last), bins=_BARS, range=(first, last))
    return {"low": first, "high": last, "counts": counts.tolist(), "median": round(float(np.median(values)), 3)}


def counted(counts: Counter[int]) -> dict[str, Any] | None:
    """A bar for every whole number, as `spread` gives them; the last one holds all higher numbers too."""
    if not counts:
        return None
    last = min(max(counts), _MOST_WHOLE)
    bars = [counts[n] for n in range(last)] + [sum(n for value, n in counts.items() if value >= last)]
    ordered = sorted(counts.items())
    half, seen, median = sum(counts.values()) / 2, 0, 0
    for value, n in ordered:
        seen += n
        if seen >= half:
            median = value
            break
    return {"low": 0, "high": last, "counts": bars, "median": median, "whole": True}
