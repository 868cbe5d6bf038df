"""The handbook's questions answered by a language model through DSPy.

What people wrote is shown as JSON, an object a line: no value can end its line or its field, and DSPy's markers in it
are broken up.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import dspy
from dspy.utils import exceptions as dspy_errors
from pydantic import BaseModel, ValidationError

import prompts
from signatures.adapter import Exchange, NoteAdapter, exchange
from signatures.handbook import asking
from signatures.handbook.answers import MergedInterests, Named
from signatures.handbook.questions import ClusterQuestion, HandbookProgram, MergeQuestion, NamingLimits
from signatures.llm import _reason
from signatures.questions import Answered, StepFailed

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
        self._lm = lm
        self._words = words
        self._adapter = NoteAdapter()
        self._predictors: dict[str, dspy.Predict] = {}

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
        prompt = self._words[step]
        values = limits.model_dump()
        text = prompt.render(**{slot: values[slot] for slot in prompt.slots if slot in values})
        predictor = self._predictors.get(text)
        if predictor is None:
            predictor = dspy.Predict(signature.with_instructions(text))
            predictor.demos = [
                {name: value for name, value in demo.items() if name != "step"}
                for demo in self._words.demos
                if demo["step"] == step
            ]
            self._predictors[text] = predictor
        sent = Exchange()
        token = exchange.set(sent)
        try:
            with dspy.context(lm=self._lm, adapter=self._adapter, track_usage=True):
                prediction = await predictor.acall(**inputs)
            answer = build(prediction)
        except (dspy_errors.DSPyError, ValidationError) as error:
            reason = _reason(error)
            if reason == "unparsed" and "{" in (raw := sent.raw or "") and not raw.rstrip().endswith(("}", "```")):
                reason = "truncated"
            message = f"{self._lm.model}: {type(error).__name__}: {error}"[:1000]
            raise StepFailed(reason, message, request=self._request(sent), answer=sent.raw) from error
        finally:
            exchange.reset(token)
        usage = (prediction.get_lm_usage() or {}).get(self._lm.model, {})
        return Answered(
            answer=answer,
            program=self._lm.model,
            prompt=prompt.digest,
            request=self._request(sent),
            prompt_tokens=int(usage.get("prompt_tokens") or usage.get("input_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or usage.get("output_tokens") or 0),
        )

    def _request(self, sent: Exchange) -> Any:
        settings = {name: value for name, value in self._lm.kwargs.items() if value is not None}
        return {"model": self._lm.model, **settings, "messages": sent.messages} if sent.messages else None


def _cut(sentence: str) -> str:
    sentence = " ".join(sentence.split())
    return sentence if len(sentence) <= _SENTENCE else f"{sentence[:_SENTENCE]} …"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
