"""Interactions out of rows: what is missing takes its default, what is wrong is a reject with its line."""

import json
from pathlib import Path
from typing import Any

import pytest

from notes.reading import read_interactions
from notes.records import Interaction, Reject


def _read(folder: Path, text: str, name: str = "acts.csv") -> list[Interaction | Reject]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return list(read_interactions(path))


def test_table_is_read(tmp_path: Path) -> None:
    text = (
        "user_id,note_id,timestamp,kind,strength,query,device\n"
        "u1,n1,1700000000,click,,,phone\n"
        "u1,n2,1700000060.5,search,2.5,moka pot,\n"
        "u2,n1,,,,,\n"
    )
    assert _read(tmp_path, text) == [
        Interaction(user_id="u1", note_id="n1", timestamp=1_700_000_000.0),
        Interaction(
            user_id="u1", note_id="n2", timestamp=1_700_000_060.5, kind="search", strength=2.5, query="moka pot"
        ),
        Interaction(user_id="u2", note_id="n1"),
    ]


def test_ids_may_be_numbers(tmp_path: Path) -> None:
    assert _read(tmp_path, '{"user_id": 7, "note_id": 12}\n', "acts.jsonl") == [Interaction(user_id="7", note_id="12")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user_id": None}, "missing_id"),
        ({"note_id": " "}, "missing_id"),
        ({"note_id": ["n1"]}, "wrong_type"),
        ({"user_id": "u\u0007"}, "wrong_type"),
        ({"user_id": "u" * 257}, "too_large"),
        ({"kind": "buy"}, "wrong_type"),
        ({"timestamp": "yesterday"}, "wrong_type"),
        ({"strength": "much"}, "wrong_type"),
        ({"strength": {"a": 1}}, "wrong_type"),
        ({"query": ["a"]}, "wrong_type"),
        ({"query": "half \ud83d"}, "invalid_utf8"),
        ({"strength": float("-inf")}, "wrong_type"),
        ({"timestamp": float("inf")}, "wrong_type"),
    ],
)
def test_wrong_row_is_a_reject_and_reading_goes_on(change: dict[str, Any], reason: str, tmp_path: Path) -> None:
    good = {"user_id": "u1", "note_id": "n1"}
    bad, last = _read(tmp_path, f"{json.dumps(good | change)}\n{json.dumps(good)}\n", "acts.jsonl")
    assert isinstance(bad, Reject)
    assert (bad.reason, bad.line) == (reason, 1)
    bad.model_dump_json()
    assert last == Interaction(user_id="u1", note_id="n1")


@pytest.mark.parametrize("missing", [None, "", float("nan")])
def test_what_the_source_leaves_out_takes_its_default(missing: object, tmp_path: Path) -> None:
    row = {"user_id": "u1", "note_id": "n1", "strength": missing, "timestamp": missing, "query": missing}
    assert _read(tmp_path, json.dumps(row), "acts.jsonl") == [Interaction(user_id="u1", note_id="n1")]


def test_rows_that_are_no_rows_are_rejected(tmp_path: Path) -> None:
    found = _read(tmp_path, '[1]\n{"user_id"\n', "acts.jsonl")
    assert [(row.line, row.reason) for row in found if isinstance(row, Reject)] == [
        (1, "wrong_type"),
        (2, "broken_json"),
    ]


def test_example_interactions_are_all_good(examples: Path) -> None:
    found = list(read_interactions(examples / "interactions.csv"))
    assert len(found) > 100
    assert not [row for row in found if isinstance(row, Reject)]
