"""The steps answered by a student: one question, and the tags go the way that every teacher's drafts go.

A student says tags, best first, and nothing else. Where a tag comes from is found by the code that finds it for every
teacher (`signatures.applying`): its words in the note, else the pictures that the student was shown. It names no
confidence, so every tag has `UNSAID`, and the order stands for it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dspy

import prompts
from signatures.answers import Description, Drafts, Fused, Matches, Merges, Refined, RefinedTag, Untied
from signatures.asker import Asker
from signatures.questions import Answered, Program, Question, TagLimits
from signatures.student import SIGNATURES, StudentForm, StudentStep
from teachers.vllm.launch import IMAGES_PER_PROMPT

TEACHER = "student"
"""What traces of a student call their teacher."""
UNSAID = 0.5
"""Confidence of every tag: the student names none."""
_NOT_ASKED = "part of the student's answer"


def student_program(
    lm: dspy.LM,
    *,
    words: str | prompts.PromptProgram = "student/v1",
    limits: TagLimits | None = None,
    step: StudentStep = "tags",
    revision: str = "",
) -> Program:
    """The steps asked of a student in one request.

    Args:
        lm: The student on a server, or `teachers.scripted.scripted_lm`.
        words: Version that it was trained with.
        limits: House form as its words said it while it learned; None: as the graph's own limits say.
        step: How it was taught to answer.
        revision: Of its weights, for the trace.

    Raises:
        prompts.PromptError: no such version, it was edited after it was pinned, or it lacks a step or a slot.
    """
    found = prompts.named(words) if isinstance(words, str) else prompts.require(words)
    student = _Student(lm, replace(found, demos=()), limits, step)  # demos were no part of what it learned from
    return Program(
        teacher=TEACHER,
        model=lm.model,
        model_revision=revision,
        prompts=found.id,
        fused_prompts=found.id,
        words=found.digests,
        fused_words=found.digests,
        describe=student.describe,
        match=student.match,
        draft=student.draft,
        dedupe=student.dedupe,
        refine=student.refine,
        fused=student.fused,
    )


class _Student:
    def __init__(self, lm: dspy.LM, words: prompts.PromptProgram, limits: TagLimits | None, step: StudentStep) -> None:
        self._asker = Asker(lm)
        self._words = words
        self._limits = limits
        self._step: StudentStep = step
        self._forms: dict[tuple[str, bool], StudentForm] = {}

    async def describe(self, question: Question) -> Answered[Description]:
        return Answered(answer=Description(pictures=[]), program=_NOT_ASKED)

    async def match(self, question: Question) -> Answered[Matches]:
        return Answered(answer=Matches(matches=[]), program=_NOT_ASKED)

    async def draft(self, question: Question) -> Answered[Drafts]:
        opened = [picture for picture in question.pictures if picture.refused is None]
        shown = opened[:IMAGES_PER_PROMPT]
        await asyncio.gather(*(asyncio.to_thread(getattr, p, "data_url") for p in shown if "data_url" not in vars(p)))
        form = self._form(question)
        images = [dspy.Image(picture.data_url) for picture in shown]
        inputs = form.inputs(question.note, images, not_shown=len(opened) - len(shown))
        slots = form.limits.model_dump()
        return await self._asker.ask(
            self._words,
            self._step,
            SIGNATURES[self._step],
            slots,
            inputs,
            lambda prediction: Drafts(tags=_untied(prediction.tags, shown=len(shown))),
            label=question.note.id,
        )

    async def dedupe(self, question: Question) -> Answered[Merges]:
        return Answered(answer=Merges(merges=[]), program=_NOT_ASKED)

    async def refine(self, question: Question) -> Answered[Refined]:
        tags = [
            RefinedTag(number=number, tag=draft.tag, confidence=UNSAID) for number, draft in enumerate(question.tags, 1)
        ]
        return Answered(answer=Refined(tags=tags), program=_NOT_ASKED)

    async def fused(self, question: Question) -> Answered[Fused]:
        drafted = await self.draft(question)
        final = [
            RefinedTag(number=number, tag=draft.tag, confidence=UNSAID)
            for number, draft in enumerate(drafted.answer.tags, 1)
        ]
        answer = Fused(pictures=[], matches=[], tags=drafted.answer.tags, merges=[], final=final)
        return replace(drafted, answer=answer)  # pyright: ignore[reportReturnType] - the same cost, another answer

    def _form(self, question: Question) -> StudentForm:
        limits = self._limits or question.limits
        key = (limits.model_dump_json(), question.show_hashtags)
        if key not in self._forms:
            self._forms[key] = StudentForm(self._words, limits, show_hashtags=question.show_hashtags)
        return self._forms[key]


def _untied(tags: Sequence[str], *, shown: int) -> list[Any]:
    source = "picture" if shown else "content"
    return [
        Untied(tag=tag, interest=0, source=source, quote=tag, picture=0, score=UNSAID, shown=shown)
        for tag in dict.fromkeys(" ".join(tag.split()) for tag in tags)
        if tag
    ]
