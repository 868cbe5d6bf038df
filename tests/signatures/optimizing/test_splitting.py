"""Splits by note, and gains paired by note."""

import pytest

from signatures.optimizing import gain_of, split_notes
from tests.signatures.optimizing.improvable import make_notes


def test_no_note_and_no_text_is_in_two_parts() -> None:
    notes = make_notes(20)
    again = [note.model_copy(update={"id": f"copy-{note.id}", "title": note.title.upper()}) for note in notes]
    split = split_notes([*notes, *again])
    ids = [[note.id for note in part] for part in (split.train, split.validation, split.held_out)]
    assert sorted(id for part in ids for id in part) == sorted(note.id for note in notes)
    assert [len(part) for part in ids] == [6, 6, 8]


def test_where_a_note_goes_depends_on_its_text_and_the_seed_alone() -> None:
    notes = make_notes(20)
    split = split_notes(notes)
    assert split_notes(notes[::-1]).fingerprint == split.fingerprint
    assert split_notes(notes, seed=1).fingerprint != split.fingerprint
    regolded = [note.model_copy(update={"hashtags": ("other",)}) for note in notes]
    assert split_notes(regolded).fingerprint != split.fingerprint


def test_too_few_notes_are_an_error_that_says_how_many_are_needed() -> None:
    with pytest.raises(ValueError, match="5 different notes cannot be split in three; at least 6 are needed"):
        split_notes(make_notes(5) * 3)


def test_a_gain_of_every_note_is_clear_and_of_chance_is_not() -> None:
    before = [0.1, 0.5, 0.9, 0.3, 0.7, 0.2, 0.4, 0.6]
    every = gain_of(before, [value + 0.1 for value in before])
    assert every.value == pytest.approx(0.1)
    assert every.low == pytest.approx(0.1)  # paired: that notes differ says nothing about the gain
    assert every.clear
    chance = gain_of(before, [value + (0.2 if n % 2 else -0.15) for n, value in enumerate(before)])
    assert chance.low < 0 < chance.value < chance.high
    assert not chance.clear
    assert not gain_of(before, before).clear
    assert gain_of(before, before[::-1]) == gain_of(before, before[::-1])


@pytest.mark.parametrize(("before", "after"), [([], []), ([0.1], [0.1, 0.2])])
def test_only_the_same_notes_can_be_compared(before: list[float], after: list[float]) -> None:
    with pytest.raises(ValueError, match="as many scores before as after"):
        gain_of(before, after)
