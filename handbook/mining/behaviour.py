"""Who acted on which note: interactions of any number, each user once a note, kept so that new ones can be added.

DuckDB does the work, streaming, within a limit of memory. Sums are of whole numbers, so that neither the order of the
rows nor the number of threads changes a digit.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from handbook.mining.records import MiningOptions
from notes.formats import UnreadableInput

FILE = "behaviour.parquet"
MICRO = 1_000_000
"""Weights and decays are counted in millionths."""
SHORTEST = 30.0
"""Days; the least half-life where none is given."""
_KINDS = ("click", "like", "save", "comment", "share", "search")
_COLUMNS = ("user_id", "note_id", "timestamp", "kind", "strength", "query")
_LONGEST = 256
_EMPTY = (
    "CREATE OR REPLACE TABLE pairs (user_key UBIGINT, note VARCHAR, kind TINYINT, moment BIGINT, beyond BOOLEAN, "
    "query VARCHAR, query_at BIGINT)"
)


@contextlib.contextmanager
def engine(options: MiningOptions) -> Iterator[duckdb.DuckDBPyConnection]:
    """A query engine in memory that writes what does not fit to a private folder, and loads nothing from anywhere."""
    with tempfile.TemporaryDirectory(prefix="tagllm-mine-") as folder:
        settings = {
            "memory_limit": options.memory,
            "temp_directory": folder,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
        }
        connection = duckdb.connect(":memory:", config=settings)
        try:
            yield connection
        finally:
            connection.close()


def load_acts(
    connection: duckdb.DuckDBPyConnection, path: Path | None, options: MiningOptions, *, known: Path | None = None
) -> dict[str, int]:
    """Bring interactions into the table `pairs`: one row a user and note, with the weightiest kind and the newest time.

    Args:
        connection: From `engine`.
        path: CSV, TSV, JSON lines (`.gz`, `.zst` too) or Parquet; None: only what is known.
        options: Weights, and the least strength.
        known: `behaviour.parquet` of before; the result is that of one reading of both.

    Returns:
        Counts: `interactions` read, `too_weak`, and `rejected_…` by reason.

    Raises:
        UnreadableInput: the file cannot be read, or has no `user_id` and `note_id`.
    """
    connection.execute(_EMPTY)
    counts: dict[str, int] = {}
    if known is not None and known.is_file():
        try:
            connection.execute(f"INSERT INTO pairs SELECT {_PAIR} FROM read_parquet(?)", [str(known)])
        except duckdb.Error as error:
            raise UnreadableInput(f"{known}: {_said(error)}; build the handbook again") from None
    if path is not None:
        counts = _read(connection, path, options)
        connection.execute(_ADD)
        connection.execute("DROP TABLE acts")
    rank = f"[{', '.join(str(round(MICRO * options.weights.get(k, 1.0))) for k in _KINDS)}][kind + 1]"  # pyright: ignore[reportArgumentType]
    connection.execute(
        f"""CREATE OR REPLACE TABLE pairs AS
        SELECT user_key, note, (max({{'w': {rank}, 'k': kind}})).k AS kind, max(moment) AS moment, bool_or(beyond) AS beyond,
            coalesce((max({{'t': query_at, 'q': query}}) FILTER (query <> '')).q, '') AS query,
            max(query_at) FILTER (query <> '') AS query_at
        FROM pairs GROUP BY user_key, note"""
    )
    return counts


_PAIR = "user_key, note, kind, moment, beyond, query, query_at"
_ADD = """INSERT INTO pairs SELECT md5_number_lower(user_id), note_id, kind, moment, kind > 0, query,
    CASE WHEN query <> '' THEN coalesce(moment, 0) END FROM acts"""


def save_pairs(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write `behaviour.parquet`; users are there as 64-bit digests only, rows in one order."""
    target = str(folder / FILE).replace("'", "''")
    connection.execute(
        f"COPY (SELECT {_PAIR} FROM pairs ORDER BY note, user_key) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
    )


def weigh(connection: duckdb.DuckDBPyConnection, options: MiningOptions) -> None:
    """Add `weight` and `decay` in millionths to `pairs`; time is counted back from the newest act."""
    weights = ", ".join(str(float(options.weights.get(kind, 1.0))) for kind in _KINDS)  # pyright: ignore[reportArgumentType]
    span = connection.execute("SELECT max(moment) - min(moment) FROM pairs").fetchone()
    days = options.half_life_days or max(SHORTEST, ((span and span[0]) or 0) / 4 / 86400)
    seconds = float(days * 86400)
    connection.execute(
        f"""CREATE OR REPLACE TABLE weighed AS
        WITH newest AS (SELECT max(moment) AS moment FROM pairs),
        decayed AS (SELECT pairs.*, CASE WHEN pairs.moment IS NULL THEN 1.0
            ELSE pow(2.0, (pairs.moment - newest.moment) / {seconds!r}) END AS share FROM pairs, newest)
        SELECT user_key, note, beyond, query, CAST(round({MICRO} * share) AS BIGINT) AS decay,
            CAST(round({MICRO} * share * [{weights}][kind + 1]) AS BIGINT) AS weight
        FROM decayed"""
    )


def _read(connection: duckdb.DuckDBPyConnection, path: Path, options: MiningOptions) -> dict[str, int]:
    source, columns = _source(connection, path)
    missing = {"user_id", "note_id"} - columns
    if missing:
        known = ", ".join(sorted(columns)) or "none"
        raise UnreadableInput(f"{path.name}: no column {' and no '.join(sorted(missing))}; columns there: {known}")
    fields = ", ".join(
        f"trim(CAST({name} AS VARCHAR)) AS {name}" if name in columns else f"NULL AS {name}" for name in _COLUMNS
    )
    kinds = ", ".join(f"'{kind}': {number}" for number, kind in enumerate(_KINDS))
    weak = f"coalesce(power < {float(options.min_strength)!r}, false)" if options.min_strength is not None else "false"
    try:
        connection.execute(
            f"""CREATE OR REPLACE TABLE read AS
            WITH rows AS (SELECT {fields} FROM {source}),
            typed AS (SELECT user_id, note_id, nullif("timestamp", '') AS said_at, nullif(strength, '') AS said_power,
                try_cast("timestamp" AS DOUBLE) AS number_at,
                CASE WHEN "timestamp" LIKE '%-%' THEN epoch(try_cast("timestamp" AS TIMESTAMPTZ)) END AS date_at,
                try_cast(strength AS DOUBLE) AS power, MAP {{{kinds}}}[coalesce(nullif(lower(kind), ''), 'click')] AS kind,
                substr(regexp_replace(coalesce(query, ''), '[[:cntrl:]]', ' ', 'g'), 1, 200) AS query FROM rows),
            timed AS (SELECT *, coalesce(CASE WHEN abs(number_at) > 1e11 THEN number_at / 1000 ELSE number_at END, date_at)
                AS seconds FROM typed)
            SELECT user_id, note_id, kind, query,
                CASE WHEN abs(seconds) < 1e11 THEN CAST(floor(seconds) AS BIGINT) END AS moment,
                CASE WHEN coalesce(user_id, '') = '' OR coalesce(note_id, '') = '' THEN 'missing_id'
                    WHEN length(user_id) > {_LONGEST} OR length(note_id) > {_LONGEST} THEN 'too_large'
                    WHEN kind IS NULL THEN 'unknown_kind'
                    WHEN said_at IS NOT NULL AND NOT coalesce(abs(seconds) < 1e11, false) THEN 'wrong_timestamp'
                    WHEN said_power IS NOT NULL AND NOT coalesce(isfinite(power), false) THEN 'wrong_strength'
                    WHEN {weak} THEN 'too_weak' END AS problem
            FROM timed"""
        )
    except duckdb.Error as error:
        raise UnreadableInput(f"{path.name}: {_said(error)}") from None
    connection.execute(
        "CREATE OR REPLACE TABLE acts AS SELECT user_id, note_id, kind, query, moment FROM read WHERE problem IS NULL"
    )
    found = connection.execute("SELECT problem, count(*) FROM read GROUP BY problem ORDER BY problem").fetchall()
    connection.execute("DROP TABLE read")
    counts = {"interactions": sum(count for _, count in found)}
    for problem, count in found:
        if problem is not None:
            counts[problem if problem == "too_weak" else f"rejected_{problem}"] = count
    broken = _broken_rows(connection)
    if broken:
        counts["interactions"] += broken
        counts["rejected_broken_row"] = broken
    return counts


def _source(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, set[str]]:
    """A table expression for the file, and its columns; bad lines are left out and counted."""
    if not path.is_file():
        raise UnreadableInput(f"{path}: no such file")
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    place = "'" + str(path).replace("'", "''") + "'"
    if name.endswith((".parquet", ".pq")):
        source = f"read_parquet({place})"
    elif name.endswith((".jsonl", ".ndjson", ".json")):
        types = ", ".join(f"{column}: 'VARCHAR'" for column in _COLUMNS)
        source = f"read_json({place}, format='newline_delimited', columns={{{types}}}, ignore_errors=true)"
    elif name.endswith((".csv", ".tsv", ".txt")):
        tab = r", delim='\t'" if name.endswith(".tsv") else ""
        source = (
            f"read_csv({place}, header=true, all_varchar=true, null_padding=true, ignore_errors=true, "
            f"store_rejects=true, max_line_size=8388608{tab})"
        )
    else:
        raise UnreadableInput(
            f"{path.name}: interactions are read from .csv, .tsv, .jsonl, .parquet (text also .gz, .zst)"
        )
    try:
        found = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    except duckdb.Error as error:
        raise UnreadableInput(f"{path.name}: {_said(error)}") from None
    return source, {str(row[0]).strip().lstrip("\ufeff").lower() for row in found}


def _broken_rows(connection: duckdb.DuckDBPyConnection) -> int:
    try:
        found = connection.execute("SELECT count(DISTINCT line) FROM reject_errors").fetchone()
    except duckdb.Error:
        return 0  # the table is made with the first bad line
    return int(found[0]) if found else 0


def _said(error: duckdb.Error) -> str:
    return " ".join(str(error).split())[:200]
