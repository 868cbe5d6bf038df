"""The steps of mining: gather what was counted, cluster it, put it in words."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from langchain_core.embeddings import Embeddings
from scipy import sparse

from handbook.evidence import EvidenceNote
from handbook.mining import behaviour, phrases, statistics
from handbook.mining.categories import GENERAL, category_names, proposed, slug
from handbook.mining.clusters import groups, phrase_vectors
from handbook.mining.records import Cluster, Gathered, MiningOptions, PhraseStats
from handbook.mining.words import in_evidence_words
from handbook.records import Category, Handbook, Support
from notes.records import Note, Reject
from notes.words import form_key

Progress = Callable[[str, int, int], None]
_NOTES = 6
"""Evidence notes an interest names."""
_SENTENCES = 5
_NEIGHBOURS = 4
_NEIGHBOUR = 0.35
"""Cosine from which two interests are neighbours."""


def mine(
    notes: Iterable[Note | Reject] | None,
    interactions: Path | None,
    *,
    folder: Path,
    options: MiningOptions | None = None,
    progress: Progress | None = None,
) -> Gathered:
    """Read notes and behaviour and count.

    What is read is kept in `folder` (`notes.parquet`, `behaviour.parquet`); what lies there already is counted too,
    so that reading in two parts gives what reading at once gives.

    Args:
        notes: What was posted; None: only the notes kept in `folder`.
        interactions: What users did; None: only what is kept, and without that authors' hashtags are the behaviour.
        folder: Of the handbook.
        options: How behaviour is read.
        progress: Told what is being done.

    Raises:
        notes.formats.UnreadableInput: a file cannot be read.
    """
    options = options or MiningOptions()
    tell = progress or (lambda doing, done, total: None)
    tell("reading notes", 0, 0)
    kept = folder / phrases.FILE
    counts = phrases.save_notes(notes or (), folder, known=kept)
    old = folder / behaviour.FILE
    acts = interactions is not None or old.is_file()
    with behaviour.engine(options) as connection:
        tell("reading interactions", 0, 0)
        if acts:
            counts |= behaviour.load_acts(connection, interactions, options, known=old)
            behaviour.save_pairs(connection, folder)
            behaviour.weigh(connection, options)
        tell("counting", 0, 0)
        of_note, names = _categories(kept)
        statistics.prepare(connection, str(kept), of_note, acts=acts)
        if acts:
            unknown = connection.execute("SELECT count(*) FROM weighed ANTI JOIN categorised ON note = id").fetchone()
            users = connection.execute("SELECT count(DISTINCT user_key), count(*) FROM weighed").fetchone()
            counts["acts_on_unknown_notes"] = int(unknown[0]) if unknown else 0
            counts["users"], counts["user_note_pairs"] = (int(users[0]), int(users[1])) if users else (0, 0)
        found = _most(statistics.counted(connection, options, acts=acts), options.max_phrases if acts else None)
        evidence, carried, acted = _evidence(connection, kept, found, of_note, options)
    counts["phrases"], counts["evidence_notes"] = len(found), len(evidence)
    return Gathered(
        options=options, phrases=found, evidence=evidence, carried=carried, acted=acted, categories=names, counts=counts
    )


def cluster(gathered: Gathered, encoder: Embeddings | None) -> list[Cluster]:
    """Interests without names, category by category, best supported first.

    Args:
        gathered: What was counted.
        encoder: Knows English; None: phrases are compared by their characters and their company.
    """
    carried = gathered.carried if gathered.carried is not None else _carried(gathered)
    by_category: dict[str, list[int]] = defaultdict(list)
    for number, phrase in enumerate(gathered.phrases):
        by_category[phrase.category].append(number)
    found: list[Cluster] = []
    for numbers in by_category.values():
        part = [gathered.phrases[n] for n in numbers]
        of_phrases = sparse.csr_matrix(carried[:, numbers])
        vectors = phrase_vectors(part, of_phrases, encoder)
        users = [phrase.users for phrase in part]
        rows = _grouped(vectors, users, gathered.options.max_phrases)
        clusters = [_cluster(gathered, [numbers[i] for i in group], carried) for group in rows]
        found.extend(_with_neighbours(clusters, rows, vectors))
    found.sort(key=lambda c: (c.category, -c.support.users, -c.support.notes, c.key))
    return found


def interests(clusters: Sequence[Cluster], *, name: str = "", categories: dict[str, str] | None = None) -> Handbook:
    """The handbook in the evidence's own words."""
    ids: dict[str, str] = {}
    made = {}
    for item in clusters:
        interest = in_evidence_words(item, ids.values())
        ids[item.key], made[item.key] = interest.id, interest
    by_category: dict[str, list[Any]] = defaultdict(list)
    for item in clusters:
        near = tuple(ids[key] for key in item.near if key in ids)
        by_category[item.category].append(made[item.key].model_copy(update={"neighbours": near}).signed())
    names = categories or {}
    return Handbook(
        name=name,
        categories=tuple(
            Category(id=id, name=names.get(id, ""), interests=tuple(entries))
            for id, entries in sorted(by_category.items())
        ),
    )


def _categories(notes: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Category id of every note, and how each category is written; notes without one get one proposed."""
    table = pq.read_table(notes, columns=["id", "title", "content", "category"])
    ids = table.column("id").to_pylist()
    written = table.column("category").to_pylist()
    names = category_names(written)
    slugs = [slug(text) for text in written]
    if not names:
        return dict.fromkeys(ids, GENERAL), {}
    missing = [row for row, id in enumerate(slugs) if not id]
    if missing:
        texts = [
            f"{t} {c[:500]}" for t, c in zip(table["title"].to_pylist(), table["content"].to_pylist(), strict=True)
        ]
        having = sorted((row for row, id in enumerate(slugs) if id), key=lambda row: ids[row])
        guessed = proposed([texts[r] for r in having], [slugs[r] for r in having], [texts[r] for r in missing])
        for row, id in zip(missing, guessed, strict=True):
            slugs[row] = id
    return dict(zip(ids, slugs, strict=True)), names


def _most(found: list[PhraseStats], most: int | None) -> list[PhraseStats]:
    """The best supported of every category."""
    if most is None:
        return found
    seen: dict[str, int] = defaultdict(int)
    kept = []
    for phrase in found:
        seen[phrase.category] += 1
        if seen[phrase.category] <= most:
            kept.append(phrase)
    return kept


def _evidence(
    connection: duckdb.DuckDBPyConnection,
    notes: Path,
    found: Sequence[PhraseStats],
    of_note: dict[str, str],
    options: MiningOptions,
) -> tuple[list[EvidenceNote], sparse.csr_matrix, sparse.csr_matrix]:
    keys = [form_key(phrase.phrase) for phrase in found]
    table = {"category": [p.category for p in found], "key": keys, "number": list(range(len(found)))}
    schema = pa.schema([("category", pa.string()), ("key", pa.string()), ("number", pa.int32())])
    connection.register("kept", pa.table(table, schema))
    connection.execute(
        """CREATE OR REPLACE TABLE carrying AS
        SELECT note, number, category, bool_or(hashtag) AS hashtag FROM (
        SELECT note, number, category, hashtag FROM noted JOIN kept USING (category, key)
        UNION ALL SELECT note, number, category, false FROM (SELECT note, category, key FROM searched GROUP BY ALL
            HAVING count(DISTINCT user_key) >= 2) JOIN kept USING (category, key)) GROUP BY ALL"""
    )
    chosen = connection.execute(
        """WITH heavy AS (SELECT note, sum(weight) AS weight FROM weighed GROUP BY note),
        ranked AS (SELECT note, category, coalesce(weight, 0) AS weight, row_number() OVER
            (PARTITION BY number ORDER BY coalesce(weight, 0) DESC, note) AS place
            FROM carrying LEFT JOIN heavy USING (note)),
        best AS (SELECT note, category, any_value(weight) AS weight, min(place) AS place FROM ranked
            GROUP BY note, category),
        queued AS (SELECT *, row_number() OVER (PARTITION BY category ORDER BY place > 3, weight DESC, note) AS turn
            FROM best)
        SELECT note, CAST(weight AS BIGINT) AS weight FROM queued ORDER BY turn, category, note LIMIT ?""",
        [options.max_evidence],
    ).fetchall()
    weights = dict(chosen)
    rows = {note: row for row, note in enumerate(sorted(weights))}
    connection.register(
        "chosen", pa.table({"note": pa.array(list(rows), pa.string()), "row": pa.array(range(len(rows)), pa.int32())})
    )
    pairs = connection.execute(
        "SELECT row, number, hashtag FROM carrying JOIN chosen USING (note) ORDER BY row, number"
    ).fetchnumpy()
    carried = _ones(pairs["row"], pairs["number"], (len(rows), len(found)))
    # What an author wrote as hashtags is what the note is known by; only without any does its title speak for it.
    hashtag = np.asarray(pairs["hashtag"], dtype=bool)
    written = np.bincount(pairs["row"][hashtag], minlength=len(rows)) > 0
    own = hashtag | ~written[pairs["row"]]
    known_by = _ones(pairs["row"][own], pairs["number"][own], (len(rows), len(found)))
    touched = connection.execute(
        """SELECT DISTINCT number, user_no FROM (
            SELECT number, user_key FROM weighed JOIN carrying USING (note)
            UNION ALL SELECT kept.number, user_key FROM searched JOIN kept USING (category, key))
        JOIN (SELECT user_key, CAST(row_number() OVER (ORDER BY user_key) - 1 AS INTEGER) AS user_no FROM
            (SELECT DISTINCT user_key FROM weighed)) USING (user_key)"""
    ).fetchnumpy()
    users = int(touched["user_no"].max()) + 1 if len(touched["user_no"]) else 0
    acted = _ones(touched["number"], touched["user_no"], (len(found), users))
    return _notes(notes, rows, weights, known_by, found, of_note), carried, acted


def _ones(rows: Any, columns: Any, shape: tuple[int, int]) -> sparse.csr_matrix:
    data = np.ones(len(rows), dtype=np.float32)
    return sparse.csr_matrix((data, (np.asarray(rows), np.asarray(columns))), shape=shape)


def _notes(
    notes: Path,
    rows: dict[str, int],
    weights: dict[str, int],
    known_by: sparse.csr_matrix,
    found: Sequence[PhraseStats],
    of_note: dict[str, str],
) -> list[EvidenceNote]:
    columns = ["id", "title", "content", "ocr", "attributes", "lang"]
    made: list[EvidenceNote | None] = [None] * len(rows)
    for batch in pq.ParquetFile(notes).iter_batches(4096, columns=columns):
        for row in batch.to_pylist():
            place = rows.get(row["id"])
            if place is None:
                continue
            numbers = known_by.indices[known_by.indptr[place] : known_by.indptr[place + 1]]
            made[place] = EvidenceNote(
                **{**row, "attributes": tuple(row["attributes"])},
                category=of_note[row["id"]],
                tags=tuple(found[n].phrase for n in numbers),
                weight=round(weights[row["id"]] / behaviour.MICRO, 4),
            )
    return [note for note in made if note is not None]


def _carried(gathered: Gathered) -> sparse.csr_matrix:
    numbers: dict[tuple[str, str], int] = {(p.category, form_key(p.phrase)): n for n, p in enumerate(gathered.phrases)}
    rows, columns = [], []
    for row, note in enumerate(gathered.evidence):
        for tag in note.tags:
            number = numbers.get((note.category, form_key(tag)))
            if number is not None:
                rows.append(row)
                columns.append(number)
    return _ones(rows, columns, (len(gathered.evidence), len(gathered.phrases)))


def _grouped(vectors: Any, users: Sequence[int], most: int) -> list[list[int]]:
    """Groups; beyond `most` phrases the less supported join the group of their nearest."""
    first = groups(vectors[:most], users[:most])
    if len(vectors) <= most:
        return first
    centres = np.stack([vectors[group].mean(axis=0) for group in first])
    for row in range(most, len(vectors)):
        first[int(np.argmax((centres @ vectors[row]).round(5)))].append(row)
    return first


def _cluster(gathered: Gathered, numbers: Sequence[int], carried: sparse.csr_matrix) -> Cluster:
    part = [gathered.phrases[n] for n in numbers]
    inside = np.asarray(carried[:, list(numbers)].sum(axis=1)).ravel()
    rows = np.flatnonzero(inside)
    order = sorted(rows.tolist(), key=lambda r: (-inside[r], -gathered.evidence[r].weight, gathered.evidence[r].id))
    best = [gathered.evidence[row] for row in order[: 3 * _NOTES]]
    users = max(p.users for p in part)
    if gathered.acted is not None and gathered.acted.shape[1]:
        users = len(np.unique(gathered.acted[list(numbers)].indices))
    weight = sum(p.users for p in part) or 1
    support = Support(
        users=users,
        notes=max(len(rows), max(p.notes for p in part)),
        lift=round(sum(p.lift * p.users for p in part) / weight, 2),
        engagement=round(sum(p.engagement * p.users for p in part) / weight, 3),
        freshness=round(min(1.0, sum(p.freshness * p.users for p in part) / weight), 3),
    )
    return Cluster(
        key=f"{part[0].category}/{part[0].phrase}",
        category=part[0].category,
        phrases=tuple(part),
        support=support,
        notes=tuple(note.id for note in best[:_NOTES]),
        sentences=_sentences(best),
    )


def _sentences(notes: Sequence[EvidenceNote]) -> tuple[str, ...]:
    """Titles, and where there is none the beginning of the text."""
    found: dict[str, None] = {}
    for note in notes:
        text = " ".join(phrases.printable(note.title or note.content).split())
        if len(text) > 160:
            text = f"{text[:159].rsplit(' ', 1)[0]}…"
        if len(text) > 3:
            found.setdefault(text)
        if len(found) == _SENTENCES:
            break
    return tuple(found)


def _with_neighbours(clusters: Sequence[Cluster], rows: Sequence[Sequence[int]], vectors: Any) -> list[Cluster]:
    if len(clusters) < 2:
        return list(clusters)
    centres = np.stack([vectors[list(group)].mean(axis=0) for group in rows])
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-6)
    near = (centres @ centres.T).round(5)
    np.fill_diagonal(near, -math.inf)
    found = []
    for number, item in enumerate(clusters):
        order = np.argsort(-near[number], kind="stable")[:_NEIGHBOURS]
        keys = tuple(clusters[n].key for n in order if near[number, n] >= _NEIGHBOUR)
        found.append(item.model_copy(update={"near": keys}))
    return found
