"""Putting a tagging run together: teacher, handbook, pictures."""

from dataclasses import dataclass
from pathlib import Path

from graphs.tagging import TaggingContext
from handbook.folder import open_index
from notes.fetching import Fetcher
from notes.folders import cache_folder
from notes.pictures import PictureStore
from signatures.embedded import embedded_program
from signatures.questions import TagLimits
from teachers.embedded import Encoder, Perceiver
from teachers.store import JsonStore


@dataclass(frozen=True)
class Setup:
    """A context with what must be closed after it."""

    context: TaggingContext
    encoder: Encoder
    pictures: PictureStore
    perceiver: Perceiver
    store: JsonStore

    def close(self) -> None:
        """Close the cache on disk."""
        self.store.close()


def embedded_setup(
    folder: Path,
    *,
    handbook: Path | None = None,
    fetch: bool = False,
    limits: TagLimits | None = None,
    show_hashtags: bool = False,
) -> Setup:
    """The embedded teacher, ready to tag.

    Args:
        folder: The notes' folder; pictures outside it are refused.
        handbook: Folder of a handbook; None: tags come from the notes alone.
        fetch: Whether `http(s)` pictures are fetched.
        limits: House form.
        show_hashtags: Whether the author's own hashtags may be read.

    Raises:
        handbook.HandbookError: the handbook cannot be used.
    """
    encoder = Encoder()
    index = open_index(handbook, encoder) if handbook is not None else None
    store = JsonStore(cache_folder("perceptions"), size_limit=1 << 30)
    perceiver = Perceiver(store)
    pictures = PictureStore(folder, fetch=Fetcher() if fetch else None)
    context = TaggingContext(
        program=embedded_program(encoder, perceiver, index),
        pictures=pictures,
        handbook=index,
        encoder=encoder,
        limits=limits or TagLimits(),
        show_hashtags=show_hashtags,
    )
    return Setup(context, encoder, pictures, perceiver, store)
