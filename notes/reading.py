"""Notes out of rows: tolerant of what sources write, strict about what becomes a note.

A row that is no note comes out as a `Reject` with its line and reason; the order of the file is kept.
"""

import base64
import contextlib
import hashlib
import json
import math
import reprlib
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import regex
from pydantic import ValidationError

from notes.formats import MAX_ROW_BYTES, Row, UnreadableInput, rows
from notes.language import language_of
from notes.pictures import PictureStore
from notes.records import Interaction, Note, Reject, RejectReason

_ALIASES = {"note_id": "id", "image": "images"}
_FIELDS = frozenset(Note.model_fields) - {"extra"}
_TOPIC = regex.compile(r"#([^#\[\]\s][^#\[\]]{0,60})\[话题\]#")
"""How Xiaohongshu exports write a hashtag inside the text."""


class _BadRow(Exception):
    def __init__(self, reason: RejectReason, message: str) -> None:
        super().__init__(message)
        self.reason: RejectReason = reason


def read_notes(
    path: Path | str,
    *,
    split: str | None = None,
    ids: Collection[str] | None = None,
    limit: int | None = None,
    pictures: PictureStore | None = None,
) -> Iterator[Note | Reject]:
    """Read notes, one at a time.

    Args:
        path: JSON lines, CSV or TSV (NoteLLM's header-less form too), Parquet, Arrow, each also `.gz` or `.zst` where
            it is text; or a Hugging Face dataset folder.
        split: Only notes whose `split` column (or whose file's name) says so.
        ids: Only the notes with these ids.
        limit: Stop after this many notes; rejects do not count.
        pictures: Opens the pictures of notes without text, so that a note with nothing to tag is rejected here.
            Without it such notes come out as notes.

    Raises:
        UnreadableInput: the input as a whole cannot be read, or no row is of the split asked for.
    """
    path = Path(path)
    seen: set[int] = set()
    splits: Counter[str] = Counter()
    count = 0
    if limit is not None and limit <= 0:
        return
    for row in rows(path):
        try:
            note = _note(row, pictures)
            of_split = str(note.extra.get("split", ""))
            splits[of_split] += 1
            key = int.from_bytes(hashlib.blake2b(note.id.encode(), digest_size=8).digest())
            if key in seen:
                raise _BadRow("duplicate_id", f"id {note.id!r} occurred before; ids must be unique within a file")
            seen.add(key)
        except _BadRow as problem:
            id = row.value.get("id", row.value.get("note_id")) if row.value else None
            yield Reject(
                source=str(row.source),
                line=row.line,
                reason=problem.reason,
                message=str(problem),
                id=_sound(str(id)[:256]) if isinstance(id, (str, int)) else None,
            )
            continue
        if (split is not None and of_split != split) or (ids is not None and note.id not in ids):
            continue
        yield note
        count += 1
        if count == limit or (ids is not None and count == len(ids)):
            return
    if split is not None and not splits[split]:
        known = ", ".join(sorted(filter(None, splits))) or "none: no row has a column `split`"
        raise UnreadableInput(f"{path.name}: no note of the split {split!r}; splits in the file: {known}")


def _note(row: Row, pictures: PictureStore | None) -> Note:
    if row.reason is not None or row.value is None:
        raise _BadRow(row.reason or "broken_row", row.message)
    value = {name: field for name, field in row.value.items() if isinstance(name, str)}
    for alias, name in _ALIASES.items():
        if alias in value and _is_missing(value.get(name)):
            value[name] = value.pop(alias)
    fields: dict[str, Any] = {"id": _id(value.get("id"))}
    for name in ("title", "content", "lang"):
        fields[name] = _text(value.get(name), name)
    for name in ("ocr", "image_attributes", "hashtags"):
        fields[name] = _texts(value.get(name), name)
    fields["ocr"] = "\n".join(fields["ocr"])
    fields["images"] = _pictures(value.get("images"))
    levels = [level for part in _texts(value.get("category"), "category") for level in part.split("@") if level]
    fields["category"] = levels[0].strip() if levels else ""
    extra = {_sound(name): _json(field) for name, field in value.items() if name not in _FIELDS and field is not None}
    if len(levels) > 1:
        extra["category_path"] = levels
    if row.split is not None:
        extra.setdefault("split", row.split)
    created_at = value.get("created_at")
    fields["created_at"] = _moment(created_at)
    if fields["created_at"] is None and created_at not in (None, ""):
        extra["created_at"] = _json(created_at)
    if "[话题]#" in fields["content"] + fields["title"]:
        found = _TOPIC.findall(fields["title"]) + _TOPIC.findall(fields["content"])
        fields["hashtags"] = tuple(dict.fromkeys((*fields["hashtags"], *(tag.strip() for tag in found))))
        for name in ("title", "content"):
            fields[name] = _TOPIC.sub(" ", fields[name]).strip()
    text = f"{fields['title']} {fields['content']}"
    if not (text.strip() or fields["ocr"].strip() or fields["image_attributes"]):
        _require_a_picture(fields["images"], pictures)
    fields["lang"] = fields["lang"].strip().lower()[:8] or language_of(f"{text} {fields['ocr']}")
    try:
        return Note(**fields, extra=extra)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = "too_large" if first["type"].endswith("too_long") else "wrong_type"
        raise _BadRow(reason, f"{where}: {first['msg']}") from None


def _require_a_picture(refs: tuple[str, ...], pictures: PictureStore | None) -> None:
    if not refs:
        raise _BadRow("nothing_to_tag", "no title, no content, no picture")
    if pictures is None:
        return
    problems = []
    for ref in refs:
        found = pictures.open(ref)
        if found.refused is None:
            return
        problems.append(found.refused.message)
    raise _BadRow("nothing_to_tag", f"no text and no usable picture: {problems[0]}")


def _id(value: object) -> str:
    if isinstance(value, str) and value.strip():
        if len(value.strip()) > 256:
            raise _BadRow("too_large", f"id has {len(value.strip()):,} characters, the limit is 256")
        id = value.strip()
    elif isinstance(value, int) and not isinstance(value, bool):
        id = str(value)
    elif value is None or value == "" or (isinstance(value, str) and not value.strip()):
        raise _BadRow("missing_id", "no `id`; every note needs one, unique within the file")
    else:
        raise _BadRow("wrong_type", f"id must be a string or a whole number, got {type(value).__name__}")
    if not id.isprintable():
        raise _BadRow("wrong_type", f"id {id[:80]!r} holds control characters")
    return id


def _text(value: object, name: str) -> str:
    if _is_missing(value):
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise _BadRow("wrong_type", f"{name} must be a string, got {type(value).__name__}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise _BadRow("invalid_utf8", f"{name} holds lone surrogates, which are no text") from None
    return value.replace("\x00", "")


def _is_missing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _texts(value: object, name: str) -> tuple[str, ...]:
    """A list of strings out of a list, or out of one string (a list in JSON, as CSV cells hold it, is unpacked)."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(value)
    if isinstance(value, (list, tuple)):
        if len(value) > 10_000:
            raise _BadRow("too_large", f"{name} has {len(value):,} entries, the limit is 10,000")
        return tuple(text for item in value if (text := _text(item, name).strip()))
    text = _text(value, name).strip()
    return (text,) if text else ()


def _pictures(value: object) -> tuple[str, ...]:
    """References out of strings, or out of the structs in which datasets carry pictures."""
    items = value if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(item, dict) for item in items):
        refs = []
        for item in items:
            if isinstance(item, dict) and isinstance(item.get("bytes"), bytes):
                refs.append("data:;base64," + base64.b64encode(item["bytes"]).decode())
            elif isinstance(item, dict) and item.get("path"):
                refs.append(_text(item["path"], "images"))
            elif isinstance(item, dict):
                raise _BadRow("wrong_type", "images: a picture must have `bytes` or `path`")
            else:
                refs.extend(_texts(item, "images"))
        return tuple(refs)
    return _texts(value, "images")


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None


def _json(value: object, depth: int = 0) -> Any:
    """`value` as JSON can hold it; what JSON has no form for becomes its text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return _sound(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth < 20 and isinstance(value, (list, tuple)):
        return [_json(item, depth + 1) for item in value]
    if depth < 20 and isinstance(value, dict):
        return {_sound(str(name)): _json(item, depth + 1) for name, item in value.items()}
    return _sound(reprlib.repr(value) if isinstance(value, (list, tuple, dict)) else str(value)[:1000])


def _sound(text: str) -> str:
    """`text` as it can be written: a question mark for every lone surrogate."""
    return text.encode("utf-8", "replace").decode("utf-8")


def read_interactions(path: Path | str) -> Iterator[Interaction | Reject]:
    """Read interactions, one at a time: columns `user_id`, `note_id`, and what else `Interaction` names.

    Raises:
        UnreadableInput: the input as a whole cannot be read.
    """
    wanted = frozenset(Interaction.model_fields)
    for row in rows(Path(path)):
        if row.value is None or row.reason is not None:
            yield Reject(source=str(row.source), line=row.line, reason=row.reason or "broken_row", message=row.message)
            continue
        value = {name: field for name, field in row.value.items() if name in wanted and not _is_missing(field)}
        try:
            for name in ("user_id", "note_id"):
                value[name] = _id(value.get(name))
            value["query"] = _text(value.get("query"), "query")
            yield Interaction(**value)
        except _BadRow as problem:
            yield Reject(source=str(row.source), line=row.line, reason=problem.reason, message=str(problem))
        except ValidationError as error:
            first = error.errors()[0]
            message = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
            yield Reject(source=str(row.source), line=row.line, reason="wrong_type", message=message)


__all__ = ["MAX_ROW_BYTES", "UnreadableInput", "read_interactions", "read_notes"]
