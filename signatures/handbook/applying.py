"""From answers to the words of an entry, and to interests that are one: the same code whoever answered.

What a teacher wrote and the evidence does not carry gives way to the evidence's own words, field by field; every time
there is a finding that says why.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from langchain_core.embeddings import Embeddings

from notes.language import has_han
from notes.words import form_key, numbers, terms
from signatures.handbook.answers import Named, Pair
from signatures.handbook.grounds import Grounds, Objection, tidy
from signatures.handbook.questions import ClusterQuestion, Finding, MergeQuestion, NamingLimits, Shown, Words
from signatures.questions import Answered, StepFailed

Nearness = Callable[[str, str], float]
"""Cosine of what two clusters' phrases mean, by key; 0 where it cannot be told."""
Line = Literal["name", "description", "guidance"]
_NAME, _LINE = 0.5, 0.25
"""Share of a text's words that must stand in the evidence, unless its meaning is near."""
_HAN_NAME, _HAN_LINE = 0.3, 0.15
"""The same of pairs of characters, many of which belong to no word."""


class Applied(NamedTuple):
    """What an entry says."""

    words: Words
    by: str
    """Who wrote what is not the evidence's own."""
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
    return Applied(question.words, "", question.sentences, (finding,))


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
    chosen = [number - 1 for number in answer.sentences if 1 <= number <= len(question.sentences)]
    if not chosen and not any(1 <= number <= len(question.phrases) for number in answer.phrases):
        message = "the answer rests on no phrase and no sentence that was shown; the words of the evidence stand"
        finding = Finding(id=question.key, field="entry", reason="no_evidence", message=message)
        return Applied(own, "", question.sentences, (finding,))
    lines = _lines(answer, own)
    if tuple(lines.values()) == own[: len(lines)] and set(answer.attributes) <= set(own.attributes):
        return Applied(own, answered.program, question.sentences)  # the evidence spoke: nothing to be held against it
    grounds = Grounds.of(question)
    objections = await _objections(question, lines, grounds, encoder)
    attributes, refused = _attributes(question, answer.attributes, grounds)
    if {"name", "description"} <= objections.keys():  # then the rest speaks of something else as well
        if lines["guidance"] != own.guidance:
            objections.setdefault("guidance", Objection("off_topic", "neither the name nor the description holds"))
        attributes, refused = (), ()
    findings = [
        Finding(
            id=question.key,
            field=field,
            reason=found.reason,
            message=f"{found.detail}; the words of the evidence stand; it was {lines[field][:160]!r}",
        )
        for field, found in objections.items()
    ]
    by = answered.program
    if answered.prompt is not None:
        by = f"{prompts} {answered.program} ({answered.prompt[:8]})"
    return Applied(
        words=Words(
            **{field: getattr(own, field) if field in objections else line for field, line in lines.items()},
            attributes=attributes or own.attributes,
        ),
        by=by,
        sentences=tuple(dict.fromkeys((*(question.sentences[number] for number in chosen), *question.sentences))),
        findings=(*findings, *refused),
    )


def _lines(answer: Named, own: Words) -> dict[Line, str]:
    """What the answer says, each in one line of what can be printed."""
    name = tidy(answer.name).lstrip("#").strip(" .。\"'“”")
    said: dict[Line, str] = {
        "name": name,
        "description": tidy(answer.description),
        "guidance": tidy(answer.guidance),
    }
    for field, text in said.items():
        if text and tidy(getattr(own, field)).startswith(text):
            said[field] = getattr(own, field)  # the evidence's own words, perhaps cut to what an answer may hold
    return said


async def _objections(
    question: ClusterQuestion, lines: dict[Line, str], grounds: Grounds, encoder: Embeddings | None
) -> dict[Line, Objection]:
    found: dict[Line, Objection] = {}
    doubtful: dict[Line, tuple[str, float]] = {}
    limits = question.limits
    for field, text in lines.items():
        if text == getattr(question.words, field):
            continue
        objection = grounds.objection(text, title=field == "name")
        if not any(map(str.isalpha, text)):
            found[field] = Objection("empty", "nothing was written")
        elif objection is not None:
            found[field] = objection
        elif field == "name" and grounds.share(text) < (_HAN_NAME if has_han(text) else _NAME):
            doubtful[field] = text, limits.about
        elif field == "description" and grounds.share(text) < (_HAN_LINE if has_han(text) else _LINE):
            doubtful[field] = text, limits.about_line
    if doubtful:
        cosines = await grounds.speaks_of([text for text, _ in doubtful.values()], encoder)
        for (field, (_, needed)), cosine in zip(doubtful.items(), cosines, strict=True):
            if cosine < needed:
                detail = f"few of its words stand in the evidence, and its meaning is far (cosine {cosine:.2f} of 1, "
                found[field] = Objection("off_topic", f"{detail}needed {needed:.2f})")
    return {field: found[field] for field in lines if field in found}


def _attributes(
    question: ClusterQuestion, said: list[str], grounds: Grounds
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The attributes that hold, each once."""
    kept: dict[str, str] = {}
    findings = []
    for attribute in map(tidy, said):
        objection = None if attribute in question.words.attributes else grounds.objection(attribute, title=True)
        if objection is not None:
            message = f"{objection.detail}; {attribute!r} is left out"
            findings.append(Finding(id=question.key, field="attributes", reason=objection.reason, message=message))
        elif any(map(str.isalpha, attribute)):
            kept.setdefault(form_key(attribute), attribute)
    return tuple(kept.values())[: question.limits.max_attributes], tuple(findings)


def related(question: MergeQuestion, pairs: Sequence[Pair], nearness: Nearness) -> Related:
    """Which interests of a page are one, and which belong together, as far as the evidence lets them."""
    shown = question.interests
    same: list[tuple[str, str]] = []
    neighbours: list[tuple[str, str]] = []
    findings: list[Finding] = []
    for pair in pairs:
        if pair.first == pair.second or not all(1 <= n <= len(shown) for n in (pair.first, pair.second)):
            continue
        first, second = shown[pair.first - 1], shown[pair.second - 1]
        found = objection_to_merging(first, second, nearness, question.limits) if pair.relation == "same" else None
        if found is not None:
            message = f"{found.detail}; “{first.name}” and “{second.name}” stay two"
            findings.append(Finding(id=first.key, field="merge", reason=found.reason, message=message))
        if pair.relation == "same" and found is None:
            same.append((first.key, second.key))
        elif found is None or found.reason != "contradicted":
            neighbours.append((first.key, second.key))
    return Related(tuple(same), tuple(neighbours), tuple(findings))


def objection_to_merging(first: Shown, second: Shown, nearness: Nearness, limits: NamingLimits) -> Objection | None:
    """Why two interests cannot be one, whoever says they are; None: they can."""
    if first.category != second.category:
        return Objection("other_category", f"one stands in {first.category}, one in {second.category}")
    if numbers(first.name) != numbers(second.name):
        return Objection("other_numbers", "their numbers differ")
    cosine = nearness(first.key, second.key)
    if not _terms(first) & _terms(second) and cosine < limits.far:
        detail = f"no phrase of theirs shares a word, and their meaning is far (cosine {cosine:.2f})"
        return Objection("contradicted", detail)
    return None


def _terms(interest: Shown) -> frozenset[str]:
    return frozenset(term for phrase in interest.phrases for term in terms(phrase))
