"""The process that watches a run: it works in another one, and lives on when a note kills that.

A picture that makes a library crash, a note that takes all memory: the worker dies, this process says so and starts
another, which tags what was under way alone; a note that kills its worker twice is set aside (`distill.runs.inflight`).
Signals are passed on. When this process is killed, the worker dies with it.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

WATCHER, DIED = "TAGLLM_RUN_WATCHER", "TAGLLM_RUN_DIED"
_ENDINGS = (0, 1, 2, 130)
"""Statuses of a run that ended as it should, or said why not."""
_MOST = 50
"""Workers of one run: a machine that kills every one of them has another trouble."""
_PR_SET_PDEATHSIG = 1


def is_watched() -> bool:
    """Whether this is a worker, or one that needs no watcher: not on Linux, or inside another program."""
    return WATCHER in os.environ or sys.platform != "linux" or sys.stdout is not sys.__stdout__


def watcher() -> int:
    """The process that watches this one; 0: none."""
    return int(os.environ.get(WATCHER, "0"))


def has_died() -> bool:
    """Whether the worker before this one died."""
    return DIED in os.environ


def leave(status: int) -> NoReturn:
    """End this process. A worker ends at once: its threads may be amid a picture or the loading of a model, which
    nobody waits for any more, and all that was finished is written down."""
    if watcher():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def watch(arguments: Sequence[str], out: Path) -> int:
    """Run `tagllm` in another process, and again when that dies; the exit status.

    Args:
        arguments: Of `tagllm`.
        out: Folder of the run.
    """
    env = {**os.environ, WATCHER: str(os.getpid())}
    me = os.getpid()
    libc = ctypes.CDLL(None)

    def die_with_us() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != me:
            os._exit(1)

    for _ in range(_MOST):
        process = subprocess.Popen(  # noqa: S603 - this program, with its own arguments
            [sys.executable, *_safely(), "-m", "tagllm", *arguments],
            env=env,
            preexec_fn=die_with_us,
            process_group=0,  # a terminal's Ctrl-C comes to us, who pass it on once
        )

        def pass_on(number: int, frame: object, process: "subprocess.Popen[bytes]" = process) -> None:
            process.send_signal(signal.SIGINT)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, pass_on)
        status = process.wait()
        if status in _ENDINGS:
            return status
        click.echo(f"the worker died ({_said(status)})", err=True)
        if not _was_tagging(out):
            return 1
        click.echo("another one goes on, and tags alone what was under way", err=True)
        env[DIED] = "1"
    click.echo(f"{_MOST} workers died; all that was finished is kept, the same command goes on", err=True)
    return 1


def _safely() -> list[str]:
    """Keep modules that lie in the current folder out, unless that is where this program came from."""
    return [] if Path(sys.argv[0]).name == "__main__.py" else ["-P"]


def _was_tagging(out: Path) -> bool:
    """Whether a note was under way."""
    from distill.runs.inflight import read_slots

    return bool(read_slots(out))


def _said(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
