"""For TRL: prompt and completion as Parquet that `datasets` opens as it is.

With `messages` TRL trains a vision model on every token; with a prompt and a completion on the completion. One shape of
content throughout: lists of parts where the corpus has pictures, strings where it has none. A part has no key `image`,
for TRL would take it for a picture; a column named `text` would be taken for the whole example.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from distill.corpus.records import Example, Message, Shown, Split, View

FOLDER = "trl"
_ROWS = 256
"""In a row group, at most."""
_BYTES = 64 << 20
"""Of pictures in a row group, about."""


class TrlExport:
    """Writes `trl/VIEW/SPLIT-00000.parquet`.

    Args:
        folder: Of the corpus.
        with_pictures: Whether any example has one.
    """

    def __init__(self, folder: Path, *, with_pictures: bool) -> None:
        self._folder = folder
        self._with_pictures = with_pictures
        self._files: dict[tuple[View, Split], _ParquetFile] = {}

    def write(self, example: Example, split: Split) -> None:
        """Write one example."""
        file = self._files.get((example.view, split))
        if file is None:
            path = self._folder / FOLDER / example.view / f"{split}-00000.parquet"
            schema = schema_of(example.view, with_pictures=self._with_pictures)
            file = self._files[example.view, split] = _ParquetFile(path, schema)
        row: dict[str, Any] = {
            "id": example.id,
            "note_id": example.note_id,
            "prompt": [self._message(message) for message in example.prompt],
        }
        answer = "chosen" if example.view == "preference" else "completion"
        if example.answer is not None:
            row[answer] = [self._message(Message("assistant", (example.answer,)))]
        if example.rejected is not None:
            row["rejected"] = [self._message(Message("assistant", (example.rejected,)))]
        size = 0
        if self._with_pictures:
            images = [(name, (self._folder / "images" / name).read_bytes()) for name in example.pictures]
            row["images"] = [{"bytes": data, "path": name} for name, data in images]
            size = sum(len(data) for _, data in images)
        file.write(row, size)

    def _message(self, message: Message) -> dict[str, Any]:
        if not self._with_pictures:
            return {"role": message.role, "content": message.text}
        return {"role": message.role, "content": [_part(part) for part in message.parts]}

    def close(self) -> None:
        """End every file."""
        for file in self._files.values():
            file.close()


class _ParquetFile:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._schema = schema
        # Page indexes and statistics of texts would hold note contents a second time.
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", write_statistics=False)
        self._rows: list[dict[str, Any]] = []
        self._size = 0

    def write(self, row: dict[str, Any], size: int) -> None:
        self._rows.append(row)
        self._size += size
        if len(self._rows) >= _ROWS or self._size >= _BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows, self._size = [], 0

    def close(self) -> None:
        self._flush()
        self._writer.close()


def _part(part: str | Shown) -> dict[str, Any]:
    if isinstance(part, Shown):
        return {"type": "image", "text": None}
    return {"type": "text", "text": part}


def schema_of(view: View, *, with_pictures: bool) -> pa.Schema:
    """The columns of a view, with what `datasets` wants to know of them."""
    text = {"dtype": "string", "_type": "Value"}
    content: Any = text
    stored: pa.DataType = pa.string()
    if with_pictures:
        content = _list_of({"type": text, "text": text})
        stored = pa.list_(pa.struct([("type", pa.string()), ("text", pa.string())]))
    turns = pa.list_(pa.struct([("role", pa.string()), ("content", stored)]))
    answers = {"preference": ("chosen", "rejected"), "prompts": ()}.get(view, ("completion",))
    columns: list[tuple[str, pa.DataType]] = [("id", pa.string()), ("note_id", pa.string())]
    features: dict[str, Any] = {"id": text, "note_id": text}
    for name in ("prompt", *answers):
        columns.append((name, turns))
        features[name] = _list_of({"role": text, "content": content})
    if with_pictures:
        columns.append(("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))))
        features["images"] = _list_of({"_type": "Image"})
    said = json.dumps({"info": {"features": features}}, separators=(",", ":"))
    return pa.schema(columns, metadata={"huggingface": said})


def _list_of(feature: dict[str, Any]) -> dict[str, Any]:
    return {"feature": feature, "_type": "List"}
