"""What is known of a note and a tag that could be its own: one row of numbers for each such pair.

A tag of the handbook and a phrase of the note that the handbook lacks are described by the same columns, so that one
model can weigh them against each other.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handbook.matching.memory import KINDS, Floats, Ints, Memory, Neighbours, expand
from handbook.matching.statistics import Statistics, lookup, rarity_of
from handbook.matching.texts import FIELDS, NoteText, Reading, codes_of, parts_of
from handbook.matching.vocabulary import SHAPE, Occurrence, Vocabulary, key_of, shape_of
from notes.language import language_of
from notes.phrases import Phrase, Source, phrases
from notes.words import normalised

MAX_TAGS, MAX_PHRASES = 50, 20
"""Candidates of a note: tags of the handbook, and phrases of its own."""
_SHARPNESS = (2, 6)
"""Powers of nearness that neighbours are weighted by."""

COLUMNS = (
    *(f"{kind}_{what}" for kind in KINDS for what in ("soft", "sharp", "best", "centre")),
    "votes",
    "relative",
    "place",
    "name",
    "share",
    "title_share",
    "ocr_share",
    "attributes_share",
    *(f"{field}_times" for field in FIELDS),
    "first",
    "joined",
    "known",
    "support",
    "count",
    "said",
    "meant",
    "category",
    "category_lift",
    "is_category",
    "rarest",
    "commonest",
    *SHAPE,
    "empty_head",
    "length",
    "nearest",
    "density",
    "chinese",
)


class Own(NamedTuple):
    """Phrases of a note that the handbook lacks."""

    phrases: list[Phrase]
    keys: list[str]


@dataclass(frozen=True)
class Read:
    """A note, ready to be compared."""

    text: NoteText
    reading: Reading
    present: dict[int, Occurrence]
    """Tags of the handbook that stand in it."""
    own: Own
    """All its phrases."""
    lang: str


class Candidates(NamedTuple):
    """Pairs of a note and a tag, note by note, those of the handbook first."""

    row: Ints
    """Of the note in its batch, shape (p,)."""
    tag: Ints
    """Of the handbook; -1 for a phrase."""
    phrase: Ints
    """Place among the note's phrases; -1 for a tag of the handbook."""
    features: Floats
    """Shape (p, len(COLUMNS))."""


def prepare(text: NoteText, reading: Reading, vocabulary: Vocabulary) -> Read:
    """Find the phrases and the tags that stand in a note."""
    lang = text.lang or language_of(f"{text.title}\n{text.content}\n{text.ocr}")
    raw = (("title", text.title), ("content", text.content), ("ocr", text.ocr))
    found = phrases([Source(name, part[:2000]) for name, part in raw if part.strip()], lang)
    return Read(text, reading, vocabulary.present(reading), Own(found, [key_of(p.text) for p in found]), lang)


def code_of(key: str) -> int:
    """Number of a phrase's key."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass"))


class Describer:
    """Finds and describes candidates."""

    def __init__(self, vocabulary: Vocabulary, memory: Memory, statistics: Statistics, open: NDArray) -> None:
        self.vocabulary = vocabulary
        self.memory = memory
        self.statistics = statistics
        self.open = open
        self._words, self._word_rows = vocabulary.words
        self._padded = np.where(self._word_rows < 0, len(self._words), self._word_rows)
        rarity = np.append(rarity_of(self._words, memory), 0.0).astype(np.float32)
        weights = rarity[self._padded]
        total = np.maximum(weights.sum(axis=1), 1e-6)
        self._word_weights = weights / total[:, None]
        t = len(vocabulary)
        used = self._word_rows >= 0
        self._share = sparse.csr_matrix(
            (self._word_weights[used], (self._word_rows[used], np.nonzero(used)[0])), shape=(len(self._words), t)
        )
        self._category_keys = {category: key_of(category) for category in statistics.categories}
        self._prior = np.log1p(statistics.supports).astype(np.float32)

    def describe(self, notes: Sequence[Read], vectors: Floats) -> Candidates:
        """Candidates of a batch.

        Args:
            notes: The batch, `b` notes.
            vectors: Their meaning, zeros where there is none, shape (b, d).
        """
        batch = _Batch(self, notes, vectors)
        tags = batch.tags()
        parts = [tags] + ([batch.phrases(tags)] if any(note.own.phrases for note in notes) else [])
        joined = Candidates(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        order = np.argsort(joined.row, kind="stable")
        return Candidates(*(column[order] for column in joined))  # pyright: ignore[reportArgumentType]


class _Batch:
    def __init__(self, describer: Describer, notes: Sequence[Read], vectors: Floats) -> None:
        self.d = describer
        self.notes = notes
        self.vectors = vectors
        self.t = len(describer.vocabulary)
        self.b = len(notes)
        self.near = describer.memory.nearness(vectors, [note.reading for note in notes])
        self.neighbours = [Neighbours.of(near) for near in self.near]
        self.places = [self._presence(note.reading) for note in notes]

    def _presence(self, reading: Reading) -> NDArray[np.uint8]:
        """Which words of tags stand in which fields, as bits, shape (words + 1,)."""
        known = self.d._words
        found = np.zeros(len(known) + 1, dtype=np.uint8)
        if not len(known):
            return found
        for bit, parts in enumerate(reading.parts):
            codes = np.array([code for part in set(parts) for code in codes_of(part)], dtype=np.uint32)
            place = np.minimum(np.searchsorted(known, codes), len(known) - 1)
            found[place[known[place] == codes]] |= 1 << bit
        return found

    def tags(self) -> Candidates:
        s, b, t = self.d.statistics, self.b, self.t
        size = b * t
        soft: list[Floats] = []
        for near in self.neighbours:
            found = expand(self.d.memory.tags, near.notes)
            flat = np.maximum(near.near, 0)
            for power in _SHARPNESS:
                weight = flat**power
                weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
                soft.append(np.bincount(found.pairs, weight.ravel()[found.place], size).astype(np.float32))
            best = np.zeros(size, dtype=np.float32)
            best[found.pairs[::-1]] = near.near.ravel()[found.place[::-1]]
            soft.append(best)
            soft.append((near.near, found))  # type: ignore
        # the last kind is the sum of all: who votes is counted there
        votes = np.bincount(soft[-1][1].pairs, minlength=size).astype(np.float32)  # type: ignore
        presence = np.stack(self.places)
        any_field = (presence[:, :-1] > 0).astype(np.float32)
        share = sparse.csr_matrix(sparse.csr_matrix(any_field) @ self.d._share).toarray().astype(np.float32)
        names = self.vectors @ s.names.T
        open_ = self.d.open
        prior = self.d._prior * 0.01
        standing = np.zeros((b, t), dtype=np.float32)
        for row, note in enumerate(self.notes):
            for tag in note.present:
                standing[row, tag] = 1
        meant = (s.meant + 0.3) / (s.said + 1.5)
        pre = (
            soft[12].reshape(b, t) + 0.5 * standing * meant + 0.15 * share * share + 0.15 * np.maximum(names, 0) + prior
        )
        categories = self._category_shares()
        pre += 0.5 * categories
        pre = np.where(open_, pre, -np.inf)
        k = min(MAX_TAGS, t)
        top = np.argpartition(-pre, k - 1, axis=1)[:, :k] if k < t else np.tile(np.arange(t), (b, 1))
        values = np.take_along_axis(pre, top, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        top = np.take_along_axis(top, order, axis=1)
        values = np.take_along_axis(values, order, axis=1)
        row, place = np.nonzero(np.isfinite(values))
        tag = top[row, place]
        flat = row * t + tag
        columns: dict[str, NDArray] = {}
        for number, kind in enumerate(KINDS):
            for what, values_ in zip(("soft", "sharp", "best"), soft[4 * number : 4 * number + 3], strict=True):
                columns[f"{kind}_{what}"] = values_[flat]
            total = self._sums(number)[row, tag]
            norm = s.norms[number, tag]
            columns[f"{kind}_centre"] = total / np.sqrt(np.maximum(norm, 1e-3))
        columns["votes"] = votes[flat]
        best = np.zeros(b, dtype=np.float32)
        np.maximum.at(best, row, columns["all_soft"])
        columns["relative"] = columns["all_soft"] / np.maximum(best[row], 1e-6)
        columns["place"] = place
        columns["name"] = names[row, tag]
        words = self.d._padded[tag]
        weights = self.d._word_weights[tag]
        bits = presence[row[:, None], words]
        columns["share"] = share[row, tag]
        for name, bit in (("title_share", 1), ("ocr_share", 4), ("attributes_share", 8)):
            columns[name] = ((bits & bit > 0) * weights).sum(axis=1)
        times = np.zeros((len(row), len(FIELDS) + 2), dtype=np.float32)
        times[:, -2] = 1
        for number, (r, g) in enumerate(zip(row.tolist(), tag.tolist(), strict=True)):
            found_ = self.notes[r].present.get(g)
            if found_ is not None:
                times[number, : len(FIELDS)] = found_.counts
                times[number, -2:] = (found_.first, 1)
        for number, field in enumerate(FIELDS):
            columns[f"{field}_times"] = times[:, number]
        columns["first"] = times[:, -2]
        columns["joined"] = times[:, -1]
        columns["known"] = np.ones(len(row))
        columns["support"] = np.log1p(s.supports[tag])
        columns["count"] = np.log1p(s.counts[tag])
        columns["said"] = np.log1p(s.said[tag])
        columns["meant"] = meant[tag]
        columns["category"] = categories[row, tag]
        general = (s.counts[tag] + 0.1) / (s.notes + 1)
        columns["category_lift"] = np.log((columns["category"] + 0.01) / (general + 0.01))
        columns["is_category"] = np.array(
            [
                self.d.vocabulary.keys[g] == self.d._category_keys.get(self._category(r), "")
                for r, g in zip(row.tolist(), tag.tolist(), strict=True)
            ],
            dtype=np.float64,
        )
        columns["rarest"], columns["commonest"] = s.rarities[tag].T
        for number, name in enumerate(SHAPE):
            columns[name] = self.d.vocabulary.shapes[tag, number]
        columns["empty_head"] = np.zeros(len(row))
        self._of_note(columns, row)
        features = np.stack([np.asarray(columns[name], dtype=np.float32) for name in COLUMNS], axis=1)
        return Candidates(row.astype(np.int32), tag.astype(np.int32), np.full(len(row), -1, np.int32), features)

    def _category(self, row: int) -> str:
        return self.notes[row].text.category.strip().casefold()

    def _category_shares(self) -> Floats:
        s = self.d.statistics
        found = np.zeros((self.b, self.t), dtype=np.float32)
        number = {category: row for row, category in enumerate(s.categories)}
        for row in range(self.b):
            known = number.get(self._category(row))
            if known is not None:
                found[row] = s.shares[known] / max(1, s.sizes[known])
        return found

    def _sums(self, number: int) -> Floats:
        return (self.d.memory.tags.T @ self.near[number].T).T

    def _of_note(self, columns: dict[str, NDArray], row: NDArray) -> None:
        columns["length"] = np.log1p([self.notes[r].reading.length for r in row.tolist()])
        near = self.neighbours[-1].near
        columns["nearest"] = near[row, 0]
        columns["density"] = near[:, : min(20, near.shape[1])].mean(axis=1)[row]
        columns["chinese"] = np.array([note.lang == "zh" for note in self.notes])[row]

    def phrases(self, tags: Candidates) -> Candidates:
        s, number = self.d.statistics, self.d.vocabulary.number
        rows: list[int] = []
        places: list[int] = []
        data: list[list[float]] = []
        for row, note in enumerate(self.notes):
            chosen = []
            for place, (phrase, key) in enumerate(zip(note.own.phrases, note.own.keys, strict=True)):
                tag = number.get(key)
                if tag is not None and self.d.open[tag]:
                    continue
                chosen.append((place, phrase, key))
            if not chosen:
                continue
            codes = np.array([code_of(key) for *_, key in chosen], dtype=np.uint32)
            stands = lookup(s.phrases, s.phrase_counts, codes)
            for order, (place, phrase, key) in enumerate(chosen):
                tag = number.get(key)
                said = stands[order] if tag is None else int(s.said[tag])
                chosen[order] = (place, phrase, key, said)
            score = [
                (
                    -(2 * c[1].in_title + np.log1p(c[1].count) - 0.4 * np.log1p(c[3]) + 0.3 * (len(c[1].words) > 1)),
                    c[0],
                    c,
                )
                for c in chosen
            ]
            score.sort(key=lambda e: e[:2])
            for _, _, (place, phrase, key, said) in score[:MAX_PHRASES]:
                rows.append(row)
                places.append(place)
                data.append(self._of_phrase(note, phrase, key, int(said)))
        features = np.zeros((len(rows), len(COLUMNS)), dtype=np.float32)
        if rows:
            columns: dict[str, NDArray] = {}
            self._of_note(columns, np.array(rows))
            for name, values in columns.items():
                features[:, COLUMNS.index(name)] = values
            features[:, _PHRASE_COLUMNS] = data
        return Candidates(
            np.array(rows, dtype=np.int32),
            np.full(len(rows), -1, dtype=np.int32),
            np.array(places, dtype=np.int32),
            features,
        )

    def _of_phrase(self, note: Read, phrase: Phrase, key: str, said: int) -> list[float]:
        picture = phrase.source == "ocr"
        total = {"title": note.text.title, "ocr": note.text.ocr}.get(phrase.source, note.text.content)
        codes = np.array([c for part in parts_of(normalised(phrase.text)) for c in codes_of(part)], dtype=np.uint32)
        rarity = rarity_of(codes, self.d.memory) if len(codes) else np.zeros(1)
        category = self._category(self.notes.index(note)) if False else note.text.category.strip().casefold()
        return [
            1.0,
            float(phrase.in_title),
            float(picture),
            float(phrase.in_title),
            0.0 if picture else float(phrase.count - phrase.in_title),
            float(phrase.count) if picture else 0.0,
            0.0 if phrase.in_title else phrase.start / max(1, len(total)),
            1.0,
            float(np.log1p(said)),
            float(bool(key) and key == self.d._category_keys.get(category, "")),
            float(rarity.max()),
            float(rarity.min()),
            *shape_of(phrase.text),
            float(phrase.empty_head),
        ]


_PHRASE_COLUMNS = [
    COLUMNS.index(name)
    for name in (
        "share",
        "title_share",
        "ocr_share",
        "title_times",
        "content_times",
        "ocr_times",
        "first",
        "joined",
        "said",
        "is_category",
        "rarest",
        "commonest",
        *SHAPE,
        "empty_head",
    )
]
