"""Which servers run is known by their files; a number given to another process is not taken for the server."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from teachers.vllm import registry
from teachers.vllm.ports import PortHeld, free_port, holder, refuse_held
from teachers.vllm.registry import Process, ServerRecord


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAGLLM_CACHE_DIR", str(tmp_path))
    return tmp_path / "servers"


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def record(port: int = 8123, owner: int | None = None, started: float | None = None) -> ServerRecord:
    found = Process.of(owner or os.getpid())
    assert found is not None
    return ServerRecord(
        port=port,
        model="org/name",
        served="name",
        base_url=f"http://127.0.0.1:{port}/v1",
        log="log",
        owner=found if started is None else found.model_copy(update={"started": started}),
    )


def test_a_server_is_on_file_while_its_owner_lives(other: subprocess.Popen[bytes], folder: Path) -> None:
    mine, theirs = record(8123), record(8124, other.pid)
    assert registry.claim(theirs) is None
    assert registry.claim(mine) is None
    assert registry.running() == [mine, theirs]
    other.kill()
    other.wait()
    assert registry.running() == [mine]
    assert [file.name for file in folder.glob("*.json")] == ["8123.json"]


def test_a_port_is_claimed_once() -> None:
    first = record()
    assert registry.claim(first) is None
    assert registry.claim(record()) == first
    registry.remove(first)
    assert registry.running() == []


def test_a_number_that_was_given_to_another_process_is_not_the_server(folder: Path) -> None:
    registry.claim(record(started=time.time() - 86_400))
    assert registry.running() == []
    assert not list(folder.glob("*.json"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": 1}', "\x00"])
def test_a_file_that_is_no_record_is_cleared_away(folder: Path, text: str) -> None:
    registry.folder()
    (folder / "8123.json").write_text(text)
    assert registry.running() == []
    assert registry.claim(record()) is None


def test_nobody_removes_the_record_of_another_owner(other: subprocess.Popen[bytes]) -> None:
    theirs = record(owner=other.pid)
    registry.claim(theirs)
    registry.remove(record())
    assert registry.running() == [theirs]


def test_a_new_state_is_on_file() -> None:
    registry.claim(record())
    registry.update(record().model_copy(update={"state": "ready", "pictures": True}))
    assert registry.running()[0].state == "ready"


def test_stop_ends_the_owner(other: subprocess.Popen[bytes]) -> None:
    theirs = record(owner=other.pid)
    registry.claim(theirs)
    registry.stop(theirs)
    assert not theirs.owner.alive
    assert registry.running() == []


def test_stop_kills_an_owner_that_does_not_heed_it() -> None:
    words = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        theirs = record(owner=stubborn.pid)
        registry.claim(theirs)
        registry.stop(theirs, limit=0.2)
        assert not theirs.owner.alive


def test_stop_ends_a_group_whose_owner_is_gone(other: subprocess.Popen[bytes]) -> None:
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    theirs = record(owner=other.pid).model_copy(update={"group": Process.of(orphan.pid)})
    registry.claim(theirs)
    other.kill()
    other.wait()
    registry.stop(theirs, limit=0.2, patience=0.1)
    assert orphan.wait() == -signal.SIGKILL


def test_old_logs_of_no_server_are_removed(folder: Path) -> None:
    registry.folder()
    kept, old, new = (folder / name for name in ("kept.log", "old.log", "new.log"))
    registry.claim(record().model_copy(update={"log": str(kept)}))
    for log in (kept, old, new):
        log.write_text("")
    long_ago = time.time() - 8 * 86_400
    for log in (kept, old):
        os.utime(log, (long_ago, long_ago))
    registry.drop_old_logs()
    assert [log.exists() for log in (kept, old, new)] == [True, False, True]


def test_a_port_of_ours_is_refused_with_who_has_it_and_the_way_out() -> None:
    port = free_port()
    registry.claim(record(port))
    with pytest.raises(PortHeld) as caught:
        refuse_held(port)
    said = str(caught.value)
    assert f"tagllm's server of org/name (pid {os.getpid()}, starting, since 20" in said
    assert f"--base-url http://127.0.0.1:{port}/v1" in said
    assert f"tagllm teacher stop --port {port}" in said


def test_a_port_somebody_else_has_is_refused_with_who_has_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortHeld) as caught:
            refuse_held(port)
        found = holder(port)
    assert f"port {port} is held by pid {os.getpid()} (" in str(caught.value)
    assert "was not started by tagllm" in str(caught.value)
    assert found is not None
    assert found.pid == os.getpid()


def test_a_port_that_is_taken_but_not_listened_on_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(PortHeld, match="not to be had"):
            refuse_held(taken.getsockname()[1])


def test_a_free_port_is_free_and_no_server_is_about_to_open_it() -> None:
    port = free_port()
    refuse_held(port)
    assert holder(port) is None
