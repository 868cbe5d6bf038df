"""Learning which candidates are a note's tags, and how far to trust the answer."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handbook.matching.memory import Floats, Ints

PARTS = 4
"""Of the notes; each model learns without one and is tried on it, and all are asked together."""
_SEEDS = 5
_FEW = 550_000
"""Pairs that are learned from once. Of fewer, chance in learning tells: with half as many two models learn without each
part, with a fifth five, each from samples of its own."""
_AT_ONCE = 2
"""Models that are learned at a time, each in one thread."""
_ROUNDS = 160
_PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.08,
    "num_leaves": 24,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "verbose": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "seed": 7,
}


class Learned(NamedTuple):
    """Models and what they said of pairs they had not seen."""

    models: list[str]
    """As LightGBM writes them."""
    scores: Floats
    """Log-odds of each pair by the models that did not learn from its note, their mean, shape (p,)."""


def learn(rows: Ints, features: Floats, labels: NDArray[np.bool_], columns: Sequence[str]) -> Learned:
    """Learn from pairs.

    Args:
        rows: Note of each pair, ascending, shape (p,).
        features: Shape (p, len(columns)).
        labels: Whether the tag is the note's own, shape (p,).
        columns: Names of the features.
    """
    import lightgbm

    part = rows % PARTS
    # Made once: a part's own data would take as much room again, and be made as slowly.
    data = lightgbm.Dataset(features, labels.astype(np.float32), feature_name=list(columns), params=_PARAMETERS)
    data.construct()
    seeds = range(min(_SEEDS, max(1, _FEW // max(1, len(rows)))))

    def without(number: int) -> tuple[list[str], Floats]:
        inside = part != number
        others = data.subset(np.flatnonzero(inside).tolist())
        models, said = [], np.zeros(int((~inside).sum()), dtype=np.float32)
        for seed in seeds:
            model = lightgbm.train({**_PARAMETERS, "seed": _PARAMETERS["seed"] + seed}, others, _ROUNDS)
            models.append(model.model_to_string())
            if len(said):
                said += np.asarray(model.predict(features[~inside], raw_score=True, num_threads=1)) / len(seeds)
        return models, said

    models, scores = [], np.zeros(len(rows), dtype=np.float32)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for number, (learned, said) in enumerate(pool.map(without, range(PARTS))):
            models += learned
            scores[part == number] = said
    return Learned(models, scores)


def calibrated(scores: Floats, labels: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Corners of the rising line from a score to the share of pairs with that score that are right."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, labels.astype(np.float64))
    x, y = np.asarray(fitted.X_thresholds_), np.asarray(fitted.y_thresholds_)
    middle: list[tuple[float, float]] = []
    for value in np.unique(y):
        middle.append((float(x[y == value].mean()), float(value)))
    return np.array([a for a, _ in middle], dtype=np.float32), np.array([b for _, b in middle], dtype=np.float32)


class Outcome(NamedTuple):
    """How well notes were predicted without themselves, in percent."""

    f1: dict[int, float]
    """By the number of tags given."""
    share: float
    """Of the likeliest tag's probability, from which others are given too."""
    at_share: float
    """F1 then; one to eight tags a note."""


_SHARES = np.arange(0.1, 1.0, 0.05)
_AS_GOOD = 0.5
"""Points of F1: of shares as good as the best, the one with the fewest tags."""
_MOST = 8


def measured(rows: Ints, probabilities: Floats, labels: NDArray[np.bool_], gold: Ints) -> Outcome:
    """F1 of mean precision and mean recall over notes.

    How likely a note's best tag is differs from note to note; a tag that is not much less likely than the best one is
    worth giving, whatever the probability. So the line is drawn at a share of the best.

    Args:
        rows: Note of each pair, shape (p,).
        probabilities: Of each pair, shape (p,).
        labels: Whether it is right, shape (p,).
        gold: Tags of each note, shape (n,).
    """
    order = np.lexsort((np.arange(len(rows)), -probabilities, rows))
    rows, probabilities, labels = rows[order], probabilities[order], labels[order]
    starts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1])) if len(rows) else np.zeros(0, dtype=np.intp)
    sizes = np.diff(np.append(starts, len(rows)))
    place = np.arange(len(rows)) - np.repeat(starts, sizes)
    best = np.repeat(probabilities[starts], sizes)
    f1 = {k: _f1(rows, labels, place < k, gold) for k in (1, 3, 5)}
    at = {
        round(edge, 2): _f1(rows, labels, ((probabilities >= edge * best) & (place < _MOST)) | (place < 1), gold)
        for edge in _SHARES.tolist()
    }
    share = max(edge for edge, value in at.items() if value >= max(at.values()) - _AS_GOOD)
    return Outcome(f1, share, at[share])


def _f1(rows: Ints, labels: NDArray[np.bool_], given: NDArray[np.bool_], gold: Ints) -> float:
    hits = np.bincount(rows[given & labels], minlength=len(gold))
    shown = np.bincount(rows[given], minlength=len(gold))
    asked = gold > 0
    precision = (hits[asked] / np.maximum(shown[asked], 1)).mean()
    recall = (hits[asked] / gold[asked]).mean()
    return float(200 * precision * recall / (precision + recall)) if precision + recall else 0.0
