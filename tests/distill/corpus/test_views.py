"""Views: what is asked, in the bytes it was or will be asked in, and what is learned from it."""

import json
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest

from distill.corpus import Selection, read_kept
from distill.corpus.records import VIEWS
from distill.runs import read_traces
from signatures.student import StudentForm
from tests.distill.corpus.made import asked_run, built, plain_run, reasons
from tests.signatures.test_student import server_writes


def rows(corpus: Path, view: str) -> list[dict[str, Any]]:
    files = sorted((corpus / "trl" / view).glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("asked")
    run = asked_run(folder)
    return built(folder, run)[0], run


def test_steps_are_asked_as_the_teacher_was_with_the_pictures_it_was_sent(asked: tuple[Path, Path]) -> None:
    corpus, run = asked
    by_id = {row["id"]: row for row in rows(corpus, "steps")}
    keys = {note.note_id: note.key for note in read_kept(corpus)}
    sent = {
        f"steps-{keys[trace.note_id]}-{step.name}": step
        for trace in read_traces(run)
        for step in trace.steps
        if isinstance(step.request, dict) and "messages" in step.request
    }
    assert by_id.keys() == sent.keys()
    assert {id.rpartition("-")[2] for id in by_id} == {"describe", "draft", "dedupe", "refine"}
    for id, row in by_id.items():
        request: Any = sent[id].request
        for turn, was in zip(row["prompt"], request["messages"], strict=True):
            blocks = was["content"]
            blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks
            texts = [block["text"].replace("<image>", "< image>") for block in blocks if block["type"] == "text"]
            assert [part["text"] for part in turn["content"] if part["type"] == "text"] == texts
        blocks = [block for was in request["messages"] if isinstance(was["content"], list) for block in was["content"]]
        pictures = [block["image_url"]["url"] for block in blocks if block["type"] == "image_url"]
        assert [f"sha256:{image['path'].removesuffix('.jpg')}" for image in row["images"]] == pictures
    assert sum(len(row["images"]) for row in by_id.values()) == 2


def test_answers_of_steps_can_be_written_by_a_server_bound_to_their_schemas(asked: tuple[Path, Path]) -> None:
    from signatures import asking
    from signatures.adapter import response_format

    signatures = {
        "describe": asking.Describe,
        "draft": asking.DraftTags,
        "dedupe": asking.Dedupe,
        "refine": asking.Refine,
    }
    found = rows(asked[0], "steps")
    assert found
    for row in found:
        text = row["completion"][0]["content"][0]["text"]
        assert server_writes(response_format(signatures[row["id"].rpartition("-")[2]])["schema"], text), text


def test_one_structured_answer_is_one_step(tmp_path: Path) -> None:
    from signatures import asking
    from signatures.adapter import response_format

    corpus, _ = built(tmp_path, asked_run(tmp_path, fused=True), views=("steps",))
    found = rows(corpus, "steps")
    assert [row["id"].rpartition("-")[2] for row in found] == ["describe"] * 2
    for row in found:
        assert server_writes(response_format(asking.TagAtOnce)["schema"], row["completion"][0]["content"][0]["text"])


def test_the_final_tags_are_preferred_to_the_draft_they_came_from(asked: tuple[Path, Path]) -> None:
    (row,) = (row for row in rows(asked[0], "preference") if row["note_id"] == "two")
    assert json.loads(row["chosen"][0]["content"][0]["text"]) == {"tags": ["harbour lantern"]}
    assert json.loads(row["rejected"][0]["content"][0]["text"]) == {
        "tags": ["harbour lantern", "evening harbour lantern"]
    }
    (prompt,) = (row for row in rows(asked[0], "prompts") if row["note_id"] == "two")
    assert row["prompt"] == prompt["prompt"]
    assert prompt.keys() == {"id", "note_id", "prompt", "images"}


def test_reasoning_says_what_pictures_show_and_what_tags_rest_on(asked: tuple[Path, Path]) -> None:
    (row,) = (row for row in rows(asked[0], "cot") if row["note_id"] == "two")
    said = json.loads(row["completion"][0]["content"][0]["text"])
    assert list(said) == ["reasoning", "tags"]
    assert said["reasoning"][0] == "Picture 1: a harbour lantern < image>; it reads: it says 'hi' there"
    assert "harbour lantern rests on the title: harbour lantern" in said["reasoning"]
    assert said["reasoning"][-1] == "Not harbour lantern: coarser, evening harbour lantern says it"


def test_every_view_asks_what_the_students_form_renders(asked: tuple[Path, Path]) -> None:
    form = StudentForm()
    system = {step: form.messages(step, {"note": "{}", "pictures": []})[0]["content"] for step in form.signatures}
    for view in ("tags", "preference", "prompts"):
        assert {row["prompt"][0]["content"][0]["text"] for row in rows(asked[0], view)} == {system["tags"]}
    assert {row["prompt"][0]["content"][0]["text"] for row in rows(asked[0], "cot")} == {system["cot"]}


def test_a_corpus_without_pictures_has_strings_and_no_column_for_them(tmp_path: Path) -> None:
    corpus, summary = built(tmp_path, plain_run(tmp_path), with_pictures=False)
    assert summary.images == 0
    assert not (corpus / "images").exists()
    for view in VIEWS:
        for row in rows(corpus, view):
            assert "images" not in row
            assert all(isinstance(turn["content"], str) for turn in row["prompt"])
    shown = rows(corpus, "cot")[0]
    assert "Picture" not in shown["completion"][0]["content"]


def test_what_rests_on_pictures_alone_is_not_learned_without_them(tmp_path: Path) -> None:
    from tests.distill.corpus.made import hostile_run

    corpus, _ = built(tmp_path, hostile_run(tmp_path), with_pictures=False)
    assert reasons(corpus)["emoji-picture"] == "too_few_tags"
    assert "vanished" not in reasons(corpus)


def test_the_embedded_teachers_steps_are_left_out_and_counted(tmp_path: Path) -> None:
    run = plain_run(tmp_path, 6)
    corpus, summary = built(tmp_path, run)
    assert summary.left_out == {"steps": {"no_request": 6}}
    assert summary.kept == 6
    other, summary = built(tmp_path / "steps", run, views=("steps",))
    assert summary.kept == 0
    assert set(reasons(other).values()) == {"no_request"}
    assert corpus != other


def test_what_is_too_long_is_left_out_of_the_view_and_of_the_corpus_only_where_nothing_is_left(tmp_path: Path) -> None:
    run = asked_run(tmp_path)
    rendered = rows(built(tmp_path / "all", run)[0], "tags")
    shortest = min(sum(len(part["text"] or "") for t in row["prompt"] for part in t["content"]) for row in rendered)
    _, summary = built(tmp_path / "some", run, selection=Selection(max_chars=shortest))
    assert summary.left_out["tags"] == {"too_long": 2}
    corpus, summary = built(tmp_path / "none", run, views=("tags",), selection=Selection(max_chars=100))
    assert summary.kept == 0
    assert set(reasons(corpus).values()) == {"too_long"}


def test_batch_files_ask_the_schema_that_answers_are_trained_in(asked: tuple[Path, Path]) -> None:
    lines = [line for file in (asked[0] / "batch").glob("*.jsonl") for line in file.read_bytes().splitlines()]
    found = [orjson.loads(line) for line in lines]
    assert len({row["custom_id"] for row in found}) == len(found) == 2
    schema = found[0]["body"]["response_format"]["json_schema"]["schema"]
    for row in rows(asked[0], "tags"):
        assert server_writes(schema, row["completion"][0]["content"][0]["text"])
