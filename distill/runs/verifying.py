"""Whether a run's folder holds what it says: every line sound, every note accounted for, none twice."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import orjson

from distill.runs.description import NotesSource, RunError
from distill.runs.lines import Damage, Line, lines
from distill.runs.reading import FAILURES, REJECTS, parts, read_description, read_summary
from distill.runs.summary import RunSummary
from notes.reading import UnreadableInput, read_notes
from notes.records import Note, Record, Reject

_NAMED = 1000
"""Ids that are named of each kind of trouble."""


class Verification(Record):
    """What was found."""

    read: int | None = None
    """Rows of the notes, read again; None: the run does not say where they are."""
    tagged: int = 0
    failed: int = 0
    rejected: int = 0
    duplicate: int = 0
    is_finished: bool = False
    """Whether the run wrote its summary."""
    damaged: tuple[str, ...] = ()
    """Lines that are torn off or have changed; their notes are done again when the run goes on."""
    twice: tuple[str, ...] = ()
    """Ids with more than one trace."""
    missing: tuple[str, ...] = ()
    """Ids of notes that are neither tagged nor failed."""
    unknown: tuple[str, ...] = ()
    """Ids on the disk that no note has."""
    changed: tuple[str, ...] = ()
    """Ids of notes whose text or pictures were others when they were tagged."""
    problems: tuple[str, ...] = ()
    """What else does not fit."""

    @property
    def holds(self) -> bool:
        """Whether everything fits, and the run has finished."""
        wrong = (self.damaged, self.twice, self.missing, self.unknown, self.changed, self.problems)
        return self.is_finished and not any(wrong)


class _Found:
    """What lies in the folder: digests of ids, not ids, as there may be millions."""

    def __init__(self) -> None:
        self.damaged: list[str] = []
        self.twice: list[str] = []
        self.tagged: dict[bytes, bytes] = {}
        self.failed: set[bytes] = set()
        self.rejected: set[bytes] = set()
        """Rows, by their place."""
        self.rejected_ids: set[bytes] = set()
        self.duplicate = 0

    def damage(self, damage: Damage) -> None:
        self.damaged.append(str(damage))


def verify(folder: Path | str, *, progress: Callable[[int], None] | None = None) -> Verification:
    """Check a run, finished or not; the notes are read again from where `run.json` says they are.

    Args:
        folder: Of the run.
        progress: Told of every thousand lines and rows.

    Raises:
        RunError: there is no run.
    """
    folder = Path(folder)
    description = read_description(folder)
    told = progress or (lambda _: None)
    found = _read(folder, told)
    problems: list[str] = []
    counts = _counts(found)
    summary = None
    try:
        summary = read_summary(folder)
    except RunError as error:
        problems.append(str(error))
    if summary is not None:
        problems.extend(_against(summary, counts))
    compared = _Compared()
    if description.notes.path is not None:
        try:
            _compare(description.notes, found, compared, told)
        except UnreadableInput as error:
            problems.append(f"the notes cannot be read again: {error}")
        else:
            compared.unknown.extend(_unknown(folder, compared.seen))
            if summary is not None and summary.read != compared.read:
                problems.append(f"summary.json: {summary.read:,} rows read; the notes have {compared.read:,} now")
    return Verification(
        read=compared.read if description.notes.path is not None else None,
        **counts,
        is_finished=summary is not None,
        damaged=tuple(found.damaged[:_NAMED]),
        twice=tuple(found.twice[:_NAMED]),
        missing=tuple(compared.missing[:_NAMED]),
        unknown=tuple(compared.unknown[:_NAMED]),
        changed=tuple(compared.changed[:_NAMED]),
        problems=tuple(problems),
    )


class _Compared:
    def __init__(self) -> None:
        self.read = 0
        self.seen: set[bytes] = set()
        self.missing: list[str] = []
        self.unknown: list[str] = []
        self.changed: list[str] = []


def _read(folder: Path, told: Callable[[int], None]) -> _Found:
    found = _Found()
    for part in parts(folder):
        for line in lines(part, found.damage):
            if line.number % 1000 == 0:
                told(1000)
            value = _value(part, line, found)
            if value is None:
                continue
            key = _digest(value["note_id"])
            if key in found.tagged:
                found.twice.append(value["note_id"])
            found.tagged[key] = _digest(value["note_digest"])
    file = folder / FAILURES
    for line in lines(file, found.damage):
        value = _value(file, line, found)
        if value is not None:
            found.failed.add(_digest(value["note_id"]))
    found.failed -= found.tagged.keys()
    for line in lines(folder / REJECTS, found.damage):
        reject = Reject.model_validate_json(line.record)
        if reject.reason == "duplicate_id":
            found.duplicate += 1
        else:
            found.rejected.add(_place(reject))
            found.rejected_ids.add(_digest(reject.id or ""))
    return found


def _value(file: Path, line: Line, found: _Found) -> dict[str, str] | None:
    try:
        return orjson.loads(line.record)
    except orjson.JSONDecodeError:
        found.damaged.append(f"{file}:{line.number} is no JSON, though its checksum fits")
        return None


def _counts(found: _Found) -> dict[str, int]:
    return {
        "tagged": len(found.tagged),
        "failed": len(found.failed),
        "rejected": len(found.rejected),
        "duplicate": found.duplicate,
    }


def _against(summary: RunSummary, counts: dict[str, int]) -> list[str]:
    """Where the summary says something else than the lines."""
    problems = [
        f"summary.json: {said:,} {name}; on the disk are {counts[name]:,}"
        for name in counts
        if (said := getattr(summary, name)) != counts[name]
    ]
    if not summary.accounted:
        parts_ = f"{summary.tagged} + {summary.failed} + {summary.rejected} + {summary.duplicate}"
        problems.append(
            f"summary.json: read is {summary.read:,}, not tagged + failed + rejected + duplicate = {parts_}"
        )
    return problems


def _compare(source: NotesSource, found: _Found, compared: _Compared, told: Callable[[int], None]) -> None:
    """Read the notes again.

    Raises:
        UnreadableInput: they cannot be read.
    """
    assert source.path is not None
    count = 0
    # No limit and no pictures: a note that was rejected for its pictures comes out as a note, and does not count.
    for number, row in enumerate(read_notes(source.path, split=source.split, ids=set(source.ids) or None), 1):
        if number % 1000 == 0:
            told(1000)
        compared.read += 1
        if not isinstance(row, Note):
            continue
        key = _digest(row.id)
        compared.seen.add(key)
        if key in found.tagged:
            if found.tagged[key] != _digest(row.digest):
                compared.changed.append(row.id)
        elif key in found.rejected_ids:
            continue
        elif key not in found.failed:
            compared.missing.append(row.id)
        count += 1
        if count == source.limit:
            break


def _unknown(folder: Path, seen: set[bytes]) -> list[str]:
    """Ids on the disk that no note has."""
    unknown: list[str] = []
    for file in (*parts(folder), folder / FAILURES):
        for line in lines(file, lambda _: None):
            id = orjson.loads(line.record)["note_id"]
            if _digest(id) not in seen:
                unknown.append(id)
    return list(dict.fromkeys(unknown))


def _place(reject: Reject) -> bytes:
    return _digest(f"{reject.line}\0{reject.source}")


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
