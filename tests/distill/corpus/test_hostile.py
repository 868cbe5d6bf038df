"""A corpus of notes that hurt: nothing is lost in silence, and every reader takes every row."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pytest

from distill.corpus import read_dropped, read_kept
from distill.corpus.checking import check
from distill.corpus.folder import read_summary
from tests.distill.corpus.made import hostile_run

KEPT = {
    "marker",
    "marker-alone",
    "five",
    "emoji",
    "emoji-picture",
    "long",
    "mixed",
    "../../etc/passwd",
    "lines",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    from distill.corpus.building import build

    build([hostile_run(folder)], folder / "corpus")
    return folder / "corpus"


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").split("\n") if line]


def rows(corpus: Path, view: str) -> list[dict[str, Any]]:
    found = []
    for split in datasets.get_dataset_split_names(str(corpus), view):
        opened = datasets.load_dataset(str(corpus), view, split=split, streaming=True)
        found += list(opened.cast_column("images", datasets.List(datasets.Image(decode=False))))
    return found


def test_every_trace_is_in_a_view_or_dropped_with_its_reason(corpus: Path) -> None:
    summary = read_summary(corpus)
    kept = [note.note_id for note in read_kept(corpus)]
    dropped = {one.note_id: one.reason for one in read_dropped(corpus)}
    assert set(kept) == KEPT
    assert len(kept) == len(KEPT)
    assert dropped == {"vanished": "picture_missing"}
    assert summary.traces == summary.kept + sum(summary.dropped.values()) == 10
    counted = Counter(view for note in read_kept(corpus) for view, count in note.rows.items() for _ in range(count))
    assert counted == {view: sum(splits.values()) for view, splits in summary.rows.items() if any(splits.values())}
    assert {note: row for row in rows(corpus, "tags") for note in [row["note_id"]]}.keys() == KEPT


def test_every_reader_takes_every_row(corpus: Path) -> None:
    found = list(check(corpus))
    assert not [problem for one in found for problem in one.problems]
    readers = {one.by.partition(" ")[0] for one in found if one.rows}
    assert {"datasets", "trl", "LLaMA-Factory's", "ms-swift's", "OpenAI's", "batch"} <= readers


def test_markers_in_a_note_are_text_and_each_picture_has_one_place(corpus: Path) -> None:
    by_id = {row["note_id"]: row for row in rows(corpus, "tags")}
    counts = {note: len(row["images"]) for note, row in by_id.items()}
    assert counts == dict.fromkeys(KEPT, 0) | {"marker": 1, "five": 5, "emoji-picture": 1}
    for row in by_id.values():
        parts = [part for message in row["prompt"] for part in message["content"]]
        texts = "".join(part["text"] or "" for part in parts)
        assert sum(part["type"] == "image" for part in parts) == len(row["images"])
        assert not any(marker in texts for marker in ("<image>", "<video>", "<audio>", "<|im_end|>"))
    everything = [row for file in (corpus / "sharegpt").glob("*.jsonl") for row in lines(file)]
    assert everything
    for row in everything:
        turns = [*row["messages"], *([row["chosen"]] if "chosen" in row else [])]
        assert "\n".join(turn["content"] for turn in turns).count("<image>") == len(row["images"])


def test_answers_are_bytes_that_a_bound_server_writes(corpus: Path) -> None:
    answers = {row["note_id"]: row["completion"][0]["content"][0]["text"] for row in rows(corpus, "tags")}
    assert answers["lines"] == """{"tags":["'quoted' tag","back/slash","two lines"]}"""
    assert answers["marker"] == '{"tags":["a < image> tag","x< |im_end|>y"]}'
    assert answers["mixed"].endswith('"滨海湾夜景"]}')
    assert all(answer.startswith('{"') and "\\" not in answer for answer in answers.values())


def test_pictures_are_written_once_and_named_by_their_bytes(corpus: Path) -> None:
    files = sorted((corpus / "images").iterdir())
    assert len(files) == 7
    assert all(hashlib.sha256(file.read_bytes()).hexdigest() == file.stem for file in files)
    shown = {image["path"] for row in rows(corpus, "prompts") for image in row["images"]}
    assert shown == {file.name for file in files}


def test_no_reader_of_lines_finds_more_lines_than_rows(corpus: Path) -> None:
    files = [file for file in corpus.rglob("*.jsonl") if file.parent != corpus]
    assert len(files) > 10
    for file in files:
        assert all(line.startswith("{") and line.endswith("}") for line in file.read_text("utf-8").splitlines()), file
    shown = [row["messages"][1]["content"] for file in files if file.parent.name == "sharegpt" for row in lines(file)]
    assert any("line\u2028separators\u2029and" in text for text in shown)


def test_the_long_note_is_cut_and_says_so(corpus: Path) -> None:
    (row,) = (row for row in rows(corpus, "prompts") if row["note_id"] == "long")
    (message,) = (message for message in row["prompt"] if message["role"] == "user")
    said = message["content"][0]["text"]
    assert "characters cut]" in said
    assert len(said) < 10_000


def test_the_card_holds_no_markup_of_a_strangers(corpus: Path) -> None:
    card = (corpus / "README.md").read_text("utf-8")
    assert "<b>" not in card
    assert "10 traces = 9 in the views + 1 dropped" in card
    for name in ("rows", "dropped", "categories", "languages"):
        assert (corpus / "plots" / f"{name}.svg").read_text("utf-8").startswith("<svg ")
