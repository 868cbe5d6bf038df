"""What a vLLM server says about its own load: the page `/metrics`."""

import re

from notes.records import Record
from teachers.vllm.calls import Caller

_LINE = re.compile(r"^vllm:(\w+)(?:\{[^}]*\})? (\S+)", re.MULTILINE)


class Metrics(Record):
    """One reading, summed over the server's engines."""

    running: float = 0
    """Requests being computed."""
    waiting: float = 0
    """Requests in its queue."""
    kv_cache_use: float = 0
    """Share of the key-value cache in use, 0 to 1; of the fullest engine."""
    prompt_tokens: float = 0
    """Since it started."""
    generated_tokens: float = 0
    """Since it started."""
    prefix_queries: float = 0
    """Prompt tokens looked up in the prefix cache since it started."""
    prefix_hits: float = 0
    """Those of them it held."""


def read_metrics(text: str) -> Metrics:
    """Read the page; what it does not name is 0."""
    found: dict[str, list[float]] = {}
    for name, value in _LINE.findall(text):
        found.setdefault(name, []).append(float(value))

    def total(name: str) -> float:
        return sum(found.get(name, ()))

    return Metrics(
        running=total("num_requests_running"),
        waiting=total("num_requests_waiting"),
        kv_cache_use=max(found.get("kv_cache_usage_perc", [0.0])),
        prompt_tokens=total("prompt_tokens_total"),
        generated_tokens=total("generation_tokens_total"),
        prefix_queries=total("prefix_cache_queries_total"),
        prefix_hits=total("prefix_cache_hits_total"),
    )


def ask_metrics(base_url: str, *, api_key: str = "", limit: float = 3.0) -> Metrics | None:
    """The server's load now; None where it has no such page.

    Args:
        base_url: Of its OpenAI-compatible part.
        api_key: Where it asks for one.
        limit: Seconds.

    Raises:
        teachers.vllm.calls.Unreachable: it does not answer.
    """
    caller = Caller(base_url, api_key=api_key)
    try:
        reply = caller.get(f"{caller.root}/metrics", limit)
    finally:
        caller.close()
    return read_metrics(reply.text) if reply.status == 200 and "vllm:" in reply.text else None
