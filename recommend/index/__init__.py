"""Notes' vectors in a folder, memory-mapped, searched exactly or approximately."""

from recommend.index.folder import NoteIndex, open_index
from recommend.index.manifest import Manifest
from recommend.index.writing import add_notes, write_index

__all__ = ["Manifest", "NoteIndex", "add_notes", "open_index", "write_index"]
