"""What flows through TagLLM: frozen records, strict in their fields, with meaning and unit under each."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Probability = float

StepName = Literal["retrieve", "describe", "match", "draft", "dedupe", "refine"]
STEPS: tuple[StepName, ...] = ("retrieve", "describe", "match", "draft", "dedupe", "refine")


class Record(BaseModel):
    """A value that is stored: it never changes, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other fields; what was computed from the old ones is computed anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            vars(copied).pop(name)  # a cached property
        return copied


def digest_of(value: Any) -> str:
    """First 32 hexadecimal digits of the SHA-256 of `value` written as canonical JSON."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Note(Record):
    """What a person posted."""

    id: str = Field(min_length=1, max_length=256)
    """Unique within its file."""
    title: str = Field(default="", max_length=20_000)
    content: str = Field(default="", max_length=200_000)
    images: tuple[str, ...] = Field(default=(), max_length=64)
    """Paths relative to the notes file, `http(s)` addresses, or `data:` addresses."""
    category: str = ""
    """Empty when the source has none."""
    hashtags: tuple[str, ...] = ()
    """The author's own. Never shown to the tagger unless asked."""
    ocr: str = ""
    """Text read from the pictures elsewhere; used when present."""
    image_attributes: tuple[str, ...] = ()
    """Words for what the pictures show, found elsewhere; used when present."""
    lang: str = ""
    """ISO 639-1 code; empty: found from the text."""
    created_at: datetime | None = None
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    """Columns of the source that have no field here, `split` among them."""

    @property
    def text(self) -> str:
        """Title and content, a line apart."""
        return f"{self.title}\n{self.content}" if self.title and self.content else self.title or self.content

    @property
    def category_levels(self) -> tuple[str, ...]:
        """The levels of a category that has several (`category_path`), coarsest first; empty where there is one."""
        levels = self.extra.get("category_path")
        return tuple(str(level)[:120] for level in levels[:8]) if isinstance(levels, list) else ()

    @cached_property
    def digest(self) -> str:
        """Changes when anything the tagger is shown changes."""
        return digest_of(
            [
                *(self.title, self.content, self.images, self.category, self.ocr, self.image_attributes, self.lang),
                *self.category_levels,
            ]
        )


InteractionKind = Literal["click", "like", "save", "comment", "share", "search"]


class Interaction(Record):
    """One act of one user on one note."""

    user_id: str = Field(min_length=1, max_length=256)
    note_id: str = Field(min_length=1, max_length=256)
    timestamp: float | None = Field(default=None, allow_inf_nan=False)
    """Seconds since 1970-01-01 UTC."""
    kind: InteractionKind = "click"
    strength: float = Field(default=1.0, allow_inf_nan=False)
    """Weight the source gives: a rating, a number of seconds; 1 where it says nothing."""
    query: str = ""
    """What the user had searched for."""


RejectReason = Literal[
    "broken_json",
    "broken_row",
    "missing_id",
    "duplicate_id",
    "nothing_to_tag",
    "wrong_type",
    "invalid_utf8",
    "too_large",
]


class Reject(Record):
    """An input row that is no note."""

    source: str
    """File the row stands in."""
    line: int
    """1-based line (text files) or row (Parquet, Arrow) number."""
    reason: RejectReason
    message: str
    id: str | None = None
    """The row's id where it could be read."""


RefusalReason = Literal[
    "bad_address",
    "outside_folder",
    "not_found",
    "not_a_file",
    "unreadable",
    "file_address",
    "private_address",
    "remote_off",
    "fetch_failed",
    "too_large",
    "too_many_pixels",
    "not_a_picture",
    "truncated",
]


class PictureRefusal(Record):
    """Why a picture was not opened."""

    ref: str
    """The reference as the note has it, cut at 300 characters."""
    reason: RefusalReason
    message: str


class PictureRecord(Record):
    """A picture as the tagger saw it."""

    number: int
    """1-based place in the note's `images`."""
    ref: str
    """The reference as the note has it, cut at 300 characters."""
    digest: str = ""
    """SHA-256 of the file's bytes; empty when refused."""
    width: int = 0
    """Pixels of the original, turned upright."""
    height: int = 0
    policy: str = ""
    """How it was resized."""
    refused: PictureRefusal | None = None
    ocr: str = ""
    """Text read in it."""
    shows: str = ""
    """What it shows, in words."""


class Evidence(Record):
    """What a tag or a match rests on."""

    source: Literal["title", "content", "ocr", "picture", "attributes", "interest"]
    quote: str = ""
    """The words as they stand in the source; empty for a picture or an interest as a whole."""
    picture: int | None = None
    """1-based number of the picture, for `ocr` and `picture`."""
    interest: str | None = None
    """Id of the interest, for `interest`."""


class RetrievedInterest(Record):
    """An interest of the handbook that could matter."""

    id: str
    name: str
    score: float
    """Nearness in meaning and words; comparable within one note only."""
    probability: Probability = 0.0
    """That one of its tags fits, where a matcher was learned on the handbook's notes; such interests come first."""


class MatchedInterest(Record):
    """An interest the note speaks to."""

    id: str
    name: str
    probability: Probability
    why: str = ""
    evidence: tuple[Evidence, ...] = ()


class DraftTag(Record):
    """A tag as first proposed."""

    tag: str
    interest: str | None = None
    """Id of the interest it serves."""
    evidence: tuple[Evidence, ...] = ()
    score: float = 0.0
    """How well it fits, 0 to 1; the order the teacher gave where it gives no number."""


DecisionReason = Literal[
    "same_form",
    "spelling",
    "same_meaning",
    "coarser",
    "unlikely_finer",
    "teacher",
    "no_evidence",
    "instruction",
    "call_to_action",
    "not_house_form",
    "too_general",
    "over_limit",
    "unconfirmed",
]


class Decision(Record):
    """What became of a draft that is not among the final tags."""

    tag: str
    action: Literal["merged", "dropped"]
    step: Literal["dedupe", "refine"]
    reason: DecisionReason
    into: str | None = None
    """The tag that speaks for it now, when merged."""
    detail: str = ""
    """The measurement or rule behind it, for people."""


class FinalTag(Record):
    """A tag of the note."""

    tag: str
    confidence: Probability
    evidence: tuple[Evidence, ...] = ()
    interest: str | None = None


class StepRecord(Record):
    """One step as it happened."""

    name: StepName
    program: str
    """Who answered: `embedded`, `handbook`, a model's name …"""
    prompt: str | None = None
    """Digest of the words that asked; none where no model was asked."""
    request: JsonValue = None
    """The request as really sent; pictures by digest."""
    answer: JsonValue = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    milliseconds: float = 0.0
    cached: bool = False


class Trace(Record):
    """How one note got its tags."""

    note_id: str
    note_digest: str
    lang: str
    category: str
    steps: tuple[StepRecord, ...]
    pictures: tuple[PictureRecord, ...] = ()
    retrieved: tuple[RetrievedInterest, ...] = ()
    matched: tuple[MatchedInterest, ...] = ()
    drafts: tuple[DraftTag, ...] = ()
    decisions: tuple[Decision, ...] = ()
    set_aside: tuple[str, ...] = ()
    """Sentences of the note that address the tagger; no tag may rest on them."""
    tags: tuple[FinalTag, ...] = ()
    """Best first."""
    teacher: str
    model: str
    model_revision: str = ""
    prompts: str = ""
    """Version of the prompt program, such as `tagging/v1`; empty where no words were sent."""
    handbook_digest: str = ""
    code_version: str = ""


FailureReason = Literal[
    "nothing_to_tag",
    "no_tags",
    "unparsed",
    "truncated",
    "too_long",
    "refused",
    "timeout",
    "unreachable",
    "teacher_error",
    "unforeseen",
    "worker_died",
]


class Failure(Record):
    """A note that got no tags, and why."""

    note_id: str
    note_digest: str = ""
    step: StepName | None
    """None: not known, as when the process died."""
    reason: FailureReason
    message: str
    request: JsonValue = None
    """The request as really sent, where there was one; pictures by digest."""
    answer: JsonValue = None
    """The raw answer, where there was one."""
    prompt_tokens: int = 0
    """Read for the step that failed."""
    completion_tokens: int = 0
    steps: tuple[StepRecord, ...] = ()
    """Steps that were done before."""
    pictures: tuple[PictureRecord, ...] = ()
    decisions: tuple[Decision, ...] = ()
