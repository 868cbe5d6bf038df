"""Who acted on which note: any number of interactions, each user once a note, kept so that new ones can be added."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from handbook.mine import acting, acts, cleaning
from handbook.mine.engine import Connection, first_line, make, number, tables
from handbook.mine.records import MiningOptions
from handbook.mine.rows import Rows
from notes.formats import UnreadableInput
from notes.records import InteractionKind, Reject

FILE = "behaviour.parquet"
KINDS: tuple[InteractionKind, ...] = ("click", "like", "save", "comment", "share", "search")
_EXAMPLES = 20
"""Rows that are no interaction of which line and reason are told."""
_WITNESSES = 3
"""Users whose acts agree on what is now: one wrong clock does not age everybody else's acts."""
_MOST_ACTS, _MOST_TIMES = 1000, 50
"""A user with more acts than this, and so many times those that three users in four stay below, is no person."""
_SHORTEST = 30 * 86_400_000
"""Milliseconds: the least half-life that is chosen when none is asked for."""
_GROUP = 1 << 17
_MILLIS = pa.timestamp("ms", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("user", pa.uint64()),
        ("note", pa.string()),
        ("kind", pa.string()),
        ("timestamp", _MILLIS),
        ("acts", pa.int64()),
        ("query", pa.string()),
        ("queried", _MILLIS),
    ]
)


class Behaviour:
    """Makes the table `pairs`, one row a user and note: `user_no`, `note`, `weight`, `decay`, `beyond`, `query`.

    Weight and decay are in millionths. `people(user_no, user_key)` holds the users.

    Args:
        connection: With a table `notes(note INTEGER, id VARCHAR)`.
        options: Weights, half-life, least strength.
    """

    def __init__(self, connection: Connection, options: MiningOptions) -> None:
        names = ("interactions", "used", "rejected_interactions", "of_unknown_notes", "too_weak")
        self.counts: dict[str, int] = dict.fromkeys(names, 0)
        """interactions = used + rejected_interactions + of_unknown_notes + too_weak."""
        self.rejects: list[Reject] = []
        """Examples of rows that are no interaction."""
        self._connection = connection
        self._options = options
        by_weight = sorted(KINDS, key=lambda kind: (options.weights.get(kind, 0.0), KINDS.index(kind)))
        weights = [float(options.weights.get(kind, 0.0)) for kind in by_weight]
        with tables(connection, given=pa.table({"kind": by_weight, "rank": range(len(KINDS)), "worth": weights})):
            make(connection, "kinds", "SELECT * FROM given")
        make(connection, "acts", acting.NO_ACTS)
        # Notes that are not there may come with the next update: acts on them are kept, and count from then on.
        make(connection, "absent", "SELECT note, id FROM notes WHERE false")

    def add_kept(self, path: Path) -> None:
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
                    columns = [c.cast(pa.int64()) if c.type == _MILLIS else c for c in batch.columns]
                    with tables(self._connection, kept=pa.table(columns, names=_SCHEMA.names)):
                        make(self._connection, "unknown", "SELECT DISTINCT note AS id FROM kept")
                        self._connection.execute(acting.ADD_ABSENT)
                        self._connection.execute(acting.ADD_KEPT)
        except (OSError, pa.ArrowException) as error:
            raise UnreadableInput(f"{path}: {first_line(error)}; build the handbook again") from None

    def add(self, path: Path) -> Iterator[int]:
        """Add the interactions of a file; yields how many rows have been read.

        Raises:
            UnreadableInput: the file cannot be read, or has no `user_id` and `note_id`.
        """
        for rows in acts.read(path):
            self._add(rows)
            yield self.counts["interactions"]

    def finish(self) -> bool:
        """Make `pairs` and `people` of all that was added; False where nobody acted on a note that is there."""
        make(self._connection, "merged", acting.MERGED)
        self._connection.execute("DROP TABLE acts")
        self._weigh()
        return self.counts["pairs"] > 0

    def take(self, authors: pa.Table) -> None:
        """Instead of interactions: `user_key`, `note`, `moment` (milliseconds) of who wrote which note."""
        with tables(self._connection, authors=authors):
            make(self._connection, "merged", acting.OF_AUTHORS)
        self._weigh()

    def save(self, folder: Path) -> None:
        """Write `behaviour.parquet`: users as 64-bit digests, rows in one order, the same rows in the same bytes."""
        beside = folder / f".{FILE}.new"
        try:
            with pq.ParquetWriter(beside, _SCHEMA, compression="zstd") as writer:
                for table in _regrouped(self._connection.sql(acting.SAVED).to_arrow_reader(_GROUP)):
                    writer.write_table(table)
            beside.replace(folder / FILE)
        finally:
            beside.unlink(missing_ok=True)

    def _add(self, rows: Rows) -> None:
        self.counts["interactions"] += len(rows.problems)
        self.counts["rejected_interactions"] += len(rows.problems)
        for problem in rows.problems[: _EXAMPLES - len(self.rejects)]:
            self.rejects.append(Reject(source=str(rows.source), **problem._asdict()))
        said = rows.json if rows.json is not None else rows.table
        if said is None:
            return
        with tables(self._connection, raw=cleaning.complete(said)):
            make(self._connection, "read", cleaning.OF_JSON if rows.json is not None else cleaning.OF_TABLE)
        make(self._connection, "judged", cleaning.JUDGED)
        make(self._connection, "placed", acting.PLACED, {"least": self._options.min_strength})
        run = self._connection.execute
        for became, count in run("SELECT became, count(*) FROM placed GROUP BY became").fetchall():
            self.counts[became] += count
            self.counts["interactions"] += count
        wanted = {"most": _EXAMPLES - len(self.rejects)}
        for line, problem in run(acting.REJECTED, wanted).fetchall():
            reason, message = cleaning.said(problem)
            self.rejects.append(Reject(source=str(rows.source), line=line, reason=reason, message=message))
        make(self._connection, "unknown", acting.UNKNOWN)
        run(acting.ADD_ABSENT)
        run(acting.ADD)

    def _weigh(self) -> None:
        make(self._connection, "busy", acting.BUSY)
        usual = number(self._connection, "SELECT quantile_disc(acts, 0.75) FROM busy")
        make(self._connection, "people", acting.PEOPLE, {"most": max(_MOST_ACTS, _MOST_TIMES * usual)})
        self.counts["users"] = number(self._connection, "SELECT count(*) FROM people")
        self.counts["users_set_aside"] = number(self._connection, "SELECT count(*) FROM busy") - self.counts["users"]
        now = number(self._connection, acting.NOW, {"witnesses": _WITNESSES})
        half_life = (self._options.half_life_days or 0) * 86_400_000
        if not half_life:
            first = number(self._connection, acting.FIRST, {"witnesses": _WITNESSES})
            half_life = max(_SHORTEST, (now - first) // 4)
        make(self._connection, "pairs", acting.PAIRS, {"now": now, "half_life": float(half_life)})
        self.counts["pairs"] = number(self._connection, "SELECT count(*) FROM pairs")


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
