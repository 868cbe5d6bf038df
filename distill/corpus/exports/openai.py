"""For OpenAI's fine-tuning, and request files for `vllm run-batch`: pictures travel inside as base64."""

import base64
import functools
from pathlib import Path
from typing import Any

from distill.corpus.exports.jsonl import JsonLines
from distill.corpus.records import Example, Message, Shown, Split

FOLDER = "openai"
BATCH = "batch"
URL = "/v1/chat/completions"
MAX_TOKENS = 512
"""Of an answer to a batch's request: twelve tags at their longest."""


class OpenAIExport:
    """Writes `openai/VIEW-SPLIT.jsonl`: messages, or a preference's input with both answers.

    Args:
        folder: Of the corpus.
    """

    def __init__(self, folder: Path) -> None:
        self._lines = JsonLines(folder / FOLDER)
        self._pictures = _Pictures(folder)

    def write(self, example: Example, split: Split) -> None:
        """Write one example; a question alone has no form here."""
        if example.answer is None:
            return
        messages = self._pictures.messages(example)
        answer = {"role": "assistant", "content": example.answer}
        row: dict[str, Any] = {"messages": [*messages, answer]}
        if example.rejected is not None:
            rejected = {"role": "assistant", "content": example.rejected}
            row = {
                "input": {"messages": messages},
                "preferred_output": [answer],
                "non_preferred_output": [rejected],
            }
        self._lines.write(f"{example.view}-{split}.jsonl", row)

    def close(self) -> None:
        """End every file."""
        self._lines.close()


class BatchExport:
    """Writes `batch/SPLIT.jsonl`: the questions alone, to be answered by a model.

    Args:
        folder: Of the corpus.
        model: Name the server knows it by.
        response_format: The schema of the answers.
    """

    def __init__(self, folder: Path, model: str, response_format: Any) -> None:
        self._lines = JsonLines(folder / BATCH)
        self._pictures = _Pictures(folder)
        self._model = model
        self._response_format = response_format

    def write(self, example: Example, split: Split) -> None:
        """Write one example, if it is a question alone."""
        if example.view != "prompts":
            return
        body = {
            "model": self._model,
            "messages": self._pictures.messages(example),
            "temperature": 0.0,
            "max_tokens": MAX_TOKENS,
            "response_format": self._response_format,
        }
        row = {"custom_id": example.id, "method": "POST", "url": URL, "body": body}
        self._lines.write(f"{split}.jsonl", row)

    def close(self) -> None:
        """End every file."""
        self._lines.close()


class _Pictures:
    """Messages with pictures as addresses that hold them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "images"
        self._address = functools.lru_cache(maxsize=32)(self._read)

    def messages(self, example: Example) -> list[dict[str, Any]]:
        return [self._message(message) for message in example.prompt]

    def _message(self, message: Message) -> dict[str, Any]:
        if not any(isinstance(part, Shown) for part in message.parts):
            return {"role": message.role, "content": message.text}
        return {"role": message.role, "content": [self._part(part) for part in message.parts]}

    def _part(self, part: str | Shown) -> dict[str, Any]:
        if isinstance(part, Shown):
            return {"type": "image_url", "image_url": {"url": self._address(part.name)}}
        return {"type": "text", "text": part}

    def _read(self, name: str) -> str:
        return f"data:image/jpeg;base64,{base64.b64encode((self._folder / name).read_bytes()).decode()}"
