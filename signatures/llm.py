"""The steps answered by a language model through DSPy."""

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import dspy
import orjson
from pydantic import BaseModel

import prompts
from handbook.records import Category, Interest
from notes.records import DraftTag
from signatures import asking
from signatures.answers import Description, Drafts, Fused, Matches, Merges, Refined
from signatures.asker import Asker
from signatures.demos import shown
from signatures.questions import Answered, Program, Question
from teachers.vllm.launch import IMAGES_PER_PROMPT

A = TypeVar("A", bound=BaseModel)


def llm_program(
    lm: dspy.LM,
    *,
    words: str | prompts.PromptProgram = "tagging/v1",
    fused_words: str | prompts.PromptProgram = "tagging_fused/v1",
    revision: str = "",
    max_note_chars: int = 12_000,
    handbook_tokens: int = 3000,
) -> Program:
    """The steps asked of `lm`, with the words of a prompt version.

    Args:
        lm: Any `dspy.LM`: a server, or `teachers.scripted.scripted_lm`.
        words: Version that asks the five steps: its id or its folder, or words that are not written down yet.
        fused_words: Version that asks them all at once.
        revision: Revision of the model's weights, for the trace.
        max_note_chars: A longer text is cut, and the cut is said in the question.
        handbook_tokens: Tokens of the handbook that are shown with a note.

    Raises:
        prompts.PromptError: no such version, it was edited after it was pinned, or it lacks a step or a slot.
    """
    steps, at_once = _opened(words), _opened(fused_words)
    asker = _Asker(lm, shown(steps), shown(at_once), max_note_chars)
    return Program(
        teacher="llm",
        model=lm.model,
        model_revision=revision,
        prompts=steps.id,
        fused_prompts=at_once.id,
        words=steps.digests,
        fused_words=at_once.digests,
        handbook_tokens=handbook_tokens,
        describe=asker.describe,
        match=asker.match,
        draft=asker.draft,
        dedupe=asker.dedupe,
        refine=asker.refine,
        fused=asker.fused,
    )


def _opened(words: str | prompts.PromptProgram) -> prompts.PromptProgram:
    return prompts.named(words) if isinstance(words, str) else prompts.require(words)


class _Asker:
    def __init__(
        self, lm: dspy.LM, words: prompts.PromptProgram, fused: prompts.PromptProgram, max_note_chars: int
    ) -> None:
        self._asker = Asker(lm)
        self._words = words
        self._fused = fused
        self._max_note_chars = max_note_chars

    async def describe(self, question: Question) -> Answered[Description]:
        inputs = {"note": self._note(question, seen=False), "pictures": await _pictures(question)}
        return await self._ask(
            self._words, "describe", asking.Describe, question, inputs, lambda p: Description(pictures=p.descriptions)
        )

    async def match(self, question: Question) -> Answered[Matches]:
        if not question.interests:
            return Answered(answer=Matches(matches=[]), program="nothing retrieved")
        inputs = {"interests": page(question.interests, question.category), "note": self._note(question)}
        least = self._words.threshold
        return await self._ask(
            self._words,
            "match",
            asking.MatchInterests,
            question,
            inputs,
            lambda p: Matches(matches=[m for m in p.matches if m.probability >= least]),
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
            "images": await _pictures(question),
        }
        least = self._fused.threshold
        return await self._ask(
            self._fused,
            "fused",
            asking.TagAtOnce,
            question,
            inputs,
            lambda p: Fused(
                pictures=p.pictures,
                matches=[m for m in p.matches if m.probability >= least],
                tags=p.tags,
                merges=p.merges,
                final=p.final,
            ),
        )

    async def _ask(
        self,
        words: prompts.PromptProgram,
        step: str,
        signature: type[dspy.Signature],
        question: Question,
        inputs: dict[str, Any],
        build: Callable[[Any], A],
    ) -> Answered[A]:
        slots = _slots(question.limits)  # pyright: ignore[reportArgumentType] - frozen, so it has a hash
        return await self._asker.ask(words, step, signature, slots, inputs, build, label=question.note.id)

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
        opened = sum(picture.refused is None for picture in question.pictures)
        if opened > IMAGES_PER_PROMPT:
            shown["pictures_not_shown"] = opened - IMAGES_PER_PROMPT
        if seen and question.seen:
            shown["pictures"] = [
                {"number": p.number, "shows": p.shows, "text": p.ocr} for p in question.seen if p.refused is None
            ]
        lines = (f' "{name}": {orjson.dumps(value).decode()}' for name, value in shown.items() if value)
        return "{\n" + ",\n".join(lines) + "\n}"


@functools.lru_cache(maxsize=16)
def _slots(limits: Any) -> dict[str, Any]:
    """Values of the prompts' slots, by `TagLimits`."""
    return limits.model_dump()


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


async def _pictures(question: Question) -> list[dspy.Image]:
    """Those that could be opened, as many as a request may carry; made into JPEG in threads."""
    opened = [picture for picture in question.pictures if picture.refused is None][:IMAGES_PER_PROMPT]
    raw = [picture for picture in opened if "data_url" not in vars(picture)]
    if raw:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(None, getattr, picture, "data_url") for picture in raw))
    return [dspy.Image(picture.data_url) for picture in opened]
