"""Files of JSON lines, opened when the first line comes."""

import shutil
from pathlib import Path
from typing import Any, BinaryIO

import orjson

_SEPARATORS = tuple((sign.encode(), rb"\u%04x" % ord(sign)) for sign in "\u2028\u2029\x85")
"""What some readers take for the end of a line; in JSON they only stand in strings."""


class JsonLines:
    """Lines in files of one folder.

    Readers guess the columns' types from a file's beginning: the first line that is marked as telling goes first.

    Args:
        folder: Made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, BinaryIO] = {}
        self._telling: dict[str, tuple[int, int]] = {}

    def write(self, name: str, row: Any, *, telling: bool = False) -> None:
        """Write one line.

        Args:
            name: Of the file.
            row: What is written as JSON.
            telling: Whether the line shows every column's type.
        """
        file = self._open.get(name)
        if file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = self._open[name] = (self.folder / name).open("wb", buffering=1 << 20)
        data = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        for separator, escape in _SEPARATORS:
            data = data.replace(separator, escape)
        if telling and name not in self._telling:
            self._telling[name] = (file.tell(), len(data))
        file.write(data)

    @property
    def names(self) -> list[str]:
        """Files written so far."""
        return list(self._open)

    def close(self) -> None:
        """End every file."""
        for file in self._open.values():
            file.close()
        for name, (start, length) in self._telling.items():
            if start:
                _bring_forward(self.folder / name, start, length)
        self._telling.clear()


def _bring_forward(file: Path, start: int, length: int) -> None:
    part = file.with_name(f".{file.name}")
    with file.open("rb") as old, part.open("wb") as new:
        old.seek(start)
        new.write(old.read(length))
        old.seek(0)
        left = start
        while left:
            chunk = old.read(min(left, 1 << 20))
            new.write(chunk)
            left -= len(chunk)
        old.seek(start + length)
        shutil.copyfileobj(old, new, 1 << 20)
    part.replace(file)
