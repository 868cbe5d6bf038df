"""Which drafts say the same, and which are only the coarser form of another.

The same code whoever the teacher is: spelling, script, edit distance, meaning and containment are looked at here, and a
teacher's opinion is one more input. Every merge carries its reason.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz

from notes.records import Decision, DecisionReason, DraftTag
from notes.words import form_key, normalised, numbers, word_set, zipf
from signatures.answers import Merges
from signatures.questions import TagLimits


@dataclass(frozen=True)
class Deduped:
    """What is left, best first, and what became of the rest."""

    kept: tuple[DraftTag, ...]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class _Form:
    """What is compared of a draft."""

    key: str
    words: frozenset[str]
    numbers: tuple[str, ...]
    text: str


def dedupe(
    drafts: Sequence[DraftTag],
    limits: TagLimits,
    *,
    vectors: NDArray[np.float32] | None = None,
    opinion: Merges | None = None,
) -> Deduped:
    """Merge what says the same.

    Args:
        drafts: Best first; of two that say the same the better one stays, with the evidence of both.
        limits: How near is the same.
        vectors: Unit vectors of the drafts' meaning, shape (n, d); without them meaning is not compared.
        opinion: A teacher's merges, tags numbered from 1 in the order of `drafts`.

    Raises:
        ValueError: not as many vectors as drafts.
    """
    if vectors is not None and len(vectors) != len(drafts):
        raise ValueError(f"{len(drafts)} drafts but {len(vectors)} vectors")
    forms = [_Form(form_key(d.tag), word_set(d.tag), numbers(d.tag), normalised(d.tag)) for d in drafts]
    into: dict[int, int] = {}
    decisions: dict[int, tuple[DecisionReason, str]] = {}

    def merge(loser: int, winner: int, reason: DecisionReason, detail: str) -> None:
        while winner in into:
            winner = into[winner]
        if loser != winner and loser not in into:
            into[loser] = winner
            decisions[loser] = (reason, detail)

    for first, second in itertools.combinations(range(len(drafts)), 2):
        if first in into:
            continue
        if second in into:
            continue
        found = _relation(forms[first], forms[second], limits)
        if found is None and vectors is not None and _comparable(forms[first], forms[second]):
            cosine = float(vectors[first] @ vectors[second])
            if cosine >= limits.meaning:
                found = "same_meaning", f"cosine {cosine:.2f}, the limit is {limits.meaning:.2f}"
        if found is not None:
            merge(second, first, *found)
    for coarse, fine in itertools.permutations(range(len(drafts)), 2):
        if coarse in into or fine in into:
            continue
        a, b = drafts[coarse], drafts[fine]
        if _contains(forms[fine], forms[coarse]) and not (a.interest and b.interest and a.interest != b.interest):
            if b.score >= limits.finer * a.score:
                merge(coarse, fine, "coarser", f"all of it is said by “{b.tag}”")
            else:
                merge(fine, coarse, "unlikely_finer", f"{b.score:.2f} where “{a.tag}” has {a.score:.2f}")
    for loser, winner, said in _opinions(opinion, len(drafts)):
        if loser not in into and forms[loser].numbers == forms[winner].numbers:
            merge(loser, winner, "coarser" if said == "coarser" else "teacher", f"the teacher: {said}")

    merged: dict[int, DraftTag] = {i: draft for i, draft in enumerate(drafts) if i not in into}
    for loser in into:
        winner = _last(into, loser)
        merged[winner] = _with_evidence_of(merged[winner], drafts[loser])
    return Deduped(
        kept=tuple(merged[i] for i in sorted(merged)),
        decisions=tuple(
            Decision(
                tag=drafts[loser].tag,
                action="merged",
                step="dedupe",
                reason=reason,
                into=drafts[_last(into, loser)].tag,
                detail=detail,
            )
            for loser, (reason, detail) in sorted(decisions.items())
        ),
    )


def meaning_matters(tags: Sequence[str]) -> list[int]:
    """Which of the tags can say the same as another one in other words: their numbers, from 0.

    “Budget hotel” and “cheap hotel” share half of their words, “sneakers” and “trainers” are single words; what shares
    less is never near enough, one inside the other is finer, and encoding them all would cost as much as the note.
    """
    words = [word_set(tag) for tag in tags]
    found: set[int] = set()
    for i, j in itertools.combinations(range(len(tags)), 2):
        a, b = words[i], words[j]
        shared = len(a & b)
        size = min(len(a), len(b))
        if shared < size and (2 * shared >= size or (len(a) == len(b) == 1)):
            found.update((i, j))
    return sorted(found)


def say_the_same(first: str, second: str, limits: TagLimits, cosine: float | None = None) -> DecisionReason | None:
    """Why two tags say the same, or None. The measure of redundancy, and what `dedupe` merges by."""
    a, b = (_Form(form_key(tag), word_set(tag), numbers(tag), normalised(tag)) for tag in (first, second))
    found = _relation(a, b, limits)
    if found is not None:
        return found[0]
    return "same_meaning" if cosine is not None and cosine >= limits.meaning and _comparable(a, b) else None


def _relation(a: _Form, b: _Form, limits: TagLimits) -> tuple[DecisionReason, str] | None:
    if a.key == b.key:
        return "same_form", "same but for case, width, script, plural or hyphen"
    if a.numbers != b.numbers:
        return None  # "3-day itinerary" and "2-day itinerary" are two things, however alike
    if a.words == b.words:
        return "same_form", "same words in another order"
    # A slip of the pen leaves a word no dictionary knows; "hotel" and "hostel" are two things.
    slip = a.text.isascii() and b.text.isascii() and any(zipf(word) < 2.5 for word in a.words ^ b.words)
    if slip and min(len(a.key), len(b.key)) >= 6:
        ratio = fuzz.ratio(a.key, b.key, score_cutoff=limits.spelling)
        if ratio:
            return "spelling", f"similarity {ratio:.0f} of 100, the limit is {limits.spelling:.0f}"
    return None


def _comparable(a: _Form, b: _Form) -> bool:
    """Whether nearness in meaning may merge the two: not with other numbers, nor where one is the finer."""
    return a.numbers == b.numbers and not (a.words < b.words or b.words < a.words)


def _contains(fine: _Form, coarse: _Form) -> bool:
    return coarse.words < fine.words or (
        len(coarse.text) > 1 and not coarse.text.isascii() and coarse.key in fine.key and coarse.key != fine.key
    )


def _opinions(opinion: Merges | None, count: int) -> list[tuple[int, int, str]]:
    found = []
    for merge in opinion.merges if opinion else ():
        if 1 <= merge.tag <= count and 1 <= merge.into <= count and merge.tag != merge.into:
            found.append((merge.tag - 1, merge.into - 1, merge.reason))
    return found


def _last(into: Mapping[int, int], loser: int) -> int:
    while loser in into:
        loser = into[loser]
    return loser


def _with_evidence_of(kept: DraftTag, merged: DraftTag) -> DraftTag:
    evidence = tuple(dict.fromkeys((*kept.evidence, *merged.evidence)))[:6]
    return kept.model_copy(
        update={
            "evidence": evidence,
            "interest": kept.interest or merged.interest,
            "score": max(kept.score, merged.score),
        }
    )


__all__ = ["Deduped", "dedupe", "meaning_matters", "say_the_same"]
