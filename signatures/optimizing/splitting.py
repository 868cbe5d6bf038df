"""Which notes are for learning, which for choosing, which for measuring."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from notes.records import Note, digest_of

LEAST = 6
"""Notes that a split takes."""


@dataclass(frozen=True)
class Split:
    """Notes in three parts; no note, and no text, is in two of them."""

    train: tuple[Note, ...]
    """Demos and proposals come from these."""
    validation: tuple[Note, ...]
    """Candidates are chosen by these."""
    held_out: tuple[Note, ...]
    """Seen only before and after."""

    @property
    def fingerprint(self) -> str:
        """Changes when a note of a part, or its gold, changes."""
        parts = (self.train, self.validation, self.held_out)
        return digest_of([[(note.id, note.digest, note.hashtags) for note in part] for part in parts])


def split_notes(notes: Sequence[Note], *, seed: int = 0) -> Split:
    """Split notes by themselves, not by their place: a third for each part, the rest to the held-out one.

    Which part a note goes to depends on its text and the seed alone. Of notes with the same text the first one stays.

    Args:
        notes: In any order.
        seed: Another one, another split.

    Raises:
        ValueError: fewer than `LEAST` notes differ.
    """
    by_text: dict[str, Note] = {}
    for note in notes:
        by_text.setdefault(" ".join(note.text.split()).casefold() or note.digest, note)
    order = sorted(by_text, key=lambda text: hashlib.sha256(f"{seed}\n{text}".encode("utf-8", "replace")).digest())
    if len(order) < LEAST:
        raise ValueError(f"{len(order)} different notes cannot be split in three; at least {LEAST} are needed")
    third = len(order) // 3
    chosen = [by_text[text] for text in order]
    return Split(tuple(chosen[:third]), tuple(chosen[third : 2 * third]), tuple(chosen[2 * third :]))
