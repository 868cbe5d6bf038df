"""The request cache: answers stored and read in a second, alone, from tasks, and beside a busy event loop.

python benchmarks/cache.py [--entries 5000]
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from teachers.cache import Answer, RequestCache, RequestKey, request_key

BUSY = 300e-6
"""Seconds of Python a task computes beside each access, as a graph and its parsing do."""
TASKS = 64


def make(number: int) -> tuple[RequestKey, Answer]:
    """A request of 5 KB with a picture, and an answer of 600 characters."""
    instructions = "Name the tags that people with these interests would look for; one sentence of evidence each. " * 40
    parts = [
        {"type": "text", "text": f"{instructions}\nNote {number}: a quiet valley, a cold lake, a train that is late."},
        {"type": "image_url", "image_url": None, "uuid": f"{number:064x}"},
    ]
    body = {"model": "m", "messages": [{"role": "user", "content": parts}], "temperature": 0.0, "max_tokens": 600}
    return request_key(body, label=f"note-{number}/draft"), Answer(text="tag " * 150, finish_reason="stop")


def compute() -> None:
    """Keep the event loop busy."""
    end = time.perf_counter() + BUSY
    while time.perf_counter() < end:
        sum(range(20))


async def from_tasks(work: Callable[[int], Awaitable[object]], entries: int, *, busy: bool) -> float:
    """Accesses a second from `TASKS` tasks; beside computing, the time for that is taken off."""
    numbers = iter(range(entries))

    async def worker() -> None:
        for number in numbers:
            await work(number)
            if busy:
                compute()

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(TASKS)))
    return entries / (time.perf_counter() - start - busy * entries * BUSY)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=5000)
    entries = parser.parse_args().entries
    made = [make(number) for number in range(entries)]
    result: dict[str, float] = {}

    def measure(name: str, work: Callable[[int], object]) -> None:
        start = time.perf_counter()
        for number in range(entries):
            work(number)
        result[name] = entries / (time.perf_counter() - start)

    with tempfile.TemporaryDirectory() as folder:
        measure("keys_per_s", make)
        for name in ("sync", "async", "busy"):
            cache = RequestCache(Path(folder) / name)

            async def store(number: int, cache: RequestCache = cache) -> None:
                async def ask() -> Answer:
                    return made[number][1]

                assert (await cache.fetch(made[number][0], ask)).how == "asked"

            async def load(number: int, cache: RequestCache = cache) -> None:
                async def ask() -> Answer:
                    raise AssertionError("it is stored")

                assert (await cache.fetch(made[number][0], ask)).how == "cache"

            if name == "sync":
                measure("set_per_s", lambda number, cache=cache: cache.set(*made[number]))
                measure("get_per_s", lambda number, cache=cache: cache.get(made[number][0]))
                limited = RequestCache(Path(folder) / "limited", size_limit=8 << 20)
                measure("set_at_the_limit_per_s", lambda number, limited=limited: limited.set(*made[number]))
                limited.close()
            else:
                for what, work in (("store", store), ("load", load)):
                    result[f"{what}_{name}_per_s"] = asyncio.run(from_tasks(work, entries, busy=name == "busy"))
            cache.close()
    for name, value in result.items():
        print(f"{name:28} {value:10,.0f}")
    print(json.dumps({name: round(value) for name, value in result.items()}))


if __name__ == "__main__":
    main()
