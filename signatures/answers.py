"""The answers of the steps: what a schema-bound model may write, and what the embedded teacher fills in.

Interests, tags and pictures are named by their number in the question, so that an answer cannot name what was not
shown. Every text has a limit, so that an answer ends.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[int, Field(ge=0, le=99)]
Short = Annotated[str, Field(max_length=80)]
Line = Annotated[str, Field(max_length=240)]
TextSource = Literal["title", "content", "picture_text", "picture", "attributes", "interest"]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PictureDescription(_Answer):
    """One picture."""

    number: Number
    shows: Line
    """What it shows, in one sentence."""
    text: Annotated[str, Field(max_length=1200)]
    """What is written in it, word for word."""
    details: Annotated[list[Short], Field(max_length=8)]
    """Things, places, brands, styles, moods that a fan would notice."""


class Description(_Answer):
    """Answer of `describe`."""

    pictures: Annotated[list[PictureDescription], Field(max_length=8)]


class Match(_Answer):
    """One interest the note speaks to."""

    interest: Number
    why: Line
    source: TextSource
    quote: Line
    """The words that show it, copied."""
    probability: Share


class Matches(_Answer):
    """Answer of `match`."""

    matches: Annotated[list[Match], Field(max_length=8)]


class Draft(_Answer):
    """One proposed tag."""

    tag: Short
    interest: Number
    """0: none of the matched ones."""
    source: TextSource
    quote: Line
    """The words it rests on, copied; empty for a picture or an interest as a whole."""
    picture: Number
    """0: no picture."""
    score: Share


class Untied(Draft):
    """A tag of a student, which names no evidence: its own words in the note, else the pictures that were shown."""

    shown: Number = 0
    """Of the note's pictures, the first so many."""


class Drafts(_Answer):
    """Answer of `draft`."""

    tags: Annotated[list[Draft], Field(max_length=16)]


class Merge(_Answer):
    """One tag that another speaks for."""

    tag: Number
    into: Number
    reason: Literal["same", "coarser"]


class Merges(_Answer):
    """Answer of `dedupe`."""

    merges: Annotated[list[Merge], Field(max_length=16)]


class RefinedTag(_Answer):
    """One final tag."""

    number: Number
    """The kept tag it comes from."""
    tag: Short
    confidence: Share


class Refined(_Answer):
    """Answer of `refine`, best first."""

    tags: Annotated[list[RefinedTag], Field(max_length=12)]


class Fused(_Answer):
    """Describe to refine in one answer; `merges` and `final` number the entries of `tags` from 1."""

    pictures: Annotated[list[PictureDescription], Field(max_length=8)]
    matches: Annotated[list[Match], Field(max_length=8)]
    tags: Annotated[list[Draft], Field(max_length=16)]
    merges: Annotated[list[Merge], Field(max_length=16)]
    final: Annotated[list[RefinedTag], Field(max_length=12)]
