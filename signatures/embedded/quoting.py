"""Words of the note that speak for a tag."""

from collections.abc import Sequence

import regex

from notes.language import has_han
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


_WORD = regex.compile(r"\p{Han}+|[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*")


def words_of(tag: str, sources: Sources) -> str:
    """The longest stretch of the note's words that the tag shares, as written there; empty: none."""
    if sources.find(tag):
        return tag
    wanted = frozenset(terms(tag))
    best = ""
    for source in sources.texts:
        for match in _WORD.finditer(source.text[:4000]):
            word = match.group()
            if has_han(word):
                for i in range(len(word) - 1):
                    if any(part in wanted for part in terms(word[i : i + 2])) and len(best) < 2:
                        best = word[i : i + 2]
            elif wanted.intersection(terms(word)) and len(word) > len(best):
                best = word
        if best:
            return best
    return best
