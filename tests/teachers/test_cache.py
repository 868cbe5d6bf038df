"""The request cache: one key for one request, whole answers only, one call for many who ask."""

import asyncio
import base64
import hashlib
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from teachers.cache import Answer, Fetched, PictureUnknown, RequestCache, RequestKey, canonical, request_key
from teachers.cache.requests import _KEPT, kept_request
from teachers.cache.uses import _LARGEST, FILE, Counts, add_use, last_uses

PICTURE = b"\xff\xd8 not really a photograph"
SHA = hashlib.sha256(PICTURE).hexdigest()
DATA = f"data:image/jpeg;base64,{base64.b64encode(PICTURE).decode()}"
ANSWER = Answer(text='{"tags": ["moka pot"]}', finish_reason="stop", prompt_tokens=812, completion_tokens=9, model="m")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RequestCache]:
    cache = RequestCache(tmp_path / "requests")
    yield cache
    cache.close()


def _body(part: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    parts = [{"type": "text", "text": "What is it?"}, *([part] if part else [])]
    return {"model": "m", "messages": [{"role": "user", "content": parts}], "temperature": 0, "max_tokens": 9} | fields


def _key(number: int = 0, **fields: Any) -> RequestKey:
    return request_key(_body(seed=number, **fields), revision="r", label=f"note-{number}/draft")


# Keys


@pytest.mark.parametrize(
    ("part", "pictures"),
    [
        ({"type": "image_url", "image_url": {"url": DATA}}, {}),
        ({"type": "image_url", "image_url": DATA}, {}),
        ({"type": "image_url", "image_url": {"url": DATA}, "uuid": SHA}, {}),
        ({"type": "image_url", "image_url": {"url": DATA.replace("jpeg", "png")}, "uuid": "7"}, {}),
        ({"type": "image_url", "image_url": None, "uuid": SHA}, {}),
        ({"uuid": SHA, "type": "image_url"}, {}),
        ({"type": "image_url", "image_url": {"url": "file:///pictures/a.jpg"}}, {"file:///pictures/a.jpg": SHA}),
        ({"type": "image_url", "image_url": {"url": "file:///pictures/a.jpg"}, "uuid": SHA}, {}),
        ({"type": "image_url", "image_url": {"url": "https://e.org/a.jpg"}}, {"https://e.org/a.jpg": SHA}),
    ],
)
def test_a_picture_is_the_same_however_it_is_sent(part: dict[str, Any], pictures: dict[str, str]) -> None:
    assert canonical(_body(part), pictures=pictures)["messages"] == [
        {
            "content": [{"text": "What is it?", "type": "text"}, {"sha256": SHA, "type": "image"}],
            "role": "user",
        }
    ]
    plain = request_key(_body({"type": "image_url", "image_url": {"url": DATA}}))
    assert request_key(_body(part), pictures=pictures).digest == plain.digest
    assert PICTURE not in plain.text
    assert b"base64" not in plain.text


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"type": "image_url", "image_url": None, "uuid": "7"}, "with uuid '7' is unknown"),
        ({"type": "image_url", "image_url": {"url": "file:///a.jpg"}}, "at file:///a.jpg is unknown"),
        ({"type": "image_url", "image_url": {"url": DATA}, "uuid": "0" * 64}, f"is {SHA}, its uuid says 000"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,§"}}, "base64 does not decode"),
    ],
)
def test_a_picture_that_cannot_be_told_is_an_error(part: dict[str, Any], message: str) -> None:
    with pytest.raises(PictureUnknown, match=message):
        request_key(_body(part))


@pytest.mark.parametrize(
    "changed",
    [
        {"temperature": 0.7},
        {"max_tokens": 10},
        {"model": "n"},
        {"seed": 1},
        {"stop": ["\n"]},
        {"top_p": 0.9},
        {"n": 2},
        {"field_of_tomorrow": 1},
        {"messages": [{"role": "system", "content": "What is it?"}]},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"maxItems": 5}}}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_may_change_the_answer_changes_the_key(changed: dict[str, Any]) -> None:
    assert request_key(_body(**changed)).digest != request_key(_body()).digest


def test_kind_revision_and_sample_change_the_key() -> None:
    keys = [
        request_key(_body()),
        request_key(_body(), kind="responses"),
        request_key(_body(), revision="r"),
        request_key(_body(), sample=1),
        request_key(_body(), sample=2),
        request_key(_body({"type": "image_url", "image_url": {"url": DATA}})),
        request_key(_body({"type": "image_url", "image_url": {"url": DATA, "detail": "low"}})),
    ]
    assert len({key.digest for key in keys}) == len(keys)


@pytest.mark.parametrize(
    "same",
    [
        {"temperature": 0.0},
        {"top_p": None},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"request_id": "7", "user": "u", "priority": 3, "timeout": 5},
        {"messages": [{"content": ({"text": "What is it?", "type": "text"},), "role": "user", "name": None}]},
    ],
    ids=str,
)
def test_how_it_is_sent_does_not_change_the_key(same: dict[str, Any]) -> None:
    assert request_key(_body(**same), label="other").digest == request_key(dict(reversed(_body().items()))).digest


def test_order_in_a_schema_counts_because_models_write_in_it() -> None:
    one, other = ({"schema": dict(pairs)} for pairs in ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)]))
    assert request_key(_body(response_format=one)).digest != request_key(_body(response_format=other)).digest


def test_text_that_is_no_unicode_has_a_key(cache: RequestCache) -> None:
    key = request_key({"model": "m", "messages": [{"role": "user", "content": "half \ud83d"}]}, label="\ud83d\n x")
    assert cache.set(key, ANSWER)
    assert cache.get(key) is not None
    assert cache.counts.corrupt == 0


# Answers


def test_an_answer_is_there_for_the_next_process_with_its_time(cache: RequestCache) -> None:
    assert cache.get(_key()) is None
    assert cache.set(_key(), ANSWER)
    again = RequestCache(cache.folder)
    found = again.get(_key())
    assert found is not None
    assert found.stored_at is not None
    assert found.model_copy(update={"stored_at": None}) == ANSWER
    assert again.get(_key(1)) is None
    assert again.counts == Counts(hits=1, misses=1)
    assert cache.counts == Counts(misses=1, stored=1)
    again.close()


@pytest.mark.parametrize("reason", ["length", "content_filter", "abort", "error", ""])
def test_an_answer_that_is_not_whole_is_not_kept(reason: str, cache: RequestCache) -> None:
    cut = ANSWER.model_copy(update={"finish_reason": reason})
    assert not cache.set(_key(), cut)
    assert not asyncio.run(cache.aset(_key(), cut))
    assert cache.get(_key()) is None
    assert cache.counts == Counts(misses=1, cut_off=2)


@pytest.mark.parametrize("value", [[], {}, {"answer": 1}, {"answer": {"text": 1}}, {"answer": {"extra": 1}}, "text"])
def test_an_entry_of_another_shape_is_a_counted_miss(value: Any, cache: RequestCache) -> None:
    cache.store.set(_key().digest, value)
    assert cache.get(_key()) is None
    assert cache.counts == Counts(misses=1, corrupt=1)


def test_a_flipped_byte_is_a_counted_miss(cache: RequestCache) -> None:
    cache.set(_key(), ANSWER)
    connection = sqlite3.connect(cache.folder / "cache.db")
    ((value,),) = connection.execute("SELECT value FROM Cache").fetchall()
    damaged = bytearray(value)
    damaged[len(damaged) // 2] ^= 4
    with connection:
        connection.execute("UPDATE Cache SET value = ?", (bytes(damaged),))
    connection.close()
    assert cache.get(_key()) is None
    assert cache.counts == Counts(misses=1, stored=1, corrupt=1)


def test_a_request_too_large_to_keep_leaves_its_answer_kept(cache: RequestCache) -> None:
    noise = "".join(hashlib.sha512(str(n).encode()).hexdigest() for n in range(_KEPT // 32))
    assert cache.set(_key(prompt=noise), ANSWER)
    assert cache.get(_key(prompt=noise)) is not None
    assert (cache.folder / "cache.db-wal").stat().st_size < _KEPT


def test_a_kept_request_comes_back_and_no_more_of_it_than_can_be_one(cache: RequestCache) -> None:
    cache.set(_key(prompt="夜景 🌃"), ANSWER)
    assert kept_request(cache.store.get(_key(prompt="夜景 🌃").digest)) == json.loads(_key(prompt="夜景 🌃").text)
    bomb = zstandard.compress(b'"' + b" " * (80 << 20) + b'"', 1)
    with pytest.raises(ValueError, match="Unterminated string"):
        kept_request({"request": base64.b64encode(bomb).decode()})
    for other in (b"no frame", zstandard.compress(b"{}", 1)[:-2]):
        with pytest.raises((ValueError, zstandard.ZstdError)):
            kept_request({"request": base64.b64encode(other).decode()})


def test_what_was_stored_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = RequestCache(tmp_path, size_limit=1 << 20)
    large = ANSWER.model_copy(update={"text": "x" * 30_000})

    async def store() -> None:
        for start in range(0, 100, 10):
            await asyncio.gather(*(cache.aset(_key(n), large) for n in range(start, start + 10)))

    asyncio.run(store())
    kept = [cache.get(_key(number)) is not None for number in range(100)]
    assert kept == sorted(kept), "the newest ones"
    assert 15 <= sum(kept) <= 40, "not many more than needed were removed"
    cache.close()


# Many who ask


class _Model:
    """Answers when told to; counts."""

    def __init__(self) -> None:
        self.asked = self.cancelled = 0
        self.may_answer = asyncio.Event()
        self.began = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> Answer:
        self.asked += 1
        self.began.set()
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return ANSWER


def _run(cache: RequestCache, work: Callable[[_Model], Awaitable[object]]) -> _Model:
    async def run() -> _Model:
        model = _Model()
        async with asyncio.timeout(30):
            await work(model)
        return model

    return asyncio.run(run())


def test_identical_requests_under_way_are_asked_once(cache: RequestCache) -> None:
    async def work(model: _Model) -> None:
        tasks = [asyncio.create_task(cache.fetch(_key(), model)) for _ in range(20)]
        await model.began.wait()
        model.may_answer.set()
        found: list[Fetched] = await asyncio.gather(*tasks)
        assert [each.how for each in found] == ["asked"] + ["joined"] * 19
        assert [each.cached for each in found] == [False] + [True] * 19
        assert {each.answer.text for each in found} == {ANSWER.text}
        assert (await cache.fetch(_key(), model)).how == "cache"

    assert _run(cache, work).asked == 1
    assert cache.counts == Counts(hits=1, misses=1, joined=19, stored=1)


def test_one_who_gives_up_takes_nobody_along(cache: RequestCache) -> None:
    async def work(model: _Model) -> None:
        tasks = [asyncio.create_task(cache.fetch(_key(), model)) for _ in range(3)]
        await model.began.wait()
        tasks[0].cancel()
        tasks[2].cancel()
        await asyncio.wait([tasks[0], tasks[2]])
        assert tasks[0].cancelled()
        assert not model.cancelled
        model.may_answer.set()
        assert (await tasks[1]).answer.text == ANSWER.text

    assert (_run(cache, work).asked, cache.counts.stored) == (1, 1)


def test_when_all_give_up_the_request_is_ended_and_the_next_one_asks_anew(cache: RequestCache) -> None:
    async def work(model: _Model) -> None:
        tasks = [asyncio.create_task(cache.fetch(_key(), model)) for _ in range(3)]
        await model.began.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        model.may_answer.set()
        assert (await cache.fetch(_key(), model)).how == "asked"
        assert model.cancelled == 1

    assert _run(cache, work).asked == 2


def test_a_failure_reaches_all_who_wait_and_is_not_kept(cache: RequestCache) -> None:
    async def work(model: _Model) -> None:
        model.error = ConnectionError("refused")
        model.may_answer.set()
        found = await asyncio.gather(*(cache.fetch(_key(), model) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in found] == [ConnectionError] * 3
        model.error = None
        assert (await cache.fetch(_key(), model)).how == "asked"

    assert _run(cache, work).asked == 2


def test_stores_of_many_tasks_and_loops_are_all_kept(cache: RequestCache) -> None:
    for start in range(0, 600, 300):

        async def work(start: int = start) -> None:
            stored = await asyncio.gather(*(cache.aset(_key(n), ANSWER) for n in range(start, start + 300)))
            assert all(stored)

        asyncio.run(work())
    cache.close()
    assert all(cache.get(_key(number)) for number in range(600))


def test_closing_writes_what_waits(cache: RequestCache) -> None:
    async def work(model: _Model) -> None:
        task = asyncio.create_task(cache.aset(_key(), ANSWER))
        await asyncio.sleep(0)
        cache.close()
        task.cancel()

    _run(cache, work)
    assert cache.get(_key()) is not None


# Uses


def test_each_use_leaves_a_line_and_the_file_stays_small(tmp_path: Path) -> None:
    for number in range(2):
        cache = RequestCache(tmp_path)
        cache.set(_key(number), ANSWER)
        cache.get(_key(0))
        cache.close()
    unused = RequestCache(tmp_path)
    unused.close()
    assert [(use["hits"], use["stored"]) for use in last_uses(tmp_path)] == [(1, 1), (1, 1)]
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'\xff\n[]\n{"began": "x"}\n' + b"[" * 10_000 + b"\n" + b"\n" * _LARGEST)
    add_use(tmp_path, Counts(hits=5), since=0)
    assert (tmp_path / FILE).stat().st_size < _LARGEST
    add_use(tmp_path, Counts(hits=6), since=0)
    assert [use["hits"] for use in last_uses(tmp_path)][-2:] == [5, 6]


def test_values_hold_no_picture_and_are_json(cache: RequestCache) -> None:
    key = request_key(_body({"type": "image_url", "image_url": {"url": DATA}}))
    cache.set(key, ANSWER)
    value = json.dumps(cache.store.get(key.digest))
    assert base64.b64encode(PICTURE).decode()[:20] not in value
