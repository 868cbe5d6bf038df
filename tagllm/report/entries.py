"""What the page knows of a note: a head, by which it is listed, found and filtered, and the details.

A head holds the note's words and its tags, the details every step. Places in texts are UTF-16 units.
"""

from typing import Any

from notes.records import Evidence, Failure, Note, PictureRecord, StepRecord, Trace
from tagllm.report.facts import Facts
from tagllm.report.quotes import where
from tagllm.report.store import Joined
from tagllm.report.texts import cut, number, shortened, shown
from tagllm.report.thumbnails import MOST_PER_NOTE, Thumbnails

TITLE = 600
"""Characters of a title that are shown."""
CONTENT = 6_000
_OCR = 1_500
_MOST_PARTS = 60
"""Of anything a note has many of."""


def head(joined: Joined, facts: list[Facts]) -> dict[str, Any]:
    """What the list of notes needs."""
    note = joined.note
    return {
        "place": joined.place,
        "id": note.id,
        "title": shortened(note.title, TITLE),
        "content": shortened(note.content, CONTENT),
        "category": cut(note.category, 120),
        "known": joined.known,
        "ocr": [cut(text, _OCR) for text in _ocr(joined)],
        "outcomes": [
            _outcome_head(outcome, joined, facts[run]) if outcome is not None else None
            for run, outcome in enumerate(joined.outcomes)
        ],
    }


def _ocr(joined: Joined) -> list[str]:
    pictures = _pictures(joined)
    own = [joined.note.ocr] if joined.note.ocr else []
    return own + [picture.ocr for picture in pictures[:MOST_PER_NOTE] if picture.ocr]


def _outcome_head(outcome: Trace | Failure, joined: Joined, facts: Facts) -> dict[str, Any]:
    if isinstance(outcome, Failure):
        return {"failure": {"step": outcome.step, "reason": outcome.reason}, "tags": [], "interests": []}
    found: dict[str, Any] = {
        "tags": [cut(tag.tag, 200) for tag in outcome.tags[:_MOST_PARTS]],
        "interests": [match.id for match in outcome.matched[:_MOST_PARTS]],
        "confidence": number(min((tag.confidence for tag in outcome.tags), default=0.0)),
        "milliseconds": number(sum(step.milliseconds for step in outcome.steps), 1),
        "decided": len(outcome.decisions),
    }
    for name, scores in facts.scores.items():
        value = scores.get(joined.place)
        if value is not None:
            found[name] = round(value, 3)
    return found


def details(joined: Joined, thumbnails: Thumbnails, *, most: int) -> dict[str, Any]:
    """What is shown once a note is chosen.

    Args:
        joined: The note with its outcomes.
        thumbnails: Makes them.
        most: Characters of a request or an answer.
    """
    note = joined.note
    seen = _pictures(joined)
    addresses = thumbnails.of(seen, note.images if joined.known else ())
    return {
        "hashtags": [cut(tag, 100) for tag in note.hashtags[:_MOST_PARTS]],
        "images": len(note.images),
        "pictures": [_picture(picture, addresses) for picture in seen[:MOST_PER_NOTE]],
        "outcomes": [
            _outcome(outcome, note, joined.same_text[run], most) if outcome is not None else None
            for run, outcome in enumerate(joined.outcomes)
        ],
    }


def _pictures(joined: Joined) -> tuple[PictureRecord, ...]:
    """As a run saw them; where none got so far, as the note names them."""
    seen = next((outcome.pictures for outcome in joined.outcomes if outcome is not None and outcome.pictures), ())
    return seen or tuple(PictureRecord(number=n, ref=ref[:300]) for n, ref in enumerate(joined.note.images, 1))


def _picture(record: PictureRecord, addresses: dict[int, str]) -> dict[str, Any]:
    return {
        "number": record.number,
        "ref": cut(record.ref, 120),
        "src": addresses.get(record.number),
        "width": record.width,
        "height": record.height,
        "refused": {"reason": record.refused.reason, "message": cut(record.refused.message, 300)}
        if record.refused is not None
        else None,
        "shows": cut(record.shows, 1_000),
        "ocr": cut(record.ocr, _OCR),
    }


def _outcome(outcome: Trace | Failure, note: Note, same_text: bool, most: int) -> dict[str, Any]:
    decisions = [
        {
            "tag": cut(decision.tag, 200),
            "action": decision.action,
            "step": decision.step,
            "reason": decision.reason,
            "into": cut(decision.into, 200) if decision.into else None,
            "detail": cut(decision.detail, 300),
        }
        for decision in outcome.decisions[:_MOST_PARTS]
    ]
    if isinstance(outcome, Failure):
        return {
            "same_text": same_text,
            "failure": {
                "step": outcome.step,
                "reason": outcome.reason,
                "message": cut(outcome.message, 2_000),
                "request": shown(outcome.request, most),
                "answer": shown(outcome.answer, most),
            },
            "decisions": decisions,
        }
    texts = {"title": note.title[:TITLE], "content": note.content[:CONTENT]} if same_text else {}
    pictures = {picture.number: picture.ocr[:_OCR] for picture in outcome.pictures}

    def evidence(parts: tuple[Evidence, ...]) -> list[dict[str, Any]]:
        return [_evidence(part, texts, pictures) for part in parts[:_MOST_PARTS]]

    return {
        "same_text": same_text,
        "lang": outcome.lang,
        "model": " ".join(filter(None, (outcome.teacher, outcome.model, outcome.model_revision[:12]))),
        "tags": [
            {
                "tag": cut(tag.tag, 200),
                "confidence": number(tag.confidence),
                "interest": tag.interest,
                "evidence": evidence(tag.evidence),
            }
            for tag in outcome.tags[:_MOST_PARTS]
        ],
        "drafts": [
            {"tag": cut(draft.tag, 200), "score": number(draft.score), "interest": draft.interest}
            for draft in outcome.drafts[:_MOST_PARTS]
        ],
        "decisions": decisions,
        "matched": [
            {
                "id": match.id,
                "name": cut(match.name, 120),
                "probability": number(match.probability),
                "why": cut(match.why, 400),
                "evidence": evidence(match.evidence),
            }
            for match in outcome.matched[:_MOST_PARTS]
        ],
        "retrieved": [
            {"name": cut(found.name, 120), "score": number(found.score), "probability": number(found.probability)}
            for found in outcome.retrieved[:_MOST_PARTS]
        ],
        "set_aside": [cut(sentence, 300) for sentence in outcome.set_aside[:_MOST_PARTS]],
        "steps": [_step(step, most) for step in outcome.steps],
    }


def _evidence(part: Evidence, texts: dict[str, str], pictures: dict[int, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"source": part.source}
    if part.quote:
        found["quote"] = cut(part.quote, 240)
    if part.picture is not None:
        found["picture"] = part.picture
    if part.interest is not None:
        found["interest"] = part.interest
    text = texts.get(part.source) if part.source in texts else pictures.get(part.picture or 0)
    place = where(part.quote, text) if part.quote and text and part.source in ("title", "content", "ocr") else None
    if place is not None:
        found["at"] = place
    return found


def _step(step: StepRecord, most: int) -> dict[str, Any]:
    return {
        "name": step.name,
        "program": cut(step.program, 120),
        "prompt": (step.prompt or "")[:16],
        "milliseconds": number(step.milliseconds, 1),
        "prompt_tokens": step.prompt_tokens,
        "completion_tokens": step.completion_tokens,
        "cached": step.cached,
        "request": shown(step.request, most),
        "answer": shown(step.answer, most),
    }
