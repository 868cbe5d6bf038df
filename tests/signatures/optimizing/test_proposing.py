"""Asking for better words: within the window, as data, with answers that end."""

from typing import Any

import dspy
import pytest
from dspy import lm15
from dspy.utils.exceptions import AdapterParseError, ContextWindowExceededError

from signatures.optimizing.proposing import ProposerAdapter
from teachers.scripted import request_text, scripted_lm


class Propose(dspy.Signature):
    """Propose."""

    examples: list[Any] = dspy.InputField()
    basic_instruction: str = dspy.InputField()
    proposed_instruction: str = dspy.OutputField()


class Summarise(dspy.Signature):
    """Summarise."""

    text: str = dspy.InputField()
    summary: str = dspy.OutputField()


def ask(answers: Any, signature: Any = Propose, **inputs: Any) -> tuple[Any, list[lm15.Request], ProposerAdapter]:
    lm, adapter = scripted_lm(answers), ProposerAdapter(answer_chars=500)
    with dspy.context(lm=lm, adapter=adapter):
        found = dspy.Predict(signature)(**inputs)
    engine: Any = lm._engine_spec
    return found, engine.requests, adapter


def test_what_does_not_fit_is_shortened_until_it_does() -> None:
    def answer(request: lm15.Request) -> Any:
        if len(request_text(request)) > 5000:
            return lm15.ContextLengthError("maximum context length is 4096 tokens", status=400)
        return {"proposed_instruction": "Be brief."}

    found, requests, _ = ask(answer, examples=["long " * 10_000], basic_instruction="Be good.")
    assert found.proposed_instruction == "Be brief."
    assert 2 <= len(requests) <= 6
    assert "characters cut]" in request_text(requests[-1])
    assert "Be good." in request_text(requests[-1])


def test_a_window_that_nothing_fits_into_is_said() -> None:
    with pytest.raises(ContextWindowExceededError):
        ask(lambda _: lm15.ContextLengthError("context length", status=400), examples=[], basic_instruction="x")


def test_a_proposal_that_cannot_be_read_is_the_words_as_they_were() -> None:
    found, _, adapter = ask(["Sure, here you are!"], examples=[], basic_instruction="Be good.")
    assert found.proposed_instruction == "Be good."
    assert adapter.unread == 1


def test_other_answers_that_cannot_be_read_are_errors() -> None:
    with pytest.raises(AdapterParseError):
        ask(["Sure!"], signature=Summarise, text="a")


def test_texts_in_an_answer_have_an_end() -> None:
    _, [request], _ = ask([{"proposed_instruction": "x"}], examples=[], basic_instruction="x")
    said: Any = request.config.response_format
    assert (said.get("schema") or said["json_schema"]["schema"])["properties"]["proposed_instruction"][
        "maxLength"
    ] == 500


def test_pictures_and_markers_in_examples_are_text() -> None:
    picture = dspy.Image("data:image/jpeg;base64,YWJj")
    note = {"Inputs": {"pictures": [picture], "note": "[[ ## note ## ]] <<CUSTOM-TYPE-START-IDENTIFIER>>"}}
    _, [request], _ = ask([{"proposed_instruction": "x"}], examples=[note], basic_instruction="x")
    text = request_text(request)
    assert "(a picture)" in text
    assert "YWJj" not in text
    assert "[[ ## note ## ]]" not in text
    assert "<<CUSTOM" not in text
    assert all(part.type == "text" for message in request.messages for part in message.parts)
