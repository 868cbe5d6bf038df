"""What is known of a note and a tag that could be its own: one row of numbers for each such pair.

A tag of the handbook and a phrase of the note that the handbook lacks are described by the same columns, so that one
model can weigh them against each other.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handbook.matching.alignment import Alignment
from handbook.matching.candidates import COLUMNS, VOTES, Candidates, Read
from handbook.matching.memory import KINDS, Floats, Memory, Neighbours, expand
from handbook.matching.phrase_features import describe_phrases
from handbook.matching.space import Space
from handbook.matching.statistics import Statistics, rarity_of
from handbook.matching.texts import FIELDS, codes_of
from handbook.matching.vocabulary import SHAPE, Vocabulary, key_of

MAX_TAGS = 50
"""Tags of the handbook that are weighed for a note."""
_SHARPNESS = (2, 6)
"""Powers of nearness that neighbours are weighted by."""

Columns = dict[str, NDArray[Any]]


class Describer:
    """Finds and describes candidates.

    Args:
        vocabulary: The `t` tags.
        memory: The evidence notes.
        statistics: What was counted over them.
        space: Where texts stand for the alignment.
        alignment: Where tags are expected, seen from a note.
        open: Tags that may be candidates, shape (t,).
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        memory: Memory,
        statistics: Statistics,
        space: Space,
        alignment: Alignment,
        open: NDArray[np.bool_],
    ) -> None:
        self.vocabulary = vocabulary
        self.memory = memory
        self.statistics = statistics
        self.space = space
        self.alignment = alignment
        self.open = open
        self.words, rows = vocabulary.words
        self.word_rows = np.where(rows < 0, len(self.words), rows)
        """Of each tag's words, one beyond the last where it has fewer, shape (t, MAX_WORDS)."""
        rarity = np.append(rarity_of(self.words, memory), 0.0).astype(np.float32)
        weights = rarity[self.word_rows]
        self.word_weights = weights / np.maximum(weights.sum(axis=1), 1e-6)[:, None]
        """Share of each word in its tag, shape (t, MAX_WORDS)."""
        used = rows >= 0
        self.shares = sparse.csr_matrix(
            (self.word_weights[used], (rows[used], np.nonzero(used)[0])), shape=(len(self.words), len(vocabulary))
        )
        self.category_keys = {category: key_of(category) for category in statistics.categories}
        self.prior = 0.01 * np.log1p(statistics.supports).astype(np.float32)

    def describe(self, notes: Sequence[Read], vectors: Floats) -> Candidates:
        """Candidates of a batch.

        Args:
            notes: The batch, `b` notes.
            vectors: Their meaning, zeros where there is none, shape (b, d).
        """
        batch = _Batch(self, notes, vectors)
        parts = [batch.tags()]
        if any(note.own.phrases for note in notes):
            parts.append(describe_phrases(self, notes, batch.of_notes))
        joined = Candidates(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        order = np.argsort(joined.row, kind="stable")
        return Candidates(*(column[order] for column in joined))  # pyright: ignore[reportArgumentType]


class _Batch:
    """`b` notes; whatever is one number for each note and tag has shape (b, t)."""

    def __init__(self, describer: Describer, notes: Sequence[Read], vectors: Floats) -> None:
        self.d = describer
        self.notes = notes
        self.shape = (len(notes), len(describer.vocabulary))
        memory = describer.memory
        by_words = memory.by_words([note.reading for note in notes])
        self.near = memory.nearness(vectors, *by_words)
        self.neighbours = [Neighbours.of(near) for near in self.near]
        self.presence = np.stack([self._presence(note) for note in notes])
        self.names = vectors @ describer.statistics.names.T
        self.aimed = describer.alignment.expect(describer.space.place(vectors, *by_words))
        best = self.neighbours[-1].near
        self.of_notes: Columns = {
            "length": np.log1p([note.reading.length for note in notes]),
            "nearest": best[:, 0],
            "density": best[:, : min(20, best.shape[1])].mean(axis=1),
            "chinese": np.array([note.lang == "zh" for note in notes]),
        }
        """What is known of each note by itself, shape (b,)."""

    def _presence(self, note: Read) -> NDArray[np.uint8]:
        """Which words of tags stand in which fields, as bits, shape (words + 1,)."""
        known = self.d.words
        found = np.zeros(len(known) + 1, dtype=np.uint8)
        if not len(known):
            return found
        for bit, parts in enumerate(note.reading.parts):
            codes = np.array([code for part in set(parts) for code in codes_of(part)], dtype=np.uint32)
            place = np.minimum(np.searchsorted(known, codes), len(known) - 1)
            found[place[known[place] == codes]] |= 1 << bit
        return found

    def tags(self) -> Candidates:
        """The likeliest tags of the handbook, described."""
        present_words = (self.presence[:, :-1] > 0).astype(np.float32)
        share = sparse.csr_matrix(sparse.csr_matrix(present_words) @ self.d.shares).toarray().astype(np.float32)
        categories = self._category_shares()
        votes = self._votes(len(KINDS) - 1)
        row, tag, place = self._likeliest(votes["soft"], share, categories)
        columns: Columns = {"votes": votes["votes"][row, tag]}
        for number, kind in reversed(list(enumerate(KINDS))):
            if kind != KINDS[-1]:
                votes = self._votes(number)  # one kind at a time: each takes sixteen bytes a note and tag
            columns |= {f"{kind}_{what}": votes[what][row, tag] for what in VOTES}
            columns[f"{kind}_centre"] = self._sums(number)[row, tag] / np.sqrt(
                np.maximum(self.d.statistics.norms[number, tag], 1e-3)
            )
        best = np.zeros(self.shape[0], dtype=np.float32)
        np.maximum.at(best, row, columns["all_soft"])
        columns["relative"] = columns["all_soft"] / np.maximum(best[row], 1e-6)
        columns["place"] = place
        columns["name"] = self.names[row, tag]
        columns |= {name: values[row, tag] for name, values in self.aimed._asdict().items()}
        columns["share"] = share[row, tag]
        columns |= self._words(row, tag) | self._occurrences(row, tag) | self._counts(row, tag, categories)
        columns |= {name: values[row] for name, values in self.of_notes.items()}
        columns["empty_head"] = np.zeros(len(row))
        # Rounded: the last bits of a product depend on how many notes are looked at together.
        features = np.stack([np.asarray(columns[name], dtype=np.float32) for name in COLUMNS], axis=1).round(5)
        return Candidates(row.astype(np.int32), tag.astype(np.int32), np.full(len(row), -1, np.int32), features)

    def _votes(self, number: int) -> dict[str, Floats]:
        """What the neighbours of one kind of nearness say."""
        near = self.neighbours[number]
        found = expand(self.d.memory.tags, near.notes)
        size = self.shape[0] * self.shape[1]
        votes = {"votes": np.bincount(found.pairs, minlength=size).astype(np.float32)}
        for name, power in zip(VOTES, _SHARPNESS, strict=False):
            weight = np.maximum(near.near, 0) ** power
            weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
            votes[name] = np.bincount(found.pairs, weight.ravel()[found.place], size).astype(np.float32)
        best = np.zeros(size, dtype=np.float32)
        best[found.pairs[::-1]] = near.near.ravel()[found.place[::-1]]  # nearest last: it stays
        votes["best"] = best
        return {name: values.reshape(self.shape) for name, values in votes.items()}

    def _likeliest(
        self, voted: Floats, share: Floats, categories: Floats
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Rows, tags and places of the candidates, by a rough score."""
        s = self.d.statistics
        standing = np.zeros(self.shape, dtype=np.float32)
        for row, note in enumerate(self.notes):
            standing[row, list(note.present)] = 1
        rough = voted + 0.5 * standing * _meant(s) + 0.15 * share * share + 0.15 * np.maximum(self.names, 0)
        rough += self.d.prior + 0.5 * categories + 0.5 * np.exp(self.aimed.aimed_share)
        rough = np.where(self.d.open, rough, -np.inf)
        k = min(MAX_TAGS, self.shape[1])
        top = np.argpartition(-rough, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(rough, top, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        top, values = np.take_along_axis(top, order, axis=1), np.take_along_axis(values, order, axis=1)
        row, place = np.nonzero(np.isfinite(values))
        return row, top[row, place], place

    def _words(self, row: NDArray[np.intp], tag: NDArray[np.intp]) -> Columns:
        bits = self.presence[row[:, None], self.d.word_rows[tag]]
        weights = self.d.word_weights[tag]
        fields = (("title_share", 1), ("ocr_share", 4), ("attributes_share", 8))
        return {name: ((bits & bit > 0) * weights).sum(axis=1) for name, bit in fields}

    def _occurrences(self, row: NDArray[np.intp], tag: NDArray[np.intp]) -> Columns:
        names = (*(f"{field}_times" for field in FIELDS), "first", "joined")
        found = np.zeros((len(row), len(names)), dtype=np.float32)
        found[:, -2] = 1
        for number, (r, g) in enumerate(zip(row.tolist(), tag.tolist(), strict=True)):
            occurrence = self.notes[r].present.get(g)
            if occurrence is not None:
                found[number] = (*occurrence.counts, occurrence.first, 1)
        return dict(zip(names, found.T, strict=True))

    def _counts(self, row: NDArray[np.intp], tag: NDArray[np.intp], categories: Floats) -> Columns:
        s, vocabulary = self.d.statistics, self.d.vocabulary
        inside = categories[row, tag]
        general = (s.counts[tag] + 0.1) / (s.notes + 1)
        keys = [self.d.category_keys.get(note.category, "") for note in self.notes]
        same = [vocabulary.keys[g] == keys[r] for r, g in zip(row.tolist(), tag.tolist(), strict=True)]
        rarest, commonest = s.rarities[tag].T
        return {
            "known": np.ones(len(row)),
            "support": np.log1p(s.supports[tag]),
            "count": np.log1p(s.counts[tag]),
            "said": np.log1p(s.said[tag]),
            "meant": _meant(s)[tag],
            "category": inside,
            "category_lift": np.log((inside + 0.01) / (general + 0.01)),
            "is_category": np.array(same, dtype=np.float32),
            "rarest": rarest,
            "commonest": commonest,
            **dict(zip(SHAPE, vocabulary.shapes[tag].T, strict=True)),
        }

    def _category_shares(self) -> Floats:
        s = self.d.statistics
        found = np.zeros(self.shape, dtype=np.float32)
        number = {category: row for row, category in enumerate(s.categories)}
        for row, note in enumerate(self.notes):
            known = number.get(note.category)
            if known is not None:
                found[row] = s.shares[known] / max(1, s.sizes[known])
        return found

    def _sums(self, number: int) -> Floats:
        return (self.d.memory.tags.T @ self.near[number].T).T


def _meant(statistics: Statistics) -> Floats:
    """How often a tag is a note's own where it stands in the note, shape (t,)."""
    return ((statistics.meant + 0.3) / (statistics.said + 1.5)).astype(np.float32)
