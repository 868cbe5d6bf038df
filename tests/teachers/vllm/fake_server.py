"""A small OpenAI-compatible server that misbehaves as told; for what a real one cannot be brought to do.

    python tests/teachers/vllm/fake_server.py PORT MODE

Modes: `fit`, `text_only`, `drops_pictures`, `forgets_pictures`, `ignores_schemas`, `breaks_bounds`, `endless`,
`nonsense`, `silent`, `hangs`, `dribbles`, `wants_key`, `broken`, `empty`. A GET of `/crash` ends the process with
status 7, one of `/sleeper` starts a process in a session of its own and names it.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from teachers.vllm.launch import Launch

MODEL = "fake-model"
METRICS = """# HELP vllm:num_requests_running running
vllm:num_requests_running{engine="0",model_name="fake"} 3.0
vllm:num_requests_waiting{engine="0",model_name="fake"} 2.0
vllm:kv_cache_usage_perc{engine="0",model_name="fake"} 0.25
vllm:num_requests_running{engine="1",model_name="fake"} 1.0
vllm:kv_cache_usage_perc{engine="1",model_name="fake"} 0.5
vllm:prefix_cache_queries_total{engine="0",model_name="fake"} 1.2e+03
vllm:prefix_cache_hits_total{engine="0",model_name="fake"} 900.0
"""


class FakeServer(ThreadingHTTPServer):
    """Answers as `mode` says."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: who asked may have gone."""

    def __init__(self, port: int, mode: str) -> None:
        self.mode = mode
        self.seen: set[str] = set()
        self.requests: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def served(mode: str) -> Iterator[FakeServer]:
    """A fake server in a thread of this process."""
    with FakeServer(0, mode) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: FakeServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        mode = self.server.mode
        if mode == "silent":
            time.sleep(60)
        elif mode == "dribbles":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b" ")
                time.sleep(0.2)
        elif mode == "nonsense":
            self._say(200, "<html>It works!</html>")
        elif mode == "wants_key" and self.headers.get("Authorization") != "Bearer right":
            self._say(401, {"error": "Unauthorized"})
        elif self.path == "/v1/models":
            entry = {"id": MODEL, "object": "model", "max_model_len": 4096}
            self._say(200, {"object": "list", "data": [] if mode == "empty" else [entry]})
        elif self.path == "/health":
            self._say(200, "")
        elif self.path == "/metrics":
            self._say(200, METRICS)
        elif self.path == "/crash":
            os._exit(7)
        elif self.path == "/sleeper":
            words = [sys.executable, "-c", "import time; time.sleep(600)"]
            self._say(200, {"pid": subprocess.Popen(words, start_new_session=True).pid})
        else:
            self._say(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        if self.server.mode == "hangs":
            time.sleep(600)
        if self.server.mode == "broken":
            return self._say(500, {"error": {"message": "EngineCore died", "code": 500}})
        content = body["messages"][0]["content"]
        parts = [part for part in content if part["type"] == "image_url"] if isinstance(content, list) else []
        if problem := self._refused(parts):
            return self._say(400, {"error": {"message": problem, "type": "BadRequestError", "code": 400}})
        tokens = 50 + (0 if self.server.mode == "drops_pictures" else 7 * len(parts))
        text, reason = self._answer(body["response_format"]["json_schema"]["schema"])
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
        return self._say(200, {"choices": [choice], "usage": {"prompt_tokens": tokens, "completion_tokens": 5}})

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def _refused(self, parts: list[dict[str, Any]]) -> str:
        if parts and self.server.mode == "text_only":
            return "fake-model is not a multimodal model"
        for part in parts:
            name = part.get("uuid")
            if part["image_url"] is None and self.server.mode != "drops_pictures":
                if name not in self.server.seen or self.server.mode == "forgets_pictures":
                    return "Cache miss for image at index 0"
            elif name is not None:
                self.server.seen.add(name)
        return ""

    def _answer(self, schema: dict[str, Any]) -> tuple[str | None, str]:
        word = schema["properties"]["word"]["enum"][1]
        match self.server.mode:
            case "ignores_schemas":
                return "no", "stop"
            case "breaks_bounds":
                return json.dumps({"word": word, "count": 999}), "stop"
            case "endless":
                return " " * 400, "length"
            case _:
                return json.dumps({"word": word, "count": 5}), "stop"

    def _say(self, status: int, said: object) -> None:
        data = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def fake_launch(model: str, port: int, **_: Any) -> Launch:
    """How a fake server is started in a process of its own; `model` is its mode."""
    return Launch([sys.executable, __file__, str(port), model], dict(os.environ), MODEL, "")


if __name__ == "__main__":
    print("fake server, mode", sys.argv[2], flush=True)
    FakeServer(int(sys.argv[1]), sys.argv[2]).serve_forever()
