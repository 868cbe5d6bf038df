"""`tagllm teacher serve`, `status`, `stop`, `probe` on small fake servers; tests/teachers/vllm has a real one."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tagllm.cli import main
from teachers.vllm import registry
from teachers.vllm.ports import free_port
from teachers.vllm.registry import Process, ServerRecord
from tests.teachers.vllm.fake_server import MODEL, served
from tests.teachers.vllm.test_supervisor import group_of, until

ROOT = Path(__file__).parents[2]
TEACHER = """
import sys
from teachers.vllm import launch
from tests.teachers.vllm.fake_server import fake_launch
launch.launch = fake_launch
from tagllm.cli import main
main(["teacher", *sys.argv[1:]])
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGLLM_CACHE_DIR", str(tmp_path))


@pytest.fixture
def serving() -> Iterator["subprocess.Popen[str]"]:
    """`tagllm teacher serve` with a fake server behind it, ready."""
    port = free_port()
    words = ["serve", "--model", "fit", "--port", str(port), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", TEACHER, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    with process:
        try:
            until(lambda: process.poll() is not None or [r for r in registry.running() if r.state == "ready"])
            assert process.poll() is None, process.communicate()
            yield process
        finally:
            process.kill()


def teacher(*words: object) -> Result:
    return CliRunner().invoke(main, ["teacher", *map(str, words)])


def only() -> ServerRecord:
    [record] = registry.running()
    return record


def group() -> int:
    found = only().group
    assert found is not None
    return found.pid


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_serve_runs_until_it_is_told_to_stop(serving: "subprocess.Popen[str]", how: signal.Signals) -> None:
    leader = group()
    assert len(group_of(leader)) == 2
    assert serving.stdout is not None
    ready = json.loads(serving.stdout.readline())  # on file it is ready a moment before it says so
    serving.send_signal(how)
    _, err = serving.communicate()
    assert serving.returncode == 0, err
    assert (ready["state"], ready["served"], ready["purpose"]) == ("ready", MODEL, "serve")
    assert "stopped" in err
    assert not group_of(leader)
    assert registry.running() == []


def test_a_killed_serve_leaves_no_process_and_no_record(serving: "subprocess.Popen[str]") -> None:
    leader = group()
    serving.kill()
    serving.wait()
    until(lambda: not group_of(leader))
    assert "no server of tagllm runs" in teacher("status").output


def test_status_shows_where_since_when_and_how_loaded(serving: "subprocess.Popen[str]") -> None:
    [found] = json.loads(teacher("status", "--json").output)
    assert (found["port"], found["state"], found["healthy"]) == (only().port, "ready", True)
    assert (found["owner"]["pid"], found["metrics"]["running"]) == (serving.pid, 4)
    shown = teacher("status").output
    assert MODEL in shown
    assert "50%" in shown


def test_a_second_serve_says_who_has_the_port(
    serving: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("teachers.vllm.launch.launch", lambda *_, **__: None)
    result = teacher("serve", "--model", "other", "--port", only().port)
    assert result.exit_code == 2
    assert f"port {only().port} is held by tagllm's server of fit (pid {serving.pid}, ready" in result.output


@pytest.mark.parametrize("words", [("--all",), ("--port",)])
def test_stop_ends_the_server_and_its_command(serving: "subprocess.Popen[str]", words: tuple[str, ...]) -> None:
    leader = group()
    result = teacher("stop", *words, *([only().port] if words == ("--port",) else []))
    assert result.exit_code == 0, result.output
    assert f"stopped {MODEL}" in result.output
    assert not group_of(leader)
    assert registry.running() == []


def test_stop_says_which_servers_run(serving: "subprocess.Popen[str]") -> None:
    for words in ((), ("--port", 1), ("--port", 1, "--all")):
        result = teacher("stop", *words)
        assert result.exit_code == 2
        assert f"servers run on: {only().port}" in result.output


def test_stop_all_leaves_servers_alone_that_a_command_needs() -> None:
    owner = Process.of(os.getpid())
    assert owner is not None
    url = "http://127.0.0.1:8123/v1"
    record = ServerRecord(port=8123, model="m", served="m", base_url=url, log="", owner=owner, purpose="command")
    registry.claim(record)
    result = teacher("stop", "--all")
    assert result.exit_code == 0
    assert f"left alone: port 8123, which pid {os.getpid()} needs" in result.stderr
    assert registry.running() == [record]


def test_probe_asks_the_server_that_runs(serving: "subprocess.Popen[str]") -> None:
    result = teacher("probe", "--json")
    assert result.exit_code == 0
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["base_url"] == only().base_url
    assert (found["fit"], found["enforces_schema"], found["model"]) == (True, True, MODEL)


def test_probe_without_a_server_to_ask_is_wrong_usage() -> None:
    result = teacher("probe")
    assert result.exit_code == 2
    assert "no server of tagllm runs" in result.output


def test_probe_refuses_a_server_that_ignores_schemas_with_the_way_on() -> None:
    with served("ignores_schemas") as server:
        result = teacher("probe", "--base-url", server.base_url)
    assert result.exit_code == 1
    assert "unfit" in result.output
    assert "--allow-unenforced" in result.output


def test_probe_says_where_nothing_listens() -> None:
    result = teacher("probe", "--base-url", f"http://127.0.0.1:{free_port()}/v1", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert not found["listening"]
    assert "nothing listens there" in found["problem"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "./gone"), "no model folder ./gone"),
        (("--model", "org/name", "--", "--host", "0.0.0.0"), "--host cannot be passed through"),
        (("--model", "org/name", "--port", "0"), "0 is not in the range"),
        ((), "Missing option '--model'"),
    ],
)
def test_wrong_usage_is_said_before_anything_starts(words: tuple[str, ...], said: str) -> None:
    result = teacher("serve", *words)
    assert result.exit_code == 2
    assert said in result.output


def test_options_of_the_engine_need_no_dashes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def launch(model: str, port: int, *, engine_options: tuple[str, ...], **_: object) -> None:
        from teachers.vllm.launch import ServerError

        seen.append(engine_options)
        raise ServerError("enough")

    monkeypatch.setattr("teachers.vllm.launch.launch", launch)
    teacher("serve", "--max-model-len", "8192", "--model", "m", "-tp", "2")
    teacher("serve", "--model", "m", "--", "--max-model-len", "8192", "-tp", "2")
    assert seen == [("--max-model-len", "8192", "-tp", "2")] * 2


def test_a_server_that_cannot_start_is_exit_status_1_with_the_end_of_its_log() -> None:
    words = ["serve", "--model", "ignores_schemas", "--port", str(free_port())]
    done = subprocess.run([sys.executable, "-c", TEACHER, *words], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert "does not enforce schemas" in done.stderr
    assert "fake server, mode ignores_schemas" in done.stderr
