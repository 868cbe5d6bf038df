"""A managed vLLM with a tiny vision-language model: proven ready, fit, back after a crash, gone without a trace."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from teachers.vllm import registry
from teachers.vllm.calls import Caller
from teachers.vllm.ports import free_port
from teachers.vllm.probe import probe
from teachers.vllm.proofs import disobedience, png, request
from teachers.vllm.registry import ServerRecord
from tests import tiny_idefics3, vllm_server
from tests.teachers.vllm.test_supervisor import gone, group_of, until

ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(vllm_server.why_not() is not None, reason=str(vllm_server.why_not())),
]


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("servers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAGLLM_CACHE_DIR", str(folder))
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB; room for a million tokens of a tiny model
        yield folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    return tiny_idefics3.build(folder / "models" / "tiny-vlm")


def teacher(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tagllm", "teacher", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.fixture(scope="module")
def server(folder: Path, model: Path) -> Iterator[ServerRecord]:
    """`tagllm teacher serve --detach`, ready; pictures of the folder `shown` may be named."""
    for place in (folder / "shown", folder / "hidden"):
        place.mkdir()
        (place / "red.png").write_bytes(base64.b64decode(png(250, 0, 0).split(",")[1]))
    words = ("--media-root", folder / "shown", "--detach", "--json", "--", "--max-model-len", 4096)
    done = teacher("serve", "--model", model, "--port", free_port(), *words)
    assert done.returncode == 0, done.stderr
    record = ServerRecord.model_validate_json(done.stdout)
    yield record
    registry.stop(record)


def now(record: ServerRecord) -> ServerRecord:
    return next(found for found in registry.running() if found.port == record.port)


def group(record: ServerRecord) -> int:
    """The supervisor's number, and the process group's."""
    found = now(record).group
    assert found is not None
    return found.pid


def processes(record: ServerRecord) -> list[psutil.Process]:
    """The server's, without its supervisor."""
    return psutil.Process(group(record)).children(recursive=True)


def test_a_detached_server_is_fit_and_says_how_loaded_it_is(server: ServerRecord) -> None:
    assert (server.served, server.pictures, server.purpose) == ("tiny-vlm", True, "serve")
    found = asyncio.run(probe(server.base_url))
    assert found.fit, found
    assert (found.takes_pictures, found.keeps_pictures) == (True, True), found
    assert (found.version[:2], found.models, found.max_tokens) == ("0.", ("tiny-vlm",), 4096)
    [status] = json.loads(teacher("status", "--json").stdout)
    assert status["healthy"]
    assert status["metrics"]["prompt_tokens"] > 0
    assert status["metrics"]["prefix_queries"] > 0
    assert status["metrics"]["running"] == 0


def test_it_reads_pictures_below_its_media_root_only(server: ServerRecord, folder: Path) -> None:
    caller = Caller(server.base_url)
    inside, outside = (
        caller.chat(request(server.served, 1, _named(folder / place / "red.png")), 60) for place in ("shown", "hidden")
    )
    caller.close()
    assert inside.status == 200, inside.error
    assert not disobedience(inside, 1)
    assert outside.status == 400


def test_its_log_holds_no_line_a_request(server: ServerRecord) -> None:
    log = Path(server.log).read_text()
    assert "vLLM" in log
    assert "POST /v1/chat/completions" not in log


def test_a_second_start_on_its_port_says_who_has_it(server: ServerRecord, model: Path) -> None:
    done = teacher("serve", "--model", model, "--port", server.port)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert f"port {server.port} is held by tagllm's server of {model} (pid {server.owner.pid}, ready" in said
    assert f"tagllm teacher stop --port {server.port}" in said


def test_it_comes_back_when_its_engine_is_killed(server: ServerRecord) -> None:
    before = processes(server)
    [speaks_http] = [process for process in before if process.ppid() == group(server)]
    [engine] = [child for child in speaks_http.children() if "resource_tracker" not in " ".join(child.cmdline())]
    engine.kill()
    until(lambda: now(server).restarts == 1 and now(server).state == "ready", limit=300)
    assert all(gone(process.pid) for process in before)
    assert "starting again" in Path(server.log).read_text()
    assert asyncio.run(probe(server.base_url)).fit


def test_no_process_is_left_when_its_owner_is_killed(server: ServerRecord) -> None:
    leader, every = group(server), processes(server)
    assert len(every) >= 2  # the one that speaks HTTP, and the engine
    os.kill(server.owner.pid, signal.SIGKILL)
    until(lambda: not group_of(leader) and all(gone(process.pid) for process in every), limit=60)
    assert registry.running() == []


def _named(file: Path) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": file.as_uri()}}
