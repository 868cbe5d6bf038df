"""Stands between TagLLM and a server: when TagLLM is gone, however it went, so is every process of the server.

    python -P supervisor.py COMMAND …

It leads a session of its own and reads a pipe from the process that started it. When that pipe ends, when that process
is no longer the parent, when a SIGTERM comes, or when COMMAND itself ends, every descendant is asked to end and, after
`GRACE` seconds, killed. Its exit status is COMMAND's (128 + signal where a signal ended it). It is run as a file and
imports nothing of TagLLM's.
"""

import contextlib
import ctypes
import getpass
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

GRACE = 10.0
"""Seconds between the request to end and the kill."""
_CHECK = 0.2
"""Seconds between looks at parent and child."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36

_told = False


def main(command: list[str]) -> int:
    """Run `command` until it ends or nobody wants it any more; leave no process behind."""
    parent = os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _be_told)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what a dying server leaves behind becomes ours, and is found below
    scratch = tempfile.mkdtemp(prefix="tagllm-")  # the engine leaves sockets and files of its own behind
    # What torch compiled stays where it always is: the next start needs it again.
    compiled = str(Path(tempfile.gettempdir()) / f"torchinductor_{getpass.getuser()}")
    env = {"TORCHINDUCTOR_CACHE_DIR": compiled, **os.environ, "TMPDIR": scratch}
    child = subprocess.Popen(  # noqa: S603 - the command line was put together by our parent
        command, stdin=subprocess.DEVNULL, env=env, preexec_fn=_die_with_us
    )
    try:
        status = _watch(child.pid, parent)
    finally:
        left = _end_all()
        shutil.rmtree(scratch, ignore_errors=True)
    status = left.get(child.pid, 0) if status is None else status
    return status if status >= 0 else 128 - status


def _watch(child: int, parent: int) -> int | None:
    """The child's status; None when it is to be ended."""
    while not _told and os.getppid() == parent:
        ended = _reap()
        if child in ended:
            return ended[child]
        if select.select([0], [], [], _CHECK)[0] and not os.read(0, 4096):
            return None
    return None


def _end_all() -> dict[int, int]:
    """Ask every descendant to end, kill those that do not; the statuses of all that ended."""
    ended: dict[int, int] = {}
    asked: set[int] = set()
    deadline = time.monotonic() + GRACE
    while left := _descendants():
        late = time.monotonic() > deadline
        for pid in left if late else left - asked:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        asked |= left
        if late and time.monotonic() > deadline + GRACE:
            break  # not even a kill ends them: they hang in the kernel
        time.sleep(0.05)
        ended |= _reap()
    return ended | _reap()


def _descendants() -> set[int]:
    """Everything below this process and in its group that has not ended."""
    found = set()
    me, group = os.getpid(), os.getpgrp()
    below = {process.pid for process in psutil.Process().children(recursive=True)}
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            ours = pid != me and (pid in below or os.getpgid(pid) == group)
            if ours and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.add(pid)
    return found


def _reap() -> dict[int, int]:
    """Statuses of the children that ended; minus the signal where one ended them."""
    ended: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended[pid] = os.waitstatus_to_exitcode(status)
    return ended


def _be_told(number: int, frame: object) -> None:
    global _told
    _told = True


def _die_with_us() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    """Linux only; elsewhere the group is what is ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
