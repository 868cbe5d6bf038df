"""Rows out of files: JSON lines, CSV, Parquet, Arrow, a Hugging Face dataset folder; plain, `.gz` or `.zst`.

Every format is streamed: the memory used is that of one row (of one batch, for the columnar ones), whatever the file's
size. What cannot be read as a row comes out as a row with its problem, so that nothing is lost without a word.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from notes.records import RejectReason

if TYPE_CHECKING:
    from pyarrow import RecordBatch

MAX_ROW_BYTES = 8 << 20
"""A longer line is refused, and is never held in memory as a whole."""
BATCH_ROWS = 256
NOTELLM_COLUMNS = ("id", "title", "content", "image", "category")
"""Columns of the header-less CSV that NoteLLM's code reads."""


@dataclass(frozen=True)
class Row:
    """One row of a file, or why it could not be read."""

    line: int
    """1-based line where it starts (text), or row number (columnar)."""
    source: Path
    value: dict[str, Any] | None = None
    reason: RejectReason | None = None
    message: str = ""
    split: str | None = None
    """The split that the file's place or name tells."""


class UnreadableInput(ValueError):
    """The input as a whole cannot be read; the message says why and what to do."""


def rows(path: Path) -> Iterator[Row]:
    """Rows of `path`, in order.

    Raises:
        UnreadableInput: the path does not exist or is of no known format.
    """
    if not path.exists():
        raise UnreadableInput(f"no such file or folder: {path}")
    if path.is_dir():
        yield from _folder_rows(path)
        return
    reader = _reader_for(path)
    if reader is None:
        raise UnreadableInput(
            f"{path.name}: unknown format; known: {', '.join(sorted(_READERS))}, each also .gz or .zst"
        )
    yield from reader(path)


def _reader_for(path: Path) -> Callable[[Path], Iterator[Row]] | None:
    suffixes = [s.lower() for s in path.suffixes]
    while suffixes and suffixes[-1] in (".gz", ".zst"):
        suffixes.pop()
    return _READERS.get(suffixes[-1]) if suffixes else None


def _open(path: Path) -> BinaryIO:
    codec = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix.lower())
    if codec is None:
        return path.open("rb")
    import pyarrow as pa

    # Arrow's reader says where a file was cut (zstandard's ends in silence) and takes no window beyond 128 MiB.
    return cast(BinaryIO, pa.CompressedInputStream(pa.OSFile(str(path)), codec))


def _lines(path: Path) -> Iterator[tuple[int, bytes | None, str]]:
    """Numbered lines; None and a message for one that is too long, and where a broken file ends."""
    number = 0
    with _open(path) as raw:
        # Arrow's reader has no readline. A small buffer, as it is lost with the byte where the file breaks.
        stream = io.BufferedReader(cast(Any, raw), buffer_size=1 << 12)
        while True:
            number += 1
            try:
                line = stream.readline(MAX_ROW_BYTES + 1)
                if not line:
                    return
                if len(line) > MAX_ROW_BYTES:
                    while line and not line.endswith(b"\n"):
                        line = stream.readline(MAX_ROW_BYTES)
                    yield number, None, f"the line is longer than {MAX_ROW_BYTES:,} bytes; split or shorten it"
                    continue
            except (OSError, ValueError) as error:
                yield number, None, f"the file cannot be read on from here: {error}"
                return
            yield number, line, ""


def _json_rows(path: Path) -> Iterator[Row]:
    for number, line, problem in _lines(path):
        if line is None:
            reason = "too_large" if "longer than" in problem else "broken_row"
            yield Row(number, path, reason=reason, message=problem)
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        try:
            value = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            yield Row(number, path, reason="invalid_utf8", message=f"byte {error.start} is not UTF-8: {error.reason}")
        except RecursionError:
            yield Row(number, path, reason="broken_json", message="nested too deeply")
        except ValueError as error:
            yield Row(number, path, reason="broken_json", message=str(error)[:300])
        else:
            if isinstance(value, dict):
                yield Row(number, path, cast(dict[str, Any], value))
            else:
                yield Row(number, path, reason="wrong_type", message=f"a note is a JSON object, this is {_name(value)}")


def _csv_rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(MAX_ROW_BYTES)
    start = 0
    trouble: list[tuple[int, str]] = []

    def text_lines() -> Iterator[str]:
        nonlocal start
        for number, line, problem in _lines(path):
            if line is None:
                trouble.append((number, problem))
                continue
            start = start or number
            # Bytes that are no UTF-8 become lone surrogates, found again below, row by row.
            yield (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).decode("utf-8", "surrogateescape")

    delimiter = "\t" if ".tsv" in [s.lower() for s in path.suffixes] else ","
    reader = csv.reader(text_lines(), delimiter=delimiter)
    header: list[str] | None = None
    while True:
        start = 0  # set with the row's first line
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield Row(
                start, path, reason="broken_row", message=f"{error}; a field may hold {MAX_ROW_BYTES:,} characters"
            )
            continue
        finally:
            for number, problem in trouble:
                yield Row(
                    number, path, reason="too_large" if "longer than" in problem else "broken_row", message=problem
                )
            trouble.clear()
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            named = [cell.strip().lower() for cell in cells]
            if "id" in named or "note_id" in named:
                header = named
                continue
            if len(cells) != len(NOTELLM_COLUMNS):
                raise UnreadableInput(
                    f"{path.name}: the first line names no column `id`, and has {len(cells)} fields where NoteLLM's "
                    f"header-less form has {len(NOTELLM_COLUMNS)} ({','.join(NOTELLM_COLUMNS)}); add a header line"
                )
            header = list(NOTELLM_COLUMNS)
        if any("\udc80" <= character <= "\udcff" for cell in cells for character in cell):
            yield Row(start, path, reason="invalid_utf8", message="a field is not UTF-8; write the file as UTF-8")
        elif len(cells) > len(header):
            yield Row(start, path, reason="broken_row", message=f"{len(cells)} fields, the header has {len(header)}")
        else:
            yield Row(start, path, dict(zip(header, cells, strict=False)))


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:  # it would hold the whole file
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield from _batch_rows(batch, path, number)
                number += batch.num_rows
    except (OSError, ValueError, pa.ArrowException) as error:
        yield Row(number + 1, path, reason="broken_row", message=f"the file cannot be read on from here: {error}"[:300])


def _arrow_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa

    number = 0
    try:
        with pa.memory_map(str(path)) as source:
            for batch in pa.ipc.open_stream(source):
                yield from _batch_rows(batch, path, number)
                number += batch.num_rows
    except (OSError, ValueError, pa.ArrowException) as error:
        yield Row(number + 1, path, reason="broken_row", message=f"the file cannot be read on from here: {error}"[:300])


def _batch_rows(batch: "RecordBatch", path: Path, before: int) -> Iterator[Row]:
    """Rows of one batch, of which `before` came before; a damaged one is one bad row, not the end of the file."""
    sound = True
    try:
        batch.validate(full=True)  # offsets that lie would be followed out of the file
    except ValueError:
        sound = False
    for place in range(batch.num_rows):
        number = before + place + 1
        one = batch.slice(place, 1)
        try:
            if not sound:
                one.validate(full=True)
            value = one.to_pylist()[0]
        except (ValueError, OverflowError) as error:
            reason = "invalid_utf8" if "UTF8" in str(error) else "broken_row"
            yield Row(number, path, reason=reason, message=str(error)[:300])
        else:
            yield Row(number, path, value)


def _folder_rows(folder: Path) -> Iterator[Row]:
    """Rows of a Hugging Face dataset folder: as `save_to_disk` leaves it, or data files named after their split."""
    root = folder.resolve()
    files = sorted(p for p in folder.rglob("*") if p.is_file() and _reader_for(p) and root in p.resolve().parents)
    files = [p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    arrow = [p for p in files if p.suffix == ".arrow" and not p.name.startswith("cache-")]
    chosen = arrow or [p for p in files if p.suffix != ".arrow"]
    if not chosen:
        raise UnreadableInput(f"{folder}: no data file in this folder; known: {', '.join(sorted(_READERS))}")
    for file in chosen:
        split = _split_of(file.relative_to(folder))
        for row in _READERS[_data_suffix(file)](file):
            yield Row(row.line, row.source, row.value, row.reason, row.message, split)


def _split_of(path: Path) -> str | None:
    for name in (path.stem, *reversed(path.parent.parts)):
        for split in ("train", "test", "validation", "valid", "dev"):
            if name.lower() == split or name.lower().startswith((f"{split}-", f"{split}_", f"{split}.")):
                return split
    return None


def _data_suffix(path: Path) -> str:
    return next(s.lower() for s in reversed(path.suffixes) if s.lower() not in (".gz", ".zst"))


def _name(value: object) -> str:
    return {list: "a list", str: "a string", type(None): "null", bool: "a boolean"}.get(type(value), "a number")


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _json_rows,
    ".ndjson": _json_rows,
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".parquet": _parquet_rows,
    ".arrow": _arrow_rows,
}
