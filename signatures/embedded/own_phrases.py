"""Tags out of the note itself: phrases by their meaning in context, how special they are, and where they stand."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from notes.language import has_han, language_of
from notes.phrases import Phrase, phrases
from notes.words import is_misread, terms, zipf
from signatures.answers import Draft, TextSource
from signatures.house import language_fits
from signatures.questions import Question
from signatures.sources import Sources
from teachers.embedded import Encoded, Encoder


async def drafts_from_text(encoder: Encoder, question: Question, encoded: Encoded | None) -> list[Draft]:
    """The note's own phrases that would make good tags, by hand-set weights.

    Args:
        encoder: Reads the words of pictures.
        question: The note.
        encoded: Its title and content as the encoder sees them; None where it cannot read them.
    """
    length = len(question.sources.text())
    found = [
        p
        for p in phrases(question.sources.texts, question.lang)
        if (language_fits(p.text, question.lang) or (question.lang == "zh" and _is_name(p.text)))
        and not (p.source == "ocr" and any(is_misread(word) for word in p.words))
    ]
    if not found:
        return []
    meaning = await _meaning(encoder, found, encoded, question.sources)
    interest_of = _interest_terms(question)
    scored = [(_phrase_score(phrase, float(near), length), phrase) for phrase, near in zip(found, meaning, strict=True)]
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
                score=probability_of(score + (0.5 if interest else 0.0)),
            )
        )
    return drafts


def probability_of(score: float) -> float:
    """Of log-odds."""
    return round(1 / (1 + math.exp(-max(-30.0, min(30.0, score)))), 4)


async def _meaning(
    encoder: Encoder, found: Sequence[Phrase], encoded: Encoded | None, sources: Sources
) -> NDArray[np.float32]:
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
            read = await encoder.aencode(source.text)
            whole = read.vector if encoded is None else encoded.vector
            near[rows] = _standardised(read, [(found[i].start, found[i].end) for i in rows], whole)
    return near


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


def _is_name(text: str) -> bool:
    """Whether a Latin phrase in a Chinese note looks like a name: MUJI, iPhone 15."""
    return any(character.isupper() for character in text) and len(text) > 2
