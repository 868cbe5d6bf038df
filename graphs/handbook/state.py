"""What the steps share: `name` comes in, every other field is written by a step."""

import operator
from typing import Annotated, Required, TypedDict

from pydantic import BaseModel, ConfigDict

from graphs.handbook.joining import Entry
from handbook.mine.records import Cluster, Gathered
from handbook.records import Handbook
from signatures.handbook.questions import Finding


class HandbookInput(BaseModel):
    """What goes in."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """Of the handbook; may be empty."""


class HandbookOutput(TypedDict):
    """What comes out."""

    handbook: Handbook
    gathered: Gathered
    findings: tuple[Finding, ...]
    """What in the answers or in the evidence did not hold, and was mended."""
    asked: dict[str, int]
    """Questions, those without an answer, and tokens."""


class HandbookState(TypedDict, total=False):
    """What the steps share."""

    name: Required[str]
    gathered: Gathered
    clusters: tuple[Cluster, ...]
    entries: tuple[Entry, ...]
    """Named interests; merge puts together what is one."""
    findings: Annotated[tuple[Finding, ...], operator.add]
    """By cluster key, until check knows the ids."""
    asked: dict[str, int]
    handbook: Handbook
