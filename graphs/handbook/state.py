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
    """Clusters `named`, pages `compared`, questions `unanswered`, `prompt_tokens`, `completion_tokens`, `cached`."""


class HandbookState(TypedDict, total=False):
    """What the steps share."""

    name: Required[str]
    gathered: Required[Gathered]
    clusters: Required[tuple[Cluster, ...]]
    entries: Required[tuple[Entry, ...]]
    """Named interests; merge puts together what is one."""
    noted: Annotated[tuple[Finding, ...], operator.add]
    """Findings by cluster key."""
    findings: tuple[Finding, ...]
    """Findings by interest id."""
    asked: Required[dict[str, int]]
    handbook: Handbook
