"""A note made ready to be compared, and the pairs of notes and tags that are weighed."""

import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from handbook.matching.memory import KINDS, Floats, Ints
from handbook.matching.texts import FIELDS, NoteText, Reading
from handbook.matching.vocabulary import SHAPE, Occurrence, Vocabulary, key_of
from notes.language import language_of
from notes.phrases import Phrase, Source, phrases

VOTES = ("soft", "sharp", "best")
"""How neighbours vote: weighted by nearness, by nearness sharpened, by the nearest alone."""
COLUMNS = (
    *(f"{kind}_{what}" for kind in KINDS for what in (*VOTES, "centre")),
    "votes",
    "relative",
    "place",
    "name",
    "aimed",
    "aimed_share",
    "aimed_name",
    "aimed_notes",
    "share",
    "title_share",
    "ocr_share",
    "attributes_share",
    *(f"{field}_times" for field in FIELDS),
    "first",
    "joined",
    "known",
    "support",
    "count",
    "said",
    "meant",
    "category",
    "category_lift",
    "is_category",
    "rarest",
    "commonest",
    *SHAPE,
    "empty_head",
    "length",
    "nearest",
    "density",
    "chinese",
)
"""What is known of a pair."""

_LOOKED_AT = 2000
"""Characters of each text that phrases are found in."""


class Own(NamedTuple):
    """Phrases of a note."""

    phrases: list[Phrase]
    keys: list[str]


@dataclass(frozen=True)
class Read:
    """A note, ready to be compared."""

    text: NoteText
    reading: Reading
    present: dict[int, Occurrence]
    """Tags of the handbook that stand in it."""
    own: Own
    lang: str

    @property
    def category(self) -> str:
        """As compared."""
        return self.text.category.strip().casefold()


class Candidates(NamedTuple):
    """Pairs of a note and a tag, note by note, those of the handbook first."""

    row: Ints
    """Of the note in its batch, shape (p,)."""
    tag: Ints
    """Of the handbook; -1 for a phrase."""
    phrase: Ints
    """Place among the note's phrases; -1 for a tag of the handbook."""
    features: Floats
    """Shape (p, len(COLUMNS))."""


def by_note(batches: list[Candidates]) -> Candidates:
    """The pairs of all `batches` in one, ordered by note, each note's in their order.

    Takes them out of the list one by one, so that there is never room for more than two of everything.
    """
    rows = np.concatenate([batch.row for batch in batches])
    place = np.empty(len(rows), dtype=np.intp)
    place[np.argsort(rows, kind="stable")] = np.arange(len(rows))
    columns: list[Any] = [np.empty((len(rows), *column.shape[1:]), dtype=column.dtype) for column in batches[0]]
    last = len(rows)
    while batches:
        batch = batches.pop()
        first = last - len(batch.row)
        for to, part in zip(columns, batch, strict=True):
            to[place[first:last]] = part
        last = first
    return Candidates(*columns)


def prepare(text: NoteText, reading: Reading, vocabulary: Vocabulary) -> Read:
    """Find the phrases and the tags that stand in a note."""
    lang = text.lang or language_of(f"{text.title}\n{text.content}\n{text.ocr}")
    raw = (("title", text.title), ("content", text.content), ("ocr", text.ocr))
    found = phrases([Source(name, part[:_LOOKED_AT]) for name, part in raw if part.strip()], lang)
    return Read(text, reading, vocabulary.present(reading), Own(found, [key_of(p.text) for p in found]), lang)


def code_of(key: str) -> int:
    """Number of a phrase's key."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass"))
