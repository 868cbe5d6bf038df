"""What recommendation passes on from step to step. Acts of users are `notes.records.Interaction`."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from notes.records import Record

Vectors = NDArray[np.float32]
"""Unit vectors, a row a note, shape (n, d)."""
Definition = Literal["cooccurrence", "cosine"]
DEFINITIONS: tuple[Definition, ...] = ("cooccurrence", "cosine")


class RecommendError(Exception):
    """Something cannot be used; the message names the value, the limit and the way out."""


class Pair(Record):
    """Two notes that the same users clicked."""

    query: str
    """Id of the note at hand."""
    target: str
    """Id of the note to recommend beside it."""
    score: float
    """As `PairOptions.definition` says; comparable within one definition."""


class PairOptions(Record):
    """Which notes belong together, as the NoteLLM paper (arXiv 2403.01744, section 3) chooses them.

    cooccurrence: s(A→B) = Σ_u 1/N_u over the users u who clicked both, N_u the notes that u clicked: who clicks
    everything says little. Popular notes are everybody's neighbours by it.
    cosine: n_AB / √(n_A · n_B), with n the users who clicked a note or both: divided by the popularity of both notes.
    """

    definition: Definition = "cooccurrence"
    lowest: float = Field(default=0.01, ge=0)
    """cooccurrence: pairs with a lower score are chance (the paper's l)."""
    highest: float = Field(default=30.0, gt=0)
    """cooccurrence: pairs with a higher score are outliers (the paper's u)."""
    support: PositiveInt = 2
    """cosine: users who clicked both, at least; two notes that one user alone clicked would have cosine 1."""
    most: PositiveInt = 10
    """Targets of a note, the highest scores first (the paper's t); equal scores by id."""
    most_clicks: PositiveInt = 2000
    """Notes a user clicked, at most. A user with more is set aside and counted: N clicks make N² pairs, and a million
    of them are no person's."""
