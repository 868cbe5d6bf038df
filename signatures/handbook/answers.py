"""The answers about interests: what a schema-bound model may write, and what the evidence itself gives.

Phrases, sentences and interests are named by their number in the question. Every text has a limit, so that an answer
ends.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[int, Field(ge=0, le=99)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Named(_Answer):
    """The entry of one interest."""

    name: Annotated[str, Field(max_length=80)]
    description: Annotated[str, Field(max_length=240)]
    """One line: what these users want."""
    guidance: Annotated[str, Field(max_length=240)]
    """One line: how tags for it are written."""
    attributes: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=8)]
    """Kinds of detail a fine tag names here."""
    phrases: Annotated[list[Number], Field(max_length=12)]
    """Phrases the entry rests on."""
    sentences: Annotated[list[Number], Field(max_length=12)]
    """Sentences the entry rests on."""


class Pair(_Answer):
    """Two interests of a page that have to do with one another."""

    first: Number
    second: Number
    relation: Literal["same", "neighbours"]


class MergedInterests(_Answer):
    """Answer of `merge`."""

    pairs: Annotated[list[Pair], Field(max_length=24)]
