"""The published keyphrase metrics: Porter stems, exact matches, precision and recall averaged over notes.

Of one note: P@k is the share of its first k tags that are in the gold (of all its tags where it has fewer, 0 where it
has none), R@k the share of the gold that is among its first k tags, AP@k the sum of the precision at each hit among the
first k, over the size of the gold. Over notes: P@k and R@k are averaged, and F1@k is 2PR/(P+R) of the two averages, as
published tables have it; meanF1@k, the average of each note's own F1, is lower. MAP@k is the average of AP@k. A note
without tags counts as 0.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from signatures.metrics.intervals import means

CUTS = (1, 3, 5)
MAP_CUTS = (5, 10)
COLUMNS = (*(f"{kind}@{k}" for k in CUTS for kind in ("P", "R", "F")), *(f"AP@{k}" for k in MAP_CUTS))
"""What is kept of a note, each from 0 to 1."""


def stemmed(tags: Iterable[str]) -> tuple[str, ...]:
    """The phrases as they are compared: lower case, no leading hash, every word's Porter stem; each once, in order."""
    stem = _stemmer()
    found = (" ".join(map(stem, tag.strip().lower().lstrip("#").split())) for tag in tags)
    return tuple(dict.fromkeys(filter(None, found)))


def note_scores(gold: Iterable[str], predicted: Iterable[str]) -> dict[str, float]:
    """`COLUMNS` of one note; nothing where the gold holds no phrase, since then there is nothing to find.

    Args:
        gold: The author's tags.
        predicted: Best first.
    """
    wanted = frozenset(stemmed(gold))
    if not wanted:
        return {}
    hits = [phrase in wanted for phrase in stemmed(predicted)]
    scores: dict[str, float] = {}
    for k in CUTS:
        found = sum(hits[:k])
        precision = found / len(hits[:k]) if hits else 0.0
        recall = found / len(wanted)
        scores[f"P@{k}"], scores[f"R@{k}"] = precision, recall
        scores[f"F@{k}"] = 2 * precision * recall / (precision + recall) if found else 0.0
    for k in MAP_CUTS:
        ranks = [rank for rank, hit in enumerate(hits[:k], 1) if hit]
        scores[f"AP@{k}"] = sum(number / rank for number, rank in enumerate(ranks, 1)) / len(wanted)
    return scores


def score(golds: Sequence[Iterable[str]], predictions: Sequence[Iterable[str]]) -> dict[str, float | None]:
    """F1@k, meanF1@k and MAP@k over two aligned lists of tag lists, in percent; notes without gold are left out.

    Raises:
        ValueError: not as many predictions as golds.
    """
    if len(golds) != len(predictions):
        raise ValueError(f"{len(golds)} golds but {len(predictions)} predictions; an empty list stands for no tags")
    rows = [found for gold, tags in zip(golds, predictions, strict=True) if (found := note_scores(gold, tags))]
    table = np.array([[row[name] for name in COLUMNS] for row in rows]).reshape(len(rows), len(COLUMNS))
    average = dict(zip(COLUMNS, means(table), strict=True))
    found = {f"F1@{k}": f1(average[f"P@{k}"], average[f"R@{k}"]) for k in CUTS}
    found |= {f"meanF1@{k}": 100 * average[f"F@{k}"] for k in CUTS}
    found |= {f"MAP@{k}": 100 * average[f"AP@{k}"] for k in MAP_CUTS}
    return {name: None if np.isnan(value) else float(value) for name, value in found.items()}


def f1(precision: Any, recall: Any) -> Any:
    """F1 in percent of shares, numbers or arrays; 0 where both are 0."""
    both = precision + recall
    return 200 * precision * recall / np.where(both == 0, 1, both)


@functools.cache
def _stemmer() -> Callable[[str], str]:
    from nltk.stem.porter import PorterStemmer  # takes a second

    return functools.lru_cache(maxsize=65536)(PorterStemmer().stem)
