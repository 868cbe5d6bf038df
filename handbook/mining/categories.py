"""Categories: as the notes have them, and proposed where a note has none."""

from collections import Counter
from collections.abc import Sequence

import regex

from notes.words import normalised, terms

GENERAL = "general"
"""Where no note has a category."""
_LEARNED_FROM = 20_000
_NO_SLUG = regex.compile(r"[^\p{Ll}\p{Lo}\p{N}]+")


def slug(text: str, most: int = 60) -> str:
    """`text` as part of an id: lower case, words joined by hyphens; empty where no letter is left."""
    found = _NO_SLUG.sub("-", normalised(text)).strip("-")
    return found[:most].strip("-")


def category_names(written: Sequence[str]) -> dict[str, str]:
    """Id of each category and how it is mostly written, for the categories of all notes."""
    spellings: dict[str, Counter[str]] = {}
    for text in written:
        if id := slug(text):
            spellings.setdefault(id, Counter())[text.strip()[:60]] += 1
    return {id: max(count.items(), key=lambda item: (item[1], item[0]))[0] for id, count in sorted(spellings.items())}


def proposed(texts: Sequence[str], categories: Sequence[str], without: Sequence[str]) -> list[str]:
    """A category for each text in `without`, by naive Bayes over the words of the notes that have one.

    Args:
        texts: Of notes with a category.
        categories: Ids of theirs.
        without: Texts of notes without one.
    """
    if not without:
        return []
    known = sorted(set(categories))
    if len(known) < 2:
        return [known[0] if known else GENERAL] * len(without)
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.naive_bayes import ComplementNB

    vectorizer = HashingVectorizer(n_features=1 << 17, analyzer=terms, alternate_sign=False)
    model = ComplementNB(alpha=0.3)
    model.fit(vectorizer.transform(texts[:_LEARNED_FROM]), list(categories[:_LEARNED_FROM]))
    return [str(category) for category in model.predict(vectorizer.transform(without))]
