"""Budgets: every different request counts once, and none is sent beyond the limit."""

from collections.abc import Iterator
from typing import Any

import dspy
import pytest

from signatures.optimizing import Budget, BudgetSpent, Loop, metered
from signatures.optimizing.sampling import told_apart
from teachers.scripted import scripted_lm


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


def asked(lm: dspy.LM) -> int:
    engine: Any = lm._engine_spec
    return len(engine.requests)


def test_the_same_request_counts_once_however_often_it_is_asked(loop: Loop) -> None:
    lm, budget = scripted_lm(lambda _: "yes"), Budget(requests=2)
    counted = metered(lm, budget, loop)
    for question in ("a", "b", "a", "b"):
        counted(question)
    assert budget.requests == 2
    assert asked(lm) == 4
    assert not budget.spent


def test_no_request_beyond_the_limit_reaches_the_engine(loop: Loop) -> None:
    lm, budget = scripted_lm(lambda _: "yes"), Budget(requests=2)
    counted = metered(lm, budget, loop)
    counted("a")
    counted("b")
    with pytest.raises(BudgetSpent):
        counted("c")
    counted("a")  # known ones go through
    assert asked(lm) == 3
    assert budget.spent


def test_what_is_spent_is_no_error_that_an_optimiser_could_swallow() -> None:
    assert not issubclass(BudgetSpent, Exception)


def test_time_is_up_for_new_requests_only(loop: Loop) -> None:
    now = [0.0]
    lm, budget = scripted_lm(lambda _: "yes"), Budget(seconds=60, clock=lambda: now[0])
    counted = metered(lm, budget, loop)
    counted("a")
    now[0] = 61
    counted("a")
    with pytest.raises(BudgetSpent):
        counted("b")


def test_a_second_budget_counts_on_without_the_limits_of_the_first(loop: Loop) -> None:
    lm, first = scripted_lm(lambda _: "yes"), Budget(requests=1)
    metered(lm, first, loop)("a")
    second = Budget(known=first)
    metered(lm, second, loop)("b")
    assert second.requests == first.requests == 2
    with pytest.raises(BudgetSpent):
        metered(lm, first, loop)("c")


def test_rollouts_are_requests_of_their_own_and_the_same_ones_every_time() -> None:
    lm = scripted_lm(lambda _: "yes")
    several = [told_apart(lm.copy(rollout_id=number, temperature=1.0)) for number in (0, 1, 2, 1)]
    assert [one.kwargs["temperature"] for one in several] == [1.0, 1.00001, 1.00002, 1.00001]
    assert all("rollout_id" not in one.kwargs for one in several)
    assert told_apart(lm) is lm
    assert told_apart(lm.copy(rollout_id=3, temperature=0.0)).kwargs["temperature"] == 0.0
