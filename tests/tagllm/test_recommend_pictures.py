"""`tagllm recommend` with a base that sees: pictures beside the notes are shown in every command, and counted."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from notes import Note
from tagllm.cli import main
from tests.recommend.pictured import base, kind_of, notes_in
from tests.tagllm.report.made import write_notes

HALF = ("--test-share", 0.5)
SMALL = ("--steps", 2, "--batch", 4, "--dimension", 8, "--note-tokens", 32, "--head-steps", 5, *HALF)
LEFT_OUT = "pictures that cannot be opened and are left out: 1 (not_found 1)"


def tagllm(*words: object) -> Result:
    return CliRunner().invoke(main, ["recommend", *(str(word) for word in words)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Notes, one with a picture that is not there, clicks that go by kind, and a base."""
    folder = tmp_path_factory.mktemp("data")
    notes = notes_in(folder, 2)
    notes[0] = notes[0].model_copy(update={"images": ("none.png", *notes[0].images)})
    write_notes(folder / "notes.jsonl", notes)
    with (folder / "acts.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("user_id", "note_id", "timestamp"))
        acts = [(f"{kind_of(note)}-{user}", note.id, 1_765_000_000 + user) for note in notes for user in range(4)]
        rows.writerows(acts)
    base(folder / "base")
    return folder


def train(folder: Path, out: Path, *more: object) -> Result:
    both = ("--notes", folder / "notes.jsonl", "--interactions", folder / "acts.csv")
    return tagllm("train", *both, "--base", folder / "base", "--out", out, *SMALL, *more)


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "seeing"
    done = train(folder, out, "--pictures", 1, "--fusion", "late")
    assert done.exit_code == 0, done.output
    assert LEFT_OUT in done.stderr
    assert "1 of a note, fusion late; 1 cannot be opened" in done.stdout
    return out


def test_every_command_looks_at_the_pictures_beside_the_notes(model: Path, folder: Path, tmp_path: Path) -> None:
    notes = folder / "notes.jsonl"
    embedded = tagllm("embed", notes, "--model", model, "--out", tmp_path / "seen.parquet")
    written = tagllm("tags", notes, "--model", model, "--limit", 2)
    indexed = tagllm("index", notes, "--out", tmp_path / "index", "--method", "notellm", "--model", model)
    added = tagllm("index", notes, "--out", tmp_path / "index", "--add")
    for done in (embedded, written, indexed, added):
        assert done.exit_code == 0, done.output
        assert LEFT_OUT in done.stderr
    blind = tmp_path / "blind"
    blind.mkdir()
    (blind / "notes.jsonl").write_bytes(notes.read_bytes())
    done = tagllm("embed", blind / "notes.jsonl", "--model", model, "--out", tmp_path / "blind.parquet")
    assert "are left out: 11 (not_found 11)" in done.stderr
    seen, unseen = (
        np.array(pq.read_table(tmp_path / name).column("vector").to_pylist())
        for name in ("seen.parquet", "blind.parquet")
    )
    assert not np.isclose(seen, unseen, atol=1e-2).all(axis=1).any()


def test_notes_and_texts_are_searched_for_with_their_pictures_or_without(
    model: Path, folder: Path, tmp_path: Path
) -> None:
    notes, index = folder / "notes.jsonl", tmp_path / "index"
    made = tagllm("index", notes, "--out", index, "--method", "notellm", "--model", model)
    assert made.exit_code == 0, made.output
    other = [Note.model_validate_json(notes.read_text("utf-8").splitlines()[3]).model_copy(update={"id": "new"})]
    write_notes(folder / "new.jsonl", other)
    found = tagllm("search", "a day out", folder / "new.jsonl", "--index", index, "--json")
    assert found.exit_code == 0, found.output
    answers = [json.loads(line) for line in found.stdout.splitlines()]
    assert len(answers) == 2
    best = answers[1]["neighbours"][0]
    assert best["id"] == json.loads(notes.read_text("utf-8").splitlines()[3])["id"]
    assert best["score"] == pytest.approx(1, abs=1e-2)


def test_a_model_that_looks_is_measured_as_others_are(model: Path, folder: Path) -> None:
    both = ("--notes", folder / "notes.jsonl", "--interactions", folder / "acts.csv")
    more = (*HALF, "--k", "1,5", "--resamples", 10)
    done = tagllm("eval", *both, "--method", "tfidf", "--method", f"prompteol={folder / 'base'}", *more)
    assert done.exit_code == 0, done.output
    assert "pictures" not in done.stderr
    done = tagllm("eval", *both, "--method", f"notellm={model}", *more, "--json")
    assert done.exit_code == 0, done.output
    assert LEFT_OUT in done.stderr
    assert {row["method"] for row in json.loads(done.stdout)["rows"]} == {f"notellm={model}"}


def test_what_pictures_need_is_said_before_anything_is_written(folder: Path, tmp_path: Path) -> None:
    def refusal(*words: object) -> str:
        done = train(folder, tmp_path / "model", *words)
        assert done.exit_code == 2, done.output
        assert not (tmp_path / "model").exists()
        return " ".join(done.stderr.split())

    assert "--pictures 1: the base minilm reads text alone" in refusal("--pictures", 1, "--base", "minilm")
    assert "--fusion late: the base minilm reads text alone" in refusal("--fusion", "late", "--base", "minilm")
    assert "none are shown; add --pictures 1" in refusal("--fusion", "late")
