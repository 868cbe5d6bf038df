"""What is handed to the handbook graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from langchain_core.embeddings import Embeddings

from handbook.arrays import Progress
from handbook.mine import cluster as cluster_phrases
from handbook.mine.records import Cluster, Gathered
from signatures.handbook.questions import HandbookProgram, NamingLimits


@dataclass(frozen=True, kw_only=True)
class HandbookContext:
    """Everything the graph uses; it has no file or network access of its own.

    Raises:
        ValueError: concurrency below 1.
    """

    program: HandbookProgram
    """Who names interests, and says which are one."""
    gather: Callable[[], Gathered]
    """Reads notes and behaviour and counts; runs in a thread."""
    cluster: Callable[[Gathered, Embeddings | None], Sequence[Cluster]] = cluster_phrases
    """Makes interests of what was counted; runs in a thread."""
    encoder: Embeddings | None = None
    """Unit vectors of texts; None: interests are compared by their words only."""
    limits: NamingLimits = field(default_factory=NamingLimits)
    concurrency: int = 16
    """Questions asked at a time."""
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ValueError(f"concurrency must be >= 1, got {self.concurrency}")
