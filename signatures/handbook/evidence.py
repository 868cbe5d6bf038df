"""The handbook's questions, answered by the evidence itself: no model is asked."""

from itertools import combinations

from signatures.dedupe import say_the_same
from signatures.handbook.answers import MergedInterests, Named, Pair
from signatures.handbook.questions import ClusterQuestion, HandbookProgram, MergeQuestion
from signatures.questions import Answered, TagLimits

NAME = "evidence"


def evidence_program() -> HandbookProgram:
    """Interests are called what people call them; those with names that say the same are one."""
    return HandbookProgram(teacher="embedded", model=NAME, name=_name, merge=_merge)


def alike(question: MergeQuestion) -> list[Pair]:
    """The interests of a page whose names say the same."""
    limits = TagLimits(meaning=question.limits.same)
    pairs = []
    for (i, first), (j, second) in combinations(enumerate(question.interests), 2):
        cosine = None if question.names is None else float(question.names[i, j])
        if first.category == second.category and say_the_same(first.name, second.name, limits, cosine):
            pairs.append(Pair(first=i + 1, second=j + 1, relation="same"))
    return pairs


async def _name(question: ClusterQuestion) -> Answered[Named]:
    words = question.words
    answer = Named(
        name=words.name[:80],
        description=words.description[:240],
        guidance=words.guidance[:240],
        attributes=[attribute[:40] for attribute in words.attributes[:8]],
        phrases=list(range(1, 1 + min(12, len(question.phrases)))),
        sentences=[],
    )
    return Answered(answer=answer, program=NAME)


async def _merge(question: MergeQuestion) -> Answered[MergedInterests]:
    return Answered(answer=MergedInterests(pairs=alike(question)[:24]), program=NAME)
