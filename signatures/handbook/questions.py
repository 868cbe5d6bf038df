"""What is asked about interests, and what a program is that answers: two functions from question to answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from handbook.mine.records import PhraseStats
from notes.records import FailureReason, Record
from signatures.handbook.answers import MergedInterests, Named
from signatures.questions import Answered


class NamingLimits(Record):
    """How much is shown, how long words are, and how near is near."""

    phrases: int = Field(default=24, ge=1, le=99)
    """Shown of a cluster."""
    sentences: int = Field(default=12, ge=0, le=99)
    details: int = Field(default=12, ge=0, le=99)
    """Words for what the notes' pictures show."""
    max_words: int = Field(default=6, ge=1)
    """Of a name in English; asked for, not enforced."""
    max_han: int = Field(default=14, ge=2)
    """Characters of a name in Chinese; asked for, not enforced."""
    max_attributes: int = Field(default=6, ge=0, le=8)
    page: int = Field(default=12, ge=2, le=99)
    """Interests compared in one question."""
    about: float = 0.4
    """Cosine from which a name speaks of what its evidence speaks of."""
    about_line: float = 0.3
    """The same of a whole line, in which there is more besides."""
    same: float = 0.86
    """Cosine from which two names say the same."""
    far: float = 0.35
    """Cosine below which interests that share no word cannot be one, whatever a teacher says."""
    neighbours: int = Field(default=6, ge=0)
    """Of one interest."""


@dataclass(frozen=True, kw_only=True)
class ClusterQuestion:
    """One interest without a name, and what is known of it."""

    key: str
    category: str
    """As the handbook writes it."""
    lang: str
    """Of its phrases."""
    phrases: tuple[PhraseStats, ...]
    """Best supported first; sentences that address a tagger are in neither of the two."""
    sentences: tuple[str, ...]
    details: tuple[str, ...] = ()
    """Words for what the pictures of its notes show, most frequent first."""
    words: "Words"
    """What the evidence itself would call it."""
    limits: NamingLimits


class Words(NamedTuple):
    """What is written about an interest."""

    name: str
    description: str = ""
    guidance: str = ""
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An interest on a page."""

    key: str
    category: str
    name: str
    description: str
    phrases: tuple[str, ...]
    """Best supported first."""


@dataclass(frozen=True, kw_only=True)
class MergeQuestion:
    """Interests that lie near one another."""

    interests: tuple[Shown, ...]
    names: NDArray[np.float32] | None = None
    """Cosines of their names, shape (n, n), 0 where meaning cannot be told; None: it cannot be told at all."""
    limits: NamingLimits = field(default_factory=NamingLimits)


@dataclass(frozen=True, kw_only=True)
class HandbookProgram:
    """Who answers which question. Either can be replaced: `dataclasses.replace(program, name=mine)`."""

    teacher: str
    model: str
    model_revision: str = ""
    prompts: str = ""
    """Version of the words that ask."""
    name: Callable[[ClusterQuestion], Awaitable[Answered[Named]]]
    merge: Callable[[MergeQuestion], Awaitable[Answered[MergedInterests]]]


FindingReason = (
    FailureReason
    | Literal[
        "empty",
        "instruction",
        "address",
        "no_evidence",
        "off_topic",
        "number",
        "name",
        "quote",
        "same_name",
        "other_category",
        "other_numbers",
        "contradicted",
    ]
)


FindingField = Literal["name", "description", "guidance", "attributes", "tags", "evidence", "entry", "merge"]


class Finding(Record):
    """Something in an answer or in the evidence that did not hold, and was mended."""

    id: str
    """Of the interest; the cluster's key where it came to none."""
    field: FindingField
    reason: FindingReason
    message: str
    """What did not hold, and what was done."""
