"""What makes two requests the same: the exact request in one spelling, pictures by digest, and its digest as the key.

Which server answers, time-outs, headers and request ids are no part of it. Everything else that is sent is, whether
known here or not.
"""

import base64
import hashlib
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

VERSION = 1
"""Of keys and values: what was stored under another one is not found."""
_TRANSPORT = frozenset(
    {
        "stream",
        "stream_options",
        "request_id",
        "timeout",
        "priority",
        "user",
        "metadata",
        "store",
        "service_tier",
        "cache_salt",
        "prompt_cache_key",
        "extra_headers",
    }
)
"""Fields that change how an answer comes, not which."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class PictureUnknown(ValueError):
    """A picture part whose picture cannot be told."""


class RequestKey(NamedTuple):
    """One request, as the cache knows it."""

    digest: str
    """64 hexadecimal digits: what the answer is stored under."""
    text: bytes
    """The canonical request, JSON."""
    model: str
    label: str
    """What asked, such as `note-id/step`; not in the digest. Where two keys share a label, something changed."""


def request_key(
    body: Mapping[str, Any],
    *,
    kind: str = "chat",
    revision: str = "",
    sample: int | str | None = None,
    pictures: Mapping[str, str] | None = None,
    label: str = "",
) -> RequestKey:
    """The key of a request.

    Args:
        body: What is sent, as in OpenAI's API.
        kind: Which endpoint.
        revision: The model's.
        sample: Which of several answers to one request is meant (DSPy's `rollout_id`).
        pictures: SHA-256 of the pictures behind addresses, where the part does not say it.
        label: What asks.

    Raises:
        PictureUnknown: a picture part has neither bytes, nor a digest as its uuid, nor an address in `pictures`.
    """
    request = canonical(body, kind=kind, revision=revision, sample=sample, pictures=pictures)
    return key_of(request, label=label)


def key_of(request: Mapping[str, Any], *, label: str = "") -> RequestKey:
    """The key of a request that `canonical` made."""
    try:
        text = orjson.dumps(request)
    except TypeError:  # half a surrogate pair, a number of more than 64 bits: the same in every other respect
        text = json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=32).hexdigest()
    return RequestKey(digest, text, str(request.get("model", "")), " ".join(label.split()))


def canonical(
    body: Mapping[str, Any],
    *,
    kind: str = "chat",
    revision: str = "",
    sample: int | str | None = None,
    pictures: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The request in one spelling; arguments as in `request_key`.

    Fields are sorted, those that are null or say only how to send are left out, `0.0` is `0`, and a picture is its
    SHA-256 whether it goes as base64, as an address or as its uuid alone. A schema keeps its order: models write in it.
    """
    request = {name: _number(value) for name, value in body.items() if value is not None and name not in _TRANSPORT}
    if "messages" in request:
        request["messages"] = [_message(message, pictures or {}) for message in request["messages"]]
    request |= {"cache_version": VERSION, "kind": kind, "model_revision": revision}
    if sample is not None:
        request["sample"] = sample
    return dict(sorted(request.items()))


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _message(message: Mapping[str, Any], pictures: Mapping[str, str]) -> dict[str, Any]:
    found = {name: value for name, value in sorted(message.items()) if value is not None}
    if isinstance(found.get("content"), list | tuple):
        found["content"] = [_part(part, pictures) for part in found["content"]]
    return found


def _part(part: Mapping[str, Any], pictures: Mapping[str, str]) -> Mapping[str, Any]:
    """A part of a message; one of pictures, sound or film by what it holds."""
    kind = part.get("type", "")
    if not kind.endswith("_url"):
        return dict(sorted(part.items()))
    named = part.get(kind)
    url = named.get("url") if isinstance(named, Mapping) else named
    found: dict[str, Any] = {"sha256": _digest(url, part.get("uuid"), pictures), "type": kind.removesuffix("_url")}
    if isinstance(named, Mapping):
        found |= {name: value for name, value in named.items() if name != "url" and value is not None}
    return dict(sorted(found.items()))


def _digest(url: str | None, uuid: str | None, pictures: Mapping[str, str]) -> str:
    """SHA-256 of what a part holds: as told, else from its bytes.

    Raises:
        PictureUnknown: nothing tells it, or the uuid tells another one.
    """
    told = uuid if uuid is not None and _SHA256.fullmatch(uuid) else None
    found = pictures.get(url) if url is not None else None
    if found is None and url is not None and url.startswith("data:"):
        found = hashlib.sha256(_bytes(url)).hexdigest()
    if found is not None and told is not None and found != told:
        raise PictureUnknown(f"a picture's SHA-256 is {found}, its uuid says {told}; send the digest of what is sent")
    if found is None and told is None:
        where = f"at {url[:80]}" if url else f"with uuid {uuid!r}"
        raise PictureUnknown(f"the picture {where} is unknown; send its SHA-256 as uuid, or name it in `pictures`")
    return found or told or ""


def _bytes(url: str) -> bytes:
    head, comma, data = url.partition(",")
    try:
        if comma and head.endswith(";base64"):
            return base64.b64decode(data, validate=True)
    except ValueError as error:
        raise PictureUnknown(f"a picture's base64 does not decode: {error}; {url[:60]}…") from None
    return urllib.parse.unquote_to_bytes(data)
