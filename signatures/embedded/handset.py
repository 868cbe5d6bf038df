"""Matching and drafting by hand-set weights: for a handbook that was written by hand and has no notes to learn from."""

import numpy as np

from handbook.index import HandbookIndex
from notes.language import language_of
from notes.words import numbers, terms
from signatures.answers import Draft, Match
from signatures.embedded.own_phrases import probability_of
from signatures.embedded.quoting import present_tags, words_of
from signatures.house import language_fits
from signatures.questions import Question
from teachers.embedded import Encoded, Encoder

MATCH_THRESHOLD = 0.5


async def match_by_weights(encoder: Encoder, index: HandbookIndex, question: Question) -> list[Match]:
    """Interests by nearness in meaning and evidence, words in common, and vocabulary in the text."""
    text = question.sources.text(("title", "content", "ocr", "attributes"))
    vector = None
    if language_of(text) == "en":
        # The text alone is encoded already; a picture's words are looked at beside it.
        own = question.sources.text()
        vector = (await encoder.aencode(own if own.strip() else text)).vector
    rows = index.numbers([interest.id for interest in question.interests])
    signals = index.signals(text, vector, np.array(rows, dtype=np.intp))
    present = frozenset(terms(text))
    matches = []
    for row, interest in enumerate(question.interests):
        said = present_tags(index.vocabulary(interest.id), present, question.sources)
        same = question.category is not None and question.category.id == interest.category
        near = max(float(signals.meaning[row]), float(signals.evidence[row]))
        words = float(signals.words[row])
        said_score = 1.1 * min(2, len(said)) + (0.6 if same else -0.5)
        # Where the encoder cannot read the text, words in common must carry the match alone.
        score = said_score + (40.0 * words - 2.9 if vector is None else 5.5 * near + 9.0 * words - 3.6)
        probability = probability_of(score)
        if probability < MATCH_THRESHOLD:
            continue
        quote, source = said[0] if said else ("", "interest")
        matches.append(
            Match(
                interest=row + 1,
                why=f"meaning {near:.2f}, words {words:.2f}, vocabulary {len(said)}",
                source=source,
                quote=quote[:240],
                probability=probability,
            )
        )
    matches.sort(key=lambda match: -match.probability)
    return matches[:8]


async def drafts_by_weights(encoder: Encoder, question: Question, encoded: Encoded | None) -> list[Draft]:
    """The vocabulary of matched interests that the note supports."""
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
        cosines = await encoder.aphrases([tag for tag, *_ in wanted]) @ encoded.vector
    drafts = []
    for (tag, number, share, probability), cosine in zip(wanted, cosines, strict=True):
        if share < 0.75 and not (share >= 0.5 and cosine >= 0.45):
            continue
        score = 3.2 * share + 2.0 * float(cosine) + 1.2 * probability - 2.9
        quote = words_of(tag, question.sources)
        drafts.append(
            Draft(
                tag=tag[:80],
                interest=number,
                source="interest",
                quote=quote[:240],
                picture=0,
                score=probability_of(score),
            )
        )
    return drafts
