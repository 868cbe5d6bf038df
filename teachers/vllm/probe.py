"""What a server can do, found out by asking it. Commands probe a server before they use it.

There are servers that take a schema and ignore it in silence (vLLM with the `guided_json` of old): their answers look
right until one does not. So the schema is probed with what it forbids (proofs.py).
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

from notes.records import Record
from teachers.vllm.calls import Caller, Reply, Unreachable
from teachers.vllm.launch import ServerError
from teachers.vllm.proofs import ATTEMPTS, disobedience, png, prompt_tokens, request

LISTEN_LIMIT = 8.0
"""Seconds until it must have named its models."""


class UnfitServer(ServerError):
    """A server that a teacher cannot be; the message says why and the way out."""


class Probe(Record):
    """What asking a server brought."""

    base_url: str
    listening: bool = False
    """Whether it answers as an OpenAI-compatible server."""
    version: str = ""
    """vLLM's; empty where it is another server."""
    models: tuple[str, ...] = ()
    model: str = ""
    """The one that was asked: the one wanted, else the first."""
    max_tokens: int | None = None
    """Prompt and answer together; None where it does not say."""
    enforces_schema: bool | None = None
    """Whether every answer obeyed a schema that the words of the request spoke against; None: never asked."""
    takes_pictures: bool | None = None
    """Whether a picture was accepted and made the prompt longer."""
    keeps_pictures: bool | None = None
    """Whether a picture that was sent once may be named by its `uuid` afterwards."""
    problem: str = ""
    """Why it is unfit; empty where it is fit."""
    notes: tuple[str, ...] = ()
    """What else was seen."""
    seconds: float = 0.0

    @property
    def fit(self) -> bool:
        """Whether it answers and enforces schemas. One that takes no pictures is fit for notes without."""
        return self.listening and bool(self.enforces_schema) and not self.problem


async def probe(base_url: str, *, model: str = "", api_key: str = "", limit: float = 180.0) -> Probe:
    """Ask a server what it can do: about seven short requests.

    Args:
        base_url: Of its OpenAI-compatible part.
        model: The one wanted; empty: the first it names.
        api_key: Where it asks for one.
        limit: Seconds for all requests; a loaded server on a CPU is slow. Whether it listens is known after 8.

    Raises:
        ServerError: `base_url` is no address. Everything else is in what comes back.
    """
    return await asyncio.to_thread(probe_now, base_url, model=model, api_key=api_key, limit=limit)


def probe_now(base_url: str, *, model: str = "", api_key: str = "", limit: float = 180.0) -> Probe:
    """`probe`, without asyncio."""
    caller = Caller(base_url, api_key=api_key)
    begun = time.monotonic()
    found: dict[str, Any] = {"base_url": caller.base_url}
    try:
        _ask(caller, model, lambda: max(1.0, begun + limit - time.monotonic()), found)
    except Unreachable as error:
        found["problem"] = str(error)
        if not found.get("listening"):
            found["problem"] += ": start one with `tagllm teacher serve --model MODEL`, or mend --base-url"
    finally:
        caller.close()
    return Probe(**found, seconds=round(time.monotonic() - begun, 2))


def require_fit(found: Probe, *, allow_unenforced: bool = False) -> None:
    """Return when the server may be used.

    Args:
        found: What `probe` brought.
        allow_unenforced: Whether a server that ignores schemas will do.

    Raises:
        UnfitServer: it may not.
    """
    if found.fit:
        return
    if found.enforces_schema is False:
        if not allow_unenforced:
            raise UnfitServer(f"{found.base_url}: {found.problem}")
    else:
        raise UnfitServer(f"{found.base_url}: {found.problem}")


def _ask(caller: Caller, wanted: str, left: Callable[[], float], found: dict[str, Any]) -> None:
    """Fill `found`, as far as it goes.

    Raises:
        Unreachable: an answer did not come.
    """
    listed = caller.get(f"{caller.base_url}/models", min(LISTEN_LIMIT, left()))
    if problem := _read_models(listed, wanted, found):
        found["problem"] = problem
        return
    version = caller.get(f"{caller.root}/version", left()).json()
    found["version"] = str(version.get("version", ""))[:60] if isinstance(version, dict) else ""
    model = found["model"]
    plain = 0
    for attempt in range(ATTEMPTS):
        reply = caller.chat(request(model, attempt), left())
        if reply.status != 200:
            found["problem"] = f"answers {reply.status} to a schema-bound request: {reply.error}"
            return
        if why := disobedience(reply, attempt):
            found["enforces_schema"] = False
            found["problem"] = (
                f"{model} is served without enforcing JSON schemas: {why}. Its answers would break "
                "now and then. Serve it with `tagllm teacher serve`, or go on with what can be "
                "parsed: --allow-unenforced"
            )
            break
        plain = plain or prompt_tokens(reply)
    found.setdefault("enforces_schema", True)
    _ask_pictures(caller, model, plain, left, found)


def _read_models(reply: Reply, wanted: str, found: dict[str, Any]) -> str:
    """What it serves; the problem where that will not do."""
    if reply.status in (401, 403):
        return f"asks for a key (status {reply.status}): give the one it was started with, --api-key or TAGLLM_API_KEY"
    said = reply.json()
    listed = said.get("data") if isinstance(said, dict) else None
    if reply.status != 200 or not isinstance(listed, list):
        return (
            f"answers {reply.status} to /models, which is no OpenAI-compatible answer: {reply.error[:120]!r}; "
            "the base URL usually ends in /v1"
        )
    models = [entry for entry in listed if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    found.update(listening=True, models=tuple(entry["id"] for entry in models))
    chosen = next((entry for entry in models if not wanted or entry["id"] == wanted), None)
    if chosen is None:
        return f"no model {wanted!r}; it serves: {', '.join(found['models']) or 'none'}"
    length = chosen.get("max_model_len")
    found.update(model=chosen["id"], max_tokens=length if isinstance(length, int) else None)
    return ""


def _ask_pictures(caller: Caller, model: str, plain: int, left: Callable[[], float], found: dict[str, Any]) -> None:
    """Whether pictures are taken, and kept under their `uuid`."""

    def send(address: str | None, name: str | None) -> Reply:
        part: dict[str, Any] = {"type": "image_url", "image_url": {"url": address} if address is not None else None}
        return caller.chat(request(model, 0, part if name is None else {**part, "uuid": name}), left())

    sent = send(png(30, 60, 200), None)
    longer = not plain or not prompt_tokens(sent) or prompt_tokens(sent) > plain
    found["takes_pictures"] = sent.status == 200 and longer
    if not found["takes_pictures"]:
        why = f"status {sent.status}: {sent.error}" if sent.status != 200 else "the prompt is no longer with one"
        found["notes"] = (f"takes no pictures ({why})",)
        found["keeps_pictures"] = False
        return
    name, unknown = uuid.uuid4().hex, uuid.uuid4().hex
    kept = send(png(30, 200, 60), name).status == 200 and send(None, name).status == 200
    # A server that answers about a picture it never saw does not look names up, it leaves the picture out.
    found["keeps_pictures"] = kept and send(None, unknown).status == 400
    if not found["keeps_pictures"]:
        found["notes"] = ("keeps no pictures by uuid: each is sent with every request",)
