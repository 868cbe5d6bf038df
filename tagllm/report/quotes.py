"""Where a quote stands in a text, counted as a browser counts."""

import functools

import regex

from notes.words import normalised

_MAX_TEXT = 20_000
"""Characters that are looked through."""
_WORDLY = regex.compile(r"[\p{Latin}\d]")


def where(quote: str, text: str) -> tuple[int, int] | None:
    """Start and end of the quote's first occurrence, in UTF-16 units; None where it does not stand there.

    Case, white space, width and script variants do not matter; whole words are preferred.
    """
    words = quote.strip(" \"'“”‘’…").split()
    if not words:
        return None
    text, quote = text[:_MAX_TEXT], " ".join(words)
    span = _as_written(quote, text)
    if span is None:
        found = _pattern(quote).search(text) or _pattern(quote, whole=False).search(text)
        span = found.span() if found else _by_normal_form(quote, text)
    return (_units(text[: span[0]]), _units(text[: span[1]])) if span else None


def _as_written(quote: str, text: str) -> tuple[int, int] | None:
    """The first place as whole words, letter by letter: that is most quotes, and cheap."""
    start = text.find(quote)
    while start >= 0:
        end = start + len(quote)
        if not (_WORDLY.match(text[start - 1 : start]) or _WORDLY.match(text[end : end + 1])):
            return start, end
        start = text.find(quote, start + 1)
    return None


@functools.lru_cache(maxsize=1024)
def _pattern(words: str, *, whole: bool = True) -> regex.Pattern[str]:
    inner = r"\s+".join(map(regex.escape, words.split()))
    if whole:
        inner = rf"(?<![\p{{Latin}}\d]){inner}(?![\p{{Latin}}\d])"
    return regex.compile(inner, regex.IGNORECASE)


def _by_normal_form(quote: str, text: str) -> tuple[int, int] | None:
    wanted = normalised(quote).replace(" ", "")
    if not wanted:
        return None
    places: list[int] = []
    parts: list[str] = []
    for place, character in enumerate(text):
        normal = _normal(character)
        parts.append(normal)
        places.extend([place] * len(normal))
    start = "".join(parts).find(wanted)
    return (places[start], places[start + len(wanted) - 1] + 1) if start >= 0 else None


@functools.lru_cache(maxsize=16384)
def _normal(character: str) -> str:
    return normalised(character)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
