"""Where a tag is expected to lie, seen from a note: two learned maps, one to the names of tags and one to their notes.

A note's nearness to the name of a tag and to the mean of the notes that carry it are weighed, with how common the tag
is, as in a multinomial logit over all tags. First the weights are found, with both maps left as they are; then the
maps are turned a little, by a few steps of gradient descent. No tag has parameters of its own, so a tag added by hand
is understood by its name. While a batch is learned from, its notes are left out of their tags.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handbook.matching.memory import Floats

_SAMPLE = 800
"""Notes that the weights are found on."""
_NEGATIVES = 1500
"""Other tags that a batch is shown."""
_BATCH, _EPOCHS, _RATE = 256, 3, 1e-3
_MOST_NOTES = 6000
"""Notes of an epoch."""
_START = np.array([12.0, 12.0, 0.3], dtype=np.float32)


class Expected(NamedTuple):
    """What `b` notes make of `t` tags, each of shape (b, t)."""

    aimed: Floats
    """The logit."""
    aimed_share: Floats
    """Logarithm of the tag's share among all tags."""
    aimed_name: Floats
    """Cosine with the tag's name."""
    aimed_notes: Floats
    """Cosine with the tag's notes."""


class Alignment(NamedTuple):
    """The maps, and the tags as they are compared with."""

    to_names: Floats
    """Shape (d, d)."""
    to_notes: Floats
    """Shape (d, d)."""
    weights: Floats
    """Of nearness to the name, of nearness to the notes, of the logarithm of the count, shape (3,)."""
    names: Floats
    """Unit length or zero, shape (t, d)."""
    centres: Floats
    """Mean of each tag's notes, unit length or zero, shape (t, d)."""
    common: Floats
    """Logarithm of each tag's count, shape (t,)."""

    def expect(self, notes: Floats) -> Expected:
        """How well each tag fits notes in the space, shape (b, d)."""
        name = unit(notes @ self.to_names.T) @ self.names.T
        centre = unit(notes @ self.to_notes.T) @ self.centres.T
        logits = self.weights[0] * name + self.weights[1] * centre + self.weights[2] * self.common
        most = logits.max(axis=1, keepdims=True)
        total = most + np.log(np.exp(logits - most).sum(axis=1, keepdims=True))
        return Expected(logits, logits - total, name, centre)


def align(notes: Floats, names: Floats, tags: sparse.csr_matrix) -> Alignment:
    """Learn the maps.

    Args:
        notes: The evidence notes in the space, shape (n, d).
        names: The tags' names in the space, unit length or zero, shape (t, d).
        tags: Which note carries which tag, shape (n, t).
    """
    work = _Work(notes, names, tags)
    weights = work.weigh()
    to_names, to_notes = work.turn(weights)
    common = np.log(work.counts + 0.5).astype(np.float32)
    return Alignment(to_names, to_notes, weights, work.names, unit(work.sums), common)


def unit(rows: Floats) -> Floats:
    """Rows of unit length, or zero."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


class _Shown(NamedTuple):
    """What a batch of `b` notes is asked to choose from, `s` tags."""

    offset: Floats
    """Logarithm of how many tags each stands for, shape (s,)."""
    wanted: Floats
    """Share of each tag among the note's own, shape (b, s)."""
    names: Floats
    centres: Floats
    """Shape (s, d)."""
    common: Floats
    """Shape (s,)."""


class _Work:
    def __init__(self, notes: Floats, names: Floats, tags: sparse.csr_matrix) -> None:
        self.notes = np.ascontiguousarray(notes, dtype=np.float32)
        self.names = np.ascontiguousarray(names, dtype=np.float32)
        self.tags = tags
        self.sums = np.asarray(sparse.csr_matrix(tags.T) @ self.notes, dtype=np.float32)
        self.counts = np.bincount(tags.indices, minlength=len(names)).astype(np.float32)
        self.tagged = np.flatnonzero(np.diff(tags.indptr))
        self.random = np.random.default_rng(0)

    def shown(self, rows: NDArray[np.intp]) -> _Shown:
        """The batch's own tags and some of the others, as they are without the batch."""
        batch = self.tags[rows]
        t = len(self.names)
        own = np.unique(batch.indices)
        others = np.setdiff1d(np.arange(t), own)
        standing = 1.0
        if len(others) > _NEGATIVES:
            standing = len(others) / _NEGATIVES
            others = np.sort(self.random.choice(others, _NEGATIVES, replace=False))
        shown = np.concatenate([own, others])
        offset = np.zeros(len(shown), dtype=np.float32)
        offset[len(own) :] = np.log(standing)
        wanted = np.zeros((len(rows), len(shown)), dtype=np.float32)
        part = batch[:, own].toarray()
        wanted[:, : len(own)] = part / np.maximum(part.sum(axis=1, keepdims=True), 1)
        sums, counts = self.sums[shown], self.counts[shown]
        sums[: len(own)] -= part.T @ self.notes[rows]
        counts[: len(own)] -= part.sum(axis=0)
        sums[counts < 0.5] = 0
        return _Shown(offset, wanted, self.names[shown], unit(sums), np.log(counts + 0.5))

    def weigh(self) -> Floats:
        """Weights that make the notes' own tags likeliest, with both maps left as they are."""
        from scipy.optimize import minimize

        rows = np.sort(self.random.permutation(self.tagged)[:_SAMPLE])
        signals, wants, offsets = [], [], []
        for part in np.array_split(rows, max(1, len(rows) // 100)):
            offset, wanted, names, centres, common = self.shown(part)
            units = unit(self.notes[part])
            near = np.stack([units @ names.T, units @ centres.T, np.broadcast_to(common, wanted.shape)])
            signals.append(near)
            wants.append(wanted)
            offsets.append(offset)

        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            total, slope = 0.0, np.zeros(3)
            for near, wanted, offset in zip(signals, wants, offsets, strict=True):
                logits = np.tensordot(weights.astype(np.float32), near, 1) + offset
                share = _softmax(logits)
                total -= float((wanted * np.log(share + 1e-12)).sum())
                slope += np.tensordot(near, share - wanted, 2)
            regular = 0.01 * len(rows) * ((weights - _START) / np.maximum(_START, 1)) ** 2
            return total / len(rows) + float(regular.sum()) / len(rows), (
                slope / len(rows) + 0.02 * (weights - _START) / np.maximum(_START, 1) ** 2
            )

        found = minimize(
            loss, _START.astype(np.float64), jac=True, method="L-BFGS-B", bounds=[(0, 60), (0, 60), (0, 2)]
        )
        return found.x.astype(np.float32)

    def turn(self, weights: Floats) -> tuple[Floats, Floats]:
        """The maps, turned from leaving everything as it is towards the notes' own tags."""
        d = self.notes.shape[1]
        maps = [np.eye(d, dtype=np.float32), np.eye(d, dtype=np.float32)]
        means = [np.zeros((d, d), dtype=np.float32) for _ in maps]
        squares = [np.zeros((d, d), dtype=np.float32) for _ in maps]
        step = 0
        for _ in range(_EPOCHS):
            order = self.random.permutation(self.tagged)[:_MOST_NOTES]
            for rows in np.array_split(order, max(1, len(order) // _BATCH)):
                step += 1
                for number, slope in enumerate(self._slopes(rows, maps, weights)):
                    means[number] += 0.1 * (slope - means[number])
                    squares[number] += 0.001 * (slope * slope - squares[number])
                    mean = means[number] / (1 - 0.9**step)
                    square = squares[number] / (1 - 0.999**step)
                    maps[number] -= _RATE * mean / (np.sqrt(square) + 1e-8)
        return maps[0], maps[1]

    def _slopes(self, rows: NDArray[np.intp], maps: list[Floats], weights: Floats) -> list[Floats]:
        offset, wanted, names, centres, common = self.shown(rows)
        notes = self.notes[rows]
        logits = weights[2] * common + offset
        aims, lengths = [], []
        for turned, targets, weight in zip(maps, (names, centres), weights[:2], strict=True):
            raw = notes @ turned.T
            length = np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-6)
            aims.append(raw / length)
            lengths.append(length)
            logits = logits + weight * (aims[-1] @ targets.T)
        error = (_softmax(logits) - wanted) / len(rows)
        found = []
        for aim, length, targets, weight in zip(aims, lengths, (names, centres), weights[:2], strict=True):
            slope = weight * (error @ targets)
            slope = (slope - aim * (slope * aim).sum(axis=1, keepdims=True)) / length
            found.append(slope.T @ notes)
        return found


def _softmax(logits: Floats) -> Floats:
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)
