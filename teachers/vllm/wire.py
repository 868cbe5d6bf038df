"""Requests and answers as an OpenAI-compatible server writes them."""

import base64
import functools
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from dspy import lm15

from teachers.cache import Answer

_SETTINGS = ("temperature", "max_tokens", "top_p", "frequency_penalty", "presence_penalty", "seed", "logprobs")
_FINISHED = {"stop": "stop", "length": "length", "tool_calls": "tool_call", "content_filter": "content_filter"}
_CONTEXT = ("maximum context length", "max_model_len", "longer than the maximum model length", "context length")
_MISSED = "cache miss"
"""What a server says that no longer holds a picture."""


class Outgoing(NamedTuple):
    """A request, its pictures apart."""

    body: dict[str, Any]
    """With every picture as its `uuid` alone."""
    pictures: dict[str, str]
    """Base64 of each picture by its SHA-256, with its media type before it: `image/jpeg;base64,…`."""


def outgoing(request: lm15.Request, model: str) -> Outgoing:
    """The body of a chat completion.

    Args:
        request: DSPy's.
        model: Name the server knows.

    Raises:
        lm15.UnsupportedFeatureError: it holds something other than text and pictures, or asks for tools.
    """
    if request.tools:
        raise lm15.UnsupportedFeatureError("tools are not asked for by any of our questions", feature="tools")
    pictures: dict[str, str] = {}
    messages: list[dict[str, Any]] = []
    if request.system:
        system = request.system if isinstance(request.system, str) else _text_of(request.system)
        messages.append({"role": "system", "content": system})
    for message in request.messages:
        messages.append({"role": message.role, "content": _content(message.parts, pictures)})
    config = request.config
    body: dict[str, Any] = {"model": model, "messages": messages}
    body |= {name: value for name in _SETTINGS if (value := getattr(config, name)) is not None}
    if config.stop:
        body["stop"] = list(config.stop)
    if config.top_k is not None:
        body["top_k"] = config.top_k
    if config.response_format is not None:
        body["response_format"] = _response_format(config.response_format)
    return Outgoing(body | dict(config.extensions or {}), pictures)


@functools.lru_cache(maxsize=64)
def picture_digest(data: str) -> str:
    """SHA-256 of a picture's bytes; several steps ask with the same one.

    Args:
        data: Base64 of them.
    """
    return hashlib.sha256(base64.b64decode(data)).hexdigest()


def _response_format(asked: Mapping[str, Any]) -> dict[str, Any]:
    if asked.get("type") != "json_schema" or "json_schema" in asked:
        return dict(asked)
    return {"type": "json_schema", "json_schema": {name: value for name, value in asked.items() if name != "type"}}


def _content(parts: Iterable[Any], pictures: dict[str, str]) -> str | list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in parts:
        if part.type == "text":
            found.append({"type": "text", "text": part.text})
        elif part.type == "image" and part.data is not None:
            digest = picture_digest(part.data)
            pictures[digest] = f"{part.media_type};base64,{part.data}"
            found.append({"type": "image_url", "image_url": None, "uuid": digest})
        elif part.type == "image" and part.url:
            raise lm15.UnsupportedFeatureError(
                f"pictures travel as bytes, got {part.url[:80]!r}: no server fetches what a note names",
                feature="image url",
            )
        else:
            raise lm15.UnsupportedFeatureError(f"a part of type {part.type!r} cannot be sent", feature=part.type)
    if all(part["type"] == "text" for part in found):
        return "\n\n".join(part["text"] for part in found)
    return found


def _text_of(parts: Iterable[Any]) -> str:
    return "\n\n".join(part.text for part in parts if part.type == "text")


def with_pictures(body: Mapping[str, Any], addresses: Mapping[str, str]) -> bytes:
    """The body as JSON, pictures in `addresses` (by SHA-256) with their address, the others by `uuid` alone."""
    if not addresses:
        return orjson.dumps(body)
    messages = []
    for message in body["messages"]:
        content = message["content"]
        if isinstance(content, list):
            content = [
                {**part, "image_url": {"url": addresses[part["uuid"]]}} if part.get("uuid") in addresses else part
                for part in content
            ]
        messages.append({**message, "content": content})
    return orjson.dumps({**body, "messages": messages})


def answer_of(data: bytes) -> Answer:
    """What a server answered.

    Raises:
        lm15.ServerError: it is no chat completion.
    """
    try:
        found = orjson.loads(data)
        choice = found["choices"][0]
        usage = found.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        return Answer(
            text=choice["message"].get("content") or "",
            finish_reason=choice.get("finish_reason") or "stop",
            prompt_tokens=usage.get("prompt_tokens") or 0,
            completion_tokens=usage.get("completion_tokens") or 0,
            model=found.get("model") or "",
            extra={"prefix_tokens": details["cached_tokens"]} if details.get("cached_tokens") else None,
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        said = data[:200].decode("utf-8", "replace")
        raise lm15.ServerError(
            f"the server's answer is no chat completion ({type(error).__name__}): {said!r}"
        ) from None


def response_of(answer: Answer, model: str) -> lm15.Response:
    """An answer as DSPy takes it."""
    return lm15.Response(
        id=None,
        model=answer.model or model,
        message=lm15.Message.assistant(answer.text),
        finish_reason=_FINISHED.get(answer.finish_reason, "stop"),  # pyright: ignore[reportArgumentType]
        usage=lm15.Usage(input_tokens=answer.prompt_tokens, output_tokens=answer.completion_tokens),
    )


def misses_picture(status: int, data: bytes) -> bool:
    """Whether the server lost a picture that was named by its `uuid`."""
    return status == 400 and _MISSED in data[:2000].decode("utf-8", "replace").lower()


def refusal(status: int, data: bytes, where: str, retry_after: float | None = None) -> lm15.LM15Error:
    """The error that a status means."""
    message = f"{where} answered {status}: {_said(data)}"
    if status in (401, 403):
        return lm15.AuthError(message, status=status)
    if status == 404:
        return lm15.UnsupportedModelError(message, status=status)
    if status == 408 or status == 504:
        return lm15.TimeoutError(message, status=status)
    if status == 429:
        return lm15.RateLimitError(message, status=status, retry_after=retry_after)
    if status >= 500:
        return lm15.ServerError(message, status=status, retry_after=retry_after)
    if any(words in message for words in _CONTEXT):
        return lm15.ContextLengthError(message, status=status)
    return lm15.InvalidRequestError(message, status=status)


def _said(data: bytes) -> str:
    try:
        found = orjson.loads(data)
        error = found.get("error", found)
        text = error.get("message") if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        text = None
    return " ".join((str(text) if text else data[:2000].decode("utf-8", "replace")).split())[:500]
