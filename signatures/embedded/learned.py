"""Matching and drafting by what was learned on the handbook's own notes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handbook.matching import Matcher, RankedTag
from signatures.answers import Draft, Match, TextSource
from signatures.embedded.quoting import words_of
from signatures.house import language_fits
from signatures.questions import Question

_DRAFTS = 14
_DRAFTED = 0.25
"""Of the probability from which a tag is worth giving: one less likely than that is no draft, beyond the spare ones."""


_SPARE = 3
"""Drafts however unlikely they are: the likeliest one may be no tag in house form."""


async def rank(matcher: Matcher, question: Question, vector: NDArray[np.float32] | None) -> list[RankedTag]:
    """The tags the note would be known by, best first; only those its language takes."""
    ranked = await matcher.arank(question.sources.note_text(question.note), vector)
    return [tag for tag in ranked if language_fits(tag.tag, question.lang) or question.lang == "zh"]


def match_by_tags(ranked: Sequence[RankedTag], question: Question) -> list[Match]:
    """The interests whose tags are likely, each as probable as its likeliest tag."""
    number = {interest.id: n for n, interest in enumerate(question.interests, 1)}
    best: dict[int, RankedTag] = {}
    for tag in ranked:
        if tag.interest in number:
            best.setdefault(number[tag.interest], tag)
    matches = []
    for n, tag in list(best.items())[: question.limits.max_matched]:
        quote, source = _quoted(tag.tag, question)
        signals = ", ".join(f"{name} {value:.2f}" for name, value in tag.why.items())
        matches.append(
            Match(
                interest=n,
                why=f"“{tag.tag}”: {signals}"[:240],
                source=source,
                quote=quote,
                probability=min(1.0, max(0.0, tag.probability)),
            )
        )
    return matches[:8]


def drafts_by_tags(matcher: Matcher, ranked: Sequence[RankedTag], question: Question) -> list[Draft]:
    """The likely tags of matched interests, and phrases of the note that are likely though the handbook lacks them."""
    number = {interest.id: n for n, interest in enumerate(question.matched_interests, 1)}
    drafts = []
    least = _DRAFTED * matcher.share * max((tag.probability for tag in ranked), default=0.0)
    for tag in ranked:
        if tag.interest and tag.interest not in number:
            continue
        if len(drafts) >= max(_SPARE, question.limits.fewest) and tag.probability < least:
            break
        quote, source = _quoted(tag.tag, question)
        drafts.append(
            Draft(
                tag=tag.tag[:80],
                interest=number.get(tag.interest, 0),
                source="interest" if tag.interest else source,
                quote=quote,
                picture=0,
                score=min(1.0, max(0.0, tag.probability)),
            )
        )
        if len(drafts) == min(_DRAFTS, question.limits.max_drafts):
            break
    return drafts


def _quoted(tag: str, question: Question) -> tuple[str, TextSource]:
    quote = words_of(tag, question.sources)[:240]
    found = question.sources.find(quote) if quote else None
    if found is None:
        return "", "interest"
    sources: dict[str, TextSource] = {"title": "title", "content": "content", "ocr": "picture_text"}
    return quote, sources.get(found.source, "attributes")
