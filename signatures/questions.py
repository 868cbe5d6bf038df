"""The question a step is asked, and what a program is: six functions from question to answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

from pydantic import BaseModel, JsonValue

from handbook.records import Category, Interest
from notes.pictures import Picture
from notes.records import DraftTag, FailureReason, MatchedInterest, Note, PictureRecord, Record
from signatures.answers import Description, Drafts, Fused, Matches, Merges, Refined
from signatures.sources import Sources


class TagLimits(Record):
    """House form: how many tags, how long, and how near is the same."""

    min_tags: int = 3
    """Aimed at; a note that gives evidence for fewer gets fewer."""
    fewest: int = 1
    """Given even where they are much less likely than the note's likeliest, if how likely they are was learned."""
    max_tags: int = 8
    max_words: int = 5
    """Of an English tag."""
    min_han: int = 2
    max_han: int = 12
    """Characters of a Chinese tag; a Latin word in it counts as two."""
    max_matched: int = 8
    max_drafts: int = 14
    spelling: float = 92.0
    """Similarity of 100 from which two spellings are one (rapidfuzz ratio)."""
    meaning: float = 0.86
    """Cosine from which two tags say the same."""
    finer: float = 0.75
    """Share of a coarser tag's score from which the finer form speaks for both; below it the coarser one does."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is known of a note when a step is asked; later steps know more."""

    note: Note
    lang: str
    limits: TagLimits
    pictures: tuple[Picture, ...] = ()
    """Opened ones and refused ones, in the note's order."""
    seen: tuple[PictureRecord, ...] = ()
    """Pictures with their descriptions."""
    category: Category | None = None
    """The note's category in the handbook."""
    interests: tuple[Interest, ...] = ()
    """Retrieved interests, best first."""
    matched: tuple[MatchedInterest, ...] = ()
    tags: tuple[DraftTag, ...] = ()
    """Draft tags (for dedupe), kept ones (for refine)."""
    show_hashtags: bool = False
    """Whether the author's own hashtags may be read."""
    sources: Sources
    """Everything of the note that a tag may rest on; with the pictures' text once they were described."""

    @cached_property
    def matched_interests(self) -> tuple[Interest, ...]:
        """The matched ones out of `interests`, most probable first."""
        by_id = {interest.id: interest for interest in self.interests}
        return tuple(by_id[m.id] for m in self.matched if m.id in by_id)


A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Answered(Generic[A]):
    """An answer with its cost."""

    answer: A
    program: str
    """Who answered."""
    prompt: str | None = None
    """Digest of the words that asked."""
    request: JsonValue = None
    """The request as really sent, pictures by digest."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False


class StepFailed(Exception):
    """A step could not be answered; becomes a `Failure`."""

    def __init__(
        self,
        reason: FailureReason,
        message: str,
        *,
        request: JsonValue = None,
        answer: JsonValue = None,
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
    ) -> None:
        super().__init__(message)
        self.reason: FailureReason = reason
        self.request = request
        self.answer = answer
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = completion_tokens


@dataclass(frozen=True, kw_only=True)
class Program:
    """Who answers which step. Any of them can be replaced: `dataclasses.replace(program, draft=mine)`."""

    teacher: str
    model: str
    model_revision: str = ""
    prompts: str = ""
    """Version of the words that ask step by step."""
    fused_prompts: str = ""
    """Version of the words that ask at once."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Digest of every text that asks step by step, by its name: one version's name may stand for words of a folder."""
    fused_words: Mapping[str, str] = field(default_factory=dict)
    """The same of those that ask at once."""
    handbook_tokens: int | None = None
    """How much of the handbook it is shown, the category's page first; None: as many interests as are retrieved."""
    describe: Callable[[Question], Awaitable[Answered[Description]]]
    match: Callable[[Question], Awaitable[Answered[Matches]]]
    draft: Callable[[Question], Awaitable[Answered[Drafts]]]
    dedupe: Callable[[Question], Awaitable[Answered[Merges]]]
    refine: Callable[[Question], Awaitable[Answered[Refined]]]
    fused: Callable[[Question], Awaitable[Answered[Fused]]]
