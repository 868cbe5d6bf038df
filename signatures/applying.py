"""From answers to records: numbers become ids, quotes are looked up, house form and limits are applied.

The same code whoever answered. What an answer names that was not in the question is left out; what becomes of every
draft is a decision with its reason.
"""

from collections.abc import Iterable, Sequence

from handbook.records import Interest
from notes.records import (
    Decision,
    DecisionReason,
    DraftTag,
    Evidence,
    FinalTag,
    MatchedInterest,
    PictureRecord,
)
from notes.words import form_key
from signatures.answers import Description, Drafts, Matches, Refined, TextSource, Untied
from signatures.house import Casing, house_form
from signatures.questions import Question


def described(question: Question, answer: Description) -> tuple[PictureRecord, ...]:
    """The note's pictures with what was seen in them; refused ones keep their reason."""
    by_number = {found.number: found for found in answer.pictures}
    records = []
    opened = 0
    for number, picture in enumerate(question.pictures, 1):
        record = picture.record(number)
        if picture.refused is None:
            opened += 1  # models count the pictures they were shown
            found = by_number.get(opened)
            if found is not None:
                details = ", ".join(found.details)
                shows = f"{found.shows} ({details})" if details and found.shows else found.shows or details
                record = record.model_copy(update={"ocr": found.text.strip(), "shows": shows})
        records.append(record)
    return tuple(records)


def matched(question: Question, answer: Matches) -> tuple[MatchedInterest, ...]:
    """The interests the answer names, most probable first, each once."""
    found: dict[str, MatchedInterest] = {}
    for match in answer.matches:
        if not 1 <= match.interest <= len(question.interests):
            continue
        interest = question.interests[match.interest - 1]
        if interest.id in found and found[interest.id].probability >= match.probability:
            continue
        evidence = _evidence(question, match.source, match.quote, 0)
        found[interest.id] = MatchedInterest(
            id=interest.id,
            name=interest.name,
            probability=round(match.probability, 4),
            why=match.why,
            evidence=(evidence,) if evidence else (),
        )
    best = sorted(found.values(), key=lambda match: -match.probability)
    return tuple(best[: question.limits.max_matched])


def spoken_to(question: Question, answer: Drafts) -> tuple[MatchedInterest, ...]:
    """The matched interests once tags were proposed. A student matches none: of the retrieved interests those are
    matched whose tags it gave, each tag's first one, in the order of the tags.
    """
    untied = [draft for draft in answer.tags if isinstance(draft, Untied)]
    if not untied:
        return question.matched
    owners = _owners(question.interests)
    found: dict[str, MatchedInterest] = {}
    for draft in untied:
        if (owner := owners.get(form_key(draft.tag))) and owner.id not in found:
            found[owner.id] = MatchedInterest(id=owner.id, name=owner.name, probability=round(draft.score, 4))
    return tuple(found.values())[: question.limits.max_matched]


def drafted(question: Question, answer: Drafts) -> tuple[DraftTag, ...]:
    """The proposed tags, best first, with the evidence that could be verified."""
    interests = question.matched_interests
    owners = _owners(interests) if any(isinstance(draft, Untied) for draft in answer.tags) else {}
    drafts: dict[str, DraftTag] = {}
    for draft in answer.tags:
        tag = " ".join(draft.tag.split())
        if not tag:
            continue
        untied = isinstance(draft, Untied)
        interest = interests[draft.interest - 1] if 1 <= draft.interest <= len(interests) else None
        if untied:
            interest = owners.get(form_key(tag))
        found = [_evidence(question, draft.source, draft.quote, draft.picture)]
        if draft.source != "interest" and found[0] is None:
            found.append(question.sources.find(tag))
        if untied and not any(found):
            found.extend(Evidence(source="picture", picture=number) for number in _shown(question)[: draft.shown])
        if interest is not None and (untied or draft.source == "interest"):
            found.append(Evidence(source="interest", interest=interest.id))
        evidence = tuple(dict.fromkeys(e for e in found if e is not None))
        record = DraftTag(
            tag=tag, interest=interest.id if interest else None, evidence=evidence, score=round(draft.score, 4)
        )
        known = drafts.get(tag)
        if known is None or record.score > known.score:
            drafts[tag] = record
    best = sorted(drafts.values(), key=lambda draft: -draft.score)
    return tuple(best[: question.limits.max_drafts])


def _owners(interests: Sequence[Interest]) -> dict[str, Interest]:
    """The first of `interests` that has a tag, by the tag's key."""
    found: dict[str, Interest] = {}
    for interest in interests:
        for tag in interest.tags:
            found.setdefault(form_key(tag), interest)
    return found


def _evidence(question: Question, source: TextSource, quote: str, picture: int) -> Evidence | None:
    """The evidence an answer names, where it holds: words that stand there, a picture that was seen."""
    found = question.sources.find(quote)
    if found is not None:
        return found
    if source in ("picture", "picture_text"):
        opened = _shown(question)
        if 1 <= picture <= len(opened):
            return Evidence(source="picture", picture=opened[picture - 1])
        if picture == 0 and len(opened) == 1:
            return Evidence(source="picture", picture=opened[0])
    return None


def _shown(question: Question) -> list[int]:
    """Numbers of the pictures that could be opened."""
    opened = [record.number for record in question.seen if record.refused is None]
    return opened or [number for number, picture in enumerate(question.pictures, 1) if picture.refused is None]


def refined(
    question: Question, answer: Refined, *, require_evidence: bool = True
) -> tuple[tuple[FinalTag, ...], tuple[Decision, ...]]:
    """Final tags, best first, and what became of the kept tags that are not among them.

    Args:
        question: `tags` are the kept ones.
        answer: What the program chose.
        require_evidence: Drop what rests on nothing in the note, its pictures or a matched interest.
    """
    kept = question.tags
    casing = Casing(
        (source.text for source in question.sources.texts),
        (tag for interest in question.matched_interests for tag in interest.tags),
    )
    finals: dict[str, FinalTag] = {}
    fate: dict[int, tuple[DecisionReason, str, str | None]] = {}
    done: set[int] = set()
    for choice in sorted(answer.tags, key=lambda tag: -tag.confidence):
        number = choice.number - 1
        if not 0 <= number < len(kept) or number in done:
            continue  # a kept tag becomes one final tag: the wording that is surest
        draft = kept[number]
        formed = house_form(choice.tag or draft.tag, question.limits, casing)
        if formed.reason is not None and choice.tag != draft.tag:
            formed = house_form(draft.tag, question.limits, casing)  # its new wording went wrong, the old one may do
        key = form_key(formed.tag)
        if formed.reason is not None:
            fate.setdefault(number, (formed.reason, formed.detail, None))
        elif question.sources.only_in_instructions(formed.tag):
            fate.setdefault(number, ("instruction", "stands only in a sentence that addresses the tagger", None))
        elif require_evidence and not draft.evidence:
            fate.setdefault(number, ("no_evidence", "nothing in the note, its pictures or a matched interest", None))
        elif key in finals:
            fate.setdefault(number, ("same_form", "the same once in house form", finals[key].tag))
        elif len(finals) >= question.limits.max_tags:
            fate.setdefault(number, ("over_limit", f"{question.limits.max_tags} tags are enough", None))
        else:
            fate.pop(number, None)
            done.add(number)
            finals[key] = FinalTag(
                tag=formed.tag,
                confidence=round(min(1.0, max(0.0, choice.confidence)), 4),
                evidence=draft.evidence,
                interest=draft.interest,
            )
    chosen = {choice.number - 1 for choice in answer.tags}
    for number in range(len(kept)):
        if number not in chosen:
            fate.setdefault(number, ("unconfirmed", "not chosen in the last step", None))
    return tuple(finals.values()), tuple(_decisions(kept, fate.items()))


def _decisions(
    kept: Sequence[DraftTag], fate: Iterable[tuple[int, tuple[DecisionReason, str, str | None]]]
) -> Iterable[Decision]:
    for number, (reason, detail, into) in sorted(fate):
        yield Decision(
            tag=kept[number].tag,
            action="merged" if into else "dropped",
            step="refine",
            reason=reason,
            into=into,
            detail=detail,
        )
