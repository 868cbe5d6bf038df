"""Near-duplicates kept once, and groups of notes that must stay in one split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from distill.corpus import nearness
from distill.corpus.gathering import Progress
from distill.corpus.pictures import NotePictures
from distill.corpus.policy import CorpusPolicy, Splitting
from distill.corpus.records import Split
from distill.corpus.splitting import assign, own_split
from distill.corpus.store import CandidateStore, Loss


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a note belongs."""

    split: Split
    group: str
    """Key of the group's first note."""


@dataclass(kw_only=True)
class Grouped:
    """What grouping found."""

    places: dict[int, Place] = field(default_factory=dict)
    """By the candidate's number."""
    groups: int = 0
    largest: int = 0
    """Notes of the largest group."""


def group(
    store: CandidateStore,
    policy: CorpusPolicy,
    pictures: Mapping[int, NotePictures],
    progress: Progress | None = None,
) -> Grouped:
    """Lose all but the surest of notes nearly the same, and give every note left its split.

    Args:
        store: The candidates, one a note.
        policy: What is compared, and how notes are divided.
        pictures: Of the candidates, by number.
        progress: Told of every note.
    """
    texts = nearness.TextSignatures()
    splits: list[Split | None] = []
    for candidate in store.candidates():
        texts.add(candidate.note)
        splits.append(own_split(candidate.note))
        if progress is not None:
            progress("comparing notes", 1)
    rows = store.keys()
    numbers, keys = [number for number, _, _ in rows], [key for _, key, _ in rows]
    looks = nearness.looks_of(numbers, pictures)
    same_text, same_picture = texts.pairs(), nearness.near_pictures(looks)
    kept = np.ones(len(rows), dtype=bool)
    if policy.selection.drop_duplicates:
        pairs = nearness.duplicates(same_text, texts.words, looks, same_picture)
        for number, first in _beside(nearness.groups(len(rows), pairs), rows, splits):
            kept[number] = False
            store.lose([Loss(number=numbers[number], reason="near_duplicate", instead=keys[first])])
    edges = _edges(policy.splitting, nearness.long_enough(same_text, texts.words), same_picture)
    return _placed(nearness.groups(len(rows), *edges), kept, rows, splits, policy.splitting)


def _edges(splitting: Splitting, same_text: nearness.Pairs, same_picture: nearness.Pairs) -> list[nearness.Pairs]:
    known = {"text": same_text, "pictures": same_picture}
    return [known[name] for name in splitting.by]


def _beside(
    labels: NDArray[np.int64], rows: Sequence[tuple[int, str, float]], splits: Sequence[Split | None]
) -> list[tuple[int, int]]:
    """Places that another speaks for, and that other: one that is held out already, then the surest."""
    order = sorted(
        range(len(rows)),
        key=lambda i: (labels[i], splits[i] != "test", splits[i] != "validation", -rows[i][2], rows[i][1]),
    )
    first: dict[int, int] = {}
    found = []
    for place in order:
        leader = first.setdefault(int(labels[place]), place)
        if leader != place:
            found.append((place, leader))
    return found


def _placed(
    labels: NDArray[np.int64],
    kept: NDArray[np.bool_],
    rows: Sequence[tuple[int, str, float]],
    splits: Sequence[Split | None],
    splitting: Splitting,
) -> Grouped:
    members: dict[int, list[int]] = {}
    for place in np.flatnonzero(kept).tolist():
        members.setdefault(int(labels[place]), []).append(place)
    named = {min(rows[place][1] for place in places): places for places in members.values()}
    own: dict[str, list[Split | None]] = {name: [splits[place] for place in places] for name, places in named.items()}
    chosen = assign({name: len(places) for name, places in named.items()}, own, splitting)
    found = Grouped(groups=len(named), largest=max(map(len, named.values()), default=0))
    for name, places in named.items():
        for place in places:
            found.places[rows[place][0]] = Place(split=chosen[name], group=name)
    return found
