"""Interactions out of Parquet and Arrow files."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handbook.mine.engine import first_line
from handbook.mine.rows import COLUMNS, NUMBERS, ROWS, Problem, Rows, require
from notes.formats import UnreadableInput


def columnar_rows(path: Path, suffix: str) -> Iterator[Rows]:
    done = 0
    try:
        for batch in _parquet(path) if suffix == ".parquet" else _arrow(path):
            sound, problems = [], []
            for part, start in _sound(batch, done + 1):
                if part is None:
                    problems.append(Problem(start, "broken_row", "the row's values cannot be read"))
                else:
                    lines = pa.array(range(start, start + part.num_rows), pa.int64())
                    sound.append(pa.table({"line": lines, **_columns(path, part)}))
            done += batch.num_rows
            yield Rows(path, problems, pa.concat_tables(sound) if sound else None)
    except (OSError, ValueError, pa.ArrowException) as error:
        if isinstance(error, UnreadableInput):
            raise
        if not done:
            raise UnreadableInput(f"{path.name}: {first_line(error)}") from None
        message = f"the file cannot be read on from here: {first_line(error)}"
        yield Rows(path, (Problem(done + 1, "broken_row", message),))


def _parquet(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        names = _named(path, file.schema_arrow)
        yield from file.iter_batches(batch_size=ROWS, columns=list(names.values()))


def _arrow(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_stream(source)
        names = list(_named(path, reader.schema).values())
        for batch in reader:
            yield batch.select(names)


def _named(path: Path, schema: pa.Schema) -> dict[str, str]:
    """The columns that are wanted, as the file writes them."""
    found: dict[str, str] = {}
    for name in schema.names:
        if name.strip().lower() in COLUMNS:
            found.setdefault(name.strip().lower(), name)
    require(path, list(found) if len(found) >= 2 else schema.names)
    return found


def _sound(batch: pa.RecordBatch, start: int) -> Iterator[tuple[pa.RecordBatch | None, int]]:
    """The parts of a batch that are what they say, each with its first row; None for a row that is not."""
    try:
        batch.validate(full=True)  # offsets that lie would be followed out of the file
    except ValueError:
        if batch.num_rows <= 1:
            yield None, start
            return
        half = batch.num_rows // 2
        yield from _sound(batch.slice(0, half), start)
        yield from _sound(batch.slice(half), start + half)
    else:
        yield batch, start


def _columns(path: Path, batch: pa.RecordBatch) -> dict[str, pa.Array]:
    found = {}
    for name, written in _named(path, batch.schema).items():
        column = batch.column(written)
        if isinstance(column.type, pa.DictionaryType):
            column = column.dictionary_decode()
        kind = column.type
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        if text or (name not in NUMBERS and pa.types.is_integer(kind)):
            found[name] = column.cast(pa.string())
        elif name == "timestamp" and pa.types.is_temporal(kind):
            moments = column.cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.int64()).cast(pa.float64())
            found[name] = pc.divide(moments, 1000.0)  # pyright: ignore[reportAttributeAccessIssue]
        elif name in NUMBERS and number:
            numbers = column.cast(pa.float64(), safe=False)
            absent = pc.is_nan(numbers)  # pyright: ignore[reportAttributeAccessIssue]
            found[name] = pc.if_else(absent, None, numbers)  # pyright: ignore[reportAttributeAccessIssue]
        else:
            wanted = "numbers" if name in NUMBERS else "text or whole numbers"
            raise UnreadableInput(f"{path.name}: column {written} holds {kind}; write it as {wanted}")
    return found
