"""TF-IDF: notes that share rare words are alike. English words in their base form, Chinese as pairs of characters.

w(t, note) = (1 + ln tf) · (1 + ln((1 + n) / (1 + df))), over the `FEATURES` words most notes hold, at unit length.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from notes.records import Note
from notes.words import terms
from recommend.methods.embedder import Progress
from recommend.records import RecommendError, Vectors
from recommend.shown import text_of

FEATURES = 8192
"""Words kept: vectors are dense, 32 KB a note."""
MOST = 60_000
"""Notes embedded at a time: 2 GB."""
_FILE = "words.json"


class Tfidf:
    """Weights of words, counted once over the notes it was opened on.

    Args:
        weights: Of each word, in the order of the vectors' columns.
    """

    name = "tfidf"

    def __init__(self, weights: dict[str, float]) -> None:
        self._weights = weights
        self._columns = {word: column for column, word in enumerate(weights)}
        said = json.dumps(weights, ensure_ascii=False).encode("utf-8", "surrogatepass")
        self.revision = f"tfidf {hashlib.sha256(said).hexdigest()[:16]}"

    @classmethod
    def open(cls, model: Path | None, notes: Iterable[Note]) -> Self:
        """Count the words of `notes`, or read what `save` wrote.

        Raises:
            RecommendError: there is nothing to count, or `model` holds no such words.
        """
        if model is not None:
            return cls(_read(model))
        held: Counter[str] = Counter()
        count = 0
        for note in notes:
            held.update(set(terms(text_of(note))))
            count += 1
        if not held:
            raise RecommendError(f"tfidf counts words first, got {count} notes without any; give it notes")
        common = sorted(held, key=lambda word: (-held[word], word))[:FEATURES]
        return cls({word: 1 + math.log((1 + count) / (1 + held[word])) for word in sorted(common)})

    def embed(self, notes: Sequence[Note], *, progress: Progress | None = None) -> Vectors:
        """One unit vector a note, shape (n, words).

        Raises:
            RecommendError: there are more notes than this method is for.
        """
        if len(notes) > MOST:
            raise RecommendError(
                f"tfidf takes {MOST:,} notes at a time at most (32 KB each), got {len(notes):,}; use sbert"
            )
        found = np.zeros((len(notes), len(self._weights)), dtype=np.float32)
        for row, note in enumerate(notes):
            for word, count in Counter(terms(text_of(note))).items():
                if word in self._columns:
                    found[row, self._columns[word]] = (1 + math.log(count)) * self._weights[word]
            if progress is not None and (row % 512 == 511 or row + 1 == len(notes)):
                progress(row + 1, len(notes))
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        return found

    def save(self, folder: Path) -> None:
        """Keep the words and their weights."""
        (folder / _FILE).write_text(json.dumps(self._weights, ensure_ascii=False), "utf-8")


def _read(folder: Path) -> dict[str, float]:
    file = folder / _FILE
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RecommendError(f"{file}: {error}; --model of tfidf is the folder `embedder` of an index") from None
    sound = isinstance(found, dict) and all(isinstance(weight, int | float) for weight in found.values())
    if not sound or not found:
        raise RecommendError(f"{file}: no words with their weights; make the index again")
    return found
