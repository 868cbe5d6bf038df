"""Runs: notes stream in, traces stream out onto the disk, and nothing is lost when the machine fails."""

from distill.runs.description import NotesSource, RunDescription, RunError
from distill.runs.reading import (
    read_description,
    read_failures,
    read_rejects,
    read_summary,
    read_traces,
)
from distill.runs.summary import RunSummary, Tokens

__all__ = [
    "NotesSource",
    "RunDescription",
    "RunError",
    "RunSummary",
    "Tokens",
    "read_description",
    "read_failures",
    "read_rejects",
    "read_summary",
    "read_traces",
]
