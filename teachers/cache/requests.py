"""The request cache: what a model answered to an exact request, for every process of this user.

Only finished answers are kept. One that was cut off (`finish_reason` length) or failed is asked anew.
"""

import asyncio
import base64
import json
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, NamedTuple

import zstandard
from pydantic import BaseModel, JsonValue, ValidationError

from notes.folders import cache_folder
from teachers.cache.keys import RequestKey
from teachers.cache.uses import Counts, add_use
from teachers.cache.writer import Writer
from teachers.store import SIZE_LIMIT, JsonStore, Row

_WHOLE = frozenset({"stop", "tool_calls"})
"""How an answer ends that is not cut off, filtered or failed."""
_KEPT = 256 << 10
"""Bytes of a request, compressed, beyond which it is not kept beside its answer."""
_UNPACKED = 64 << 20
"""Bytes of a request that are read back at most."""


class Answer(BaseModel, frozen=True, extra="forbid"):
    """What a model answered."""

    text: str
    """As it came, before anything is parsed."""
    finish_reason: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str = ""
    """As the server named it."""
    revision: str = ""
    extra: JsonValue = None
    """What else the caller wants back: reasoning, tool calls …"""
    stored_at: float | None = None
    """Seconds since 1970; none until it was stored."""


class Fetched(NamedTuple):
    """An answer and what it cost."""

    answer: Answer
    how: Literal["cache", "joined", "asked"]
    """`joined`: another task was asking the same."""

    @property
    def cached(self) -> bool:
        """Whether no model worked for this one."""
        return self.how != "asked"


class _Flight:
    """A request under way and how many wait for it."""

    def __init__(self, task: "asyncio.Task[Answer]") -> None:
        self.task = task
        self.waiting = 0


class RequestCache:
    """Answers by request, on disk. Threads, event loops and processes may share the folder; see `JsonStore`.

    Args:
        folder: By default the user's.
        size_limit: Bytes on disk; what was stored longest ago goes first. None: as it was.

    Raises:
        teachers.store.StoreError: the folder cannot be used.
    """

    def __init__(self, folder: Path | None = None, *, size_limit: int | None = SIZE_LIMIT) -> None:
        self.folder = folder if folder is not None else cache_folder("requests")
        self.store = JsonStore(self.folder, size_limit=size_limit, tagged=True)
        self._writer = Writer(self.store.set_many, self.store.close)
        self._flights: dict[tuple[int, str], _Flight] = {}
        self._lock = threading.Lock()
        self._hits = self._misses = self._joined = self._stored = self._refused = self._unread = 0
        self._since = time.time()

    @property
    def counts(self) -> Counts:
        """What happened since this cache was opened."""
        store = self.store
        corrupt, locked, not_stored = store.corrupt + self._unread, store.locked, store.not_stored
        return Counts(self._hits, self._misses, self._joined, self._stored, self._refused, corrupt, locked, not_stored)

    def get(self, key: RequestKey) -> Answer | None:
        """The answer to a request; None: it must be asked."""
        found = self.store.get(key.digest)
        answer = None
        if found is not None:
            try:
                answer = Answer.model_validate(found["answer"])
            except (ValidationError, TypeError, KeyError):
                self._count("_unread")
        self._count("_misses" if answer is None else "_hits")
        return answer

    def set(self, key: RequestKey, answer: Answer) -> bool:
        """Keep an answer. True: it outlives this process, however that ends. False: not whole, or not stored."""
        if not self._is_whole(answer):
            return False
        return self._is_stored(self.store.set_many([_row(key, answer)]))

    async def aget(self, key: RequestKey) -> Answer | None:
        """As `get`, and in this thread: a read takes 30 µs and waits for no writer; a thread would take longer."""
        return self.get(key)

    async def aset(self, key: RequestKey, answer: Answer) -> bool:
        """As `set`, in a thread, together with what other tasks store meanwhile."""
        if not self._is_whole(answer):
            return False
        return self._is_stored(await self._writer.put(lambda: _row(key, answer)))

    async def fetch(self, key: RequestKey, ask: Callable[[], Awaitable[Answer]]) -> Fetched:
        """The answer to a request: from the cache, from the task that is just asking the same, or asked.

        Being cancelled cancels `ask` only when nobody else waits for it. What `ask` raises reaches all who wait.
        """
        place = (id(asyncio.get_running_loop()), key.digest)
        how: Literal["joined", "asked"] = "joined"
        flight = self._flights.get(place)
        if flight is None:
            found = self.get(key)
            if found is not None:
                return Fetched(found, "cache")
            flight, how = _Flight(asyncio.ensure_future(self._ask(key, ask))), "asked"
            self._flights[place] = flight
            flight.task.add_done_callback(lambda _: self._land(place, flight))
        else:
            self._count("_joined")
        flight.waiting += 1
        try:
            return Fetched(await asyncio.shield(flight.task), how)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._land(place, flight)  # at once: who comes now asks anew
                flight.task.cancel()

    def close(self) -> None:
        """Write what waits, note what happened for `tagllm cache stats`, close this thread's connection."""
        self._writer.close()
        if any(self.counts):
            add_use(self.folder, self.counts, since=self._since)
        self.store.close()

    async def _ask(self, key: RequestKey, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await ask()
        await self.aset(key, answer)
        return answer

    def _land(self, place: tuple[int, str], flight: _Flight) -> None:
        if self._flights.get(place) is flight:
            del self._flights[place]

    def _is_whole(self, answer: Answer) -> bool:
        if answer.finish_reason in _WHOLE:
            return True
        self._count("_refused")
        return False

    def _is_stored(self, stored: bool) -> bool:
        if stored:
            self._count("_stored")
        return stored

    def _count(self, what: str) -> None:
        with self._lock:
            setattr(self, what, getattr(self, what) + 1)


def _row(key: RequestKey, answer: Answer) -> Row:
    """The answer with its request beside it, so that `tagllm cache why` can say what changed."""
    packed = zstandard.compress(key.text, 1)
    value = {
        "answer": answer.model_dump() | {"stored_at": time.time()},
        "request": base64.b64encode(packed).decode() if len(packed) <= _KEPT else None,
    }
    return Row(key.digest, value, f"{key.label}\n{key.model}")


def kept_request(value: object) -> dict[str, JsonValue] | None:
    """The request beside a stored answer; None where it was too large."""
    packed = value.get("request") if isinstance(value, dict) else None
    if not isinstance(packed, str):
        return None
    unpacked = zstandard.ZstdDecompressor(max_window_size=_UNPACKED).stream_reader(base64.b64decode(packed))
    return json.loads(unpacked.read(_UNPACKED))
