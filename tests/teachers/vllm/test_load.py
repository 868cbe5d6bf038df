"""How many requests are under way."""

import asyncio
import threading

import pytest

from teachers.vllm.load import LEAST, MOST, Follower, Load, next_limit
from teachers.vllm.metrics import Metrics


def test_never_more_than_the_limit_and_all_get_their_turn() -> None:
    load, most = Load(3), 0

    async def one() -> None:
        nonlocal most
        async with load:
            most = max(most, load.under_way)
            await asyncio.sleep(0)

    async def all_of() -> None:
        await asyncio.gather(*(one() for _ in range(50)))

    asyncio.run(all_of())
    assert (most, load.under_way) == (3, 0)


def test_larger_limit_lets_waiting_ones_in() -> None:
    load = Load(1)

    async def run() -> int:
        over = asyncio.Event()

        async def one() -> None:
            async with load:
                await over.wait()

        tasks = [asyncio.create_task(one()) for _ in range(5)]
        await asyncio.sleep(0.01)
        load.set_limit(4)
        await asyncio.sleep(0.01)
        found = load.under_way
        over.set()
        await asyncio.gather(*tasks)
        return found

    assert asyncio.run(run()) == 4
    assert load.under_way == 0


def test_cancelled_waiter_leaves_its_place_to_others() -> None:
    load = Load(1)

    async def run() -> None:
        async with load:
            waiters = [asyncio.create_task(load.__aenter__()) for _ in range(2)]
            await asyncio.sleep(0)
            waiters[0].cancel()
        await asyncio.wait_for(waiters[1], 1)
        await load.__aexit__()

    asyncio.run(run())
    assert load.under_way == 0


def test_loops_in_several_threads_share_a_limit() -> None:
    load, most, lock = Load(2), 0, threading.Lock()

    async def one() -> None:
        nonlocal most
        async with load:
            with lock:
                most = max(most, load.under_way)
            await asyncio.sleep(0.001)

    async def all_of() -> None:
        await asyncio.gather(*(one() for _ in range(20)))

    threads = [threading.Thread(target=lambda: asyncio.run(all_of())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert (most, load.under_way) == (2, 0)


@pytest.mark.parametrize(
    ("limit", "under_way", "reading", "wanted"),
    [
        (16, 16, Metrics(running=16, waiting=0), 20),  # it would take more
        (16, 4, Metrics(running=4, waiting=0), 16),  # we have no more to give
        (64, 64, Metrics(running=16, waiting=48), 42),  # a long queue helps nobody
        (16, 16, Metrics(running=12, waiting=4), 16),  # as it should be
        (64, 64, Metrics(running=60, waiting=4, kv_cache_use=0.99), 51),  # work is thrown away
        (MOST, MOST, Metrics(running=MOST), MOST),
        (LEAST, LEAST, Metrics(running=1, waiting=50), LEAST),
    ],
)
def test_limit_follows_the_servers(limit: int, under_way: int, reading: Metrics, wanted: int) -> None:
    assert next_limit(limit, under_way, [reading]) == wanted


def test_servers_that_say_nothing_change_nothing() -> None:
    assert next_limit(16, 16, []) == 16


def test_follower_reads_while_requests_are_under_way_and_ends_with_its_block() -> None:
    load, read = Load(8), threading.Event()

    def reading() -> list[Metrics]:
        read.set()
        return [Metrics(running=8)]

    load.under_way = 8
    with Follower(load, reading, every=0.001) as follower:
        assert read.wait(5)
    assert not follower.is_alive()
    assert load.limit > 8
