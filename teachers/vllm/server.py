"""A vLLM server of our own: started, proven ready, kept up, taken down without a trace."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from teachers.vllm import ports, registry
from teachers.vllm.keeper import TAIL, Keeper, Patience, Report, Settled
from teachers.vllm.launch import IMAGES_PER_PROMPT, Launch, ServerError, launch
from teachers.vllm.registry import Process, Purpose, ServerRecord, State
from teachers.vllm.supervised import tail

_PAUSE = 0.1
"""Seconds between questions to a server that is about to be found dead."""
_LOOPBACK = ("127.0.0.1", "localhost")


class ManagedServer:
    """A vLLM server on the loopback, for the length of a `with` or `async with` block.

        with ManagedServer("models/my-vlm") as server:
            ...  # POST server.base_url + "/chat/completions", model=server.model

    Args:
        model: A folder, or a name on the Hugging Face hub.
        port: None: a free one.
        host: A name of the loopback.
        engine_options: vLLM's own words; they win over ours.
        media_root: Folder that `file://` pictures may lie in.
        images: Pictures one request may carry.
        log: File for what the server prints; None: one in the cache folder.
        env: Variables that win over this process's.
        patience: Limits of time and of restarts.
        report: Is told what happens; called in a thread of its own.
        purpose: `serve` where the server is what the command is for.
        launcher: Puts the start together; another one than vLLM's for tests.

    Raises:
        ServerError: `host` is not the loopback.
    """

    def __init__(
        self,
        model: str,
        *,
        port: int | None = None,
        host: str = "127.0.0.1",
        engine_options: Sequence[str] = (),
        media_root: Path | None = None,
        images: int = IMAGES_PER_PROMPT,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        patience: Patience | None = None,
        report: Report | None = None,
        purpose: Purpose = "command",
        launcher: Callable[..., Launch] = launch,
    ) -> None:
        if host not in _LOOPBACK:
            raise ServerError(
                f"host must be one of {', '.join(_LOOPBACK)}, got {host!r}: others need a proxy before it"
            )
        self._asked, self._host, self._port, self._log = model, host, port, log
        self._purpose: Purpose = purpose
        self._options = {"engine_options": engine_options, "media_root": media_root, "images": images, "env": env}
        self._patience = patience or Patience()
        self._report = report or (lambda state, line: None)
        self._launcher = launcher
        self._started: tuple[Launch, Keeper] | None = None

    @property
    def record(self) -> ServerRecord:
        """What is on file about it: port, processes, state, log."""
        return self._keeper.record

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT/v1`."""
        return self.record.base_url

    @property
    def model(self) -> str:
        """The name requests use."""
        return self.record.served

    @property
    def api_key(self) -> str:
        """What it was told to ask for; empty: nothing."""
        return self._started[0].api_key if self._started is not None else ""

    @property
    def no_pictures(self) -> str:
        """Why the model takes no pictures, in the server's words; empty where it takes them."""
        return self._keeper.no_pictures

    @property
    def state(self) -> State:
        """`stopped` before and after."""
        return self._started[1].record.state if self._started is not None else "stopped"

    @property
    def alive(self) -> bool:
        """Whether it is ready and its process runs."""
        return self._started is not None and self._started[1].up

    @property
    def restarts(self) -> int:
        """How often it was started again; what a server keeps (pictures, prefixes) is lost each time."""
        return self.record.restarts

    def log_tail(self, lines: int = TAIL) -> str:
        """The last lines the server printed."""
        return tail(Path(self.record.log), lines)

    def start(self) -> None:
        """Start it; returns when it is proven ready.

        Raises:
            teachers.vllm.ports.PortHeld: the port is taken.
            ServerError: it cannot be started, or ended or was not ready in time; the end of its log is in the message.
        """
        self.begin()
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise

    def begin(self) -> None:
        """Start it, without waiting: `wait` or `wait_ready` say when it is ready.

        Raises:
            teachers.vllm.ports.PortHeld: the port is taken.
            ServerError: it cannot be started.
        """
        if self._started is not None:
            raise ServerError(f"the server of {self._asked} was started once already: make another ManagedServer")
        if self._port is not None:
            ports.refuse_held(self._port, self._host)
        start, record = self._claim()
        registry.drop_old_logs()
        Path(record.log).write_bytes(b"")
        self._started = start, Keeper(start, record, self._patience, self._report)

    def stop(self) -> None:
        """End every process of it; returns when they are gone. One that does not run is left as it is."""
        if self._started is not None:
            self._started[1].stop()

    def wait(self, limit: float | None = None) -> None:
        """Return when it is ready: at once, after its start, or after the restart that goes on.

        It is asked, for it may have died this very moment: whoever lost an answer can wait here and ask again.

        Args:
            limit: Seconds; None: as long as its own limits allow.

        Raises:
            ServerError: it gave up, was stopped, or is not ready in time.
        """
        deadline = None if limit is None else time.monotonic() + limit
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                self._keeper.settled().result(left)
            except TimeoutError:
                raise self._late(limit) from None
            self._refuse_unready()
            if self._keeper.is_healthy():
                return
            if left == 0:
                raise self._late(limit)
            time.sleep(_PAUSE)

    async def wait_ready(self, limit: float | None = None) -> None:
        """`wait`, for asyncio; any number of tasks may wait.

        Raises:
            ServerError: it gave up, was stopped, or is not ready in time.
        """
        try:
            async with asyncio.timeout(limit):
                while True:
                    await _in_loop(self._keeper.settled())
                    self._refuse_unready()
                    if await asyncio.to_thread(self._keeper.is_healthy):
                        return
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise self._late(limit) from None

    def wait_over(self) -> None:
        """Return when it was stopped.

        Raises:
            ServerError: it crashed too often and gave up.
        """
        self._keeper.over.result()
        if self._keeper.why:
            raise ServerError(self._keeper.why)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.begin)
        try:
            await self.wait_ready()
        except BaseException:
            await asyncio.to_thread(self.stop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    @property
    def _keeper(self) -> Keeper:
        if self._started is None:
            raise ServerError(f"the server of {self._asked} was not started: call start(), or use it in a `with` block")
        return self._started[1]

    def _claim(self) -> tuple[Launch, ServerRecord]:
        """How to start it, and its record, on file under a port that is its own."""
        owner = Process.of(os.getpid())
        assert owner is not None
        while True:
            port = self._port if self._port is not None else ports.free_port(self._host)
            start = self._launcher(self._asked, port, host=self._host, **self._options)
            record = ServerRecord(
                port=port,
                model=self._asked,
                served=start.served,
                base_url=f"http://{self._host}:{port}/v1",
                log=str(self._log or registry.folder() / f"{port}.log"),
                owner=owner,
                purpose=self._purpose,
            )
            holder = registry.claim(record)
            if holder is None:
                return start, record
            if self._port is not None:
                raise ports.held_by(holder)

    def _refuse_unready(self) -> None:
        if self._keeper.why:
            raise ServerError(self._keeper.why)
        if self.state == "stopped":
            raise ServerError(f"the server of {self._asked} was stopped")

    def _late(self, limit: float | None) -> ServerError:
        return ServerError(
            f"the server of {self._asked} is {self.state}, not ready within {limit} s; its log: {self.record.log}"
        )


def _in_loop(settled: Settled) -> asyncio.Future[None]:
    """What `settled` waits for, in the running loop; cancelling it, or closing the loop, leaves other waiters be."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def tell(_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if waiter.done() else waiter.set_result(None))

    settled.add_done_callback(tell)
    return waiter
