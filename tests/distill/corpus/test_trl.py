"""TRL's own collators take every row of a hostile corpus, and train on the answer alone, from its first byte."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from distill.corpus import CorpusPolicy
from distill.corpus.building import build
from tests.distill.corpus.made import hostile_run
from tests.tiny_idefics3 import build as tiny_idefics3

BEFORE = " "
"""What this chat template puts before an answer, but not behind its generation prompt: trainers must see to it."""


@pytest.fixture(scope="module")
def processor(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(tiny_idefics3(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    build([hostile_run(folder)], folder / "corpus")
    return folder / "corpus"


def rows(corpus: Path, view: str) -> list[dict[str, Any]]:
    splits = datasets.get_dataset_split_names(str(corpus), view)
    return [row for split in splits for row in datasets.load_dataset(str(corpus), view, split=split, streaming=True)]


@pytest.mark.parametrize("view", ["tags", "cot"])
def test_the_vision_collator_trains_on_the_answer_alone(corpus: Path, processor: Any, view: str) -> None:
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    found = rows(corpus, view)
    answers = [row["completion"][0]["content"][0]["text"] for row in found]
    assert {len(row["images"]) for row in found} == {0, 1, 5}
    collator = DataCollatorForVisionLanguageModeling(processor, completion_only_loss=True)
    batch = collator(found)
    assert len(batch["input_ids"]) == len(found) == 9
    assert batch["pixel_values"].shape[:2] == (9, 5)
    for labels, answer in zip(batch["labels"], answers, strict=True):
        trained = processor.tokenizer.decode(labels[labels != -100])
        spoken, _, end = trained.removeprefix(BEFORE).partition("<end_of_utterance>")
        # The tiny tokenizer lacks a few bytes; what it knows it gives back as it was.
        assert spoken == processor.tokenizer.decode(processor.tokenizer.encode(answer))
        assert spoken.startswith('{"')
        assert end.strip() == ""


def test_the_vision_collator_for_preferences_takes_every_pair(corpus: Path, processor: Any) -> None:
    from trl.trainer.dpo_trainer import DataCollatorForVisionPreference

    found = rows(corpus, "preference")
    batch = DataCollatorForVisionPreference(processor)(found)
    assert len(batch["input_ids"]) == 2 * len(found) == 16
    assert bool(batch["completion_mask"].any(dim=1).all())


def test_the_question_is_what_a_server_makes_of_the_same_messages(corpus: Path, processor: Any) -> None:
    from trl.data_utils import apply_chat_template, prepare_multimodal_messages

    requests = {
        row["custom_id"]: row["body"]["messages"]
        for file in (corpus / "batch").glob("*.jsonl")
        for row in map(json.loads, file.read_text("utf-8").splitlines())
    }
    found = rows(corpus, "prompts")
    assert len(found) == len(requests) == 9
    for row in found:
        sent = [{**message, "content": _parts(message["content"])} for message in requests[row["id"]]]
        served = processor.apply_chat_template(sent, add_generation_prompt=True)
        prompt = prepare_multimodal_messages(row["prompt"], images=row["images"])
        assert apply_chat_template({"prompt": prompt}, processor)["prompt"] == served


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [part if part["type"] == "text" else {"type": "image"} for part in content]


def test_a_text_model_reads_a_corpus_without_pictures(tmp_path: Path, processor: Any) -> None:
    from trl.data_utils import apply_chat_template, is_conversational

    build([hostile_run(tmp_path)], tmp_path / "corpus", CorpusPolicy(with_pictures=False))
    found = rows(tmp_path / "corpus", "tags")
    assert len(found) == 9
    for row in found:
        assert is_conversational(row)
        text = apply_chat_template({"prompt": row["prompt"], "completion": row["completion"]}, processor.tokenizer)
        assert text["completion"].removeprefix(BEFORE).startswith(row["completion"][0]["content"])
        assert text["prompt"].endswith("Assistant:")
