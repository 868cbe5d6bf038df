"""Which servers of ours run: a small JSON file each, in the user's cache folder.

A file outlives a crash. So it names processes by number *and* start time: a number that was given to another process
since is not taken for the server, and the file is removed.
"""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from notes.folders import cache_folder
from notes.records import Record
from teachers.vllm.launch import ServerError
from teachers.vllm.supervised import kill_group

State = Literal["starting", "ready", "restarting", "failed", "stopped"]
Purpose = Literal["serve", "command"]

_LOG_LIFE = 7 * 86_400.0
"""Seconds."""
_SAME = 5.0
"""Seconds two readings of one process's start may differ: the clock may have been set in between."""


class Process(Record):
    """A process that is recognised again."""

    pid: int
    started: float
    """Seconds since 1970-01-01 UTC."""

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """The process `pid`; None where there is none, or it has ended."""
        import psutil

        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return cls(pid=pid, started=process.create_time())
        except psutil.Error:
            return None

    @property
    def alive(self) -> bool:
        """Whether it runs, rather than another one under its number."""
        now = Process.of(self.pid)
        return now is not None and abs(now.started - self.started) < _SAME


class ServerRecord(Record):
    """A managed server."""

    port: int
    model: str
    """As it was asked for: a folder or a hub name."""
    served: str
    """The name requests use."""
    base_url: str
    log: str
    """File with what the server printed."""
    owner: Process
    """Who started it, restarts it and takes it down when it ends."""
    group: Process | None = None
    """The supervisor, leader of the server's process group; None before the first start."""
    purpose: Purpose = "serve"
    """`serve`: stands for itself; `command`: goes with the command that needed it."""
    state: State = "starting"
    pictures: bool | None = None
    """Whether it takes pictures; None before it was ready."""
    restarts: int = 0
    started: datetime = Field(default_factory=lambda: datetime.now(UTC))

    def __str__(self) -> str:
        since = self.started.astimezone().isoformat(" ", "seconds")
        return f"tagllm's server of {self.model} (pid {self.owner.pid}, {self.state}, since {since})"


def folder() -> Path:
    """Where the files and the logs lie."""
    return cache_folder("servers")


def running() -> list[ServerRecord]:
    """The servers whose owner lives, by port; files of others are removed."""
    with _locked():
        return _running()


def claim(record: ServerRecord) -> ServerRecord | None:
    """Put `record` on file, unless a living server has its port: that one's record comes back then."""
    with _locked():
        holder = next((other for other in _running() if other.port == record.port), None)
        if holder is None:
            _write(record)
        return holder


def update(record: ServerRecord) -> None:
    """Put a new state of a claimed record on file."""
    with _locked():
        _write(record)


def remove(record: ServerRecord) -> None:
    """Take the record off file, if it is still this owner's."""
    with _locked():
        file = _file(record.port)
        found = _read(file)
        if found is not None and found.owner == record.owner:
            file.unlink(missing_ok=True)


def drop_old_logs() -> None:
    """Remove logs nothing was written to for a week, unless their server runs."""
    with _locked():
        kept = {record.log for record in _running()}
        for log in folder().glob("*.log"):
            if str(log) not in kept and time.time() - log.stat().st_mtime > _LOG_LIFE:
                log.unlink(missing_ok=True)


def stop(record: ServerRecord, *, limit: float = 45.0, patience: float = 25.0) -> None:
    """End a server by ending its owner; returns when the owner and every process of the server are gone.

    Args:
        record: As `running` gave it.
        limit: Seconds after which the owner is killed.
        patience: Seconds after which what is left of the server then is.

    Raises:
        ServerError: it belongs to another user.
    """
    import psutil

    for number, wait in ((signal.SIGTERM, limit), (signal.SIGKILL, 5.0)):
        if record.owner.alive:
            try:
                process = psutil.Process(record.owner.pid)
                process.send_signal(number)
                process.wait(wait)
            except psutil.AccessDenied:
                raise ServerError(f"port {record.port}: pid {record.owner.pid} belongs to another user") from None
            except psutil.NoSuchProcess:
                pass
            except psutil.TimeoutExpired:
                continue
    # The record may have been older than the last restart.
    latest = _read(_file(record.port))
    group = latest.group if latest is not None and latest.owner == record.owner else record.group
    if group is not None and group.alive:  # it notices by itself that its parent is gone; this is for when it hangs
        with contextlib.suppress(psutil.Error):
            psutil.Process(group.pid).wait(patience)
        if group.alive:
            kill_group(group.pid)
    remove(record)


def _running() -> list[ServerRecord]:
    found = []
    for file in sorted(folder().glob("*.json")):
        record = _read(file)
        if record is not None and record.owner.alive:
            found.append(record)
        else:
            file.unlink(missing_ok=True)
    return sorted(found, key=lambda record: record.port)


def _read(file: Path) -> ServerRecord | None:
    """None where there is none, or what is there is not ours any more."""
    try:
        return ServerRecord.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _write(record: ServerRecord) -> None:
    file = _file(record.port)
    part = file.with_suffix(f".{os.getpid()}.part")
    part.write_text(record.model_dump_json())
    part.replace(file)


def _file(port: int) -> Path:
    return folder() / f"{port}.json"


@contextmanager
def _locked() -> Iterator[None]:
    with (folder() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
