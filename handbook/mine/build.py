"""The steps of mining: gather what was counted, cluster it, put it in words."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings
from scipy import sparse

from handbook.mine import behaviour, evidence, statistics
from handbook.mine.behaviour import Behaviour
from handbook.mine.categories import categories_of
from handbook.mine.clusters import grouped, speaking
from handbook.mine.engine import engine
from handbook.mine.joining import with_other_categories
from handbook.mine.phrases import save_notes
from handbook.mine.records import Cluster, Gathered, MiningOptions, PhraseStats
from handbook.mine.vectors import Features, Floats, meanings
from handbook.mine.words import in_evidence_words
from handbook.records import Category, Handbook, Interest, Support
from notes.records import Note, Reject

Progress = Callable[[str, int, int], None]


def mine(
    notes: Iterable[Note | Reject] | None,
    interactions: Path | None = None,
    *,
    folder: Path,
    options: MiningOptions | None = None,
    progress: Progress | None = None,
) -> Gathered:
    """Read notes and behaviour and count.

    What is read is kept in `folder` (`notes.parquet`, `behaviour.parquet`, `mining.json`); what lies there already is
    counted too, so that reading in two parts gives what reading at once gives.

    Args:
        notes: What was posted; None: only the notes kept in `folder`.
        interactions: What users did; None: only what is kept, and without that authors' hashtags are the behaviour.
        folder: Of the handbook.
        options: How behaviour is read; None: as it was the last time, or the usual way.
        progress: Told what is being done, how much is done, and how much there is (0: nobody knows).

    Raises:
        handbook.HandbookError: what is kept of the last time cannot be read.
        notes.formats.UnreadableInput: a file cannot be read.
    """
    options = options or MiningOptions.kept(folder)
    tell = progress or _silent
    counts, rejects = save_notes(notes or (), folder, lambda done: tell("reading notes", done, 0))
    with engine(options.memory) as connection:
        ids = statistics.load_notes(connection, folder)
        acts = Behaviour(connection, options)
        kept = folder / behaviour.FILE
        if kept.is_file():
            acts.add_kept(kept)
        if interactions is not None:
            for done in acts.add(interactions):
                tell("reading interactions", done, 0)
        tell("counting", 0, 0)
        acted = acts.finish()
        if interactions is not None or kept.is_file():
            acts.save(folder)
        options.save(folder)
        if not acted:
            acts.take(statistics.authors(connection))
        number_of = {id: number for number, id in enumerate(ids)}
        of_note = categories_of(folder, number_of)
        counted = statistics.count(connection, options, of_note, acts=acted)
        chosen = evidence.chosen(connection, folder, ids, counted, of_note, options)
        searches = evidence.searches(connection, ids)
    counts |= acts.counts
    counts |= {"proposed_categories": of_note.proposed, "phrases": len(counted.phrases), "evidence_notes": len(chosen)}
    return Gathered(
        options=options,
        phrases=counted.phrases,
        evidence=chosen,
        carried=counted.carried,
        rows=[number_of[note.id] for note in chosen],
        acted=counted.acted if acted else None,
        share=counted.share,
        searches=searches,
        categories=of_note.names,
        counts=counts,
        rejects=(*rejects, *acts.rejects),
    )


def cluster(gathered: Gathered, encoder: Embeddings | None, progress: Progress | None = None) -> list[Cluster]:
    """Interests without names, category by category, best supported first.

    Args:
        gathered: What was counted.
        encoder: Knows English; None: phrases are compared by their characters and their company.
        progress: Told what is being done.
    """
    from threadpoolctl import threadpool_limits

    tell = progress or _silent
    read = meanings(gathered.phrases, encoder, lambda done, total: tell("reading phrases", done, total))
    by_category: dict[str, list[int]] = defaultdict(list)
    for number, phrase in enumerate(gathered.phrases):
        by_category[phrase.category].append(number)
    of_evidence = evidence.carried(gathered)
    carried = sparse.csc_matrix(gathered.carried if gathered.carried is not None else of_evidence)
    found: list[Cluster] = []
    # One thread: matrices of this size gain nothing from more, and the last bits depend on how many there are.
    with threadpool_limits(1):
        for done, numbers in enumerate(by_category.values(), 1):
            found.extend(_clusters(gathered, numbers, read, carried, of_evidence))
            tell("clustering", done, len(by_category))
    found.sort(key=lambda c: (c.category, -c.support.users, -c.support.notes, c.key))
    return with_other_categories(found, read)


def interests(clusters: Sequence[Cluster], *, name: str = "", categories: Mapping[str, str] | None = None) -> Handbook:
    """The handbook in the evidence's own words.

    Args:
        clusters: From `cluster`.
        name: Of the handbook.
        categories: How each category is written, by id.
    """
    made: dict[str, Interest] = {}
    taken: set[str] = set()
    for item in clusters:
        made[item.key] = in_evidence_words(item, taken)
        taken.add(made[item.key].id)
    by_category: dict[str, list[Interest]] = defaultdict(list)
    for item in clusters:
        near = tuple(made[key].id for key in item.near if key in made)
        by_category[item.category].append(made[item.key].model_copy(update={"neighbours": near}).signed())
    names = categories or {}
    return Handbook(
        name=name,
        categories=tuple(
            Category(id=id, name=names.get(id, ""), interests=tuple(entries))
            for id, entries in sorted(by_category.items())
        ),
    )


def _clusters(
    gathered: Gathered,
    numbers: Sequence[int],
    read: dict[str, Floats],
    carried: sparse.csc_matrix,
    of_evidence: sparse.csr_matrix,
) -> list[Cluster]:
    """The clusters of one category."""
    phrases = [gathered.phrases[number] for number in numbers]
    on_notes = sparse.csr_matrix(carried[:, numbers])
    users = None if gathered.acted is None else sparse.csr_matrix(gathered.acted[numbers])
    features = Features(phrases, on_notes, users, read)
    most = gathered.options.max_phrases
    groups, near = grouped(phrases, features, notes=int(np.count_nonzero(np.diff(on_notes.indptr))), most=most)
    keys = [f"{phrases[group[0]].category}/{phrases[group[0]].phrase}" for group in groups]
    by_note = sparse.csc_matrix(of_evidence[:, numbers])
    found = []
    for group, key, others in zip(groups, keys, near, strict=True):
        members = tuple(phrases[row] for row in group)
        shown = evidence.of_cluster(gathered, by_note[:, group])
        found.append(
            Cluster(
                key=key,
                category=members[0].category,
                phrases=members,
                support=_support(members, on_notes[:, group], None if users is None else users[group], gathered.share),
                **shown._asdict(),
                near=tuple(keys[other] for other in others),
                speaking=tuple(phrases[row].phrase for row in speaking(group, features.inside(group), phrases)),
            )
        )
    return found


def _support(
    members: Sequence[PhraseStats], on_notes: sparse.csr_matrix, users: sparse.csr_matrix | None, share: int
) -> Support:
    weights = [max(1, phrase.users) for phrase in members]
    total = sum(weights)

    def mean(values: Iterable[float]) -> float:
        return round(sum(value * weight for value, weight in zip(values, weights, strict=True)) / total, 3)

    notes = int(np.count_nonzero(np.diff(on_notes.indptr)))
    most = max(phrase.users for phrase in members)
    return Support(
        users=max(most, share * len(np.unique(users.indices))) if users is not None else max(most, notes),
        notes=max(notes, *(phrase.notes for phrase in members)),
        lift=mean(phrase.lift for phrase in members),
        engagement=min(1.0, mean(phrase.engagement for phrase in members)),
        freshness=min(1.0, mean(phrase.freshness for phrase in members)),
    )


def _silent(doing: str, done: int, total: int) -> None:
    pass
