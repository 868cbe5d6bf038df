"""The student's question: note and pictures in, tags out, in one step.

Training sets and the student's graph both render it here: a student is asked in the bytes it was trained on, and is
trained to answer in the bytes that schema-bound decoding lets it write.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

import dspy
import orjson
import regex
from pydantic import BaseModel, create_model
from typing_extensions import TypeAliasType

import prompts
from notes.records import Note
from signatures.adapter import NoteAdapter, response_format
from signatures.answers import Line, Short
from signatures.questions import TagLimits

StudentStep = Literal["tags", "cot"]
"""tags: the tags alone; cot: reasoning, then the tags."""

MAX_NOTE_CHARS = 8_000
"""Of a note's text that a student is shown; what is cut is said."""
MAX_REASONING = 16
"""Lines of a student's reasoning."""
MAX_TAGS = 12
"""Tags of an answer."""

# What trainers and chat templates take for a picture or the end of a turn, wherever it stands.
_MARKERS = regex.compile(
    r"""
    <(?=\|)
  | <(?=/?(?:
        image|video|audio|img|box|bbox|ref|ref-object|cot-process|start-image|end-image
      | start_of_image|end_of_image|image_soft_token|fake_token_around_image|global-img|row_\d+_col_\d+
      | end_of_utterance|start_of_turn|end_of_turn|bos|eos|pad|unk|mask|s|think|tool_call|tool_response
    )>)
  | \[(?=/?(?:INST|IMG|IMG_BREAK|IMG_END|SYSTEM_PROMPT)\])
    """,
    regex.IGNORECASE | regex.VERBOSE,
)
_UNESCAPED = dict.fromkeys(range(32), " ") | {ord('"'): "'", ord("\\"): "/"}


# Named types: DSPy writes a type's name into the question, and would spell out what stands behind it.
Tag = TypeAliasType("Tag", Short)
Thought = TypeAliasType("Thought", Line)


class TagNote(dspy.Signature):
    """Tag a note."""

    note: str = dspy.InputField(desc="the note, as JSON")
    pictures: list[dspy.Image] = dspy.InputField(desc="its pictures, in order")
    tags: list[Tag] = dspy.OutputField(desc="best first", min_length=1, max_length=MAX_TAGS)


class TagNoteAloud(dspy.Signature):
    """Tag a note, thinking first."""

    note: str = dspy.InputField(desc="the note, as JSON")
    pictures: list[dspy.Image] = dspy.InputField(desc="its pictures, in order")
    reasoning: list[Thought] = dspy.OutputField(desc="what the tags rest on", max_length=MAX_REASONING)
    tags: list[Tag] = dspy.OutputField(desc="best first", min_length=1, max_length=MAX_TAGS)


SIGNATURES: Mapping[StudentStep, type[dspy.Signature]] = {"tags": TagNote, "cot": TagNoteAloud}


class StudentForm:
    """Renders the student's questions and answers.

    Args:
        words: Version of the words, or the words themselves.
        limits: House form that the words name.
        show_hashtags: Whether the author's own hashtags are shown.

    Raises:
        prompts.PromptError: there are no such words, or they lack a step or a slot.
    """

    signatures = SIGNATURES
    """Without their words."""

    def __init__(
        self,
        words: str | prompts.PromptProgram = "student/v1",
        limits: TagLimits | None = None,
        *,
        show_hashtags: bool = False,
    ) -> None:
        self.words = prompts.named(words) if isinstance(words, str) else prompts.require(words)
        self.limits = limits or TagLimits()
        self.show_hashtags = show_hashtags
        self._adapter = NoteAdapter()
        slots = self.limits.model_dump()
        self._signatures: dict[StudentStep, type[dspy.Signature]] = {}
        for step, signature in SIGNATURES.items():
            prompt = self.words[step]
            text = prompt.render(**{slot: slots[slot] for slot in prompt.slots if slot in slots})
            self._signatures[step] = signature.with_instructions(text)
        self._answers = {step: _model(signature) for step, signature in SIGNATURES.items()}

    def inputs(self, note: Note, pictures: Sequence[dspy.Image], *, not_shown: int = 0) -> dict[str, Any]:
        """Values of the question's fields.

        Args:
            note: With its language.
            pictures: Those that could be opened, as many as a request may carry.
            not_shown: How many more could be opened.
        """
        content = note.content
        if len(content) > MAX_NOTE_CHARS:
            content = f"{content[:MAX_NOTE_CHARS]} … [{len(content) - MAX_NOTE_CHARS:,} characters cut]"
        shown: dict[str, Any] = {
            "language": note.lang,
            "category": note.category[:200],
            "title": note.title[:MAX_NOTE_CHARS],
            "content": content,
            "hashtags": list(note.hashtags[:50]) if self.show_hashtags else [],
            "picture_text": note.ocr[:MAX_NOTE_CHARS],
            "attributes": list(note.image_attributes[:50]),
            "pictures_not_shown": not_shown,
        }
        lines = (f' "{name}": {orjson.dumps(value).decode()}' for name, value in shown.items() if value)
        return {"note": unmarked("{\n" + ",\n".join(lines) + "\n}"), "pictures": list(pictures)}

    def messages(self, step: StudentStep, inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The question as it is sent: a system message and one of the user, texts and pictures in turns."""
        return self._adapter.format(self._signatures[step], [], dict(inputs))

    def signature(self, step: StudentStep) -> type[dspy.Signature]:
        """Its fields, with the words as instructions."""
        return self._signatures[step]

    def response_format(self, step: StudentStep) -> dict[str, Any]:
        """The schema that answers are bound to, nested as OpenAI's API has it."""
        asked = response_format(self._signatures[step])
        return {"type": "json_schema", "json_schema": {name: value for name, value in asked.items() if name != "type"}}

    def answer(self, step: StudentStep, values: Mapping[str, Any]) -> str:
        """An answer in the bytes that schema-bound decoding writes.

        Raises:
            pydantic.ValidationError: the values do not fit the schema.
        """
        found = self._answers[step].model_validate(_plain(values))
        return _written(found.model_dump())

    def check(self, step: StudentStep, text: str) -> None:
        """Whether a text is an answer that schema-bound decoding could have written.

        Raises:
            ValueError: it is not; the message says why.
        """
        if self.answer(step, json.loads(text)) != text:
            raise ValueError("it has other bytes than schema-bound decoding writes")


def _model(signature: type[dspy.Signature]) -> type[BaseModel]:
    """The signature's output fields with their limits."""
    fields: dict[str, Any] = {
        name: (Annotated[field.annotation, *field.metadata], ...) for name, field in signature.output_fields.items()
    }
    return cast("type[BaseModel]", create_model("StudentAnswer", **fields))


def answer_text(values: Mapping[str, Any]) -> str:
    """JSON as a server writes it that decodes within a schema and may not write white space.

    Nothing stands before or between. Where a string has a limit, xgrammar lets through neither an escape nor what would
    need one: quotation marks, backslashes and line breaks are written otherwise, or a student would learn what no
    server lets it say. Numbers have no exponent, and no marker of a trainer's is left whole.
    """
    return _written(_plain(values))


def _written(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def unmarked(text: str) -> str:
    """`text` with everything broken up that a trainer or a model would take for a picture or a turn's end."""
    if "<" not in text and "[" not in text:
        return text
    return _MARKERS.sub(lambda match: f"{match[0]} ", text)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return unmarked(value.translate(_UNESCAPED))
    if isinstance(value, float):
        return round(value, 4)  # from five places on, small numbers are written with an exponent
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
