"""A language model's opinion of tags. What it says has three outcomes: an opinion, none on a tag, and none at all."""

import json
import math
from typing import Annotated, Literal, NamedTuple

import dspy
from pydantic import BaseModel, ConfigDict, Field

import prompts
from notes.records import FinalTag, Note, Trace
from signatures.asker import Asker
from signatures.questions import StepFailed

_VALUES = {"good": 1.0, "coarse": 0.5, "wrong": 0.0}
_MOST_CHARS = 12_000


class Verdict(BaseModel):
    """On one tag."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: int = Field(ge=1, le=99)
    """Of the tag in the list."""
    verdict: Literal["good", "coarse", "wrong"]
    why: Annotated[str, Field(max_length=200)]


class JudgeTags(dspy.Signature):
    """Judge the tags of a note."""

    note: str = dspy.InputField(desc="the note with what its pictures show, as JSON")
    tags: str = dspy.InputField(desc="its tags, by number")
    verdicts: list[Verdict] = dspy.OutputField(desc="at most one a tag", max_length=12)


class _Verdicts(BaseModel):
    verdicts: list[Verdict]


class Judged(NamedTuple):
    """What a judge said of a note's tags."""

    verdicts: tuple[tuple[str, Verdict], ...]
    """Tags with the judge's verdict; those it said nothing of are left out."""
    unread: str = ""
    """Why no verdict could be read; the note then counts neither for nor against."""

    @property
    def value(self) -> float | None:
        """0 to 1; None where there is no verdict."""
        if not self.verdicts:
            return None
        return math.fsum(_VALUES[verdict.verdict] for _, verdict in self.verdicts) / len(self.verdicts)


class Judge:
    """Asks a language model about tags.

    Args:
        lm: Better another model than the one that tags.
        words: Version of the judge's words.

    Raises:
        prompts.PromptError: there is no such version.
    """

    def __init__(self, lm: dspy.LM, words: str = "judge/v1") -> None:
        self._asker = Asker(lm)
        self._words = prompts.named(words)

    async def __call__(self, note: Note, trace: Trace) -> Judged:
        """Its opinion of a note's tags; never raises for what the model says."""
        inputs = {"note": _shown(note, trace), "tags": _numbered(trace.tags)}
        try:
            answered = await self._asker.ask(
                self._words, "judge", JudgeTags, {}, inputs, lambda p: _Verdicts(verdicts=p.verdicts), label=note.id
            )
        except StepFailed as error:
            return Judged((), f"{error.reason}: {error}"[:300])
        found: dict[int, Verdict] = {}
        for verdict in answered.answer.verdicts:
            if verdict.number <= len(trace.tags):
                found.setdefault(verdict.number, verdict)
        return Judged(tuple((trace.tags[number - 1].tag, found[number]) for number in sorted(found)))


def _shown(note: Note, trace: Trace) -> str:
    shown: dict[str, object] = {"title": note.title, "content": note.content[:_MOST_CHARS], "category": note.category}
    shown["picture_text"] = note.ocr[:_MOST_CHARS]
    pictures = [{"number": p.number, "shows": p.shows, "text": p.ocr} for p in trace.pictures if p.refused is None]
    shown["pictures"] = pictures
    return json.dumps({name: value for name, value in shown.items() if value}, ensure_ascii=False, indent=1)


def _numbered(tags: tuple[FinalTag, ...]) -> str:
    return "\n".join(f"{number}. {tag.tag}" for number, tag in enumerate(tags, 1))
