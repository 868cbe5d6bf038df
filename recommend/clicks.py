"""Who clicked which note, and when: interactions as arrays, each user once a note."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handbook.mine import acts, cleaning
from handbook.mine.engine import engine, fetch, make, number, tables
from notes.records import InteractionKind
from recommend.records import RecommendError

_PLACED = """SELECT md5_number_lower(user_id) AS user_key, note, moment, power,
        CASE WHEN problem IS NOT NULL THEN 'rejected' WHEN NOT list_contains($kinds, kind) THEN 'of_other_kinds'
            WHEN note IS NULL THEN 'of_unknown_notes' ELSE 'used' END AS became, line, problem
    FROM judged LEFT JOIN notes ON notes.id = judged.note_id"""
_NONE = """SELECT 0::UBIGINT AS user_key, 0::INTEGER AS note, 0::BIGINT AS moment, 0::DOUBLE AS power WHERE false"""
_RATED = """SELECT count(DISTINCT power) BETWEEN 3 AND 10 AND min(power) >= 0.5 AND max(power) = 5
        AND bool_and(2 * power = floor(2 * power)) FROM clicks"""
_WEAK = "SELECT count(*) FROM clicks WHERE power < $least"
_ALL = """SELECT user_key, note, coalesce(min(moment), -1) AS moment FROM clicks
    WHERE $least IS NULL OR power IS NULL OR power >= $least GROUP BY user_key, note"""
_BECAME = ("interactions", "used", "rejected", "of_other_kinds", "too_weak", "of_unknown_notes")
GOOD_RATING = 4.0
"""Of five: what counts as interest where strengths are ratings."""


@dataclass(frozen=True, kw_only=True)
class Clicks:
    """c clicks of users on n notes, in the order of user and note; whatever the order of the rows they came in."""

    ids: tuple[str, ...]
    """Of the notes, sorted; a note nobody clicked is among them."""
    users: NDArray[np.uint64]
    """Digest of the user's id, shape (c,)."""
    notes: NDArray[np.int32]
    """Place in `ids`, shape (c,)."""
    times: NDArray[np.int64]
    """Milliseconds since 1970-01-01 UTC of the user's first click on the note, -1: not known; shape (c,)."""
    counts: dict[str, int]
    """interactions = used + rejected + of_other_kinds + too_weak + of_unknown_notes, in rows."""
    min_strength: float | None = None
    """Interactions with a lower strength were left out."""
    problems: tuple[str, ...] = ()
    """The first rows that are no interaction, with line and reason."""

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def popularity(self) -> NDArray[np.int64]:
        """Users who clicked each note, shape (n,)."""
        return np.bincount(self.notes, minlength=len(self.ids))

    def of(self, kept: NDArray[np.bool_]) -> "Clicks":
        """The clicks where `kept` is true, shape (c,)."""
        return replace(self, users=self.users[kept], notes=self.notes[kept], times=self.times[kept])

    def crowded(self, most_clicks: int) -> int:
        """Users who clicked more notes than `most_clicks`."""
        _, clicked = np.unique(self.users, return_counts=True)
        return int((clicked > most_clicks).sum())

    def without_crowded(self, most_clicks: int) -> "Clicks":
        """Without the users who clicked more notes than `most_clicks`."""
        _, place, clicked = np.unique(self.users, return_inverse=True, return_counts=True)
        return self if len(self) == 0 or clicked.max() <= most_clicks else self.of(clicked[place] <= most_clicks)


def read_clicks(
    path: Path | str,
    ids: Collection[str],
    *,
    min_strength: float | None = None,
    kinds: Iterable[InteractionKind] = ("click", "like", "save", "comment", "share"),
    memory: str = "1GB",
    progress: Callable[[int], None] | None = None,
) -> Clicks:
    """Read the interactions in a file or a folder of files.

    Args:
        path: CSV, TSV, JSON lines (also `.gz`, `.zst`), Parquet or Arrow with `user_id` and `note_id`.
        ids: Of the notes; interactions with others are counted and left out.
        min_strength: Interactions with a lower `strength` are no sign of interest. None: `GOOD_RATING` where the
            strengths are ratings (0.5 or 1 to 5, in steps of a half or one), everything else counts.
        kinds: Of interactions that count; a search is no click.
        memory: What the query engine may hold before it writes to disk.
        progress: Called with the rows read.

    Raises:
        notes.reading.UnreadableInput: the file cannot be read, or has no `user_id` and `note_id`.
        RecommendError: no interaction is with one of the notes.
    """
    path = Path(path)
    ordered = tuple(sorted(set(ids)))
    counts: dict[str, int] = dict.fromkeys(_BECAME, 0)
    problems: list[str] = []
    with engine(memory) as connection:
        known = pa.table({"id": pa.array(ordered, pa.string()), "note": pa.array(range(len(ordered)), pa.int32())})
        with tables(connection, known=known):
            make(connection, "notes", "SELECT * FROM known")
        make(connection, "clicks", _NONE)
        for rows in acts.read(path):
            counts["interactions"] += len(rows.problems)
            counts["rejected"] += len(rows.problems)
            problems += [f"{path.name}:{one.line}: {one.message}" for one in rows.problems[: 20 - len(problems)]]
            said = rows.json if rows.json is not None else rows.table
            if said is None:
                continue
            with tables(connection, raw=cleaning.complete(said)):
                make(connection, "read", cleaning.OF_JSON if rows.json is not None else cleaning.OF_TABLE)
            make(connection, "judged", cleaning.JUDGED)
            make(connection, "placed", _PLACED, {"kinds": list(kinds)})
            for became, count in connection.execute("SELECT became, count(*) FROM placed GROUP BY became").fetchall():
                counts[became] += count
                counts["interactions"] += count
            if len(problems) < 20:
                bad = "SELECT line, problem FROM placed WHERE problem IS NOT NULL ORDER BY line LIMIT 20"
                for line, problem in connection.execute(bad).fetchall()[: 20 - len(problems)]:
                    problems.append(f"{path.name}:{line}: {cleaning.said(problem)[1]}")
            connection.execute(
                "INSERT INTO clicks SELECT user_key, note, moment, power FROM placed WHERE became = 'used'"
            )
            if progress is not None:
                progress(counts["interactions"])
        if min_strength is None and connection.execute(_RATED).fetchall()[0][0]:
            min_strength = GOOD_RATING
        if min_strength is not None:
            counts["too_weak"] = number(connection, _WEAK, {"least": min_strength})
            counts["used"] -= counts["too_weak"]
        make(connection, "kept", _ALL, {"least": min_strength})
        found = fetch(connection, "SELECT * FROM kept ORDER BY user_key, note")
    if not found.num_rows:
        raise RecommendError(_no_click(path, counts, min_strength, problems))
    columns = {name: found.column(name).to_numpy() for name in ("user_key", "note", "moment")}
    return Clicks(
        ids=ordered,
        users=columns["user_key"].astype(np.uint64),
        notes=columns["note"].astype(np.int32),
        times=columns["moment"].astype(np.int64),
        counts=counts,
        min_strength=min_strength,
        problems=tuple(problems),
    )


def _no_click(path: Path, counts: dict[str, int], min_strength: float | None, problems: list[str]) -> str:
    said = f"{path.name}: none of the {counts['interactions']:,} interactions is a click on one of the notes: "
    reasons = {name: count for name, count in counts.items() if count and name != "interactions"}
    said += ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in reasons.items())
    if counts["too_weak"]:
        return f"{said}; lower --min-strength {min_strength:g}"
    if problems and counts["rejected"] == counts["interactions"]:
        return f"{said}; the first: {problems[0]}"
    return f"{said}; see that note_id there and id in the notes are the same ids"
