"""The matcher: opened from its folder, asked note by note."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handbook.matching import packing
from handbook.matching.candidates import COLUMNS, prepare
from handbook.matching.memory import Floats
from handbook.matching.texts import NoteText, read
from handbook.matching.vocabulary import Vocabulary
from handbook.records import Handbook

_KEPT = 64
"""Notes whose answer is kept: the steps of a note ask one after another."""


class RankedTag(NamedTuple):
    """A tag the note could be known by."""

    tag: str
    """In the handbook's spelling, or as the note writes it."""
    interest: str
    """Id of the interest that carries it; empty: it is a phrase of the note that the handbook lacks."""
    probability: float
    """That the note would be known by it."""
    why: dict[str, float]
    """What speaks for it: signals from 0 to 1."""


class Matcher:
    """Ranks tags. Opened with `Matcher.open`; safe to ask from several threads."""

    def __init__(self, parts: packing.Parts) -> None:
        import lightgbm

        self.share = parts.share
        """Of the likeliest tag's probability, from which others are worth giving."""
        self._describer = parts.describer
        try:
            self._models = [lightgbm.Booster(model_str=text) for text in parts.models]
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(f"a model is damaged: {str(error)[:200]}") from None
        self._line = parts.line
        self._kept: OrderedDict[tuple[NoteText, bytes], list[RankedTag]] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path, handbook: Handbook) -> "Matcher":
        """The matcher that `fit` left in `folder`, its arrays memory-mapped.

        Raises:
            ValueError: a file is missing, damaged or of another version, or the matcher was learned on other tags.
        """
        return cls(packing.load(folder, Vocabulary.of(handbook)))

    def rank(self, note: NoteText, vector: NDArray[Any] | None, k: int = 30) -> list[RankedTag]:
        """The `k` likeliest tags, best first.

        Args:
            note: What is shown of the note.
            vector: Meaning of its title and content, shape (d,); None where the encoder cannot read it.
            k: Tags wanted.
        """
        meaning = (
            np.zeros(self._describer.memory.vectors.shape[1], np.float32)
            if vector is None
            else np.asarray(vector, np.float32)
        )
        key = (note, meaning.tobytes())
        with self._lock:
            known = self._kept.get(key)
        if known is None:
            known = self._rank(note, meaning)
            with self._lock:
                self._kept[key] = known
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return known[: max(0, k)]

    def _rank(self, note: NoteText, meaning: Floats) -> list[RankedTag]:
        prepared = prepare(note, read(note), self._describer.vocabulary)
        found = self._describer.describe([prepared], meaning[None])
        if not len(found.row):
            return []
        scores = np.mean(
            [np.asarray(m.predict(found.features, raw_score=True, num_threads=1)) for m in self._models], 0
        )
        probabilities = np.interp(scores, *self._line)
        vocabulary = self._describer.vocabulary
        ranked = []
        for place in np.lexsort((np.arange(len(scores)), -scores)).tolist():
            tag, phrase = int(found.tag[place]), int(found.phrase[place])
            ranked.append(
                RankedTag(
                    vocabulary.tags[tag] if tag >= 0 else prepared.own.phrases[phrase].text,
                    vocabulary.interests[tag] if tag >= 0 else "",
                    round(float(probabilities[place]), 4),
                    _why(found.features[place]),
                )
            )
        return ranked


_WHY = {"neighbours": "all_soft", "meaning": "name", "words": "share", "title": "title_share", "category": "category"}


def _why(features: Floats) -> dict[str, float]:
    values = {name: float(features[COLUMNS.index(column)]) for name, column in _WHY.items()}
    return {name: round(min(1.0, value), 3) for name, value in values.items() if value >= 0.05}
