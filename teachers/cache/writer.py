"""Writes off the event loop: what tasks store meanwhile goes to the disk in one transaction, from one thread."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from teachers.store import Row

_MOST = 256
"""Rows of one transaction: other processes wait for it."""


class _Waiting(NamedTuple):
    make: Callable[[], Row]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[bool]"


class Writer:
    """Collects rows from event loops and hands them to `write` in its own thread, started when there is something.

    Args:
        write: Stores all rows or none; says which. It must not raise.
        close: Called in the thread when it ends.
    """

    def __init__(self, write: Callable[[Sequence[Row]], bool], close: Callable[[], None]) -> None:
        self._write = write
        self._close = close
        self._waiting: list[_Waiting] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._ends = False

    async def put(self, make: Callable[[], Row]) -> bool:
        """Store the row that `make` makes, in the thread. Being cancelled does not stop it."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        with self._changed:
            if self._thread is None or self._process != os.getpid():  # a forked process has no thread
                self._process, self._ends = os.getpid(), False
                self._thread = threading.Thread(target=self._run, name="cache writer", daemon=True)
                self._thread.start()
            self._waiting.append(_Waiting(make, loop, done))
            self._changed.notify()
        return await done

    def close(self) -> None:
        """Write what waits, and end the thread."""
        with self._changed:
            thread, self._thread, self._ends = self._thread, None, True
            self._changed.notify()
        if thread is not None and self._process == os.getpid():
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ends)
                batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            if not batch:
                break
            stored = self._write([waiting.make() for waiting in batch])
            for loop in {waiting.loop for waiting in batch}:
                with contextlib.suppress(RuntimeError):  # closed meanwhile: nobody waits
                    loop.call_soon_threadsafe(_tell, [w.done for w in batch if w.loop is loop], stored)
        self._close()


def _tell(waiting: "list[asyncio.Future[bool]]", stored: bool) -> None:
    for done in waiting:
        if not done.done():
            done.set_result(stored)
