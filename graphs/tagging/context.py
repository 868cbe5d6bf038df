"""What is handed to the tagging graph."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from langchain_core.embeddings import Embeddings

from handbook.index import HandbookIndex
from notes.pictures import Picture
from signatures.questions import Program, TagLimits


class OpensPictures(Protocol):
    """Opens the pictures a note names, such as `notes.pictures.PictureStore`."""

    def open(self, ref: str) -> Picture:
        """The picture, or why there is none; never raises for what a reference or a file holds."""
        ...


@dataclass(frozen=True, kw_only=True)
class TaggingContext:
    """Everything the graph uses; it has no file or network access of its own."""

    program: Program
    """Who answers each step."""
    pictures: OpensPictures | None = None
    """Opens pictures; None: notes are tagged by their text, and the trace says so."""
    handbook: HandbookIndex | None = None
    """None: tags come from the note alone."""
    encoder: Embeddings | None = None
    """Compares drafts by meaning; None: by form, spelling and containment only."""
    limits: TagLimits = field(default_factory=TagLimits)
    interests: int = 24
    """Retrieved for a note."""
    show_hashtags: bool = False
    """Whether the author's own hashtags may be read."""
    require_evidence: bool = True
    """Whether a tag that rests on nothing is dropped."""
    clock: Callable[[], float] | None = None
    """Seconds, for the trace's times; None: `time.perf_counter`."""
