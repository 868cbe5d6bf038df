"""One number for what a note got, made of parts that can be seen, each with a sentence a prompt can be mended by."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from handbook.records import Handbook
from notes.records import Failure, Note, Trace
from notes.words import form_key
from signatures.metrics.beyond import Frequencies, groundedness, interest_coverage, redundancy
from signatures.metrics.judge import Judged
from signatures.metrics.keyphrase import note_scores, stemmed
from signatures.questions import TagLimits
from signatures.sources import Sources

NAME = "tagging"
"""Of the metric, in `program.toml`."""
WEIGHTS: Mapping[str, float] = {
    "gold": 4.0,
    "judged": 4.0,
    "groundedness": 2.0,
    "coverage": 1.0,
    "granularity": 1.0,
    "redundancy": 1.0,
    "count": 0.5,
    "form": 0.5,
}
"""What a part counts for beside the others that have something to say about the note."""
_STEPS: Mapping[str, tuple[str, ...]] = {
    "gold": ("match", "draft", "refine"),
    "judged": ("draft", "refine"),
    "groundedness": ("describe", "draft"),
    "coverage": ("match", "draft"),
    "granularity": ("draft", "refine"),
    "redundancy": ("draft", "dedupe"),
    "count": ("draft", "refine"),
    "form": ("draft", "refine"),
}
"""Which steps can do something about a part."""
_FORM = frozenset({"not_house_form", "call_to_action", "too_general", "instruction"})
_NAMED = 6
"""Examples in a sentence."""


class Part(NamedTuple):
    """One part of a score."""

    name: str
    value: float
    """0 to 1, more is better."""
    says: str
    """What was good or bad about it, naming tags."""


@dataclass(frozen=True)
class TaggingScore:
    """What one note got, measured."""

    parts: tuple[Part, ...]
    failure: str = ""
    """Why there were no tags; then the score is 0."""

    @property
    def total(self) -> float:
        """Weighted mean of the parts, 0 to 1."""
        if self.failure or not self.parts:
            return 0.0
        weights = [WEIGHTS[part.name] for part in self.parts]
        found = math.fsum(weight * part.value for weight, part in zip(weights, self.parts, strict=True))
        return found / math.fsum(weights)

    def feedback(self, step: str = "") -> str:
        """What could be better, worst first, for a step's words; for all words without a step, or for a fused one."""
        if self.failure:
            return f"The note got no tags and the score 0: {self.failure}"
        about = [part for part in self.parts if step not in _ALL_STEPS or step in _STEPS[part.name]]
        lines = [f"{p.name} {p.value:.2f}: {p.says}" for p in sorted(about, key=lambda p: p.value)]
        return "\n".join([f"The note's tags score {self.total:.3f} of 1.", *lines])


_ALL_STEPS = frozenset(step for steps in _STEPS.values() for step in steps)


class TaggingMetric:
    """Scores what notes got.

    Args:
        handbook: Whose vocabulary expresses interests.
        frequencies: What granularity is measured against; None: it is not measured.
        limits: House form.
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
        self._frequencies = frequencies
        self._limits = limits or TagLimits()

    def score(self, note: Note, outcome: Trace | Failure, judged: Judged | None = None) -> TaggingScore:
        """The score of one note.

        Args:
            note: With its gold in `hashtags`, if it has one.
            outcome: Of this note.
            judged: What a judge said of its tags.
        """
        if isinstance(outcome, Failure):
            return TaggingScore((), f"{outcome.step}: {outcome.reason}: {outcome.message[:300]}")
        tags = [tag.tag for tag in outcome.tags]
        found = (
            _gold(note.hashtags, tags),
            _judged(judged),
            _grounded(note, outcome),
            _covered(outcome, self._vocabulary),
            _fine(tags, self._frequencies),
            _different(tags, self._limits),
            _count(len(tags), self._limits),
            _form(outcome),
        )
        return TaggingScore(tuple(part for part in found if part is not None))


def _gold(gold: Sequence[str], tags: Sequence[str]) -> Part | None:
    scores = note_scores(gold, tags)
    if not scores:
        return None
    wanted, got = set(stemmed(gold)), set(stemmed(tags))
    missed = [tag for tag in gold if not got.intersection(stemmed([tag]))]
    others = [tag for tag in tags if not wanted.intersection(stemmed([tag]))]
    says = f"{len(gold) - len(missed)} of the author's {len(gold)} tags were found"
    says += f"; missed: {_named(missed)}" if missed else ""
    says += f"; given, but not the author's: {_named(others)}" if others else ""
    return Part("gold", scores["F@5"], says)


def _judged(judged: Judged | None) -> Part | None:
    if judged is None or judged.value is None:
        return None
    said = [f"{_named([tag])} is {v.verdict}: {v.why}" for tag, v in judged.verdicts if v.verdict != "good"]
    return Part("judged", judged.value, "; ".join(said[:_NAMED]) or "the judge finds every tag good")


def _grounded(note: Note, trace: Trace) -> Part | None:
    sources = Sources.of(note, trace.pictures)
    found = groundedness(trace, sources)
    if found is None:
        return None
    each = ((tag, groundedness(trace.model_copy(update={"tags": (tag,)}), sources)) for tag in trace.tags)
    loose = [tag.tag for tag, share in each if share is not None and not share.any]
    says = (
        f"rest on nothing that stands in the note or its pictures: {_named(loose)}"
        if loose
        else "every tag rests on something"
    )
    return Part("groundedness", found.any, says)


def _covered(trace: Trace, vocabulary: Mapping[str, frozenset[str]]) -> Part | None:
    share = interest_coverage(trace, vocabulary)
    if share is None:
        return None
    one = (trace.model_copy(update={"matched": (match,)}) for match in trace.matched)
    silent = [single.matched[0].name for single in one if not interest_coverage(single, vocabulary)]
    says = f"matched, but no tag says it: {_named(silent)}" if silent else "every matched interest has its tag"
    return Part("coverage", share, says)


def _fine(tags: Sequence[str], frequencies: Frequencies | None) -> Part | None:
    if frequencies is None or frequencies.notes < 2 or not tags:
        return None
    most = math.log2((frequencies.notes + 1) / 2)  # a tag that fits one note is as fine as need be
    values = [min(1.0, frequencies.information(tag) / most) for tag in tags]
    coarse = [tag for tag, value in zip(tags, values, strict=True) if value < 0.5]
    says = f"fit many other notes as well: {_named(coarse)}" if coarse else "every tag is fine-grained"
    return Part("granularity", math.fsum(values) / len(values), says)


def _different(tags: Sequence[str], limits: TagLimits) -> Part | None:
    if len(tags) < 2:
        return None
    pairs = [pair for pair in itertools.combinations(tags, 2) if any(redundancy(pair, limits) or ())]
    says = f"say the same: {_named([f'{a} / {b}' for a, b in pairs])}" if pairs else "every tag says something else"
    return Part("redundancy", 1 - len(pairs) / math.comb(len(tags), 2), says)


def _count(count: int, limits: TagLimits) -> Part:
    wanted = f"{limits.min_tags} to {limits.max_tags} are wanted"
    if count < limits.min_tags:
        return Part("count", count / limits.min_tags, f"only {count} tags, {wanted}")
    return Part("count", min(1.0, limits.max_tags / count), f"{count} tags, {wanted}")


def _form(trace: Trace) -> Part | None:
    if not trace.drafts:
        return None
    bad = [decision for decision in trace.decisions if decision.reason in _FORM]
    said = [f"{_named([d.tag])} ({d.reason.replace('_', ' ')}{f': {d.detail}' if d.detail else ''})" for d in bad]
    says = f"drafts that had to be dropped: {', '.join(said[:_NAMED])}" if bad else "every draft was in house form"
    return Part("form", max(0.0, 1 - len(bad) / len(trace.drafts)), says)


def _named(tags: Sequence[str]) -> str:
    shown = ", ".join(f"“{' '.join(tag.split())[:80]}”" for tag in tags[:_NAMED])
    return shown + (f" and {len(tags) - _NAMED} more" if len(tags) > _NAMED else "")
