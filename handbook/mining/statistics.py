"""What behaviour says of phrases: per category, who acted on notes that carry them, how much, how lately.

One user counts once a phrase, whatever they do: nobody makes an interest alone.
"""

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handbook.mining.behaviour import MICRO
from handbook.mining.records import MiningOptions, PhraseStats
from notes.words import form_key

_DISTINCT = 1.64
"""Lift from which a phrase that nobody wrote as a hashtag is more than a way of speaking: one-sided 5 %."""
_TITLE_NOTES = 3
_PRIOR = 500.0
"""Counts the prior is worth, spread over phrases as all categories together have them."""
_FRESH = 0.25
"""Of the users asked for, decays added up: what nobody has touched for long is no longer supported."""


def prepare(connection: duckdb.DuckDBPyConnection, notes: str, categories: dict[str, str], *, acts: bool) -> None:
    """Make the tables `noted` (which note carries which phrase) and, without interactions, authors' own acts.

    Args:
        connection: With `weighed`, where there are interactions.
        notes: Path of `notes.parquet`.
        categories: Id of every note's category.
        acts: Whether there are interactions.
    """
    table = pa.table({"id": list(categories), "category": list(categories.values())})
    connection.register("categorised", table)
    connection.execute(
        """CREATE OR REPLACE TABLE spelled AS
        WITH notes AS (SELECT id, hashtags, phrases FROM read_parquet(?)),
        said AS (SELECT id, unnest(hashtags) AS text, true AS hashtag FROM notes
            UNION ALL SELECT id, unnest(phrases), false FROM notes),
        common AS (SELECT lower(text) AS low FROM said GROUP BY low
            HAVING bool_or(hashtag) OR count(DISTINCT id) >= 3)
        SELECT said.* FROM said JOIN common ON lower(said.text) = common.low""",
        [notes],
    )
    _add_keys(connection, "SELECT DISTINCT text FROM spelled")
    connection.execute(
        """CREATE OR REPLACE TABLE noted AS
        SELECT spelled.id AS note, keys.key, bool_or(hashtag) AS hashtag, any_value(category) AS category
        FROM spelled JOIN keys USING (text) JOIN categorised ON categorised.id = spelled.id
        WHERE keys.key <> '' GROUP BY spelled.id, keys.key"""
    )
    if not acts:
        # Authors' hashtags are the behaviour; what else stands in a title is not, unless nobody wrote a hashtag.
        connection.execute("DELETE FROM noted WHERE NOT hashtag AND (SELECT bool_or(hashtag) FROM noted)")
        connection.execute(
            f"""CREATE OR REPLACE TABLE weighed AS
            WITH notes AS (SELECT id, author, moment FROM read_parquet(?)), newest AS (SELECT max(moment) AS m,
                greatest((max(moment) - min(moment)) / 4, 2592000.0) AS half FROM notes)
            SELECT md5_number_lower(CASE WHEN author = '' THEN id ELSE author END) AS user_key, id AS note, false AS beyond,
                '' AS query, CAST(round({MICRO} * CASE WHEN moment IS NULL THEN 1.0
                ELSE pow(2.0, (moment - m) / half) END) AS BIGINT) AS decay, decay AS weight FROM notes, newest""",
            [notes],
        )


def counted(connection: duckdb.DuckDBPyConnection, options: MiningOptions, *, acts: bool) -> list[PhraseStats]:
    """Statistics of the supported phrases, category by category, best supported first."""
    _add_searches(connection)
    rows = connection.execute(
        """WITH touched AS (
            SELECT category, key, user_key, max(weight) AS weight, max(decay) AS decay, count(*) AS pairs,
                count(*) FILTER (beyond) AS beyond, bool_or(searched) AS searched
            FROM (SELECT category, key, user_key, weight, decay, beyond, false AS searched
                    FROM weighed JOIN noted USING (note)
                UNION ALL SELECT category, key, user_key, weight, decay, beyond, true FROM searched)
            GROUP BY category, key, user_key),
        carried AS (SELECT category, key, count(*) AS notes, bool_or(hashtag) AS hashtag FROM noted
            GROUP BY category, key)
        SELECT touched.category, touched.key, count(*) AS users, coalesce(any_value(notes), 0) AS notes,
            sum(weight) AS weight, sum(decay) AS fresh, sum(beyond) / sum(pairs) AS engagement,
            coalesce(any_value(hashtag), false) AS hashtag, bool_or(searched) AS searched
        FROM touched LEFT JOIN carried USING (category, key) GROUP BY touched.category, touched.key
        ORDER BY touched.category, touched.key"""
    ).fetchnumpy()
    lift = _lift(rows["category"], rows["key"], np.asarray(rows["users"], dtype=np.float64))
    least = options.min_users if options.min_users is not None else (3 if acts else 1)
    users, hashtag = np.asarray(rows["users"]), np.asarray(rows["hashtag"], dtype=bool)
    searched = np.asarray(rows["searched"], dtype=bool)
    fresh = np.asarray(rows["fresh"], dtype=np.float64) / MICRO
    supported = (users >= least) & (fresh >= _FRESH * least)
    several = len(set(rows["category"].tolist())) > 1
    spoken = (
        (np.asarray(rows["notes"]) >= _TITLE_NOTES)
        & (users >= max(3, least))
        & ((lift >= _DISTINCT) | (not several))
    )
    keep = supported & (hashtag | spoken | (searched & (users >= max(2, least))))
    if several:
        keep &= _at_home(rows["key"], users, lift, keep)
    spelling = _spellings(connection)
    found = [
        PhraseStats(
            phrase=spelling[str(rows["key"][i])],
            category=str(rows["category"][i]),
            users=int(users[i]),
            notes=int(rows["notes"][i]),
            weight=float(rows["weight"][i]) / MICRO,
            lift=round(float(lift[i]), 3),
            engagement=round(float(rows["engagement"][i]), 4),
            freshness=round(min(1.0, float(fresh[i]) / max(1, int(users[i]))), 4),
            hashtag=bool(hashtag[i]),
        )
        for i in np.flatnonzero(keep)
        if str(rows["key"][i]) in spelling
    ]
    found.sort(key=lambda phrase: (phrase.category, -phrase.users, -phrase.weight, phrase.phrase))
    return found


def _lift(categories: NDArray[Any], keys: NDArray[Any], users: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of a phrase in its category against the others, with all counts as the prior, in standard errors."""
    _, category = np.unique(categories.astype(str), return_inverse=True)
    _, key = np.unique(keys.astype(str), return_inverse=True)
    of_category = np.bincount(category, weights=users)
    of_key = np.bincount(key, weights=users)
    if len(of_category) < 2:
        return np.zeros(len(users))
    total = users.sum()
    size = min(_PRIOR, total)
    prior = size * of_key[key] / max(total, 1.0)
    here, there = users + prior, of_key[key] - users + prior
    all_here, all_there = of_category[category] + size, total - of_category[category] + size
    odds = np.log(here / np.maximum(all_here - here, 1e-9)) - np.log(there / np.maximum(all_there - there, 1e-9))
    return odds / np.sqrt(1 / here + 1 / there)


def _at_home(
    keys: NDArray[Any], users: NDArray[Any], lift: NDArray[np.float64], keep: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether a phrase belongs into the category: the one where most users act on it, and any where it stands out."""
    _, key = np.unique(keys.astype(str), return_inverse=True)
    most = np.zeros(key.max() + 1 if len(key) else 0)
    np.maximum.at(most, key, np.where(keep, users, 0))
    order = np.lexsort((np.arange(len(key)), -users, key))
    order = order[keep[order]]
    first = np.zeros(len(key), dtype=bool)
    _, place = np.unique(key[order], return_index=True)
    first[order[place]] = True
    return first | (lift >= _DISTINCT)


def _add_keys(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    texts = [row[0] for row in connection.execute(query).fetchall()]
    connection.register("new_keys", pa.table({"text": texts, "key": [form_key(text) for text in texts]}))
    connection.execute("CREATE OR REPLACE TABLE keys AS SELECT * FROM new_keys")
    connection.unregister("new_keys")


def _add_searches(connection: duckdb.DuckDBPyConnection) -> None:
    """`searched`: whole searches as phrases of the note they led to."""
    from handbook.mining.phrases import as_tag

    queries = [r[0] for r in connection.execute("SELECT DISTINCT query FROM weighed WHERE query <> ''").fetchall()]
    tags = {query: as_tag(query) for query in queries}
    table = pa.table(
        {
            "query": pa.array([q for q in queries if tags[q]], pa.string()),
            "text": pa.array([tags[q].lower() for q in queries if tags[q]], pa.string()),
            "key": pa.array([form_key(tags[q]) for q in queries if tags[q]], pa.string()),
        }
    )
    connection.register("query_keys", table)
    connection.execute(
        """CREATE OR REPLACE TABLE searched AS
        SELECT categorised.category, query_keys.key, query_keys.text, user_key, weight, decay, beyond, note
        FROM weighed JOIN query_keys USING (query) JOIN categorised ON categorised.id = weighed.note"""
    )


def _spellings(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """How each phrase is mostly written; hashtags count twice."""
    rows = connection.execute(
        """SELECT key, text FROM (
            SELECT key, text, row_number() OVER (PARTITION BY key ORDER BY sum(n) DESC, text) AS place FROM (
                SELECT keys.key, spelled.text, count(*) * CASE WHEN hashtag THEN 2 ELSE 1 END AS n
                    FROM spelled JOIN keys USING (text) GROUP BY keys.key, spelled.text, hashtag
                UNION ALL SELECT key, text, count(*) FROM searched GROUP BY key, text)
            GROUP BY key, text) WHERE place = 1"""
    ).fetchall()
    return dict(rows)


__all__ = ["counted", "prepare"]
