"""How the notes that failed differ from those that were tagged: whether a run loses one kind of note."""

import math
from collections import Counter
from typing import NamedTuple

from pydantic import Field

from notes.records import Note, Record

_CATEGORIES = 500
"""Counted apart; later ones are counted together."""
_SURE = 3.0
"""Standard errors from which a difference is no chance."""


class Group(Record):
    """Notes that met the same end."""

    notes: int = 0
    characters: float = 0.0
    """Title and content, on average."""
    pictures: float = 0.0
    """Named by the note, on average."""
    with_pictures: int = 0
    """Notes that name one or more."""
    languages: dict[str, int] = Field(default_factory=dict)
    """Notes by ISO 639-1 code."""
    categories: dict[str, int] = Field(default_factory=dict)
    lengths: dict[str, int] = Field(default_factory=dict)
    """Notes by characters of title and content: below 100, 1,000, 10,000, and more."""


class Difference(NamedTuple):
    """A kind of note that fails more often, or less, than others."""

    what: str
    """Such as `language zh`."""
    failed: float
    """Share of the notes that failed, 0 to 1."""
    tagged: float
    """Share of those that were tagged."""

    def __str__(self) -> str:
        return f"{self.what}: {self.failed:.0%} of the failed, {self.tagged:.0%} of the tagged notes"


class Audit(Record):
    """Tagged and failed notes side by side."""

    tagged: Group = Field(default_factory=Group)
    failed: Group = Field(default_factory=Group)

    def differences(self) -> list[Difference]:
        """Kinds of notes whose share differs by more than chance, the greatest difference first."""
        found = []
        for name, failed, tagged in (
            ("language", self.failed.languages, self.tagged.languages),
            ("category", self.failed.categories, self.tagged.categories),
            ("length", self.failed.lengths, self.tagged.lengths),
            ("pictures", {"some": self.failed.with_pictures}, {"some": self.tagged.with_pictures}),
        ):
            for kind in failed.keys() | tagged.keys():
                counts = (failed.get(kind, 0), tagged.get(kind, 0))
                if _differ(counts, (self.failed.notes, self.tagged.notes)):
                    shares = (counts[0] / self.failed.notes, counts[1] / self.tagged.notes)
                    found.append(Difference(f"{name} {kind or 'none'}", *shares))
        return sorted(found, key=lambda one: (-abs(one.failed - one.tagged), one.what))


class Auditor:
    """Counts notes by their end, in bounded memory."""

    def __init__(self) -> None:
        self._groups = {"tagged": _Counts(), "failed": _Counts()}

    def add(self, note: Note, *, failed: bool) -> None:
        """One note."""
        counts = self._groups["failed" if failed else "tagged"]
        length = len(note.title) + len(note.content)
        counts.notes += 1
        counts.characters += length
        counts.pictures += len(note.images)
        counts.with_pictures += bool(note.images)
        counts.languages[note.lang] += 1
        category = note.category[:80]
        known = category in counts.categories or len(counts.categories) < _CATEGORIES
        counts.categories[category if known else "(others)"] += 1
        counts.lengths[next((name for most, name in _LENGTHS if length < most), _LONGEST)] += 1

    def audit(self) -> Audit:
        """As it stands."""
        return Audit(tagged=self._groups["tagged"].group(), failed=self._groups["failed"].group())


_LENGTHS = ((100, "below 100"), (1_000, "below 1,000"), (10_000, "below 10,000"))
_LONGEST = "10,000 and more"


class _Counts:
    def __init__(self) -> None:
        self.notes = 0
        self.characters = 0
        self.pictures = 0
        self.with_pictures = 0
        self.languages: Counter[str] = Counter()
        self.categories: Counter[str] = Counter()
        self.lengths: Counter[str] = Counter()

    def group(self) -> Group:
        return Group(
            notes=self.notes,
            characters=round(self.characters / max(1, self.notes), 1),
            pictures=round(self.pictures / max(1, self.notes), 2),
            with_pictures=self.with_pictures,
            languages=dict(self.languages.most_common()),
            categories=dict(self.categories.most_common()),
            lengths=dict(self.lengths.most_common()),
        )


def _differ(counts: tuple[int, int], notes: tuple[int, int]) -> bool:
    """Whether two shares differ by more than chance."""
    if not all(notes):
        return False
    whole = sum(counts) / sum(notes)
    error = math.sqrt(whole * (1 - whole) * (1 / notes[0] + 1 / notes[1]))
    return error > 0 and abs(counts[0] / notes[0] - counts[1] / notes[1]) > _SURE * error
