"""What notes say: one row a note with its hashtags and the phrases of its title, kept for updates as `notes.parquet`."""

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import regex

from handbook.evidence import MAX_TEXT
from notes.language import has_han
from notes.phrases import Source, phrases
from notes.records import Note, Reject
from notes.words import form_key

FILE = "notes.parquet"
MAX_CHARS = 60
"""Of a phrase."""
_MOST_HASHTAGS = 60
_MOST_PHRASES = 40
_AUTHOR = ("author_id", "user_id", "author", "user")
_JUNK = regex.compile(r"[\p{C}\p{So}\p{Extended_Pictographic}#＃]+")
_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("content", pa.string()),
        ("ocr", pa.string()),
        ("attributes", pa.list_(pa.string())),
        ("category", pa.string()),
        ("lang", pa.string()),
        ("author", pa.string()),
        ("moment", pa.int64()),
        ("hashtags", pa.list_(pa.string())),
        ("phrases", pa.list_(pa.string())),
    ]
)


def as_tag(text: str) -> str:
    """A hashtag or a search as a tag: no hashes, no emoji, single spaces; empty where nothing is left to say."""
    plain = " ".join(_JUNK.sub(" ", unicodedata.normalize("NFKC", text)).split()).strip(
        " .,;:!?。，、；：！？'\"“”‘’_-/|"
    )
    if not 1 < len(plain) <= MAX_CHARS or not any(character.isalpha() for character in plain):
        return ""
    return plain if form_key(plain) else ""


def printable(text: str) -> str:
    """`text` without control characters."""
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") else " " for c in text)


def save_notes(rows: Iterable[Note | Reject], folder: Path, *, known: Path | None = None) -> dict[str, int]:
    """Write `notes.parquet`: the notes given, and those of before that are not among them.

    Args:
        rows: Notes in any order; rejects are counted.
        folder: Of the handbook.
        known: `notes.parquet` of before; may be the file that is replaced.

    Returns:
        Counts: `notes`, `rejected_notes`.
    """
    counts = {"notes": 0, "rejected_notes": 0}
    beside = folder / f".{FILE}"
    ids: set[str] = set()
    try:
        with pq.ParquetWriter(beside, _SCHEMA, compression="zstd") as writer:
            for batch in _batches(_rows(rows, ids, counts)):
                writer.write_table(pa.Table.from_pylist(batch, _SCHEMA))
            if known is not None and known.is_file():
                for old in pq.ParquetFile(known).iter_batches(4096):
                    left = [row for row in old.to_pylist() if row["id"] not in ids]
                    writer.write_table(pa.Table.from_pylist(left, _SCHEMA))
                    counts["notes"] += len(left)
        beside.replace(folder / FILE)
    finally:
        beside.unlink(missing_ok=True)
    return counts


def _rows(notes: Iterable[Note | Reject], ids: set[str], counts: dict[str, int]) -> Iterator[dict[str, Any]]:
    for note in notes:
        if isinstance(note, Reject):
            counts["rejected_notes"] += 1
            continue
        counts["notes"] += 1
        ids.add(note.id)
        hashtags = [tag for tag in map(as_tag, note.hashtags[:_MOST_HASHTAGS]) if tag]
        author = next((str(note.extra[name]) for name in _AUTHOR if note.extra.get(name)), "")
        yield {
            "id": note.id,
            "title": note.title[:300],
            "content": note.content[:MAX_TEXT],
            "ocr": note.ocr[:MAX_TEXT],
            "attributes": list(note.image_attributes[:64]),
            "category": note.category.strip(),
            "lang": note.lang,
            "author": author[:256],
            "moment": int(note.created_at.timestamp()) if note.created_at else None,
            "hashtags": list(dict.fromkeys(hashtags)),
            "phrases": _of_title(note),
        }


def _of_title(note: Note) -> list[str]:
    """Phrases of two words or more, and single ones that say something, out of the title."""
    if not note.title.strip():
        return []
    found = []
    for phrase in phrases((Source("title", note.title[:300]),), note.lang, max_words=3):
        tag = as_tag(phrase.text)
        if tag and not phrase.empty_head:
            found.append(tag if has_han(tag) else _lower(tag))
    return found[:_MOST_PHRASES]


def _lower(tag: str) -> str:
    """In lower case, but for words that are written otherwise: headlines capitalise everything."""
    return " ".join(word if word[1:] != word[1:].lower() else word.lower() for word in tag.split())


def _batches(rows: Iterable[dict[str, Any]], size: int = 4096) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
