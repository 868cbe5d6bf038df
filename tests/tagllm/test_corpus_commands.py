"""`tagllm corpus`: what a developer sees after a run, in a table and as JSON, and what is told when it goes wrong."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from notes.pictures import PictureStore
from notes.records import Note
from tagllm.cli import main
from tests.distill.corpus.made import asked_run, grounded, hostile_run, picture, plain_run, text
from tests.tagllm.report.made import write_notes, write_run


def tagllm(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_run_becomes_a_corpus_that_every_reader_takes(tmp_path: Path) -> None:
    run, out = hostile_run(tmp_path), tmp_path / "corpus"
    done = tagllm("corpus", "build", run, "--out", out)
    assert done.exit_code == 0, done.output
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "run 10 traces of made made-1" in lines
    assert "dropped 1 picture_missing" in lines
    assert any(line.startswith("kept 9 traces with 7 pictures in 9 groups") for line in lines)
    assert any(line.startswith("steps 0 0 0 9 no_request") for line in lines)
    assert "9 notes state no licence" in done.stdout
    assert f"its card is {out / 'README.md'}" in done.stdout
    checked = tagllm("corpus", "check", out)
    assert checked.exit_code == 0, checked.output
    assert "every reader takes every row" in checked.stdout


def test_json_is_json_and_nothing_else(tmp_path: Path) -> None:
    run, out = asked_run(tmp_path), tmp_path / "corpus"
    built = tagllm(
        "corpus", "build", run, "--out", out, "--views", "preference,tags", "--formats", "sharegpt", "--json"
    )
    assert built.exit_code == 0, built.output
    found = json.loads(built.stdout)
    assert found["traces"] == found["kept"] == 2
    assert list(found["rows"]) == ["tags", "preference"]
    assert "state no licence" in built.stderr
    checked = tagllm("corpus", "check", out, "--json")
    found = json.loads(checked.stdout)
    assert found["holds"]
    assert {one["by"] for one in found["checks"]} >= {"LLaMA-Factory's rules", "ms-swift's rules"}
    assert not any("trl" in one["by"] for one in found["checks"])


def test_a_broken_corpus_is_told_and_fails(tmp_path: Path) -> None:
    run, out = plain_run(tmp_path, 6), tmp_path / "corpus"
    assert tagllm("corpus", "build", run, "--out", out, "--formats", "sharegpt").exit_code == 0
    file = out / "sharegpt/train.jsonl"
    file.write_text(file.read_text("utf-8").replace('"role":"user"', '"role":"human"'), "utf-8")
    done = tagllm("corpus", "check", out)
    assert done.exit_code == 1
    assert "the file has changed" in done.stdout
    assert "turn 1 is of 'human', not of 'user'" in done.stdout
    assert "something does not fit" in done.stdout


def test_nothing_to_learn_from_is_no_success(tmp_path: Path) -> None:
    done = tagllm("corpus", "build", plain_run(tmp_path, 4), "--out", tmp_path / "corpus", "--min-confidence", 1)
    assert done.exit_code == 1
    assert "nothing is left to learn from" in done.stdout
    assert "4 low_confidence" in " ".join(done.stdout.split())
    assert tagllm("corpus", "check", tmp_path / "corpus").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--views", "tag"), "'tag' is not known; choose from tags, cot, steps, preference, prompts"),
        (("--formats", ""), "it is empty; choose from trl, sharegpt, openai, batch"),
        (("--split-by", "colour"), "'colour' is not known; choose from text, pictures or none"),
        (("--words", "student/v9"), "no prompt program student/v9"),
        (("--notes", "nowhere.jsonl"), "give them with --notes FILE"),
        (("--agreement", 0), "0<x<=1"),
        (("--out", "notes.jsonl"), "is a file"),
    ],
)
def test_wrong_usage_names_the_value_and_the_way_out(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    run = plain_run(tmp_path, 2)
    given = [tmp_path / word if word == "notes.jsonl" else word for word in words]
    done = tagllm("corpus", "build", run, "--out", tmp_path / "corpus", *given)
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.output.split())
    assert not (tmp_path / "corpus").exists()


def test_a_run_that_has_not_finished_is_told(tmp_path: Path) -> None:
    run = plain_run(tmp_path, 4)
    (run / "summary.json").unlink()
    done = tagllm("corpus", "build", run, "--out", tmp_path / "corpus")
    assert done.exit_code == 0
    assert "the run run has not finished" in done.stdout
    assert not json.loads((tmp_path / "corpus/corpus.json").read_text("utf-8"))["runs"][0]["finished"]


def test_no_run_and_no_corpus_are_told(tmp_path: Path) -> None:
    done = tagllm("corpus", "build", tmp_path / "nothing", "--out", tmp_path / "corpus")
    assert (done.exit_code, "is no run" in done.output) == (2, True)
    done = tagllm("corpus", "check", tmp_path)
    assert done.exit_code == 2
    assert "is no corpus" in done.output


def test_a_corpus_that_hangs_together_says_so(tmp_path: Path) -> None:
    for number in range(6):
        picture(tmp_path / f"images/{number}.png", number)
    same = text(1)
    rows = [Note(id=f"n{number}", title="t", content=same, images=(f"images/{number}.png",)) for number in range(6)]
    known = write_notes(tmp_path / "notes.jsonl", rows)
    traces = [grounded(note, ["harbour view"], PictureStore(tmp_path)) for note in known]
    run = write_run(tmp_path / "run", tmp_path / "notes.jsonl", traces)
    done = tagllm("corpus", "build", run, "--out", tmp_path / "corpus")
    assert "6 of 6 notes hang together by text or pictures" in done.stdout
    assert "no note is in the test split" in done.stdout
    done = tagllm(
        "corpus", "build", run, "--out", tmp_path / "corpus", "--overwrite", "--split-by", "pictures", "--json"
    )
    assert all(json.loads(done.stdout)["notes"].values())
