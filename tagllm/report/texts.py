"""Texts and values of notes and models, cut to what a page can bear, saying what was cut."""

import json
import math
from typing import Any

from pydantic import JsonValue

_DEPTH = 12
_LINE = 150
"""Characters of JSON that stay on one line."""


def cut(text: str, most: int) -> str:
    """`text`, at most `most` characters of it."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shortened(text: str, most: int) -> dict[str, Any]:
    """`text` for the page, with the number of characters that were cut off."""
    return {"text": text[:most], "cut": max(0, len(text) - most)}


def shown(value: JsonValue, most: int) -> dict[str, Any] | None:
    """A request or an answer as people read it: messages one after another, other values as indented JSON.

    Returns:
        As `shortened`; None where there is nothing.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return shortened(value, most)
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        rest = {name: item for name, item in value.items() if name != "messages"}
        parts = [_json(rest)] if rest else []
        parts += [_message(message) for message in value["messages"]]  # pyright: ignore[reportGeneralTypeIssues, reportOptionalIterable]
        return shortened("\n\n".join(parts), most)
    return shortened(_json(value), most)


def number(value: float, digits: int = 4) -> float | None:
    """`value` as JSON can hold it."""
    return round(value, digits) if math.isfinite(value) else None


def _message(message: JsonValue) -> str:
    if not isinstance(message, dict):
        return _json(message)
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    said = [
        part
        if isinstance(part, str)
        else str(part["text"])
        if isinstance(part, dict) and "text" in part
        else _json(part)
        for part in parts
    ]
    return "\n".join([f"── {message.get('role', 'message')} ──", *said])


def _json(value: JsonValue, depth: int = 0) -> str:
    """Indented, but what fits on a line stays on one."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) <= _LINE or depth >= _DEPTH or not isinstance(value, list | dict):
        return flat
    indent = "  " * (depth + 1)
    if isinstance(value, list):
        rows, ends = [_json(item, depth + 1) for item in value], "[]"
    else:
        rows = [f"{json.dumps(name, ensure_ascii=False)}: {_json(item, depth + 1)}" for name, item in value.items()]
        ends = "{}"
    joined = ",\n".join(indent + row for row in rows)
    return f"{ends[0]}\n{joined}\n{'  ' * depth}{ends[1]}"
