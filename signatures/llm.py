"""The steps answered by a language model through DSPy."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import dspy
from dspy.utils import exceptions as dspy_errors
from pydantic import BaseModel, ValidationError

import prompts
from handbook.records import Category, Interest
from notes.records import DraftTag, FailureReason
from signatures import asking
from signatures.adapter import Exchange, NoteAdapter, exchange
from signatures.answers import Description, Drafts, Fused, Matches, Merges, Refined
from signatures.questions import Answered, Program, Question, StepFailed

A = TypeVar("A", bound=BaseModel)

_REASONS: tuple[tuple[type[Exception], FailureReason], ...] = (
    (dspy_errors.AdapterParseError, "unparsed"),
    (dspy_errors.ContextWindowExceededError, "too_long"),
    (dspy_errors.LMInvalidRequestError, "refused"),
    (dspy_errors.LMTimeoutError, "timeout"),
    (dspy_errors.LMTransportError, "unreachable"),
    (dspy_errors.LMError, "teacher_error"),
)
"""First fit wins."""


def llm_program(
    lm: dspy.LM,
    *,
    words: str = "tagging/v1",
    fused_words: str = "tagging_fused/v1",
    revision: str = "",
    max_note_chars: int = 12_000,
    handbook_tokens: int = 3000,
) -> Program:
    """The steps asked of `lm`, with the words of a prompt version.

    Args:
        lm: Any `dspy.LM`: a server, or `teachers.scripted.scripted_lm`.
        words: Version that asks the five steps.
        fused_words: Version that asks them all at once.
        revision: Revision of the model's weights, for the trace.
        max_note_chars: A longer text is cut, and the cut is said in the question.
        handbook_tokens: Tokens of the handbook that are shown with a note.

    Raises:
        prompts.PromptError: no such version, or it was edited after it was pinned.
    """
    asker = _Asker(lm, prompts.load(words), prompts.load(fused_words), max_note_chars)
    return Program(
        teacher="llm",
        model=lm.model,
        model_revision=revision,
        prompts=words,
        fused_prompts=fused_words,
        handbook_tokens=handbook_tokens,
        describe=asker.describe,
        match=asker.match,
        draft=asker.draft,
        dedupe=asker.dedupe,
        refine=asker.refine,
        fused=asker.fused,
    )


class _Asker:
    def __init__(
        self, lm: dspy.LM, words: prompts.PromptProgram, fused: prompts.PromptProgram, max_note_chars: int
    ) -> None:
        self._lm = lm
        self._words = words
        self._fused = fused
        self._adapter = NoteAdapter()
        self._max_note_chars = max_note_chars
        self._predictors: dict[tuple[str, str], tuple[dspy.Predict, str]] = {}

    async def describe(self, question: Question) -> Answered[Description]:
        inputs = {"note": self._note(question, seen=False), "pictures": _pictures(question)}
        return await self._ask(
            self._words, "describe", asking.Describe, question, inputs, lambda p: Description(pictures=p.descriptions)
        )

    async def match(self, question: Question) -> Answered[Matches]:
        if not question.interests:
            return Answered(answer=Matches(matches=[]), program="nothing retrieved")
        inputs = {"interests": page(question.interests, question.category), "note": self._note(question)}
        return await self._ask(
            self._words, "match", asking.MatchInterests, question, inputs, lambda p: Matches(matches=p.matches)
        )

    async def draft(self, question: Question) -> Answered[Drafts]:
        inputs = {
            "interests": page(question.matched_interests, question.category, vocabulary=True),
            "note": self._note(question),
        }
        return await self._ask(self._words, "draft", asking.DraftTags, question, inputs, lambda p: Drafts(tags=p.tags))

    async def dedupe(self, question: Question) -> Answered[Merges]:
        if len(question.tags) < 2:
            return Answered(answer=Merges(merges=[]), program="nothing to compare")
        inputs = {"tags": _numbered(question.tags)}
        return await self._ask(
            self._words, "dedupe", asking.Dedupe, question, inputs, lambda p: Merges(merges=p.merges)
        )

    async def refine(self, question: Question) -> Answered[Refined]:
        if not question.tags:
            return Answered(answer=Refined(tags=[]), program="nothing kept")
        inputs = {"note": self._note(question), "kept": _numbered(question.tags, evidence=True)}
        return await self._ask(self._words, "refine", asking.Refine, question, inputs, lambda p: Refined(tags=p.tags))

    async def fused(self, question: Question) -> Answered[Fused]:
        inputs = {
            "interests": page(question.interests, question.category, vocabulary=True),
            "note": self._note(question, seen=False),
            "images": _pictures(question),
        }
        return await self._ask(
            self._fused,
            "fused",
            asking.TagAtOnce,
            question,
            inputs,
            lambda p: Fused(pictures=p.pictures, matches=p.matches, tags=p.tags, merges=p.merges, final=p.final),
        )

    def _predictor(
        self, words: prompts.PromptProgram, step: str, signature: type[dspy.Signature], question: Question
    ) -> tuple[dspy.Predict, str]:
        """The step's predictor, made once per wording: what depends on the settings alone is rendered once."""
        prompt = words[step]
        limits = question.limits.model_dump()
        text = prompt.render(**{slot: limits.get(slot) for slot in prompt.slots if slot in limits})
        key = (step, text)
        if key not in self._predictors:
            predictor = dspy.Predict(signature.with_instructions(text))
            predictor.demos = [
                {name: value for name, value in demo.items() if name != "step"}
                for demo in words.demos
                if demo["step"] == step
            ]
            self._predictors[key] = predictor, prompt.digest
        return self._predictors[key]

    async def _ask(
        self,
        words: prompts.PromptProgram,
        step: str,
        signature: type[dspy.Signature],
        question: Question,
        inputs: dict[str, Any],
        build: Callable[[Any], A],
    ) -> Answered[A]:
        predictor, digest = self._predictor(words, step, signature, question)
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
            prompt=digest,
            request=self._request(sent),
            prompt_tokens=int(usage.get("prompt_tokens") or usage.get("input_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or usage.get("output_tokens") or 0),
        )

    def _request(self, sent: Exchange) -> Any:
        settings = {name: value for name, value in self._lm.kwargs.items() if value is not None}
        return (
            {"model": self._lm.model, **settings, "messages": _without_bytes(sent.messages)} if sent.messages else None
        )

    def _note(self, question: Question, *, seen: bool = True) -> str:
        """The note as JSON: a value cannot end its field, and nothing in it looks like ours."""
        note = question.note
        content = note.content
        if len(content) > self._max_note_chars:
            content = f"{content[: self._max_note_chars]} … [{len(content) - self._max_note_chars:,} characters cut]"
        shown: dict[str, Any] = {"language": question.lang, "category": note.category, "title": note.title}
        shown["content"] = content
        if question.show_hashtags and note.hashtags:
            shown["hashtags"] = list(note.hashtags)
        if note.ocr:
            shown["picture_text"] = note.ocr[: self._max_note_chars]
        if note.image_attributes:
            shown["attributes"] = list(note.image_attributes[:50])
        if seen and question.seen:
            shown["pictures"] = [
                {"number": p.number, "shows": p.shows, "text": p.ocr} for p in question.seen if p.refused is None
            ]
        return json.dumps({name: value for name, value in shown.items() if value}, ensure_ascii=False, indent=1)


def _reason(error: Exception) -> FailureReason:
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return "unparsed"


def page(interests: Sequence[Interest], category: Category | None, *, vocabulary: bool = False) -> str:
    """The handbook page of a question: guidance, then the interests by number."""
    lines = [category.guidance] if category and category.guidance else []
    for number, interest in enumerate(interests, 1):
        lines.append(f"{number}. {interest.name}: {interest.description}")
        if interest.attributes:
            lines.append(f"   fine tags name: {', '.join(interest.attributes)}")
        if vocabulary and interest.guidance:
            lines.append(f"   {interest.guidance}")
        if vocabulary and interest.tags:
            lines.append(f"   people write: {', '.join(interest.tags)}")
    return "\n".join(lines) or "(the handbook has nothing on this)"


def _numbered(tags: Sequence[DraftTag], *, evidence: bool = False) -> str:
    lines = []
    for number, tag in enumerate(tags, 1):
        quotes = "; ".join(e.quote or e.interest or f"picture {e.picture}" for e in tag.evidence) if evidence else ""
        lines.append(f"{number}. {tag.tag}" + (f" (rests on: {quotes})" if quotes else ""))
    return "\n".join(lines)


def _pictures(question: Question) -> list[dspy.Image]:
    return [dspy.Image(picture.jpeg) for picture in question.pictures if picture.refused is None]


def _without_bytes(value: Any) -> Any:
    """Messages with every picture replaced by the digest of what was sent."""
    if isinstance(value, dict):
        return {name: _without_bytes(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_bytes(item) for item in value]
    if isinstance(value, str) and value.startswith("data:image/"):
        return f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
    return value
