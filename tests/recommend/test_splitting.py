"""What is measured on was not learned from."""

from pathlib import Path

import numpy as np
import pytest

from recommend import RecommendError
from recommend.clicks import Clicks, read_clicks
from recommend.pairs import find_pairs
from recommend.splitting import SplitBy, split


@pytest.fixture
def clicks(tmp_path: Path) -> Clicks:
    chance = np.random.default_rng(4)
    file = tmp_path / "clicks.csv"
    rows = [
        f"u{u},n{n},{t}\n"
        for u, n, t in zip(*(chance.integers(0, most, 900) for most in (40, 60, 10_000)), strict=True)
    ]
    file.write_text("user_id,note_id,timestamp\n" + "".join(rows), "utf-8")
    return read_clicks(file, [f"n{number}" for number in range(60)])


def keys(clicks: Clicks) -> set[tuple[int, int]]:
    return set(zip(clicks.users.tolist(), clicks.notes.tolist(), strict=True))


def test_by_time_nothing_trained_on_is_as_late_as_what_is_measured(clicks: Clicks) -> None:
    parts = split(clicks, "time", share=0.25)
    assert parts.cut is not None
    assert parts.train.times.max() < parts.cut <= parts.test.times.min()
    assert len(parts.test) == pytest.approx(0.25 * len(clicks), rel=0.02)
    assert not keys(parts.train) & keys(parts.test)
    assert keys(parts.train) | keys(parts.test) == keys(clicks)


def test_by_note_no_note_is_in_both_parts_and_an_id_always_falls_on_the_same_side(clicks: Clicks) -> None:
    parts = split(clicks, "note", share=0.3, seed=1)
    assert not set(parts.train.notes.tolist()) & set(parts.test.notes.tolist())
    ids = {clicks.ids[note] for note in parts.test.notes}
    fewer = split(clicks.of(clicks.notes % 2 == 0), "note", share=0.3, seed=1)
    assert {fewer.test.ids[note] for note in fewer.test.notes} == {id for id in ids if clicks.ids.index(id) % 2 == 0}
    assert ids != {clicks.ids[note] for note in split(clicks, "note", share=0.3, seed=2).test.notes}


def test_by_both_the_parts_share_neither_notes_nor_days_nor_pairs(clicks: Clicks) -> None:
    parts = split(clicks, "both", share=0.4)
    assert parts.train.times.max() < parts.test.times.min()
    assert not set(parts.train.notes.tolist()) & set(parts.test.notes.tolist())
    learned = {(pair.query, pair.target) for pair in find_pairs(parts.train)}
    measured = {(pair.query, pair.target) for pair in find_pairs(parts.test)}
    assert learned
    assert measured
    assert not learned & measured
    assert (parts.seen[parts.held_out] == 0).all()


@pytest.mark.parametrize("by", ["time", "both"])
def test_clicks_without_a_time_are_not_divided_by_time(tmp_path: Path, by: SplitBy) -> None:
    file = tmp_path / "clicks.csv"
    file.write_text("user_id,note_id\nu,a\nu,b\n", "utf-8")
    with pytest.raises(RecommendError, match=r"2 of 2 clicks have no timestamp .*--split note"):
        split(read_clicks(file, "ab"), by)


def test_a_part_that_would_be_empty_is_refused(clicks: Clicks) -> None:
    with pytest.raises(RecommendError, match="both must be there"):
        split(clicks.of(clicks.notes == 0), "note", share=0.3)
