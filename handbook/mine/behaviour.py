"""Who acted on which note: any number of interactions, each user once a note, kept so that new ones can be added."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from handbook.mine import acts
from handbook.mine.engine import MICRO, Connection, case, fetch, first_line, number, tables
from handbook.mine.records import MiningOptions
from notes.formats import UnreadableInput
from notes.records import InteractionKind, Reject, RejectReason

FILE = "behaviour.parquet"
KINDS: tuple[InteractionKind, ...] = ("click", "like", "save", "comment", "share", "search")
MAX_QUERY = 160
"""Characters of a search that are kept."""
MAX_ACTS = 1000
"""A user with more acts counts less than one user wherever they act: nobody has more than this to give."""
_EXAMPLES = 20
"""Rows that are no interaction of which line and reason are told."""
_WITNESSES = 3
"""Users whose newest acts agree on what is now: one wrong clock does not age everybody else's acts."""
_LATEST = 4_102_444_800
"""Seconds: the year 2100. A later act has not happened; larger numbers are milliseconds."""
_GROUP = 1 << 17
_SCHEMA = pa.schema(
    [
        ("user", pa.uint64()),
        ("note", pa.string()),
        ("kind", pa.string()),
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        ("acts", pa.int64()),
        ("query", pa.string()),
        ("queried", pa.timestamp("ms", tz="UTC")),
    ]
)
_ACTS = "user_key UBIGINT, note INTEGER, code BIGINT, acts BIGINT, query VARCHAR, queried BIGINT"


class Behaviour:
    """The table `pairs` of an engine: one row a user and note, `user_key`, `note`, `weight`, `decay`, `beyond`, `query`.

    Weight and decay are in millionths. The table `users` says how much of a user each one is, in millionths too.

    Args:
        connection: With a table `notes(note INTEGER, id VARCHAR)`.
        options: Weights, half-life, least strength.
    """

    def __init__(self, connection: Connection, options: MiningOptions) -> None:
        self.counts = dict.fromkeys(("interactions", "used", "rejected", "of_unknown_notes", "too_weak"), 0)
        """interactions = used + rejected + of_unknown_notes + too_weak."""
        self.rejects: list[Reject] = []
        """Examples of rows that are no interaction."""
        self._connection = connection
        self._options = options
        by_weight = sorted(KINDS, key=lambda kind: (options.weights.get(kind, 0.0), KINDS.index(kind)))
        self._rank: dict[str, int] = {kind: rank for rank, kind in enumerate(by_weight)}
        connection.execute(f"CREATE OR REPLACE TABLE acts ({_ACTS})")
        # Notes that were acted on before and are not among those of today keep their place in the file.
        connection.execute("CREATE OR REPLACE TABLE gone (note INTEGER, id VARCHAR)")

    def add_old(self, path: Path) -> None:
        """Add what an earlier build kept.

        Raises:
            UnreadableInput: it is damaged, or not such a file.
        """
        try:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                if not file.schema_arrow.equals(_SCHEMA):
                    raise UnreadableInput(f"{path}: not behaviour as this version keeps it; build the handbook again")
                for batch in file.iter_batches(_GROUP):
                    batch.validate(full=True)
                    with tables(self._connection, old=pa.Table.from_batches([batch])):
                        self._add_batch_of_old()
        except (OSError, pa.ArrowException) as error:
            raise UnreadableInput(f"{path}: {first_line(error)}; build the handbook again") from None

    def add(self, path: Path) -> Iterator[int]:
        """Add the interactions of a file; yields how many rows have been read.

        Raises:
            UnreadableInput: the file cannot be read, or has no `user_id` and `note_id`.
        """
        for rows in acts.read(path):
            self.counts["interactions"] += len(rows.problems)
            self.counts["rejected"] += len(rows.problems)
            for problem in rows.problems[: _EXAMPLES - len(self.rejects)]:
                self.rejects.append(Reject(source=str(rows.source), **problem._asdict()))
            if rows.json is not None:
                with tables(self._connection, said=rows.json):
                    self._connection.execute(f"CREATE OR REPLACE TEMP TABLE read AS {_OF_JSON}")
            elif rows.table is not None:
                found = ", ".join(
                    f'said."{n}"' if n in rows.table.column_names else f'NULL AS "{n}"' for n in acts.COLUMNS
                )
                with tables(self._connection, said=rows.table):
                    self._connection.execute(
                        f"CREATE OR REPLACE TEMP TABLE read AS SELECT line, {found}, NULL::VARCHAR AS problem FROM said"
                    )
            else:
                continue
            self._add_read(rows.source)
            yield self.counts["interactions"]

    def finish(self) -> None:
        """Make `pairs` and `users` of all that was added."""
        run = self._connection.execute
        run(
            """CREATE OR REPLACE TABLE merged AS
            SELECT user_key, note, max(code) AS code, sum(acts)::BIGINT AS acts,
                max({'t': queried, 'q': query}) FILTER (query IS NOT NULL) AS said
            FROM acts GROUP BY user_key, note"""
        )
        run("DROP TABLE acts")
        self._weigh()

    def take(self, table: pa.Table) -> None:
        """Instead of interactions: `user_key`, `note`, `moment` (milliseconds) of who wrote which note."""
        with tables(self._connection, authors=table):
            self._connection.execute(
                f"""CREATE OR REPLACE TABLE merged AS
                SELECT user_key, note, ({self._rank["click"]}::BIGINT << 44) | (coalesce(moment, -1) + 1) AS code,
                    1::BIGINT AS acts, NULL::STRUCT(t BIGINT, q VARCHAR) AS said FROM authors"""
            )
        self._weigh()

    def save(self, folder: Path) -> None:
        """Write `behaviour.parquet`: users as 64-bit digests, rows in one order, the same rows in the same bytes."""
        kind = case("code >> 44", {})
        del kind
        kinds = " ".join(f"WHEN {rank} THEN '{name}'" for name, rank in self._rank.items())
        reader = self._connection.sql(
            f"""SELECT user_key AS user, id AS note, CASE code >> 44 {kinds} END AS kind,
                {_MOMENT} AS timestamp, acts, said.q AS query, nullif(said.t, -1) AS queried
            FROM merged JOIN (SELECT note, id FROM notes UNION ALL SELECT note, id FROM gone) USING (note)
            ORDER BY id, user_key"""
        ).to_arrow_reader(_GROUP)
        beside = folder / f".{FILE}.new"
        try:
            with pq.ParquetWriter(beside, _SCHEMA, compression="zstd") as writer:
                for table in _regrouped(reader):
                    writer.write_table(table)
            beside.replace(folder / FILE)
        finally:
            beside.unlink(missing_ok=True)

    def _add_batch_of_old(self) -> None:
        run = self._connection.execute
        run(
            """INSERT INTO gone SELECT -1 - (SELECT count(*) FROM gone) - row_number() OVER (ORDER BY id), id FROM
            (SELECT DISTINCT note AS id FROM old WHERE note NOT IN (SELECT id FROM notes)
                AND note NOT IN (SELECT id FROM gone))"""
        )
        run(
            f"""INSERT INTO acts SELECT user, found.note, {self._code("old.kind", "epoch_ms(timestamp)")}, acts, query,
                CASE WHEN query IS NOT NULL THEN coalesce(epoch_ms(queried), -1) END
            FROM old JOIN (SELECT note, id FROM notes UNION ALL SELECT note, id FROM gone) found ON found.id = old.note"""
        )

    def _add_read(self, source: Path) -> None:
        run = self._connection.execute
        least = self._options.min_strength
        weak = ["false"] if least is None else [f"coalesce(power, 1.0) < {float(least)!r}"]
        weak += [f"kind = '{kind}'" for kind in KINDS if self._options.weights.get(kind, 0.0) <= 0]
        run(f"CREATE OR REPLACE TEMP TABLE judged AS {_JUDGED}")
        run(
            f"""CREATE OR REPLACE TEMP TABLE placed AS
            SELECT judged.*, notes.note AS place, CASE WHEN problem IS NOT NULL THEN 'rejected'
                WHEN notes.note IS NULL THEN 'of_unknown_notes' WHEN {" OR ".join(weak)} THEN 'too_weak'
                ELSE 'used' END AS became
            FROM judged LEFT JOIN notes ON notes.id = judged.note_id"""
        )
        for became, count in run("SELECT became, count(*) FROM placed GROUP BY became").fetchall():
            self.counts[became] += count
            self.counts["interactions"] += count
        wanted = _EXAMPLES - len(self.rejects)
        found = run(
            f"SELECT line, problem FROM placed WHERE became = 'rejected' ORDER BY line LIMIT {wanted}"
        ).fetchall()
        for line, problem in found:
            reason, _, message = problem.partition("|")
            self.rejects.append(Reject(source=str(source), line=line, reason=_reason(reason), message=message))
        run(
            f"""INSERT INTO acts SELECT md5_number_lower(user_id), place, {self._code("kind", "moment")}, 1, query,
                CASE WHEN query IS NOT NULL THEN coalesce(moment, -1) END
            FROM placed WHERE became = 'used'"""
        )

    def _code(self, kind: str, moment: str) -> str:
        """One number an act: the weightiest kind is the greatest, then the newest act."""
        return f"({case(kind, self._rank)}::BIGINT << 44) | (coalesce({moment}, -1) + 1)"

    def _weigh(self) -> None:
        run = self._connection.execute
        millis = self._options.half_life_days * 86_400_000
        weights = " ".join(
            f"WHEN {rank} THEN {float(self._options.weights.get(kind, 0.0))!r}"  # pyright: ignore[reportArgumentType]
            for kind, rank in self._rank.items()
        )
        run(
            f"""CREATE OR REPLACE TABLE users AS
            SELECT user_key, least({MICRO}, {MICRO * MAX_ACTS} // sum(acts))::BIGINT AS share, max({_MOMENT}) AS newest
            FROM merged GROUP BY user_key"""
        )
        now = number(
            self._connection,
            f"SELECT min(newest) FROM (SELECT newest FROM users WHERE newest IS NOT NULL "
            f"ORDER BY newest DESC LIMIT {_WITNESSES})",
        )
        run(
            f"""CREATE OR REPLACE TABLE pairs AS
            SELECT user_key, note, (code >> 44) <> {self._rank["click"]} AS beyond, said.q AS query,
                round({MICRO} * fade)::BIGINT AS decay,
                round({MICRO} * fade * CASE code >> 44 {weights} END)::BIGINT AS weight
            FROM (SELECT *, pow(2.0, least(0.0, (coalesce({_MOMENT}, {now}) - {now}) / {millis!r})) AS fade FROM merged)
            WHERE note >= 0"""
        )


_MOMENT = f"nullif(code & {(1 << 44) - 1}, 0) - 1"
_CONTROL = r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]"
_OF_JSON = f"""
    SELECT line, json_extract_string(e[1], '$') AS user_id, json_extract_string(e[2], '$') AS note_id,
        nullif(json_extract_string(e[3], '$'), '') AS timestamp, json_extract_string(e[4], '$') AS kind,
        json_extract_string(e[5], '$') AS strength, json_extract_string(e[6], '$') AS query,
        CASE WHEN e IS NULL THEN 'broken_json|not valid JSON'
            WHEN json_type(text) <> 'OBJECT' THEN 'wrong_type|an interaction is a JSON object'
            WHEN coalesce(json_type(e[1]), 'NULL') NOT IN ('VARCHAR', 'BIGINT', 'UBIGINT', 'NULL')
                THEN 'wrong_type|user_id must be a string or a whole number'
            WHEN coalesce(json_type(e[2]), 'NULL') NOT IN ('VARCHAR', 'BIGINT', 'UBIGINT', 'NULL')
                THEN 'wrong_type|note_id must be a string or a whole number'
            WHEN coalesce(json_type(e[3]), 'NULL') IN ('BOOLEAN', 'ARRAY', 'OBJECT')
                THEN 'wrong_type|timestamp must be a number'
            WHEN coalesce(json_type(e[4]), 'NULL') NOT IN ('VARCHAR', 'NULL') THEN 'wrong_type|kind must be a string'
            WHEN coalesce(json_type(e[5]), 'NULL') IN ('BOOLEAN', 'ARRAY', 'OBJECT')
                THEN 'wrong_type|strength must be a number'
            WHEN coalesce(json_type(e[6]), 'NULL') NOT IN ('VARCHAR', 'NULL')
                THEN 'wrong_type|query must be a string' END AS problem
    FROM (SELECT line, text, CASE WHEN json_valid(text)
            THEN json_extract(text, [{", ".join(f"'$.{name}'" for name in acts.COLUMNS)}]) END AS e
        FROM said WHERE trim(text, E' \\t\\r\\n') <> '')"""
_JUDGED = f"""
    SELECT line, user_id, note_id, kind, power, query, CASE WHEN seconds IS NOT NULL AND problem IS NULL
            THEN floor(seconds * 1000)::BIGINT END AS moment,
        CASE WHEN problem IS NOT NULL THEN problem
            WHEN coalesce(user_id, '') = '' THEN 'missing_id|no `user_id`'
            WHEN coalesce(note_id, '') = '' THEN 'missing_id|no `note_id`'
            WHEN length(user_id) > 256 OR length(note_id) > 256 THEN 'too_large|an id has more than 256 characters'
            WHEN regexp_matches(user_id, '{_CONTROL}') OR regexp_matches(note_id, '{_CONTROL}')
                THEN 'wrong_type|an id holds control characters'
            WHEN kind NOT IN ({", ".join(f"'{kind}'" for kind in KINDS)})
                THEN 'wrong_type|kind ' || kind[:40] || ' is none of {", ".join(KINDS)}'
            WHEN untimely THEN 'wrong_type|timestamp ' || said_at[:40] || ' is no time from 1970 to 2099'
            WHEN powerless THEN 'wrong_type|strength ' || said_power[:40] || ' is no number' END AS problem
    FROM (SELECT *, said_at IS NOT NULL AND NOT coalesce(seconds BETWEEN 0 AND {_LATEST}, false) AS untimely,
            said_power IS NOT NULL AND NOT coalesce(isfinite(power), false) AS powerless
        FROM (SELECT *, CASE WHEN number_at > 1e11 THEN number_at / 1000 WHEN number_at IS NOT NULL THEN number_at
                ELSE date_at END AS seconds
            FROM (SELECT line, problem, trim(user_id, E' \\t\\r\\n') AS user_id, trim(note_id, E' \\t\\r\\n') AS note_id,
                    coalesce(nullif(trim(lower(kind), E' \\t\\r\\n'), ''), 'click') AS kind,
                    nullif(timestamp::VARCHAR, '') AS said_at, try_cast(timestamp AS DOUBLE) AS number_at,
                    CASE WHEN try_cast(timestamp AS DOUBLE) IS NULL
                        THEN epoch(try_cast(timestamp::VARCHAR AS TIMESTAMPTZ)) END AS date_at,
                    nullif(strength::VARCHAR, '') AS said_power, try_cast(strength AS DOUBLE) AS power,
                    nullif(trim(regexp_replace(query, '[\\p{{C}}\\s]+', ' ', 'g')[:{MAX_QUERY}]), '') AS query
                FROM read)))"""


def _reason(text: str) -> RejectReason:
    known: dict[str, RejectReason] = {
        "broken_json": "broken_json",
        "missing_id": "missing_id",
        "too_large": "too_large",
    }
    return known.get(text, "wrong_type")


def _regrouped(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """The same rows in groups of one size."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in reader:
        while count + batch.num_rows >= _GROUP:
            first = _GROUP - count
            yield pa.Table.from_batches([*held, batch.slice(0, first)]).cast(_SCHEMA)
            held, count, batch = [], 0, batch.slice(first)
        if batch.num_rows:
            held.append(batch)
            count += batch.num_rows
    if held:
        yield pa.Table.from_batches(held).cast(_SCHEMA)


__all__ = ["FILE", "Behaviour", "fetch"]
