"""The five questions, answered by embeddings and words.

- describe: text, colours, size and shape of each picture;
- match: interests by the tags a model learned on the handbook's notes finds likely; where there was nothing to learn
  from, by a fusion of nearness in meaning, evidence, words in common, and vocabulary in the text;
- draft: the likely tags of matched interests; without a learned model their vocabulary that the note supports, and the
  note's own phrases;
- dedupe: no opinion of its own; what everybody's tags go through decides;
- refine: the best of what is left.
"""

import asyncio
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from handbook.index import HandbookIndex
from handbook.matching import RankedTag
from notes.language import language_of
from signatures.answers import (
    Description,
    Draft,
    Drafts,
    Fused,
    Matches,
    Merges,
    PictureDescription,
    Refined,
    RefinedTag,
)
from signatures.applying import described, drafted, matched
from signatures.embedded.handset import drafts_by_weights, match_by_weights
from signatures.embedded.learned import drafts_by_tags, match_by_tags, rank
from signatures.embedded.own_phrases import drafts_from_text
from signatures.house import Casing, house_form
from signatures.questions import Answered, Program, Question
from signatures.sources import Sources
from teachers.embedded import Encoder, Perceiver

MIN_CONFIDENCE = 0.4
"""Of tags whose scores come from hand-set weights; a learned matcher says what share of the best is enough."""
NAME = "embedded"


def embedded_program(encoder: Encoder, perceiver: Perceiver, index: HandbookIndex | None = None) -> Program:
    """The steps answered by the embedded teacher; `index` is the handbook the questions' interests come from."""
    embedded = _Embedded(encoder, perceiver, index)
    return Program(
        teacher=NAME,
        model=encoder.revision,
        describe=embedded.describe,
        match=embedded.match,
        draft=embedded.draft,
        dedupe=embedded.dedupe,
        refine=embedded.refine,
        fused=embedded.fused,
    )


class _Embedded:
    def __init__(self, encoder: Encoder, perceiver: Perceiver, index: HandbookIndex | None) -> None:
        self._encoder = encoder
        self._perceiver = perceiver
        self._index = index

    async def describe(self, question: Question) -> Answered[Description]:
        opened = [picture for picture in question.pictures if picture.refused is None]
        perceptions = await asyncio.gather(*(self._perceiver.aperceive(picture) for picture in opened))
        found = [
            PictureDescription(
                number=number,
                shows=f"{seen.shape}, mostly {' and '.join(seen.colours[:2])}{', with text' if seen.lines else ''}",
                text=seen.text[:1200],
                details=[],
            )
            for number, seen in enumerate(perceptions[:8], 1)
        ]
        return Answered(answer=Description(pictures=found), program=NAME)

    async def match(self, question: Question) -> Answered[Matches]:
        if self._index is None or not question.interests:
            matches = []
        elif self._index.matcher is not None:
            matches = match_by_tags(await self._ranked(question), question)
        else:
            matches = await match_by_weights(self._encoder, self._index, question)
        return Answered(answer=Matches(matches=matches), program=NAME)

    async def draft(self, question: Question) -> Answered[Drafts]:
        drafts: list[Draft]
        if self._index is not None and self._index.matcher is not None and question.interests:
            drafts = drafts_by_tags(self._index.matcher, await self._ranked(question), question)
        else:
            text = question.sources.text()
            encoded = await self._encoder.aencode(text) if text.strip() and language_of(text) == "en" else None
            drafts = await drafts_from_text(self._encoder, question, encoded)
            drafts.extend(await drafts_by_weights(self._encoder, question, encoded))
        best: dict[str, Draft] = {}
        for draft in sorted(drafts, key=lambda draft: -draft.score):
            best.setdefault(draft.tag, draft)
        return Answered(answer=Drafts(tags=list(best.values())[: min(16, question.limits.max_drafts)]), program=NAME)

    async def dedupe(self, question: Question) -> Answered[Merges]:
        return Answered(answer=Merges(merges=[]), program=NAME)

    async def refine(self, question: Question) -> Answered[Refined]:
        learned = self._index.matcher if self._index is not None and question.interests else None
        best = max((tag.score for tag in question.tags), default=0.0)
        least = learned.share * best if learned is not None else MIN_CONFIDENCE
        fewest = question.limits.fewest if learned is not None else question.limits.min_tags
        casing = Casing((), (tag for interest in question.matched_interests for tag in interest.tags))
        chosen, sound = [], 0
        for number, tag in enumerate(question.tags, 1):
            if tag.score >= least or sound < fewest:
                chosen.append(RefinedTag(number=number, tag=tag.tag[:80], confidence=min(1.0, max(0.0, tag.score))))
                if sound < fewest:
                    sound += house_form(tag.tag, question.limits, casing).reason is None
        return Answered(answer=Refined(tags=chosen[:12]), program=NAME)

    async def fused(self, question: Question) -> Answered[Fused]:
        description = (await self.describe(question)).answer
        seen = described(question, description)
        sources = Sources.of(question.note, seen, show_hashtags=question.show_hashtags)
        question = replace(question, seen=seen, sources=sources)
        matches = (await self.match(question)).answer
        question = replace(question, matched=matched(question, matches))
        drafts = (await self.draft(question)).answer
        question = replace(question, tags=drafted(question, drafts))
        order = {draft.tag: number for number, draft in enumerate(drafts.tags, 1)}
        refined = (await self.refine(question)).answer
        final = [
            tag.model_copy(update={"number": order.get(question.tags[tag.number - 1].tag, 0)}) for tag in refined.tags
        ]
        answer = Fused(pictures=description.pictures, matches=matches.matches, tags=drafts.tags, merges=[], final=final)
        return Answered(answer=answer, program=NAME)

    async def _ranked(self, question: Question) -> list[RankedTag]:
        if self._index is None or self._index.matcher is None:
            return []
        text = question.sources.text()
        vector: NDArray[np.float32] | None = None
        if text.strip() and language_of(text) == "en":
            vector = (await self._encoder.aencode(text)).vector
        return await rank(self._index.matcher, question, vector)
