"""Numbers over everything a run holds, taken in note by note: a few floats and counts stay of each."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handbook.records import Handbook
from notes.records import STEPS, Failure, Reject, Trace
from signatures.metrics import METRICS, Estimate, Evaluation, Frequencies
from signatures.questions import TagLimits
from tagllm.report.spreads import Column, counted, spread
from tagllm.report.store import Joined, Store
from tagllm.report.texts import cut

SEED = 0
MOST_TAGS = 100
MOST_INTERESTS = 60
MOST_CATEGORIES = 60
MOST_REJECTS = 50
"""Shown one by one; all are counted."""

SCORES = ("redundancy", "granularity", "interest_coverage", "groundedness")
"""Of a note; the page shows how they spread, and sorts by them."""


@dataclass(kw_only=True)
class _Step:
    """What one step took, over all traces."""

    milliseconds: array = field(default_factory=lambda: array("f"))
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(kw_only=True)
class _Category:
    """What became of a category's notes."""

    tagged: int = 0
    failed: int = 0
    tags: int = 0
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Of each score, over the notes that have it."""
    counts: Counter[str] = field(default_factory=Counter)


class Facts:
    """Takes in what became of each note of one run.

    Args:
        run: 0, or 1 for the second of two.
        handbook: The run's, where it is still there.
        frequencies: Of the notes' words; None: granularity is not measured.
        limits: How near is the same.
    """

    def __init__(
        self,
        run: int,
        *,
        handbook: Handbook | None = None,
        frequencies: Frequencies | None = None,
        limits: TagLimits | None = None,
    ) -> None:
        self.run = run
        self.evaluation = Evaluation(handbook=handbook, frequencies=frequencies, limits=limits)
        self.tagged = self.failed = self.pictures = 0
        self.unreadable = 0
        """Notes that could not be read again, or have changed since."""
        self.rejects: Counter[str] = Counter()
        self._examples: list[Reject] = []
        self._failures: Counter[tuple[str, str]] = Counter()
        self._decisions: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[str] = Counter()
        self._languages: Counter[str] = Counter()
        self._kept = 0
        self._steps = {name: _Step() for name in STEPS}
        self._categories: dict[str, _Category] = defaultdict(_Category)
        self.interests: dict[str, str] = {}
        """Names of the interests that occurred, by id."""
        self._matched: Counter[str] = Counter()
        self.scores = {name: Column() for name in SCORES}
        self._confidences = array("f")
        self._tags_per_note: Counter[int] = Counter()

    def take(self, joined: Joined, store: Store) -> None:
        """Take one note in."""
        outcome = joined.outcomes[self.run]
        if outcome is None:
            return
        category = self._categories[joined.note.category[:120]]
        if isinstance(outcome, Failure):
            self.failed += 1
            category.failed += 1
            self._failures[outcome.step or "", outcome.reason] += 1
        else:
            self.tagged += 1
            category.tagged += 1
            category.tags += len(outcome.tags)
            self._take_trace(outcome)
            store.add_tags(self.run, outcome)
        self.pictures += sum(picture.refused is None for picture in outcome.pictures)
        self._refused.update(picture.refused.reason for picture in outcome.pictures if picture.refused is not None)
        self.unreadable += not joined.same_text[self.run]
        if not all(joined.same_text):
            return  # two runs are measured on what both have
        values = self.evaluation.add(joined.note, outcome)
        for name in SCORES:
            value = values.get(name)
            if value is not None:
                self.scores[name].put(joined.place, value)
                category.sums[name] += value
                category.counts[name] += 1

    def take_reject(self, reject: Reject) -> None:
        """Take in a row that was no note."""
        self.rejects[reject.reason] += 1
        if len(self._examples) < MOST_REJECTS:
            self._examples.append(reject)

    def _take_trace(self, trace: Trace) -> None:
        self._languages[trace.lang] += 1
        self._tags_per_note[len(trace.tags)] += 1
        self._confidences.extend(tag.confidence for tag in trace.tags)
        for record in trace.steps:
            step = self._steps[record.name]
            step.milliseconds.append(record.milliseconds)
            step.cached += record.cached
            step.prompt_tokens += record.prompt_tokens
            step.completion_tokens += record.completion_tokens
        self._decisions.update((decision.action, decision.reason) for decision in trace.decisions)
        self._kept += len(trace.tags)
        for match in trace.matched:
            self.interests.setdefault(match.id, match.name[:120])
        self._matched.update({match.id for match in trace.matched})

    @property
    def strongest(self) -> list[str]:
        """Interests that most notes speak to, those first."""
        return [id for id, _ in sorted(self._matched.items(), key=lambda item: (-item[1], item[0]))[:MOST_INTERESTS]]

    def as_json(self, store: Store, *, resamples: int) -> dict[str, Any]:
        """Everything, for the page."""
        distinct, once = store.distinct_tags(self.run)
        tags_of = store.top_tags_of(self.run, self.strongest, 6)
        report = self.evaluation.report(resamples=resamples, seed=SEED)
        return {
            "unreadable": self.unreadable,
            "metrics": metrics_json(report.metrics),
            "measured": report.notes,
            "with_gold": report.with_gold,
            "tags": {
                "top": [{"tag": cut(tag, 200), "count": n} for tag, n in store.top_tags(self.run, MOST_TAGS)],
                "distinct": distinct,
                "once": once,
                "all": self._kept,
            },
            "interests": {
                "distinct": len(self._matched),
                "top": [
                    {
                        "id": id,
                        "name": self.interests[id],
                        "notes": self._matched[id],
                        "tags": [{"tag": cut(tag, 200), "count": n} for tag, n in tags_of[id]],
                    }
                    for id in self.strongest
                ],
            },
            "spread": {
                "tags_per_note": counted(self._tags_per_note),
                "confidence": spread(self._confidences, 0.0, 1.0),
                "granularity": spread(self.scores["granularity"].values),
                **{
                    name: spread(self.scores[name].values, 0.0, 1.0, percent=True)
                    for name in ("interest_coverage", "redundancy", "groundedness")
                },
            },
            "steps": [{"name": name, **_times(step)} for name, step in self._steps.items() if step.milliseconds],
            "failures": [{"step": s, "reason": r, "count": n} for (s, r), n in self._failures.most_common()],
            "rejects": {
                "reasons": [{"reason": reason, "count": n} for reason, n in self.rejects.most_common()],
                "examples": [
                    {
                        "where": f"{reject.source.rsplit('/', 1)[-1]}:{reject.line}",
                        "id": cut(reject.id or "", 80),
                        "reason": reject.reason,
                        "message": cut(reject.message, 240),
                    }
                    for reject in self._examples
                ],
            },
            "drafts": {
                "kept": self._kept,
                "decisions": [{"action": a, "reason": r, "count": n} for (a, r), n in self._decisions.most_common()],
            },
            "pictures": {
                "opened": self.pictures,
                "refused": [{"reason": reason, "count": n} for reason, n in self._refused.most_common()],
            },
            "languages": [{"lang": lang, "count": n} for lang, n in self._languages.most_common(12)],
            "categories": self._categories_json(),
        }

    def _categories_json(self) -> list[dict[str, Any]]:
        most = sorted(self._categories.items(), key=lambda item: (-(item[1].tagged + item[1].failed), item[0]))
        return [
            {
                "category": name,
                "tagged": found.tagged,
                "failed": found.failed,
                "tags_per_note": round(found.tags / max(1, found.tagged + found.failed), 2),
                **{
                    score: round(found.sums[score] / found.counts[score], 4) if found.counts[score] else None
                    for score in SCORES
                },
            }
            for name, found in most[:MOST_CATEGORIES]
        ]


def metrics_json(metrics: Mapping[str, Estimate]) -> list[dict[str, Any]]:
    """Estimates with what they mean; those that no note says anything about are left out."""
    return [
        {"name": m.name, "unit": m.unit, "says": m.says, "part": m.part, **metrics[m.name].model_dump()}
        for m in METRICS
        if metrics[m.name].value is not None
    ]


def _times(step: _Step) -> dict[str, Any]:
    times = np.asarray(step.milliseconds, dtype=np.float64)
    times = times[np.isfinite(times)]
    quantiles = np.percentile(times, [5, 50, 95, 99]) if len(times) else np.zeros(4)
    names = ("p5", "p50", "p95", "p99")
    return {
        "notes": len(step.milliseconds),
        "cached": step.cached,
        "prompt_tokens": step.prompt_tokens,
        "completion_tokens": step.completion_tokens,
        "mean": round(float(times.mean()), 2) if len(times) else 0.0,
        **{name: round(float(value), 2) for name, value in zip(names, quantiles, strict=True)},
    }
