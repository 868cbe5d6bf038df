"""Below which probability a match is left out: fitted on notes, not guessed.

DSPy's ReAnchor fits the cut of a yes-or-no answer against the metric. Our match step answers with a list, each match
with its probability, so its cut is fitted here by the same rules: the settings tried are the middles of the gaps
between the probabilities that were seen; every setting runs the whole program; of equal ones that in the widest gap
wins; and it is kept only if choosing on four fifths of the notes also gains on the fifth that was left out.
"""

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from prompts import PromptError, PromptProgram
from signatures.optimizing.search import Search

FOLDS = 5
MOST = 12
"""Settings that are tried."""


class Cut(NamedTuple):
    """A setting that could be tried."""

    threshold: float
    width: float
    """Of the gap it is the middle of."""


class _Tried(NamedTuple):
    words: PromptProgram
    scores: list[float]
    width: float


def calibrated(parent: PromptProgram, search: Search) -> PromptProgram:
    """The parent with the threshold that scores best on the training and validation notes, or the parent as it is.

    Raises:
        PromptError: no interest was matched, so there is nothing to fit.
        BudgetSpent: not even the parent could be measured.
    """
    notes = [*search.split.train, *search.split.validation]
    before = search.measure(with_threshold(parent, 0.0), notes) if parent.threshold else []
    start = search.measure(parent, notes)
    plain = with_threshold(parent, 0.0)
    seen = search.probabilities.get(plain.digest, [])
    if not seen:
        raise PromptError(f"{parent.id}: no interest was matched on {len(notes)} notes; the threshold needs a handbook")
    tried = [_Tried(plain, before, 0.0)] if before else []
    for cut in cuts(seen):
        words = with_threshold(parent, cut.threshold)
        tried.append(_Tried(words, search.measure(words, notes), cut.width))
    return _selected(start, tried) or parent


def with_threshold(words: PromptProgram, threshold: float) -> PromptProgram:
    """The same words, with matches below `threshold` left out."""
    about = {name: value for name, value in words.about.items() if name != "match"}
    return replace(words, about=about | ({"match": {"threshold": threshold}} if threshold else {}))


def cuts(probabilities: Sequence[float]) -> list[Cut]:
    """The settings that can make a difference, thinned to `MOST` over the quantiles of what was seen."""
    points = sorted({p for p in probabilities if 0 < p < 1})
    gaps = list(itertools.pairwise(points))  # below the first nothing is left out; above the last, everything
    if len(gaps) > MOST:
        gaps = [gaps[round(i * (len(gaps) - 1) / (MOST - 1))] for i in range(MOST)]
    return [Cut(round((low + high) / 2, 6), high - low) for low, high in gaps]


def _selected(start: Sequence[float], tried: Sequence[_Tried]) -> PromptProgram | None:
    everything = range(len(start))
    best = _best(start, tried, everything)
    if best is None:
        return None
    held = held_start = 0.0
    order = list(everything)
    random.Random(0).shuffle(order)  # noqa: S311  # which note is in which fold, the same every time
    for fold in (order[i::FOLDS] for i in range(min(FOLDS, len(order)))):
        left_out = set(fold)
        chosen = _best(start, tried, [i for i in everything if i not in left_out])
        held += math.fsum((chosen.scores if chosen else start)[i] for i in fold)
        held_start += math.fsum(start[i] for i in fold)
    return best.words if held > held_start else None


def _best(start: Sequence[float], tried: Sequence[_Tried], notes: Sequence[int]) -> _Tried | None:
    def total(scores: Sequence[float]) -> float:
        return math.fsum(scores[i] for i in notes)

    best = max(tried, key=lambda each: (total(each.scores), each.width), default=None)
    return best if best is not None and total(best.scores) > total(start) else None
