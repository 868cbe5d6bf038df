"""Working on many things, a bounded number at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from handbook.arrays import Progress

T = TypeVar("T")
R = TypeVar("R")


async def bounded(
    items: Sequence[T],
    work: Callable[[T], Awaitable[R]],
    *,
    concurrency: int,
    progress: Progress | None = None,
    doing: str = "",
) -> list[R]:
    """Results of `work` in the order of the items; as many tasks as may be in flight, however many items there are.

    An error ends it: what is in flight is cancelled.
    """
    results: dict[int, R] = {}
    waiting = iter(enumerate(items))

    async def worker() -> None:
        for number, item in waiting:
            results[number] = await work(item)
            if progress is not None:
                progress(doing, len(results), len(items))

    workers = [asyncio.create_task(worker()) for _ in range(min(concurrency, len(items)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [results[number] for number in range(len(items))]
