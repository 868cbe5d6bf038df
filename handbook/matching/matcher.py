"""The matcher: opened from its folder, asked note by note."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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

_KEPT = 512
"""Notes whose answer is kept: the steps of a note ask one after another."""
_TOGETHER = 32
"""Notes that are ranked at a time."""
_RANKED = 100
"""Tags of a note that are kept."""


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
        self._kept: OrderedDict[tuple[NoteText, bytes], Future[list[RankedTag]]] = OrderedDict()
        self._waiting: list[tuple[NoteText, Floats, Future[list[RankedTag]]]] = []
        self._busy = False
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tagllm-matcher")

    @classmethod
    def open(cls, folder: Path, handbook: Handbook) -> "Matcher":
        """The matcher that `fit` left in `folder`, its arrays memory-mapped.

        Raises:
            ValueError: a file is missing, damaged or of another version, or the matcher was learned on other tags.
        """
        return cls(packing.load(folder, Vocabulary.of(handbook)))

    def meanings(self) -> dict[str, Floats]:
        """Vectors of the tags' own words, as `fit` found them; Chinese tags have none."""
        names = np.asarray(self._describer.statistics.names)
        return {tag: vector for tag, vector in zip(self._describer.vocabulary.tags, names, strict=True) if vector.any()}

    def rank(self, note: NoteText, vector: NDArray[Any] | None, k: int = 30) -> list[RankedTag]:
        """The `k` likeliest tags, best first.

        Args:
            note: What is shown of the note.
            vector: Meaning of its title and content, shape (d,); None where the encoder cannot read it.
            k: Tags wanted.
        """
        return self._submit(note, vector).result()[: max(0, k)]

    async def arank(self, note: NoteText, vector: NDArray[Any] | None, k: int = 30) -> list[RankedTag]:
        """`rank`, for asyncio: notes that come together are ranked together, which takes a fraction of the time."""
        # Shielded: others may wait for the same note when this task is cancelled.
        ranked = await asyncio.shield(asyncio.wrap_future(self._submit(note, vector)))
        return ranked[: max(0, k)]

    def _submit(self, note: NoteText, vector: NDArray[Any] | None) -> "Future[list[RankedTag]]":
        width = self._describer.memory.vectors.shape[1]
        meaning = np.zeros(width, np.float32) if vector is None else np.asarray(vector, np.float32)
        key = (note, meaning.tobytes())
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                return known
            future: Future[list[RankedTag]] = Future()
            future.set_running_or_notify_cancel()  # from here on nobody can cancel what others may wait for
            self._kept[key] = future
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            self._waiting.append((note, meaning, future))
            if not self._busy:
                self._busy = True
                self._pool.submit(self._drain)
        return future

    def _drain(self) -> None:
        """Rank what is waiting until nothing is."""
        while True:
            with self._lock:
                taken, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
                if not taken:
                    self._busy = False
                    return
            try:
                ranked = self._rank([note for note, *_ in taken], np.stack([meaning for _, meaning, _ in taken]))
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                with self._lock:
                    for note, meaning, _ in taken:
                        self._kept.pop((note, meaning.tobytes()), None)  # the next call tries again
                for *_, future in taken:
                    future.set_exception(error)
            else:
                for (*_, future), tags in zip(taken, ranked, strict=True):
                    future.set_result(tags)

    def _rank(self, notes: Sequence[NoteText], vectors: Floats) -> list[list[RankedTag]]:
        vocabulary = self._describer.vocabulary
        prepared = [prepare(note, read(note), vocabulary) for note in notes]
        found = self._describer.describe(prepared, vectors)
        if not len(found.row):
            return [[] for _ in notes]
        each = [np.asarray(model.predict(found.features, raw_score=True, num_threads=1)) for model in self._models]
        scores = np.mean(each, 0)
        probabilities = np.interp(scores, *self._line).round(4)
        ranked: list[list[RankedTag]] = [[] for _ in notes]
        for place in np.lexsort((np.arange(len(scores)), -scores, found.row)).tolist():
            row, tag, phrase = int(found.row[place]), int(found.tag[place]), int(found.phrase[place])
            if len(ranked[row]) == _RANKED:
                continue
            ranked[row].append(
                RankedTag(
                    vocabulary.tags[tag] if tag >= 0 else prepared[row].own.phrases[phrase].text,
                    vocabulary.interests[tag] if tag >= 0 else "",
                    float(probabilities[place]),
                    _why(found.features[place]),
                )
            )
        return ranked


_WHY = {"neighbours": "all_soft", "meaning": "name", "words": "share", "title": "title_share", "category": "category"}
_WHY_COLUMNS = [COLUMNS.index(column) for column in _WHY.values()]


def _why(features: Floats) -> dict[str, float]:
    values = features[_WHY_COLUMNS].tolist()
    return {name: round(min(1.0, value), 3) for name, value in zip(_WHY, values, strict=True) if value >= 0.05}
