"""The matcher: fitted on a handbook's evidence notes, opened from its folder, asked note by note."""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from scipy import sparse

from handbook.evidence import EvidenceNote
from handbook.matching import learning, storage
from handbook.matching.features import COLUMNS, Candidates, Describer, code_of, prepare
from handbook.matching.memory import Floats, Ints, Memory, Postings
from handbook.matching.statistics import Statistics, count
from handbook.matching.texts import NoteText, read
from handbook.matching.vocabulary import Vocabulary, carried, key_of
from handbook.records import Handbook
from notes.language import has_han
from notes.records import Record

MIN_NOTES = 30
"""Evidence notes with a tag of the handbook; from fewer nothing is learned."""
FOLDS = 10
"""Parts of the notes: each is described as if the handbook had never seen it."""
_BATCH = 128
_KEPT = 64


class TooFewNotes(ValueError):
    """There is too little to learn from; hand-set weights have to do."""


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


class FitReport(Record):
    """What the matcher was learned from, and how well it predicts evidence notes it has not seen."""

    notes: int
    """Evidence notes learned from."""
    tags: int
    """Tags of the handbook."""
    pairs: int
    """Candidates described."""
    found: float
    """Percentage of the notes' tags that are among the candidates."""
    f1: dict[int, float]
    """F1 in percent when 1, 3 and 5 tags are given."""
    f1_at_threshold: float
    """F1 in percent when tags are given from the threshold on."""
    threshold: float
    seconds: float


class Matcher:
    """Ranks tags. Opened with `Matcher.open`; safe to ask from several threads."""

    def __init__(
        self, describer: Describer, models: Sequence[str], line: tuple[Floats, Floats], threshold: float
    ) -> None:
        import lightgbm

        self.threshold = threshold
        self._describer = describer
        self._models = [lightgbm.Booster(model_str=text) for text in models]
        self._line = line
        self._kept: OrderedDict[tuple[NoteText, bytes], list[RankedTag]] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path, handbook: Handbook) -> "Matcher":
        """The matcher that `fit` left in `folder`, its arrays memory-mapped.

        Raises:
            ValueError: a file is missing, damaged or of another version, or the matcher was learned on other tags.
        """
        arrays, texts, facts = storage.load(folder)
        vocabulary = Vocabulary.of(handbook)
        if facts.get("vocabulary") != vocabulary.digest:
            raise ValueError(f"{folder / storage.MANIFEST} was learned on other tags than the handbook has now")
        try:
            memory, statistics = _unpack(arrays, facts)
            models = [texts[f"model-{number}"] for number in range(int(facts["models"]))]
            line = (np.asarray(arrays["line_x"]), np.asarray(arrays["line_y"]))
            describer = Describer(vocabulary, memory, statistics, np.ones(len(vocabulary), dtype=bool))
            return cls(describer, models, line, float(facts["threshold"]))
        except KeyError as error:
            raise ValueError(f"{folder / storage.MANIFEST} is damaged: {error} is missing") from None

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
        return known[:k]

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


def fit(
    folder: Path,
    handbook: Handbook,
    notes: Sequence[EvidenceNote],
    vectors: NDArray[Any],
    encoder: Embeddings,
) -> FitReport:
    """Learn from the evidence notes and write the matcher into `folder`.

    Args:
        folder: Made where it is missing.
        handbook: Its interests' tags are the vocabulary, retired ones left out.
        notes: Evidence; their order does not matter.
        vectors: Meaning of title and content of each note, zeros where the encoder cannot read it, shape (n, d).
        encoder: Gives the meaning of the tags' own words.

    Raises:
        TooFewNotes: fewer than 30 notes carry a tag of the handbook.
    """
    started = time.perf_counter()
    vocabulary = Vocabulary.of(handbook)
    usable = [i for i in range(len(notes)) if carried(vocabulary, notes[i].tags)]
    if len(usable) < MIN_NOTES:
        raise TooFewNotes(f"{len(usable)} evidence notes carry a tag of the handbook, {MIN_NOTES} are needed")
    usable.sort(key=lambda i: (notes[i].id, notes[i].model_dump_json()))
    chosen = [notes[i] for i in usable]
    meaning = np.ascontiguousarray(np.asarray(vectors, dtype=np.float32)[usable])
    work = _Work(vocabulary, chosen, meaning, encoder)
    pairs, labels, gold = work.pairs()
    learned = learning.learn(pairs.row, pairs.features, labels, COLUMNS)
    line = learning.calibrated(learned.scores, labels)
    outcome = learning.measured(pairs.row, np.interp(learned.scores, *line).astype(np.float32), labels, gold)
    arrays, facts = _pack(work.memory, work.statistics)
    arrays["line_x"], arrays["line_y"] = line
    facts |= {"vocabulary": vocabulary.digest, "threshold": outcome.threshold, "models": len(learned.models)}
    storage.save(folder, arrays, {f"model-{n}": text for n, text in enumerate(learned.models)}, facts)
    return FitReport(
        notes=len(chosen),
        tags=len(vocabulary),
        pairs=len(labels),
        found=round(100 * float(labels.sum()) / max(1, int(gold.sum())), 2),
        f1={k: round(value, 2) for k, value in outcome.f1.items()},
        f1_at_threshold=round(outcome.at_threshold, 2),
        threshold=round(outcome.threshold, 4),
        seconds=round(time.perf_counter() - started, 1),
    )


class _Work:
    """The evidence notes while they are learned from."""

    def __init__(
        self, vocabulary: Vocabulary, notes: Sequence[EvidenceNote], vectors: Floats, encoder: Embeddings
    ) -> None:
        self.vocabulary = vocabulary
        self.notes = notes
        self.vectors = vectors
        texts = [NoteText(n.title, n.content, n.ocr, n.attributes, n.category, n.lang) for n in notes]
        readings = [read(text) for text in texts]
        self.read = [prepare(text, reading, vocabulary) for text, reading in zip(texts, readings, strict=True)]
        self.tags = [carried(vocabulary, note.tags) for note in notes]
        self.present = [sorted(note.present) for note in self.read]
        self.phrases = [[code_of(key) for key in note.own.keys if key not in vocabulary.number] for note in self.read]
        self.categories = [note.category.strip().casefold() for note in notes]
        self.names = _names(vocabulary, encoder, vectors.shape[1])
        words, grams = (Postings.of([getattr(r, kind) for r in readings]) for kind in ("words", "grams"))
        self.memory = Memory(vectors, words, grams, _matrix(self.tags, len(vocabulary)))
        self.statistics = self._count(self.memory, range(len(notes)), vocabulary.counts)

    def _count(self, memory: Memory, rows: Sequence[int], supports: Ints) -> Statistics:
        present, phrases = ([column[i] for i in rows] for column in (self.present, self.phrases))
        categories = [self.categories[i] for i in rows]
        return count(self.vocabulary, memory, supports, present, phrases, categories, self.names)

    def pairs(self) -> tuple[Candidates, NDArray[np.bool_], Ints]:
        """Candidates of all notes, each described without its fold; which are right; how many tags each note has."""
        t = len(self.vocabulary)
        fold = np.array([code_of(note.id) % FOLDS for note in self.notes])
        by_hand = np.array([code_of(key) % 100 < 15 for key in self.vocabulary.keys]) & (self.vocabulary.counts <= 1)
        found: list[Candidates] = []
        for number in range(FOLDS):
            rows = np.flatnonzero(fold == number)
            if not len(rows):
                continue
            inside = np.bincount(self.memory.tags[rows].indices, minlength=t)
            memory = self.memory.without(rows)
            rest = np.flatnonzero(fold != number).tolist()
            statistics = self._count(memory, rest, (self.vocabulary.counts - inside).clip(0).astype(np.int32))
            known = (statistics.supports > 0) | (self.vocabulary.counts == 0) | by_hand
            describer = Describer(self.vocabulary, memory, statistics, known)
            for start in range(0, len(rows), _BATCH):
                part = rows[start : start + _BATCH]
                batch = describer.describe([self.read[i] for i in part], self.vectors[part])
                found.append(batch._replace(row=part[batch.row].astype(np.int32)))
        pairs = Candidates(*(np.concatenate(column) for column in zip(*found, strict=True)))
        order = np.argsort(pairs.row, kind="stable")
        pairs = Candidates(*(column[order] for column in pairs))  # pyright: ignore[reportArgumentType]
        own = [{key_of(tag) for tag in note.tags} - {""} for note in self.notes]
        labels = np.fromiter(
            (
                (self.vocabulary.keys[tag] if tag >= 0 else self.read[row].own.keys[phrase]) in own[row]
                for row, tag, phrase in zip(pairs.row.tolist(), pairs.tag.tolist(), pairs.phrase.tolist(), strict=True)
            ),
            dtype=bool,
            count=len(pairs.row),
        )
        return pairs, labels, np.array([len(keys) for keys in own], dtype=np.int32)


def _matrix(rows: Sequence[Sequence[int]], columns: int) -> sparse.csr_matrix:
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int32)
    indices = np.array([column for row in rows for column in row], dtype=np.int32)
    return sparse.csr_matrix((np.ones(len(indices), dtype=np.float32), indices, indptr), shape=(len(rows), columns))


def _names(vocabulary: Vocabulary, encoder: Embeddings, dimension: int) -> Floats:
    found = np.zeros((len(vocabulary), dimension), dtype=np.float32)
    readable = [number for number, tag in enumerate(vocabulary.tags) if not has_han(tag)]
    if readable:
        found[readable] = encoder.embed_documents([vocabulary.tags[number] for number in readable])
    return found


_STATISTICS = (
    "counts",
    "supports",
    "said",
    "meant",
    "norms",
    "rarities",
    "sizes",
    "shares",
    "phrases",
    "phrase_counts",
    "names",
)


def _pack(memory: Memory, statistics: Statistics) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    arrays: dict[str, NDArray[Any]] = {name: getattr(statistics, name) for name in _STATISTICS}
    arrays["vectors"] = memory.vectors
    arrays["tags_indptr"], arrays["tags_indices"] = memory.tags.indptr, memory.tags.indices
    for kind in ("words", "grams"):
        postings: Postings = getattr(memory, kind)
        arrays |= {f"{kind}_{name}": value for name, value in postings._asdict().items()}
    return arrays, {"notes": statistics.notes, "categories": list(statistics.categories)}


def _unpack(arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> tuple[Memory, Statistics]:
    statistics = Statistics(
        notes=int(facts["notes"]),
        categories=tuple(facts["categories"]),
        **{name: arrays[name] for name in _STATISTICS},
    )
    words, grams = (Postings(*(arrays[f"{kind}_{name}"] for name in Postings._fields)) for kind in ("words", "grams"))
    indices, indptr = arrays["tags_indices"], arrays["tags_indptr"]
    tags = sparse.csr_matrix(
        (np.ones(len(indices), dtype=np.float32), indices, indptr),
        shape=(len(arrays["vectors"]), len(arrays["counts"])),
    )
    return Memory(arrays["vectors"], words, grams, tags), statistics
