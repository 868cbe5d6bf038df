"""What holds of every handbook: what goes in is free of instructions, what comes out is whole."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from graphs.handbook.joining import Entry
from handbook.mine import interests as interests_of
from handbook.mine.records import Cluster
from handbook.records import Category, Handbook, Interest
from notes.words import form_key
from signatures.handbook.grounds import instructs
from signatures.handbook.questions import Finding, FindingField, NamingLimits


def without_instructions(clusters: Sequence[Cluster]) -> tuple[tuple[Cluster, ...], tuple[Finding, ...]]:
    """The clusters without sentences and phrases that address a tagger; one that has nothing else is left out."""
    kept, findings = [], []
    for cluster in clusters:
        whole = ".\n".join((*(stats.phrase for stats in cluster.phrases), *cluster.sentences))
        if len(whole) < 100_000 and not instructs(whole):
            kept.append(cluster)
            continue
        phrases = tuple(stats for stats in cluster.phrases if not instructs(stats.phrase))
        sentences = tuple(sentence for sentence in cluster.sentences if not instructs(sentence))
        lost: dict[FindingField, int] = {
            "tags": len(cluster.phrases) - len(phrases),
            "evidence": len(cluster.sentences) - len(sentences),
        }
        for field, count in lost.items():
            if count:
                message = f"{count} of them address the tagger and are left out"
                findings.append(Finding(id=cluster.key, field=field, reason="instruction", message=message))
        if not phrases:
            message = "nothing is left of it but instructions; it is no interest"
            findings.append(Finding(id=cluster.key, field="entry", reason="instruction", message=message))
        else:
            kept.append(cluster.model_copy(update={"phrases": phrases, "sentences": sentences}))
    return tuple(kept), tuple(findings)


def in_own_words(clusters: Sequence[Cluster]) -> list[Interest]:
    """The interest that each cluster is, in the words of its evidence."""
    made = {category.id: iter(category.interests) for category in interests_of(clusters).categories}
    return [next(made[cluster.category]) for cluster in clusters]


def names_apart(entries: Sequence[Entry]) -> tuple[list[Entry], tuple[Finding, ...]]:
    """The entries with no name twice in a category: the better supported one keeps it."""
    order = sorted(range(len(entries)), key=lambda n: (-entries[n].cluster.support.users, n))
    taken: set[tuple[str, str]] = set()
    found: dict[int, Entry] = {}
    findings = []
    for number in order:
        entry = entries[number]
        category = entry.cluster.category
        free = next(name for name in _possible_names(entry) if (category, form_key(name)) not in taken)
        taken.add((category, form_key(free)))
        if free != entry.words.name:
            message = f"“{entry.words.name}” is the name of another interest of {category}; it is “{free}” now"
            findings.append(Finding(id=entry.key, field="name", reason="same_name", message=message))
            words, own = (words._replace(name=free) for words in (entry.words, entry.own))
            entry = replace(entry, words=words, own=own)
        found[number] = entry
    return [found[number] for number in range(len(entries))], tuple(findings)


def _possible_names(entry: Entry) -> Iterable[str]:
    yield entry.words.name
    yield entry.own.name
    for stats in entry.cluster.phrases:
        yield stats.phrase[:120]
    for number in range(2, 10_000):
        yield f"{entry.own.name[:110]} {number}"


def written(name: str, entries: Sequence[Entry], categories: Mapping[str, str], limits: NamingLimits) -> Handbook:
    """The handbook the entries make, in their order."""
    ids = {entry.key: entry.home.id for entry in entries}
    together = [entry for entry in entries if entry.others]
    fresh = dict(zip((e.key for e in together), in_own_words([e.cluster for e in together]), strict=True))
    by_category: dict[str, list[Interest]] = {}
    for entry in entries:
        found = _interest(entry, fresh.get(entry.key, entry.home), ids, limits)
        by_category.setdefault(entry.cluster.category, []).append(found)
    return Handbook(
        name=name,
        categories=tuple(
            Category(id=id, name=categories.get(id, ""), interests=tuple(found))
            for id, found in sorted(by_category.items())
        ),
    )


def _interest(entry: Entry, fresh: Interest, ids: Mapping[str, str], limits: NamingLimits) -> Interest:
    # Where words are the evidence's own, those of all that was put together; the name stays, ids are made of it.
    words = {
        field: getattr(fresh if value == getattr(entry.own, field) else entry.words, field)
        for field, value in entry.words._asdict().items()
    }
    neighbours = dict.fromkeys(ids[key] for key in entry.neighbours if key in ids)
    found = Interest(
        id=entry.home.id,
        **{**words, "name": entry.words.name},
        tags=entry.tags,
        evidence=entry.sentences,
        neighbours=tuple(neighbours)[: limits.neighbours],
        notes=entry.cluster.notes,
        support=entry.cluster.support,
        words=entry.written_by,
        category=entry.cluster.category,
    )
    return found.signed()


def verify(handbook: Handbook, entries: Sequence[Entry]) -> None:
    """Whatever was answered, a handbook of ours is whole; where it is not, the mistake is ours."""
    interests = [interest for category in handbook.categories for interest in category.interests]
    assert len(interests) == len(handbook.interests) == len(entries)
    homes = Counter((interest.category, tag) for interest in interests for tag in interest.tags)
    for entry in entries:
        for tag in entry.tags:
            assert homes[entry.cluster.category, tag] == 1, (entry.key, tag)
    for category in handbook.categories:
        names = [form_key(interest.name) for interest in category.interests]
        assert len(set(names)) == len(names), category.id
    for interest in interests:
        assert interest.words
        assert not interest.edited
        assert interest.id not in interest.neighbours
        assert handbook.interests.keys() >= set(interest.neighbours), interest.id
