"""What became of a run's notes: `summary.json`, the last file of its folder."""

from pydantic import Field

from distill.runs.audit import Audit
from notes.records import Record


class Tokens(Record):
    """What a model read and wrote."""

    prompt: int = 0
    completion: int = 0


class RunSummary(Record):
    """What became of a run's notes."""

    read: int = 0
    """Rows of the input that were asked for: tagged + failed + rejected + duplicate."""
    tagged: int = 0
    failed: int = 0
    rejected: int = 0
    """Rows that are no notes."""
    duplicate: int = 0
    """Rows whose id occurred before."""
    tokens: Tokens = Field(default_factory=Tokens)
    """Of tagged notes; answers from the cache cost none."""
    seconds: float = 0.0
    """The run was at work, all sessions together."""
    cache_hits: int = 0
    """Steps whose answer was known."""
    pictures: int = 0
    """Opened for tagged notes."""
    reasons: dict[str, int] = Field(default_factory=dict)
    """Failed notes by reason."""
    audit: Audit = Field(default_factory=Audit)
    """How failed notes differ from tagged ones."""

    @property
    def accounted(self) -> bool:
        """Whether every row read has become one thing."""
        return self.read == self.tagged + self.failed + self.rejected + self.duplicate
