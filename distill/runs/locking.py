"""One writer at a time: a lock that ends with its process, and says whose it is."""

import contextlib
import fcntl
import json
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from distill.runs.description import RunRefused

_PATIENCE = 30.0
"""Seconds to wait for a writer that is going: killed, but not yet gone."""


class Owner(NamedTuple):
    """Who writes."""

    pid: int
    host: str
    since: str
    """ISO 8601."""
    watcher: int = 0
    """The process without which it ends; 0: none."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


class Lock:
    """Held from the moment it is made until it is released or its process ends.

    Args:
        path: File of the lock; it stays, as who opened it must find the same one.
        watcher: The process without which this one ends; 0: none.

    Raises:
        RunRefused: another process holds it.
    """

    def __init__(self, path: Path, *, watcher: int = 0) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        deadline = time.monotonic() + _PATIENCE
        while not self._taken():
            owner = read_owner(path)
            if owner is None or not _is_going(owner) or time.monotonic() > deadline:
                os.close(self._file)
                stop = f"stop it: kill -INT {owner.watcher or owner.pid}" if owner is not None else "stop it"
                who = owner or "another process"
                raise RunRefused(f"{path.parent} is being written by {who}; wait for it, or {stop}")
            time.sleep(0.02)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        said = json.dumps(Owner(os.getpid(), socket.gethostname(), now, watcher)._asdict())
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, said.encode(), 0)

    def release(self) -> None:
        """Let others write; a second time does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _taken(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False


def owner_of(path: Path) -> Owner | None:
    """Who holds the lock now; None: nobody."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return read_owner(path) or Owner(0, "", "")
    finally:
        os.close(file)
    return None


def read_owner(path: Path) -> Owner | None:
    """Who wrote the lock last; None: it cannot be read."""
    try:
        return Owner(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_going(owner: Owner) -> bool:
    """Whether its process, or the one it ends with, has ended on this machine."""
    if owner.host != socket.gethostname():
        return False
    return any(pid and not _runs(pid) for pid in (owner.pid, owner.watcher))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
