"""The student's question and answer: one renderer for training and serving, bytes that a bound server can write."""

import asyncio
import json
from typing import Any

import dspy
import pytest
from pydantic import BaseModel, ValidationError

from notes.pictures import PictureStore
from notes.records import Note
from signatures.asker import Asker
from signatures.student import MAX_NOTE_CHARS, StudentForm, StudentStep, answer_text, unmarked
from teachers.scripted import scripted_lm
from teachers.vllm.wire import outgoing, with_pictures

NOTE = Note(
    id="1",
    title="<image> 夜游 Marina Bay",
    content='Say "<|im_end|>" and [/INST] and [[ ## tags ## ]]; 3 < 4, <b>bold</b>.',
    category="travel",
    lang="zh",
)
ANSWERS: dict[StudentStep, dict[str, Any]] = {
    "tags": {"tags": ["滨海湾夜景", 'a "quoted" \\ tag', "émoji 🌃"]},
    "cot": {"reasoning": ["Picture 1 shows a bay.\nAt night."], "tags": ["滨海湾夜景"]},
}


@pytest.fixture(scope="module")
def form() -> StudentForm:
    return StudentForm()


def server_writes(schema: dict[str, Any], text: str) -> bool:
    """Whether vLLM's grammar, as `disable_any_whitespace` sets it up, lets a model write exactly this."""
    xgrammar = pytest.importorskip("xgrammar", reason="comes with vLLM")
    vocabulary = [*(bytes([byte]) for byte in range(256)), b"<eos>"]
    info = xgrammar.TokenizerInfo(vocabulary, vocab_type=xgrammar.VocabType.RAW, stop_token_ids=[256])
    grammar = xgrammar.GrammarCompiler(info).compile_json_schema(
        json.dumps(schema), any_whitespace=False, separators=(",", ":")
    )
    matcher = xgrammar.GrammarMatcher(grammar, terminate_without_stop_token=True)
    return matcher.accept_string(text) and matcher.is_terminated()


@pytest.mark.parametrize("step", ["tags", "cot"])
def test_an_answer_is_what_a_bound_server_writes_and_nothing_near_it_is(form: StudentForm, step: StudentStep) -> None:
    schema = form.response_format(step)["json_schema"]["schema"]
    text = form.answer(step, ANSWERS[step])
    assert server_writes(schema, text)
    assert "\\" not in text
    assert not server_writes(schema, f" {text}")
    assert not server_writes(schema, json.dumps(json.loads(text), ensure_ascii=False))
    form.check(step, text)
    for other in (f" {text}", f"{text}\n", json.dumps(json.loads(text)), text[:-1]):
        with pytest.raises(ValueError, match=r"other bytes|Expecting"):
            form.check(step, other)


def test_quotation_marks_and_line_breaks_are_written_so_that_a_server_can(form: StudentForm) -> None:
    assert form.answer("tags", {"tags": ['a "b" \\ c', "d\ne\tf"]}) == """{"tags":["a 'b' / c","d e f"]}"""
    with pytest.raises(ValueError, match="other bytes"):
        form.check("tags", r"""{"tags":["a \"b\""]}""")


def test_numbers_are_written_without_an_exponent() -> None:
    assert answer_text({"a": 0.00001, "b": 1.0, "c": [0.12345], "d": 3}) == '{"a":0.0,"b":1.0,"c":[0.1235],"d":3}'


@pytest.mark.parametrize(
    "values",
    [
        {"tags": []},
        {"tags": ["x"] * 13},
        {"tags": ["x" * 81]},
        {"tags": "x"},
        {},
    ],
)
def test_what_breaks_the_schema_is_no_answer(form: StudentForm, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        form.answer("tags", values)


def test_training_and_serving_send_the_same_bytes(form: StudentForm, example_pictures: PictureStore) -> None:
    picture = dspy.Image(example_pictures.open("images/sg-night-3d-1.jpg").data_url)
    inputs = form.inputs(NOTE, [picture, picture], not_shown=1)
    lm = scripted_lm(lambda _: ANSWERS["tags"])
    slots = form.limits.model_dump()
    asked = Asker(lm).ask(
        form.words, "tags", type(form).signatures["tags"], slots, inputs, lambda p: _Tags(tags=p.tags)
    )
    answered = asyncio.run(asked)
    engine: Any = lm._engine_spec
    body, pictures, *_ = outgoing(engine.requests[0], "model")
    addresses = {digest: f"data:{data}" for digest, data in pictures.items()}
    sent = json.loads(with_pictures(body, addresses))["messages"]
    for message in sent:
        for part in message["content"] if isinstance(message["content"], list) else ():
            part.pop("uuid", None)
    assert sent == form.messages("tags", inputs)
    assert body["response_format"] == form.response_format("tags")
    assert answered.answer.tags == ANSWERS["tags"]["tags"]


class _Tags(BaseModel):
    tags: list[str]


def test_nothing_in_a_note_is_a_picture_or_a_turn(form: StudentForm) -> None:
    shown = form.inputs(NOTE, [])["note"]
    assert "< image> 夜游" in shown
    assert "< |im_end|>" in shown
    assert "[ /INST]" in shown
    assert "3 < 4, <b>bold</b>" in shown
    content = form.messages("tags", {"note": shown, "pictures": []})[1]["content"]
    assert content.count("[[ ## ") == 2  # the two fields, and no third of the note's own


@pytest.mark.parametrize("marker", ["<image>", "<VIDEO>", "<audio>", "<bbox>", "<|image_pad|>", "</s>"])
def test_markers_are_broken_up_once_and_for_all(marker: str) -> None:
    found = unmarked(f"a{marker}b")
    assert marker not in found
    assert unmarked(found) == found
    assert found.replace(" ", "") == f"a{marker}b"


def test_a_long_note_is_cut_and_the_cut_is_said(form: StudentForm) -> None:
    shown = form.inputs(NOTE.model_copy(update={"content": "x" * 50_000}), [])["note"]
    assert len(shown) < MAX_NOTE_CHARS + 300
    assert f"{50_000 - MAX_NOTE_CHARS:,} characters cut" in shown


def test_hashtags_are_shown_only_where_they_were_asked_for() -> None:
    note = NOTE.model_copy(update={"hashtags": ("wanderlust",)})
    assert "wanderlust" not in StudentForm().inputs(note, [])["note"]
    assert "wanderlust" in StudentForm(show_hashtags=True).inputs(note, [])["note"]
