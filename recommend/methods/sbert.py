"""SentenceBERT as it is: the packaged MiniLM sentence encoder, trained on nothing of ours."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from notes.records import Note
from recommend.methods.embedder import Progress
from recommend.records import RecommendError, Vectors
from recommend.shown import text_of
from teachers.embedded import Encoder
from teachers.embedded.encoder import DIMENSION

_AT_ONCE = 512


class Sbert:
    """The encoder's vector of a note's text, d = 384."""

    name = "sbert"

    def __init__(self) -> None:
        self._encoder = Encoder()
        self.revision = self._encoder.revision

    @classmethod
    def open(cls, model: Path | None, notes: Iterable[Note]) -> Self:
        """Ready at once; the weights are inside a package.

        Raises:
            RecommendError: a model was given.
        """
        if model is not None:
            raise RecommendError(f"sbert has no model of its own, got {model}; leave --model out")
        return cls()

    def embed(self, notes: Sequence[Note], *, progress: Progress | None = None) -> Vectors:
        """One unit vector a note, shape (n, 384)."""
        found = np.zeros((len(notes), DIMENSION), dtype=np.float32)
        for start in range(0, len(notes), _AT_ONCE):
            part = [text_of(note) for note in notes[start : start + _AT_ONCE]]
            rows = [start + row for row, text in enumerate(part) if text]
            if rows:
                found[rows] = np.asarray(self._encoder.embed_documents([t for t in part if t]), dtype=np.float32)
            if progress is not None:
                progress(min(start + _AT_ONCE, len(notes)), len(notes))
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        return found / np.maximum(norms, 1e-12)

    def save(self, folder: Path) -> None:
        """Nothing to keep."""
