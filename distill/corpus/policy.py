"""What goes into a corpus, as the caller wants it; written down with the corpus."""

from typing import Literal

from pydantic import Field

from distill.corpus.records import VIEWS, View
from notes.pictures import PicturePolicy
from notes.records import Record

Format = Literal["trl", "sharegpt", "openai", "batch"]
FORMATS: tuple[Format, ...] = ("trl", "sharegpt", "openai", "batch")


class Selection(Record):
    """Which traces are good enough."""

    min_tags: int = Field(default=1, ge=1, le=12)
    min_confidence: float = Field(default=0.0, ge=0, le=1)
    """Mean over a note's tags. Teachers' scales differ: the default takes all."""
    min_groundedness: float = Field(default=0.5, ge=0, le=1)
    """Share of a note's tags that rest on something; every quote is looked up again."""
    max_redundancy: float = Field(default=0.5, ge=0, le=1)
    """Share of a note's pairs of tags that say the same, or one of them coarser."""
    langs: tuple[str, ...] = ()
    """ISO 639-1 codes; empty: all."""
    max_chars: int = Field(default=32_000, ge=100)
    """Of a question with its answer."""
    agreement: float = Field(default=0.5, gt=0, le=1)
    """Where several runs tagged a note: share of them that must give a tag."""
    drop_duplicates: bool = True
    """Whether of notes with nearly the same text and pictures one is kept."""
    per_category: int | None = Field(default=None, ge=1)
    """Notes of a category at most, the surest ones; None: all."""
    per_interest: int | None = Field(default=None, ge=1)
    """Notes that speak to an interest at most; None: all."""


class Splitting(Record):
    """How notes are divided. A note whose own `split` says test or validation stays there."""

    validation: float = Field(default=0.05, ge=0, lt=1)
    """Share of the notes, about."""
    test: float = Field(default=0.05, ge=0, lt=1)
    seed: int = 0
    by: tuple[Literal["text", "pictures"], ...] = ("text", "pictures")
    """What notes may not share across splits; empty: only the note itself counts."""


class CorpusPolicy(Record):
    """All that decides what is in a corpus, besides the runs."""

    views: tuple[View, ...] = VIEWS
    formats: tuple[Format, ...] = FORMATS
    selection: Selection = Field(default_factory=Selection)
    splitting: Splitting = Field(default_factory=Splitting)
    with_pictures: bool = True
    """False: a corpus of text alone, for language models that see nothing."""
    pictures: PicturePolicy = Field(default_factory=PicturePolicy)
    words: str = "student/v1"
    """Version of the words that the student is asked with."""
    model: str = "student"
    """Name of the model in batch files."""
