"""Looking into the request cache: what it holds, why a request was not found in it, and making room."""

import contextlib
import json
import math
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from teachers.cache.differences import Difference, differences
from teachers.cache.keys import canonical, key_of
from teachers.cache.requests import RequestCache, kept_request
from teachers.cache.uses import last_uses
from teachers.database import DATABASE

_CHUNK = 1000
"""Rows removed in one transaction: a run that goes on waits no longer than that."""
_SCANNED = 1000
"""Newest entries looked at for the one nearest to a request without a label."""
_ENTRIES = """
CREATE TEMP VIEW Entries AS
SELECT rowid AS row, key, tag, store_time, LENGTH(value) AS bytes,
    substr(tag, 1, instr(tag, char(10)) - 1) AS label, substr(tag, instr(tag, char(10)) + 1) AS model
FROM Cache WHERE typeof(key) = 'text' AND typeof(tag) = 'text' AND instr(tag, char(10)) > 0
"""
"""Rows as the request cache writes them."""


class NoEntry(Exception):
    """Nothing stored under a key, or more than one thing."""


class Entry(NamedTuple):
    """One stored answer and what was asked."""

    key: str
    label: str
    stored_at: float
    request: dict[str, Any]


class Explanation(NamedTuple):
    """Why a request is not found in the cache, or that it is."""

    key: str
    label: str
    is_stored: bool
    nearest: Entry | None
    """The stored entry that is most like it."""
    differences: tuple[Difference, ...] = ()


class Reasons(NamedTuple):
    """Fields that changed between the last two answers to the same step of the same note."""

    labels: int
    """Labels with more than one answer."""
    fields: dict[str, int]
    """Labels for which the field changed, most first."""
    examples: dict[str, tuple[str, Difference]]
    """One label and its difference for each field."""


class CacheReport:
    """Answers questions about a cache while others may use it.

    Args:
        cache: Opened with `size_limit=None`, so that looking changes nothing.
    """

    def __init__(self, cache: RequestCache) -> None:
        self._cache = cache
        self._path = cache.folder / DATABASE

    def stats(self) -> dict[str, Any]:
        """Entries, bytes, models, oldest and newest, and the last uses."""
        models = self._rows(
            "SELECT model, COUNT(*), SUM(bytes), MIN(store_time), MAX(store_time)"
            " FROM Entries GROUP BY model ORDER BY 2 DESC, 1"
        )
        ((entries, oldest, newest),) = self._rows("SELECT COUNT(*), MIN(store_time), MAX(store_time) FROM Cache")
        names = ("model", "entries", "bytes", "oldest", "newest")
        folder = self._cache.folder
        return {
            "folder": str(folder),
            "entries": entries,
            "bytes": sum(file.stat().st_size for file in folder.glob(f"{DATABASE}*")),
            "size_limit": self._cache.store.size_limit,
            "oldest": oldest,
            "newest": newest,
            "models": [dict(zip(names, row, strict=True)) for row in models],
            "damaged_bytes": sum(file.stat().st_size for file in folder.glob(f"damaged-{DATABASE}*")),
            "uses": last_uses(folder),
        }

    def clear(self, *, older_than_days: float | None = None, model: str | None = None) -> int:
        """Remove entries: all, or those that both conditions name. How many."""
        before = math.inf if older_than_days is None else time.time() - older_than_days * 86400
        some = "SELECT row FROM Entries WHERE store_time < ? AND model = ifnull(?, model) LIMIT ?"
        every = before == math.inf and model is None
        removed = 0
        with self._connected() as connection:
            while True:
                rows = connection.execute(some, (before, model, _CHUNK)).fetchall()
                connection.executemany("DELETE FROM Cache WHERE rowid = ?", rows)
                connection.commit()
                removed += len(rows)
                if len(rows) < _CHUNK:
                    break
            if every:  # what is nobody's, too
                removed += connection.execute("DELETE FROM Cache").rowcount
                connection.commit()
            with contextlib.suppress(sqlite3.OperationalError):  # in use or no room to copy: the room is used again
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if every:
            for file in self._cache.folder.glob(f"damaged-{DATABASE}*"):
                file.unlink()
        return removed

    def models(self) -> list[str]:
        """Models with entries."""
        return [name for (name,) in self._rows("SELECT DISTINCT model FROM Entries ORDER BY 1")]

    def entry(self, key: str) -> Entry:
        """The entry whose key begins with `key`.

        Raises:
            NoEntry: there is none, there are several, or its request was not kept.
        """
        rows = self._rows(
            "SELECT key, label, store_time FROM Entries WHERE key >= ? AND key < ? ORDER BY key LIMIT 2",
            key,
            f"{key}g",  # above every hexadecimal digit
        )
        found = [*self._entries(rows)]
        if not found:
            raise NoEntry(f"no stored key begins with {key!r}; `tagllm cache why --label NOTE/STEP` lists keys")
        if len(found) > 1:
            raise NoEntry(
                f"several keys begin with {key!r}, such as {found[0].key} and {found[1].key}; give more of it"
            )
        return found[0]

    def labelled(self, label: str) -> list[Entry]:
        """Entries of a label, oldest first."""
        label = " ".join(label.split())
        rows = self._rows(
            "SELECT key, label, store_time FROM Entries WHERE tag >= ? AND tag < ? ORDER BY store_time",
            f"{label}\n",
            f"{label}\v",
        )
        return [*self._entries(rows)]

    def explain(self, request: Mapping[str, Any], *, label: str = "", revision: str | None = None) -> Explanation:
        """Whether a request would be answered from the cache, and if not, how the nearest entry differs.

        Args:
            request: What is sent, or what `canonical` made of it.
            label: What asks; without it the newest entries are searched for the one with the fewest differences.
            revision: The model's; None: as in the nearest entry.
        """
        entries = self.labelled(label)[::-1] if label else self._newest()
        nearest: Explanation | None = None
        for entry in entries:
            wanted = as_canonical(request, revision=revision, like=entry)
            key = key_of(wanted)
            if self._cache.store.get(key.digest) is not None:
                return Explanation(key.digest, label or entry.label, True, None)
            differ = tuple(differences(entry.request, wanted))
            if nearest is None or len(differ) < len(nearest.differences):
                nearest = Explanation(key.digest, label or entry.label, False, entry, differ)
        if nearest is not None:
            return nearest
        key = key_of(as_canonical(request, revision=revision))
        return Explanation(key.digest, label, self._cache.store.get(key.digest) is not None, None)

    def against_previous(self, entry: Entry) -> Explanation:
        """How an entry differs from the one stored before it under its label."""
        before = [each for each in self.labelled(entry.label) if each.stored_at < entry.stored_at]
        if not entry.label or not before:
            return Explanation(entry.key, entry.label, True, None)
        changed = tuple(differences(before[-1].request, entry.request))
        return Explanation(entry.key, entry.label, True, before[-1], changed)

    def reasons(self, most: int = 10_000) -> Reasons:
        """Which fields changed between the last two answers of each label; of the `most` labels that come first."""
        pairs = self._rows(
            "SELECT label FROM Entries WHERE label != ''"
            " GROUP BY label HAVING COUNT(*) > 1 ORDER BY MAX(store_time) DESC LIMIT ?",
            most,
        )
        fields: Counter[str] = Counter()
        examples: dict[str, tuple[str, Difference]] = {}
        labels = 0
        for (label,) in pairs:
            entries = self.labelled(label)[-2:]
            if len(entries) < 2:
                continue
            labels += 1
            changed = {each.field: each for each in differences(entries[0].request, entries[1].request)}
            fields.update(changed.keys())
            for field, each in changed.items():
                examples.setdefault(field, (label, each))
        return Reasons(labels, dict(fields.most_common()), examples)

    def _newest(self) -> list[Entry]:
        rows = self._rows("SELECT key, label, store_time FROM Entries ORDER BY store_time DESC LIMIT ?", _SCANNED)
        return [*self._entries(rows)]

    def _entries(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[Entry]:
        """Entries that hold; those that are damaged or whose request was too large to keep are passed over."""
        for key, label, stored_at in rows:
            with contextlib.suppress(ValueError, zstandard.ZstdError, RecursionError):
                request = kept_request(self._cache.store.get(key))
                if isinstance(request, dict):
                    yield Entry(key, label, stored_at, request)

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._connected() as connection:
            return connection.execute(statement, values).fetchall()

    @property
    def folder(self) -> Path:
        """Where the cache lies."""
        return self._cache.folder

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path, timeout=10)) as connection:
            connection.execute(_ENTRIES)
            yield connection


def as_canonical(
    request: Mapping[str, Any], *, revision: str | None = None, like: Entry | None = None
) -> dict[str, Any]:
    """A request as it would be stored; one that is canonical already stays so.

    Args:
        request: What is sent, or what `canonical` made of it.
        revision: The model's; None: as in `like`.
        like: An entry.

    Raises:
        teachers.cache.PictureUnknown: it has a picture that nothing tells.
    """
    if "cache_version" not in request:
        known = str(like.request.get("model_revision", "")) if like is not None else ""
        request = canonical(request, revision=known if revision is None else revision)
    return json.loads(key_of(request).text)  # lists, as in what is stored
