"""`tagllm cache`: what is stored, why a request was not served, and making room."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from notes.folders import cache_folder
from tagllm.cli import main
from teachers.cache import Answer, RequestCache, RequestKey, request_key

PROMPT = "Name the tags that people with these interests would look for. " * 6
SCHEMA: dict[str, Any] = {"properties": {"tags": {"maxItems": 5}}}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RequestCache]:
    monkeypatch.setenv("TAGLLM_CACHE_DIR", str(tmp_path / "cache"))
    cache = RequestCache()
    yield cache
    cache.close()


def _body(number: int, **fields: Any) -> dict[str, Any]:
    messages = [
        {"role": "system", "content": "You tag notes."},
        {"role": "user", "content": f"{PROMPT}Note {number}: a quiet valley."},
    ]
    schema = {"type": "json_schema", "json_schema": {"name": "tags", "schema": SCHEMA}}
    return {"model": "m", "messages": messages, "max_tokens": 3500, "response_format": schema} | fields


def _store(cache: RequestCache, number: int, *, revision: str = "r1", **fields: Any) -> RequestKey:
    key = request_key(_body(number, **fields), revision=revision, label=f"note-{number}/draft")
    assert cache.set(key, Answer(text="{}", finish_reason="stop"))
    return key


def _run(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(main, ["cache", *map(str, arguments)], **options)


def _json(*arguments: object) -> Any:
    result = _run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def _differ(found: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    return {each["field"]: (each["before"], each["after"]) for each in found}


def _age(cache: RequestCache, key: RequestKey, days: float) -> None:
    connection = sqlite3.connect(cache.folder / "cache.db")
    with connection:
        connection.execute("UPDATE Cache SET store_time = store_time - ? WHERE key = ?", (days * 86400, key.digest))
    connection.close()


# stats


def test_stats_of_nothing(cache: RequestCache) -> None:
    found = _json("stats")
    assert (found["entries"], found["models"], found["uses"], found["oldest"]) == (0, [], [], None)
    assert found["folder"] == str(cache_folder("requests"))
    assert _run("stats").exit_code == 0


def test_stats_count_by_model_and_by_use(cache: RequestCache) -> None:
    old = _store(cache, 0)
    for number in range(1, 4):
        cache.get(_store(cache, number, model="n" if number > 1 else "m"))
    _age(cache, old, days=10)
    cache.close()
    small = RequestCache(size_limit=5 << 20)
    small.close()
    found = _json("stats")
    assert (found["entries"], found["size_limit"]) == (4, 5 << 20)
    assert [(row["model"], row["entries"]) for row in found["models"]] == [("m", 2), ("n", 2)]
    assert found["newest"] - found["oldest"] == pytest.approx(10 * 86400, abs=3600)
    assert found["bytes"] > sum(row["bytes"] for row in found["models"]) > 0
    assert [(use["hits"], use["misses"], use["stored"]) for use in found["uses"]] == [(3, 0, 4)]
    said = _run("stats").output
    assert "4 entries" in said
    assert "5 MB" in said


def test_stats_change_no_limit(cache: RequestCache) -> None:
    RequestCache(size_limit=5 << 20).close()
    _json("stats")
    assert _json("stats")["size_limit"] == 5 << 20


def test_planted_rows_steer_no_terminal(cache: RequestCache) -> None:
    _store(cache, 1)
    connection = sqlite3.connect(cache.folder / "cache.db")
    with connection:
        insert = "INSERT INTO Cache (key, raw, store_time, tag, mode, value) VALUES (?, 1, 0, ?, 4, ?)"
        connection.executemany(insert, [("a", "x\n\x1b[31m[red]", b"."), (b"b", b"\xff", b"."), ("c", 7, None)])
    connection.close()
    for command in (["stats"], ["why"], ["why", "--label", "x"]):
        result = _run(*command)
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.output
    assert _json("clear", "--yes") == {"removed": 4}
    assert _json("stats")["entries"] == 0


# why


def test_why_counts_which_fields_changed(cache: RequestCache) -> None:
    for number in range(5):
        _store(cache, number)
    for number in range(4):
        _store(cache, number, revision="r2", **({"max_tokens": 4000} if number < 2 else {}))
    found = _json("why")
    assert found["labels"] == 4
    assert found["fields"] == {"model_revision": 4, "max_tokens": 2}
    assert _differ([found["examples"]["max_tokens"]]) == {"max_tokens": ("3500", "4000")}
    said = _run("why").output
    assert "model_revision" in said
    assert "4 steps" in said


def test_why_says_so_when_nothing_changed(cache: RequestCache) -> None:
    _store(cache, 1)
    assert "answered twice" in _run("why").output
    assert "no answer is stored for other/draft" in _run("why", "--label", "other/draft").output


def test_why_lists_what_changed_for_a_label(cache: RequestCache) -> None:
    first = _store(cache, 1)
    changed = _body(1, temperature=0.7, model="n")
    changed["messages"][1]["content"] = changed["messages"][1]["content"].replace("quiet", "loud")
    changed["response_format"]["json_schema"]["schema"] = {"properties": {"tags": {"maxItems": 8}}}
    changed["messages"].append({"role": "user", "content": "again"})
    second = _store(cache, 1, **changed)
    found = _json("why", "--label", "note-1/draft")
    assert [each["key"] for each in found] == [first.digest, second.digest]
    assert found[0]["differences"] == []
    differ = _differ(found[1]["differences"])
    assert list(differ) == [
        "messages[1].content",
        "messages[2]",
        "model",
        "response_format.json_schema.schema.properties.tags.maxItems",
        "temperature",
    ]
    assert differ["temperature"] == ("absent", "0.7")
    assert found[1]["differences"][0]["at"] == len(PROMPT) + len("Note 1: a ")
    said = " ".join(_run("why", "--label", "note-1/draft").output.split())
    assert f"messages[1].content differs from character {len(PROMPT) + 10} on: “" in said
    assert "maxItems: 5 → 8" in said


def test_why_finds_the_nearest_request_to_a_file(cache: RequestCache, tmp_path: Path) -> None:
    for number in range(5):
        _store(cache, number)
    path = tmp_path / "request.json"
    path.write_text(json.dumps(_body(3)))
    assert _json("why", path)["is_stored"]
    assert "served from the cache" in _run("why", path).output
    path.write_text(json.dumps(_body(3, max_tokens=4000)))
    found = _json("why", path)
    assert (found["is_stored"], found["label"]) == (False, "note-3/draft")
    assert _differ(found["differences"]) == {"max_tokens": ("3500", "4000")}
    assert "max_tokens: 3500 → 4000" in _run("why", path).output
    found = _json("why", path, "--label", "note-2/draft", "--revision", "r2")
    assert list(_differ(found["differences"])) == ["max_tokens", "messages[1].content", "model_revision"]


def test_why_compares_two_by_file_or_key(cache: RequestCache, tmp_path: Path) -> None:
    one, other = _store(cache, 1), _store(cache, 1, revision="r2")
    path = tmp_path / "request.json"
    path.write_text(json.dumps(_body(1)))
    assert _differ(_json("why", one.digest[:8], other.digest)) == {"model_revision": ("r1", "r2")}
    assert _json("why", path, other.digest) == []
    assert _differ(_json("why", path, other.digest, "--revision", "r3")) == {"model_revision": ("r3", "r2")}
    assert _differ(_json("why", other.digest)["differences"]) == {"model_revision": ("r1", "r2")}
    assert _json("why", one.digest)["nearest"] is None


def test_order_of_a_schema_is_named(cache: RequestCache) -> None:
    for names in (("a", "b"), ("b", "a")):
        _store(cache, 1, response_format={"schema": dict.fromkeys(names, 1)})
    assert _differ(_json("why", "--label", "note-1/draft")[1]["differences"]) == {
        "response_format.schema (order of fields)": ("a, b", "b, a")
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "no JSON"),
        ("[]", "one request is wanted"),
        ('{"messages": [7]}', "no request"),
        (
            '{"messages": [{"content": [{"type": "image_url", "image_url": {"url": "file:///a.jpg"}}]}]}',
            "send its SHA-256 as uuid",
        ),
    ],
)
def test_a_file_that_is_no_request_is_wrong_usage(text: str, message: str, cache: RequestCache, tmp_path: Path) -> None:
    _store(cache, 1)
    path = tmp_path / "request.json"
    path.write_text(text)
    result = _run("why", path)
    assert (result.exit_code, message in " ".join(result.output.split())) == (2, True), result.output


def test_keys_that_name_none_or_several_are_wrong_usage(cache: RequestCache) -> None:
    for number in range(20):
        _store(cache, number)
    assert "no stored key begins with 'xyz'" in _run("why", "xyz").output
    assert "several keys begin with ''" in _run("why", "").output
    assert _run("why", "").exit_code == _run("why", "xyz").exit_code == 2


# clear


def test_clear_removes_what_is_named(cache: RequestCache) -> None:
    old, other = _store(cache, 1), _store(cache, 2, model="n")
    for key in (old, other):
        _age(cache, key, days=31)
    new = _store(cache, 3)
    assert _json("clear", "--older-than", 30, "--model", "m", "--yes") == {"removed": 1}
    assert (cache.get(old), cache.get(other) is None, cache.get(new) is None) == (None, False, False)
    assert _json("clear", "--model", "n", "--yes") == {"removed": 1}
    assert _json("clear", "--yes") == {"removed": 1}
    assert len(cache.store) == 0


def test_clear_gives_the_room_back_and_a_run_goes_on(cache: RequestCache) -> None:
    for number in range(2500):
        cache.store.set(f"{number:064}", "x" * 1000, tag=f"\nm{number % 2}")
    (cache.folder / "damaged-cache.db").write_text("")
    before = _json("stats")["bytes"]
    assert _json("clear", "--yes") == {"removed": 2500}
    assert _json("stats")["bytes"] < before / 10
    assert not (cache.folder / "damaged-cache.db").exists()
    key = _store(cache, 1)
    assert cache.get(key) is not None


def test_clear_asks_and_names_models(cache: RequestCache) -> None:
    _store(cache, 1)
    result = _run("clear", input="n\n")
    assert (result.exit_code, len(cache.store)) == (1, 1)
    assert "Remove all answers from" in result.output
    result = _run("clear", "--model", "x", "--yes")
    assert (result.exit_code, "models: m" in result.output) == (2, True)
    assert _run("clear", input="y\n").exit_code == 0
    assert len(cache.store) == 0


def test_a_folder_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "cache.db").mkdir()
    monkeypatch.setenv("TAGLLM_CACHE_DIR", str(tmp_path))
    result = _run("stats")
    assert (result.exit_code, "TAGLLM_CACHE_DIR" in result.output) == (2, True)
