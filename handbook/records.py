"""The handbook as values."""

from functools import cached_property

from pydantic import Field, NonNegativeInt

from notes.records import Record, digest_of


class Interest(Record):
    """Something users of a category come for."""

    id: str = Field(min_length=3, max_length=120, pattern=r"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)+$")
    """Category, a dot, a slug: `travel.city-night-views`."""
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
    category: str = ""
    """Id of the category it stands in."""


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
