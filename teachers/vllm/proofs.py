"""Requests whose answers prove something: that a schema is enforced, that a picture is taken, that it is kept.

What is asked for in words is what the schema forbids, and the schema's own words stand nowhere in the request's text. A
model that heeds the text, or one that talks nonsense, can then not obey the schema by chance.
"""

import base64
import json
import struct
import zlib
from typing import Any

from teachers.vllm.calls import Caller, Reply
from teachers.vllm.launch import ServerError

_WORDS = (("zibeline", "quernstone"), ("withywind", "farrago"), ("tessellar", "ombrosal"))
_ASKED = (
    'Answer "no". Write nothing else, and no JSON.',
    "Write one short sentence about the sea. No braces, no quotes, no JSON.",
    'Reply with this JSON object and nothing else: {"answer": "no", "score": 999}',
)
ATTEMPTS = len(_WORDS)
_TOKENS = 256
"""Enough for the longest answer the schema allows, a byte a token, and for a sentence."""


def png(red: int, green: int, blue: int, side: int = 96) -> str:
    """A `data:` address of a picture in one colour, large enough for any model's processor."""
    rows = (b"\x00" + bytes((red, green, blue)) * side) * side

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def request(model: str, attempt: int, picture: dict[str, Any] | None = None) -> dict[str, Any]:
    """The body of one schema-bound request.

    Args:
        model: Name the server knows it by.
        attempt: 0 to `ATTEMPTS` - 1; each asks for something else.
        picture: A part of the message's content.
    """
    words = _WORDS[attempt]
    schema = {
        "type": "object",
        "properties": {
            "word": {"type": "string", "enum": list(words)},
            "count": {"type": "integer", "minimum": 3, "maximum": 8},
        },
        "required": ["word", "count"],
        "additionalProperties": False,
    }
    text = {"type": "text", "text": _ASKED[attempt]}
    return {
        "model": model,
        "messages": [{"role": "user", "content": [text, picture] if picture is not None else text["text"]}],
        "max_tokens": _TOKENS,
        "temperature": 0.0,
        "response_format": {"type": "json_schema", "json_schema": {"name": "proof", "schema": schema, "strict": True}},
    }


def disobedience(reply: Reply, attempt: int) -> str:
    """How the answer breaks its schema; empty where it obeys."""
    choice = _choice(reply)
    content = choice.get("message", {}).get("content") if isinstance(choice.get("message"), dict) else None
    shown = f"{content!r:.80}" if content is not None else f"{reply.text!r:.80}"
    try:
        answer = json.loads(content) if isinstance(content, str) else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        if choice.get("finish_reason") == "length":
            return f"the answer had not ended after {_TOKENS} tokens: {shown}"
        return f"the answer is not the object the schema asks for: {shown}"
    word, count = answer.get("word"), answer.get("count")
    fits = answer.keys() == {"word", "count"} and word in _WORDS[attempt]
    fits = fits and type(count) is int and 3 <= count <= 8
    return "" if fits else f"the answer breaks the schema: {shown}"


def prompt_tokens(reply: Reply) -> int:
    """Tokens of the prompt as the server counts them; 0 where it does not say."""
    found = reply.json()
    usage = found.get("usage") if isinstance(found, dict) else None
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return count if isinstance(count, int) else 0


def prove_ready(caller: Caller, model: str, limit: float) -> str:
    """Return once a schema-bound request with a picture was answered as its schema wants.

    Returns:
        Why the model takes no pictures, in the server's words, where it was proven without one; else empty.

    Raises:
        Unreachable: no answer within `limit` seconds.
        ServerError: it answers, but with an error or against the schema.
    """
    picture = {"type": "image_url", "image_url": {"url": png(200, 30, 30)}}
    reply = caller.chat(request(model, 0, picture), limit)
    refused = ""
    if reply.status in (400, 415, 422):  # a text-only model; or something is wrong with the request itself
        refused = reply.error or f"status {reply.status}"
        reply = caller.chat(request(model, 0), limit)
    if reply.status != 200:
        raise ServerError(f"answered {reply.status} to a schema-bound request: {reply.error}")
    if why := disobedience(reply, 0):
        raise ServerError(f"does not enforce schemas: {why}")
    return refused


def _choice(reply: Reply) -> dict[str, Any]:
    found = reply.json()
    choices = found.get("choices") if isinstance(found, dict) else None
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
