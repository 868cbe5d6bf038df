"""What the readers of interactions share."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from notes.formats import UnreadableInput
from notes.records import RejectReason

COLUMNS = ("user_id", "note_id", "timestamp", "kind", "strength", "query")
NUMBERS = frozenset(("timestamp", "strength"))
ROWS = 1 << 16
"""Of one table, where the reader may choose."""
CODECS = {".gz": "gzip", ".zst": "zstd"}


class Problem(NamedTuple):
    """A row that cannot be read."""

    line: int
    reason: RejectReason
    message: str


class Rows(NamedTuple):
    """Some rows of a file."""

    source: Path
    problems: Sequence[Problem] = ()
    table: pa.Table | None = None
    """`line`, and of `COLUMNS` those that the file has: text, or float64 where the file has numbers."""
    json: pa.Table | None = None
    """`line` and `text`: JSON values, not yet taken apart."""


def require(path: Path, names: Sequence[str]) -> None:
    missing = [name for name in COLUMNS[:2] if name not in names]
    if missing:
        known = ", ".join(names[:12]) or "none"
        raise UnreadableInput(f"{path.name}: no column {' and no '.join(missing)}; columns there: {known}")
