"""Which notes are nearly the same: MinHash over their words, perceptual hashes of their pictures.

Two notes are near in text where about 80 % of their runs of three words are the same, near in pictures where one of
them looks the same down to its colours. Signatures lie in arrays, a few hundred bytes a note; only notes that share a
bucket are compared.
"""

import itertools
import zlib
from array import array
from collections.abc import Mapping, Sequence

import numpy as np
import regex
from numpy.typing import NDArray

from distill.corpus.pictures import Look, NotePictures, as_arrays
from notes.records import Note
from notes.words import normalised

Pairs = NDArray[np.int64]
"""Shape (n, 2): places of two notes, the smaller one first."""

JACCARD = 0.8
"""Share of common shingles from which two texts are nearly the same."""
FEW_WORDS = 6
"""Shorter texts are the same by chance: they tell no two notes to be one story."""
HAMMING = 6
"""Bits of 64 in which the hashes of two pictures may differ."""
COLOUR = 10.0
"""Mean difference of two thumbnails' values, of 255, that counts as the same: flat pictures have no shape to hash."""
PERMUTATIONS = 64
_BANDS = 16
_READ = 20_000
"""Characters of a text that are compared."""
_NEIGHBOURS = 8
"""Notes of a bucket that each is compared with, besides the bucket's first."""
_WORD = regex.compile(r"\p{Han}|[\p{L}\p{N}]+")


class TextSignatures:
    """MinHash signatures of texts, taken in one by one."""

    def __init__(self) -> None:
        from datasketch import MinHash

        self._empty = MinHash(num_perm=PERMUTATIONS, hashfunc=zlib.crc32, scheme="affine32")
        self._values = array("I")
        self._words = array("I")

    def add(self, note: Note) -> None:
        """Take in a note's title and content."""
        shingles, words = shingles_of(note.text)
        found = self._empty.copy()
        if shingles:
            found.update_batch([shingle.encode("utf-8", "replace") for shingle in shingles])
        self._values.extend(found.hashvalues.astype(np.uint32).tolist())
        self._words.append(words)

    @property
    def words(self) -> NDArray[np.uint32]:
        """How many words each text has."""
        return np.frombuffer(self._words, dtype=np.uint32) if self._words else np.zeros(0, np.uint32)

    def pairs(self) -> Pairs:
        """Places of texts that are nearly the same."""
        count = len(self._words)
        if count < 2:
            return np.zeros((0, 2), np.int64)
        values = np.frombuffer(self._values, dtype=np.uint32).reshape(count, PERMUTATIONS)
        spoken = np.flatnonzero(self.words)
        bands = values.reshape(count, _BANDS, -1)
        found = []
        for band in range(_BANDS):
            part = np.ascontiguousarray(bands[spoken, band])
            buckets = part.view(np.dtype((np.void, part.itemsize * part.shape[1]))).ravel()
            pairs = spoken[_neighbours(np.unique(buckets, return_inverse=True)[1])]
            for chunk in np.array_split(pairs, max(1, len(pairs) // 100_000)):
                near = (values[chunk[:, 0]] == values[chunk[:, 1]]).mean(axis=1) >= JACCARD
                found.append(chunk[near])
        return _unique(np.concatenate(found))


def shingles_of(text: str) -> tuple[set[str], int]:
    """Runs of three words (Chinese: characters) and how many words there are; where there are none, of characters."""
    cleaned = normalised(text[:_READ])
    words = _WORD.findall(cleaned)
    if not words:
        words = [character for character in cleaned if not character.isspace()]
    size = min(3, len(words))
    return {"\t".join(words[i : i + size]) for i in range(len(words) - size + 1)} if words else set(), len(words)


def near_pictures(pictures: Sequence[Sequence[Look]]) -> Pairs:
    """Places of notes that share a picture, or have one that looks the same.

    Args:
        pictures: Of each note.
    """
    owners: dict[str, int] = {}
    looks: list[Look] = []
    holds: list[tuple[int, int]] = []
    for place, several in enumerate(pictures):
        for look in several:
            number = owners.setdefault(look.name, len(looks))
            if number == len(looks):
                looks.append(look)
            holds.append((number, place))
    if not looks:
        return np.zeros((0, 2), np.int64)
    same = _connected(len(looks), _alike(looks))
    return _unique(_by_group(np.asarray([(same[number], place) for number, place in holds], dtype=np.int64)))


def _alike(looks: Sequence[Look]) -> Pairs:
    """Pictures that look the same; hashes within 3 bits of one another share one of four quarters."""
    bits, thumbnails = as_arrays(looks)
    found = []
    for quarter in range(4):
        shift = np.uint64(16 * quarter)
        bucket = (bits >> shift) & np.uint64(0xFFFF)
        pairs = _neighbours(bucket, within=bits)
        near = np.bitwise_count(bits[pairs[:, 0]] ^ bits[pairs[:, 1]]) <= HAMMING
        pairs = pairs[near]
        for chunk in np.array_split(pairs, max(1, len(pairs) // 50_000)):
            difference = np.abs(thumbnails[chunk[:, 0]] - thumbnails[chunk[:, 1]]).mean(axis=1)
            found.append(chunk[difference <= COLOUR])
    return _unique(np.concatenate(found))


def groups(count: int, *edges: Pairs) -> NDArray[np.int64]:
    """Number of the group that each of `count` notes belongs to: all that hang together by pairs."""
    return _connected(count, np.concatenate([np.zeros((0, 2), np.int64), *edges]))


def duplicates(texts: Pairs, words: NDArray[np.uint32], pictures: Sequence[Sequence[Look]], shared: Pairs) -> Pairs:
    """Pairs of notes that say and show nearly the same: near in text, or both without any, and picture for picture."""
    silent = shared[(words[shared] == 0).all(axis=1)] if len(shared) else shared
    near = set(map(tuple, shared.tolist()))
    kept = [
        pair
        for pair in itertools.chain(texts.tolist(), silent.tolist())
        if _same_pictures(pictures[pair[0]], pictures[pair[1]], tuple(pair) in near)
    ]
    return np.asarray(kept, dtype=np.int64).reshape(-1, 2)


def _same_pictures(some: Sequence[Look], others: Sequence[Look], share_one: bool) -> bool:
    if len(some) != len(others):
        return False
    if not some:
        return True
    return share_one and all(any(_look_alike(one, other) for other in others) for one in some)


def _look_alike(one: Look, other: Look) -> bool:
    if one.name == other.name:
        return True
    if (one.bits ^ other.bits).bit_count() > HAMMING:
        return False
    return sum(abs(a - b) for a, b in zip(one.thumbnail, other.thumbnail, strict=True)) <= COLOUR * len(one.thumbnail)


def _neighbours(buckets: NDArray, within: NDArray | None = None) -> Pairs:
    """Pairs of places in the same bucket: each with its next few and with the first."""
    order = np.lexsort((np.arange(len(buckets)), buckets if within is None else within, buckets))
    sorted_buckets = buckets[order]
    starts = np.flatnonzero(np.r_[True, sorted_buckets[1:] != sorted_buckets[:-1]])
    first = np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    found = [np.stack([order[first], order], axis=1)]
    for step in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
        same = sorted_buckets[step:] == sorted_buckets[:-step]
        found.append(np.stack([order[:-step][same], order[step:][same]], axis=1))
    pairs = np.concatenate(found)
    return np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)


def _by_group(rows: NDArray[np.int64]) -> Pairs:
    """Chains through the places that belong together; `rows` are group and place."""
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    together = (rows[1:, 0] == rows[:-1, 0]) & (rows[1:, 1] != rows[:-1, 1])
    return np.sort(np.stack([rows[:-1, 1], rows[1:, 1]], axis=1)[together], axis=1)


def _connected(count: int, edges: Pairs) -> NDArray[np.int64]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(links, directed=False)[1].astype(np.int64)


def _unique(pairs: Pairs) -> Pairs:
    return np.unique(pairs, axis=0) if len(pairs) else pairs.reshape(0, 2)


def looks_of(numbers: Sequence[int], pictures: Mapping[int, NotePictures]) -> list[tuple[Look, ...]]:
    """The pictures of each candidate, by its number."""
    return [pictures[number].looks if number in pictures else () for number in numbers]


def long_enough(pairs: Pairs, words: NDArray[np.uint32]) -> Pairs:
    """Pairs whose texts are long enough not to be the same by chance."""
    return pairs[(words[pairs] >= FEW_WORDS).all(axis=1)] if len(pairs) else pairs
