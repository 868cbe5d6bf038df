"""Runs: notes stream in, traces stream out onto the disk, and nothing is lost when the machine fails."""

from typing import TYPE_CHECKING, Any

from distill.runs.description import NotesSource, RunDescription, RunError, RunRefused
from distill.runs.reading import (
    read_description,
    read_failures,
    read_rejects,
    read_summary,
    read_traces,
)
from distill.runs.summary import RunSummary, Tokens
from distill.runs.verifying import Verification, verify

if TYPE_CHECKING:
    from distill.runs.running import run

__all__ = [
    "NotesSource",
    "RunDescription",
    "RunError",
    "RunRefused",
    "RunSummary",
    "Tokens",
    "Verification",
    "read_description",
    "read_failures",
    "read_rejects",
    "read_summary",
    "read_traces",
    "run",
    "verify",
]


def __getattr__(name: str) -> Any:
    """`run` brings the graph with it, which readers do not need."""
    if name == "run":
        from distill.runs.running import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
