"""How many requests are under way: as many as the servers can work on, and a few that wait."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Self

from teachers.vllm.metrics import Metrics

START, LEAST, MOST = 16, 4, 512
"""Requests under way: at first, at least, at most."""
_EVERY = 1.0
"""Seconds between readings."""
_WAITING = 0.25
"""Of the requests being computed: a queue shorter than that runs dry before the next reading."""
_FULL = 0.95
"""Of the key-value cache: beyond that the server throws work away and begins it again."""


class Load:
    """A limit of requests under way that may change; `async with load:` waits for a place, in any event loop.

    Args:
        limit: At first.
    """

    def __init__(self, limit: int = START) -> None:
        self.limit = limit
        self.under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        while (place := self._place()) is not None:
            try:
                await place
            except asyncio.CancelledError:
                self._admit()  # the place may have been given to us: somebody else takes it
                raise

    async def __aexit__(self, *_: object) -> None:
        with self._lock:
            self.under_way -= 1
        if self._waiting:
            self._admit()

    def set_limit(self, limit: int) -> None:
        """Change the limit; what is under way goes on."""
        self.limit = limit
        self._admit()

    def _place(self) -> "asyncio.Future[None] | None":
        """None: there was one, and it is taken; else what to wait for before asking again."""
        with self._lock:
            if self.under_way < self.limit:
                self.under_way += 1
                return None
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            return place

    def _admit(self) -> None:
        """Wake as many as there are places."""
        with self._lock:
            free = self.limit - self.under_way
            woken = [self._waiting.popleft() for _ in range(min(max(0, free), len(self._waiting)))]
        for place in woken:
            with contextlib.suppress(RuntimeError):  # its loop is closed: nobody waits
                place.get_loop().call_soon_threadsafe(_wake, place)


def _wake(place: "asyncio.Future[None]") -> None:
    if not place.done():
        place.set_result(None)


def next_limit(limit: int, under_way: int, readings: Sequence[Metrics]) -> int:
    """The limit after a reading of every server.

    More where the queues are short and our own limit holds requests back; less where they are long, or where the
    key-value cache is full.

    Args:
        limit: Now.
        under_way: Requests of ours.
        readings: Of the servers that answered; none: nothing changes.
    """
    if not readings:
        return limit
    running, waiting = sum(r.running for r in readings), sum(r.waiting for r in readings)
    if max(r.kv_cache_use for r in readings) > _FULL and waiting:
        return max(LEAST, int(min(limit, under_way) * 0.8))
    wanted = _WAITING * max(running, 4 * len(readings))
    if waiting > 2 * wanted:
        return max(LEAST, int(limit - (waiting - wanted) / 2))
    if waiting < wanted and under_way >= limit:
        return min(MOST, limit + max(4, limit // 4))
    return limit


class Follower(threading.Thread):
    """Keeps a load at what the servers can take, for the length of a `with` block.

    Args:
        load: Its limit is changed.
        read: Asks every server.
        every: Seconds between readings.
    """

    def __init__(self, load: Load, read: Callable[[], Sequence[Metrics]], *, every: float = _EVERY) -> None:
        super().__init__(name="tagllm-load", daemon=True)
        self._load, self._read, self._every = load, read, every
        self._over = threading.Event()

    def run(self) -> None:
        """Read and change, until the block ends."""
        while not self._over.wait(self._every):
            load = self._load
            if load.under_way:
                load.set_limit(next_limit(load.limit, load.under_way, self._read()))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
