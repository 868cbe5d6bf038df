"""The notes a handbook rests on, in a Parquet file: what notes are compared with, and the matcher learns from."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from notes.records import Record

FILE = "evidence.parquet"
MAX_TEXT = 2000
"""Characters of content that are kept: the start of a note says what it is about."""


class EvidenceNote(Record):
    """A note that was posted, with what it is known by."""

    id: str
    title: str = ""
    content: str = ""
    ocr: str = ""
    attributes: tuple[str, ...] = ()
    """Words for what its pictures show, and the levels of its category where it has several."""
    category: str = ""
    """Id in the handbook; proposed where the note had none."""
    given_category: str = ""
    """As the note itself has it; empty: it had none. What is learned from may not know more than a new note says."""
    lang: str = ""
    tags: tuple[str, ...] = ()
    """Phrases people found, wrote or searched it by, in the handbook's spelling."""
    weight: float = Field(default=0.0, ge=0)
    """Decayed weight of the acts on it."""


_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("content", pa.string()),
        ("ocr", pa.string()),
        ("attributes", pa.list_(pa.string())),
        ("category", pa.string()),
        ("given_category", pa.string()),
        ("lang", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("weight", pa.float64()),
    ]
)


def write_evidence(folder: Path, notes: Iterable[EvidenceNote]) -> int:
    """Write the evidence notes of the handbook in `folder`, in the order given; returns how many.

    The same notes give the same bytes.
    """
    count = 0
    with pq.ParquetWriter(folder / FILE, _SCHEMA, compression="zstd") as writer:
        batch: list[dict[str, Any]] = []
        for note in notes:
            batch.append(note.model_dump())
            if len(batch) == 4096:
                writer.write_table(pa.Table.from_pylist(batch, _SCHEMA))
                count, batch = count + len(batch), []
        writer.write_table(pa.Table.from_pylist(batch, _SCHEMA))
    return count + len(batch)


def read_evidence(folder: Path) -> Sequence[EvidenceNote]:
    """The evidence notes of the handbook in `folder`; none where it has no such file (a handbook written by hand).

    Raises:
        pyarrow.ArrowInvalid: the file is no Parquet file, or not with these columns.
    """
    path = folder / FILE
    if not path.is_file():
        return ()
    return [EvidenceNote(**row) for row in pq.read_table(path, schema=_SCHEMA).to_pylist()]
