"""What the steps share: `note` comes in, every other field is written by a step."""

import operator
from typing import Annotated, Required, TypedDict

from pydantic import BaseModel, ConfigDict

from handbook.records import Category, Interest
from notes.pictures import Picture
from notes.records import (
    Decision,
    DraftTag,
    Failure,
    FinalTag,
    MatchedInterest,
    Note,
    PictureRecord,
    RetrievedInterest,
    StepRecord,
    Trace,
)
from signatures.answers import Fused
from signatures.sources import Sources


class TaggingInput(BaseModel):
    """What goes in."""

    model_config = ConfigDict(extra="forbid")

    note: Note


class TaggingOutput(TypedDict, total=False):
    """What comes out: one of the two."""

    trace: Trace
    failure: Failure


class TaggingState(TypedDict, total=False):
    """What the steps share."""

    note: Required[Note]
    sources: Required[Sources]
    category: Category | None
    interests: tuple[Interest, ...]
    retrieved: tuple[RetrievedInterest, ...]
    opened: tuple[Picture, ...]
    pictures: tuple[PictureRecord, ...]
    matched: tuple[MatchedInterest, ...]
    drafts: tuple[DraftTag, ...]
    kept: tuple[DraftTag, ...]
    fused: Fused
    decisions: Annotated[tuple[Decision, ...], operator.add]
    steps: Required[Annotated[tuple[StepRecord, ...], operator.add]]
    tags: tuple[FinalTag, ...]
    trace: Trace
    failure: Failure
