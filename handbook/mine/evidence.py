"""Which notes stand behind interests, and what people wrote and searched for there."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import regex
from scipy import sparse

from handbook.evidence import EvidenceNote
from handbook.mine import counting
from handbook.mine.categories import Categories
from handbook.mine.engine import MICRO, Connection, fetch, make
from handbook.mine.phrases import stored
from handbook.mine.records import Gathered, MiningOptions
from handbook.mine.statistics import Counted
from notes.language import HAN
from notes.words import form_key

_NOTES = 6
"""Evidence notes an interest names."""
_SENTENCES = 5
_SEARCHES = 2
"""Of them, what people searched for."""
_LONGEST = 160
_SHORT = 30
"""A title with fewer characters is told with the first sentence of its text (Chinese ones say more in less)."""
_CONTROL = regex.compile(r"[\p{C}\s]+")
_END = regex.compile(r"(?<=[\p{Ll}\d][.!?…])\s(?=\p{Lu})|[。！？]")


def chosen(
    connection: Connection,
    folder: Path,
    ids: Sequence[str],
    counted: Counted,
    of_note: Categories,
    options: MiningOptions,
) -> list[EvidenceNote]:
    """The evidence notes, in the order of their ids; makes the table `evidence` of their numbers.

    Args:
        connection: With `carrying`, `pairs`, `of_note`.
        folder: With `notes.parquet`.
        ids: Of all notes.
        counted: What they carry.
        of_note: What they are of.
        options: How many.
    """
    make(connection, "evidence", counting.CHOSEN, {"most": options.max_evidence})
    rows = fetch(connection, "SELECT note, weight FROM evidence ORDER BY note")
    weights = dict(zip(rows["note"].to_pylist(), rows["weight"].to_pylist(), strict=True))
    with_phrases = fetch(connection, "SELECT note, number FROM carrying SEMI JOIN evidence USING (note) ORDER BY ALL")
    tags: dict[int, list[str]] = {note: [] for note in weights}
    for note, number in zip(with_phrases["note"].to_pylist(), with_phrases["number"].to_pylist(), strict=True):
        tags[note].append(counted.phrases[number].phrase)
    spelled = {form_key(phrase.phrase): phrase.phrase for phrase in counted.phrases}
    places = {ids[note]: note for note in weights}
    wanted = pa.array(list(places), pa.string())
    found: list[EvidenceNote] = []
    columns = ["id", "title", "content", "ocr", "attributes", "category", "lang", "hashtags", "keys"]
    for table in stored(folder, columns):
        inside = pa.compute.is_in(table["id"], value_set=wanted)  # pyright: ignore[reportAttributeAccessIssue]
        for row in table.filter(inside).to_pylist():
            note = places[row["id"]]
            # What its author wrote is what it is known by, whichever category that is an interest of; only without
            # hashtags does its title speak for it.
            written = row.pop("keys")[: len(row.pop("hashtags"))]
            given = row.pop("category")
            own = [spelled[key] for key in dict.fromkeys(written) if key in spelled]
            known_by = tuple(own or tags[note])
            if not known_by:
                continue
            found.append(
                EvidenceNote(
                    **{**row, "attributes": tuple(row["attributes"])},
                    given_category=given,
                    category=of_note.ids[of_note.of_note[note]],
                    tags=known_by,
                    weight=round(weights[note] / MICRO, 4),
                )
            )
    return sorted(found, key=lambda note: note.id)


def searches(connection: Connection, ids: list[str]) -> dict[str, tuple[str, ...]]:
    """By id of an evidence note, what led several users to it; what one user alone searched for is theirs."""
    rows = fetch(connection, counting.LED)
    found: dict[str, list[str]] = {}
    for note, query in zip(rows["note"].to_pylist(), rows["query"].to_pylist(), strict=True):
        found.setdefault(ids[note], []).append(query)
    return {id: tuple(queries) for id, queries in found.items()}


def carried(gathered: Gathered) -> sparse.csr_matrix:
    """Which evidence note carries which phrase, shape (evidence, phrases)."""
    if gathered.carried is not None and len(gathered.rows) == len(gathered.evidence):
        return sparse.csr_matrix(gathered.carried[list(gathered.rows)])
    numbers = {(phrase.category, phrase.phrase): number for number, phrase in enumerate(gathered.phrases)}
    rows, columns = [], []
    for row, note in enumerate(gathered.evidence):
        known = [numbers[note.category, tag] for tag in note.tags if (note.category, tag) in numbers]
        rows.extend([row] * len(known))
        columns.extend(known)
    shape = (len(gathered.evidence), len(gathered.phrases))
    return sparse.csr_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=shape)


class Shown(NamedTuple):
    """What stands behind a cluster."""

    notes: tuple[str, ...]
    """Ids, best first."""
    sentences: tuple[str, ...]
    searches: tuple[str, ...]
    """Of the sentences, the first ones."""


def of_cluster(gathered: Gathered, by_note: sparse.csc_matrix) -> Shown:
    """The notes that speak most of a cluster, and sentences.

    Args:
        gathered: With the evidence notes.
        by_note: Which of them carries which of the cluster's phrases.
    """
    inside = np.bincount(by_note.indices, minlength=len(gathered.evidence))
    rows = np.flatnonzero(inside).tolist()
    notes = gathered.evidence
    # What a note carries besides makes it speak less of this.
    score = {row: inside[row] / max(1, len(notes[row].tags)) ** 0.5 * math.log1p(1 + notes[row].weight) for row in rows}
    rows.sort(key=lambda row: (-round(score[row], 6), notes[row].id))
    best = [notes[row] for row in rows[: 3 * _NOTES]]
    asked = [query for note in best for query in gathered.searches.get(note.id, ())[:1]]
    found: dict[str, None] = dict.fromkeys(query for query in map(cleaned, asked) if query)
    searches = tuple(found)[:_SEARCHES]
    found = dict.fromkeys(searches)
    for note in best:
        if len(found) == _SENTENCES:
            break
        if sentence := _sentence(note):
            found.setdefault(sentence)
    return Shown(tuple(note.id for note in best[:_NOTES]), tuple(found), searches)


def cleaned(text: str) -> str:
    """One line without control characters, not too long."""
    plain = _CONTROL.sub(" ", text).strip()
    if len(plain) <= _LONGEST:
        return plain
    ends = [match.end() for match in _END.finditer(plain[:_LONGEST])]
    if ends and ends[-1] > _LONGEST // 3:
        return plain[: ends[-1]].strip()
    cut = plain[: _LONGEST - 1]
    return f"{cut.rsplit(' ', 1)[0] if ' ' in cut[_LONGEST // 2 :] else cut}…"


def _sentence(note: EvidenceNote) -> str:
    title = cleaned(note.title)
    size = len(title) + 2 * len(HAN.findall(title))
    if size >= _SHORT or not note.content.strip():
        return title if len(title) > 3 else ""
    return cleaned(f"{title}: {note.content}" if title else note.content)
