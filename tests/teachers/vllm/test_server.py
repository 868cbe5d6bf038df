"""A managed server is ready when it has proven it, comes back after a crash, and leaves nothing behind.

The server behind it is a small fake one here; test_real_server.py has a real vLLM.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3

from teachers.vllm import registry
from teachers.vllm.keeper import Patience
from teachers.vllm.launch import Launch, ServerError
from teachers.vllm.ports import PortHeld, free_port
from teachers.vllm.server import ManagedServer
from tests.teachers.vllm.fake_server import MODEL, fake_launch
from tests.teachers.vllm.test_supervisor import gone, group_of, until

QUICK = Patience(start=30, restarts=2, backoff=0.05)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGLLM_CACHE_DIR", str(tmp_path))


def managed(mode: str = "fit", **options: Any) -> ManagedServer:
    return ManagedServer(mode, **{"launcher": fake_launch, "patience": QUICK, **options})


def running(script: str) -> Callable[..., Launch]:
    """A launcher of a script that is no server."""

    def start(model: str, port: int, **_: Any) -> Launch:
        return Launch([sys.executable, "-c", script], dict(os.environ), model, "")

    return start


def ask(server: ManagedServer, path: str) -> Any:
    return urllib3.request("GET", server.base_url.removesuffix("/v1") + path, retries=False).json()


def crash(server: ManagedServer) -> None:
    with pytest.raises(urllib3.exceptions.HTTPError):
        ask(server, "/crash")


def leader(server: ManagedServer) -> int:
    assert server.record.group is not None
    return server.record.group.pid


def test_it_is_ready_inside_the_block_and_gone_after_it() -> None:
    said = []
    with managed(report=lambda state, line: said.append((state, line))) as server:
        assert server.alive
        assert server.model == MODEL
        assert server.base_url == f"http://127.0.0.1:{server.record.port}/v1"
        assert "fake server, mode fit" in server.log_tail(5)
        assert registry.running() == [server.record]
        assert (server.record.state, server.record.pictures, server.record.purpose) == ("ready", True, "command")
        group = leader(server)
        assert len(group_of(group)) == 2
    assert not group_of(group)
    assert not server.alive
    assert server.state == "stopped"
    assert registry.running() == []
    assert said[0][0] == "starting"
    assert "schema and picture proven" in said[-1][1]


def test_what_the_server_started_goes_with_it_even_from_a_session_of_its_own() -> None:
    with managed() as server:
        sleeper = ask(server, "/sleeper")["pid"]
        assert not gone(sleeper)
    assert gone(sleeper)


def test_a_text_only_model_is_proven_without_a_picture_and_that_is_said() -> None:
    said = []
    with managed("text_only", report=lambda state, line: said.append(line)) as server:
        assert server.no_pictures == "fake-model is not a multimodal model"
        assert server.record.pictures is False
    assert "text only: fake-model is not a multimodal model" in said[-1]


def test_a_server_that_ignores_schemas_is_never_ready() -> None:
    with pytest.raises(ServerError, match="does not enforce schemas: the answer is not the object"):
        managed("ignores_schemas").start()
    assert registry.running() == []


def test_when_it_dies_before_it_was_ready_its_status_and_the_end_of_its_log_are_said() -> None:
    script = "import sys\nfor n in range(40): print('line', n)\nsys.exit(3)"
    with pytest.raises(ServerError) as caught:
        managed(launcher=running(script)).start()
    said = str(caught.value)
    assert "ended with status 3 before it was ready" in said
    assert "line 39" in said
    assert said.splitlines()[1:] == [f"line {n}" for n in range(10, 40)]
    assert registry.running() == []


def test_a_server_that_is_never_ready_is_given_up_and_ended() -> None:
    server = managed(launcher=running("import time; time.sleep(600)"), patience=Patience(start=0.5))
    with pytest.raises(ServerError, match=r"was not ready within 0 s \(--start-limit\)"):
        server.start()
    assert not group_of(leader(server))


def test_after_a_crash_it_comes_back_and_everybody_who_waits_is_told() -> None:
    async def scenario() -> None:
        async with managed() as server:
            before = server.record.group
            await asyncio.to_thread(crash, server)
            await asyncio.gather(*(server.wait_ready(30) for _ in range(50)))
            assert server.alive
            assert server.restarts == 1
            assert server.record.group != before
            assert "ended with status 7; starting again" in server.log_tail()
            server.wait(0)

    asyncio.run(scenario())


def test_one_that_stops_waiting_leaves_the_others_waiting() -> None:
    async def scenario() -> None:
        async with managed() as server:
            await asyncio.to_thread(crash, server)
            first, second = (asyncio.ensure_future(server.wait_ready()) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            await second
            assert first.cancelled()

    asyncio.run(scenario())


def test_a_server_that_crashes_too_often_is_given_up_with_the_end_of_its_log() -> None:
    said = []
    with managed(report=lambda state, line: said.append(state)) as server:
        for _ in range(3):
            server.wait(30)
            crash(server)
        with pytest.raises(ServerError, match=r"crashed 3 times within 900 s, the last time it ended with status 7"):
            server.wait_over()
        with pytest.raises(ServerError, match="fake server, mode fit"):
            asyncio.run(server.wait_ready())
        assert server.state == "failed"
    assert said.count("restarting") == 2
    assert said[-1] == "failed"


@pytest.mark.parametrize(("restart", "seconds"), [(1, 1), (2, 2), (3, 4), (10, 60)])
def test_each_restart_waits_twice_as_long_a_minute_at_most(restart: int, seconds: float) -> None:
    assert Patience().before(restart) == seconds


def test_waiting_has_a_limit() -> None:
    server = managed(launcher=running("import time; time.sleep(600)"))
    server.begin()
    try:
        with pytest.raises(ServerError, match=r"is starting, not ready within 0.1 s; its log: .*\.log"):
            asyncio.run(server.wait_ready(0.1))
        with pytest.raises(ServerError, match="is starting, not ready"):
            server.wait(0.1)
    finally:
        server.stop()
    with pytest.raises(ServerError, match="was stopped"):
        server.wait()


def test_a_stop_does_not_wait_for_an_answer_that_does_not_come() -> None:
    server = managed("hangs", patience=Patience(start=600))
    server.begin()
    until(lambda: "fake server" in server.log_tail())
    server.stop()
    assert not group_of(leader(server))


def test_a_start_that_is_cancelled_leaves_nothing_behind() -> None:
    server = managed(launcher=running("import time; time.sleep(600)"))

    async def scenario() -> None:
        async def use() -> None:
            async with server:
                pass

        task = asyncio.ensure_future(use())
        await asyncio.to_thread(until, lambda: server.state == "starting")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())
    assert registry.running() == []
    assert server.state == "stopped"


def test_a_second_start_on_the_same_port_says_who_has_it() -> None:
    port = free_port()
    with (
        managed(port=port),
        pytest.raises(PortHeld, match=f"port {port} is held by tagllm's server of fit \\(pid {os.getpid()}, ready"),
    ):
        managed(port=port).start()


def test_of_two_starts_at_once_one_has_the_port() -> None:
    port = free_port()
    servers = [managed(port=port) for _ in range(2)]
    refused = []

    def start(server: ManagedServer) -> None:
        try:
            server.start()
        except PortHeld as error:
            refused.append(error)

    threads = [threading.Thread(target=start, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert [server.alive for server in servers].count(True) == 1
    for server in servers:
        server.stop()


def test_a_server_is_started_once() -> None:
    server = managed()
    with pytest.raises(ServerError, match="was not started"):
        _ = server.base_url
    with server, pytest.raises(ServerError, match="started once already"):
        server.start()
    server.stop()


def test_it_listens_on_the_loopback_only() -> None:
    with pytest.raises(ServerError, match=r"host must be one of 127\.0\.0\.1, localhost, got '0\.0\.0\.0'"):
        managed(host="0.0.0.0")
