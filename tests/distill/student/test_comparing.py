"""A student beside its teacher: paired differences, likeness, costs, and scores by interest."""

from typing import Any

import pytest

from distill.student.comparing import Judged, compare, costs_of
from notes import Failure, Note, Trace
from notes.records import StepRecord
from tests.tagllm.report.made import trace


def note(number: int, *gold: str) -> Note:
    return Note(id=f"n{number}", title=f"harbour lantern {number}", content="ferry noodle", lang="en", hashtags=gold)


def made(of: Note, *tags: str, interest: str = "travel.night") -> Trace:
    return trace(of, tags, interest=interest)


def asked(outcome: Trace, requests: int, *, again: bool = False, cached: bool = False) -> Trace:
    """The trace with as many requests; of the last the answer was asked for once more."""
    steps = []
    for number in range(requests):
        messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]
        if again and number == requests - 1:
            messages += [{"role": "assistant", "content": "{"}]
            messages += [{"role": "user", "content": "That answer breaks the form asked for: no JSON. Answer again."}]
        sent: Any = {"messages": messages}
        steps.append(
            StepRecord(name="draft", program="m", request=sent, prompt_tokens=100, completion_tokens=10, cached=cached)
        )
    return outcome.model_copy(update={"steps": tuple(steps)})


def test_differences_are_the_students_less_the_teachers_over_the_same_notes() -> None:
    judged = []
    for number in range(8):
        one = note(number, "harbour lantern")
        student = made(one, "ferry noodle") if number % 2 else made(one, "harbour lantern")
        judged.append(Judged(one, student, made(one, "harbour lantern")))
    found = compare(judged, resamples=200)
    assert found.teacher is not None
    assert found.differences is not None
    assert found.likeness is not None
    assert (found.student["F1@1"].value, found.teacher["F1@1"].value) == (50, 100)
    difference = found.differences["F1@1"]
    assert (difference.difference, difference.clear) == (-50, True)
    assert difference.low is not None
    assert difference.high is not None
    assert difference.low < -50 < difference.high < 0
    assert found.likeness["F1@1"].value == 50
    same = compare([Judged(one.note, one.teacher or one.student, one.teacher) for one in judged], resamples=50)
    assert same.differences is not None
    assert not any(one.clear for one in same.differences.values())
    assert same.likeness is not None
    assert same.likeness["F1@5"].value == 100


def test_costs_count_what_was_sent_and_what_broke_its_form() -> None:
    one = note(1)
    refused = Failure(
        note_id="n2", step="draft", reason="unparsed", message="", request={"messages": []}, prompt_tokens=7
    )
    outcomes = [asked(made(one, "a"), 4), asked(made(one, "a"), 1, again=True), asked(made(one, "a"), 2, cached=True)]
    found = costs_of([*outcomes, refused])
    assert (found.notes, found.failed, found.requests, found.from_cache) == (4, 1, 4 + 2 + 0 + 1, 2)
    assert (found.prompt_tokens, found.completion_tokens) == (707, 70)
    assert found.valid == pytest.approx(100 * 6 / 8)
    assert costs_of([]).valid is None


def test_scores_by_interest_are_over_the_notes_that_the_teacher_matched_to_it() -> None:
    judged = []
    for number in range(6):
        one = note(number, "harbour lantern")
        interest = "travel.night" if number < 4 else "food.noodles"
        student = made(one, "harbour lantern" if interest == "travel.night" else "walnut")
        judged.append(Judged(one, student, made(one, "harbour lantern", interest=interest)))
    night, noodles = compare(judged, resamples=10).interests
    assert (night.id, night.notes, night.student, night.teacher, night.likeness) == ("travel.night", 4, 100, 100, 100)
    assert (noodles.id, noodles.notes, noodles.student, noodles.teacher) == ("food.noodles", 2, 0, 100)


def test_ratios_are_of_a_note() -> None:
    notes = [note(number) for number in range(3)]
    judged = [Judged(one, asked(made(one, "a"), 1), asked(made(one, "a"), 5)) for one in notes]
    found = compare(judged, rates=(40.0, 10.0), resamples=10)
    assert found.ratios == {"requests": 5, "tokens": 5, "completion_tokens": 5, "notes_per_second": 4}
    alone = compare([Judged(one.note, one.student, None) for one in judged], resamples=10)
    assert (alone.teacher, alone.ratios, alone.interests) == (None, None, ())
