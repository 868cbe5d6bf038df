"""One record a line: plain JSON with a checksum as its last key, so that a flipped byte is found without parsing."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import orjson
from pydantic_core import PydanticSerializationError

from notes.records import Record

_KEY = b',"checksum":"'
_DIGITS = 16
_TAIL = len(_KEY) + _DIGITS + len(b'"}')
_ID = re.compile(rb'\{"note_id":("(?:[^"\\]|\\.)*")')


class Damage(NamedTuple):
    """A line that is not what was written."""

    file: Path
    line: int
    """1-based."""
    kind: Literal["torn", "checksum"]
    """torn: the file ends in the middle of it, as when the process was killed; checksum: its bytes have changed."""
    data: bytes
    """The line as it stands, without its end."""

    def __str__(self) -> str:
        said = "is torn off" if self.kind == "torn" else "does not match its checksum"
        return f"{self.file}:{self.line} {said}"


OnDamaged = Callable[[Damage], None]


class Line(NamedTuple):
    """A line that is what was written."""

    number: int
    """1-based."""
    body: bytes
    """Its JSON up to the checksum: what the checksum is made of. With a `}` it is the record."""

    @property
    def record(self) -> bytes:
        """The record's own JSON."""
        return self.body + b"}"


def sealed(record: Record) -> bytes:
    """`record` as a line, its end included."""
    try:
        body = record.model_dump_json().encode()[:-1]
    except PydanticSerializationError:  # a model may say half a character, which no file can hold
        text = json.dumps(record.model_dump(), ensure_ascii=False, separators=(",", ":"), default=str)
        body = text.encode("utf-8", "replace")[:-1]
    return b'%s%s%s"}\n' % (body, _KEY, _checksum(body))


def lines(file: Path, on_damaged: OnDamaged) -> Iterator[Line]:
    """The sound lines of a file, one at a time; nothing where there is no file.

    Args:
        file: Of lines that `sealed` made.
        on_damaged: Gets every other line.
    """
    if not file.exists():
        return
    with file.open("rb", buffering=1 << 20) as opened:
        for number, data in enumerate(opened, 1):
            body = _body(data)
            if body is not None:
                yield Line(number, body)
            elif data.endswith(b"\n"):
                on_damaged(Damage(file, number, "checksum", data[:-1]))
            else:
                on_damaged(Damage(file, number, "torn", data))


def note_id(body: bytes) -> str | None:
    """The id of the note that a trace's or failure's line is about; also of most damaged lines. None: unreadable."""
    found = _ID.match(body)
    if found is None:
        return None
    try:
        return orjson.loads(found[1])
    except orjson.JSONDecodeError:
        return None


def _body(data: bytes) -> bytes | None:
    """What the checksum of a line is made of; None where they do not fit, or the line has no end."""
    if not data.endswith(b'"}\n') or data[-_TAIL - 1 : -_DIGITS - 3] != _KEY:
        return None
    body = data[: -_TAIL - 1]
    return body if data[-_DIGITS - 3 : -3] == _checksum(body) else None


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:_DIGITS].encode()
