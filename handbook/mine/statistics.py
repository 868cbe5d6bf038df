"""What behaviour says of phrases: per category, who acted on notes that carry them, how much, how lately.

One user counts once a phrase, whatever they do: nobody makes an interest alone.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from handbook.mine import counting
from handbook.mine.categories import Categories
from handbook.mine.engine import MICRO, Connection, fetch, make, number, tables
from handbook.mine.phrases import as_phrase, asks_for_reach, house, reader
from handbook.mine.records import MiningOptions, PhraseStats
from notes.language import has_han
from notes.words import form_key, zipf

_DISTINCT = 1.64
"""Lift from which a phrase belongs to a category that most of its users do not act in: one-sided 5 %."""
_TITLE_USERS = 3
"""Users from which a phrase that is no hashtag can be more than a way of speaking."""
_EVERYDAY = 4.5
"""Zipf frequency from which a single word of a title says nothing by itself."""
_SEARCHES = 50_000
"""Different searches that can become phrases, most users first."""
_PRIOR = 500.0
"""Users the prior is worth, spread over phrases as all categories together have them."""
_FRESH = 0.25
"""Of the users asked for, their decays added up: what nobody has touched for long is no longer supported."""
_PART = 8_000_000
"""Acts on phrases that are counted at a time."""
_TOUCHED = 16_000_000
"""Users of phrases that are passed on one by one; from there on a share of the users stands for all."""


class Counted(NamedTuple):
    """What was counted."""

    phrases: list[PhraseStats]
    """Category by category, best supported first."""
    carried: sparse.csr_matrix
    """Which note carries which phrase, shape (notes, phrases)."""
    acted: sparse.csr_matrix
    """Which user acted on notes with which phrase, shape (phrases, users)."""
    share: int
    """One of how many users stands in `acted`: 1 for all of them."""


def load_notes(connection: Connection, folder: Path) -> list[str]:
    """Make `notes` and `said` of what `folder` keeps; returns the notes' ids in their order."""
    with tables(connection, kept=reader(folder, ["id", "author", "moment"])):
        make(connection, "notes", counting.NOTES)
    ids = fetch(connection, "SELECT id FROM notes ORDER BY note")["id"].to_pylist()
    with tables(connection, kept=reader(folder, ["id", "hashtags", "phrases", "keys"])):
        make(connection, "said", counting.SAID)
    # In few notes little is said twice.
    make(connection, "common", counting.COMMON, {"least": 3 if len(ids) >= 1000 else 2 if len(ids) >= 20 else 1})
    return ids


def authors(connection: Connection) -> pa.Table:
    """Who wrote which note."""
    return fetch(connection, "SELECT author AS user_key, note, moment FROM notes")


def count(connection: Connection, options: MiningOptions, of_note: Categories, *, acts: bool) -> Counted:
    """Count phrases.

    Args:
        connection: With `notes`, `said`, `common`, `pairs`, `people`.
        options: How many users a phrase needs.
        of_note: Category of every note.
        acts: Whether there are interactions; otherwise authors' hashtags are the behaviour.
    """
    least = max(1, options.min_users if options.min_users is not None else 3 if acts else 1)
    notes = len(of_note.of_note)
    with tables(connection, given=pa.table({"note": np.arange(notes, dtype=np.int32), "category": of_note.of_note})):
        make(connection, "of_note", "SELECT note, category::SMALLINT AS category FROM given")
    _add_searches(connection, max(2, least))
    make(connection, "keys", counting.KEYS)
    titles = acts or not number(connection, "SELECT count(*) FROM keys WHERE hashtag")
    make(connection, "posts", counting.POSTS, {"titles": titles})
    make(connection, "searched", counting.SEARCHED)
    make(connection, "counted", counting.NOTHING_COUNTED)
    make(connection, "touched", "SELECT phrase, category, 0::INTEGER AS user_no FROM counted WHERE false")
    parts = 1 + number(connection, counting.EXTENT) // _PART
    for part in range(parts):
        make(connection, "part", counting.TOUCH, {"part": part, "parts": parts})
        connection.execute(counting.COUNT)
        connection.execute(counting.KEEP_USERS, {"least": least})
    connection.execute("DROP TABLE part")
    found, kept = _supported(connection, options, of_note, least, acts=acts)
    with tables(connection, given=kept):
        make(connection, "kept", "SELECT * FROM given")
    make(connection, "carrying", counting.CARRYING)
    carried = _ones(fetch(connection, "SELECT note, number FROM carrying"), (notes, len(found)))
    share = 1
    while number(connection, counting.USERS_TOUCHED, {"share": share}) > _TOUCHED:
        share *= 2
    people = number(connection, "SELECT count(*) FROM people")
    entries = connection.sql(counting.USERS, params={"share": share})
    return Counted(found, carried, _ones(entries.to_arrow_table(), (len(found), people)), share)


def _ones(entries: pa.Table, shape: tuple[int, int]) -> sparse.csr_matrix:
    rows, columns = (column.to_numpy() for column in entries.columns)
    return sparse.csr_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=shape)


def _add_searches(connection: Connection, least: int) -> None:
    """Make `searches`: which search is which phrase."""
    with_query = connection.sql(counting.QUERIES, params={"most": _SEARCHES}).to_arrow_table()
    queries = with_query["query"].to_pylist()
    texts = [as_phrase(query) for query in queries]
    columns = {"query": queries, "text": texts, "key": [form_key(text) if text else "" for text in texts]}
    with tables(connection, given=pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})):
        make(connection, "searches", counting.SEARCHES, {"least": least})


def _supported(
    connection: Connection, options: MiningOptions, of_note: Categories, least: int, *, acts: bool
) -> tuple[list[PhraseStats], pa.Table]:
    """The phrases that are kept, and the same as a table: phrase, category, number."""
    rows = fetch(connection, counting.STATISTICS)
    of: dict[str, NDArray[Any]] = {name: rows[name].to_numpy() for name in rows.column_names}
    several = len(of_note.ids) > 1
    lift = _lift(of["category"], of["phrase"], of["users"].astype(np.float64))
    spoken = (of["notes"] >= 1) & (of["users"] >= max(_TITLE_USERS if of["hashtag"].any() else 1, least))
    if several:
        spoken &= lift >= _DISTINCT
    if of["hashtag"].any() and not (acts and several):
        spoken &= False  # authors' hashtags are the behaviour; what else stands in a title is not
    keep = (of["users"] >= least) & (of["fresh"] >= _FRESH * least * MICRO) & (of["hashtag"] | of["asked"] | spoken)
    keep &= _at_home(of["phrase"], of["users"], keep) | (lift >= _DISTINCT)
    chosen = np.flatnonzero(keep)
    with tables(connection, given=pa.table({"phrase": np.unique(of["phrase"][chosen])})):
        named = fetch(connection, "SELECT phrase, text FROM keys JOIN given USING (phrase)")
    texts = dict(zip(named["phrase"].to_pylist(), map(house, named["text"].to_pylist()), strict=True))
    said = of["hashtag"] | of["asked"]
    order = sorted(
        (
            i
            for i in chosen.tolist()
            if (said[i] or not _is_everyday(texts[of["phrase"][i]]))
            and not ((options.refuse_platform_tags or not said[i]) and asks_for_reach(texts[of["phrase"][i]]))
        ),
        key=lambda i: (of["category"][i], -of["users"][i], -of["notes"][i], texts[of["phrase"][i]]),
    )
    seen: dict[int, int] = {}
    numbers, found = [], []
    for i in order:
        category = int(of["category"][i])
        seen[category] = seen.get(category, 0) + 1
        if seen[category] > 2 * options.max_phrases:
            continue
        pairs = int(of["pairs"][i])
        numbers.append(i)
        found.append(
            PhraseStats(
                phrase=texts[of["phrase"][i]],
                category=of_note.ids[category],
                users=int(of["users"][i]),
                notes=int(of["notes"][i]),
                weight=int(of["weight"][i]) / MICRO,
                lift=round(float(lift[i]), 3),
                engagement=round(int(of["beyond"][i]) / pairs, 4),
                freshness=round(int(of["decay"][i]) / pairs / MICRO, 4),
                hashtag=bool(of["hashtag"][i]),
            )
        )
    columns = {name: pa.array(of[name][numbers], pa.int32()) for name in ("phrase", "category")}
    return found, pa.table({**columns, "number": pa.array(range(len(found)), pa.int32())})


def _is_everyday(phrase: str) -> bool:
    """Whether it is one word that stands in titles of all kinds."""
    return len(phrase.split()) == 1 and zipf(phrase.lower(), "zh" if has_han(phrase) else "en") > _EVERYDAY


def _lift(categories: NDArray[Any], phrases: NDArray[Any], users: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of a phrase in its category against the others, with all counts as the prior, in standard errors."""
    if len(np.unique(categories)) < 2:
        return np.zeros(len(users))
    of_category, of_phrase = np.bincount(categories, weights=users), np.bincount(phrases, weights=users)
    total = users.sum()
    size = min(_PRIOR, total)
    prior = size * of_phrase[phrases] / total
    here, there = users + prior, of_phrase[phrases] - users + prior
    all_here, all_there = of_category[categories] + size, total - of_category[categories] + size
    odds = np.log(here / np.maximum(all_here - here, 1e-9)) - np.log(there / np.maximum(all_there - there, 1e-9))
    # Rounded, so that a last bit decides nothing.
    return (odds / np.sqrt(1 / here + 1 / there)).round(6)


def _at_home(phrases: NDArray[Any], users: NDArray[Any], keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether it is the category in which most users act on the phrase, the first one where several are equal."""
    order = np.lexsort((np.arange(len(phrases)), -users, ~keep, phrases))
    found = np.zeros(len(phrases), dtype=bool)
    found[order[np.unique(phrases[order], return_index=True)[1]]] = True
    return found
