"""A student beside its teacher, over the same notes: what the tags are worth, how like they are, what they cost."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handbook.records import Handbook
from notes.records import Failure, Note, Record, StepRecord, Trace
from signatures.metrics import Difference, Estimate, Evaluation, Frequencies
from signatures.questions import TagLimits

SEED = 0
LIKENESS = ("F1@1", "F1@3", "F1@5", "MAP@5")
"""Metrics that are measured against the teacher's tags as well."""
MOST_INTERESTS = 20
_COMPLAINT = "That answer breaks the form asked for:"
_BROKEN = ("unparsed", "truncated")

Outcome = Trace | Failure


class Judged(NamedTuple):
    """A note with what both made of it."""

    note: Note
    student: Outcome
    teacher: Outcome | None
    """None: there is no teacher to compare with."""
    vectors: tuple[NDArray[np.float32] | None, NDArray[np.float32] | None] = (None, None)
    """Meaning of the student's tags and of the teacher's."""


class Costs(Record):
    """What tagging notes cost; answers from a cache cost nothing."""

    notes: int
    failed: int
    requests: int
    """Sent, those of answers asked for again among them."""
    from_cache: int
    """Answers that were known."""
    prompt_tokens: int
    completion_tokens: int
    valid: float | None
    """Percentage of answers that were in the form asked for at once; None: nothing was asked."""
    notes_per_second: float | None = None
    """Of the whole run that they are from; None: it does not say."""


class InterestScores(Record):
    """Notes that speak to one interest, as the teacher matched them."""

    id: str
    name: str
    notes: int
    student: float | None
    """F1@5 against the notes' own tags, in percent; None: they have none."""
    teacher: float | None
    likeness: float | None
    """F1@5 of the student's tags against the teacher's."""


class Comparison(Record):
    """A student, and what it is beside its teacher."""

    notes: int
    student: dict[str, Estimate]
    student_costs: Costs
    teacher: dict[str, Estimate] | None = None
    teacher_costs: Costs | None = None
    differences: dict[str, Difference] | None = None
    """Student less teacher, with paired intervals."""
    likeness: dict[str, Estimate] | None = None
    """The student's tags against the teacher's."""
    ratios: dict[str, float | None] | None = None
    """Teacher by student: requests, tokens and seconds a note."""
    interests: tuple[InterestScores, ...] = ()
    failures: dict[str, int]
    """The student's, by reason."""


def compare(
    judged: Sequence[Judged],
    *,
    frequencies: Frequencies | None = None,
    handbook: Handbook | None = None,
    limits: TagLimits | None = None,
    rates: tuple[float | None, float | None] = (None, None),
    resamples: int = 1000,
) -> Comparison:
    """Measure both.

    Args:
        judged: Notes with outcomes; the teacher's of all or of none.
        frequencies: What granularity is measured against.
        handbook: Whose vocabulary expresses interests.
        limits: House form.
        rates: Notes a second of the student's run and of the teacher's.
        resamples: Of the bootstrap.
    """

    def new() -> Evaluation:
        return Evaluation(handbook=handbook, frequencies=frequencies, limits=limits)

    mine, theirs = new(), new()
    for one in judged:
        mine.add(one.note, one.student, vectors=one.vectors[0])
        if one.teacher is not None:
            theirs.add(one.note, one.teacher, vectors=one.vectors[1])
    report = mine.report(resamples=resamples, seed=SEED)
    found = Comparison(
        notes=report.notes,
        student=report.metrics,
        student_costs=costs_of((one.student for one in judged), rates[0]),
        failures=dict(mine.failures.most_common()),
    )
    teachers = [one.teacher for one in judged if one.teacher is not None]
    if not teachers:
        return found
    costs = costs_of(teachers, rates[1])
    likeness = _likeness(judged).report(resamples=resamples, seed=SEED)
    return found.model_copy(
        update={
            "teacher": theirs.report(resamples=resamples, seed=SEED).metrics,
            "teacher_costs": costs,
            "differences": mine.compare(theirs, resamples=resamples, seed=SEED),
            "likeness": {name: likeness.metrics[name] for name in LIKENESS},
            "ratios": _ratios(costs, found.student_costs),
            "interests": tuple(_by_interest(judged)),
        }
    )


def costs_of(outcomes: Iterable[Outcome], rate: float | None = None) -> Costs:
    """What a run's outcomes cost; of a request that failed it is not known how often it was sent."""
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        counts["notes"] += 1
        if isinstance(outcome, Failure):
            counts["failed"] += 1
            if outcome.request is not None and outcome.step != "retrieve":
                counts["answers"] += 1
                counts["requests"] += 1
                counts["broken"] += outcome.reason in _BROKEN
                counts["prompt"] += outcome.prompt_tokens
                counts["completion"] += outcome.completion_tokens
        for step in outcome.steps:
            _count(counts, step)
    return Costs(
        notes=counts["notes"],
        failed=counts["failed"],
        requests=counts["requests"],
        from_cache=counts["cached"],
        prompt_tokens=counts["prompt"],
        completion_tokens=counts["completion"],
        valid=round(100 * (1 - counts["broken"] / counts["answers"]), 2) if counts["answers"] else None,
        notes_per_second=round(rate, 4) if rate is not None else None,
    )


def _count(counts: Counter[str], step: StepRecord) -> None:
    if step.name == "retrieve" or not isinstance(step.request, dict):
        return
    messages = step.request.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else {}
    again = isinstance(last, dict) and str(last.get("content", "")).startswith(_COMPLAINT)
    counts["answers"] += 1
    counts["broken"] += again
    counts["cached"] += step.cached
    counts["requests"] += 0 if step.cached else 1 + again
    counts["prompt"] += step.prompt_tokens
    counts["completion"] += step.completion_tokens


def _ratios(teacher: Costs, student: Costs) -> dict[str, float | None]:
    def ratio(above: float, below: float) -> float | None:
        return round(above / below, 2) if above and below else None

    tokens = [(costs.prompt_tokens + costs.completion_tokens) / max(1, costs.notes) for costs in (teacher, student)]
    written = [costs.completion_tokens / max(1, costs.notes) for costs in (teacher, student)]
    requests = [costs.requests / max(1, costs.notes) for costs in (teacher, student)]
    return {
        "requests": ratio(*requests),
        "tokens": ratio(*tokens),
        "completion_tokens": ratio(*written),
        "notes_per_second": ratio(student.notes_per_second or 0, teacher.notes_per_second or 0),
    }


def _likeness(judged: Iterable[Judged]) -> Evaluation:
    """The student's tags against the teacher's, over notes that the teacher tagged."""
    found = Evaluation()
    for one in judged:
        if isinstance(one.teacher, Trace):
            gold = tuple(tag.tag for tag in one.teacher.tags)
            found.add(one.note.model_copy(update={"hashtags": gold}), one.student)
    return found


def _by_interest(judged: Sequence[Judged]) -> Iterator[InterestScores]:
    names: dict[str, str] = {}
    members: dict[str, list[Judged]] = {}
    for one in judged:
        for match in one.teacher.matched if isinstance(one.teacher, Trace) else ():
            names[match.id] = match.name
            members.setdefault(match.id, []).append(one)
    largest = sorted(members, key=lambda id: (-len(members[id]), id))[:MOST_INTERESTS]
    for id in largest:
        student, teacher = Evaluation(), Evaluation()
        for one in members[id]:
            assert one.teacher is not None
            student.add(one.note, one.student)
            teacher.add(one.note, one.teacher)
        scores: Mapping[str, float | None] = {
            name: evaluation.report(resamples=1, seed=SEED).metrics["F1@5"].value
            for name, evaluation in (("student", student), ("teacher", teacher), ("likeness", _likeness(members[id])))
        }
        yield InterestScores(id=id, name=names[id], notes=len(members[id]), **scores)
