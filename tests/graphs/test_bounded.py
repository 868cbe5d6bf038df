"""Work on many items, a bounded number at a time."""

import asyncio

from graphs.handbook.bounded import bounded


def test_bounded_gives_results_in_order_and_nothing_for_nothing() -> None:
    async def work(number: int) -> int:
        for _ in range(5 - number):
            await asyncio.sleep(0)
        return number * 10

    assert asyncio.run(bounded([1, 2, 3], work, concurrency=2)) == [10, 20, 30]
    assert asyncio.run(bounded([], work, concurrency=2)) == []
