"""What each use of the cache came to: one line of JSON each, the last ones kept."""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

FILE = "uses.jsonl"
_MOST = 20
"""Uses shown and, from time to time, kept."""
_LARGEST = 64 << 10
"""Bytes of the file before old lines are dropped."""


class Counts(NamedTuple):
    """What happened to requests in one use of the cache."""

    hits: int = 0
    misses: int = 0
    joined: int = 0
    """Requests that waited for another task's answer to the same one."""
    stored: int = 0
    cut_off: int = 0
    """Answers not kept because they are not whole."""
    corrupt: int = 0
    """Damaged entries, each a miss."""
    locked: int = 0
    """Reads given up because another process held the database, each a miss."""
    not_stored: int = 0
    """Answers that could not be written: disk full, database locked or damaged."""


def add_use(folder: Path, counts: Counts, *, since: float) -> None:
    """Note a use; a folder that cannot be written is no error."""
    line = json.dumps({"began": since, "ended": time.time(), "process": os.getpid(), **counts._asdict()}) + "\n"
    path = folder / FILE
    with contextlib.suppress(OSError):
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
        if path.stat().st_size > _LARGEST:
            kept = path.with_suffix(f".{os.getpid()}")
            kept.write_text("".join(f"{json.dumps(use)}\n" for use in last_uses(folder)), encoding="utf-8")
            kept.replace(path)


def last_uses(folder: Path) -> list[dict[str, Any]]:
    """The last uses, oldest first; lines that are none are passed over."""
    try:
        lines = (folder / FILE).read_text("utf-8", "replace").splitlines()[-_MOST:]
    except OSError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            use = json.loads(line)
            if isinstance(use, dict) and all(isinstance(use.get(n), int | float) for n in ("began", *Counts._fields)):
                found.append(use)
    return found
