"""Words of the note that speak for a tag."""

from collections.abc import Sequence

from notes.words import terms
from signatures.answers import TextSource
from signatures.sources import Sources


def present_tags(
    vocabulary: Sequence[tuple[str, tuple[str, ...]]], present: frozenset[str], sources: Sources
) -> list[tuple[str, TextSource]]:
    """Tags of a vocabulary whose words all stand in the note, with where the first of them does."""
    found: list[tuple[str, TextSource]] = []
    for tag, parts in vocabulary:
        if parts and present.issuperset(parts):
            evidence = sources.find(tag) or sources.find(words_of(tag, sources))
            if evidence is not None:
                source: TextSource = "picture_text" if evidence.source == "ocr" else "content"
                found.append((evidence.quote, "title" if evidence.source == "title" else source))
    return found


def words_of(tag: str, sources: Sources) -> str:
    """The longest stretch of the note's words that the tag shares, as written there; empty: none."""
    if sources.find(tag):
        return tag
    wanted = terms(tag)
    for words in sources.words:
        found = max((words[term] for term in wanted if term in words), key=len, default="")
        if found:
            return found
    return ""
