"""What is counted over the evidence notes, and read with any one of them left out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handbook.matching.memory import Floats, Ints, Memory
from handbook.matching.texts import Codes
from handbook.matching.vocabulary import Vocabulary

_BLOCK = 512
"""Tags whose notes' words are summed at a time: all of 8,000 tags at once take half a gigabyte."""


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Counts over `n` notes for `t` tags and `c` categories."""

    notes: int
    counts: Ints
    """Evidence notes that carry the tag, shape (t,)."""
    supports: Ints
    """Notes that carry it as far as anybody counted: the handbook may rest on more notes than it keeps, shape (t,)."""
    said: Ints
    """Evidence notes in which the tag stands as it is, shape (t,)."""
    meant: Ints
    """Of these, the notes that carry it, shape (t,)."""
    norms: Floats
    """Squared length of the sum of its notes, of each kind of nearness, shape (4, t)."""
    rarities: Floats
    """Inverse document frequency of its rarest and of its commonest word, shape (t, 2)."""
    categories: tuple[str, ...]
    """As compared, ascending."""
    sizes: Ints
    """Notes of each category, shape (c,)."""
    shares: Ints
    """Notes of the category that carry the tag, shape (c, t)."""
    phrases: Codes
    """Codes of phrases that stand in two or more evidence notes and are no tags, ascending."""
    phrase_counts: Ints
    """In how many."""
    names: Floats
    """Meaning of the tags' own words, zero where the encoder cannot read them, shape (t, d)."""


def count(
    vocabulary: Vocabulary,
    memory: Memory,
    supports: Ints,
    present: Sequence[Sequence[int]],
    phrases: Sequence[Sequence[int]],
    categories: Sequence[str],
    names: Floats,
) -> Statistics:
    """Count over the evidence notes.

    Args:
        vocabulary: The tags.
        memory: The notes.
        supports: Notes that carry each tag, by the handbook, shape (t,).
        present: Tags that stand in each note.
        phrases: Codes of each note's phrases.
        categories: Of each note, as compared.
        names: Vectors of the tags' names, shape (t, d).
    """
    n, t = len(memory), len(vocabulary)
    counts = np.bincount(memory.tags.indices, minlength=t).astype(np.int32)
    stands = _matrix(present, t)
    both = stands.multiply(memory.tags)
    known = tuple(sorted({category for category in categories if category}))
    number = {category: row for row, category in enumerate(known)}
    of = np.array([number.get(category, -1) for category in categories], dtype=np.intp)
    rows = sparse.csr_matrix(
        (np.ones((of >= 0).sum(), dtype=np.float32), (of[of >= 0], np.flatnonzero(of >= 0))), shape=(len(known), n)
    )
    occurs = Counter(code for found in phrases for code in set(found))
    common = sorted(code for code, times in occurs.items() if times > 1)
    return Statistics(
        notes=n,
        counts=counts,
        supports=np.maximum(supports, counts).astype(np.int32),
        said=np.asarray(stands.sum(axis=0)).ravel().astype(np.int32),
        meant=np.asarray(both.sum(axis=0)).ravel().astype(np.int32),
        norms=_norms(memory),
        rarities=_rarities(vocabulary, memory),
        categories=known,
        sizes=np.bincount(of[of >= 0], minlength=len(known)).astype(np.int32),
        shares=sparse.csr_matrix(rows @ memory.tags).toarray().astype(np.int32),
        phrases=np.array(common, dtype=np.uint32),
        phrase_counts=np.array([occurs[code] for code in common], dtype=np.int32),
        names=names,
    )


def _matrix(rows: Sequence[Sequence[int]], columns: int) -> sparse.csr_matrix:
    indptr = np.cumsum([0, *map(len, rows)])
    indices = np.array([column for row in rows for column in row], dtype=np.int32)
    return sparse.csr_matrix((np.ones(len(indices), dtype=np.float32), indices, indptr), shape=(len(rows), columns))


def _norms(memory: Memory) -> Floats:
    n = len(memory)
    carriers = sparse.csr_matrix(memory.tags.T)
    meaning = carriers @ memory.vectors
    squared = [np.asarray((meaning**2).sum(axis=1)).ravel()]
    for postings in (memory.words, memory.grams):
        of_notes = postings.matrix(n).T.tocsr()
        parts = [np.zeros(0, dtype=np.float32)]
        for start in range(0, len(carriers.indptr) - 1, _BLOCK):
            sums = carriers[start : start + _BLOCK] @ of_notes
            parts.append(np.asarray(sums.multiply(sums).sum(axis=1)).ravel())
        squared.append(np.concatenate(parts))
    squared.append(squared[0] + squared[1] + squared[2])
    return np.stack(squared).astype(np.float32)


def _rarities(vocabulary: Vocabulary, memory: Memory) -> Floats:
    codes, rows = vocabulary.words
    rarity = rarity_of(codes, memory)
    padded = np.append(rarity, np.nan).astype(np.float32)[rows]
    most = rarity.max() if len(rarity) else 0.0
    rarest = np.nan_to_num(np.fmax.reduce(padded, axis=1, initial=-np.inf), neginf=most)
    commonest = np.nan_to_num(np.fmin.reduce(padded, axis=1, initial=np.inf), posinf=most)
    return np.stack([rarest, commonest], axis=1).astype(np.float32)


def rarity_of(codes: Codes, memory: Memory) -> Floats:
    """Inverse document frequency of words; that of a word in one note where there is none or it is in no postings."""
    found = np.full(len(codes), np.log(len(memory) + 1), dtype=np.float32)
    known = memory.words.codes
    if len(known):
        place = np.minimum(np.searchsorted(known, codes), len(known) - 1)
        same = known[place] == codes
        found[same] = memory.words.weights[place[same]]
    return found


def lookup(codes: Codes, counts: Ints, wanted: Codes) -> NDArray[np.int32]:
    """Counts of the wanted codes, 0 where they are not among `codes`."""
    if not len(codes):
        return np.zeros(len(wanted), dtype=np.int32)
    place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
    return np.where(codes[place] == wanted, counts[place], 0).astype(np.int32)
