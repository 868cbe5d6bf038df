"""A model behind an OpenAI-compatible address, for runs: every answer follows from the request, and all are counted."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.distill.scripted import answer_text
from tests.teachers.vllm.fake_server import FakeServer, _Handler


class ModelServer(FakeServer):
    """Remembers which requests it has answered."""

    request_queue_size = 256

    def __init__(self, seconds: float) -> None:
        super().__init__(0, "fit")
        self.RequestHandlerClass = _Model
        self.seconds = seconds
        self.lock = threading.Lock()
        self.answered: list[str] = []
        """Words of each request, in the order of the answers."""


@contextmanager
def model_server(*, seconds: float = 0.0) -> Iterator[ModelServer]:
    """Serve in a thread; every answer takes `seconds`."""
    with ModelServer(seconds) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Model(_Handler):
    server: ModelServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        schema: dict[str, Any] = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        if "word" in schema.get("properties", {}):  # the probe's question
            text, reason = self._answer(schema)
            parts = [p for m in body["messages"] if isinstance(m["content"], list) for p in m["content"]]
            pictures = sum(part["type"] == "image_url" for part in parts)
            return self._reply(text, reason, 50 + 7 * pictures)
        time.sleep(self.server.seconds)
        words = json.dumps(body["messages"])
        said = answer_text(words.replace('\\"', '"'), schema.get("properties", {}))
        with self.server.lock:
            self.server.answered.append(words)
        return self._reply(json.dumps(said), "stop", 100)

    def _reply(self, text: str | None, reason: str, tokens: int) -> None:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
        self._say(200, {"choices": [choice], "usage": {"prompt_tokens": tokens, "completion_tokens": 5}})
