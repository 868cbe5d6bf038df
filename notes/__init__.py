"""Records of the project, reading and writing them, and opening the pictures they name."""

from notes.records import (
    Decision,
    DraftTag,
    Evidence,
    Failure,
    FailureReason,
    FinalTag,
    Interaction,
    MatchedInterest,
    Note,
    PictureRecord,
    PictureRefusal,
    Reject,
    RetrievedInterest,
    StepRecord,
    Trace,
)

__all__ = [
    "Decision",
    "DraftTag",
    "Evidence",
    "Failure",
    "FailureReason",
    "FinalTag",
    "Interaction",
    "MatchedInterest",
    "Note",
    "PictureRecord",
    "PictureRefusal",
    "Reject",
    "RetrievedInterest",
    "StepRecord",
    "Trace",
]
