"""Interactions out of files, many rows at a time.

Rows come out as Arrow tables of what the file says, with the line each stands in; what is no row comes out as a
problem. Nothing is judged here but whether it can be read.
"""

from collections.abc import Iterator
from pathlib import Path

from handbook.mine.columns import columnar_rows
from handbook.mine.lines import csv_rows, json_rows
from handbook.mine.rows import CODECS, COLUMNS, Rows
from notes.formats import UnreadableInput

_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow")


def read(path: Path) -> Iterator[Rows]:
    """All rows of a file or of a folder of files.

    Raises:
        UnreadableInput: there is no such file, its format is not known, or it has no `user_id` and `note_id`.
    """
    if not path.exists():
        raise UnreadableInput(f"no such file or folder: {path}")
    files = [path]
    if path.is_dir():
        root = path.resolve()
        inside = sorted(file for file in path.rglob("*") if file.is_file() and root in file.resolve().parents)
        files = [file for file in inside if _suffix(file) and not file.name.startswith((".", "cache-"))]
        if not files:
            raise UnreadableInput(f"{path}: no data file in this folder; known: {', '.join(_SUFFIXES)}")
    for file in files:
        suffix = _suffix(file)
        if suffix in (".csv", ".tsv"):
            yield from csv_rows(file, "\t" if suffix == ".tsv" else ",")
        elif suffix in (".jsonl", ".ndjson"):
            yield from json_rows(file)
        elif suffix:
            yield from columnar_rows(file, suffix)
        else:
            raise UnreadableInput(f"{file.name}: unknown format; known: {', '.join(_SUFFIXES)}, text also .gz or .zst")


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = bool(suffixes) and suffixes[-1] in CODECS
    while suffixes and suffixes[-1] in CODECS:
        suffixes.pop()
    found = suffixes[-1] if suffixes and suffixes[-1] in _SUFFIXES else ""
    return "" if packed and found in (".parquet", ".arrow") else found


__all__ = ["COLUMNS", "Rows", "read"]
