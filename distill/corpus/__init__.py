"""Corpora: traces become training sets that any trainer reads, and nothing is lost without a word."""

from typing import TYPE_CHECKING, Any

from distill.corpus.folder import CorpusSummary, read_dropped, read_kept, read_summary
from distill.corpus.policy import CorpusPolicy, Selection, Splitting
from distill.corpus.records import CorpusError, CorpusRefused, Dropped, Example, KeptNote

if TYPE_CHECKING:
    from distill.corpus.building import build

__all__ = [
    "CorpusError",
    "CorpusPolicy",
    "CorpusRefused",
    "CorpusSummary",
    "Dropped",
    "Example",
    "KeptNote",
    "Selection",
    "Splitting",
    "build",
    "read_dropped",
    "read_kept",
    "read_summary",
]


def __getattr__(name: str) -> Any:
    """`build` brings DSPy with it, which readers do not need."""
    if name == "build":
        from distill.corpus.building import build

        return build
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
