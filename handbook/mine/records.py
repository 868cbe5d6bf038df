"""What mining passes on from step to step."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field, NonNegativeInt, ValidationError
from scipy import sparse

from handbook.evidence import EvidenceNote
from handbook.file import HandbookError
from handbook.records import Support
from notes.records import InteractionKind, Record, Reject

FILE = "mining.json"
"""In a handbook's folder: how behaviour was read."""
Weights = dict[InteractionKind, float]
WEIGHTS: Weights = {"click": 1.0, "like": 2.0, "save": 3.0, "comment": 3.0, "share": 4.0, "search": 2.0}


class MiningOptions(Record):
    """How behaviour is read."""

    weights: Weights = Field(default_factory=lambda: dict(WEIGHTS))
    """Of each kind of act. Of one user's acts on one note only the weightiest counts."""
    half_life_days: float | None = Field(default=None, gt=0)
    """Days until an act weighs half, counted back from the newest act, never from today's date; None: a quarter of the
    time the acts span, at least 30 days."""
    min_strength: float | None = None
    """Acts whose `strength` is lower are no sign of interest (a rating of 2 of 5); None: every act is."""
    min_users: NonNegativeInt | None = None
    """Distinct users behind a phrase; None: 3 with interactions, 1 where authors' hashtags are the behaviour."""
    max_phrases: int = Field(default=4000, ge=1)
    """Of a category, best supported first."""
    max_evidence: int = Field(default=20_000, ge=1)
    """Evidence notes kept, spread over categories and interests."""
    refuse_platform_tags: bool = False
    """Whether hashtags that ask the platform for reach, or readers for a click, are left out: they are nobody's
    interest, but authors write them."""
    memory: str = "1GB"
    """What the query engine may hold before it writes to disk."""

    def save(self, folder: Path) -> None:
        """Keep them beside what was mined, for updates."""
        text = self.model_dump_json(indent=2, exclude={"memory"})
        (folder / FILE).write_text(f"{text}\n", "utf-8")

    @classmethod
    def kept(cls, folder: Path) -> "MiningOptions":
        """Those that the handbook in `folder` was mined with; the usual ones where none were kept.

        Raises:
            HandbookError: the file cannot be read.
        """
        file = folder / FILE
        try:
            return cls.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return cls()
        except (OSError, ValidationError) as error:
            why = str(error)
            if isinstance(error, ValidationError):
                first = error.errors()[0]
                why = ": ".join((*map(str, first["loc"]), first["msg"]))
            raise HandbookError(
                f"{file}: {why[:200]}; it says how behaviour was read: mend it, or delete it to read by the defaults"
            ) from None


class PhraseStats(Record):
    """A phrase users of a category act on."""

    phrase: str
    """As it is mostly written."""
    category: str
    users: NonNegativeInt
    """Distinct users, each counted once a note and once a phrase."""
    notes: NonNegativeInt
    """Notes of the category that carry it."""
    weight: float
    """Sum over users of the weight of their weightiest act times its decay: each counts once."""
    lift: float
    """Log-odds against the other categories with a Dirichlet prior, in standard errors (Monroe et al. 2008)."""
    engagement: float
    """Share of (user, note) pairs that go beyond a click."""
    freshness: float
    """Mean decay of its acts, 0 to 1."""
    hashtag: bool = False
    """Whether authors write it as a hashtag (not only in titles or searches)."""


class Cluster(Record):
    """Phrases that speak of one interest, before it has a name."""

    key: str
    """Stable within a build: the category and the best supported phrase."""
    category: str
    phrases: tuple[PhraseStats, ...]
    """Best supported first."""
    support: Support
    notes: tuple[str, ...]
    """Ids of its evidence notes, best first."""
    sentences: tuple[str, ...]
    """Titles of evidence notes and searches, best first."""
    searches: tuple[str, ...] = ()
    """Those of them that people searched for."""
    near: tuple[str, ...] = ()
    """Keys of the nearest other clusters, nearest first."""
    speaking: tuple[str, ...] = ()
    """Phrases that speak for the others, best first; empty: the best supported one does."""


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What was counted."""

    options: MiningOptions
    phrases: Sequence[PhraseStats]
    """Category by category, best supported first; the order does not depend on the input's."""
    evidence: Sequence[EvidenceNote]
    carried: sparse.csr_matrix | None = None
    """Which note carries which phrase, shape (notes, phrases); None: as the evidence notes' tags say."""
    rows: Sequence[int] = ()
    """Of each evidence note in `carried`."""
    acted: sparse.csr_matrix | None = None
    """Which user acted on notes with which phrase, shape (phrases, users); None: nobody did, authors are the users."""
    share: int = 1
    """One of how many users stands in `acted`: more where they are very many."""
    searches: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By id of an evidence note, the searches that led several users to it, most users first."""
    categories: dict[str, str] = field(default_factory=dict)
    """Id of each category and how it is written."""
    counts: dict[str, int] = field(default_factory=dict)
    """Rows read, rejected, acts of unknown notes, users …; for the report."""
    rejects: tuple[Reject, ...] = ()
    """Examples of rows that were no note or no interaction."""
