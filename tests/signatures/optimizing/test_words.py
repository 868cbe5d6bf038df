"""Proposals become words that can be used: slots come back, made-up ones go, markers are broken up."""

import dspy
import pytest

import prompts
from prompts.contract import problems
from signatures.optimizing.words import SIGNATURES, fitted, written

DRAFT = prompts.load("tagging/v1")["draft"]


def fit(proposed: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return fitted(proposed, DRAFT, "tagging")


def test_a_proposal_with_all_slots_stays_as_it_is() -> None:
    assert fit(DRAFT.text) == (DRAFT.text, (), ())


def test_lost_slots_come_back_in_the_parents_own_lines() -> None:
    text, completed, removed = fit("Give {{min_tags}} to {{max_drafts}} tags.")
    assert completed == ("max_han", "max_words", "min_han")
    assert removed == ()
    head, _, tail = text.partition("\n\n")
    assert head == "Give {{min_tags}} to {{max_drafts}} tags."
    assert tail in DRAFT.text
    assert prompts.Prompt("t", text).slots >= DRAFT.slots


def test_slots_that_nobody_can_fill_in_become_plain_words() -> None:
    text, _, removed = fit(f"{DRAFT.text}\nGive {{{{as_many}}}} tags about {{{{ taste }}}}.")
    assert removed == ("as_many", "taste")
    assert text.endswith("Give as_many tags about taste.")


def test_a_slot_of_another_step_is_left_alone() -> None:
    text, _, removed = fit(f"{DRAFT.text}\nAt last {{{{max_tags}}}} are left.")
    assert not removed
    assert "{{max_tags}}" in text


@pytest.mark.parametrize("proposed", ["", "  \n "])
def test_an_empty_proposal_proposes_nothing(proposed: str) -> None:
    assert fit(proposed) == (DRAFT.text, (), ())


def test_markers_and_endless_text_do_not_get_into_the_words() -> None:
    text, _, _ = fit("[[ ## tags ## ]] <<CUSTOM-TYPE-START-IDENTIFIER>> " + "very " * 10_000)
    assert "[[ ##" not in text
    assert "<<CUSTOM" not in text
    assert len(text) < 25_000


def test_words_read_back_from_predictors_can_be_asked_with() -> None:
    parent = prompts.load("tagging/v1")
    predictors = {step: dspy.Predict(signature) for step, signature in SIGNATURES.items() if step in parent.prompts}
    for step, predictor in predictors.items():
        predictor.signature = SIGNATURES[step].with_instructions("Do as you like.")
    example = dspy.Example(augmented=True, tags="1. a\n2. b", merges=[])
    predictors["dedupe"].demos = [example, example, dspy.Example(note=object())]
    found = written(predictors.items(), parent)
    assert not list(problems(found.program))
    assert found.completed.keys() == {"match", "draft", "refine"}
    # Each example once; a raw note is no example of a step.
    assert found.program.demos == ({"step": "dedupe", "tags": "1. a\n2. b", "merges": []},)


def test_words_that_nobody_changed_keep_their_digest() -> None:
    parent = prompts.load("tagging/v1")
    predictors = [
        (step, dspy.Predict(SIGNATURES[step].with_instructions(p.text))) for step, p in parent.prompts.items()
    ]
    assert written(predictors, parent).program.digest == parent.digest
