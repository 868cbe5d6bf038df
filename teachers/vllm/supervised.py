"""A command with its supervisor: started in a session of its own, ended as a whole."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from teachers.vllm import supervisor

_TAIL_BYTES = 1 << 16
_UNPRINTABLE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[^\t\x20-\x7e\xa0-\U0010ffff]")


class Supervised:
    """One run of a command; its processes live no longer than this one.

    Args:
        command: Words, not a shell line.
        env: All of its variables.
        log: What it prints is appended here.
    """

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 - put together by launch.py
                [sys.executable, "-P", supervisor.__file__, *command],
                stdin=subprocess.PIPE,  # its end tells the supervisor that we are gone; nothing is written
                stdout=out,
                stderr=out,
                env=dict(env),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The supervisor's, which is the process group's too."""
        return self._process.pid

    def status(self) -> int | None:
        """The command's exit status, 128 + signal where a signal ended it; None while it runs."""
        return self._ended(self._process.poll())

    def wait(self, seconds: float) -> int | None:
        """The exit status as soon as there is one; None after `seconds`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._ended(self._process.wait(seconds))
        return None

    def stop(self) -> None:
        """End every process of it; returns when they are gone."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.wait(3 * supervisor.GRACE) is None:
            self._process.kill()
            self._ended(self._process.wait())

    def _ended(self, status: int | None) -> int | None:
        if status is not None and status < 0:  # the supervisor itself was killed
            kill_group(self.pid)
            return 128 - status
        return status


def kill_group(group: int) -> None:
    """Kill what is left of a process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def said_status(status: int) -> str:
    """`status 1`, `status 137 (SIGKILL)`."""
    with contextlib.suppress(ValueError):
        if status > 128:
            return f"status {status} ({signal.Signals(status - 128).name})"
    return f"status {status}"


def tail(log: Path, lines: int) -> str:
    """The last lines of a log, without what steers a terminal; empty where there is no log."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(_UNPRINTABLE.sub("", line) for line in text.splitlines()[-lines:])
