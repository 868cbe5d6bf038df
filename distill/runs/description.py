"""What made a run: `run.json`, the first file of its folder."""

import re
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, JsonValue

from notes.records import Record

FORMAT = "tagllm-run/1"


class RunError(Exception):
    """A run cannot start, go on or be read; the message says why and the way out."""


class RunRefused(RunError):
    """A folder that this run may not write to: it holds another run or other files, or somebody else writes to it."""


class NotesSource(Record):
    """Where a run's notes come from."""

    path: str | None = None
    """Absolute path of the file or folder; none where a program handed the notes in."""
    split: str | None = None
    limit: int | None = None
    """Notes at most; rejects do not count."""
    ids: tuple[str, ...] = ()
    """Only these; empty: all."""


class HandbookSource(Record):
    """The handbook of a run."""

    path: str = ""
    """Empty where a program handed it in."""
    digest: str


class RunDescription(Record):
    """What made a run."""

    format: Literal["tagllm-run/1"] = FORMAT
    fingerprint: str
    """Digest of the configuration: a folder holds the traces of one."""
    configuration: dict[str, JsonValue]
    """All that decides what the tags are, and which notes get them."""
    notes: NotesSource = Field(default_factory=NotesSource)
    created_at: datetime
    versions: dict[str, str] = Field(default_factory=dict)
    """Of this package and the libraries that answer."""
    handbook: HandbookSource | None = None
    teacher: str
    model: str
    model_revision: str = ""
    prompts: dict[str, str] = Field(default_factory=dict)
    """Digest of every text that asks, by its name, such as `tagging/v1/draft`."""
    graph: Literal["steps", "fused", "student"] = "steps"
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """What it takes to put the same teacher together again, as for `tagllm runs replay`; no secrets."""


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What differs between two configurations, `name: old → new`, nested names joined by dots."""
    before, after = dict(_flat(old)), dict(_flat(new))
    return [
        f"{name}: {_said(before.get(name))} → {_said(after.get(name))}"
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for name, item in value.items():
        if isinstance(item, dict) and item:
            found.extend(_flat(item, f"{prefix}{name}."))
        else:
            found.append((f"{prefix}{name}", list(item) if isinstance(item, tuple) else item))
    return found


def _said(value: object) -> str:
    if value in (None, "", [], {}):
        return "none"
    text = re.sub(r"\s+", " ", str(value))
    return text if len(text) <= 100 else f"{text[:99]}…"
