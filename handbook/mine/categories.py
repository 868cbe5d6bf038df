"""Categories: as the notes have them, and proposed where a note has none."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import regex
from numpy.typing import NDArray

from handbook.mine.phrases import stored
from notes.words import normalised, terms

GENERAL = "general"
"""Where no note has a category."""
_MOST = 300
"""Categories; a column with more of them holds something else in the rest."""
_LEARNED_FROM = 20_000
"""Notes with a category that proposals are learned from."""
_TEXT = 600
_NO_SLUG = regex.compile(r"[^\p{Ll}\p{Lo}\p{N}]+")


@dataclass(frozen=True)
class Categories:
    """Which category each note is of."""

    ids: tuple[str, ...]
    names: dict[str, str]
    """How each is mostly written, by id."""
    of_note: NDArray[np.int32]
    """Place in `ids` for every note, in the order of the notes' ids."""
    proposed: int
    """Notes that had none."""


def slug(text: str, most: int = 60) -> str:
    """`text` as part of an id: lower case, words joined by hyphens; empty where no letter is left."""
    return _NO_SLUG.sub("-", normalised(text)).strip("-")[:most].strip("-")


def categories_of(folder: Path, order: dict[str, int]) -> Categories:
    """Categories of the notes kept in `folder`; those without one get one proposed.

    Args:
        folder: With `notes.parquet`.
        order: Place of every note's id.
    """
    spellings: dict[str, Counter[str]] = {}
    slugs: dict[str, str] = {}
    for table in stored(folder, ["category"]):
        for text, count in Counter(table["category"].to_pylist()).items():
            if text not in slugs and len(slugs) < 100_000:
                slugs[text] = slug(text)
            if slugs.get(text):
                spellings.setdefault(slugs[text], Counter())[text[:60]] += count
    frequent = sorted(spellings, key=lambda id: (-spellings[id].total(), id))[:_MOST]
    ids = tuple(sorted(frequent)) or (GENERAL,)
    names = {id: max(spellings[id].items(), key=lambda item: (item[1], item[0]))[0] for id in sorted(frequent)}
    names = {id: name[:1].upper() + name[1:] for id, name in names.items()}
    place = {id: number for number, id in enumerate(ids)}
    of_note = np.full(len(order), -1, dtype=np.int32)
    for table in stored(folder, ["id", "category"]):
        for id, text in zip(table["id"].to_pylist(), table["category"].to_pylist(), strict=True):
            of_note[order[id]] = place.get(slugs.get(text, ""), -1)
    missing = np.flatnonzero(of_note < 0)
    if len(missing) and len(ids) == 1:
        of_note[missing] = 0
    elif len(missing):
        _propose(folder, order, of_note)
    return Categories(ids, names, of_note, len(missing))


def _propose(folder: Path, order: dict[str, int], of_note: NDArray[np.int32]) -> None:
    """Fill in the category of notes that have none, by naive Bayes over the words of those that have one."""
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.naive_bayes import ComplementNB

    known = np.flatnonzero(of_note >= 0)
    chosen = set(known[:: max(1, -(-len(known) // _LEARNED_FROM))].tolist())
    found: dict[int, str] = {}
    for number, text in _texts(folder, order):
        if number in chosen:
            found[number] = text
    learned = sorted(found)
    words: Any = terms
    vectorizer = HashingVectorizer(n_features=1 << 17, analyzer=words, alternate_sign=False)
    model = ComplementNB(alpha=0.3).fit(vectorizer.transform([found[n] for n in learned]), of_note[learned])
    missing = set(np.flatnonzero(of_note < 0).tolist())
    waiting: list[tuple[int, str]] = []
    for number, text in _texts(folder, order):
        if number in missing:
            waiting.append((number, text))
        if len(waiting) == 4096:
            of_note[[n for n, _ in waiting]] = model.predict(vectorizer.transform([text for _, text in waiting]))
            waiting.clear()
    if waiting:
        of_note[[n for n, _ in waiting]] = model.predict(vectorizer.transform([text for _, text in waiting]))


def _texts(folder: Path, order: dict[str, int]) -> Iterator[tuple[int, str]]:
    for table in stored(folder, ["id", "title", "content", "hashtags"]):
        for row in table.to_pylist():
            yield order[row["id"]], f"{' '.join(row['hashtags'])} {row['title']} {row['content'][:_TEXT]}"
