"""One event loop in a thread, for callers in other threads."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """Runs what optimisers, which know no event loop, wait for; connections of a server belong to one loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tagllm-optimizing", daemon=True)
        self._thread.start()

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        """Wait for something that runs in the loop, from any other thread.

        Raises:
            RuntimeError: the loop has ended. An optimiser that broke off leaves threads behind that go on asking.
        """
        with self._lock:
            if self._closed:
                asked.close()
                raise RuntimeError("the search is over")
            waiting = asyncio.run_coroutine_threadsafe(asked, self._loop)
        return waiting.result()

    def close(self, last: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """End what still runs in the loop, then run `last` in it, then end it."""
        with self._lock:
            self._closed = True
        asyncio.run_coroutine_threadsafe(_ended(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _ended(last: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    if last is not None:
        await last()
