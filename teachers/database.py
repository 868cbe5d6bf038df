"""diskcache as the stores use it: without pickles, without files, and only where its database is what it says.

A row that would be unpickled (CVE-2025-69872) or that names a file is refused; settings that somebody planted, which
diskcache would take over as attributes and pragmas, make the database a damaged one.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import diskcache
from diskcache.core import DEFAULT_SETTINGS, METADATA, MODE_BINARY, MODE_RAW

DATABASE = "cache.db"
TIMEOUT = 0.1
"""Seconds one attempt waits for another writer. Readers do not wait for writers."""
Entry = tuple[str, bytes, str | None]
"""A key, its value, its tag."""
_TOGETHER = 256
"""Rows of one statement."""
_CULLED = 10
"""Rows that go at a time, as in diskcache."""
_VALUES = f"(?, 1, ?, NULL, ?, 0, ?, 0, {MODE_RAW}, NULL, ?)"
_INSERT = """
INSERT INTO Cache (key, raw, store_time, expire_time, access_time, access_count, tag, size, mode, filename, value)
VALUES {}
ON CONFLICT (key, raw) DO UPDATE SET
    store_time = excluded.store_time, expire_time = NULL, access_time = excluded.access_time, access_count = 0,
    tag = excluded.tag, size = 0, mode = excluded.mode, filename = NULL, value = excluded.value
"""
"""What diskcache does in two statements for each row."""
ERRORS = (sqlite3.Error, diskcache.Timeout, OSError, TypeError, ValueError, KeyError)
"""What diskcache raises over a file that is locked, full, gone, damaged or holds other types than it wrote."""
_CODES: "dict[int, Trouble]" = {5: "locked", 6: "locked", 13: "full", 1: "damaged", 11: "damaged", 26: "damaged"}
"""SQLite's BUSY and LOCKED, FULL, ERROR (no such table), CORRUPT and NOTADB."""

Trouble = Literal["locked", "full", "damaged", "other"]


def open_cache(folder: Path, settings: dict[str, int]) -> "Database":
    """Open the database in `folder`, or make it; its size limit stays where `settings` give none.

    Raises:
        one of ERRORS: `trouble` says what is wrong.
    """
    kept = _kept_settings(str(folder / DATABASE))
    # No memory mapping: a file that somebody cuts short would end the process.
    fixed = DEFAULT_SETTINGS | {"sqlite_mmap_size": 0, "sqlite_auto_vacuum": 0}
    timeout: Any = TIMEOUT  # a float, whatever its signature says
    return Database(str(folder), timeout=timeout, disk=_JsonDisk, **(fixed | kept | settings))


def inode(path: str) -> int:
    """Which file it is; 0 where there is none."""
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - at every access; a Path doubles its cost
    except OSError:
        return 0


def trouble(error: BaseException) -> Trouble:
    """What is wrong, by the first error: diskcache raises others over it (`Timeout`, a failed rollback)."""
    while isinstance(error.__context__, sqlite3.Error):
        error = error.__context__
    if isinstance(error, (TypeError, ValueError, KeyError)):
        return "damaged"
    return _CODES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "other")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One thread of one process at a time opens the database or puts it aside; the system ends it with the process."""
    lock = sqlite3.connect(folder / "opening.lock", timeout=60, isolation_level=None)
    try:
        with contextlib.suppress(sqlite3.DatabaseError):
            lock.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        lock.close()


class _JsonDisk(diskcache.Disk):
    """Keys are text, values are bytes in the database itself; anything else is not read."""

    def put(self, key: Any) -> Any:
        return key, True

    def get(self, key: Any, raw: Any) -> Any:
        return key if raw and isinstance(key, str) else ""

    def store(self, value: Any, read: Any, key: Any = None) -> Any:
        return 0, MODE_RAW, None, sqlite3.Binary(value)

    def fetch(self, mode: Any, filename: Any, value: Any, read: Any) -> Any:
        if mode not in (MODE_RAW, MODE_BINARY) or filename is not None or not isinstance(value, (bytes, memoryview)):
            return b""
        return bytes(value)

    def remove(self, file_path: Any) -> None:
        """Nothing: no value of ours is a file, so a row that names one would have somebody else's deleted."""


class Database(diskcache.Cache):
    """The open database."""

    def volume(self) -> int:
        """Bytes in use. What was removed is written over, not given back: moving pages at every removal is dear."""
        ((used,),) = self._sql("SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count")
        return self._page_size * used

    def set_all(self, rows: Sequence[Entry]) -> None:
        """Store all of `rows` or, where it raises, none of them.

        One statement for many: every statement lets another thread have the interpreter, and waits to get it back. Then
        what was stored longest ago goes where the size limit is passed, at most ten rows for each that was stored.
        """
        now = time.time()
        with self._transact() as (sql, cleanup):
            for start in range(0, len(rows), _TOGETHER):
                part = rows[start : start + _TOGETHER]
                values = [value for key, data, tag in part for value in (key, now, now, tag, data)]
                sql(_INSERT.format(", ".join([_VALUES] * len(part))), values)
            for _ in rows:
                if self.volume() < self.size_limit:  # pyright: ignore[reportAttributeAccessIssue]
                    break
                self._cull(now, sql, cleanup, limit=_CULLED)


def _kept_settings(path: str) -> dict[str, int]:
    """What the database says of its size limit.

    Raises:
        ValueError: its settings are not diskcache's, which takes over any that it finds, as attributes and pragmas.
    """
    if not inode(path):
        return {}
    connection = sqlite3.connect(path, timeout=10)
    try:
        found = dict(connection.execute("SELECT key, value FROM Settings"))
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return {}
        raise
    finally:
        connection.close()
    usual = DEFAULT_SETTINGS | dict.fromkeys(METADATA, 0)
    wrong = [
        name
        for name, value in found.items()
        if type(value) is not type(usual.get(name)) or (isinstance(value, str) and value != usual[name])
    ]
    if wrong:
        raise ValueError(f"settings that are not diskcache's: {', '.join(map(repr, wrong[:5]))}")
    return {"size_limit": found["size_limit"]} if "size_limit" in found else {}
