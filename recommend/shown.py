"""What a method is shown of a note's tags: none, the author's hashtags, or those TagLLM gave it."""

from collections.abc import Iterable, Mapping
from typing import Literal

from notes.records import Note

Shown = Literal["none", "hashtags"]


def with_tags(notes: Iterable[Note], tags: Shown | Mapping[str, tuple[str, ...]]) -> list[Note]:
    """The notes as a method is to see them.

    Args:
        notes: As they were read.
        tags: `none`: without; `hashtags`: with the author's own; or tags by note id, in place of the author's. A note
            that is not in the mapping has none.
    """
    if tags == "hashtags":
        return list(notes)
    given = {} if tags == "none" else tags
    return [note.model_copy(update={"hashtags": tuple(given.get(note.id, ()))}) for note in notes]


def text_of(note: Note, *, words: int = 1200) -> str:
    """A note in one text: title, tags, content, then what its pictures say; cut at `words` characters a part.

    Tags stand before the content, because an encoder reads only the beginning of a long text.
    """
    parts = (note.title, ", ".join(note.hashtags), note.content, note.ocr, ", ".join(note.image_attributes))
    return "\n".join(part[:words] for part in parts if part.strip())
