"""Pairs of several batches in one."""

import numpy as np

from handbook.matching.candidates import Candidates, by_note


def _batch(*rows: int, first: int) -> Candidates:
    n = len(rows)
    tags = np.arange(first, first + n, dtype=np.int32)
    features = np.stack([tags, -tags], axis=1).astype(np.float32)
    return Candidates(np.array(rows, dtype=np.int32), tags, np.full(n, -1, dtype=np.int32), features)


def test_pairs_are_joined_by_note_each_in_its_order() -> None:
    batches = [_batch(1, 1, 4, first=0), _batch(first=3), _batch(0, 3, first=3), _batch(2, first=5)]
    joined = by_note(batches)
    assert joined.row.tolist() == [0, 1, 1, 2, 3, 4]
    assert joined.tag.tolist() == [3, 0, 1, 5, 4, 2]
    assert joined.phrase.tolist() == [-1] * 6
    assert joined.features.tolist() == [[float(tag), -float(tag)] for tag in joined.tag]
    assert [column.dtype for column in joined] == [np.int32, np.int32, np.int32, np.float32]
    assert batches == []
