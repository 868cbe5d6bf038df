"""Every hostile input through the whole program: a reject, a failure or a trace, never a crash, a hang or a leak."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from notes.reading import read_notes
from notes.records import Note, Reject
from tagllm.cli import main
from tests.hostile.make import CASES, make


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("hostile")).parent


@pytest.fixture(scope="module")
def out(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("out")
    result = CliRunner().invoke(main, ["tag", str(folder / "notes.jsonl"), "--out", str(place), "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code == 1
    return place


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_every_row_is_accounted_for(folder: Path, out: Path) -> None:
    read = list(read_notes(folder / "notes.jsonl"))
    counted = {name: len(rows(out / f"{name}.jsonl")) for name in ("traces", "failures", "rejects")}
    assert len(CASES) >= 30
    assert sum(counted.values()) == len(read)
    assert counted["traces"] > 10
    assert counted["rejects"] >= sum(isinstance(row, Reject) for row in read) > 10


def test_no_id_comes_out_twice(out: Path) -> None:
    ids = Counter(row["note_id"] for name in ("traces", "failures") for row in rows(out / f"{name}.jsonl"))
    assert max(ids.values()) == 1


def test_refused_pictures_stand_in_the_traces_with_their_reasons(out: Path) -> None:
    reasons = {
        picture["refused"]["reason"]
        for name in ("traces", "failures")
        for row in rows(out / f"{name}.jsonl")
        for picture in row["pictures"]
        if picture["refused"]
    }
    wanted = {
        "outside_folder",
        "not_found",
        "file_address",
        "remote_off",
        "not_a_picture",
        "too_many_pixels",
        "truncated",
    }
    assert wanted <= reasons


def test_nothing_outside_the_folder_was_read(out: Path) -> None:
    secrets = [Path("/etc/passwd").read_bytes(), Path("/etc/hosts").read_bytes()]
    written = "".join((out / f"{name}.jsonl").read_text("utf-8") for name in ("traces", "failures", "rejects"))
    assert "root:x:0:0" not in written
    assert not [s for s in secrets if hashlib.sha256(s).hexdigest() in written]


def test_nobody_gets_the_tag_that_was_ordered(out: Path) -> None:
    asked = ("buy", "ignore", "instruction", "立即购买", "忽略", "指令")
    tags = [(row["note_id"], tag["tag"]) for row in rows(out / "traces.jsonl") for tag in row["tags"]]
    assert tags
    assert not [(id, tag) for id, tag in tags if any(word in tag.lower() for word in asked)]


def test_tags_are_in_house_form_whatever_came_in(out: Path) -> None:
    for row in rows(out / "traces.jsonl"):
        assert 1 <= len(row["tags"]) <= 8
        for tag in row["tags"]:
            assert tag["tag"].isprintable()
            assert not set(tag["tag"]) & set("#<>{}[]\n\x00\u202e\u200b")
            assert tag["evidence"]


@pytest.mark.parametrize("name", ["broken.jsonl.gz", "bomb.jsonl.gz", "bad.parquet", "bad.csv"])
def test_broken_files_end_with_a_message(folder: Path, name: str) -> None:
    result = CliRunner().invoke(main, ["tag", str(folder / name), "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code in (1, 2)
    assert name in result.stderr


def test_a_note_can_be_found_again_by_its_id(folder: Path, out: Path) -> None:
    known = {row.id for row in read_notes(folder / "notes.jsonl") if isinstance(row, Note)}
    assert {row["note_id"] for row in rows(out / "traces.jsonl")} <= known
