"""What a student is trained on, token by token: the question as a server makes it, the answer as decoding writes it."""

import json
from pathlib import Path
from typing import Any

import pytest

from distill.corpus import CorpusSummary, read_summary
from distill.student import StudentError, TrainingConfig
from distill.student.base import Base, ending_of, open_base
from distill.student.examples import Examples, open_examples
from distill.student.rendering import Renderer
from distill.student.trainers import trainer_for
from tests.distill.corpus.made import asked_run, built, hostile_run
from tests.distill.student import made, tiny_text


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return open_base(str(made.base(tmp_path_factory.mktemp("seeing"))), TrainingConfig())


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return open_base(str(tiny_text.build(tmp_path_factory.mktemp("reading"))), TrainingConfig())


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CorpusSummary]:
    folder = tmp_path_factory.mktemp("hostile")
    return built(folder, hostile_run(folder), formats=("trl", "batch"))


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CorpusSummary]:
    folder = tmp_path_factory.mktemp("blind")
    return built(folder, hostile_run(folder), formats=("trl",), with_pictures=False)


def examples(
    corpus: tuple[Path, CorpusSummary], base: Base, config: TrainingConfig, cache: Path, split: Any = "train"
) -> Examples:
    found = open_examples(*corpus, split, base, config, cache, lambda *_: None)
    assert found is not None
    return found


def batches(trainer: Any) -> list[dict[str, Any]]:
    return list(trainer.get_train_dataloader())


@pytest.mark.parametrize("view", ["tags", "cot"])
def test_with_pictures_the_loss_is_on_the_answer_and_what_ends_it(
    hostile: tuple[Path, CorpusSummary], seeing: Base, tmp_path: Path, view: Any
) -> None:
    config = TrainingConfig(view=view, batch=4)
    learned = examples(hostile, seeing, config, tmp_path)
    trainer = trainer_for(seeing, learned, None, config, tmp_path / "out", lambda *_: None)
    tokenizer, renderer = seeing.tokenizer, Renderer(seeing)
    answers = {row["completion"]: row["prompt"] for row in learned.dataset}
    seen: dict[str, int] = {}
    for batch in batches(trainer):
        for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
            trained = labels[labels != -100].tolist()
            answer = next(a for a in answers if renderer.tokens(a) == trained)
            whole = ids[mask == 1].tolist()
            assert whole[-len(trained) :] == trained
            # Right behind the generation prompt, with nothing between them; the template would put a space there.
            assert tokenizer.decode(whole[: -len(trained)]).endswith("Assistant:")
            assert tokenizer.decode(trained).startswith('{"')
            assert tokenizer.decode(trained).endswith("<end_of_utterance>")
            seen[answer] = len(whole)
    assert len(seen) == learned.rows


def test_the_template_alone_would_put_a_space_before_the_answer(seeing: Base) -> None:
    """What the rendering is there for: without this the test above could not fail."""
    turns = [("user", "?"), ("assistant", "{}")]
    messages = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in turns]
    assert "Assistant: {}" in seeing.processor.apply_chat_template(messages, tokenize=False)


def test_the_question_is_the_one_of_the_batch_file(
    hostile: tuple[Path, CorpusSummary], seeing: Base, tmp_path: Path
) -> None:
    corpus, _ = hostile
    config = TrainingConfig()
    sent = {}
    for file in (corpus / "batch").glob("*.jsonl"):
        for row in map(json.loads, file.read_text("utf-8").splitlines()):
            messages = [{**m, "content": _parts(m["content"])} for m in row["body"]["messages"]]
            sent[row["custom_id"].removeprefix("prompts-")] = seeing.processor.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=False
            )
    for split in ("train", "validation", "test"):
        found = open_examples(*hostile, split, seeing, config, tmp_path, lambda *_: None)
        assert all(row["prompt"] in sent.values() for row in (found.dataset if found is not None else ()))


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [part if part["type"] == "text" else {"type": "image"} for part in content]


def test_without_pictures_no_token_reaches_across_the_border(
    blind: tuple[Path, CorpusSummary], reading: Base, tmp_path: Path
) -> None:
    config = TrainingConfig(batch=2)
    learned = examples(blind, reading, config, tmp_path)
    trainer = trainer_for(reading, learned, None, config, tmp_path / "out", lambda *_: None)
    tokenizer = reading.tokenizer
    merged = 0
    for batch in batches(trainer):
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            trained = labels[labels != -100].tolist()
            question = ids[: (labels != -100).nonzero()[0]].tolist()
            answer = tokenizer.decode(trained)
            assert answer.startswith('{"tags":[')
            assert trained == tokenizer(answer, add_special_tokens=False)["input_ids"]
            # The tiny tokenizer knows `:{"` as one token, which no server can begin an answer with.
            whole = tokenizer(tokenizer.decode(question) + answer, add_special_tokens=False)["input_ids"]
            merged += whole != question + trained
    assert merged


def test_preferences_are_put_apart_in_the_same_way(reading: Base, tmp_path: Path) -> None:
    config = TrainingConfig(view="preference", batch=2)
    corpus = built(tmp_path, asked_run(tmp_path), formats=("trl",), with_pictures=False)
    learned = examples(corpus, reading, config, tmp_path)
    trainer = trainer_for(reading, learned, None, config, tmp_path / "out", lambda *_: None)
    rows = 0
    for batch in batches(trainer):
        for ids, mask in zip(batch["input_ids"], batch["completion_mask"], strict=True):
            trained = ids[mask == 1].tolist()
            assert reading.tokenizer.decode(trained).startswith('{"tags":[')
            assert reading.tokenizer.decode(trained).endswith(ending_of(reading))
            rows += 1
    assert rows == 2 * learned.rows


def test_what_is_too_long_is_left_out_by_its_id(
    hostile: tuple[Path, CorpusSummary], seeing: Base, tmp_path: Path
) -> None:
    none = examples(hostile, seeing, TrainingConfig(max_length=16), tmp_path / "a")
    assert none.rows == 0
    lengths = {left.id: left.tokens for left in none.left_out}
    limit = sorted(lengths.values())[len(lengths) // 2]
    some = examples(hostile, seeing, TrainingConfig(max_length=limit), tmp_path / "b")
    assert {left.id: left.tokens for left in some.left_out} == {i: n for i, n in lengths.items() if n > limit}
    assert some.left_out
    assert some.rows == len(lengths) - len(some.left_out) > 0


def test_a_corpus_with_pictures_is_not_for_a_model_that_sees_none(
    hostile: tuple[Path, CorpusSummary], reading: Base, tmp_path: Path
) -> None:
    with pytest.raises(
        StudentError, match=r"has pictures, and --base .* sees none; .* or build the corpus with --no-p"
    ):
        examples(hostile, reading, TrainingConfig(), tmp_path)


def test_a_model_that_sees_learns_from_text_alone(
    blind: tuple[Path, CorpusSummary], seeing: Base, tmp_path: Path
) -> None:
    config = TrainingConfig(batch=2)
    learned = examples(blind, seeing, config, tmp_path)
    trainer = trainer_for(seeing, learned, None, config, tmp_path / "out", lambda *_: None)
    assert all("pixel_values" not in batch for batch in batches(trainer))
    assert read_summary(blind[0]).pictures is None
