"""The five questions, answered by embeddings and words.

- describe: text, colours, size and shape of each picture;
- match: a fusion of nearness in meaning, nearness to the interest's evidence, words in common, and its vocabulary in
  the text;
- draft: the vocabulary of matched interests that the note supports, and the note's own phrases by their meaning in
  context, how special they are, and where they stand;
- dedupe: no opinion of its own; what everybody's tags go through decides;
- refine: the best of what is left.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import regex
from numpy.typing import NDArray

from handbook.index import HandbookIndex
from notes.language import has_han, language_of
from notes.phrases import Phrase, phrases
from notes.words import is_misread, numbers, terms, zipf
from signatures.answers import (
    Description,
    Draft,
    Drafts,
    Fused,
    Match,
    Matches,
    Merges,
    PictureDescription,
    Refined,
    RefinedTag,
    TextSource,
)
from signatures.applying import described, drafted, matched
from signatures.house import language_fits
from signatures.questions import Answered, Program, Question
from signatures.sources import Sources
from teachers.embedded import Encoded, Encoder, Perceiver

MATCH_THRESHOLD = 0.5
MIN_CONFIDENCE = 0.4
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
            return Answered(answer=Matches(matches=[]), program=NAME)
        text = question.sources.text(("title", "content", "ocr", "attributes"))
        vector = None
        if language_of(text) == "en":
            # The text alone is encoded already; a picture's words are looked at beside it.
            own = question.sources.text()
            vector = (await self._encoder.aencode(own if own.strip() else text)).vector
        signals = self._index.signals(text, vector)
        present = frozenset(terms(text))
        matches = []
        for number, row in enumerate(self._index.numbers([i.id for i in question.interests]), 1):
            interest = question.interests[number - 1]
            said = _present(self._index.vocabulary[interest.id], present, question.sources)
            same = question.category is not None and question.category.id == interest.category
            near = max(float(signals.meaning[row]), float(signals.evidence[row]))
            words = float(signals.words[row])
            said_score = 1.1 * min(2, len(said)) + (0.6 if same else -0.5)
            # Where the encoder cannot read the text, words in common must carry the match alone.
            score = said_score + (40.0 * words - 2.9 if vector is None else 5.5 * near + 9.0 * words - 3.6)
            probability = _probability(score)
            if probability < MATCH_THRESHOLD:
                continue
            quote, source = said[0] if said else ("", "interest")
            matches.append(
                Match(
                    interest=number,
                    why=f"meaning {near:.2f}, words {words:.2f}, vocabulary {len(said)}",
                    source=source,
                    quote=quote[:240],
                    probability=probability,
                )
            )
        matches.sort(key=lambda match: -match.probability)
        return Answered(answer=Matches(matches=matches[:8]), program=NAME)

    async def draft(self, question: Question) -> Answered[Drafts]:
        text = question.sources.text()
        encoded = await self._encoder.aencode(text) if text.strip() and language_of(text) == "en" else None
        drafts = await self._from_text(question, encoded, len(text))
        drafts.extend(await self._from_interests(question, encoded))
        best: dict[str, Draft] = {}
        for draft in sorted(drafts, key=lambda draft: -draft.score):
            best.setdefault(draft.tag, draft)
        return Answered(answer=Drafts(tags=list(best.values())[: min(16, question.limits.max_drafts)]), program=NAME)

    async def dedupe(self, question: Question) -> Answered[Merges]:
        return Answered(answer=Merges(merges=[]), program=NAME)

    async def refine(self, question: Question) -> Answered[Refined]:
        limits = question.limits
        chosen = []
        for number, tag in enumerate(question.tags, 1):
            if tag.score >= MIN_CONFIDENCE or len(chosen) < limits.min_tags:
                chosen.append(RefinedTag(number=number, tag=tag.tag[:80], confidence=min(1.0, max(0.0, tag.score))))
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

    async def _from_text(self, question: Question, encoded: Encoded | None, length: int) -> list[Draft]:
        found = [
            p
            for p in phrases(question.sources.texts, question.lang)
            if (language_fits(p.text, question.lang) or (question.lang == "zh" and _is_name(p.text)))
            and not (p.source == "ocr" and any(is_misread(word) for word in p.words))
        ]
        if not found:
            return []
        meaning = await self._meaning(found, encoded, question.sources)
        interest_of = _interest_terms(question)
        scored = [
            (_phrase_score(phrase, float(near), length), phrase) for phrase, near in zip(found, meaning, strict=True)
        ]
        drafts = []
        for score, phrase in _spread(scored, question.limits.max_drafts):
            interest = interest_of(phrase.text)
            source: TextSource = "title" if phrase.in_title else "picture_text" if phrase.source == "ocr" else "content"
            drafts.append(
                Draft(
                    tag=phrase.text[:80],
                    interest=interest,
                    source=source,
                    quote=phrase.text[:240],
                    picture=phrase.picture or 0,
                    score=_probability(score + (0.5 if interest else 0.0)),
                )
            )
        return drafts

    async def _meaning(self, found: Sequence[Phrase], encoded: Encoded | None, sources: Sources) -> NDArray[np.float32]:
        """How near each phrase's meaning in context is to the note's; 0 where it cannot be told."""
        near = np.zeros(len(found), dtype=np.float32)
        title = next((len(s.text) + 1 for s in sources.texts if s.name == "title"), 0)
        shift: dict[tuple[str, int | None], int] = {("title", None): 0, ("content", None): title}
        in_text = [i for i, phrase in enumerate(found) if (phrase.source, phrase.picture) in shift]
        if encoded is not None and in_text:
            spans = [
                (found[i].start + shift[found[i].source, None], found[i].end + shift[found[i].source, None])
                for i in in_text
            ]
            near[in_text] = _standardised(encoded, spans, encoded.vector)
        for source in sources.texts:
            rows = [i for i, p in enumerate(found) if p.source == "ocr" == source.name and p.picture == source.picture]
            if rows and language_of(source.text) == "en":
                read = await self._encoder.aencode(source.text)
                whole = read.vector if encoded is None else encoded.vector
                near[rows] = _standardised(read, [(found[i].start, found[i].end) for i in rows], whole)
        return near

    async def _from_interests(self, question: Question, encoded: Encoded | None) -> list[Draft]:
        names = ("title", "content", "ocr", "attributes")
        text = question.sources.text(names)
        present, amounts = frozenset(terms(text)), frozenset(numbers(text))
        wanted: list[tuple[str, int, float, float]] = []
        for number, interest in enumerate(question.matched_interests, 1):
            probability = question.matched[number - 1].probability
            for tag in interest.tags:
                parts = terms(tag)
                if not parts or not language_fits(tag, question.lang) or not amounts.issuperset(numbers(tag)):
                    continue
                share = sum(part in present for part in parts) / len(parts)
                named = [word.lower() for word in tag.split() if word != word.lower() and word.isascii()]
                if any(part not in present for word in named for part in terms(word)):
                    continue  # it names a place or a product that the note does not
                wanted.append((tag, number, share, probability))
        cosines = np.zeros(len(wanted), dtype=np.float32)
        if encoded is not None and wanted:
            cosines = await self._encoder.aphrases([tag for tag, *_ in wanted]) @ encoded.vector
        drafts = []
        for (tag, number, share, probability), cosine in zip(wanted, cosines, strict=True):
            if share < 0.75 and not (share >= 0.5 and cosine >= 0.45):
                continue
            score = 3.2 * share + 2.0 * float(cosine) + 1.2 * probability - 2.9
            quote = _words_of(tag, question.sources)
            drafts.append(
                Draft(
                    tag=tag[:80],
                    interest=number,
                    source="interest",
                    quote=quote[:240],
                    picture=0,
                    score=_probability(score),
                )
            )
        return drafts


def _probability(score: float) -> float:
    return round(1 / (1 + math.exp(-max(-30.0, min(30.0, score)))), 4)


def _standardised(
    encoded: Encoded, spans: Sequence[tuple[int, int]], whole: NDArray[np.float32]
) -> NDArray[np.float32]:
    """How near each span's meaning in context is to `whole`, in standard deviations; -0.5 behind the encoder's cut."""
    starts = np.array([start for start, _ in spans], dtype=np.int32)
    ends = np.array([end for _, end in spans], dtype=np.int32)
    inside = starts < encoded.offsets[-1, 1] if len(encoded.offsets) else np.zeros(len(spans), dtype=bool)
    if inside.sum() < 2:
        return np.zeros(len(spans), dtype=np.float32)
    cosines = encoded.spans(starts, ends) @ whole
    spread = max(float(cosines[inside].std()), 0.02)
    return np.where(inside, np.clip((cosines - cosines[inside].mean()) / spread, -2.5, 2.5), -0.5)


def _phrase_score(phrase: Phrase, near: float, length: int) -> float:
    """How good a tag the phrase would be, in log-odds."""
    size = len(phrase.words)
    if has_han(phrase.text):
        known = [zipf(word, "zh" if has_han(word) else "en") or 2.6 for word in phrase.words]
        score = 0.45 * (4.4 - sum(known) / len(known)) + (-0.9, 0.6, 0.4)[size - 1]
        score += 0.3 if len(phrase.text) >= 4 else -0.6 if len(phrase.text) == 2 else 0.0
    else:
        known = [zipf(word) or 2.6 for word in phrase.words]
        score = 0.45 * (4.6 - sum(known) / len(known)) + (-0.6, 0.7, 0.7, 0.1)[size - 1]
    score += 0.75 * near
    score += 0.9 if phrase.in_title else 0.0
    score += 0.5 * math.log2(min(8, phrase.count))
    # What somebody wrote onto a picture was meant to be read first.
    score += 0.4 * (1 - min(1.0, phrase.start / max(1, length))) if phrase.source != "ocr" else 0.5
    score -= 1.2 if phrase.empty_head else 0.0
    score -= 1.0 if size == 2 and phrase.words[0].isdigit() else 0.0
    return score - 1.3


def _spread(scored: list[tuple[float, Phrase]], most: int) -> list[tuple[float, Phrase]]:
    """The best phrases; of those that share words of the note only the best, and one nested form nearly as good."""
    kept: list[tuple[float, Phrase]] = []
    for score, phrase in sorted(scored, key=lambda entry: -entry[0]):
        words = set(phrase.words)
        near = [(s, p) for s, p in kept if phrase.overlaps(p) or len(words & set(p.words)) * 2 > len(words)]
        nested = [s for s, p in near if words <= set(p.words) or words >= set(p.words)]
        if len(near) > 1 or (near and not (nested and score >= nested[0] - 0.25)):
            continue
        kept.append((score, phrase))
        if len(kept) == most:
            break
    return kept


def _interest_terms(question: Question) -> Callable[[str], int]:
    """A function from a phrase to the number of the matched interest whose vocabulary shares most of its words."""
    vocabularies = []
    for interest in question.matched_interests:
        words = {part for tag in interest.tags for part in terms(tag)} | set(terms(interest.name))
        vocabularies.append(words)

    def find(phrase: str) -> int:
        parts = terms(phrase)
        best, most = 0, 0.49
        for number, words in enumerate(vocabularies, 1):
            share = sum(part in words for part in parts) / max(1, len(parts))
            if share > most:
                best, most = number, share
        return best

    return find


def _present(
    vocabulary: Sequence[tuple[str, tuple[str, ...]]], present: frozenset[str], sources: Sources
) -> list[tuple[str, TextSource]]:
    """Tags of a vocabulary whose words all stand in the note, with where the first of them does."""
    found: list[tuple[str, TextSource]] = []
    for tag, parts in vocabulary:
        if parts and present.issuperset(parts):
            evidence = sources.find(tag) or sources.find(_words_of(tag, sources))
            if evidence is not None:
                source: TextSource = "picture_text" if evidence.source == "ocr" else "content"
                found.append((evidence.quote, "title" if evidence.source == "title" else source))
    return found


_WORD = regex.compile(r"\p{Han}+|[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*")


def _words_of(tag: str, sources: Sources) -> str:
    """The longest stretch of the note's words that the tag shares, as written there; empty: none."""
    if sources.find(tag):
        return tag
    wanted = frozenset(terms(tag))
    best = ""
    for source in sources.texts:
        for match in _WORD.finditer(source.text[:4000]):
            word = match.group()
            if has_han(word):
                for i in range(len(word) - 1):
                    if any(part in wanted for part in terms(word[i : i + 2])) and len(best) < 2:
                        best = word[i : i + 2]
            elif wanted.intersection(terms(word)) and len(word) > len(best):
                best = word
        if best:
            return best
    return best


def _is_name(text: str) -> bool:
    """Whether a Latin phrase in a Chinese note looks like a name: MUJI, iPhone 15."""
    return any(character.isupper() for character in text) and len(text) > 2
