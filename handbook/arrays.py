"""The numbers an index is made of, in memory or memory-mapped from a folder."""

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from handbook.records import Interest
from notes.language import has_han
from notes.words import terms

Vectors = NDArray[np.float32]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is."""
_TERMS = "terms.json"
_TAGS_READ = 16
"""Tags of an interest that its meaning is read from, the most carried ones: with more of them it blurs."""
_MOST_SHARED = 0.2
"""A word that more of the interests than this have in common tells none of them apart (from 1,000 interests on)."""


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """What is known of `n` interests, `m` evidence sentences and `v` words."""

    meaning: Vectors
    """Unit vectors of the interests' own words, shape (n, d)."""
    sentences: NDArray[np.float16]
    """Unit vectors of the evidence sentences, interest by interest, shape (m, d)."""
    sentence_starts: NDArray[np.int64]
    """Sentences of interest i are rows `[i]` to `[i + 1]`, shape (n + 1,)."""
    term_starts: NDArray[np.int64]
    """Postings of word j are entries `[j]` to `[j + 1]`, shape (v + 1,)."""
    posting_rows: NDArray[np.int32]
    """Interests a word occurs in."""
    posting_weights: Vectors
    """tf-idf weights there; each interest's weights make a unit vector."""
    terms: dict[str, int]
    """Number of each word."""

    @classmethod
    def make(cls, interests: Sequence[Interest], encoder: Embeddings, progress: Progress | None = None) -> "Arrays":
        """Encode `interests`; the time goes into their sentences."""
        texts = [f"{i.name}. {i.description} {', '.join(i.tags)}" for i in interests]
        sentences = [sentence for interest in interests for sentence in interest.evidence]
        starts = np.zeros(len(interests) + 1, dtype=np.int64)
        np.cumsum([len(interest.evidence) for interest in interests], out=starts[1:])
        said = [_readable(i.name, i.description, *itertools.islice(i.tags, _TAGS_READ)) for i in interests]
        read = [*said, *(_readable(sentence) for sentence in sentences)]
        vectors = encoded(read, encoder, "reading interests", progress)
        words = [f"{text} {' '.join(i.evidence)}" for text, i in zip(texts, interests, strict=True)]
        term_starts, rows, weights, numbers = _postings(words)
        return cls(
            meaning=vectors[: len(texts)],
            sentences=vectors[len(texts) :].astype(np.float16),
            sentence_starts=starts,
            term_starts=term_starts,
            posting_rows=rows,
            posting_weights=weights,
            terms=numbers,
        )

    def save(self, folder: Path) -> None:
        """Write one `.npy` an array and the words as JSON into `folder`."""
        for field in fields(self):
            if field.name != "terms":
                np.save(folder / f"{field.name}.npy", getattr(self, field.name), allow_pickle=False)
        (folder / _TERMS).write_text(json.dumps(list(self.terms), ensure_ascii=False), "utf-8")

    @classmethod
    def open(cls, folder: Path) -> "Arrays":
        """Map what `save` wrote; nothing is read before it is looked at.

        Raises:
            ValueError, OSError: a file is missing or is no array.
        """
        # As plain arrays over the mapped files: a slice of a `memmap` costs more than what is looked up in it.
        arrays = {
            field.name: np.asarray(np.load(folder / f"{field.name}.npy", mmap_mode="r", allow_pickle=False))
            for field in fields(cls)
            if field.name != "terms"
        }
        words = json.loads((folder / _TERMS).read_text("utf-8"))
        return cls(**arrays, terms={word: number for number, word in enumerate(words)})

    def word_scores(self, counts: Counter[str]) -> Vectors:
        """Cosine of a text's word counts with every interest's words, shape (n,)."""
        known = [(self.terms[term], 1 + math.log(count)) for term, count in counts.items() if term in self.terms]
        if not known:
            return np.zeros(len(self.meaning), dtype=np.float32)
        numbers = np.array([number for number, _ in known])
        weights = np.array([weight for _, weight in known], dtype=np.float32)
        starts, ends = self.term_starts[numbers], self.term_starts[numbers + 1]
        parts = [slice(first, last) for first, last in zip(starts.tolist(), ends.tolist(), strict=True)]
        # All words at once: added up word by word this took three times as long.
        shares = np.concatenate([self.posting_weights[part] for part in parts]) * np.repeat(weights, ends - starts)
        found = np.bincount(np.concatenate([self.posting_rows[part] for part in parts]), shares, len(self.meaning))
        # Words the handbook does not know say nothing about nearness, but a long text should not win by length.
        found /= math.sqrt(weights @ weights) * math.log2(2 + len(counts) / 16)
        return found.astype(np.float32)

    def nearest_sentence(self, rows: NDArray[np.intp], vector: Vectors) -> Vectors:
        """Cosine of `vector` with the nearest evidence sentence of each of `rows`; 0 without sentences."""
        found = np.zeros(len(rows), dtype=np.float32)
        first, last = self.sentence_starts[rows], self.sentence_starts[rows + 1]
        having = np.flatnonzero(last > first)
        if len(having):
            lengths = (last - first)[having]
            begins = np.cumsum(lengths) - lengths
            wanted = np.arange(lengths.sum()) + np.repeat(first[having] - begins, lengths)
            cosines = self.sentences[wanted].astype(np.float32) @ vector
            found[having] = np.maximum(0, np.maximum.reduceat(cosines, begins))
        return found


def _readable(*parts: str) -> str:
    """What an encoder that knows English can read: the parts without Chinese in them, on one line."""
    return ", ".join(part for part in parts if part.strip() and not has_han(part))


def encoded(texts: Sequence[str], encoder: Embeddings, what: str, progress: Progress | None = None) -> Vectors:
    """Unit vectors, shape (n, d); zeros for empty texts. Each text is read once, beside those of its length."""
    wanted = sorted({text for text in texts if text}, key=lambda text: (len(text), text))
    row = {text: number for number, text in enumerate(wanted)}
    parts: list[Vectors] = []
    for start in range(0, len(wanted), 1024):
        if progress is not None:
            progress(what, start, len(wanted))
        parts.append(np.asarray(encoder.embed_documents(wanted[start : start + 1024]), dtype=np.float32))
    width = parts[0].shape[1] if parts else len(encoder.embed_query("width")) if texts else 0
    vectors = np.concatenate([*parts, np.zeros((1, width), dtype=np.float32)])
    return vectors[np.array([row.get(text, -1) for text in texts], dtype=np.intp)]


def _postings(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int32], Vectors, dict[str, int]]:
    """tf-idf weights, word by word."""
    counts = [Counter(terms(text)) for text in texts]
    occurs = Counter(term for count in counts for term in count)
    most = _MOST_SHARED * len(texts) if len(texts) >= 1000 else len(texts)
    numbers = {term: number for number, term in enumerate(sorted(t for t, n in occurs.items() if n <= most))}
    entries: list[list[tuple[int, float]]] = [[] for _ in numbers]
    for row, count in enumerate(counts):
        weights = {t: (1 + math.log(c)) * math.log((1 + len(texts)) / occurs[t]) for t, c in count.items()}
        norm = math.sqrt(sum(w * w for w in weights.values())) or 1.0
        for term, weight in weights.items():
            if term in numbers:
                entries[numbers[term]].append((row, weight / norm))
    starts = np.zeros(len(numbers) + 1, dtype=np.int64)
    np.cumsum([len(entry) for entry in entries], out=starts[1:])
    rows = np.array([row for entry in entries for row, _ in entry], dtype=np.int32)
    weights = np.array([weight for entry in entries for _, weight in entry], dtype=np.float32)
    return starts, rows, weights, numbers
