"""From a trace to examples: one of each view, or the reason why there is none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dspy
from pydantic import ValidationError

from distill.corpus.pictures import NotePictures
from distill.corpus.records import DropReason, Example, Message, Shown, View
from distill.corpus.store import Candidate
from notes.records import StepName, StepRecord, Trace
from signatures.student import MAX_REASONING, MAX_TAGS, StudentForm, StudentStep, answer_text, unmarked

_LINE, _TAG = 240, 80
"""Characters of a line of reasoning and of a tag, as the answers' schemas have it."""
_COMPLAINT = "That answer breaks the form asked for:"
_FIELDS: Mapping[StepName, Mapping[str, str]] = {
    "describe": {"descriptions": "pictures"},
    "match": {"matches": "matches"},
    "draft": {"tags": "tags"},
    "dedupe": {"merges": "merges"},
    "refine": {"tags": "tags"},
}
"""Of each step, its answer's fields as they are asked for, and as the trace has them."""
_FUSED = ("pictures", "matches", "tags", "merges", "final")


@dataclass(frozen=True)
class Missing:
    """Why a view has no example of a trace."""

    reason: DropReason
    detail: str = ""


class ViewMaker:
    """Makes the examples of traces of one run.

    Args:
        form: Renders the student's questions.
        max_chars: Of a question with its answer.
    """

    def __init__(self, form: StudentForm, max_chars: int) -> None:
        self.form = form
        self._max_chars = max_chars
        self._rendered_for: Candidate | None = None
        self._rendered: dict[StudentStep, tuple[Message, ...]] = {}
        self._makers: dict[View, Callable[[Candidate, NotePictures], list[Example] | Missing]] = {
            "tags": self._tags,
            "cot": self._cot,
            "steps": self._steps,
            "preference": self._preference,
            "prompts": self._prompts,
        }

    def make(self, view: View, candidate: Candidate, pictures: NotePictures) -> list[Example] | Missing:
        """The examples of a view, one at least, or why there is none."""
        try:
            found = self._makers[view](candidate, pictures)
        except ValidationError as error:
            first = error.errors()[0]
            return Missing("breaks_schema", f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        if isinstance(found, Missing):
            return found
        short = [example for example in found if example.characters <= self._max_chars]
        if not short:
            longest = max(example.characters for example in found)
            return Missing("too_long", f"{longest:,} characters, the limit is {self._max_chars:,}")
        return short

    def _tags(self, candidate: Candidate, pictures: NotePictures) -> list[Example]:
        answer = self.form.answer("tags", {"tags": _final(candidate.trace)})
        return [self._example("tags", "tags", candidate, pictures, answer)]

    def _cot(self, candidate: Candidate, pictures: NotePictures) -> list[Example] | Missing:
        lines = reasoning(candidate.trace)
        if not lines:
            return Missing("no_reasoning", "the trace says neither what a picture shows nor what a tag rests on")
        answer = self.form.answer("cot", {"reasoning": lines, "tags": _final(candidate.trace)})
        return [self._example("cot", "cot", candidate, pictures, answer)]

    def _preference(self, candidate: Candidate, pictures: NotePictures) -> list[Example] | Missing:
        chosen = self.form.answer("tags", {"tags": _final(candidate.trace)})
        drafts = [draft.tag[:_TAG] for draft in candidate.trace.drafts[:MAX_TAGS]]
        if not drafts:
            return Missing("same_as_draft", "the trace has no drafts")
        rejected = self.form.answer("tags", {"tags": drafts})
        if rejected == chosen:
            return Missing("same_as_draft", "the final tags are the drafts")
        return [self._example("preference", "tags", candidate, pictures, chosen, rejected)]

    def _prompts(self, candidate: Candidate, pictures: NotePictures) -> list[Example]:
        return [self._example("prompts", "tags", candidate, pictures)]

    def _example(
        self,
        view: View,
        step: StudentStep,
        candidate: Candidate,
        pictures: NotePictures,
        answer: str | None = None,
        rejected: str | None = None,
    ) -> Example:
        prompt = self._prompt(step, candidate, pictures)
        return Example(f"{view}-{candidate.key}", view, candidate.note.id, prompt, answer, rejected)

    def _prompt(self, step: StudentStep, candidate: Candidate, pictures: NotePictures) -> tuple[Message, ...]:
        """The student's question; three views ask the same one of a trace, one after the other."""
        if self._rendered_for is not candidate:
            self._rendered_for, self._rendered = candidate, {}
        if step not in self._rendered:
            images = [dspy.Image(f"data:image/jpeg;base64,{look.name.removesuffix('.jpg')}") for look in pictures.looks]
            inputs = self.form.inputs(candidate.note, images, not_shown=pictures.not_shown)
            self._rendered[step] = tuple(_message(message) for message in self.form.messages(step, inputs))
        return self._rendered[step]

    def _steps(self, candidate: Candidate, pictures: NotePictures) -> list[Example] | Missing:
        found = []
        for step in candidate.trace.steps:
            example = self._step(step, candidate, pictures)
            if example is not None:
                found.append(example)
        return found or Missing("no_request", f"{candidate.trace.teacher} sent no request that could be learned from")

    def _step(self, step: StepRecord, candidate: Candidate, pictures: NotePictures) -> Example | None:
        if not isinstance(step.request, dict) or not isinstance(step.answer, dict):
            return None
        sent = step.request.get("messages")
        answer = _answer_of(step)
        if not isinstance(sent, list) or answer is None:
            return None
        prompt = _as_sent(sent, [look.name for look in pictures.looks])
        if prompt is None:
            return None
        return Example(f"steps-{candidate.key}-{step.name}", "steps", candidate.note.id, prompt, answer)


def reasoning(trace: Trace) -> list[str]:
    """What a trace says of how it got its tags, a line each."""
    lines = []
    for picture in trace.pictures:
        if picture.refused is None and (picture.shows or picture.ocr):
            reads = f"; it reads: {picture.ocr}" if picture.ocr else ""
            lines.append(f"Picture {picture.number}: {picture.shows or 'no description'}{reads}")
    spoken = bool(trace.prompts)  # a model's own words; without one, `why` holds measurements
    lines += [
        f"Interest {match.name}: {match.why}" if spoken and match.why else f"Interest {match.name}"
        for match in trace.matched[:4]
    ]
    interests = {match.id: match.name for match in trace.matched}
    for tag in trace.tags:
        for evidence in tag.evidence[:1]:
            where = {"picture": f"picture {evidence.picture}", "ocr": f"words in picture {evidence.picture}"}.get(
                evidence.source, evidence.source
            )
            said = interests.get(evidence.interest or "", "") if evidence.source == "interest" else evidence.quote
            lines.append(f"{tag.tag} rests on the {where}" + (f": {said}" if said else ""))
    for decision in trace.decisions[:3]:
        into = f", {decision.into} says it" if decision.into else ""
        lines.append(f"Not {decision.tag}: {decision.reason.replace('_', ' ')}{into}")
    return [" ".join(line.split())[:_LINE] for line in lines][:MAX_REASONING]


def _final(trace: Trace) -> list[str]:
    return [tag.tag for tag in trace.tags[:MAX_TAGS]]


def _message(message: Mapping[str, Any]) -> Message:
    content = message["content"]
    if isinstance(content, str):
        return Message(message["role"], (content,))
    return Message(message["role"], tuple(_part(block) for block in content))


def _part(block: Mapping[str, Any]) -> str | Shown:
    if block["type"] == "text":
        return block["text"]
    return Shown(f"{block['image_url']['url'].rpartition(',')[2]}.jpg")


def _as_sent(sent: Sequence[Any], names: Sequence[str]) -> tuple[Message, ...] | None:
    """A request's messages with the note's pictures in their places; None: it shows pictures that are not the note's.

    Of an answer that had to be asked for again, the first question is learned from.
    """
    messages = [message for message in sent if isinstance(message, dict)]
    if messages and str(messages[-1].get("content", "")).startswith(_COMPLAINT):
        messages = messages[:-2]
    waiting = list(names)
    found = []
    for message in messages:
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        parts: list[str | Shown] = []
        for block in blocks:
            if block.get("type") == "text":
                parts.append(unmarked(str(block["text"])))
            elif message is messages[-1] and waiting:
                parts.append(Shown(waiting.pop(0)))
            else:
                return None
        found.append(Message(message["role"], tuple(parts)))
    return tuple(found) if found and found[-1].role == "user" else None


def _answer_of(step: StepRecord) -> str | None:
    """The answer as the model was to write it; None: it is none of ours."""
    assert isinstance(step.answer, dict)
    if set(_FUSED) <= step.answer.keys():
        return answer_text({name: step.answer[name] for name in _FUSED})
    fields = _FIELDS.get(step.name, {})
    if not fields or not set(fields.values()) <= step.answer.keys():
        return None
    return answer_text({asked: step.answer[kept] for asked, kept in fields.items()})
