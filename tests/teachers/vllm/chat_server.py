"""A chat server whose every answer is decided by the test, faults included; for what a real one does too seldom.

It may also stand before a real one and pass on what the test does not spoil.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal


@dataclass(frozen=True)
class Say:
    """One reaction of the server."""

    text: str = '{"ok": true}'
    status: int = 200
    finish_reason: str = "stop"
    headers: dict[str, str] = field(default_factory=dict)
    fault: Literal["", "drop", "cut", "stall", "nonsense"] = ""
    """drop: the connection is closed; cut: in the middle of the answer; stall: it is silent for a while."""
    silence: float = 10.0
    """Seconds of a stall."""
    forward: str = ""
    """Base address of a server whose answer is passed on instead of `text`."""


Decide = Callable[[dict[str, Any], int], Say]
"""From the request and its number, from 0, to the reaction."""


class ChatServer(ThreadingHTTPServer):
    """Remembers what it was asked."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, decide: Decide, port: int = 0) -> None:
        self.decide = decide
        self.requests: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: who asked may have gone."""


@contextmanager
def chat_server(decide: Decide | list[Say], port: int = 0) -> Iterator[ChatServer]:
    """Serve in a thread; a list is said in order, its last entry again and again."""
    said = decide if callable(decide) else lambda _, number: decide[min(number, len(decide) - 1)]
    with ChatServer(said, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            number = len(self.server.requests)
            self.server.requests.append(body)
        say = self.server.decide(body, number)
        if say.fault == "drop":
            self.close_connection = True
            return
        if say.fault == "stall":
            time.sleep(say.silence)
        if say.forward and say.status == 200:
            status, data = _forwarded(say.forward, body)
        else:
            status, data = say.status, _answer(say, body["model"])
        self.send_response(status)
        for name, value in say.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if say.fault == "cut":
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def _forwarded(base_url: str, body: dict[str, Any]) -> tuple[int, bytes]:
    request = urllib.request.Request(
        f"{base_url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _answer(say: Say, model: str) -> bytes:
    if say.fault == "nonsense":
        return b"<html>It works!</html>"
    if say.status != 200:
        return json.dumps({"error": {"message": say.text, "code": say.status}}).encode()
    message = {"role": "assistant", "content": say.text}
    choice = {"index": 0, "message": message, "finish_reason": say.finish_reason}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return json.dumps({"id": "1", "model": model, "choices": [choice], "usage": usage}).encode()
