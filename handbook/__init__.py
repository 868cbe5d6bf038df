"""The User Interest Handbook: what users of each category care about, in a file people read and edit."""

from handbook.file import HandbookError, load
from handbook.index import HandbookIndex
from handbook.records import Category, Handbook, Interest

__all__ = ["Category", "Handbook", "HandbookError", "HandbookIndex", "Interest", "load"]
