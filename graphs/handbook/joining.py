"""Which interests to compare, and making one interest of several."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from handbook.mine.records import Cluster, Gathered, PhraseStats
from handbook.records import Interest, Support
from notes.words import form_key, word_set
from signatures.handbook.applying import Nearness, objection_to_merging
from signatures.handbook.questions import Finding, NamingLimits, Shown, Words

KEPT = 12
"""Evidence notes, and evidence sentences, of an interest that was put together."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An interest with its words."""

    cluster: Cluster
    home: Interest
    """As the evidence itself has it; where others were put into it, before that."""
    words: Words
    own: Words
    """What the evidence itself says of it."""
    tags: dict[str, int]
    """With the number of notes that carry each."""
    by: str = ""
    """Who wrote what is not the evidence's own."""
    sentences: tuple[str, ...]
    """Those the words rest on first."""
    neighbours: tuple[str, ...] = ()
    """Keys of the clusters a teacher or behaviour puts beside it, nearest first."""

    others: tuple[str, ...] = ()
    """Keys of the clusters it speaks for as well."""

    @property
    def members(self) -> tuple[str, ...]:
        """Keys of all clusters it speaks for."""
        return (self.key, *self.others)

    @property
    def key(self) -> str:
        """Of its cluster."""
        return self.cluster.key

    @property
    def written_by(self) -> str:
        """Who wrote name, description, guidance and attributes: `evidence`, or somebody else and what is not theirs."""
        kept = [field for field in Words._fields if getattr(self.words, field) == getattr(self.own, field)]
        if not self.by or len(kept) == len(Words._fields):
            return "evidence"
        return f"{self.by}; from evidence: {', '.join(kept)}" if kept else self.by

    @property
    def shown(self) -> Shown:
        """As it stands on a page."""
        return Shown(
            key=self.key,
            category=self.cluster.category,
            name=self.words.name,
            description=self.words.description,
            phrases=tuple(stats.phrase for stats in self.cluster.phrases),
        )


def candidates(entries: Sequence[Entry]) -> list[tuple[int, int]]:
    """Pairs of entries, by place, that could be one or belong together: near ones, and those with names alike."""
    place = {entry.key: number for number, entry in enumerate(entries)}
    pairs = {
        (min(number, place[other]), max(number, place[other]))
        for number, entry in enumerate(entries)
        for other in entry.cluster.near
        if other in place and other != entry.key
    }
    alike: defaultdict[tuple[str, object], list[int]] = defaultdict(list)
    for number, entry in enumerate(entries):
        for form in {form_key(entry.words.name), word_set(entry.words.name)}:
            alike[entry.cluster.category, form].append(number)
    for found in alike.values():
        pairs.update((found[0], other) for other in found[1:])
    return sorted(pairs)


def pages(pairs: Iterable[tuple[int, int]], size: int) -> list[tuple[int, ...]]:
    """Pages of at most `size` entries such that every pair stands together on one of them."""
    open_pairs: dict[int, dict[int, None]] = {}
    for first, second in pairs:
        open_pairs.setdefault(first, {})[second] = None
        open_pairs.setdefault(second, {})[first] = None
    found = []
    for start in sorted(open_pairs):
        while open_pairs[start]:
            page = [start]
            for member in page:  # grows while it is walked: near ones of near ones follow
                fresh = [other for other in open_pairs[member] if other not in page]
                page.extend(fresh[: size - len(page)])
            for member in page:
                for other in page:
                    open_pairs[member].pop(other, None)
            found.append(tuple(sorted(page)))
    return found


class Roots:
    """Which entry speaks for which."""

    def __init__(self) -> None:
        self._into: dict[str, str] = {}

    def of(self, key: str) -> str:
        """The key of the entry that speaks for this one; its own, where none does."""
        while key in self._into:
            key = self._into[key]
        return key

    def join(self, loser: str, winner: str) -> None:
        """From now on `winner` speaks for `loser`."""
        assert self.of(winner) != loser
        self._into[loser] = winner


def roots_of(
    entries: Sequence[Entry], pairs: Iterable[tuple[str, str]], nearness: Nearness, limits: NamingLimits
) -> tuple[Roots, tuple[Finding, ...]]:
    """Which entry speaks for which: the better supported of a pair, if it may also be one with all it speaks for."""
    by_key = {entry.key: entry for entry in entries}
    roots = Roots()
    findings = []
    for pair in sorted(pairs):
        one, other = map(roots.of, pair)
        if one == other:
            continue
        winner, loser = better(by_key[one], by_key[other])
        found = objection_to_merging(winner.shown, loser.shown, nearness, limits)
        if found is None:
            roots.join(loser.key, winner.key)
        else:
            message = f"{found.detail}; “{winner.words.name}” and “{loser.words.name}” stay two"
            findings.append(Finding(id=winner.key, field="merge", reason=found.reason, message=message))
    return roots, tuple(findings)


def joined(entries: Sequence[Entry], roots: Roots, gathered: Gathered) -> tuple[Entry, ...]:
    """The entries that speak for themselves, with what stood behind those they speak for."""
    parts: dict[str, list[Entry]] = {}
    for entry in entries:
        parts.setdefault(roots.of(entry.key), []).append(entry)
    place: dict[tuple[str, str], int] = {}
    if len(parts) < len(entries):
        place = {(stats.category, stats.phrase): number for number, stats in enumerate(gathered.phrases)}
    found = []
    for entry in entries:
        if roots.of(entry.key) == entry.key:
            others = [part for part in parts[entry.key] if part.key != entry.key]
            found.append(_renamed(_with(entry, others, gathered, place), roots))
    return tuple(found)


def better(first: Entry, second: Entry) -> tuple[Entry, Entry]:
    """The better supported one first; the same whatever their order."""
    one, other = sorted((first, second), key=lambda entry: (*_strength(entry.cluster.support), entry.key))
    return one, other


def _strength(support: Support) -> tuple[int, int]:
    return -support.users, -support.notes


def _with(entry: Entry, others: Sequence[Entry], gathered: Gathered, place: dict[tuple[str, str], int]) -> Entry:
    if not others:
        return entry
    whole = [entry, *sorted(others, key=lambda other: (*_strength(other.cluster.support), other.key))]
    clusters = [part.cluster for part in whole]
    notes = tuple(dict.fromkeys(note for cluster in clusters for note in cluster.notes))
    phrases = _phrases(clusters)
    rows = [place[key] for stats in phrases if (key := (stats.category, stats.phrase)) in place]
    tags: dict[str, int] = {}
    for tag, count in (item for part in whole for item in part.tags.items()):
        tags[tag] = tags.get(tag, 0) + count
    cluster = entry.cluster.model_copy(
        update={
            "phrases": phrases,
            "support": _support([cluster.support for cluster in clusters], len(notes), rows, gathered),
            "notes": notes[:KEPT],
            "sentences": tuple(dict.fromkeys(text for cluster in clusters for text in cluster.sentences))[:KEPT],
            "near": tuple(dict.fromkeys(key for cluster in clusters for key in cluster.near)),
        }
    )
    return replace(
        entry,
        cluster=cluster,
        others=tuple(key for part in whole[1:] for key in part.members),
        tags=dict(sorted(tags.items(), key=lambda item: (-item[1], item[0]))),
        sentences=tuple(dict.fromkeys(text for part in whole for text in part.sentences))[:KEPT],
        neighbours=tuple(dict.fromkeys(key for part in whole for key in part.neighbours)),
    )


def _phrases(clusters: Sequence[Cluster]) -> tuple[PhraseStats, ...]:
    found = (stats for cluster in clusters for stats in cluster.phrases)
    return tuple(sorted(found, key=lambda stats: (-stats.users, -stats.notes, -stats.weight, stats.phrase)))


def _support(parts: Sequence[Support], notes: int, rows: Sequence[int], gathered: Gathered) -> Support:
    """What stands behind the whole; where it is not known who stands behind several parts, at least this does."""
    weights = [max(1, part.users) for part in parts]
    total = sum(weights)
    users = max(part.users for part in parts)
    notes = max(notes, *(part.notes for part in parts))
    if rows and gathered.acted is not None:
        users = max(users, len(np.unique(gathered.acted[list(rows)].nonzero()[1])))
    if rows and gathered.carried is not None:
        notes = max(notes, len(np.unique(gathered.carried[:, list(rows)].nonzero()[0])))
    return Support(
        users=users,
        notes=notes,
        lift=round(sum(part.lift * weight for part, weight in zip(parts, weights, strict=True)) / total, 2),
        engagement=round(sum(part.engagement * weight for part, weight in zip(parts, weights, strict=True)) / total, 3),
        freshness=round(sum(part.freshness * weight for part, weight in zip(parts, weights, strict=True)) / total, 3),
    )


def _renamed(entry: Entry, roots: Roots) -> Entry:
    """With keys of entries that still speak for themselves."""

    def renamed(keys: Sequence[str]) -> tuple[str, ...]:
        return tuple(key for key in dict.fromkeys(map(roots.of, keys)) if key != entry.key)

    near = renamed(entry.cluster.near)
    cluster = entry.cluster if near == entry.cluster.near else entry.cluster.model_copy(update={"near": near})
    return replace(entry, cluster=cluster, neighbours=renamed(entry.neighbours))
