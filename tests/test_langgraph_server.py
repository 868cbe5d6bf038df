"""LangGraph's own packages accept `langgraph.json`, and its server tags a note."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
pytest.importorskip("langgraph_api", reason="langgraph-api is not installed: pip install 'tagllm[studio]'")


def ask(address: str, body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.load(response)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    command = [
        str(Path(sys.executable).parent / "langgraph"),
        "dev",
        "--no-browser",
        "--no-reload",
        "--port",
        str(port),
    ]
    environment = {**os.environ, "LANGSMITH_TRACING": "false", "TAGLLM_CACHE_DIR": str(log.parent / "cache")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert process.poll() is None, log.read_text()[-3000:]
            try:
                ask(f"{address}/ok")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.5)
        else:
            pytest.fail(log.read_text()[-3000:])
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def test_the_command_line_package_validates_the_file() -> None:
    from langgraph_cli.config import validate_config_file

    config = validate_config_file(ROOT / "langgraph.json")
    assert set(config.get("graphs", ())) == {"tagging", "tagging_fused"}


def test_the_server_loads_both_graphs(server: str) -> None:
    assert {found["graph_id"] for found in ask(f"{server}/assistants/search", {})} == {"tagging", "tagging_fused"}


@pytest.mark.parametrize("graph", ["tagging", "tagging_fused"])
def test_the_server_tags_a_note_sent_as_json(server: str, graph: str) -> None:
    note = {
        "id": "x",
        "title": "Marina Bay night view from the Jubilee Bridge",
        "content": "A 3-day Singapore itinerary with a budget hotel near the MRT.",
        "category": "travel",
        "images": ["images/sg-night-3d-1.jpg"],
    }
    body = {"assistant_id": graph, "input": {"note": note}, "context": {"limits": {"max_tags": 4}}}
    trace = ask(f"{server}/runs/wait", body)["trace"]
    tags = [tag["tag"] for tag in trace["tags"]]
    assert "Marina Bay night view" in tags
    assert len(tags) <= 4  # an option that the caller set
    assert trace["pictures"][0]["ocr"]
