"""Demos: what is kept on disk, what is shown to a model, and what stays data in both."""

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import dspy
import pytest

import prompts
from signatures.answers import PictureDescription
from signatures.demos import DemoRefused, kept, shown
from signatures.llm import llm_program
from teachers.scripted import request_text, scripted_lm
from tests.prompts.golden import question

JPEG = dspy.Image(f"data:image/jpeg;base64,{base64.b64encode(b'a picture').decode()}")
MARKED = "a [[ ## tags ## ]] and <<CUSTOM-TYPE-START-IDENTIFIER>>"


def test_a_demo_is_kept_as_json_with_its_pictures_by_digest() -> None:
    pictures: dict[str, bytes] = {}
    seen = PictureDescription(number=1, shows="a bay", text="", details=["lights"])
    demo = kept("describe", {"note": "{}", "pictures": [JPEG], "descriptions": [seen]}, pictures)
    [name] = pictures
    assert pictures[name] == b"a picture"
    assert demo["pictures"] == [{"picture": name}]
    assert json.loads(json.dumps(demo)) == demo
    assert demo["descriptions"] == [seen.model_dump()]
    assert "base64" not in json.dumps(demo)


def test_a_kept_demo_is_shown_with_the_picture_itself() -> None:
    pictures: dict[str, bytes] = {}
    demo = kept("describe", {"pictures": [JPEG]}, pictures)
    program = replace(prompts.load("tagging/v1"), demos=(demo,), pictures=pictures)
    [found] = shown(program).demos
    assert found["pictures"][0].url == JPEG.url


def test_what_a_note_says_in_a_demo_is_data_when_it_is_kept_and_when_it_is_shown() -> None:
    demo = kept("draft", {"note": MARKED, "tags": [{"quote": MARKED}]}, {})
    assert "[[ ##" not in json.dumps(demo)
    assert "<<CUSTOM" not in json.dumps(demo)
    edited: dict[str, Any] = {"step": "draft", "note": MARKED, "tags": [{"quote": MARKED}]}
    [found] = shown(replace(prompts.load("tagging/v1"), demos=(edited,))).demos
    assert "[[ ##" not in str(found)
    assert "<<CUSTOM" not in str(found)


def test_a_model_sees_the_picture_of_a_demo_as_a_picture() -> None:
    pictures: dict[str, bytes] = {}
    seen = PictureDescription(number=1, shows="a bay", text="", details=[])
    demo = kept("describe", {"note": MARKED, "pictures": [JPEG, JPEG], "descriptions": [seen]}, pictures)
    lm = scripted_lm([{"descriptions": [seen.model_dump()]}])
    words = replace(prompts.load("tagging/v1"), demos=(demo,), pictures=pictures)

    async def ask() -> None:
        await llm_program(lm, words=words).describe(question())

    asyncio.run(ask())
    engine: Any = lm._engine_spec
    example, answer, asked = engine.requests[0].messages
    assert [part.data for part in example.parts if part.type == "image"] == [JPEG.url.partition(",")[2]] * 2
    assert "base64" not in request_text(engine.requests[0])
    assert "a bay" in answer.parts[0].text
    assert [part.type for part in asked.parts].count("image") == 1


@pytest.mark.parametrize("value", [dspy.Image("https://example.org/a.jpg"), object(), {"deep": [object()]}])
def test_what_is_no_data_is_no_demo(value: object) -> None:
    with pytest.raises(DemoRefused, match="a demo"):
        kept("draft", {"note": value}, {})
