"""Trainings: text and vision, all weights or adapters, preferences; killed and gone on; and what cannot be trained."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distill.corpus import CorpusError, read_summary
from distill.runs.locking import Lock
from distill.student import StudentError, StudentRefused, TrainingConfig, read_curve, read_student, train
from distill.student.base import open_base
from distill.student.examples import open_examples
from distill.student.folder import CHECKPOINTS, LOGS, TRAINING, read_learned
from distill.student.trainers import trainer_for
from teachers.precision import has_fast_bf16
from tests.distill.corpus.made import asked_run, built, hostile_run, plain_run
from tests.distill.student import made, tiny_text

ROOT = Path(__file__).parents[3]
QUICK: dict[str, Any] = {"max_steps": 2, "batch": 2, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_text.build(tmp_path_factory.mktemp("reading") / "base")


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.base(tmp_path_factory.mktemp("seeing") / "base")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of text alone."""
    folder = tmp_path_factory.mktemp("plain")
    corpus, _ = built(folder, plain_run(folder, 16, pictures=False), formats=("trl",), with_pictures=False)
    return corpus


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    corpus, _ = built(folder, hostile_run(folder), formats=("trl",))
    return corpus


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def moved(before: Path, after: Path) -> set[str]:
    """Names of the weights that are no longer what they were."""
    first, second = weights(before), weights(after)
    assert first.keys() == second.keys()
    assert all(first[name].dtype == second[name].dtype for name in first)
    return {name for name in first if not first[name].equal(second[name])}


def test_a_text_student_is_a_whole_model_with_its_records(plain: Path, reading: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "student"
    told: list[tuple[str, int, int]] = []
    made_by = train(plain, str(reading), out, TrainingConfig(**QUICK), told=lambda *what: told.append(what))
    assert read_student(out) == made_by
    assert moved(reading, out)
    AutoModelForCausalLM.from_pretrained(out)
    assert AutoTokenizer.from_pretrained(out).chat_template == tiny_text.TEMPLATE
    assert (made_by.steps, made_by.step, made_by.words, made_by.ending) == (2, "tags", "student/v1", "<|end|>")
    assert made_by.weights == made_by.trained_weights
    points = list(read_curve(out))
    assert [point.step for point in points if point.loss is not None] == [1, 2]
    assert [point.held_out_loss for point in points if point.held_out_loss is not None][-1] == pytest.approx(
        made_by.held_out_loss, abs=1e-5
    )
    assert "</svg>" in (out / "curve.svg").read_text()
    notes = list(read_learned(out))
    assert {note.split for note in notes} == {"train", "validation", "test"}
    assert sum(note.split == "train" for note in notes) == made_by.examples["train"]
    assert list((out / TRAINING / LOGS).glob("events.*"))
    assert not (out / TRAINING / CHECKPOINTS).exists()
    assert ("training", 2, 2) in told
    again = train(plain, str(reading), out, TrainingConfig(**QUICK))
    assert again == made_by


def test_a_vision_student_learns_from_a_hostile_corpus(hostile: Path, seeing: Path, tmp_path: Path) -> None:
    made_by = train(hostile, str(seeing), tmp_path / "student", TrainingConfig(**QUICK))
    changed = moved(seeing, tmp_path / "student")
    assert any("vision_model" in name for name in changed)
    assert made_by.examples["train"] + made_by.examples["validation"] + made_by.left_out >= 8
    assert made_by.max_side == 768


def test_adapters_are_merged_and_the_part_that_sees_can_stay_as_it_is(
    hostile: Path, seeing: Path, tmp_path: Path
) -> None:
    config = TrainingConfig(**QUICK, lora=4, freeze_vision=True)
    made_by = train(hostile, str(seeing), tmp_path / "student", config)
    changed = moved(seeing, tmp_path / "student")
    assert changed
    assert not any("lora" in name or "vision_model" in name or "lm_head" in name for name in changed)
    assert made_by.trained_weights < made_by.weights / 5
    assert not (tmp_path / "student/adapter_config.json").exists()


def test_texts_of_like_length_share_a_batch(plain: Path, reading: Path, tmp_path: Path) -> None:
    config = TrainingConfig(**QUICK, by_length=True)
    base = open_base(str(reading), config)
    cache = tmp_path / "cache"
    cache.mkdir()
    examples = open_examples(plain, read_summary(plain), "train", base, config, cache, lambda *_: None)
    assert examples is not None
    padded: dict[bool, int] = {}
    for by_length in (False, True):
        trainer = trainer_for(
            base, examples, None, replace(config, by_length=by_length), tmp_path / str(by_length), lambda *_: None
        )
        batches = [batch["labels"] for batch in trainer.get_train_dataloader()]
        assert sum(len(batch) for batch in batches) == examples.rows
        padded[by_length] = sum(batch.numel() for batch in batches)
    assert padded[True] < padded[False]


@pytest.mark.skipif(not has_fast_bf16(), reason="the processor has no bfloat16")
def test_a_processor_that_has_bfloat16_computes_in_it(plain: Path, reading: Path, tmp_path: Path) -> None:
    for precision in ("fp32", "bf16"):
        train(plain, str(reading), tmp_path / precision, TrainingConfig(**QUICK, precision=precision))
        assert next(iter(weights(tmp_path / precision).values())).dtype.itemsize == 4  # the base's own
    losses = [[point.loss for point in read_curve(tmp_path / precision)][:1] for precision in ("fp32", "bf16")]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


@pytest.mark.parametrize("sees", [False, True])
def test_preferences_are_trained_with_dpo(reading: Path, seeing: Path, tmp_path: Path, sees: bool) -> None:
    corpus, _ = built(tmp_path, asked_run(tmp_path), formats=("trl",), with_pictures=sees)
    settings = {**QUICK, "max_steps": 4, "schedule": "constant", "warmup": 0.0}
    config = TrainingConfig(**settings, view="preference")
    base = seeing if sees else reading
    train(corpus, str(base), tmp_path / "student", config)
    assert moved(base, tmp_path / "student")
    losses = [point.loss for point in read_curve(tmp_path / "student") if point.loss is not None]
    assert losses[0] == pytest.approx(0.6931, abs=1e-3)  # ln 2: the student is still its base
    assert losses[-1] < 0.69


def test_a_killed_training_goes_on_to_the_same_curve(plain: Path, reading: Path, tmp_path: Path) -> None:
    settings = {"max_steps": 12, "batch": 2, "learning_rate": 1e-3, "save_every": 4, "eval_every": 4}
    whole = train(plain, str(reading), tmp_path / "whole", TrainingConfig(**settings))
    words = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    command = [sys.executable, "-m", "tagllm", "student", "train", str(plain), "--base", str(reading)]
    out = tmp_path / "killed"
    process = subprocess.Popen([*command, "--out", str(out), *words], cwd=ROOT)
    checkpoint = out / TRAINING / CHECKPOINTS / "checkpoint-4" / "trainer_state.json"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was over before it could be killed"
    with pytest.raises(StudentError, match="its training has not finished; the same command goes on"):
        read_student(out)
    torn = out / TRAINING / CHECKPOINTS / "checkpoint-99"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"half a model")
    again = train(plain, str(reading), out, TrainingConfig(**settings))
    assert again.steps == whole.steps == 12
    one, other = (list(read_curve(tmp_path / name)) for name in ("whole", "killed"))
    assert [(p.step, p.loss is None) for p in one] == [(p.step, p.loss is None) for p in other]
    assert [p.loss or p.held_out_loss for p in other] == pytest.approx([p.loss or p.held_out_loss for p in one], 1e-4)


def test_a_folder_is_never_trained_into_twice(plain: Path, reading: Path, tmp_path: Path) -> None:
    out = tmp_path / "student"
    train(plain, str(reading), out, TrainingConfig(**QUICK))
    with pytest.raises(StudentRefused, match=r"made otherwise \(config.max_steps: 2 → 3\)"):
        train(plain, str(reading), out, TrainingConfig(**{**QUICK, "max_steps": 3}))
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("mine")
    with pytest.raises(StudentRefused, match="holds other files and no student"):
        train(plain, str(reading), other, TrainingConfig(**QUICK))
    assert [file.name for file in other.iterdir()] == ["letter.txt"]


def test_one_process_at_a_time_trains_into_a_folder(plain: Path, reading: Path, tmp_path: Path) -> None:
    training = tmp_path / "student" / TRAINING
    training.mkdir(parents=True)
    lock = Lock(training / "lock")
    with pytest.raises(StudentRefused, match=rf"is being written by process {os.getpid()} .*; wait for it, or stop it"):
        train(plain, str(reading), tmp_path / "student", TrainingConfig(**QUICK))
    lock.release()


def test_what_cannot_be_trained_says_why_and_the_way_out(
    plain: Path, hostile: Path, reading: Path, seeing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "student"
    quick = TrainingConfig(**QUICK)
    with pytest.raises(CorpusError, match=r"is no corpus: it holds no corpus.json"):
        train(tmp_path, str(reading), out, quick)
    with pytest.raises(StudentError, match=r"no model folder ./nowhere; give --base a folder"):
        train(plain, "./nowhere", out, quick)
    with pytest.raises(StudentError, match=r"it holds no config.json"):
        train(plain, str(tmp_path), out, quick)
    with pytest.raises(StudentError, match=r"more than 20 tokens, the shortest .*; raise --max-length"):
        train(plain, str(reading), out, TrainingConfig(**QUICK, max_length=20))
    with pytest.raises(StudentError, match="no example in its train split"):
        train(plain, str(reading), out, TrainingConfig(**QUICK, view="steps"))
    monkeypatch.setattr("distill.student.base.has_fast_bf16", lambda: False)
    with pytest.raises(StudentError, match="--precision bf16 needs a GPU or a processor that has it"):
        train(plain, str(reading), out, TrainingConfig(**QUICK, precision="bf16"))
    with pytest.raises(StudentError, match="--by-length is for texts alone"):
        train(hostile, str(seeing), out, TrainingConfig(**QUICK, by_length=True))
    (broken := tmp_path / "broken").mkdir()
    (broken / "config.json").write_text(json.dumps({"model_type": "none-of-ours", "auto_map": {"AutoConfig": "x.Y"}}))
    (broken / "x.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Y: pass\n")
    with pytest.raises(StudentError, match="cannot be loaded"):
        train(plain, str(broken), out, quick)
    assert not (tmp_path / "ran").exists()
    assert not out.exists()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"batch": 0}, "batch must be >= 1 and <= 4096, got 0"),
        ({"learning_rate": 2.0}, "learning_rate must be >= 0 and <= 1, got 2.0"),
        ({"epochs": 0}, "epochs and max_steps are both 0"),
        ({"lora_alpha": 8.0}, "lora_alpha 8 scales adapters, and lora is 0"),
    ],
)
def test_values_outside_their_limits_are_named(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        TrainingConfig(**values)
