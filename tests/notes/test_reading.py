"""Notes out of rows: tolerant of what sources write, strict about what becomes a note."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from notes.formats import UnreadableInput
from notes.pictures import PictureStore
from notes.reading import read_notes
from notes.records import Note, Reject


def _read(folder: Path, *lines: dict[str, Any] | str, **options: Any) -> list[Note | Reject]:
    path = folder / "notes.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return list(read_notes(path, **options))


def _one(folder: Path, row: dict[str, Any] | str) -> Note:
    (note,) = _read(folder, row)
    assert isinstance(note, Note)
    return note


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"title": None}, {"title": ""}),
        ({"title": float("nan")}, {"title": ""}),
        ({"title": 1984}, {"title": "1984"}),
        ({"title": "a\x00b"}, {"title": "ab"}),
        ({"images": "a.jpg"}, {"images": ("a.jpg",)}),
        ({"image": "a.jpg"}, {"images": ("a.jpg",)}),
        ({"images": '["a.jpg", "b.jpg"]'}, {"images": ("a.jpg", "b.jpg")}),
        ({"images": "[a.jpg]"}, {"images": ("[a.jpg]",)}),
        ({"images": ["a.jpg", "", None, " b.jpg "]}, {"images": ("a.jpg", "b.jpg")}),
        ({"images": [{"path": "a.jpg", "bytes": None}, "b.jpg"]}, {"images": ("a.jpg", "b.jpg")}),
        (
            {"category": "food@baking@bread"},
            {"category": "food", "extra": {"category_path": ["food", "baking", "bread"]}},
        ),
        ({"category": ["food", "baking"]}, {"category": "food", "extra": {"category_path": ["food", "baking"]}}),
        ({"category": " food "}, {"category": "food"}),
        ({"category": "@"}, {"category": ""}),
        ({"ocr": ["92", "°C"]}, {"ocr": "92\n°C"}),
        ({"image_attributes": "kettle"}, {"image_attributes": ("kettle",)}),
        ({"hashtags": ["a", "b"]}, {"hashtags": ("a", "b")}),
        ({"lang": " ZH "}, {"lang": "zh"}),
        ({"content": "#早餐[话题]# 咖啡"}, {"content": "咖啡", "hashtags": ("早餐",), "lang": "zh"}),
        ({"title": "c#d[话题] #x"}, {"title": "c#d[话题] #x", "hashtags": ()}),
        ({"split": "test", "likes": 3}, {"extra": {"split": "test", "likes": 3}}),
        ({"note_id": "other"}, {"id": "n1", "extra": {"note_id": "other"}}),
        ({"n": float("inf"), "m": [float("-inf")]}, {"extra": {"n": "inf", "m": ["-inf"]}}),
        ({"mood\ud83d": {"\ud83d": "\ud83d"}}, {"extra": {"mood?": {"?": "?"}}}),
    ],
)
def test_what_sources_write_is_understood(row: dict[str, Any], expected: dict[str, Any], tmp_path: Path) -> None:
    note = _one(tmp_path, {"id": "n1", "title": "x", "content": "y"} | row)
    assert {name: getattr(note, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        (1_700_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (1_700_000_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("2023-11-14T22:13:20Z", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("2023-11-14 22:13:20", datetime(2023, 11, 14, 22, 13, 20)),
        ("", None),
        (None, None),
    ],
)
def test_time_is_understood_and_the_same_everywhere(written: object, moment: datetime | None, tmp_path: Path) -> None:
    note = _one(tmp_path, {"id": "n1", "title": "x", "created_at": written})
    assert note.created_at == moment
    assert note.created_at is None or note.created_at.utcoffset() == (moment and moment.utcoffset())
    assert note.extra == {}


@pytest.mark.parametrize("written", ["yesterday", True, ["2023"], 1e300, 10**400, "99999-01-01"])
def test_time_that_is_none_is_kept_as_it_was_written(written: object, tmp_path: Path) -> None:
    note = _one(tmp_path, {"id": "n1", "title": "x", "created_at": written})
    assert note.created_at is None
    assert note.extra == {"created_at": written}


@pytest.mark.parametrize(
    ("row", "reason", "id"),
    [
        ({"id": None}, "missing_id", None),
        ({"id": ""}, "missing_id", ""),
        ({"id": True}, "wrong_type", "True"),
        ({"id": 1.5}, "wrong_type", None),
        ({"id": {"a": 1}}, "wrong_type", None),
        ({"id": "a\nb"}, "wrong_type", "a\nb"),
        ({"id": "a\u202eb"}, "wrong_type", "a\u202eb"),
        ({"id": "a" * 257}, "too_large", "a" * 256),
        ({"id": 10**300}, "too_large", "1" + "0" * 255),
        ({"id": "a\ud800"}, "wrong_type", "a?"),
        ({"title": True}, "wrong_type", "n1"),
        ({"title": ["x"]}, "wrong_type", "n1"),
        ({"content": {}}, "wrong_type", "n1"),
        ({"images": {"url": "a.jpg"}}, "wrong_type", "n1"),
        ({"images": [["a.jpg"]]}, "wrong_type", "n1"),
        ({"hashtags": [{}]}, "wrong_type", "n1"),
        ({"images": ["a"] * 10_001}, "too_large", "n1"),
        ({"images": ["a"] * 65}, "too_large", "n1"),
        ({"title": "x" * 20_001}, "too_large", "n1"),
        ({"content": "x" * 200_001}, "too_large", "n1"),
        ({"ocr": "\ud83d"}, "invalid_utf8", "n1"),
        ({"title": " \u3000", "content": "\n"}, "nothing_to_tag", "n1"),
        ({"title": "#只有话题[话题]#"}, "nothing_to_tag", "n1"),
    ],
)
def test_what_is_no_note_is_a_reject(row: dict[str, Any], reason: str, id: str | None, tmp_path: Path) -> None:
    found, after = _read(tmp_path, {"id": "n1", "title": "x"} | row, {"id": "after", "title": "x"})
    assert isinstance(found, Reject)
    assert (found.line, found.reason, found.id) == (1, reason, id)
    assert isinstance(after, Note)


@pytest.mark.parametrize("field", ["z", "id", "title", "images", "category"])
def test_no_depth_of_nesting_raises(field: str, tmp_path: Path) -> None:
    depths = range(1, 1100, 3)
    lines = (f'{{"id": "{depth}", "title": "x", "{field}": {"[" * depth}{"]" * depth}}}' for depth in depths)
    found = _read(tmp_path, *lines)
    assert len(found) == len(depths)
    for row in found:
        row.model_dump_json()


@pytest.mark.parametrize("field", ["images", "category", "hashtags", "ocr"])
def test_text_that_looks_like_a_deep_list_is_text(field: str, tmp_path: Path) -> None:
    deep = "[" * 50_000 + "]" * 50_000
    assert _one(tmp_path, {"id": "n1", "title": "x", field: deep}).id == "n1"


def test_ids_are_unique_and_the_first_one_stays(tmp_path: Path) -> None:
    first, second, third = _read(
        tmp_path, *({"id": id, "title": title} for id, title in (("1", "a"), (1, "b"), (2, "c")))
    )
    assert isinstance(first, Note)
    assert first.title == "a"
    assert isinstance(second, Reject)
    assert (second.reason, second.line, second.id) == ("duplicate_id", 2, "1")
    assert third.id == "2"


ROWS = [{"id": f"n{i}", "title": "x", "split": "test" if i % 2 else "train"} for i in range(6)]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({}, "n0 n1 n2 n3 n4 n5"),
        ({"split": "test"}, "n1 n3 n5"),
        ({"limit": 2}, "n0 n1"),
        ({"limit": 0}, ""),
        ({"split": "test", "limit": 2}, "n1 n3"),
        ({"ids": {"n4", "n1"}}, "n1 n4"),
        ({"ids": ["n1", "n2"], "split": "train"}, "n2"),
        ({"ids": ["nobody"]}, ""),
    ],
)
def test_selection_keeps_the_order_of_the_file(options: dict[str, Any], ids: str, tmp_path: Path) -> None:
    assert [row.id for row in _read(tmp_path, *ROWS, **options)] == ids.split()


def test_split_may_be_a_number(tmp_path: Path) -> None:
    rows = [{"id": f"n{i}", "title": "x", "split": i % 2} for i in range(4)]
    assert [row.id for row in _read(tmp_path, *rows, split="1")] == ["n1", "n3"]


def test_rejects_do_not_count_against_the_limit(tmp_path: Path) -> None:
    assert [type(row) for row in _read(tmp_path, "oops", ROWS[0], "oops", ROWS[1], limit=1)] == [Reject, Note]


@pytest.mark.parametrize(
    ("rows", "message"),
    [(ROWS, r"splits in the file: test, train"), ([{"id": "n", "title": "x"}], "no row has a column")],
)
def test_unknown_split_is_an_error_that_names_the_known_ones(
    rows: list[dict[str, Any]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UnreadableInput, match=message):
        _read(tmp_path, *rows, split="tset")


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        ({"images": ["missing.jpg", "good.jpg"]}, True),
        ({"images": ["missing.jpg"]}, False),
        ({"images": ["missing.jpg"], "ocr": "words"}, True),
        ({"images": ["missing.jpg"], "image_attributes": ["kettle"]}, True),
        ({"images": ["missing.jpg"], "title": "words"}, True),
        ({"hashtags": ["coffee"]}, False),
        ({"category": "coffee"}, False),
    ],
)
def test_note_without_text_needs_a_picture_that_opens(
    row: dict[str, Any], kept: bool, examples: Path, tmp_path: Path
) -> None:
    (tmp_path / "good.jpg").write_bytes(next((examples / "images").iterdir()).read_bytes())
    (found,) = _read(tmp_path, {"id": "n1"} | row, pictures=PictureStore(tmp_path))
    assert isinstance(found, Note) is kept
    assert kept or (isinstance(found, Reject) and found.reason == "nothing_to_tag")


def test_pictures_are_left_alone_when_no_store_is_given(tmp_path: Path) -> None:
    assert _one(tmp_path, {"id": "n1", "images": ["missing.jpg"]}).images == ("missing.jpg",)


def test_example_notes_are_all_good(examples: Path) -> None:
    found = list(read_notes(examples / "notes.jsonl"))
    assert len(found) > 40
    assert not [row for row in found if isinstance(row, Reject)]
    assert len(list(read_notes(examples / "notes.jsonl", split="test"))) < len(found)
