"""Notes and traces on their way into a corpus: a database on disk that is gone when it is closed."""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from distill.corpus.records import DropReason
from notes.records import Note, Trace, digest_of

_TABLES = """
CREATE TABLE notes (source INTEGER NOT NULL, id TEXT NOT NULL, note BLOB NOT NULL, PRIMARY KEY (source, id))
    WITHOUT ROWID;
CREATE TABLE traces (
    number INTEGER PRIMARY KEY, run INTEGER NOT NULL, id TEXT, source INTEGER, note_key TEXT, trace BLOB,
    confidence REAL NOT NULL DEFAULT 0, reason TEXT, detail TEXT NOT NULL DEFAULT '', instead TEXT
);
CREATE INDEX by_id ON traces (run, id);
CREATE INDEX by_key ON traces (note_key) WHERE reason IS NULL;
"""
_CANDIDATES = """
SELECT t.number, t.run, t.note_key, t.confidence, n.note, t.trace
FROM traces AS t JOIN notes AS n ON n.source = t.source AND n.id = t.id WHERE t.reason IS NULL
"""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A trace with the note it is of, both read when they are asked for."""

    number: int
    run: int
    key: str
    """Of the note: traces of several runs share it."""
    confidence: float
    """Mean of the tags'."""
    _note: bytes
    _trace: bytes

    @cached_property
    def note(self) -> Note:
        """As it is now."""
        return Note.model_validate_json(zlib.decompress(self._note))

    @cached_property
    def trace(self) -> Trace:
        """Of this note."""
        return Trace.model_validate_json(zlib.decompress(self._trace))


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Why a trace is no candidate any more."""

    number: int
    reason: DropReason
    detail: str = ""
    instead: str | None = None


class CandidateStore:
    """Takes notes, then traces; a trace leaves with its reason, and is never forgotten."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None)  # a file that the system removes
        self._rows.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_TABLES} BEGIN;")

    def add_notes(self, source: int, notes: Iterable[Note]) -> None:
        """Keep the notes of a file; the first with its id counts."""
        rows = ((source, note.id, _packed(note)) for note in notes)
        self._rows.executemany("INSERT INTO notes VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)

    def note(self, source: int, id: str) -> Note | None:
        """A note of a file."""
        found = self._rows.execute("SELECT note FROM notes WHERE source = ? AND id = ?", (source, id)).fetchone()
        return Note.model_validate_json(zlib.decompress(found[0])) if found else None

    def add_trace(self, run: int, trace: Trace, source: int, note: Note) -> int:
        """Keep a trace of a note of a file, and give its number."""
        row = (run, trace.note_id, source, key_of(note), _packed(trace), confidence_of(trace))
        return self._insert("run, id, source, note_key, trace, confidence", row)

    def add_lost(self, run: int, id: str | None, reason: DropReason, detail: str = "") -> int:
        """Keep that a trace was there, and why it is no candidate."""
        return self._insert("run, id, reason, detail", (run, id, reason, detail[:300]))

    def _insert(self, columns: str, values: tuple[object, ...]) -> int:
        marks = ", ".join("?" * len(values))
        number = self._rows.execute(f"INSERT INTO traces ({columns}) VALUES ({marks})", values).lastrowid  # noqa: S608
        assert number is not None
        return number

    def lose(self, losses: Iterable[Loss]) -> int:
        """Take traces out of the candidates; returns how many."""
        rows = [(loss.reason, loss.detail[:300], loss.instead, loss.number) for loss in losses]
        self._rows.executemany(
            "UPDATE traces SET reason = ?, detail = ?, instead = ?, trace = NULL WHERE number = ?", rows
        )
        return len(rows)

    def replace(self, number: int, trace: Trace) -> None:
        """Keep another form of a trace."""
        row = (_packed(trace), confidence_of(trace), number)
        self._rows.execute("UPDATE traces SET trace = ?, confidence = ? WHERE number = ?", row)

    def earlier(self) -> list[Loss]:
        """Traces whose run wrote the same note again later."""
        rows = self._rows.execute(
            "SELECT number FROM traces AS t WHERE reason IS NULL AND EXISTS "
            "(SELECT 1 FROM traces AS o WHERE o.run = t.run AND o.id = t.id AND o.number > t.number "
            "AND o.reason IS NULL)"
        )
        return [Loss(number=number, reason="written_twice") for (number,) in rows.fetchall()]

    def candidates(self) -> Iterator[Candidate]:
        """What is left, by the notes' keys: an order that nothing in the notes or the files decides."""
        for row in self._rows.execute(f"{_CANDIDATES} ORDER BY t.note_key, t.run, t.number"):
            yield Candidate(*row)

    def keys(self) -> list[tuple[int, str, float]]:
        """Number, key and confidence of what is left, in the same order."""
        return self._rows.execute(
            "SELECT number, note_key, confidence FROM traces WHERE reason IS NULL ORDER BY note_key, run, number"
        ).fetchall()

    def shared(self) -> Iterator[list[Candidate]]:
        """The candidates of each note that several traces are of."""
        several = "SELECT note_key FROM traces WHERE reason IS NULL GROUP BY note_key HAVING count(*) > 1 ORDER BY 1"
        for (key,) in self._rows.execute(several).fetchall():
            rows = self._rows.execute(f"{_CANDIDATES} AND t.note_key = ? ORDER BY t.run, t.number", (key,))
            yield [Candidate(*row) for row in rows]

    def lost(self) -> Iterator[tuple[int, str | None, DropReason, str, str | None]]:
        """Run, note id, reason, detail, and what speaks for it, of every trace that is no candidate."""
        yield from self._rows.execute(
            "SELECT run, id, reason, detail, instead FROM traces WHERE reason IS NOT NULL ORDER BY run, id, number"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._rows.close()


def key_of(note: Note) -> str:
    """Names a note by its id and by what the tagger was shown."""
    return digest_of([note.id, note.digest])[:16]


def confidence_of(trace: Trace) -> float:
    """Mean of its tags' confidences."""
    return round(sum(tag.confidence for tag in trace.tags) / len(trace.tags), 6) if trace.tags else 0.0


def _packed(record: Note | Trace) -> bytes:
    return zlib.compress(record.model_dump_json().encode(), 1)
