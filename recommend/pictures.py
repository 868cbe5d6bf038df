"""The pictures that a method looks at: the first of each note that can be opened."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from notes.pictures import PictureStore
from notes.records import Note, PictureRefusal

if TYPE_CHECKING:
    from PIL.Image import Image


class NotePictures:
    """Opens notes' pictures and keeps count of those that cannot be opened.

    Args:
        store: Opens them, and refuses what lies outside the notes' folder, is too large or broken.
    """

    def __init__(self, store: PictureStore) -> None:
        self._store = store
        self.refused: dict[tuple[str, str], PictureRefusal] = {}
        """Why, by the note's id and the picture's reference; each once, however often it was tried."""

    def of(self, note: Note, most: int) -> list["Image"]:
        """The first `most` pictures of a note that can be opened, in its order."""
        return list(islice(self._opened(note), most))

    def _opened(self, note: Note) -> Iterator["Image"]:
        for ref in note.images:
            picture = self._store.open(ref)
            if picture.image is not None:
                yield picture.image
            elif picture.refused is not None:
                self.refused[note.id, ref] = picture.refused

    def told(self) -> str:
        """How many pictures were refused and why, in a line; empty where none was."""
        if not self.refused:
            return ""
        counts = Counter(one.reason for one in self.refused.values()).most_common()
        why = ", ".join(f"{reason} {count:,}" for reason, count in counts)
        return f"pictures that cannot be opened and are left out: {len(self.refused):,} ({why})"
