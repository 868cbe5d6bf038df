"""Notes in, numbers out: each note leaves a few floats behind, from which every metric and its interval is made."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handbook.records import Handbook
from notes.records import Failure, Note, Record, Trace
from notes.words import form_key
from signatures.metrics.beyond import Frequencies, granularity, groundedness, interest_coverage, novelty, redundancy
from signatures.metrics.intervals import Floats, interval, means, resampled
from signatures.metrics.keyphrase import CUTS, MAP_CUTS, f1, note_scores
from signatures.questions import TagLimits
from signatures.sources import Sources

Unit = Literal["%", "bits", "tags"]


class Metric(NamedTuple):
    """What is measured."""

    name: str
    unit: Unit
    says: str
    columns: tuple[str, ...]
    """What it is made of: one column is averaged over notes, two are precision and recall."""
    part: bool = False
    """Whether it says more about the metric above it."""


def _mean(name: str, unit: Unit, says: str, *, of: str = "", part: bool = False) -> Metric:
    return Metric(name, unit, says, (of or name,), part)


METRICS: tuple[Metric, ...] = (
    *(Metric(f"F1@{k}", "%", f"of average precision and recall of the first {k}", (f"P@{k}", f"R@{k}")) for k in CUTS),
    *(_mean(f"meanF1@{k}", "%", f"average of each note's F1 of the first {k}", of=f"F@{k}", part=True) for k in CUTS),
    *(_mean(f"MAP@{k}", "%", f"mean average precision of the first {k}", of=f"AP@{k}") for k in MAP_CUTS),
    _mean("redundancy", "%", "pairs of a note's tags that say the same: lower is better"),
    _mean("redundancy_same", "%", "in form, spelling or meaning", part=True),
    _mean("redundancy_coarser", "%", "one the coarser form of the other", part=True),
    _mean("granularity", "bits", "information content of a tag against the file"),
    _mean("interest_coverage", "%", "matched interests that a tag expresses"),
    _mean("groundedness", "%", "tags whose evidence holds"),
    _mean("groundedness_text", "%", "in title or content", part=True),
    _mean("groundedness_picture", "%", "in a picture", part=True),
    _mean("groundedness_interest", "%", "in a matched interest", part=True),
    _mean("novelty", "%", "tags neither in the gold nor in the handbook"),
    _mean("tags_per_note", "tags", "0 for a note that failed"),
)
COLUMNS = (*dict.fromkeys(column for metric in METRICS for column in metric.columns), "failed")
_AT = {name: number for number, name in enumerate(COLUMNS)}


class Estimate(Record):
    """A metric of some notes, in its unit, rounded to two digits."""

    value: float | None
    """None: no note says anything about it."""
    low: float | None
    """Ends of the interval."""
    high: float | None
    notes: int
    """Notes that say something about it."""


class Difference(Record):
    """A metric with a part less its value without it, rounded to two digits."""

    full: float | None
    without: float | None
    difference: float | None
    """None: one of the two has no value."""
    low: float | None
    """Ends of the paired interval of the difference."""
    high: float | None
    clear: bool
    """Whether the interval excludes zero."""


class Report(Record):
    """All metrics of some notes."""

    notes: int
    with_gold: int
    failed: int
    """Notes without tags; they count as 0 among those with gold."""
    metrics: dict[str, Estimate]


class Evaluation:
    """Takes notes in with what became of them.

    Args:
        handbook: Whose vocabulary counts as known, and expresses interests.
        frequencies: What granularity is measured against; None: it is not measured.
        limits: How near is the same.
    """

    def __init__(
        self,
        *,
        handbook: Handbook | None = None,
        frequencies: Frequencies | None = None,
        limits: TagLimits | None = None,
    ) -> None:
        interests = handbook.interests.values() if handbook is not None else ()
        self._vocabulary = {interest.id: frozenset(map(form_key, interest.tags)) for interest in interests}
        self._known = frozenset[str]().union(*self._vocabulary.values())
        self._frequencies = frequencies
        self._limits = limits or TagLimits()
        self._rows = array("d")
        self._category_of = array("I")
        self._categories: dict[str, int] = {}
        self._ids = hashlib.blake2b()
        self.failures: Counter[str] = Counter()
        """Reasons."""

    def add(
        self, note: Note, outcome: Trace | Failure, *, vectors: NDArray[np.float32] | None = None
    ) -> dict[str, float | None]:
        """Take one note in; what it leaves behind, by name out of `COLUMNS`.

        Args:
            note: With its gold in `hashtags`, if it has one.
            outcome: Of this note.
            vectors: Meaning of its tags, as `tag_vectors` gives them.

        Raises:
            ValueError: the outcome is another note's.
        """
        if outcome.note_id != note.id:
            raise ValueError(f"the outcome of note {outcome.note_id!r} came with note {note.id!r}")
        found: dict[str, float | None] = {}
        if isinstance(outcome, Failure):
            self.failures[outcome.reason] += 1
            found |= note_scores(note.hashtags, ())
            found |= {"tags_per_note": 0.0, "failed": 1.0}
        else:
            tags = [tag.tag for tag in outcome.tags]
            found |= note_scores(note.hashtags, tags)
            found |= self._beyond(note, outcome, tags, vectors)
            found |= {"tags_per_note": float(len(tags)), "failed": 0.0}
        row = (found.get(name) for name in COLUMNS)
        self._rows.extend(float("nan") if value is None else value for value in row)
        self._category_of.append(self._categories.setdefault(note.category[:200], len(self._categories)))
        self._ids.update(f"{note.id}\n".encode())
        return found

    def _beyond(
        self, note: Note, trace: Trace, tags: list[str], vectors: NDArray[np.float32] | None
    ) -> dict[str, float | None]:
        found: dict[str, float | None] = {
            "interest_coverage": interest_coverage(trace, self._vocabulary),
            "novelty": novelty(tags, frozenset(map(form_key, note.hashtags)), self._known),
        }
        if self._frequencies is not None:
            found["granularity"] = granularity(tags, self._frequencies)
        twice = redundancy(tags, self._limits, vectors)
        if twice is not None:
            found |= {"redundancy": sum(twice), "redundancy_same": twice.same, "redundancy_coarser": twice.coarser}
        grounded = groundedness(trace, Sources.of(note, trace.pictures))
        if grounded is not None:
            parts = {f"groundedness_{kind}": share for kind, share in grounded._asdict().items() if kind != "any"}
            found |= {"groundedness": grounded.any, **parts}
        return found

    def report(self, *, resamples: int = 1000, seed: int = 0) -> Report:
        """All metrics with their intervals."""
        return _report(self._table(), resamples, seed)

    def by_category(self, *, most: int = 20, resamples: int = 1000, seed: int = 0) -> dict[str, Report]:
        """A report for each of the categories with the most notes, those first."""
        of, table = np.asarray(self._category_of), self._table()
        counts = np.bincount(of, minlength=len(self._categories))
        names = sorted(self._categories, key=lambda name: -counts[self._categories[name]])[:most]
        return {name: _report(table[of == self._categories[name]], resamples, seed) for name in names}

    def compare(self, without: "Evaluation", *, resamples: int = 1000, seed: int = 0) -> dict[str, Difference]:
        """This run less the same one without something, each metric with its paired interval.

        Raises:
            ValueError: the other run is not of the same notes in the same order.
        """
        if self._ids.digest() != without._ids.digest():
            raise ValueError("only runs over the same notes in the same order can be compared; these notes differ")
        tables = [self._table(), without._table()]
        full, other = (_metrics(means(table)) for table in tables)
        draws, others = (_metrics(resampled(table, resamples, seed)) for table in tables)
        found = {}
        for number, metric in enumerate(METRICS):
            ends = interval(draws[:, number] - others[:, number])
            low, high = ends if ends is not None else (None, None)
            found[metric.name] = Difference(
                full=_rounded(full[number]),
                without=_rounded(other[number]),
                difference=_rounded(full[number] - other[number]),
                low=_rounded(low),
                high=_rounded(high),
                clear=low is not None and high is not None and (low > 0 or high < 0),
            )
        return found

    def _table(self) -> Floats:
        return np.array(self._rows, dtype=np.float64).reshape(-1, len(COLUMNS))


def evaluate(
    outcomes: Iterable[tuple[Note, Trace | Failure]],
    *,
    handbook: Handbook | None = None,
    frequencies: Frequencies | None = None,
    limits: TagLimits | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Report:
    """All metrics of notes that were tagged; tags are compared by form, spelling and containment, not by meaning."""
    evaluation = Evaluation(handbook=handbook, frequencies=frequencies, limits=limits)
    for note, outcome in outcomes:
        evaluation.add(note, outcome)
    return evaluation.report(resamples=resamples, seed=seed)


def _report(table: Floats, resamples: int, seed: int) -> Report:
    values = _metrics(means(table))
    draws = _metrics(resampled(table, resamples, seed))
    counts = (~np.isnan(table)).sum(0)
    found = {}
    for number, metric in enumerate(METRICS):
        low, high = interval(draws[:, number]) or (None, None)
        said = int(counts[_AT[metric.columns[0]]])
        found[metric.name] = Estimate(
            value=_rounded(values[number]), low=_rounded(low), high=_rounded(high), notes=said
        )
    return Report(
        notes=len(table),
        with_gold=int(counts[_AT["P@1"]]),
        failed=int(table[:, _AT["failed"]].sum()),
        metrics=found,
    )


def _metrics(columns: Floats) -> Floats:
    """Metrics in their units, in the order of `METRICS`, from means of `COLUMNS`: shape (…, c) to (…, m)."""
    found = []
    for metric in METRICS:
        parts = [columns[..., _AT[name]] for name in metric.columns]
        found.append(f1(*parts) if len(parts) == 2 else parts[0] * (100 if metric.unit == "%" else 1))
    return np.stack(found, axis=-1)


def _rounded(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), 2)
