"""The tags a note can be given: what the handbook's interests carry, one entry for all spellings of one phrase."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import regex
from numpy.typing import NDArray

from handbook.matching.texts import FIELDS, Codes, Reading, codes_of, parts_of
from handbook.records import Handbook
from notes.language import has_han
from notes.records import digest_of
from notes.words import form_key, normalised, zipf

MAX_WORDS = 6
"""Words of a tag that are looked for in a note."""
_LONGEST = 5
"""Words, joined, that are looked up as one phrase."""
_RUN = regex.compile(r"\p{Han}+")

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]


def key_of(tag: str) -> str:
    """The same for all spellings of a tag; never empty for a tag that is not."""
    return form_key(tag) or normalised(tag)


class Occurrence(NamedTuple):
    """Where a tag stands in a note, word by word."""

    counts: list[int]
    """Times in each of `FIELDS`."""
    first: float
    """Where in its text it stands first, 0 to 1; of the title if it stands there."""


@dataclass(frozen=True)
class Vocabulary:
    """`n` tags, in the order of their keys."""

    tags: tuple[str, ...]
    """As mostly written."""
    keys: tuple[str, ...]
    interests: tuple[str, ...]
    """Id of the interest that carries it most."""
    counts: Ints
    """Notes that carried it, as the handbook says, shape (n,)."""
    number: dict[str, int] = field(repr=False)
    """Of a tag by its key."""

    @classmethod
    def of(cls, handbook: Handbook) -> "Vocabulary":
        """The tags of the handbook's interests that are not retired."""
        counts: dict[str, int] = {}
        spellings: dict[str, dict[str, int]] = {}
        carriers: dict[str, dict[str, int]] = {}
        for interest in handbook.active:
            for tag, count in interest.tags.items():
                key = key_of(tag)
                if not key:
                    continue
                counts[key] = counts.get(key, 0) + count
                written = spellings.setdefault(key, {})
                written[tag] = written.get(tag, 0) + count
                carrier = carriers.setdefault(key, {})
                carrier[interest.id] = carrier.get(interest.id, 0) + count
        keys = tuple(sorted(counts))
        return cls(
            tags=tuple(_most(spellings[key]) for key in keys),
            keys=keys,
            interests=tuple(_most(carriers[key]) for key in keys),
            counts=np.array([counts[key] for key in keys], dtype=np.int32),
            number={key: number for number, key in enumerate(keys)},
        )

    def __len__(self) -> int:
        return len(self.tags)

    @cached_property
    def digest(self) -> str:
        """Changes when a tag, its interest or its count does."""
        return digest_of([self.tags, self.interests, self.counts.tolist()])

    @cached_property
    def words(self) -> tuple[Codes, Ints]:
        """Codes of all words of tags, ascending; for every tag the rows of its own, shape (n, MAX_WORDS), -1 beyond."""
        codes = [tuple(dict.fromkeys(code for part in _parts(tag) for code in codes_of(part))) for tag in self.tags]
        known = np.array(sorted({code for found in codes for code in found[:MAX_WORDS]}), dtype=np.uint32)
        row = {int(code): number for number, code in enumerate(known)}
        rows = np.full((len(self), MAX_WORDS), -1, dtype=np.int32)
        for number, found in enumerate(codes):
            for place, code in enumerate(found[:MAX_WORDS]):
                rows[number, place] = row[code]
        return known, rows

    @cached_property
    def shapes(self) -> Floats:
        """What can be told of each tag by itself, one row a tag: see `shape_of`."""
        return np.array([shape_of(tag) for tag in self.tags], dtype=np.float32).reshape(len(self), len(SHAPE))

    @cached_property
    def _han_lengths(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, set[int]] = {}
        for key in self.keys:
            if has_han(key[0]):
                found.setdefault(key[0], set()).add(len(key))
        return {first: tuple(sorted(lengths)) for first, lengths in found.items()}

    @cached_property
    def _starts(self) -> frozenset[str]:
        """First letters of keys, three at most."""
        return frozenset(key[:3] for key in self.keys)

    def present(self, reading: Reading) -> dict[int, Occurrence]:
        """Tags that stand in the note as they are, whatever their case, plural, hyphens and spaces."""
        found: dict[int, Occurrence] = {}
        for place, parts in enumerate(reading.parts):
            for key, share in self._phrases(parts):
                number = self.number[key]
                known = found.get(number)
                if known is None:
                    known = found[number] = Occurrence([0] * len(FIELDS), share if place else 0.0)
                known.counts[place] += 1
        return found

    def _phrases(self, parts: Sequence[str]) -> Iterator[tuple[str, float]]:
        total = max(1, len(parts))
        number, starts = self.number, self._starts
        for first, part in enumerate(parts):
            if has_han(part):
                for match in _RUN.finditer(part):
                    yield from ((key, first / total) for key in self._in_run(match.group()))
            if not (part[:3] in starts or len(part) < 3):
                continue
            joined = ""
            for word in parts[first : first + _LONGEST]:
                joined += word
                if joined in number and not (joined == part and has_han(part)):
                    yield joined, first / total

    def _in_run(self, run: str) -> Iterator[str]:
        for start, character in enumerate(run):
            for length in self._han_lengths.get(character, ()):
                key = run[start : start + length]
                if len(key) == length and key in self.number:
                    yield key


SHAPE = ("words", "letters", "rarity", "commonness", "han", "digits")


def shape_of(tag: str) -> tuple[float, ...]:
    """Words, letters, Zipf frequency of its rarest and of its commonest word, whether it is Chinese or has digits."""
    plain = normalised(tag)
    chinese = has_han(plain)
    known = [zipf(word, "zh" if chinese else "en") for word in plain.split()] or [0.0]
    digits = any(character.isdigit() for character in plain)
    return (float(len(known)), float(len(plain)), min(known), max(known), float(chinese), float(digits))


def _parts(tag: str) -> list[str]:
    return parts_of(normalised(tag))


def _most(counts: dict[str, int]) -> str:
    return min(counts, key=lambda name: (-counts[name], name))


def carried(vocabulary: Vocabulary, tags: Iterable[str]) -> list[int]:
    """Numbers of the tags that the vocabulary knows, ascending, each once."""
    numbers = {vocabulary.number.get(key_of(tag), -1) for tag in tags}
    return sorted(numbers - {-1})
