"""Phrases of a category become interests: those that are near to one another come together, few enough to be read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy

from handbook.mine.records import PhraseStats
from handbook.mine.vectors import Features, Floats
from notes.language import has_han

NEAR = 0.3
"""Cosine, averaged over the pairs of a group, down to which phrases are of one interest."""
_BRIDGE = 0.22
"""The same between the two halves of a group: two close circles far from one another are two interests."""
LARGEST = 25
"""Phrases of an interest; with those that are near to nothing twice as many."""
SMALLEST = 3
"""Smaller groups join another, where one is near."""
_JOINS = 0.22
"""Cosine, averaged, from which a small group joins another."""
_ALONE_USERS, _ALONE_NOTES, _OF_NOTES = 5, 3, 100
"""Users and notes from which a phrase that is near to nothing is an interest by itself; in few notes, a hundredth."""
_NEIGHBOURS = 4
_NEIGHBOUR = 0.3
"""Cosine of their centres from which two interests are neighbours."""

_SPOKEN = 24
"""Characters of a phrase that is named beside another one; a Chinese phrase has half of them."""

Group = list[int]


def grouped(
    phrases: Sequence[PhraseStats], features: Features, *, notes: int, most: int
) -> tuple[list[Group], list[list[int]]]:
    """Rows that belong together, and for each group the numbers of its nearest others, nearest first.

    Args:
        phrases: Of one category, best supported first.
        features: Of the same.
        notes: That carry any of them.
        most: Phrases that are compared with one another; those beyond join the group nearest to them.
    """
    n = min(len(phrases), most)
    near = features.near(slice(0, n), slice(0, n))
    groups = _cut(near)
    groups = _settled(groups, near, phrases, min(_ALONE_NOTES, -(-notes // _OF_NOTES)))
    for start in range(n, len(phrases), 1024):
        rows = range(start, min(start + 1024, len(phrases)))
        _place(groups, rows, features.near(slice(rows.start, rows.stop), slice(0, n)), n, 2 * LARGEST)
    groups = sorted((sorted(group) for group in groups), key=min)
    return groups, _neighbours(groups, near)


def speaking(group: Group, near: Floats, phrases: Sequence[PhraseStats]) -> tuple[int, ...]:
    """The row that speaks for the others, and a second one where much is not said by the first.

    Args:
        group: Rows of `phrases`.
        near: Cosines of the group's rows with one another, in the group's order.
        phrases: Of the category.
    """
    notes = np.array([phrases[row].notes for row in group], dtype=np.float64)
    weights = np.sqrt(notes)
    central = (near @ weights) / weights.sum()
    score = (central * np.log1p(notes)).round(6)
    score *= np.array([1.0 if phrases[row].hashtag else 0.8 for row in group])
    first = int(np.argmax(score))
    left = weights * (near[first] < 0.4)
    if len(group) < 4 or left.sum() < 0.6 * weights.sum():
        return (group[first],)
    covered = (np.where(near > 0.35, near, 0) @ left * np.log1p(notes)).round(6)
    covered[near[first] > 0.6] = 0
    covered[[_size(phrases[row].phrase) > _SPOKEN or phrases[row].notes < notes[first] / 10 for row in group]] = 0
    second = int(np.argmax(covered))
    return (group[first], group[second]) if covered[second] > 0 and second != first else (group[first],)


def _size(text: str) -> int:
    return len(text) * (1 + has_han(text))


def _cut(near: Floats) -> list[Group]:
    """The tree of average linkage, cut where a branch is small and close enough."""
    n = len(near)
    if n < 2:
        return [[row] for row in range(n)]
    distances = np.clip(1 - near, 0, 2).astype(np.float64)
    tree = hierarchy.linkage(distances[np.triu_indices(n, 1)].round(4), method="average")
    children = tree[:, :2].astype(np.intp)
    sizes = np.concatenate([np.ones(n, dtype=np.intp), tree[:, 3].astype(np.intp)])
    found: list[Group] = []
    waiting = [2 * n - 2]
    while waiting:
        branch = waiting.pop()
        if branch < n:
            found.append([branch])
            continue
        rows = _rows(branch, children, n) if sizes[branch] <= LARGEST and tree[branch - n, 2] <= 1 - _BRIDGE else []
        if rows and _within(rows, near) >= NEAR:
            found.append(rows)
        else:
            waiting.extend(children[branch - n].tolist())
    return found


def _rows(branch: int, children: NDArray[np.intp], n: int) -> Group:
    found, waiting = [], [branch]
    while waiting:
        branch = waiting.pop()
        if branch < n:
            found.append(branch)
        else:
            waiting.extend(children[branch - n].tolist())
    return sorted(found)


def _within(rows: Group, near: Floats) -> float:
    inner = near[np.ix_(rows, rows)].astype(np.float64)
    return round(float((inner.sum() - np.trace(inner)) / (len(rows) * (len(rows) - 1))), 5)


def _settled(groups: list[Group], near: Floats, phrases: Sequence[PhraseStats], alone: int) -> list[Group]:
    """Small groups join the nearest that has room; a phrase near to nothing stays alone if enough stands behind it."""
    large = [group for group in groups if len(group) >= SMALLEST]
    small = sorted((group for group in groups if len(group) < SMALLEST), key=lambda group: (-len(group), min(group)))
    if not large:
        large, small = small[:1], small[1:]
    means = np.stack([near[:, group].mean(axis=1) for group in large], axis=1)
    room = np.array([2 * LARGEST - len(group) for group in large])
    joins: list[tuple[Group, int]] = []
    for group in small:
        nearest = np.where(room >= len(group), means[group].mean(axis=0).round(5), -2)
        best = int(np.argmax(nearest))
        strong = max(phrases[row].users for row in group) >= _ALONE_USERS
        strong = strong and max(phrases[row].notes for row in group) >= alone
        if nearest[best] >= _JOINS or (nearest[best] > -2 and not strong):
            joins.append((group, best))
            room[best] -= len(group)
        else:
            joins.append((group, -1))
    for group, best in joins:
        if best < 0:
            large.append(group)
        else:
            large[best] = large[best] + group
    return large


def _place(groups: list[Group], rows: Sequence[int], near: Floats, n: int, most: int) -> None:
    """Put rows beyond the first `n` into the group nearest to them that has room."""
    means = np.stack([near[:, [row for row in group if row < n]].mean(axis=1) for group in groups], axis=1).round(5)
    for place, row in enumerate(rows):
        for best in np.argsort(-means[place], kind="stable"):
            if len(groups[best]) < most:
                groups[best].append(row)
                break
        else:
            groups.append([row])
            means = np.pad(means, ((0, 0), (0, 1)), constant_values=-1)


def _neighbours(groups: list[Group], near: Floats) -> list[list[int]]:
    n = len(near)
    inside = [[row for row in group if row < n] for group in groups]
    means = np.stack([near[:, rows].mean(axis=1) if rows else np.full(n, -1.0) for rows in inside], axis=1)
    between = np.stack([means[rows].mean(axis=0) if rows else np.full(len(groups), -1.0) for rows in inside])
    # As cosines of the groups' centres: how near their own phrases are does not matter.
    lengths = np.sqrt(np.maximum(np.diag(between), 1e-6))
    between = (between / lengths[:, None] / lengths[None, :]).round(5)
    np.fill_diagonal(between, -1)
    order = np.argsort(-between, axis=1, kind="stable")[:, :_NEIGHBOURS]
    return [[int(o) for o in row if between[number, o] >= _NEIGHBOUR] for number, row in enumerate(order)]
