"""What `tagllm teacher` does: start a server here or in the background, look at those that run."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from teachers.vllm import registry
from teachers.vllm.calls import Caller, Unreachable
from teachers.vllm.launch import ServerError
from teachers.vllm.metrics import Metrics, read_metrics
from teachers.vllm.registry import ServerRecord, State
from teachers.vllm.supervised import tail

_EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""


class Progress:
    """Shows what happens to a server on standard error: a spinner on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._status = self._console.status("starting")
        self._next = 0.0

    def __call__(self, state: State, line: str) -> None:
        """Report for a `ManagedServer`."""
        from rich.text import Text

        from tagllm.showing import printable

        text = Text(printable(line, 160 if state == "starting" else 600))
        if state == "starting" and self._console.is_terminal:
            self._status.update(text)
            self._status.start()
            return
        if state == "starting":
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + _EVERY
        self._status.stop()
        self._console.print(text, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._status.stop()


class Look(NamedTuple):
    """A server of ours, looked at now."""

    record: ServerRecord
    healthy: bool
    metrics: Metrics | None
    """None where it gives none, or does not answer."""


def look(record: ServerRecord, *, limit: float = 3.0) -> Look:
    """Ask a server of ours for its health and its load, each within `limit` seconds."""
    caller = Caller(record.base_url)
    try:
        if caller.get(f"{caller.root}/health", limit).status != 200:
            return Look(record, False, None)
        page = caller.get(f"{caller.root}/metrics", limit)
        return Look(record, True, read_metrics(page.text) if page.status == 200 else None)
    except Unreachable:
        return Look(record, False, None)
    finally:
        caller.close()


def start_in_background(arguments: Sequence[str], port: int, progress: Progress) -> ServerRecord:
    """Run `tagllm teacher serve ARGUMENTS` in the background; returns when its server is ready.

    Raises:
        ServerError: it ended before that; what it said is in the message.
    """
    said = registry.folder() / f"{port}.serve.log"
    with said.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "tagllm", "teacher", "serve", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        begun = time.monotonic()
        while process.poll() is None:
            record = next((r for r in registry.running() if r.owner.pid == process.pid), None)
            if record is not None and record.state == "ready":
                return record
            last = tail(Path(record.log), 1) if record is not None else ""
            progress("starting", f"{time.monotonic() - begun:.0f} s: {last}")
            time.sleep(0.25)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    raise ServerError(said.read_text("utf-8", "replace").strip() or f"it ended with status {process.returncode}")
