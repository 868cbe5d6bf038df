"""The handbook's questions answered by a language model through DSPy.

What people wrote is shown as JSON, an object a line: no value can end its line or its field, and DSPy's markers in it
are broken up.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import dspy
from pydantic import BaseModel

import prompts
from signatures.asker import Asker
from signatures.handbook import asking
from signatures.handbook.answers import MergedInterests, Named
from signatures.handbook.questions import ClusterQuestion, HandbookProgram, MergeQuestion, NamingLimits
from signatures.questions import Answered

A = TypeVar("A", bound=BaseModel)

_SENTENCE = 300
"""Characters of a sentence that are shown."""
_PAGE_PHRASES = 8
"""Phrases that are shown of each interest on a page."""


def llm_handbook_program(lm: dspy.LM, *, words: str = "handbook/v1", revision: str = "") -> HandbookProgram:
    """The questions asked of `lm`, with the words of a prompt version.

    Args:
        lm: Any `dspy.LM`: a server, or `teachers.scripted.scripted_lm`.
        words: Version that asks.
        revision: Revision of the model's weights.

    Raises:
        prompts.PromptError: no such version, or it was edited after it was pinned.
    """
    asker = _Asker(lm, prompts.load(words))
    return HandbookProgram(
        teacher="llm",
        model=lm.model,
        model_revision=revision,
        prompts=words,
        name=asker.name,
        merge=asker.merge,
    )


class _Asker:
    def __init__(self, lm: dspy.LM, words: prompts.PromptProgram) -> None:
        self._asker = Asker(lm)
        self._words = words

    async def name(self, question: ClusterQuestion) -> Answered[Named]:
        lines: list[dict[str, Any]] = [{"language": question.lang}]
        for number, stats in enumerate(question.phrases, 1):
            lines.append({"phrase": number, "text": stats.phrase, "users": stats.users, "notes": stats.notes})
        for number, sentence in enumerate(question.sentences, 1):
            lines.append({"sentence": number, "text": _cut(sentence)})
        if question.details:
            lines.append({"pictures_show": question.details})
        inputs = {"category": _json(question.category), "evidence": "\n".join(map(_json, lines))}
        return await self._ask("name", asking.NameInterest, question.limits, inputs, lambda p: p.entry)

    async def merge(self, question: MergeQuestion) -> Answered[MergedInterests]:
        shown = [
            {
                "number": number,
                "category": interest.category,
                "name": interest.name,
                "description": interest.description,
                "phrases": list(interest.phrases[:_PAGE_PHRASES]),
            }
            for number, interest in enumerate(question.interests, 1)
        ]
        inputs = {"interests": "\n".join(map(_json, shown))}
        return await self._ask(
            "merge", asking.MergeAcross, question.limits, inputs, lambda p: MergedInterests(pairs=p.pairs)
        )

    async def _ask(
        self,
        step: str,
        signature: type[dspy.Signature],
        limits: NamingLimits,
        inputs: dict[str, Any],
        build: Callable[[Any], A],
    ) -> Answered[A]:
        return await self._asker.ask(self._words, step, signature, limits.model_dump(), inputs, build)


def _cut(sentence: str) -> str:
    sentence = " ".join(sentence.split())
    return sentence if len(sentence) <= _SENTENCE else f"{sentence[:_SENTENCE]} …"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
