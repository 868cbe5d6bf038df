"""A student on disk: a model's folder that vLLM serves as it is, with what made it.

config.json, model.safetensors, tokenizer …   the model, adapters merged
student.json      what made it: base, corpus, words, configuration, examples, losses; written last
curve.jsonl       a line whenever a loss was written down
curve.svg         the same, drawn
left_out.jsonl    examples that were too long, with their tokens
learned.jsonl     a line a note of the corpus: id, digest, split
training/         while it trains, and TensorBoard's logs: training.json, checkpoints/, logs/
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, JsonValue, ValidationError

from distill.corpus.records import Split
from distill.student.config import StudentError
from notes.records import Record

STUDENT = "student.json"
CURVE = "curve.jsonl"
PLOT = "curve.svg"
LEFT_OUT = "left_out.jsonl"
LEARNED = "learned.jsonl"
TRAINING = "training"
DESCRIPTION = "training.json"
CHECKPOINTS = "checkpoints"
LOGS = "logs"
FORMAT = "tagllm-student/1"

R = TypeVar("R", bound=Record)


class Description(Record):
    """What decides what a student becomes: a training goes on only with the same."""

    base: str
    base_digest: str
    """Of the base's files; empty for a name on the hub."""
    corpus: str
    """Absolute path of its folder."""
    corpus_digest: str
    """SHA-256 of its manifest."""
    config: dict[str, JsonValue]


class StudentSummary(Record):
    """A student that was trained."""

    format: Literal["tagllm-student/1"] = FORMAT
    made_of: Description
    step: Literal["tags", "cot"] | None
    """How it is asked; None: it learned the teacher's steps."""
    words: str
    """Version of the words it is asked with."""
    words_digest: str
    limits: dict[str, JsonValue] = Field(default_factory=dict)
    """House form as its words say it."""
    max_side: int | None
    """Pixels of the pictures it learned from; None: it learned from text alone."""
    ending: str
    """The token behind every answer."""
    examples: dict[Split, int]
    """Learned from (train) and looked at while learning (validation)."""
    left_out: int
    """Too long."""
    steps: int
    tokens: int
    """Read while training."""
    loss: float | None
    """Mean over the last look at the examples it learns from."""
    held_out_loss: float | None
    """Of the validation split, in the end."""
    seconds: float
    """Of the last session."""
    weights: int
    """Parameters."""
    trained_weights: int
    """Of them, those that were trained; with adapters the adapters'."""
    versions: dict[str, str] = Field(default_factory=dict)


class Point(Record):
    """A moment of a training."""

    step: int
    epoch: float
    loss: float | None = None
    """Over the steps since the last point."""
    held_out_loss: float | None = None
    accuracy: float | None = None
    """Share of an answer's tokens that come out first; of the held-out split where its loss is said."""
    learning_rate: float | None = None


class LearnedNote(Record):
    """A note of the corpus."""

    id: str
    digest: str
    split: Split


def read_student(folder: Path | str) -> StudentSummary:
    """What made the student in `folder`.

    Raises:
        StudentError: there is none, its training has not finished, or it was made by another version.
    """
    file = Path(folder) / STUDENT
    if not file.is_file():
        going = (Path(folder) / TRAINING / DESCRIPTION).is_file()
        why = "its training has not finished; the same command goes on" if going else f"it holds no {STUDENT}"
        raise StudentError(
            f"{folder} is no student: {why}; make one: tagllm student train CORPUS --base MODEL --out DIR"
        )
    return parsed(file.read_bytes(), StudentSummary, str(file))


def find_student(model: str) -> StudentSummary | None:
    """What made the model that is to answer, where it is a student's folder.

    Raises:
        StudentError: it says so and cannot be read.
    """
    return read_student(model) if model and (Path(model) / STUDENT).is_file() else None


def read_curve(folder: Path | str) -> Iterator[Point]:
    """How the losses went.

    Raises:
        StudentError: a line is none of ours.
    """
    yield from _lines(Path(folder) / CURVE, Point)


def read_learned(folder: Path | str) -> Iterator[LearnedNote]:
    """The notes of the corpus that it was made of, each with its split.

    Raises:
        StudentError: a line is none of ours.
    """
    yield from _lines(Path(folder) / LEARNED, LearnedNote)


def parsed(data: bytes, kind: type[R], where: str) -> R:
    """A record out of JSON.

    Raises:
        StudentError: it is none.
    """
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first: Any = error.errors()[0]
        what = ".".join(map(str, first["loc"])) or "no valid JSON"
        raise StudentError(f"{where}: {what}: {first['msg']}; it was made by another version, or is damaged") from None


def _lines(file: Path, kind: type[R]) -> Iterator[R]:
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield parsed(line, kind, f"{file}:{number}")
    except FileNotFoundError:
        raise StudentError(f"{file} is missing; train the student again") from None
