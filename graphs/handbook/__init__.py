"""The handbook graph: gather → cluster → name → merge → check, one handbook an invocation."""

from graphs.handbook.context import HandbookContext
from graphs.handbook.graph import build_handbook
from graphs.handbook.state import HandbookOutput

__all__ = ["HandbookContext", "HandbookOutput", "build_handbook"]
