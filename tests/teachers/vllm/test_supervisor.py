"""No process of a server outlives who started it, however that ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from teachers.vllm import supervisor
from teachers.vllm.supervised import Supervised, said_status, tail

SLEEP = "import time; time.sleep(600)"
FAMILY = f"""
import pathlib, signal, subprocess, sys, time
stubborn = len(sys.argv) > 2
if stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}])
strayed = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True)
pathlib.Path(sys.argv[1]).write_text(f"{{child.pid}} {{strayed.pid}}\\n")
time.sleep(600)
"""
"""A process with a child, and one in a session of its own."""
OWNER = """
import os, pathlib, sys, time
from teachers.vllm.supervised import Supervised
run = Supervised(sys.argv[2:], env=dict(os.environ), log=pathlib.Path(sys.argv[1]))
print(run.pid, flush=True)
time.sleep(600)
"""


def until(true: Callable[[], object], limit: float = 30.0) -> None:
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def group_of(pid: int) -> set[int]:
    """Processes of the group `pid` that run."""
    found = set()
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == pid and not gone(process.pid):
                found.add(process.pid)
        except ProcessLookupError:
            pass
    return found


def family(file: Path) -> list[int]:
    until(lambda: file.is_file() and file.read_text().endswith("\n"))
    return [int(pid) for pid in file.read_text().split()]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    runs = []

    def start(*words: str) -> Supervised:
        runs.append(Supervised([sys.executable, *words], env=dict(os.environ), log=tmp_path / "log"))
        return runs[-1]

    yield start
    for one in runs:
        one.stop()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_the_owner_is_killed_every_process_of_the_server_goes(tmp_path: Path, how: signal.Signals) -> None:
    words = [sys.executable, "-c", FAMILY, str(tmp_path / "pids")]
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "log"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
        # Tests that run in the background of a shell inherit that nobody minds Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert owner.stdout is not None
    leader = int(owner.stdout.readline())
    pids = family(tmp_path / "pids")
    assert len(group_of(leader)) == 3  # supervisor, command, child; the other has a session of its own
    owner.send_signal(how)
    owner.wait()
    owner.stdout.close()
    until(lambda: not group_of(leader) and all(map(gone, pids)))


def test_a_stop_takes_children_and_those_that_strayed(tmp_path: Path, run: Callable[..., Supervised]) -> None:
    one = run("-c", FAMILY, str(tmp_path / "pids"))
    pids = family(tmp_path / "pids")
    one.stop()
    assert not group_of(one.pid)
    assert all(map(gone, pids))


def test_what_does_not_heed_a_request_to_end_is_killed(
    tmp_path: Path, run: Callable[..., Supervised], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tmp_path / "supervisor.py"
    short.write_text(Path(supervisor.__file__).read_text().replace("GRACE = 10.0", "GRACE = 0.3"))
    monkeypatch.setattr(supervisor, "__file__", str(short))
    one = run("-c", FAMILY, str(tmp_path / "pids"), "stubborn")
    pids = family(tmp_path / "pids")
    one.stop()
    assert one.status() == 137
    assert all(map(gone, pids))


def test_when_the_command_crashes_its_children_go_and_its_status_is_said(
    tmp_path: Path, run: Callable[..., Supervised]
) -> None:
    one = run("-c", FAMILY.replace("time.sleep(600)\n", "sys.exit(3)\n"), str(tmp_path / "pids"))
    pids = family(tmp_path / "pids")
    until(lambda: one.status() is not None)
    assert one.status() == 3
    assert all(map(gone, pids))


def test_when_the_supervisor_itself_is_killed_nothing_is_left(tmp_path: Path, run: Callable[..., Supervised]) -> None:
    one = run("-c", FAMILY.replace(", start_new_session=True", ""), str(tmp_path / "pids"))
    pids = family(tmp_path / "pids")
    os.kill(one.pid, signal.SIGKILL)
    until(lambda: one.status() is not None)
    assert one.status() == 137
    until(lambda: not group_of(one.pid) and all(map(gone, pids)))


def test_a_killed_command_is_told_from_one_that_failed(run: Callable[..., Supervised]) -> None:
    one = run("-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    until(lambda: one.status() is not None)
    assert said_status(one.status() or 0) == "status 137 (SIGKILL)"
    assert said_status(1) == "status 1"


def test_its_scratch_folder_goes_with_it(tmp_path: Path, run: Callable[..., Supervised]) -> None:
    one = run("-c", "import os; print(os.environ['TMPDIR'], os.path.isdir(os.environ['TMPDIR']))")
    until(lambda: one.status() is not None)
    folder, there = (tmp_path / "log").read_text().split()
    assert there == "True"
    assert not Path(folder).exists()


def test_the_tail_of_a_log_steers_no_terminal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"first\n" + b"x" * 70_000 + b"\n\x1b[31mred\x1b[0m \x07bell\nlast \xff\n")
    assert tail(log, 2).splitlines() == ["red bell", "last \ufffd"]
    assert tail(tmp_path / "none", 5) == ""
