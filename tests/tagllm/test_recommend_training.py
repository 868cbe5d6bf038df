"""`tagllm recommend train`, `embed`, `tags`, and the trained methods in `eval` and `index`, on the example notes."""

import json
import shutil
from pathlib import Path

import click
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from recommend.training import TrainingConfig
from tagllm.cli import main
from tagllm.commands.recommend_training import train
from tests.distill.student import tiny_text

ROOT = Path(__file__).parents[2]
NOTES, ACTS = ROOT / "examples" / "notes.jsonl", ROOT / "examples" / "interactions.csv"
BOTH = ("--notes", NOTES, "--interactions", ACTS)
SMALL = ("--batch", 4, "--dimension", 16, "--note-tokens", 64, "--learning-rate", 1e-3, "--head-steps", 5)


def tagllm(*words: object) -> Result:
    return CliRunner().invoke(main, ["recommend", *(str(word) for word in words)])


def refusal(*words: object) -> str:
    done = tagllm(*words)
    assert done.exit_code == 2, done.output
    assert not done.stdout
    return " ".join(done.stderr.split())


def test_every_setting_is_an_option_with_its_default_and_its_limits(tmp_path: Path) -> None:
    options = {option.name: option for option in train.params if isinstance(option, click.Option)}
    for name, field in TrainingConfig.model_fields.items():
        assert options[name].default == field.default, name
    shown = " ".join(tagllm("train", "--help").output.split())
    assert "--steps INTEGER RANGE Each over --batch pairs a process. [default: 400; 1<=x<=10000000]" in shown
    assert "0.95 is not in the range 0<=x<=0.9" in refusal("train", *BOTH, "--out", tmp_path / "m", "--warmup", 0.95)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_text.build(tmp_path_factory.mktemp("base"), positions=1024)


@pytest.fixture(scope="module")
def model(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "notellm"
    done = tagllm("train", *BOTH, "--out", out, "--base", tiny, "--steps", 3, *SMALL, "--tags", "hashtags", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["steps"] == 3
    assert said["made_of"]["config"]["batch"] == 4
    assert said["dimension"] == 16
    return out


def test_vectors_are_written_a_row_a_note(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "vectors.parquet"
    done = tagllm("embed", NOTES, "--model", model, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    table = pq.read_table(out)
    assert json.loads(done.stdout) == {"path": str(out), "notes": len(table), "rejected": 0, "empty": 0}
    ids = [json.loads(line)["id"] for line in NOTES.read_text("utf-8").splitlines()]
    assert table.column("id").to_pylist() == ids
    vectors = np.array(table.column("vector").to_pylist())
    assert vectors.shape == (len(ids), 16)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_rows_that_are_no_notes_and_notes_without_a_word_are_counted(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    file.write_text('{"id": "1", "title": "cat"}\n{"title": "no id"}\n{"id": "2", "images": ["a.jpg"]}\n', "utf-8")
    done = tagllm("embed", file, "--model", model, "--out", tmp_path / "v.parquet", "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert (said["notes"], said["rejected"], said["empty"]) == (2, 1, 1)
    done = tagllm("tags", file, "--model", model, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout.splitlines()[1]) == {"id": "2", "category": "", "hashtags": []}


def test_tags_are_written_for_people_and_programs(model: Path) -> None:
    done = tagllm("tags", NOTES, "--model", model, "--limit", 2, "--json")
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 2
    assert all(row.keys() == {"id", "category", "hashtags"} for row in rows)
    shown = tagllm("tags", NOTES, "--model", model, "--id", "sg-night-3d")
    assert shown.exit_code == 0
    assert "category" in shown.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(shown.stdout)


def test_beside_each_note_stand_the_nearest_others_with_what_the_same_model_writes(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "vectors.parquet"
    assert tagllm("embed", NOTES, "--model", model, "--out", out).exit_code == 0
    table = pq.read_table(out)
    ids, vectors = table.column("id").to_pylist(), np.array(table.column("vector").to_pylist())
    done = tagllm("tags", NOTES, "--model", model, "--limit", 2, "--neighbours", 3, "--json")
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["id"] for row in rows] == ids[:2]
    for place, row in enumerate(rows):
        scores = vectors @ vectors[place]
        order = [one for one in np.argsort(-scores, kind="stable") if one != place][:3]
        assert [near["score"] for near in row["neighbours"]] == pytest.approx(scores[order].tolist(), abs=1e-4)
        assert [near["id"] for near in row["neighbours"]] == [ids[one] for one in order]
        assert all(near.keys() == {"id", "category", "hashtags", "score"} for near in row["neighbours"])
    shown = tagllm("tags", NOTES, "--model", model, "--limit", 1, "--neighbours", 2)
    assert f"{rows[0]['neighbours'][1]['score']:.2f}" in shown.stdout


def test_one_model_is_measured_indexed_and_searched(model: Path, tiny: Path, tmp_path: Path) -> None:
    words = ("--method", f"prompteol={tiny}", "--method", f"notellm={model}", "--tags", "hashtags")
    done = tagllm("eval", *BOTH, *words, "--k", "5,10", "--resamples", 20, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert {row["method"].partition("=")[0] for row in found["rows"]} == {"prompteol", "notellm"}
    [generated] = found["generated"]
    assert 0 <= generated["metrics"]["illusory"] <= 100
    made = tagllm("index", NOTES, "--out", tmp_path / "index", "--method", "notellm", "--model", model)
    assert made.exit_code == 0, made.output
    answer = json.loads(tagllm("search", "sg-night-3d", "--index", tmp_path / "index", "-k", 3, "--json").stdout)
    assert len(answer["neighbours"]) == 3


def test_a_model_is_not_measured_on_clicks_it_learned_from(model: Path) -> None:
    words = ("--method", f"notellm={model}", "--split", "note")
    assert "it may have seen what --split note" in refusal("eval", *BOTH, *words)


def test_a_model_that_does_not_say_what_it_learned_from_is_not_measured(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "model")
    (tmp_path / "model/pairs.json").unlink()
    said = refusal("eval", *BOTH, "--method", f"notellm={tmp_path / 'model'}")
    assert "without pairs.json nobody knows on which clicks" in said


def test_what_cannot_be_trained_is_refused(model: Path, tiny: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "model")
    assert "no model folder" in refusal("train", *BOTH, *out, "--base", tmp_path / "none")
    assert "--layers 1 with --lora 4: adapters go into every layer" in refusal(
        "train", *BOTH, *out, "--base", tiny, "--layers", 1, "--lora", 4
    )
    assert "--layers 99: the base" in refusal("train", *BOTH, *out, "--base", tiny, "--layers", 99)
    assert "lower --note-tokens" in refusal("train", *BOTH, *out, "--base", tiny, "--note-tokens", 5000)
    lonely = tmp_path / "acts.csv"
    lonely.write_text("user_id,note_id,timestamp\nu,sg-night-3d,1\nv,sg-night-3d,2\nw,sg-night-3d,3\n", "utf-8")
    said = refusal("train", "--notes", NOTES, "--interactions", lonely, *out, "--split", "none")
    assert "no two notes belong together by cooccurrence" in said
    assert "made otherwise (method: notellm there, contrast now" in refusal(
        "train",
        *BOTH,
        "--out",
        model,
        "--base",
        tiny,
        "--method",
        "contrast",
        "--steps",
        3,
        *SMALL,
        "--tags",
        "hashtags",
    )
    assert "names no prompt program" in refusal("train", *BOTH, *out, "--base", tiny, "--words", "nothing")
    assert "it is a base without a trained [EMB]" in refusal("tags", NOTES, "--model", tiny)
    assert "no note 'nobody'" in refusal("tags", NOTES, "--model", model, "--id", "nobody")
    assert "no such method; known: tfidf" in refusal(
        "embed", NOTES, "--method", "bert", "--out", tmp_path / "v.parquet"
    )
    assert not (tmp_path / "v.parquet").exists()
