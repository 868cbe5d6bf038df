"""In which order notes are asked about: those of one category together, as servers keep what they read last."""

from collections.abc import Iterable, Iterator

from notes.records import Note, Reject

_BYTES = 64 << 20
"""Of text and pictures in a window, whatever its length."""


def by_category(rows: Iterable[Note | Reject | None], window: int) -> Iterator[Note | Reject | None]:
    """Rows with the notes of each `window` sorted by category; what is no note passes at once.

    A server keeps the prefixes it has read; the handbook's page of a category is part of one (`docs/teacher.md`).

    Args:
        rows: Of any length: one window is in memory.
        window: Notes; below 2: the order stays.
    """
    if window < 2:
        yield from rows
        return
    held: list[Note] = []
    size = 0
    for row in rows:
        if not isinstance(row, Note):
            yield row
            continue
        held.append(row)
        size += len(row.title) + len(row.content) + len(row.ocr) + sum(map(len, row.images))
        if len(held) >= window or size >= _BYTES:
            yield from _sorted(held)
            held, size = [], 0
    yield from _sorted(held)


def _sorted(notes: list[Note]) -> list[Note]:
    return sorted(notes, key=lambda note: (note.category, note.category_levels))
