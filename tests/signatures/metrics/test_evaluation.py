"""Notes in, numbers out: what is averaged over which notes, comparisons, categories."""

import random
import tracemalloc
from collections.abc import Iterator, Sequence

import pytest

from handbook.records import Category, Handbook, Interest
from notes.records import Failure, Note, Trace
from signatures.metrics import METRICS, Difference, Evaluation, Frequencies, evaluate, score
from signatures.metrics.evaluation import COLUMNS
from tests.signatures.metrics.made import failure, note, tag, trace

INTERESTS = (Interest(id="travel.hotels", name="Hotels", tags={"budget hotel": 3}),)
HANDBOOK = Handbook(categories=(Category(id="travel", interests=INTERESTS),))

A = note("a")
B = note("b", hashtags=("mrt",))
C = note("c", category="food")
D = note("d", hashtags=())
OUTCOMES: list[tuple[Note, Trace | Failure]] = [
    (A, trace(A, "Night view", "night views", "budget hotels", matched=("travel.hotels",))),
    (B, trace(B, "MRT")),
    (C, failure(C)),
    (D, trace(D, tag("bridge"))),
]


def taken_in(outcomes: Sequence[tuple[Note, Trace | Failure]]) -> Evaluation:
    evaluation = Evaluation(handbook=HANDBOOK, frequencies=Frequencies(n for n, _ in OUTCOMES))
    for n, outcome in outcomes:
        evaluation.add(n, outcome)
    return evaluation


def test_each_metric_is_averaged_over_the_notes_that_say_something() -> None:
    report = taken_in(OUTCOMES).report()
    assert (report.notes, report.with_gold, report.failed) == (4, 3, 1)
    assert tuple(report.metrics) == tuple(metric.name for metric in METRICS)
    counted = {name: found.notes for name, found in report.metrics.items()}
    values = {name: found.value for name, found in report.metrics.items()}
    golds = [["#NightViews", "singapore"], ["mrt"], ["x"]]
    wanted = score(golds, [["Night view", "night views", "budget hotels"], ["MRT"], []])
    assert {name: values[name] for name in wanted} == {n: round(v, 2) for n, v in wanted.items() if v is not None}
    assert {counted[name] for name in wanted} == {3}
    # Only the first has two tags or an interest; the failed note has none to speak of, but a number of them: 0.
    assert (values["redundancy"], counted["redundancy"]) == (33.33, 1)
    assert (values["redundancy_same"], values["redundancy_coarser"]) == (33.33, 0)
    assert (values["interest_coverage"], counted["interest_coverage"]) == (100, 1)
    # One of the first note's three stands there, the second's only one does, and for the last nothing was named.
    assert (values["groundedness"], counted["groundedness"]) == (44.44, 3)
    # New are none of the first (gold, gold, handbook), none of the second, and the last one's only tag.
    assert (values["novelty"], counted["novelty"]) == (33.33, 3)
    assert (values["tags_per_note"], counted["tags_per_note"]) == (1.25, 4)
    assert counted["granularity"] == 3


def test_intervals_hold_the_values_and_the_same_seed_gives_the_same_report() -> None:
    first, again = (taken_in(OUTCOMES).report(resamples=200) for _ in range(2))
    assert first == again
    for found in first.metrics.values():
        ends = [value for value in (found.low, found.value, found.high) if value is not None]
        assert len(ends) == 3
        assert ends == sorted(ends)


def test_no_notes_give_no_numbers() -> None:
    report = Evaluation().report(resamples=10)
    assert (report.notes, report.with_gold, report.failed) == (0, 0, 0)
    assert {(found.value, found.low, found.high, found.notes) for found in report.metrics.values()} == {
        (None, None, None, 0)
    }
    assert Evaluation().by_category() == {}


def test_what_cannot_be_measured_has_no_number() -> None:
    report = evaluate([(D, trace(D, "bridge"))])
    empty = {name for name, found in report.metrics.items() if found.value is None}
    gold = {name for name in report.metrics if "@" in name}
    assert empty == gold | {"granularity", "interest_coverage", *(n for n in report.metrics if "redundancy" in n)}
    failed = evaluate([(A, failure(A))])
    values = {name: found.value for name, found in failed.metrics.items() if found.value is not None}
    assert set(values) == gold | {"tags_per_note"}
    assert set(values.values()) == {0}


def test_evaluate_is_the_accumulator_in_one_go() -> None:
    frequencies = Frequencies(n for n, _ in OUTCOMES)
    assert evaluate(OUTCOMES, handbook=HANDBOOK, frequencies=frequencies) == taken_in(OUTCOMES).report()


def test_chinese_notes_are_measured_alike() -> None:
    zh = note("z", title="维港夜景机位", content="", hashtags=("維港夜景", "香港"), lang="zh")
    report = evaluate([(zh, trace(zh, "维港夜景", "夜景"))], frequencies=Frequencies([zh]))
    values = {name: found.value for name, found in report.metrics.items()}
    assert values["F1@1"] == 0  # the published metrics know no scripts
    assert (values["novelty"], values["redundancy_coarser"], values["groundedness_text"]) == (50, 100, 100)


def test_an_outcome_of_another_note_is_refused() -> None:
    with pytest.raises(ValueError, match="outcome of note 'b' came with note 'a'"):
        Evaluation().add(A, trace(B))


def many(precision: float, seed: int = 0) -> Iterator[tuple[Note, Trace]]:
    random_ = random.Random(seed)
    for number in range(120):
        n = note(str(number), category=("travel", "food", "")[number % 3 if number < 90 else 0])
        yield n, trace(n, "singapore" if random_.random() < precision else "bridge")


def test_a_run_less_itself_is_exactly_nothing() -> None:
    first, again = taken_in([*many(0.5)]), taken_in([*many(0.5)])
    for name, found in first.compare(again, resamples=100).items():
        if found.full is not None:
            assert (found.difference, found.low, found.high, found.clear) == (0, 0, 0, False), name


def numbers(found: Difference) -> list[float]:
    values = (found.full, found.without, found.difference, found.low, found.high)
    return [value for value in values if value is not None]


def test_a_better_run_is_clearly_better_and_one_by_chance_is_not() -> None:
    good, other, poor = (taken_in([*many(p, seed)]) for p, seed in ((0.6, 1), (0.6, 2), (0.2, 1)))
    found = good.compare(poor)["F1@1"]
    full, without, gained, low, high = numbers(found)
    assert 0 < low < gained < high
    assert found.clear
    assert gained == pytest.approx(full - without, abs=0.011)
    assert not good.compare(other)["F1@1"].clear
    assert numbers(poor.compare(good)["F1@1"]) == [without, full, -gained, -high, -low]


def test_what_only_one_run_can_say_has_no_difference() -> None:
    without = taken_in([(A, trace(A, "Night view"))])
    found = taken_in(OUTCOMES[:1]).compare(without)["interest_coverage"]
    assert (found.full, found.without, found.difference, found.low, found.clear) == (100, None, None, None, False)


@pytest.mark.parametrize("others", [OUTCOMES[:3], [OUTCOMES[1], OUTCOMES[0], *OUTCOMES[2:]], []])
def test_runs_over_other_notes_are_not_compared(others: list[tuple[Note, Trace | Failure]]) -> None:
    with pytest.raises(ValueError, match="only runs over the same notes in the same order"):
        taken_in(OUTCOMES).compare(taken_in(others))


def test_categories_with_the_most_notes_come_first_each_measured_alone() -> None:
    outcomes = [*many(0.5)]
    found = taken_in(outcomes).by_category()
    assert [(name, report.notes) for name, report in found.items()] == [("travel", 60), ("food", 30), ("", 30)]
    alone = taken_in([(n, t) for n, t in outcomes if n.category == "food"]).report()
    assert found["food"] == alone
    assert list(taken_in(outcomes).by_category(most=1)) == ["travel"]


def test_failures_are_counted_by_reason() -> None:
    assert taken_in(OUTCOMES).failures == {"no_tags": 1}


def test_a_note_leaves_only_a_few_floats_behind() -> None:
    evaluation = Evaluation()

    def add(count: int) -> None:
        for number in range(count):
            n = note(str(number), content=f"{number} night view " * 200)
            evaluation.add(n, trace(n, "Night view"))

    add(20)
    tracemalloc.start()
    add(200)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown / 200 < 8 * len(COLUMNS) * 1.5 + 200
