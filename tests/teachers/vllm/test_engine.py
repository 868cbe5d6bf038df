"""The engine before a server that does what the test says."""

import asyncio
import base64
import hashlib
import json
import random
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy import lm15
from dspy.utils.callback import BaseCallback
from dspy.utils.exceptions import LMInvalidRequestError

from teachers.cache import RequestCache
from teachers.receipts import Receipt, receipt
from teachers.vllm import endpoint
from teachers.vllm.endpoint import Endpoint, Limits
from teachers.vllm.engine import SyncEngine, VllmEngine, vllm_lm
from teachers.vllm.load import Load
from teachers.vllm.servers import Servers
from tests.teachers.vllm.chat_server import Say, chat_server

PATIENT = Limits(connect=60.0, answer=60.0, patience=60.0)
QUICK = Limits(connect=60.0, answer=3.0, patience=60.0)
"""For servers that stall."""
PNG = base64.b64encode(b"\x89PNG not really").decode()
DIGEST = hashlib.sha256(base64.b64decode(PNG)).hexdigest()


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teachers.vllm.servers._PAUSE", (0.001, 0.002))
    monkeypatch.setattr("teachers.vllm.endpoint._AWAY", (0.05, 0.1))


def engine(*base_urls: str, cache: RequestCache | None = None, limits: Limits = PATIENT, **settings: Any) -> VllmEngine:
    endpoints = [Endpoint(url, limits=limits) for url in base_urls]
    return VllmEngine(Servers(endpoints, limits=limits), "m", cache=cache, load=Load(64), **settings)


def request(text: str = "Hello", *, picture: bool = False, **config: Any) -> lm15.Request:
    parts: list[Any] = [lm15.TextPart(text)]
    if picture:
        parts.append(lm15.ImagePart(media_type="image/png", data=PNG))
    message = lm15.Message(role="user", parts=tuple(parts))
    settings = {"max_tokens": 50, "temperature": 0.0} | config
    return lm15.Request(model="vllm:m", messages=(message,), system="Answer.", config=lm15.Config(**settings))


def asked(engine: VllmEngine, *requests: lm15.Request) -> list[lm15.Response | BaseException]:
    """All at once, in one loop."""

    async def all_of() -> list[lm15.Response | BaseException]:
        try:
            return await asyncio.gather(*map(engine.complete, requests), return_exceptions=True)
        finally:
            await engine.aclose()

    return asyncio.run(all_of())


def text_of(response: lm15.Response | BaseException) -> str:
    assert isinstance(response, lm15.Response), response
    [part] = response.message.parts
    assert isinstance(part, lm15.TextPart)
    return part.text


def test_request_is_an_openai_chat_completion() -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    format_ = {"type": "json_schema", "name": "Answer", "schema": schema, "strict": True}
    with chat_server([Say("yes")]) as server:
        (response,) = asked(engine(server.base_url), request(response_format=format_, stop=("END",)))
    assert text_of(response) == "yes"
    assert response.usage.input_tokens == 100  # pyright: ignore[reportAttributeAccessIssue]
    assert server.requests == [
        {
            "model": "m",
            "messages": [{"role": "system", "content": "Answer."}, {"role": "user", "content": "Hello"}],
            "temperature": 0.0,
            "max_tokens": 50,
            "stop": ["END"],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "Answer", "schema": schema, "strict": True},
            },
        }
    ]


def picture_of(body: dict[str, Any]) -> dict[str, Any]:
    return body["messages"][1]["content"][1]


def test_picture_travels_once_and_again_when_the_server_lost_it() -> None:
    lost = Say("Cache miss for image at index 0", status=400)
    with chat_server([Say(), Say(), lost, Say(), Say()]) as server:
        one = engine(server.base_url)
        for number in range(4):
            assert text_of(asked(one, request(str(number), picture=True))[0])
        sent = [picture_of(body) for body in server.requests]
    whole = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}, "uuid": DIGEST}
    name = {"type": "image_url", "image_url": None, "uuid": DIGEST}
    assert sent == [whole, name, name, whole, name]


def test_picture_for_a_server_of_our_own_is_a_file(tmp_path: Path) -> None:
    with chat_server([Say()]) as server:
        endpoint = Endpoint(server.base_url, limits=PATIENT, spool=tmp_path)
        asked(VllmEngine(Servers([endpoint]), "m"), request(picture=True))
        assert picture_of(server.requests[0])["image_url"] == {"url": (tmp_path / f"{DIGEST}.png").as_uri()}
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [base64.b64decode(PNG)]


def test_address_in_a_request_is_refused_before_anything_is_sent() -> None:
    part = lm15.ImagePart(url="http://169.254.169.254/latest/meta-data")
    bad = lm15.Request(model="vllm:m", messages=(lm15.Message(role="user", parts=(part,)),))
    with chat_server([Say()]) as server:
        (error,) = asked(engine(server.base_url), bad)
        assert isinstance(error, lm15.UnsupportedFeatureError)
        assert not server.requests


@pytest.mark.parametrize(
    "fault",
    [
        Say(fault="drop"),
        Say(fault="cut"),
        Say(fault="stall"),
        Say("overloaded", status=500),
        Say("gone", status=502),
        Say("slow down", status=429, headers={"Retry-After": "0"}),
    ],
)
def test_passing_fault_is_asked_again(fault: Say) -> None:
    with chat_server([fault, Say("at last")]) as server:
        one = engine(server.base_url, limits=QUICK if fault.fault == "stall" else PATIENT)
        assert text_of(asked(one, request())[0]) == "at last"
        assert len(server.requests) == 2
        assert one.servers.retried == 1


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Say("temperature must be 0 to 2", status=400), lm15.InvalidRequestError),
        (Say("This model's maximum context length is 8192 tokens", status=400), lm15.ContextLengthError),
        (Say("who are you", status=401), lm15.AuthError),
        (Say("no such model", status=404), lm15.UnsupportedModelError),
    ],
)
def test_refusal_is_never_asked_again(said: Say, kind: type[Exception]) -> None:
    with chat_server([said, Say()]) as server:
        (error,) = asked(engine(server.base_url), request())
        assert type(error) is kind
        assert said.text in str(error)
        assert len(server.requests) == 1


def test_redirect_is_not_followed() -> None:
    with chat_server([Say()]) as other:
        away = Say("elsewhere", status=307, headers={"Location": f"{other.base_url}/chat/completions"})
        with chat_server([away]) as server:
            (error,) = asked(engine(server.base_url), request())
            assert isinstance(error, lm15.InvalidRequestError)
            assert not other.requests


def test_lasting_fault_is_an_error_that_says_how_often_it_was_tried() -> None:
    with chat_server([Say("out of memory", status=500)]) as server:
        (error,) = asked(engine(server.base_url), request())
        assert isinstance(error, lm15.ServerError)
        assert "out of memory" in str(error)
        assert "(sent 6 times)" in str(error)
        assert len(server.requests) == 6


def test_nonsense_is_an_error_that_shows_it() -> None:
    with chat_server([Say(fault="nonsense")]) as server:
        (error,) = asked(engine(server.base_url), request())
    assert isinstance(error, lm15.ServerError)
    assert "It works!" in str(error)


def test_endless_answer_is_an_error_and_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_LONGEST", 1 << 20)
    with chat_server([Say("x" * (1 << 20))]) as server:
        [error] = asked(engine(server.base_url), request())
    assert isinstance(error, lm15.ServerError)
    assert "more than 1 MiB" in str(error)
    assert len(server.requests) == 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_address_where_nothing_listens_is_said() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    (error,) = asked(engine(url), request())
    assert isinstance(error, lm15.TransportError)
    assert url in str(error)


def test_dead_server_gets_nothing_and_the_others_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teachers.vllm.endpoint._AWAY", (60.0, 60.0))
    with chat_server([Say("alive")]) as server:
        one = engine(f"http://127.0.0.1:{free_port()}/v1", server.base_url)
        answers = asked(one, *(request(str(number)) for number in range(40)))
        assert [text_of(answer) for answer in answers] == ["alive"] * 40
        assert len(server.requests) == 40
        dead = one.servers.endpoints[0]
        tried = dead.sent
        assert dead.away
        asked(one, *(request(f"again {number}") for number in range(20)))
        assert (dead.sent, len(server.requests)) == (tried, 60)


def test_server_that_comes_back_gets_requests_again() -> None:
    port = free_port()
    one = engine(f"http://127.0.0.1:{port}/v1")
    assert isinstance(asked(one, request("first"))[0], lm15.TransportError)
    with chat_server([Say("back")], port):
        assert text_of(asked(one, request("second"))[0]) == "back"
    assert not one.servers.endpoints[0].away


def test_requests_go_to_the_server_with_least_to_do() -> None:
    with chat_server([Say("a")]) as first, chat_server([Say("b")]) as second:
        asked(engine(first.base_url, second.base_url), *(request(str(number)) for number in range(20)))
        assert (len(first.requests), len(second.requests)) == (10, 10)


def test_cut_answer_is_asked_for_with_a_larger_budget_and_never_the_same_again() -> None:
    with chat_server([Say("{", finish_reason="length"), Say('{"ok": 1}')]) as server:
        (response,) = asked(engine(server.base_url), request())
        assert text_of(response) == '{"ok": 1}'
        assert [body["max_tokens"] for body in server.requests] == [50, 100]


@pytest.mark.parametrize(("context", "budgets"), [(140, [50]), (160, [50, 60]), (0, [50, 100])])
def test_budget_grows_as_far_as_the_context_goes(context: int, budgets: list[int]) -> None:
    with chat_server([Say("{", finish_reason="length")]) as server:
        (response,) = asked(engine(server.base_url, context=context), request())
        assert isinstance(response, lm15.Response)
        assert response.finish_reason == "length"
        assert [body["max_tokens"] for body in server.requests] == budgets


def test_what_was_asked_before_is_not_asked_again(tmp_path: Path) -> None:
    cache = RequestCache(tmp_path)
    with chat_server([Say("one")]) as server:
        one = engine(server.base_url, cache=cache)
        answers = asked(one, request("same"), request("same"), request("other"))
        assert [text_of(answer) for answer in answers] == ["one"] * 3
        assert len(server.requests) == 2
        noted = Receipt(label="note/step")
        receipt.set(noted)
        assert text_of(asked(one, request("same"))[0]) == "one"
        assert (noted.cached, noted.prompt_tokens, noted.finish_reason) == (True, 0, "stop")
        assert len(server.requests) == 2
    receipt.set(None)
    cache.close()


def test_cut_answers_are_not_kept(tmp_path: Path) -> None:
    cache = RequestCache(tmp_path)
    with chat_server([Say("{", finish_reason="length")]) as server:
        one = engine(server.base_url, cache=cache, context=100)
        asked(one, request())
        asked(one, request())
        assert len(server.requests) == 2
    cache.close()


def test_threads_without_a_loop_share_the_engine(tmp_path: Path) -> None:
    with chat_server(lambda body, _: Say(body["messages"][1]["content"])) as server:
        sync = SyncEngine(engine(server.base_url, cache=RequestCache(tmp_path)))
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda number: text_of(sync.complete(request(str(number % 10)))), range(50)))
        sync.close()
        assert answers == [str(number % 10) for number in range(50)]
        assert len(server.requests) == 10


def test_receipt_adds_up_what_a_question_cost() -> None:
    with chat_server([Say("{", finish_reason="length"), Say("{}")]) as server:
        noted = Receipt()
        receipt.set(noted)
        asked(engine(server.base_url), request())
    receipt.set(None)
    assert (noted.prompt_tokens, noted.completion_tokens, noted.attempts) == (200, 40, 2)


def faulty(seed: int) -> Callable[[dict[str, Any], int], Say]:
    """5 % dropped connections, 5 % 500s, 5 % stalls, 2 % cut-off bodies."""
    chance = random.Random(seed)

    def decide(body: dict[str, Any], number: int) -> Say:
        drawn = chance.random()
        if drawn < 0.05:
            return Say(fault="drop")
        if drawn < 0.10:
            return Say("boom", status=500)
        if drawn < 0.15:
            return Say(fault="stall")
        if drawn < 0.17:
            return Say(fault="cut")
        return Say(json.dumps({"said": body["messages"][1]["content"]}))

    return decide


def test_every_request_through_a_faulty_server_gets_its_own_answer() -> None:
    with chat_server(faulty(0)) as server:
        one = engine(server.base_url, limits=QUICK)
        answers = asked(one, *(request(str(number)) for number in range(200)))
        assert [json.loads(text_of(answer))["said"] for answer in answers] == [str(number) for number in range(200)]
        assert one.servers.retried == len(server.requests) - 200 > 0


def test_samples_of_one_question_are_kept_apart(tmp_path: Path) -> None:
    async def ask(one: VllmEngine) -> list[str]:
        lm = vllm_lm(one, temperature=0.7)
        found = [text_of(await lm.acall(request(temperature=0.7), rollout_id=number)) for number in (1, 2, 1)]
        found += [(await lm.copy(rollout_id=number).acall("Hello"))[0] for number in (3, 4, 3)]
        await one.aclose()
        return found

    with chat_server([Say(str(number)) for number in range(8)]) as server:
        one = engine(server.base_url, cache=RequestCache(tmp_path))
        lm = vllm_lm(one, temperature=0.7)
        answers = asyncio.run(ask(one))
        answers += [lm("Hello", rollout_id=number)[0] for number in (4, 5, 5)]
        with pytest.warns(UserWarning, match="no effect when temperature=0"):
            answers += [lm("Hello", temperature=0.0, rollout_id=number)[0] for number in (6, 7)]
        lm.engine.close()  # pyright: ignore[reportAttributeAccessIssue]
        assert one.cache is not None
        one.cache.close()
    assert answers == ["0", "1", "0", "2", "3", "2", "3", "4", "4", "5", "5"]
    assert all("rollout_id" not in body for body in server.requests)


class Listener(BaseCallback):
    """Counts what DSPy says of model calls."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.heard.append("start")

    def on_lm_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        self.heard.append("error" if exception else "end")


def test_tracers_hear_of_every_request_once_and_errors_are_dspys() -> None:
    listener = Listener()

    async def ask(one: VllmEngine) -> None:
        lm = vllm_lm(one)
        with dspy.context(callbacks=[listener], disable_history=True):
            await lm.acall(request())
            assert await lm.acall("Hello") == ["yes"]
            with pytest.raises(LMInvalidRequestError, match="answered 400: no"):
                await lm.acall(request("again"))
        await one.aclose()

    with chat_server([Say("yes"), Say("yes"), Say("no", status=400)]) as server:
        asyncio.run(ask(engine(server.base_url)))
    assert listener.heard == ["start", "end", "start", "end", "start", "error"]
