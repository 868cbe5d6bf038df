"""A server with the teacher of tests/signatures/optimizing/improvable.py, for commands in processes of their own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.signatures.optimizing.improvable import answer_to

MODEL = "taught"


class TaughtServer(ThreadingHTTPServer):
    """Keeps what it is asked, as it came; can fall silent."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        """Of questions that were answered, in order; those of the probe are not among them."""
        self.silent_after: int | None = None
        """Answers no further question."""
        self.silent = threading.Event()
        """Set with the first question that is not answered."""
        self.released = threading.Event()
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: who asked may have been killed."""


@contextmanager
def taught_server() -> Iterator[TaughtServer]:
    """Serve in a thread."""
    with TaughtServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: TaughtServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        entry = {"id": MODEL, "object": "model", "max_model_len": 65_536}
        self._say({"object": "list", "data": [entry]} if self.path == "/v1/models" else {})

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(data)
        properties = body["response_format"]["json_schema"]["schema"]["properties"]
        if "word" in properties:  # the probe
            content = body["messages"][0]["content"]
            pictures = sum(part["type"] == "image_url" for part in content) if isinstance(content, list) else 0
            return self._answer({"word": properties["word"]["enum"][1], "count": 5}, 50 + 7 * pictures)
        with self.server.lock:
            quiet = self.server.silent_after is not None and len(self.server.bodies) >= self.server.silent_after
            if not quiet:
                self.server.bodies.append(data)
        if quiet:
            self.server.silent.set()
            self.server.released.wait(120)
            self.close_connection = True
            return None
        return self._answer(answer_to(body), 100)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def _answer(self, said: dict[str, Any], tokens: int) -> None:
        message = {"role": "assistant", "content": json.dumps(said)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self._say({"choices": [choice], "usage": {"prompt_tokens": tokens, "completion_tokens": 20}})

    def _say(self, said: object) -> None:
        data = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
