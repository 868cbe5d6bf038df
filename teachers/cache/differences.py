"""What differs between two requests, field by field."""

from collections.abc import Iterator
from typing import Any, NamedTuple

_AROUND = 24
"""Characters shown before the first that differs."""
_SHOWN = 72


class Difference(NamedTuple):
    """One field that is not the same in both."""

    field: str
    """Such as `messages[1].content` or `response_format.json_schema.schema.properties.tags.maxItems`."""
    before: str
    after: str
    at: int | None = None
    """The first character that differs, where both are text."""

    def __str__(self) -> str:
        if self.at is None:
            return f"{self.field}: {self.before} → {self.after}"
        return f"{self.field} differs from character {self.at} on: “{self.before}” → “{self.after}”"


def differences(before: Any, after: Any, field: str = "") -> Iterator[Difference]:
    """Every field that differs, in the order of `before`."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, field)
    elif isinstance(before, list) and isinstance(after, list):
        for number, (one, other) in enumerate(zip(before, after, strict=False)):
            yield from differences(one, other, f"{field}[{number}]")
        for number in range(min(len(before), len(after)), max(len(before), len(after))):
            one, other = ("absent" if number >= len(found) else _short(found[number]) for found in (before, after))
            yield Difference(f"{field}[{number}]", one, other)
    elif isinstance(before, str) and isinstance(after, str) and max(len(before), len(after)) > _SHOWN:
        if before != after:
            at = _first(before, after)
            yield Difference(field, _from(before, at), _from(after, at), at)
    elif before != after or type(before) is not type(after):
        yield Difference(field, _short(before), _short(after))


def _of_objects(before: dict[str, Any], after: dict[str, Any], field: str) -> Iterator[Difference]:
    for name in (*before, *(name for name in after if name not in before)):
        place = f"{field}.{name}" if field else name
        if name not in after:
            yield Difference(place, _short(before[name]), "absent")
        elif name not in before:
            yield Difference(place, "absent", _short(after[name]))
        else:
            yield from differences(before[name], after[name], place)
    if list(before) != list(after) and before.keys() == after.keys():
        yield Difference(f"{field or 'request'} (order of fields)", ", ".join(before), ", ".join(after))


def _first(before: str, after: str) -> int:
    """The first character that differs."""
    pairs = enumerate(zip(before, after, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(before), len(after)))


def _from(text: str, at: int) -> str:
    start = max(0, at - _AROUND)
    end = start + _SHOWN
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
