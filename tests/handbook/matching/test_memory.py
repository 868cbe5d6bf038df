"""Evidence notes in postings: who shares what, whom a note is near, and a memory that forgets."""

import numpy as np
import pytest
from scipy import sparse

from handbook.matching.memory import NEAR, Memory, Neighbours, Postings, expand
from handbook.matching.texts import Reading, Weighted, read
from tests.handbook.matching.corpus import make_notes, text_of, vectors_of


def _bag(**counts: float) -> Weighted:
    """A note whose codes are the letters' numbers."""
    ordered = sorted((ord(letter), count) for letter, count in counts.items())
    return Weighted(
        np.array([code for code, _ in ordered], dtype=np.uint32),
        np.array([count for _, count in ordered], dtype=np.float32),
    )


BAGS = [_bag(a=1, b=2), _bag(b=1, c=1), _bag(c=3, z=1), _bag(c=1), *[_bag(z=1)] * 3, _bag(q=1), *[_bag()] * 4]
"""Of twelve notes two hold b, three c, four z; a and q stand in one each."""


def test_what_occurs_once_or_in_too_many_notes_is_left_out() -> None:
    found = Postings.of(BAGS)
    assert found.codes.tolist() == [ord("b"), ord("c")]
    assert found.weights.tolist() == pytest.approx([np.log(13 / 2.5), np.log(13 / 3.5)], rel=1e-6)


def test_postings_are_the_notes_turned_round() -> None:
    found = Postings.of(BAGS)
    assert found.vectors(BAGS).T.toarray().tolist() == found.matrix(len(BAGS)).toarray().tolist()
    assert (found.matrix(len(BAGS)).toarray()[1] > 0).tolist() == [False, True, True, True] + [False] * 8


def test_notes_are_of_unit_length_or_empty() -> None:
    found = Postings.of(BAGS).vectors([*BAGS, _bag(b=5, c=1, y=9)])
    lengths = np.sqrt(np.asarray(found.power(2).sum(axis=1)).ravel())
    assert lengths.tolist() == pytest.approx([1, 1, 1, 1] + [0] * 8 + [1])
    often = found.toarray()[-1]
    assert often[0] > often[1] > 0


def test_postings_of_nothing() -> None:
    empty = Postings.of([])
    assert (len(empty.codes), empty.matrix(0).shape) == (0, (0, 0))
    assert empty.vectors(BAGS).shape == (len(BAGS), 0)
    assert Postings.of([_bag()] * 5).matrix(5).shape == (0, 5)


def test_postings_of_some_notes_keep_their_weights() -> None:
    whole, rows = Postings.of(BAGS), np.array([1, 2, 8])
    part = whole.of_notes(rows, len(BAGS))
    assert part.codes.tolist() == whole.codes.tolist()
    assert part.weights.tolist() == whole.weights.tolist()
    assert part.matrix(3).toarray().tolist() == whole.matrix(len(BAGS)).toarray()[:, rows].tolist()


def _memory(readings: list[Reading], words: Postings, grams: Postings, vectors: np.ndarray, tags: np.ndarray) -> Memory:
    """A memory of notes whose codes weigh what they do in given postings."""

    def filled(postings: Postings, notes: list[Weighted]) -> Postings:
        matrix = sparse.csr_matrix(postings.vectors(notes).T.tocsr())
        return postings._replace(indptr=matrix.indptr, indices=matrix.indices, data=matrix.data)

    return Memory(
        vectors,
        filled(words, [reading.words for reading in readings]),
        filled(grams, [reading.grams for reading in readings]),
        sparse.csr_matrix(tags),
    )


@pytest.mark.parametrize("left_out", [[], [0], [3, 17, 39], list(range(0, 40, 2)), list(range(40))])
def test_a_memory_without_notes_is_one_that_never_had_them(left_out: list[int]) -> None:
    notes = make_notes(1)[::3][:40]
    assert len(notes) == 40
    readings = [read(text_of(note)) for note in notes]
    vectors = vectors_of(notes)
    tags = (np.random.default_rng(0).random((40, 7)) < 0.3).astype(np.float32)
    words = Postings.of([reading.words for reading in readings])
    grams = Postings.of([reading.grams for reading in readings])
    whole = _memory(readings, words, grams, vectors, tags)
    kept = [row for row in range(40) if row not in left_out]
    found = whole.without(np.array(left_out, dtype=np.intp))
    wanted = _memory([readings[row] for row in kept], words, grams, vectors[kept], tags[kept])
    assert len(found) == len(wanted) == 40 - len(left_out)
    assert len(whole) == 40
    np.testing.assert_array_equal(found.vectors, wanted.vectors)
    np.testing.assert_array_equal(found.tags.toarray(), wanted.tags.toarray())
    for kind in ("words", "grams"):
        one, other = getattr(found, kind), getattr(wanted, kind)
        np.testing.assert_array_equal(one.codes, other.codes)
        np.testing.assert_array_equal(one.weights, other.weights)
        np.testing.assert_array_equal(one.matrix(len(kept)).toarray(), other.matrix(len(kept)).toarray())
        assert len(one.codes) > 50


@pytest.mark.parametrize("n", [1, NEAR - 1, NEAR, NEAR + 1, 500])
def test_neighbours_are_the_nearest_in_order(n: int) -> None:
    near = np.random.default_rng(n).random((4, n), dtype=np.float32)
    found = Neighbours.of(near)
    assert found.notes.shape == (4, min(n, NEAR))
    for row in range(4):
        assert found.notes[row].tolist() == np.argsort(-near[row])[:NEAR].tolist()
        assert found.near[row].tolist() == near[row][found.notes[row]].tolist()


def test_tags_of_neighbours_are_named_with_who_carries_them() -> None:
    chance = np.random.default_rng(4)
    carries = (chance.random((30, 9)) < 0.25).astype(np.float32)
    carries[5] = 0
    neighbours = np.array([chance.permutation(30)[:6] for _ in range(3)], dtype=np.int32)
    neighbours[1, 2] = 5
    found = expand(sparse.csr_matrix(carries), neighbours)
    wanted = [
        (row * 9 + tag, row * 6 + place)
        for row in range(3)
        for place in range(6)
        for tag in range(9)
        if carries[neighbours[row, place], tag]
    ]
    assert len(wanted) > 10
    assert sorted(zip(found.pairs.tolist(), found.place.tolist(), strict=True)) == sorted(wanted)
