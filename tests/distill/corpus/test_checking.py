"""Checks: each trap that cost somebody a corpus, put into a sound one, is found by the reader that falls into it."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distill.corpus.checking import Check, check
from distill.corpus.checking.batch import check_batch
from distill.corpus.checking.folder import check_folder
from distill.corpus.checking.hub import check_datasets
from distill.corpus.checking.llamafactory import check_llamafactory
from distill.corpus.checking.openai import check_openai
from distill.corpus.checking.swift import check_swift
from distill.corpus.checking.trl import _prepared, check_trl
from distill.corpus.folder import read_summary, write_manifest
from tests.distill.corpus.made import asked_run, built

Change = Callable[[Any], Any]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    return built(folder, asked_run(folder))[0]


@pytest.fixture
def corpus(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "corpus", symlinks=True))


READERS = {
    "folder": check_folder,
    "datasets": check_datasets,
    "trl": check_trl,
    "LLaMA-Factory": check_llamafactory,
    "ms-swift": check_swift,
    "OpenAI": check_openai,
    "batch": check_batch,
}


def refused(corpus: Path, reader: str) -> list[str]:
    """What a reader says against the corpus; it must have looked at something."""
    found = list(READERS[reader](corpus, read_summary(corpus)))
    assert sum(one.rows for one in found) > 0
    return [problem for one in found for problem in one.problems]


def change_lines(file: Path, change: Change) -> None:
    rows = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    changed = [change(row) or row for row in rows]
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in changed))


def change_table(file: Path, change: Callable[[list[dict[str, Any]]], Any], schema: pa.Schema | None = None) -> None:
    table = pq.read_table(file)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema or table.schema), file)


def rows_of(corpus: Path, folder: str, name: str) -> Path:
    """A file of the corpus, whatever split the notes fell into; one that has pictures."""
    for split in ("train", "validation", "test"):
        file = corpus / folder / name.format(split)
        if file.is_file() and (folder != "sharegpt" or b"images/" in file.read_bytes()):
            return file
    raise AssertionError(f"no {folder}/{name}")


def with_pictures(corpus: Path, view: str) -> Path:
    for file in sorted((corpus / "trl" / view).glob("*.parquet")):
        if any(row["images"] for row in pq.read_table(file).to_pylist()):
            return file
    raise AssertionError("no pictures")


def test_a_sound_corpus_is_taken_by_all(sound: Path) -> None:
    found = list(check(sound))
    assert all(one.holds for one in found), [one.problems for one in found]
    assert {one.by.split()[0] for one in found} >= {"SHA-256", "datasets", "trl", "LLaMA-Factory's", "ms-swift's"}


def _placeholder(row: dict[str, Any]) -> None:
    row["messages"][-2]["content"] += " <image>"


def _video(row: dict[str, Any]) -> None:
    row["messages"][-2]["content"] += " <video>"


def _box(row: dict[str, Any]) -> None:
    row["messages"][-2]["content"] += " <bbox>"


def _lost_placeholder(row: dict[str, Any]) -> None:
    row["messages"][-2]["content"] = row["messages"][-2]["content"].replace("<image>", "")


def _no_answer(row: dict[str, Any]) -> None:
    row["messages"].pop()


def _human(row: dict[str, Any]) -> None:
    row["messages"][-2]["role"] = "human"


def _parts(row: dict[str, Any]) -> None:
    row["messages"][-2]["content"] = [{"type": "text", "text": "x"}]


def _other_picture(row: dict[str, Any]) -> None:
    row["images"] = [f"images/{'0' * 64}.jpg" for _ in row["images"]]


def _space(row: dict[str, Any]) -> None:
    row["messages"][-1]["content"] = " " + row["messages"][-1]["content"]


def _spaced(row: dict[str, Any]) -> None:
    row["messages"][-1]["content"] = row["messages"][-1]["content"].replace(":", ": ")


def _empty(row: dict[str, Any]) -> None:
    row["messages"][-1]["content"] = ""


@pytest.mark.parametrize(
    ("change", "reader", "said"),
    [
        (_placeholder, "LLaMA-Factory", "<image>"),
        (_video, "LLaMA-Factory", "1 <video>"),
        (_lost_placeholder, "LLaMA-Factory", "0 <image>"),
        (_no_answer, "LLaMA-Factory", "drops what does not end with an answer"),
        (_human, "LLaMA-Factory", "turn 1 is of 'human'"),
        (_parts, "LLaMA-Factory", "not a string"),
        (_other_picture, "LLaMA-Factory", "no picture"),
        (_space, "LLaMA-Factory", "other bytes"),
        (_spaced, "LLaMA-Factory", "other bytes"),
        (_placeholder, "ms-swift", "<image>"),
        (_box, "ms-swift", "<bbox> stands in a text"),
        (_no_answer, "ms-swift", "the last has no answer"),
        (_empty, "ms-swift", "an empty answer"),
        (_other_picture, "ms-swift", "no picture"),
    ],
)
def test_a_broken_row_in_sharegpt_form_is_found(corpus: Path, change: Change, reader: str, said: str) -> None:
    change_lines(rows_of(corpus, "sharegpt", "{}.jsonl"), change)
    problems = refused(corpus, reader)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda info: info["tags"].pop("observation_tag"), "tags leave out observation_tag"),
        (lambda info: info.pop("formatting"), "read as Alpaca's"),
        (lambda info: info.update(ranking=True), "ranking True"),
    ],
    ids=["tags", "formatting", "ranking"],
)
def test_a_description_that_the_parser_takes_otherwise_is_found(corpus: Path, change: Change, said: str) -> None:
    file = corpus / "sharegpt/dataset_info.json"
    info = orjson.loads(file.read_bytes())
    for name in info:
        if "preference" not in name:
            change(info[name])
    file.write_bytes(orjson.dumps(info))
    assert any(said in problem for problem in refused(corpus, "LLaMA-Factory"))


def test_a_preference_without_a_difference_is_found_by_all_who_read_it(corpus: Path) -> None:
    def swift(row: dict[str, Any]) -> None:
        row["rejected_response"] = row["messages"][-1]["content"]

    def openai(row: dict[str, Any]) -> None:
        row["non_preferred_output"] = row["preferred_output"]

    def trl(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["rejected"] = row["chosen"]

    change_lines(rows_of(corpus, "sharegpt", "swift-preference-{}.jsonl"), swift)
    change_lines(rows_of(corpus, "openai", "preference-{}.jsonl"), openai)
    change_table(with_pictures(corpus, "preference"), trl)
    assert any("the chosen one" in problem for problem in refused(corpus, "ms-swift"))
    assert any("both outputs are the same" in problem for problem in refused(corpus, "OpenAI"))
    assert any("are the same" in problem for problem in refused(corpus, "trl"))


def _two_places(rows: list[dict[str, Any]]) -> None:
    rows[0]["images"] = rows[0]["images"][:-1]


def _answer_with_space(rows: list[dict[str, Any]]) -> None:
    content = rows[0]["completion"][0]["content"]
    content[0]["text"] = " " + content[0]["text"]


def _ends_with_assistant(rows: list[dict[str, Any]]) -> None:
    rows[0]["prompt"] += rows[0]["completion"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_two_places, "does not match number of image placeholders"),
        (_answer_with_space, "other bytes"),
        (_ends_with_assistant, "the prompt ends with 'assistant'"),
        (list.clear, "0 rows"),
    ],
)
def test_a_broken_row_for_trl_is_found(corpus: Path, change: Callable[[list[dict[str, Any]]], Any], said: str) -> None:
    change_table(with_pictures(corpus, "tags"), change)
    problems = refused(corpus, "trl")
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize("name", ["text", "messages", "image", "label"])
def test_a_column_that_trl_takes_for_something_else_is_found(corpus: Path, name: str) -> None:
    file = with_pictures(corpus, "tags")
    table = pq.read_table(file)
    pq.write_table(table.append_column(name, pa.array(["x"] * len(table))), file)
    assert any("are no dataset of one type" in problem for problem in refused(corpus, "trl"))


def test_an_image_key_inside_a_part_is_found(corpus: Path) -> None:
    file = with_pictures(corpus, "tags")
    table = pq.read_table(file)
    part = pa.struct([("type", pa.string()), ("text", pa.string()), ("image", pa.string())])
    turns = pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(part))]))
    place = table.schema.get_field_index("prompt")
    schema = table.schema.set(place, pa.field("prompt", turns)).remove_metadata()
    change_table(file, lambda rows: None, schema)
    assert any("['image', 'text', 'type']" in problem for problem in refused(corpus, "trl"))


def test_the_rules_used_without_trl_count_places_as_trl_does() -> None:
    from trl.data_utils import prepare_multimodal_messages

    parts = [{"type": "image", "text": None}, {"type": "text", "text": "x"}]
    messages = [{"role": "user", "content": parts}]
    for count, fits in ((0, False), (1, True), (2, False)):
        for rule in (_prepared, prepare_multimodal_messages):
            try:
                rule(messages, images=[b"x"] * count)
                taken = True
            except ValueError:
                taken = False
            assert taken == fits


def test_pictures_in_the_parquet_files_are_those_of_the_folder(corpus: Path) -> None:
    def other(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            for image in row["images"]:
                image["bytes"] += b"\x00"

    change_table(with_pictures(corpus, "cot"), other)
    assert any("has other bytes" in problem for problem in refused(corpus, "datasets"))


def test_batch_requests_with_one_id_or_another_schema_are_found(corpus: Path) -> None:
    def unbound(row: dict[str, Any]) -> None:
        row["custom_id"] = str(len(row["body"]["messages"][-1]["content"]))
        del row["body"]["response_format"]

    for file in (corpus / "batch").glob("*.jsonl"):
        change_lines(file, lambda row: row.update(custom_id="same"))
    assert any("not its own" in problem for problem in refused(corpus, "batch"))
    for file in (corpus / "batch").glob("*.jsonl"):
        change_lines(file, unbound)
    assert any("response_format" in problem for problem in refused(corpus, "batch"))


def test_a_picture_that_is_none_is_found_for_openai(corpus: Path) -> None:
    def broken(row: dict[str, Any]) -> None:
        for message in row["messages"]:
            for part in message["content"] if isinstance(message["content"], list) else ():
                if part["type"] == "image_url":
                    part["image_url"]["url"] = "https://example.org/a.jpg"

    for file in (corpus / "openai").glob("tags-*.jsonl"):
        change_lines(file, broken)
    assert any("is no base64" in problem for problem in refused(corpus, "OpenAI"))


def test_leaks_between_splits_are_found(corpus: Path) -> None:
    lines = (corpus / "notes.jsonl").read_bytes().splitlines()
    rows = [orjson.loads(line) for line in lines]
    split = "test" if rows[0]["split"] != "test" else "train"
    leaked = rows[0] | {"key": "other", "group": "other", "note_id": "leak", "split": split}
    assert any(row["pictures"] for row in rows)
    shown = next(row for row in rows if row["pictures"])
    leaked["pictures"] = shown["pictures"]
    leaked["split"] = "test" if shown["split"] != "test" else "train"
    (corpus / "notes.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in [*rows, leaked]))
    assert any("picture " in problem and "leak" in problem for problem in refused(corpus, "folder"))


def test_a_trace_that_is_nowhere_is_found(corpus: Path) -> None:
    lines = (corpus / "notes.jsonl").read_bytes().splitlines(keepends=True)
    (corpus / "notes.jsonl").write_bytes(b"".join(lines[1:]))
    assert any("2 were read, 1 are kept and 0 dropped" in problem for problem in refused(corpus, "folder"))


@pytest.mark.parametrize("what", ["changed", "missing", "more"])
def test_files_that_are_not_as_they_were_written_are_found(corpus: Path, what: str) -> None:
    file = next((corpus / "images").iterdir())
    if what == "changed":
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    elif what == "missing":
        file.unlink()
    else:
        (corpus / "more.txt").write_text("x")
    name = "more.txt" if what == "more" else f"images/{file.name}"
    assert any(problem.startswith(f"{name}: the file") for problem in refused(corpus, "folder"))
    if what == "changed":
        write_manifest(corpus)  # whoever changes a picture can change the manifest
        assert any("not those its name says" in problem for problem in refused(corpus, "folder"))


def test_only_the_first_problems_are_told_and_all_are_counted() -> None:
    found = Check(part="p", by="b")
    for number in range(100):
        found.refuse(number, "why")
    assert found.refused == 100
    assert len(found.problems) == 10
    assert not found.holds


def test_what_nobody_could_look_at_is_said(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    (one,) = check_datasets(sound, read_summary(sound))
    assert one.by == "NOT CHECKED: datasets is not installed; pip install 'tagllm[student]'"
