"""The scripted teacher: answers in order or by a function, errors as a server would raise them."""

import asyncio
import json

import dspy
import pytest
from dspy import lm15
from dspy.utils.exceptions import LMError, LMTimeoutError

from teachers.scripted import ScriptedEngine, request_text, scripted_lm


def _request(text: str = "hello there") -> lm15.Request:
    return lm15.Request(model="m", messages=(lm15.Message.user(text),), system="be brief")


def _text(response: lm15.Response) -> str:
    return "".join(part.text for part in response.message.parts if part.type == "text")


def test_answers_come_in_order_and_requests_are_remembered() -> None:
    engine = ScriptedEngine(["one", {"tags": ["夜景"]}])
    first, second = _request("a"), _request("b")
    assert _text(engine.complete(first)) == "one"
    assert json.loads(_text(engine.complete(second))) == {"tags": ["夜景"]}
    assert engine.requests == [first, second]


def test_list_that_runs_out_says_which_request_has_no_answer() -> None:
    engine = ScriptedEngine(["one"])
    engine.complete(_request())
    with pytest.raises(RuntimeError, match="the script has no answer to request 2; add one"):
        engine.complete(_request())


def test_language_model_that_runs_out_says_so_too() -> None:
    with pytest.raises(LMError, match="the script has no answer to request 1; add one"):
        scripted_lm([])("hello")


def test_function_answers_from_the_request() -> None:
    engine = ScriptedEngine(lambda request: request_text(request).upper())
    for word in ("a", "b"):
        assert _text(engine.complete(_request(word))) == f"BE BRIEF\n{word.upper()}"


@pytest.mark.parametrize("error", [lm15.TimeoutError("slow"), ValueError("bad"), KeyboardInterrupt()])
def test_exception_is_raised_and_the_next_answer_follows(error: BaseException) -> None:
    engine = ScriptedEngine([error, "after"])
    with pytest.raises(type(error)):
        engine.complete(_request())
    assert _text(engine.complete(_request())) == "after"


def test_function_may_answer_with_an_exception() -> None:
    engine = ScriptedEngine(lambda request: lm15.RateLimitError("slow down"))
    with pytest.raises(lm15.RateLimitError):
        engine.complete(_request())


def test_tokens_are_words() -> None:
    usage = ScriptedEngine(["one two three"]).complete(_request("hello there")).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (4, 3)


def test_language_model_answers_with_and_without_an_event_loop() -> None:
    lm = scripted_lm(["one", "two"], model="scripted/x")
    assert isinstance(lm, dspy.LM)
    assert lm.model == "scripted/x"
    assert lm("hello") == ["one"]
    assert asyncio.run(lm.acall("hello")) == ["two"]
    assert isinstance(lm.engine, ScriptedEngine)
    assert len(lm.engine.requests) == 2


def test_nothing_is_tried_again_and_nothing_is_cached() -> None:
    lm = scripted_lm([lm15.TimeoutError("slow"), "one", "two"])
    with pytest.raises(LMTimeoutError):
        lm("hello")
    assert (lm("hello"), lm("hello")) == (["one"], ["two"])
