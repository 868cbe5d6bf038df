"""Learning a matcher from a handbook's evidence notes."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from scipy import sparse

from handbook.arrays import Progress, encoded
from handbook.evidence import EvidenceNote
from handbook.matching import learning, packing
from handbook.matching.alignment import Alignment, align, unit
from handbook.matching.candidates import COLUMNS, Candidates, Read, by_note, code_of, prepare
from handbook.matching.features import Describer
from handbook.matching.memory import Ints, Memory, Postings
from handbook.matching.room import give_back_freed
from handbook.matching.space import Space
from handbook.matching.statistics import Statistics, count
from handbook.matching.texts import NoteText, read
from handbook.matching.vocabulary import Vocabulary, carried, key_of
from handbook.records import Handbook
from notes.language import has_han, language_of
from notes.records import Record

MIN_NOTES = 30
"""Evidence notes with a tag of the handbook; from fewer nothing is learned."""
FOLDS = 4
"""Parts of the notes: each is described as if the handbook had never seen it."""
_LEARNED_FROM = 5000
"""Notes whose candidates are learned from; all are remembered. From 3,200 to 4,945 questions F1@3 grew by 0.2."""
_BATCH = 128
_AT_ONCE = 2
"""Threads: most of the work is products of matrices, each in one of them."""


class TooFewNotes(ValueError):
    """There is too little to learn from; hand-set weights have to do."""


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
    f1_at_share: float
    """F1 in percent when tags are given that are at least `share` as likely as the note's likeliest."""
    share: float
    seconds: float


def fit(
    folder: Path,
    handbook: Handbook,
    notes: Sequence[EvidenceNote],
    encoder: Embeddings,
    progress: Progress | None = None,
) -> FitReport:
    """Learn from the evidence notes and write the matcher into `folder`.

    Args:
        folder: Made where it is missing.
        handbook: Its interests' tags are the vocabulary, retired ones left out.
        notes: Evidence; their order does not matter.
        encoder: Gives the meaning of each note's title and content, and of the tags' own words.
        progress: Called with what is being done.

    Raises:
        TooFewNotes: fewer than 30 notes carry a tag of the handbook.
    """
    import scipy.linalg  # noqa: F401
    import sklearn.utils.extmath  # noqa: F401 - what they load must be there before it can be limited
    from threadpoolctl import threadpool_limits

    give_back_freed()
    # One thread: the last bits of a product depend on how many there are, and the same evidence gives the same bytes.
    with threadpool_limits(1, "blas"):
        return _fit(folder, handbook, notes, encoder, progress)


def _fit(
    folder: Path,
    handbook: Handbook,
    notes: Sequence[EvidenceNote],
    encoder: Embeddings,
    progress: Progress | None,
) -> FitReport:
    started = time.perf_counter()
    vocabulary = Vocabulary.of(handbook)
    usable = [note for note in notes if carried(vocabulary, note.tags)]
    if len(usable) < MIN_NOTES:
        raise TooFewNotes(f"{len(usable)} evidence notes carry a tag of the handbook, {MIN_NOTES} are needed")
    usable.sort(key=lambda note: (note.id, note.model_dump_json()))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        work = _Work(vocabulary, usable, encoder, pool, progress)
        if progress is not None:
            progress("learning which tags fit", 0, 0)
        give_back_freed()
        pairs, labels, gold = work.pairs(pool)
        give_back_freed()
        whole = pool.submit(work.describer)  # behind the folds, which take as much room each
        learned = learning.learn(pairs.row, pairs.features, labels, COLUMNS)
    line = learning.calibrated(learned.scores, labels)
    outcome = learning.measured(pairs.row, np.interp(learned.scores, *line).astype(np.float32), labels, gold)
    packing.save(folder, whole.result(), learned.models, line, outcome.share)
    return FitReport(
        notes=len(usable),
        tags=len(vocabulary),
        pairs=len(labels),
        found=round(100 * float(labels.sum()) / max(1, int(gold.sum())), 2),
        f1={k: round(value, 2) for k, value in outcome.f1.items()},
        f1_at_share=round(outcome.at_share, 2),
        share=outcome.share,
        seconds=round(time.perf_counter() - started, 1),
    )


class _Work:
    """The evidence notes while they are learned from."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        notes: Sequence[EvidenceNote],
        encoder: Embeddings,
        pool: ThreadPoolExecutor,
        progress: Progress | None,
    ) -> None:
        self.vocabulary = vocabulary
        self.notes = notes
        apart = pool.submit(_taken_apart, notes, vocabulary)  # while the encoder reads them here
        english = (f"{note.title}\n{note.content}".strip() for note in notes)
        english = [text if language_of(text) == "en" else "" for text in english]
        self.vectors = encoded(english, encoder, "reading notes", progress)
        """Meanings of the notes, zeros where the encoder cannot read them, shape (n, d)."""
        self.names = encoded(["" if has_han(tag) else tag for tag in vocabulary.tags], encoder, "reading tags")
        self.read = apart.result()
        readings = [note.reading for note in self.read]
        self.tags = [carried(vocabulary, note.tags) for note in notes]
        self.present = [sorted(note.present) for note in self.read]
        self.phrases = [[code_of(key) for key in note.own.keys if key not in vocabulary.number] for note in self.read]
        self.categories = [note.category for note in self.read]
        words, grams = (Postings.of([getattr(r, kind) for r in readings]) for kind in ("words", "grams"))
        self.space = Space.of(words, grams, len(notes), pool)
        self.memory = Memory(self.vectors, words, grams, _matrix(self.tags, len(vocabulary)))
        self.placed = self.space.place(self.vectors, *self.memory.by_words(readings))
        """Notes in the space, shape (n, d)."""
        said = [read(NoteText(content=tag)) for tag in vocabulary.tags]
        self.placed_names = unit(self.space.place(self.names, *self.memory.by_words(said)))
        """Tags in the space, unit length or zero, shape (t, d)."""
        carried_by = np.bincount(self.memory.tags.indices, minlength=len(vocabulary))
        by_hand = np.array([code_of(key) % 100 < 15 for key in vocabulary.keys]) & (vocabulary.counts <= 1)
        self.always_known = (carried_by == 0) | by_hand
        """Tags that do not become unknown with a part of the notes, shape (t,)."""

    def describer(self) -> Describer:
        """Describes notes that are not among the evidence."""
        everything = range(len(self.notes))
        statistics = self._count(self.memory, everything, self.vocabulary.counts)
        known = np.ones(len(self.vocabulary), dtype=bool)
        return Describer(self.vocabulary, self.memory, statistics, self.space, self._align(everything), known)

    def _align(self, rows: Sequence[int]) -> Alignment:
        return align(self.placed[rows], self.placed_names, sparse.csr_matrix(self.memory.tags[rows]))

    def _count(self, memory: Memory, rows: Sequence[int], supports: Ints) -> Statistics:
        present, phrases = ([column[i] for i in rows] for column in (self.present, self.phrases))
        categories = [self.categories[i] for i in rows]
        return count(self.vocabulary, memory, supports, present, phrases, categories, self.names)

    def pairs(self, pool: ThreadPoolExecutor) -> tuple[Candidates, NDArray[np.bool_], Ints]:
        """Candidates, each note described without its fold; which are right; how many tags each note has, 0 where
        it was not asked."""
        fold = np.array([code_of(note.id) % FOLDS for note in self.notes])
        folds = list(pool.map(lambda number: self._fold(fold == number), range(FOLDS)))
        found = [batch for batches, _ in folds for batch in batches]
        learned_from = np.concatenate([asked for _, asked in folds]).tolist()
        del folds
        pairs = by_note(found)
        own = [{key_of(tag) for tag in note.tags} - {""} for note in self.notes]
        labels = np.fromiter(
            (
                (self.vocabulary.keys[tag] if tag >= 0 else self.read[row].own.keys[phrase]) in own[row]
                for row, tag, phrase in zip(pairs.row.tolist(), pairs.tag.tolist(), pairs.phrase.tolist(), strict=True)
            ),
            dtype=bool,
            count=len(pairs.row),
        )
        gold = np.zeros(len(own), dtype=np.int32)
        gold[learned_from] = [len(own[row]) for row in learned_from]
        return pairs, labels, gold

    def _fold(self, inside: NDArray[np.bool_]) -> tuple[list[Candidates], NDArray[np.intp]]:
        """Candidates of a fold's notes, described by the others; which notes were asked."""
        rows, rest = np.flatnonzero(inside), np.flatnonzero(~inside)
        if not len(rows):
            return [], rows
        t = len(self.vocabulary)
        asked = rows[np.linspace(0, len(rows) - 1, min(len(rows), _LEARNED_FROM // FOLDS)).astype(int)]
        counted = np.bincount(self.memory.tags[rows].indices, minlength=t)
        memory = self.memory.without(rows)
        supports = (self.vocabulary.counts - counted).clip(0).astype(np.int32)
        statistics = self._count(memory, rest.tolist(), supports)
        # A tag that only notes of this part carry is unknown to the rest, however many notes the handbook counted.
        known = (statistics.counts > 0) | self.always_known
        alignment = self._align(rest.tolist())
        describer = Describer(self.vocabulary, memory, statistics, self.space, alignment, known)
        found = []
        for start in range(0, len(asked), _BATCH):
            part = asked[start : start + _BATCH]
            batch = describer.describe([self.read[i] for i in part], self.vectors[part])
            found.append(batch._replace(row=part[batch.row].astype(np.int32)))
        return found, asked


def _taken_apart(notes: Sequence[EvidenceNote], vocabulary: Vocabulary) -> list[Read]:
    texts = (NoteText(n.title, n.content, n.ocr, n.attributes, n.given_category, n.lang) for n in notes)
    return [prepare(text, read(text), vocabulary) for text in texts]


def _matrix(rows: Sequence[Sequence[int]], columns: int) -> sparse.csr_matrix:
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int32)
    indices = np.array([column for row in rows for column in row], dtype=np.int32)
    return sparse.csr_matrix((np.ones(len(indices), dtype=np.float32), indices, indptr), shape=(len(rows), columns))
