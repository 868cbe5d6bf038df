"""A note's texts as the matcher reads them: words in their stems, phrases as keys, runs of characters as numbers."""

import functools
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import regex
from numpy.typing import NDArray

from notes.language import has_han
from notes.words import STOPWORDS, base_form, normalised, tokens

MAX_CHARS = 2000
"""Of each text: as much as the evidence notes keep."""
FIELDS = ("title", "content", "ocr", "attributes")
_WEIGHTS = (3.0, 1.0, 1.0, 0.5)
"""How often a word of each field counts."""
_PART = regex.compile(r"\p{Han}+|[^\p{Han}\-'’/&.]+")
_HAN = regex.compile(r"\p{Han}")

Codes = NDArray[np.uint32]


class NoteText(NamedTuple):
    """What the matcher is shown of a note."""

    title: str = ""
    content: str = ""
    ocr: str = ""
    """Text read in its pictures."""
    attributes: tuple[str, ...] = ()
    """Words for what its pictures show."""
    category: str = ""
    lang: str = ""
    """ISO 639-1 code; empty: found from the text."""

    @property
    def text(self) -> str:
        """Title and content, a line apart."""
        return f"{self.title}\n{self.content}" if self.title and self.content else self.title or self.content


class Weighted(NamedTuple):
    """A sparse vector."""

    codes: Codes
    """What occurs, ascending, shape (n,)."""
    counts: NDArray[np.float32]
    """How often, fields weighted, shape (n,)."""


class Reading(NamedTuple):
    """A note, read."""

    parts: tuple[list[str], ...]
    """Words in base form and runs of Han characters, in the order of each of `FIELDS`."""
    words: Weighted
    """Stems without stopwords; Chinese as pairs of characters."""
    grams: Weighted
    """Runs of 3 to 5 characters, in Chinese of 1 to 3."""
    length: int
    """Characters of title and content."""


def read(note: NoteText) -> Reading:
    """A note's words and runs of characters."""
    texts = (note.title, note.content, note.ocr, " ".join(note.attributes))
    plain = [normalised(text[:MAX_CHARS]) for text in texts]
    parts = tuple(map(parts_of, plain))
    counts: Counter[int] = Counter()
    for words, weight in zip(parts, _WEIGHTS, strict=True):
        for word in words:
            for code in codes_of(word):
                counts[code] += weight  # pyright: ignore[reportArgumentType]
    ordered = sorted(counts.items())
    words = Weighted(
        np.array([code for code, _ in ordered], dtype=np.uint32),
        np.array([count for _, count in ordered], dtype=np.float32),
    )
    return Reading(parts, words, _grams(plain), len(plain[0]) + len(plain[1]))


def parts_of(plain: str) -> list[str]:
    """Base forms of the words of a normalised text, hyphenated ones apart, runs of Han characters whole."""
    found: list[str] = []
    for token in tokens(plain):
        if token.isalnum() and token.isascii():
            found.append(base_form(token))
        else:
            found.extend(base_form(part) for part in _PART.findall(token))
    return found


@functools.lru_cache(maxsize=65536)
def codes_of(part: str) -> tuple[int, ...]:
    """Numbers of a word's stem or of the pairs of characters of a Han run; none for a stopword."""
    if has_han(part):
        pairs = [part[i : i + 2] for i in range(len(part) - 1)] or [part]
        return tuple(zlib.crc32(pair.encode()) for pair in pairs)
    return () if part in STOPWORDS else (zlib.crc32(stem(part).encode()),)


_ENDINGS = (
    "ization isation ational ibility ability fulness ousness iveness ations ation ingly ments ment ness able ible ings "
    "ing ers ies ied ion ive ity ism ist est ed er ly al ic es e y s"
).split()


@functools.lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A word without its endings, at least four letters: the same for optimise, optimisation, optimising."""
    if not word.isascii():
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 4 and word[-1] == word[-2] else word


_FACTORS = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1], dtype=np.uint32)


def _grams(plain: list[str]) -> Weighted:
    codes, weights = [], []
    for text, weight in zip(plain[:3], _WEIGHTS, strict=False):
        for run in _grams_of(text):
            codes.append(run)
            weights.append(np.full(len(run), weight, dtype=np.float32))
    if not codes:
        return Weighted(np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.float32))
    found, inverse = np.unique(np.concatenate(codes), return_inverse=True)
    return Weighted(found, np.bincount(inverse, np.concatenate(weights), len(found)).astype(np.float32))


def _grams_of(text: str) -> Iterator[Codes]:
    points = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
    for size in (1, 2, 3) if has_han(text) else (3, 4, 5):
        if len(points) >= size:
            code = np.full(len(points) - size + 1, size, dtype=np.uint32)
            for place in range(size):
                code ^= points[place : len(points) - size + 1 + place] * _FACTORS[place]
                code = code * _FACTORS[0] ^ (code >> np.uint32(15))
            yield code
