"""What the evidence of an interest allows to be written about it.

The same rules whoever wrote: no instruction, no address, no number and no name that does not stand in the evidence.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import regex
from langchain_core.embeddings import Embeddings

from notes.language import chinese_words, has_han
from notes.records import Note
from notes.words import STOPWORDS, base_form, kinds, normalised, terms, tokens
from signatures.handbook.questions import ClusterQuestion, FindingReason
from signatures.sources import Sources

_ADDRESS = regex.compile(
    r"https?:|www\.|[\w.+-]+@[\w-]+\.\w+|(?<![\w@])@[\w.-]{2,}|\b[\w-]+\.(?:com|net|org|io|cn|co|app|shop|info|xyz)\b",
    regex.IGNORECASE,
)
_QUOTED = regex.compile(r'[“"「『]([^“”"「」『』]{1,80})[”"」』]')
_WORD = regex.compile(r"(?:(?!\p{Han})[\p{L}\p{N}])+(?:['’.+&/-](?:(?!\p{Han})[\p{L}\p{N}])+)*")
_JOINT = regex.compile(r"['’.+&/-]")
_OPENS = regex.compile(r"(?:^|[.!?:;。！？：；…])[\s\"“‘'(]*$")
_HAN_AMOUNT = regex.compile(r"[二两三四五六七八九十百千万]+(?=[天日晚夜年月周週岁歲元块塊折个個条條款种種家步次人])|\d+[百千万]?")
_HAN_NUMERAL = regex.compile(r"[一二两三四五六七八九十百千万]+")
_HAN_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"两": 2}
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
_SPOKEN = {
    word: str(value)
    for value, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2)
} | {"fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "hundred": "100"}
_PLACES = frozenset({"ns", "nt"})
"""What jieba calls places and institutions; what it calls a person's name is too often something else."""
HALF, THIRD, QUARTER, SIXTH = 0.5, 0.3, 0.25, 0.15


class Objection(NamedTuple):
    """Why a text does not hold."""

    reason: FindingReason
    detail: str


def instructs(text: str) -> bool:
    """Whether a sentence of the text addresses the tagger."""
    return bool(text.strip()) and bool(Sources.of(Note(id="-", content=text[:200_000]), ()).set_aside)


def tidy(text: str) -> str:
    """One line of what can be printed."""
    kept = (" " if unicodedata.category(c) in ("Zl", "Zp", "Cc") else c for c in text)
    return " ".join("".join(c for c in kept if unicodedata.category(c)[0] != "C").split())


@dataclass(frozen=True)
class Grounds:
    """What the phrases and sentences of a cluster say."""

    own: frozenset[str]
    """Terms of the phrases."""
    known: frozenset[str]
    """Terms and words of everything that is evidence."""
    amounts: frozenset[str]
    compact: str
    """Everything in one normalised text, without spaces."""
    english: tuple[str, ...]
    """Phrases and sentences that an encoder for English can read."""

    @classmethod
    def of(cls, question: ClusterQuestion) -> "Grounds":
        """Collect what a question's cluster says."""
        phrases = [stats.phrase for stats in question.phrases]
        texts = [*phrases, *question.sentences, *question.details, question.category]
        readable = [text for text in (*phrases[:12], *question.sentences[:4]) if text.isascii() or not has_han(text)]
        return cls(
            own=frozenset(term for phrase in phrases for term in terms(phrase)),
            known=frozenset(word for text in texts for word in (*terms(text), *_plain(text))),
            amounts=frozenset(amount for text in texts for amount in _amounts(text, prose=False)),
            compact=_compact(" ".join(texts)),
            english=tuple(readable),
        )

    def objection(self, text: str, *, title: bool = False) -> Objection | None:
        """Why the text says more than the evidence does; None: it does not.

        Args:
            text: One line.
            title: Whether it may be in title case, where a capital says nothing about a common word.
        """
        if instructs(text):
            return Objection("instruction", "it addresses the tagger")
        for found in _ADDRESS.findall(text):
            if _compact(found) not in self.compact:
                return Objection("address", f"{found[:60]!r} is an address that stands nowhere in the evidence")
        for amount in sorted(_amounts(text, prose=not title) - self.amounts):
            return Objection("number", f"the number {amount} stands nowhere in the evidence")
        for name in self._names(text, title):
            return Objection("name", f"{name[:60]!r} stands nowhere in the evidence")
        for quoted in _QUOTED.findall(text):
            if _compact(quoted) not in self.compact:
                return Objection("quote", f"{quoted[:60]!r} is quoted and stands nowhere in the evidence")
        return None

    def share(self, text: str) -> float:
        """Share of the text's words that stand in the evidence."""
        said = frozenset(terms(text))
        return len(said & self.known) / len(said) if said else 0.0

    async def speaks_of(self, texts: Sequence[str], encoder: Embeddings | None) -> list[float]:
        """How near the meaning of each text is to the evidence's; 0 where it cannot be told."""
        if encoder is None or not self.english or all(has_han(text) for text in texts):
            return [0.0] * len(texts)
        vectors = np.asarray(await encoder.aembed_documents([*texts, *self.english]), dtype=np.float32)
        middle = vectors[len(texts) :].mean(axis=0)
        cosines = vectors[: len(texts)] @ (middle / max(float(np.linalg.norm(middle)), 1e-6))
        return [0.0 if has_han(text) else float(cosine) for text, cosine in zip(texts, cosines, strict=True)]

    def _names(self, text: str, title: bool) -> Iterable[str]:
        """Names in the text that the evidence does not give."""
        words = [(match.group(), match.start()) for match in _WORD.finditer(text)]
        lettered = [word for word, _ in words if word[0].isalpha()]
        capitals = sum(word[0].isupper() for word in lettered)
        titled = title and (capitals == len(lettered) or capitals > 0.6 * len(lettered) > 1)
        chinese = has_han(text)
        for word, start in words:
            if not any(map(str.isalpha, word)) or self._knows(word):
                continue
            if chinese:
                if len(word) > 1:
                    yield word
            elif word != word.lower():
                capital = word[1:] == word[1:].lower()
                common = capital and all(_common(part) for part in _JOINT.split(word.lower()) if part)
                if not (common and (titled or _OPENS.search(text[:start]))):
                    yield word
        if chinese:
            for word, kind in chinese_words(text):
                if kind in _PLACES and len(word.text) > 1 and _compact(word.text) not in self.compact:
                    yield word.text

    def _knows(self, word: str) -> bool:
        lower = normalised(word)
        parts = [part for part in _JOINT.split(lower) if part]
        return all(self._knows_part(part) for part in parts)

    def _knows_part(self, part: str) -> bool:
        return part in STOPWORDS or len(part) == 1 or part in self.known or base_form(part) in self.known


def _plain(text: str) -> Iterable[str]:
    """Every word, and the parts of joined ones, stopwords too."""
    for token in tokens(normalised(text)):
        yield token
        yield from _JOINT.split(token)


def _common(word: str) -> bool:
    return word in STOPWORDS or word in _SPOKEN or bool(kinds(word) or kinds(base_form(word)))


def _compact(text: str) -> str:
    return normalised(text).replace(" ", "")


def _amounts(text: str, *, prose: bool) -> set[str]:
    """Numbers in a text, however they are written; in Chinese prose only those that count something (“十分” is “very”)."""
    text = regex.sub(r"(?<=\d),(?=\d{3})", "", normalised(text))
    found = {str(int(digits)) for digits in regex.findall(r"\d+", text)}
    for match in (_HAN_AMOUNT if prose else _HAN_NUMERAL).finditer(text):
        if not match[0][0].isdigit():
            found.add(str(_han_number(match[0])))
    found.update(_SPOKEN[word] for word in regex.split(r"[^\p{L}]+", text) if word in _SPOKEN)
    return found


def _han_number(numeral: str) -> int:
    total = digit = 0
    for character in numeral:
        if character in _HAN_UNITS:
            total += max(1, digit) * _HAN_UNITS[character]
            digit = 0
        else:
            digit = _HAN_DIGITS[character]
    return total + digit
