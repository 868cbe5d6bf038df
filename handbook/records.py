"""The handbook as values."""

from functools import cached_property

from pydantic import Field, NonNegativeInt

from notes.records import Record, digest_of


class Support(Record):
    """What behaviour stands behind an interest; counted by the miner, never by hand."""

    users: NonNegativeInt = 0
    """Distinct users who acted on its notes, or authors who wrote its tags."""
    notes: NonNegativeInt = 0
    """Notes that carry one of its phrases."""
    lift: float = 0.0
    """How much more its phrases belong here than to other categories: log-odds with a prior, in standard errors."""
    engagement: float = Field(default=0.0, ge=0, le=1)
    """Share of the users' acts on its notes that go beyond a click."""
    freshness: float = Field(default=0.0, ge=0, le=1)
    """Share of its weight that time has left: 1 is today."""


_ID = r"^[\p{Ll}\p{Lo}\p{N}][\p{Ll}\p{Lo}\p{N}_-]*(\.[\p{Ll}\p{Lo}\p{N}][\p{Ll}\p{Lo}\p{N}_-]*)+$"


class Interest(Record):
    """Something users of a category come for."""

    id: str = Field(min_length=3, max_length=120, pattern=_ID)
    """Category, a dot, a slug: `travel.city-night-views`, `美食.家常菜`."""
    name: str = Field(min_length=1, max_length=120)
    description: str = Field(default="", max_length=600)
    """One line: what these users want."""
    tags: dict[str, NonNegativeInt] = Field(default_factory=dict)
    """How people write it, with the number of notes that carried it."""
    attributes: tuple[str, ...] = ()
    """What a fine tag names here: place, brand, model, occasion …"""
    guidance: str = Field(default="", max_length=1000)
    """How tags for it are written."""
    evidence: tuple[str, ...] = ()
    """Sentences people wrote or searched for."""
    neighbours: tuple[str, ...] = ()
    """Ids of related interests."""
    notes: tuple[str, ...] = ()
    """Ids of evidence notes, best first."""
    support: Support | None = None
    """None: written by hand."""
    pinned: bool = False
    """Whether updates leave it alone, whatever behaviour says."""
    retired: bool = False
    """No longer supported: kept to be read, not retrieved."""
    words: str = ""
    """Who wrote name, description and guidance: `evidence`, or prompt version and model; empty: a person."""
    mined: str = ""
    """Digest of the entry as the miner wrote it; where it no longer fits, a person has edited the entry."""
    category: str = ""
    """Id of the category it stands in."""

    def signed(self) -> "Interest":
        """This entry with the digest by which a later edit is noticed."""
        return self.model_copy(update={"mined": self._digest()})

    @property
    def edited(self) -> bool:
        """Whether a person wrote the entry, or changed what the miner wrote; counts and evidence notes may change."""
        return self.mined != self._digest()

    def _digest(self) -> str:
        said = [self.id, self.name, self.description, self.attributes, self.guidance, self.evidence, self.neighbours]
        return digest_of([*said, list(self.tags.items())])[:12]


class Category(Record):
    """A part of the platform, with its interests."""

    id: str = Field(min_length=1, max_length=60)
    name: str = ""
    guidance: str = Field(default="", max_length=2000)
    interests: tuple[Interest, ...] = ()


class Handbook(Record):
    """All categories."""

    version: int = 1
    name: str = ""
    categories: tuple[Category, ...] = ()

    @cached_property
    def interests(self) -> dict[str, Interest]:
        """Every interest by id, in the order of the file."""
        return {interest.id: interest for category in self.categories for interest in category.interests}

    @cached_property
    def active(self) -> tuple[Interest, ...]:
        """The interests that are not retired, in the order of the file."""
        return tuple(interest for interest in self.interests.values() if not interest.retired)

    @cached_property
    def digest(self) -> str:
        """Changes when anything in the handbook changes."""
        return digest_of(self.model_dump(mode="json"))

    def category(self, id: str) -> Category | None:
        """The category with this id or name, whatever its case; None where there is none."""
        wanted = id.strip().casefold()
        for category in self.categories:
            if wanted and wanted in (category.id.casefold(), category.name.casefold()):
                return category
        return None
