"""The tagging graph: retrieve → describe → match → draft → dedupe → refine, one note an invocation."""

from graphs.tagging.batch import tag_notes
from graphs.tagging.context import TaggingContext, TaggingOptions
from graphs.tagging.graph import build_tagging
from graphs.tagging.state import TaggingInput, TaggingOutput

__all__ = ["TaggingContext", "TaggingInput", "TaggingOptions", "TaggingOutput", "build_tagging", "tag_notes"]
