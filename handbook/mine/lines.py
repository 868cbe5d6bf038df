"""Interactions out of text: CSV, TSV, JSON lines, also `.gz` and `.zst`; megabytes at a time."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import pyarrow as pa
import pyarrow.csv as pa_csv

from handbook.mine.engine import first_line
from handbook.mine.rows import CODECS, COLUMNS, ROWS, Problem, Rows, require
from notes.formats import MAX_ROW_BYTES, UnreadableInput

_CHUNK = 4 << 20
_PIECE = 1 << 14
_OPEN_CHUNKS = 4
"""Chunks in a row with a quoted field that does not end before the file is read row by row."""


class _Chunk(NamedTuple):
    """Whole lines of a text file, or why there are none."""

    line: int
    """1-based, of its first line."""
    data: bytes = b""
    problem: Problem | None = None


def _blocks(path: Path) -> Iterator[bytes | Problem]:
    """Pieces of a file as it is when unpacked; a problem where it cannot be read on."""
    codec = CODECS.get(path.suffix.lower())
    with pa.OSFile(str(path)) as file:
        stream = pa.CompressedInputStream(file, codec) if codec else file
        while True:
            block: list[bytes] = []
            try:
                while sum(map(len, block)) < _CHUNK:
                    # Small: what is read at once is lost with the byte where the file breaks.
                    piece = cast(bytes, stream.read(_PIECE if codec else _CHUNK))
                    if not piece:
                        break
                    block.append(piece)
            except (OSError, ValueError) as error:
                yield b"".join(block)
                yield Problem(0, "broken_row", f"the file cannot be read on from here: {first_line(error)}")
                return
            if not block:
                return
            yield b"".join(block)


def _chunks(path: Path) -> Iterator[_Chunk]:
    line, rest, skipping = 1, b"", False
    for block in _blocks(path):
        if isinstance(block, Problem):
            yield _Chunk(line, rest)
            line, rest = line + bool(rest), b""
            yield _Chunk(line, problem=block._replace(line=line))
            return
        if skipping:
            start = block.find(b"\n") + 1
            if not start:
                continue
            block, line, skipping = block[start:], line + 1, False
        end = block.rfind(b"\n") + 1
        if end:
            data, rest = rest + block[:end], block[end:]
            yield _Chunk(line, data)
            line += data.count(b"\n")
        elif len(rest) + len(block) <= MAX_ROW_BYTES:
            rest += block
        else:
            message = f"the line is longer than {MAX_ROW_BYTES:,} bytes; split or shorten it"
            yield _Chunk(line, problem=Problem(line, "too_large", message))
            rest, skipping = b"", True
    yield _Chunk(line, rest)


def csv_rows(path: Path, delimiter: str) -> Iterator[Rows]:
    chunks = _chunks(path)
    header: list[str] = []
    for chunk in chunks:
        if chunk.problem is not None:
            if not header:
                raise UnreadableInput(f"{path.name}: no header line: {chunk.problem.message}")
            yield Rows(path, (chunk.problem,))
            continue
        line, data = chunk.line, chunk.data
        if line == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        while not header and data:
            first, _, data = data.partition(b"\n")
            line += 1
            if first.strip():
                cells = next(csv.reader([first.decode("utf-8", "replace").strip("\r")], delimiter=delimiter))
                header = [cell.strip().lower() for cell in cells]
                require(path, header)
        held = [_Chunk(line, data)]
        while sum(part.data.count(b'"') for part in held) % 2 and len(held) < _OPEN_CHUNKS:
            following = next(chunks, None)  # a quoted field goes on there
            if following is None:
                break
            if following.problem is not None:
                yield Rows(path, (following.problem,))
            held.append(following)
        data = b"".join(part.data for part in held)
        quoted = data.count(b'"')
        if not data:
            continue
        found = None if quoted % 2 else _at_once(path, header, delimiter, line, data, quoted > 0)
        if found is not None:
            yield found
        elif quoted % 2:  # nobody knows where it ends
            yield from _by_row(path, header, delimiter, [_Chunk(line, data)], chunks)
        else:
            yield from _by_row(path, header, delimiter, [_Chunk(line, data)], ())
    if not header:
        raise UnreadableInput(f"{path.name}: the file is empty; its first line names the columns: user_id,note_id,…")


def _at_once(path: Path, header: Sequence[str], delimiter: str, line: int, data: bytes, quoted: bool) -> Rows | None:
    """The rows of whole lines; None where a row is broken, and must be looked for."""
    if data.count(b"\r") != data.count(b"\r\n"):
        return None
    names = [str(number) for number in range(len(header))]
    try:
        found = pa_csv.read_csv(
            io.BytesIO(data),
            read_options=pa_csv.ReadOptions(column_names=names, block_size=len(data) + 1),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quoted else False,
                newlines_in_values=quoted,
                ignore_empty_lines=False,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False
            ),
        )
    except (ValueError, pa.ArrowException):
        return None
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    # With line breaks inside of fields nobody has counted: “from this line on” is what can be said.
    numbers = range(line, line + lines) if lines == found.num_rows else [line] * found.num_rows
    columns = {name: found.column(header.index(name)) for name in COLUMNS if name in header}
    return Rows(path, table=pa.table({"line": pa.array(numbers, pa.int64()), **columns}))


def _by_row(
    path: Path, header: Sequence[str], delimiter: str, first: Iterable[_Chunk], more: Iterable[_Chunk]
) -> Iterator[Rows]:
    """The same, row by row: a file in which something is broken."""
    csv.field_size_limit(MAX_ROW_BYTES)
    problems: list[Problem] = []
    before = next(iter(first)).line

    def lines() -> Iterator[str]:
        for part in (*first, *more):
            if part.problem is not None:
                problems.append(part.problem)
            yield from io.StringIO(part.data.decode("utf-8", "surrogateescape"), newline="\n")

    reader = csv.reader(lines(), delimiter=delimiter)
    cells: list[list[str]] = []
    numbers: list[int] = []
    while True:
        number = before + reader.line_num
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            problems.append(Problem(number, "broken_row", str(error)))
            continue
        if len(row) > len(header):
            problems.append(Problem(number, "broken_row", f"{len(row)} fields, the header has {len(header)}"))
        elif any("\udc80" <= max(cell, default="") <= "\udcff" for cell in row) and not _is_text("".join(row)):
            problems.append(Problem(number, "invalid_utf8", "a field is not UTF-8; write the file as UTF-8"))
        elif any(row):
            cells.append(row + [""] * (len(header) - len(row)))
            numbers.append(number)
        if len(cells) == ROWS:
            yield Rows(path, tuple(problems), _table(header, cells, numbers))
            cells, numbers = [], []
            problems.clear()
    yield Rows(path, tuple(problems), _table(header, cells, numbers))


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _table(header: Sequence[str], cells: Sequence[Sequence[str]], lines: Sequence[int]) -> pa.Table:
    columns = {
        name: pa.array([row[header.index(name)] for row in cells], pa.string()) for name in COLUMNS if name in header
    }
    return pa.table({"line": pa.array(lines, pa.int64()), **columns})


def json_rows(path: Path) -> Iterator[Rows]:
    for chunk in _chunks(path):
        problems = [chunk.problem] if chunk.problem is not None else []
        data = chunk.data.removeprefix(b"\xef\xbb\xbf") if chunk.line == 1 else chunk.data
        texts: list[Any] = data.split(b"\n")
        try:
            column = pa.array(texts, pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            for number, text in enumerate(texts):
                try:
                    text.decode("utf-8")
                except UnicodeDecodeError as error:
                    message = f"byte {error.start} is not UTF-8: {error.reason}"
                    problems.append(Problem(chunk.line + number, "invalid_utf8", message))
                    texts[number] = None
            column = pa.array(texts, pa.binary()).cast(pa.string())
        lines = pa.array(range(chunk.line, chunk.line + len(texts)), pa.int64())
        yield Rows(path, problems, json=pa.table({"line": lines, "text": column}))
