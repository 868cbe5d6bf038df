"""Notes and what became of them, in the notes' order: a database on disk that is gone when it is closed.

Runs write outcomes in the order they are done, files hold notes in theirs, and neither fits into memory.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from notes.records import Failure, Note, Trace

_TABLES = """
CREATE TABLE notes (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, note BLOB);
CREATE TABLE outcomes (place INTEGER PRIMARY KEY, failed INTEGER NOT NULL, outcome BLOB NOT NULL);
CREATE TABLE tags (run INTEGER NOT NULL, tag TEXT NOT NULL, interest TEXT NOT NULL);
"""


@dataclass(frozen=True, kw_only=True)
class Joined:
    """A note with what became of it."""

    place: int
    """In the notes' order, from 1; notes that could not be read again come last."""
    note: Note
    """Where it could not be read again: its id alone, and the category that the run saw."""
    known: bool
    """Whether it could be read again."""
    outcomes: tuple[Trace | Failure | None, ...]
    """Of each run; None: the run has nothing of this note."""
    same_text: tuple[bool, ...]
    """Of each run: whether it read the note as it is now."""


class Store:
    """Takes notes, then outcomes; gives both back together.

    Args:
        runs: 1 or 2.
    """

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self._rows = sqlite3.connect("", isolation_level=None)  # a file that the system removes
        self._rows.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_TABLES} BEGIN;")

    def add_note(self, note: Note) -> None:
        """Keep a note; the first with its id counts."""
        self._rows.execute(
            "INSERT INTO notes (id, note) VALUES (?, ?) ON CONFLICT DO NOTHING", (note.id, _packed(note))
        )

    def add_outcome(self, run: int, outcome: Trace | Failure) -> bool:
        """Keep what became of a note: the last trace, a failure only where there is no trace.

        Returns:
            Whether it is the first of its note in this run.
        """
        self._rows.execute("INSERT INTO notes (id) VALUES (?) ON CONFLICT DO NOTHING", (outcome.note_id,))
        (place,) = self._rows.execute("SELECT place FROM notes WHERE id = ?", (outcome.note_id,)).fetchone()
        key = place * self.runs + run
        failed = isinstance(outcome, Failure)
        before = self._rows.execute("SELECT failed FROM outcomes WHERE place = ?", (key,)).fetchone()
        if before is None or not failed or before[0]:
            row = (key, failed, _packed(outcome))
            self._rows.execute("INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?)", row)
        return before is None

    def add_tags(self, run: int, trace: Trace) -> None:
        """Count the tags of a trace."""
        rows = ((run, tag.tag, tag.interest or "") for tag in trace.tags)
        self._rows.executemany("INSERT INTO tags VALUES (?, ?, ?)", rows)

    def __len__(self) -> int:
        (count,) = self._rows.execute(
            f"SELECT count(DISTINCT place / {self.runs}) FROM outcomes"  # noqa: S608 - a number of our own
        ).fetchone()
        return count

    def joined(self) -> Iterator[Joined]:
        """All notes that something became of, in order."""
        places = self._rows.execute(
            f"SELECT DISTINCT place / {self.runs} AS place FROM outcomes ORDER BY place"  # noqa: S608
        )
        for (place,) in places:
            yield self.at(place)

    def at(self, place: int) -> Joined:
        """The note at this place."""
        id, packed = self._rows.execute("SELECT id, note FROM notes WHERE place = ?", (place,)).fetchone()
        first = place * self.runs
        rows = self._rows.execute(
            "SELECT place, failed, outcome FROM outcomes WHERE place BETWEEN ? AND ?", (first, first + self.runs - 1)
        )
        found = {key - first: (Failure if failed else Trace, outcome) for key, failed, outcome in rows}
        outcomes = tuple(
            found[run][0].model_validate_json(zlib.decompress(found[run][1])) if run in found else None
            for run in range(self.runs)
        )
        if packed is not None:
            note = Note.model_validate_json(zlib.decompress(packed))
        else:
            note = Note(id=id, category=next((o.category for o in outcomes if isinstance(o, Trace)), ""))
        same = tuple(packed is not None and _same(note, outcome) for outcome in outcomes)
        return Joined(place=place, note=note, known=packed is not None, outcomes=outcomes, same_text=same)

    def distinct_tags(self, run: int) -> tuple[int, int]:
        """How many different tags there are, and how many of them occur once."""
        row = self._rows.execute(
            "SELECT count(*), coalesce(sum(n = 1), 0) FROM (SELECT count(*) AS n FROM tags WHERE run = ? GROUP BY tag)",
            (run,),
        ).fetchone()
        return row[0], row[1]

    def top_tags(self, run: int, most: int) -> list[tuple[str, int]]:
        """The most frequent tags with their counts."""
        rows = self._rows.execute(
            "SELECT tag, count(*) AS n FROM tags WHERE run = ? GROUP BY tag ORDER BY n DESC, tag LIMIT ?", (run, most)
        )
        return rows.fetchall()

    def top_tags_of(self, run: int, interests: Iterable[str], most: int) -> dict[str, list[tuple[str, int]]]:
        """Of each of these interests the most frequent tags with their counts."""
        wanted = list(interests)
        found: dict[str, list[tuple[str, int]]] = {interest: [] for interest in wanted}
        rows = self._rows.execute(
            "SELECT interest, tag, count(*) AS n FROM tags WHERE run = ? GROUP BY interest, tag ORDER BY n DESC, tag",
            (run,),
        )
        for interest, tag, count in rows:
            if interest in found and len(found[interest]) < most:
                found[interest].append((tag, count))
        return found

    def moved_tags(self, most: int) -> list[tuple[str, int, int]]:
        """Tags whose count differs most between two runs: tag, count in the first, count in the second."""
        rows = self._rows.execute(
            "SELECT tag, sum(run = 0) AS a, sum(run = 1) AS b FROM tags GROUP BY tag HAVING a <> b "
            "ORDER BY abs(a - b) DESC, tag LIMIT ?",
            (most,),
        )
        return rows.fetchall()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._rows.close()


def _same(note: Note, outcome: Trace | Failure | None) -> bool:
    return outcome is not None and outcome.note_digest in ("", note.digest)


def _packed(record: Note | Trace | Failure) -> bytes:
    return zlib.compress(record.model_dump_json().encode(), 1)
