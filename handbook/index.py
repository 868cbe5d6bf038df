"""Looking interests up: the category first, then meaning and words."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from handbook.records import Handbook, Interest
from notes.language import language_of
from notes.records import RetrievedInterest
from notes.words import terms

Vectors = NDArray[np.float32]

CATEGORY_BONUS = 0.15
MEANING_WEIGHT, EVIDENCE_WEIGHT, WORDS_WEIGHT = 0.45, 0.25, 0.5


class Signals(NamedTuple):
    """How near a text is to each of `n` interests; every array has shape (n,)."""

    meaning: Vectors
    """Cosine of the text and the interest's own words."""
    evidence: Vectors
    """Cosine of the text and the nearest of the interest's evidence sentences: the text's neighbours."""
    words: Vectors
    """Cosine of the tf-idf weights of words in common; the signal that holds for Chinese."""

    @property
    def score(self) -> Vectors:
        """The signals as one number."""
        weights = np.array([MEANING_WEIGHT, EVIDENCE_WEIGHT, WORDS_WEIGHT], dtype=np.float32)
        return weights @ np.stack([self.meaning, self.evidence, self.words])


class HandbookIndex:
    """A handbook that can be searched.

    Args:
        handbook: What is searched.
        encoder: Vectors of unit length for texts; searching by meaning needs the same one that built the index.
            Its model may know English only: a Chinese text is compared by its words.
    """

    def __init__(self, handbook: Handbook, encoder: Embeddings) -> None:
        self.handbook = handbook
        self.encoder = encoder
        self.interests: tuple[Interest, ...] = tuple(handbook.interests.values())
        self.vocabulary: dict[str, list[tuple[str, tuple[str, ...]]]] = {
            interest.id: [(tag, terms(tag)) for tag in interest.tags] for interest in self.interests
        }
        """Tags of each interest, with the words they are compared by."""
        self._number = {interest.id: number for number, interest in enumerate(self.interests)}
        self._categories = np.array([interest.category.casefold() for interest in self.interests], dtype=object)
        self._support = np.array([sum(i.tags.values()) for i in self.interests], dtype=np.float32)
        evidence = [(n, text) for n, interest in enumerate(self.interests) for text in interest.evidence]
        texts = [f"{i.name}. {i.description} {', '.join(i.tags)}" for i in self.interests]
        vectors = _matrix(encoder.embed_documents(texts + [text for _, text in evidence]))
        self._meaning = vectors[: len(texts)]
        self._evidence = vectors[len(texts) :]
        self._evidence_of = np.array([n for n, _ in evidence], dtype=np.intp)
        self._postings = _postings(
            [f"{text} {' '.join(i.evidence)}" for text, i in zip(texts, self.interests, strict=True)]
        )

    def signals(self, text: str, vector: Vectors | None) -> Signals:
        """How near `text` is to every interest; `vector` is its embedding, shape (d,), None to go by words alone."""
        n = len(self.interests)
        meaning, evidence, words = (np.zeros(n, dtype=np.float32) for _ in range(3))
        if vector is not None and n:
            meaning = self._meaning @ vector
            if len(self._evidence):
                np.maximum.at(evidence, self._evidence_of, self._evidence @ vector)
        counts = Counter(terms(text))
        norm = 0.0
        for term, count in counts.items():
            weight = 1 + math.log(count)
            posting = self._postings.get(term)
            if posting is not None:
                words[posting[0]] += weight * posting[1]
                norm += weight * weight
        if norm:
            # Words the handbook does not know say nothing about nearness, but a long text should not win by length.
            words /= math.sqrt(norm) * math.log2(2 + len(counts) / 16)
        return Signals(meaning, evidence, words)

    async def search(self, text: str, *, category: str = "", k: int = 24) -> list[RetrievedInterest]:
        """The `k` interests that could matter most, best first.

        Interests of the note's category come with a bonus; a category the handbook does not know is no category.
        Without a text the best supported interests come, those of the category first.
        """
        if not self.interests or k <= 0:
            return []
        vector = None
        if text.strip() and language_of(text) == "en":
            vector = np.asarray(await self.encoder.aembed_query(text), dtype=np.float32)
        score = self.signals(text, vector).score
        if not text.strip():
            score = 0.5 * CATEGORY_BONUS * self._support / max(1.0, float(self._support.max()))
        known = self.handbook.category(category)
        if known is not None:
            score = score + CATEGORY_BONUS * (self._categories == known.id.casefold())
        # Rounded: where rows are equal, the last bits of a product depend on where they stand in the matrix.
        best = np.argsort(-score.round(6), kind="stable")[:k]
        return [
            RetrievedInterest(id=self.interests[n].id, name=self.interests[n].name, score=round(float(score[n]), 4))
            for n in best
        ]

    def numbers(self, ids: Sequence[str]) -> list[int]:
        """Rows of these interests in what `signals` gives."""
        return [self._number[id] for id in ids if id in self._number]


def _matrix(vectors: Sequence[Sequence[float]]) -> Vectors:
    return np.asarray(vectors, dtype=np.float32).reshape(len(vectors), len(vectors[0]) if vectors else 0)


def _postings(texts: Sequence[str]) -> dict[str, tuple[NDArray[np.intp], Vectors]]:
    """For every term, the interests it occurs in and its weights there: tf-idf, rows of unit length."""
    counts = [Counter(terms(text)) for text in texts]
    occurs = Counter(term for count in counts for term in count)
    found: dict[str, tuple[list[int], list[float]]] = {}
    for number, count in enumerate(counts):
        weights = {t: (1 + math.log(c)) * math.log((1 + len(texts)) / occurs[t]) for t, c in count.items()}
        norm = math.sqrt(sum(w * w for w in weights.values())) or 1.0
        for term, weight in weights.items():
            ids, values = found.setdefault(term, ([], []))
            ids.append(number)
            values.append(weight / norm)
    return {term: (np.array(ids), np.array(values, dtype=np.float32)) for term, (ids, values) in found.items()}
