"""What interests of different categories have to do with one another."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from handbook.mine.records import Cluster
from handbook.mine.vectors import Floats
from notes.words import form_key

_SHARED = 0.3
"""Share of the smaller one's phrases that both have."""
_MEANT = 0.75
"""Cosine of what they mean on the whole."""
_MOST = 2
"""Neighbours in other categories."""
_AT_ONCE = 1024


def with_other_categories(clusters: Sequence[Cluster], read: dict[str, Floats]) -> list[Cluster]:
    """The clusters with their nearest in other categories behind those in their own.

    Args:
        clusters: Of all categories.
        read: Unit vectors of meaning, by phrase.
    """
    if len({cluster.category for cluster in clusters}) < 2:
        return list(clusters)
    near: list[dict[int, float]] = [{} for _ in clusters]
    for pairs in (_sharing(clusters), _meaning_alike(clusters, read)):
        for one, other, score in pairs:
            near[one][other] = max(score, near[one].get(other, 0.0))
    found = []
    for cluster, others in zip(clusters, near, strict=True):
        order = sorted(others, key=lambda other: (-others[other], clusters[other].key))[:_MOST]
        keys = tuple(clusters[other].key for other in order)
        found.append(cluster.model_copy(update={"near": (*cluster.near, *keys)}) if keys else cluster)
    return found


def _sharing(clusters: Sequence[Cluster]) -> list[tuple[int, int, float]]:
    """Pairs of clusters that have phrases in common, both ways, with how much."""
    places: dict[str, list[int]] = defaultdict(list)
    for number, cluster in enumerate(clusters):
        for phrase in cluster.phrases:
            places[form_key(phrase.phrase)].append(number)
    common: Counter[tuple[int, int]] = Counter()
    for numbers in places.values():
        common.update((one, other) for one in numbers for other in numbers if one != other)
    found = []
    for (one, other), count in common.items():
        share = count / min(len(clusters[one].phrases), len(clusters[other].phrases))
        if share >= _SHARED and clusters[one].category != clusters[other].category:
            found.append((one, other, round(share, 5)))
    return found


def _meaning_alike(clusters: Sequence[Cluster], read: dict[str, Floats]) -> list[tuple[int, int, float]]:
    size = max((len(vector) for vector in read.values()), default=0)
    if not size:
        return []
    centres = np.zeros((len(clusters), size), dtype=np.float32)
    for row, cluster in enumerate(clusters):
        known = [read[phrase.phrase] for phrase in cluster.phrases if phrase.phrase in read]
        if known:
            centre = np.mean(known, axis=0)
            centres[row] = centre / max(float(np.linalg.norm(centre)), 1e-6)
    found = []
    for start in range(0, len(clusters), _AT_ONCE):
        cosines = (centres[start : start + _AT_ONCE] @ centres.T).round(4)
        for row, other in zip(*np.nonzero(cosines >= _MEANT), strict=True):
            one = start + int(row)
            if clusters[one].category != clusters[int(other)].category:
                found.append((one, int(other), float(cosines[row, other])))
    return found
