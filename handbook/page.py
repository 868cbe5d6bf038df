"""Interests in words, within a budget of tokens."""

from collections.abc import Sequence

import regex

from handbook.records import Interest

_WORDLIKE = regex.compile(r"\p{Han}|[\p{L}\p{N}]+|[^\s\p{L}\p{N}]")


def in_words(interest: Interest) -> str:
    """An interest as one reads it."""
    lines = [f"{interest.name}: {interest.description}" if interest.description else interest.name]
    if interest.attributes:
        lines.append(f"fine tags name: {', '.join(interest.attributes)}")
    if interest.guidance:
        lines.append(interest.guidance)
    if interest.tags:
        lines.append(f"people write: {', '.join(interest.tags)}")
    return "\n".join(lines)


def tokens_of(text: str) -> int:
    """Tokens a language model is likely to read in `text`: one a Chinese character or mark, a word by its length.

    An estimate that needs no tokenizer; those of common models count about as many in English and fewer in Chinese.
    """
    return sum(1 + (len(part) - 1) // 6 for part in _WORDLIKE.findall(text))


def page_of(interests: Sequence[Interest], tokens: int) -> tuple[Interest, ...]:
    """The best supported interests that fit into `tokens`, in the order given."""
    chosen: set[str] = set()
    left = tokens
    for interest in sorted(interests, key=_support, reverse=True):
        cost = tokens_of(in_words(interest))
        if cost > left:
            break  # a smaller one further down would come and go with every count
        chosen.add(interest.id)
        left -= cost
    return tuple(interest for interest in interests if interest.id in chosen)


def within(interests: Sequence[Interest], tokens: int) -> int:
    """How many of `interests`, from the first on, fit into `tokens`; at least one."""
    left = tokens
    for number, interest in enumerate(interests):
        left -= tokens_of(in_words(interest))
        if left < 0:
            return max(1, number)
    return len(interests)


def _support(interest: Interest) -> tuple[int, int]:
    return (interest.support.users if interest.support else 0, sum(interest.tags.values()))
