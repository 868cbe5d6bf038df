"""The bootstrap: what it draws, and that its intervals hold what they promise."""

import numpy as np
import pytest

from signatures.metrics import intervals
from signatures.metrics.intervals import Floats, interval, means, resampled


def table(n: int, seed: int = 0) -> Floats:
    """Three columns: hits, shares, and one that half of the notes say nothing about."""
    random = np.random.default_rng(seed)
    found = random.random((n, 3)) * [1.0, 0.5, 1.0]
    found[:, 0] = found[:, 0] < 0.4
    found[random.random(n) < 0.5, 2] = np.nan
    return found


def width(n: int) -> float:
    ends = interval(resampled(table(n), 500)[:, 1])
    assert ends is not None
    return ends[1] - ends[0]


def test_means_are_over_the_notes_that_say_something() -> None:
    nan = float("nan")
    assert means(np.array([[1.0, nan, nan], [0.0, 3.0, nan]]))[:2].tolist() == [0.5, 3.0]
    assert np.isnan(means(np.array([[1.0, nan]])))[1]
    assert np.isnan(means(np.zeros((0, 2)))).all()


@pytest.mark.parametrize("seed", range(5))
def test_an_interval_contains_the_estimate(seed: int) -> None:
    found = table(60, seed)
    draws = resampled(found, 500)
    for column, value in enumerate(means(found)):
        ends = interval(draws[:, column])
        assert ends is not None
        assert ends[0] <= value <= ends[1]


def test_an_interval_shrinks_with_the_root_of_the_notes() -> None:
    assert width(100) > width(400) > width(1600)
    assert width(100) / width(1600) == pytest.approx(4, rel=0.25)


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    found = table(50)
    assert np.array_equal(resampled(found, 200, 3), resampled(found, 200, 3), equal_nan=True)
    assert not np.array_equal(resampled(found, 200, 3), resampled(found, 200, 4), equal_nan=True)


def test_draws_do_not_depend_on_how_many_are_made_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found = table(50)
    at_once = resampled(found, 300)
    monkeypatch.setattr(intervals, "_AT_ONCE", 333)
    assert np.allclose(resampled(found, 300), at_once, rtol=1e-12)
    assert np.array_equal(resampled(found, 20), resampled(found, 300)[:20], equal_nan=True)


def test_a_resample_is_as_many_notes_as_there_are() -> None:
    numbered = np.arange(7, dtype=np.float64)[:, None]
    draws = resampled(numbered, 50)[:, 0] * 7
    assert np.allclose(draws, draws.round())
    assert 0 <= draws.min() < draws.max() <= 42


def test_two_systems_on_the_same_notes_are_drawn_together() -> None:
    """A constant gain is seen as constant, however much the notes differ among themselves."""
    full = table(40)
    draws = resampled(full + 0.1, 300) - resampled(full, 300)
    assert np.allclose(draws[:, :2], 0.1)
    assert interval((resampled(full, 300) - resampled(full.copy(), 300))[:, 0]) == (0.0, 0.0)


def test_nothing_gives_no_interval_and_one_note_a_point() -> None:
    assert interval(resampled(np.zeros((0, 1)), 10)[:, 0]) is None
    assert interval(resampled(np.full((3, 1), np.nan), 10)[:, 0]) is None
    assert interval(resampled(np.array([[0.5]]), 10)[:, 0]) == (0.5, 0.5)
    with pytest.raises(ValueError, match="resamples must be >= 1, got 0"):
        resampled(table(3), 0)


def test_95_percent_of_the_intervals_hold_the_truth() -> None:
    """Of a mean, and of an F1 of two means; of a population whose truth is known."""
    truth = np.array([0.4, 2 * 0.4 * 0.25 / 0.65])
    held = np.zeros(2)
    tried = 400
    for seed in range(tried):
        draws = resampled(table(80, seed), 400, seed)
        precision, recall = draws[:, 0], draws[:, 1]
        for number, values in enumerate((precision, 2 * precision * recall / (precision + recall))):
            ends = interval(values)
            assert ends is not None
            held[number] += ends[0] <= truth[number] <= ends[1]
    assert (held / tried > 0.915).all()
    assert (held / tried < 0.98).all()
