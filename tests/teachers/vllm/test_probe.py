"""Servers that enforce schemas are told from those that do not, by asking for what the schema forbids."""

import asyncio
import json
import socket

import pytest

from teachers.vllm.calls import normal_url
from teachers.vllm.launch import ServerError
from teachers.vllm.metrics import ask_metrics, read_metrics
from teachers.vllm.probe import Probe, UnfitServer, probe, require_fit
from tests.teachers.vllm.fake_server import METRICS, MODEL, served


def probed(mode: str, **options: str) -> Probe:
    with served(mode) as server:
        return asyncio.run(probe(server.base_url, limit=20, **options))  # pyright: ignore[reportArgumentType]


def test_a_fit_server_enforces_schemas_and_keeps_pictures() -> None:
    found = probed("fit")
    assert found.fit
    assert (found.enforces_schema, found.takes_pictures, found.keeps_pictures) == (True, True, True)
    assert (found.models, found.model, found.max_tokens) == ((MODEL,), MODEL, 4096)
    require_fit(found)


@pytest.mark.parametrize("mode", ["ignores_schemas", "breaks_bounds", "endless"])
def test_a_server_that_ignores_schemas_is_refused_unless_that_is_wanted(mode: str) -> None:
    found = probed(mode)
    assert not found.fit
    assert found.enforces_schema is False
    with pytest.raises(UnfitServer, match=r"without enforcing JSON schemas: .*--allow-unenforced"):
        require_fit(found)
    require_fit(found, allow_unenforced=True)


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        ("nonsense", "no OpenAI-compatible answer"),
        ("broken", "answers 500 to a schema-bound request: EngineCore died"),
        ("empty", "no model ''; it serves: none"),
        ("wants_key", "asks for a key"),
    ],
)
def test_a_server_that_cannot_be_used_is_refused_in_any_case(mode: str, problem: str) -> None:
    found = probed(mode)
    assert not found.fit
    assert problem in found.problem
    with pytest.raises(UnfitServer):
        require_fit(found, allow_unenforced=True)


def test_a_key_opens_a_server_that_asks_for_one() -> None:
    assert probed("wants_key", api_key="right").fit


def test_a_model_that_is_not_served_is_refused_with_those_that_are() -> None:
    assert f"no model 'other'; it serves: {MODEL}" in probed("fit", model="other").problem


@pytest.mark.parametrize(
    ("mode", "takes", "keeps", "note"),
    [
        ("text_only", False, False, "takes no pictures (status 400: fake-model is not a multimodal model)"),
        ("drops_pictures", False, False, "the prompt is no longer with one"),
        ("forgets_pictures", True, False, "keeps no pictures by uuid"),
    ],
)
def test_what_a_server_does_with_pictures_is_found_out(mode: str, takes: bool, keeps: bool, note: str) -> None:
    found = probed(mode)
    assert found.fit
    assert (found.takes_pictures, found.keeps_pictures) == (takes, keeps)
    assert any(note in said for said in found.notes)


def test_the_schema_forbids_what_the_words_ask_for_and_every_request_ends() -> None:
    with served("fit") as server:
        asyncio.run(probe(server.base_url))
        bodies = server.requests
    for body in bodies:
        content = body["messages"][0]["content"]
        text = content if isinstance(content, str) else content[0]["text"]
        schema = body["response_format"]["json_schema"]["schema"]
        assert not any(word in text for word in (*schema["properties"], *schema["properties"]["word"]["enum"]))
        assert body["max_tokens"] > 0
        assert "seed" not in body
    assert len({json.dumps(body["response_format"]) for body in bodies}) == 3


def test_where_nothing_listens_is_said_with_the_way_out() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, not listening: nobody else gets the port meanwhile
        found = asyncio.run(probe(f"http://127.0.0.1:{closed.getsockname()[1]}/v1"))
    assert not found.listening
    assert "nothing listens there" in found.problem
    assert "tagllm teacher serve" in found.problem


def test_a_host_without_an_address_is_said() -> None:
    found = asyncio.run(probe("http://no-such-host.invalid:8000/v1"))
    assert "its name cannot be resolved" in found.problem


@pytest.mark.parametrize("mode", ["silent", "dribbles"])
def test_a_server_that_does_not_answer_is_given_up(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teachers.vllm.probe.LISTEN_LIMIT", 0.5)
    found = probed(mode)
    assert not found.fit
    assert "within 0 s" in found.problem or "within 1 s" in found.problem


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("localhost:8000", "http://localhost:8000/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("https://host/openai/v1", "https://host/openai/v1"),
    ],
)
def test_addresses_are_read_as_they_are_meant(given: str, normal: str) -> None:
    assert normal_url(given) == normal


@pytest.mark.parametrize("given", ["", "ftp://host/v1", "http://", "http://host:port/v1", "http://host:99999/v1"])
def test_what_is_no_address_is_said(given: str) -> None:
    with pytest.raises(ServerError, match="base URL must be like"):
        normal_url(given)


def test_load_is_read_over_all_engines() -> None:
    found = read_metrics(METRICS)
    assert (found.running, found.waiting, found.kv_cache_use) == (4, 2, 0.5)
    assert (found.prefix_queries, found.prefix_hits) == (1200, 900)
    with served("fit") as server:
        assert ask_metrics(server.base_url) == found
    with served("nonsense") as server:
        assert ask_metrics(server.base_url) is None
