"""What is handed to the tagging graph."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Literal, Protocol, get_args

from langchain_core.embeddings import Embeddings

from handbook.index import HandbookIndex
from notes.pictures import Picture
from signatures.questions import Program, TagLimits

Part = Literal["handbook", "image", "dedupe", "refine"]
"""What a run can go without: the handbook; pictures and all that was read or seen in them; merging; house form and the
last choice."""
PARTS: tuple[Part, ...] = get_args(Part)


class OpensPictures(Protocol):
    """Opens the pictures a note names, such as `notes.pictures.PictureStore`."""

    def open(self, ref: str) -> Picture:
        """The picture, or why there is none; never raises for what a reference or a file holds."""
        ...


@dataclass(frozen=True, kw_only=True)
class TaggingOptions:
    """What can be said in JSON: all that LangGraph's own server lets a caller set."""

    limits: TagLimits = field(default_factory=TagLimits)
    interests: int = 24
    """Retrieved for a note."""
    show_hashtags: bool = False
    """Whether the author's own hashtags may be read."""
    require_evidence: bool = True
    """Whether a tag that rests on nothing is dropped."""
    skip: frozenset[Part] = frozenset()
    """Parts to go without, to see what they are worth; the trace's first step names them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", TagLimits.model_validate(self.limits))
        object.__setattr__(self, "skip", frozenset(self.skip))  # a server hands in a list
        unknown = sorted(self.skip.difference(PARTS))
        if unknown:
            raise ValueError(
                f"skip names {', '.join(map(repr, unknown))}; parts that can be skipped: {', '.join(PARTS)}"
            )


@dataclass(frozen=True, kw_only=True)
class TaggingContext(TaggingOptions):
    """Everything the graph uses; it has no file or network access of its own."""

    program: Program
    """Who answers each step."""
    pictures: OpensPictures | None = None
    """Opens pictures; None: notes are tagged by their text, and the trace says so."""
    handbook: HandbookIndex | None = None
    """None: tags come from the note alone."""
    encoder: Embeddings | None = None
    """Compares drafts by meaning; None: by form, spelling and containment only."""
    clock: Callable[[], float] = time.perf_counter
    """Seconds, for the trace's times."""

    def with_options(self, options: TaggingOptions | None) -> "TaggingContext":
        """This context with other options."""
        if options is None:
            return self
        return replace(self, **{option.name: getattr(options, option.name) for option in fields(TaggingOptions)})
