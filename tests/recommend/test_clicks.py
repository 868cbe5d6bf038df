"""Interactions are read from any of the formats into the same clicks, and every row is accounted for."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from notes.reading import UnreadableInput
from recommend import RecommendError
from recommend.clicks import Clicks, read_clicks

ROWS = [
    {"user_id": "u", "note_id": "a", "timestamp": 20, "kind": "click"},
    {"user_id": "u", "note_id": "a", "timestamp": 10, "kind": "like"},
    {"user_id": "u", "note_id": "b", "timestamp": 30, "kind": "save"},
    {"user_id": "v", "note_id": "b", "timestamp": 40, "kind": "search"},
    {"user_id": "v", "note_id": "nobody's", "timestamp": 40, "kind": "click"},
    {"user_id": "v", "note_id": "c", "timestamp": 50, "kind": "click"},
    {"user_id": "", "note_id": "c", "timestamp": 50, "kind": "click"},
]


def said(clicks: Clicks) -> list[tuple[int, str, int]]:
    users = sorted(set(clicks.users.tolist()))
    rows = zip(clicks.users.tolist(), clicks.notes.tolist(), clicks.times.tolist(), strict=True)
    return sorted((users.index(user), clicks.ids[note], time) for user, note, time in rows)


def written(folder: Path, suffix: str) -> Path:
    file = folder / f"clicks{suffix}"
    if suffix == ".csv":
        lines = [",".join(ROWS[0]), *(",".join(map(str, row.values())) for row in ROWS)]
        file.write_text("\n".join(lines), "utf-8")
    elif suffix == ".jsonl":
        file.write_text("\n".join(map(json.dumps, ROWS)), "utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), file)
    return file


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_each_user_counts_once_a_note_with_the_first_click_and_every_row_is_accounted_for(
    tmp_path: Path, suffix: str
) -> None:
    clicks = read_clicks(written(tmp_path, suffix), ["c", "b", "a", "d"])
    assert clicks.ids == ("a", "b", "c", "d")
    times = {(id, time) for _, id, time in said(clicks)}
    assert times == {("a", 10_000), ("b", 30_000), ("c", 50_000)}
    assert clicks.counts == {
        "interactions": 7,
        "used": 4,
        "rejected": 1,
        "of_other_kinds": 1,
        "too_weak": 0,
        "of_unknown_notes": 1,
    }
    assert len(clicks.problems) == 1
    assert "no `user_id`" in clicks.problems[0]
    assert clicks.popularity.tolist() == [1, 1, 1, 0]


def rated(folder: Path, strengths: list[float]) -> Path:
    file = folder / "ratings.csv"
    rows = [f"u{number},a,{strength}" for number, strength in enumerate(strengths)]
    file.write_text("user_id,note_id,strength\n" + "\n".join(rows), "utf-8")
    return file


@pytest.mark.parametrize(
    ("strengths", "asked", "least", "kept"),
    [
        ([0.5, 3.5, 4, 4.5, 5], None, 4.0, 3),
        ([1, 2, 3, 4, 5], None, 4.0, 2),
        ([1, 2, 3, 4, 5], 0.0, 0.0, 5),
        ([1, 2, 3, 4, 5], 5.0, 5.0, 1),
        ([1, 1, 1], None, None, 3),
        ([1, 3.25, 5], None, None, 3),
        ([1, 30, 500], None, None, 3),
    ],
)
def test_a_poor_rating_is_no_click(
    tmp_path: Path, strengths: list[float], asked: float | None, least: float | None, kept: int
) -> None:
    clicks = read_clicks(rated(tmp_path, strengths), "a", min_strength=asked)
    assert (clicks.min_strength, len(clicks)) == (least, kept)
    assert clicks.counts["too_weak"] == len(strengths) - kept


def test_files_without_a_click_on_the_notes_are_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(RecommendError, match=r"none of the 5 interactions .*5 too weak; lower --min-strength 9"):
        read_clicks(rated(tmp_path, [1, 2, 3, 4, 5]), "a", min_strength=9)
    with pytest.raises(RecommendError, match="see that note_id there and id in the notes are the same ids"):
        read_clicks(rated(tmp_path, [1]), ["b"])
    (tmp_path / "other.csv").write_text("who,what\n1,2\n")
    with pytest.raises(UnreadableInput, match="no column user_id and no note_id"):
        read_clicks(tmp_path / "other.csv", "a")
