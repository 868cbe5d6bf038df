"""Measuring predictions as published tables do, and turning scores into probabilities."""

import numpy as np
import pytest

from handbook.matching import learning
from handbook.matching.learning import PARTS, calibrated, learn, measured
from signatures.metrics.keyphrase import score


def test_f1_of_three_notes_worked_out_by_hand() -> None:
    # Of the first note's two tags the 1st and the 3rd of four candidates are right, of the second note's only one the
    # 2nd of two; the third note has no tag, so nothing can be found. The pairs are not in order of probability.
    rows = np.array([1, 0, 0, 0, 0, 1, 2], dtype=np.int32)
    probabilities = np.array([0.9, 0.7, 0.9, 0.6, 0.8, 0.2, 0.99], dtype=np.float32)
    labels = np.array([0, 1, 1, 0, 0, 1, 0], dtype=bool)
    found = measured(rows, probabilities, labels, np.array([2, 1, 0], dtype=np.int32)).f1
    one = 2 * (1 / 2) * (1 / 4) / (1 / 2 + 1 / 4)
    three = 2 * (7 / 12) * 1 / (7 / 12 + 1)
    five = 2 * (1 / 2) * 1 / (1 / 2 + 1)
    assert found == pytest.approx({1: 100 * one, 3: 100 * three, 5: 100 * five})


@pytest.mark.parametrize("seed", range(5))
def test_f1_is_the_published_one(seed: int) -> None:
    chance = np.random.default_rng(seed)
    golds, predictions, pairs = [], [], []
    for row in range(40):
        candidates = chance.permutation(30)[: chance.integers(0, 9)].tolist()
        gold = chance.permutation(30)[: chance.integers(0, 6)].tolist()
        chances = np.sort(chance.random(len(candidates)))[::-1]
        golds.append([f"tag{number}" for number in gold])
        predictions.append([f"tag{number}" for number in candidates])
        pairs.extend((row, p, c in gold) for p, c in zip(chances.tolist(), candidates, strict=True))
    shuffled = [pairs[place] for place in chance.permutation(len(pairs)).tolist()]
    rows, probabilities, labels = (np.array(column) for column in zip(*shuffled, strict=True))
    found = measured(
        rows.astype(np.int32),
        probabilities.astype(np.float32),
        labels,
        np.array([len(gold) for gold in golds], dtype=np.int32),
    ).f1
    wanted = score(golds, predictions)
    assert wanted["F1@3"]
    assert found == pytest.approx({k: wanted[f"F1@{k}"] for k in (1, 3, 5)})


def test_candidates_that_are_all_wrong_score_nothing() -> None:
    rows, gold = np.array([0, 0, 1], dtype=np.int32), np.array([1, 1], dtype=np.int32)
    found = measured(rows, np.array([0.5, 0.4, 0.3], dtype=np.float32), np.zeros(3, dtype=bool), gold)
    assert found.f1 == {1: 0.0, 3: 0.0, 5: 0.0}


def _scored(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds that are twice as sure as they should be, and what came true."""
    chance = np.random.default_rng(seed)
    odds = chance.normal(-1, 1.5, 4000)
    return (2 * odds).astype(np.float32), chance.random(4000) < 1 / (1 + np.exp(-odds))


def test_calibration_never_falls() -> None:
    scores, labels = _scored(0)
    x, y = calibrated(scores, labels)
    assert len(x) == len(y) > 10
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) > 0).all()
    line = np.interp(np.linspace(-20, 20, 2001), x, y)
    assert (np.diff(line) >= 0).all()
    assert line.min() >= 0
    assert line.max() <= 1
    assert line[-1] - line[0] > 0.8


def test_calibration_holds_on_scores_it_has_not_seen() -> None:
    line = calibrated(*_scored(0))
    scores, labels = _scored(1)
    said = np.interp(scores, *line)
    for low, high in ((0.0, 0.2), (0.2, 0.4), (0.4, 0.7), (0.7, 1.0)):
        inside = (said >= low) & (said <= high)
        assert inside.sum() > 100
        assert said[inside].mean() == pytest.approx(labels[inside].mean(), abs=0.06)


@pytest.mark.parametrize("label", [False, True])
def test_calibration_of_one_outcome_says_that_outcome(label: bool) -> None:
    x, y = calibrated(np.array([-1, 0, 2], dtype=np.float32), np.full(3, label))
    assert np.interp([-5, 0, 5], x, y).tolist() == [float(label)] * 3


@pytest.mark.parametrize(("few", "seeds"), [(400, 1), (800, 2), (10_000, 5)])
def test_few_pairs_are_learned_from_more_than_once(few: int, seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "_FEW", few)
    chance = np.random.default_rng(4)
    rows = np.repeat(np.arange(100, dtype=np.int32), 4)
    features = chance.normal(size=(400, 3)).astype(np.float32)
    labels = features[:, 0] > 0
    learned = learn(rows, features, labels, ["a", "b", "c"])
    trees = {text.partition("tree_sizes")[2].partition("parameters:")[0] for text in learned.models}
    assert len(learned.models) == len(trees) == PARTS * seeds
    assert learned.scores[labels].mean() > 0 > learned.scores[~labels].mean()
