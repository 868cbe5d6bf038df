"""From answers to the words of an entry, and to interests that are one: the same code whoever answered.

What a teacher wrote and the evidence does not carry gives way to the evidence's own words, field by field; every time
there is a finding that says why.
"""

from typing import NamedTuple

from langchain_core.embeddings import Embeddings

from notes.language import has_han
from notes.words import form_key, numbers, terms
from signatures.handbook.answers import MergedInterests, Named
from signatures.handbook.grounds import HALF, QUARTER, SIXTH, THIRD, Grounds, Objection, tidy
from signatures.handbook.questions import ClusterQuestion, Finding, MergeQuestion, NamingLimits, Shown, Words
from signatures.questions import Answered, StepFailed

FIELDS = ("name", "description", "guidance", "attributes")


class Applied(NamedTuple):
    """What an entry says."""

    words: Words
    by: str
    """Who wrote it; `evidence` where nobody else did."""
    sentences: tuple[str, ...]
    """The cluster's sentences, those it rests on first."""
    findings: tuple[Finding, ...] = ()


class Related(NamedTuple):
    """What a page says of its interests, by key."""

    same: tuple[tuple[str, str], ...]
    neighbours: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]


def unnamed(question: ClusterQuestion, failed: StepFailed) -> Applied:
    """The entry of a cluster that got no answer: its evidence's words."""
    message = f"{failed}; the words of the evidence stand"[:500]
    finding = Finding(id=question.key, field="entry", reason=failed.reason, message=tidy(message))
    return Applied(question.words, "evidence", question.sentences, (finding,))


async def named(
    question: ClusterQuestion, answered: Answered[Named], prompts: str, encoder: Embeddings | None
) -> Applied:
    """The entry of a cluster: what of the answer holds, and the evidence's words for the rest.

    Args:
        question: What was asked.
        answered: What was answered.
        prompts: Version of the words that asked.
        encoder: Tells whether a name speaks of its evidence in other words; None: it must share its words.
    """
    answer, own = answered.answer, question.words
    phrases = {number for number in answer.phrases if 1 <= number <= len(question.phrases)}
    chosen = [number - 1 for number in answer.sentences if 1 <= number <= len(question.sentences)]
    said = {
        "name": tidy(answer.name).lstrip("#").strip(" .。\"'“”"),
        "description": tidy(answer.description),
        "guidance": tidy(answer.guidance),
    }
    for field, text in said.items():
        if text and tidy(getattr(own, field)).startswith(text):
            said[field] = getattr(own, field)  # its own words, perhaps cut to what an answer may hold
    objections: dict[str, Objection] = {}
    attributes: list[str] = []
    findings: list[Finding] = []

    def note(field: str, objection: Objection, text: str, way_out: str) -> None:
        message = f"{objection.detail}; {way_out}" + (f"; it was {text[:160]!r}" if text else "")
        findings.append(
            Finding(id=question.key, field=field, reason=objection.reason, message=message)  # pyright: ignore[reportArgumentType]
        )

    if not phrases and not chosen:
        objection = Objection("no_evidence", "the answer rests on no phrase and no sentence that was shown")
        note("entry", objection, said["name"], "the words of the evidence stand")
        return Applied(own, "evidence", question.sentences, tuple(findings))
    grounds = Grounds.of(question)
    for field, text in said.items():
        if text == getattr(own, field):
            continue
        if not any(map(str.isalpha, text)):
            objections[field] = Objection("empty", "nothing was written")
        elif found := grounds.objection(text, title=field == "name"):
            objections[field] = found
    doubtful = {
        field: said[field]
        for field, enough in (("name", HALF), ("description", QUARTER))
        if field not in objections and said[field] != getattr(own, field)
        and grounds.share(said[field]) < (enough if not has_han(said[field]) else _HAN_ENOUGH[field])
    }
    if doubtful:
        cosines = await grounds.speaks_of(list(doubtful.values()), encoder)
        for field, cosine in zip(doubtful, cosines, strict=True):
            needed = question.limits.about if field == "name" else question.limits.about_line
            if cosine < needed:
                objections[field] = Objection(
                    "off_topic",
                    f"few of its words stand in the evidence, and its meaning is far (cosine {cosine:.2f}, "
                    f"needed {needed:.2f})",
                )
    for field, objection in objections.items():
        note(field, objection, said[field], "the words of the evidence stand")
    for attribute in dict.fromkeys(map(tidy, answer.attributes)):
        if attribute in own.attributes:
            attributes.append(attribute)
        elif not any(map(str.isalpha, attribute)):
            continue
        elif found := grounds.objection(attribute):
            note("attributes", found, attribute, "it is left out")
        elif form_key(attribute) not in {form_key(other) for other in attributes}:
            attributes.append(attribute)
    words = Words(
        **{field: getattr(own, field) if field in objections else text for field, text in said.items()},
        attributes=tuple(attributes[: question.limits.max_attributes]) or own.attributes,
    )
    first = [question.sentences[number] for number in dict.fromkeys(chosen)]
    return Applied(
        words, _written_by(answered, prompts, words, own), tuple(dict.fromkeys((*first, *question.sentences))),
        tuple(findings),
    )


_HAN_ENOUGH = {"name": THIRD, "description": SIXTH}
"""Of pairs of characters, many of which belong to no word."""


def related(question: MergeQuestion, answer: MergedInterests) -> Related:
    """Which interests of a page are one, and which belong together, as far as the evidence lets them."""
    shown = question.interests
    same: list[tuple[str, str]] = []
    neighbours: list[tuple[str, str]] = []
    findings: list[Finding] = []
    for pair in answer.pairs:
        if pair.first == pair.second or not all(1 <= n <= len(shown) for n in (pair.first, pair.second)):
            continue
        first, second = shown[pair.first - 1], shown[pair.second - 1]
        cosine = 0.0 if question.evidence is None else float(question.evidence[pair.first - 1, pair.second - 1])
        found = objection_to_merging(first, second, cosine, question.limits) if pair.relation == "same" else None
        if found is not None:
            message = f"{found.detail}; “{first.name}” and “{second.name}” stay two"
            findings.append(Finding(id=first.key, field="merge", reason=found.reason, message=message))
        if pair.relation == "same" and found is None:
            same.append((first.key, second.key))
        elif found is None or found.reason != "contradicted":
            neighbours.append((first.key, second.key))
    return Related(tuple(same), tuple(neighbours), tuple(findings))


def objection_to_merging(first: Shown, second: Shown, cosine: float, limits: NamingLimits) -> Objection | None:
    """Why two interests cannot be one, whoever says they are; None: they can."""
    if first.category != second.category:
        return Objection("other_category", f"one stands in {first.category}, one in {second.category}")
    if numbers(first.name) != numbers(second.name):
        return Objection("other_numbers", "their numbers differ")
    shared = _terms(first) & _terms(second)
    if not shared and cosine < limits.far:
        detail = f"no phrase of theirs shares a word, and their meaning is far (cosine {cosine:.2f})"
        return Objection("contradicted", detail)
    return None


def _terms(interest: Shown) -> frozenset[str]:
    return frozenset(term for phrase in interest.phrases for term in terms(phrase))


def _written_by(answered: Answered[Named], prompts: str, words: Words, own: Words) -> str:
    kept = [field for field in FIELDS if getattr(words, field) == getattr(own, field)]
    if len(kept) == len(FIELDS):
        return "evidence"
    by = answered.program
    if answered.prompt is not None:
        by = f"{prompts} {answered.program} ({answered.prompt[:8]})".strip()
    return f"{by}; from evidence: {', '.join(kept)}" if kept else by
