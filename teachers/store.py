"""A store on disk for what was expensive to find: JSON under a key, shared by threads and processes.

It stands on diskcache, made safe (`teachers/database.py`): nothing written into the store's file can run code or lead
outside its folder. Every value carries a checksum; one that does not hold is a miss, and is counted. Once open, a
store never raises over its file: a locked one, a full disk, a damaged one cost misses and values that are not kept, all
counted.
"""

import contextlib
import hashlib
import json
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson
from pydantic_core import from_json

from teachers.database import DATABASE, ERRORS, Database, Trouble, alone, inode, open_cache, trouble

SIZE_LIMIT = 4 << 30
"""Bytes on disk."""
_CHECK = 16
"""Bytes of the checksum before the value."""
_READS, _WRITES = 2, 50
"""Attempts, 0.1 s each, before a locked database counts as a miss, or as not stored."""
_WAY_OUT: dict[Trouble, str] = {
    "locked": "another process holds it; nothing is kept meanwhile",
    "full": "the run goes on, nothing more is kept; `tagllm cache clear` or TAGLLM_CACHE_DIR make room",
    "damaged": f"it was put aside as damaged-{DATABASE} and begun anew",
    "other": "the run goes on, nothing more is kept; TAGLLM_CACHE_DIR names another folder",
}


class StoreError(Exception):
    """The store cannot be opened."""


class Row(NamedTuple):
    """One value to be stored."""

    key: str
    value: Any
    """Anything that JSON can say."""
    tag: str | None = None
    """What rows can be found by, beside their key; not covered by the checksum."""


class JsonStore:
    """JSON values by key.

    Args:
        folder: Made when missing, for its owner only.
        size_limit: Bytes on disk; what was stored longest ago goes first. None: as it was.
        tagged: Whether rows are found by their tag.

    Raises:
        StoreError: it cannot be opened or made.
    """

    def __init__(self, folder: Path, *, size_limit: int | None = SIZE_LIMIT, tagged: bool = False) -> None:
        self.folder = folder
        self.corrupt = 0
        """Values, or the whole file, found damaged since this store was opened; each was treated as a miss."""
        self.locked = 0
        """Reads that another process's lock made a miss."""
        self.not_stored = 0
        """Values that could not be kept: disk full, database locked or damaged."""
        self._settings = {"tag_index": int(tagged)} | ({"size_limit": size_limit} if size_limit is not None else {})
        self._lock = threading.RLock()
        self._said: set[Trouble] = set()
        self._path = str(folder / DATABASE)
        try:
            self._open()
        except ERRORS as error:
            raise StoreError(
                f"{folder}: the store cannot be opened: {error}; make room, or set TAGLLM_CACHE_DIR to a folder "
                f"that can be written"
            ) from error

    @property
    def size_limit(self) -> int:
        """Bytes on disk."""
        return self._cache.size_limit  # pyright: ignore[reportAttributeAccessIssue]

    def get(self, key: str) -> Any:
        """The value under `key`; None where there is none, it is damaged, or the database stays locked."""
        _check_key(key)
        data = None
        for attempt in range(1, _READS + 1):
            try:
                data = self._opened().get(key)
                break
            except ERRORS as error:
                if trouble(error) != "locked":
                    self._count("corrupt")
                    break
                if attempt == _READS:
                    self._count("locked")
        if data is None:
            return None
        assert isinstance(data, bytes)
        check, body = data[:_CHECK], data[_CHECK:]
        try:
            if check == _checksum(key, body):
                return _unpacked(body)
        except (ValueError, RecursionError):
            pass
        self._count("corrupt")
        return None

    def set(self, key: str, value: Any, tag: str | None = None) -> bool:
        """Store a value. True: it outlives this process, however that ends."""
        return self.set_many([Row(key, value, tag)])

    def set_many(self, rows: Sequence[Row]) -> bool:
        """Store all of `rows` in one go; none where the database cannot be written."""
        packed = [(row.key, _packed(row), row.tag and row.tag.encode("utf-8", "replace").decode()) for row in rows]
        mended, said = False, ""
        wrong: Trouble = "locked"
        for _ in range(_WRITES):
            try:
                self._opened().set_all(packed)
                return True
            except ERRORS as error:
                wrong, said = trouble(error), str(error)
            if wrong == "locked":
                continue
            with contextlib.suppress(*ERRORS):
                self._cache.close()  # and whatever transaction it was in
            if wrong != "damaged" or mended:
                break
            mended = True
            self._count("corrupt")
            with contextlib.suppress(*ERRORS):
                self._begin_anew(said)
        self._count("not_stored", len(rows))
        self._say(wrong, said)
        return False

    def __len__(self) -> int:
        return sum(1 for _ in self._cache)

    def close(self) -> None:
        """Close this thread's connection."""
        self._cache.close()

    def _opened(self) -> Database:
        """The database; opened again where its file is no longer the one that was opened."""
        if inode(self._path) != self._inode:
            with self._lock:
                if inode(self._path) != self._inode:
                    self._open()
        return self._cache

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone(self.folder):
            try:
                self._connect()
            except ERRORS as error:
                if trouble(error) != "damaged":
                    raise
                self._count("corrupt")
                self._put_aside(str(error))
                self._connect()

    def _connect(self) -> None:
        self._cache = open_cache(self.folder, self._settings)
        self._inode = inode(self._path)

    def _begin_anew(self, why: str) -> None:
        """Put the damaged database aside, unless another process has done so."""
        with self._lock, alone(self.folder):
            if inode(self._path) == self._inode:
                self._put_aside(why)
            self._connect()

    def _put_aside(self, why: str) -> None:
        for file in self.folder.glob(f"{DATABASE}*"):
            file.replace(file.with_name(f"damaged-{file.name}"))
        self._say("damaged", why)

    def _count(self, what: Literal["corrupt", "locked", "not_stored"], count: int = 1) -> None:
        with self._lock:
            setattr(self, what, getattr(self, what) + count)

    def _say(self, wrong: Trouble, why: str) -> None:
        """Once for each kind of trouble."""
        with self._lock:
            if wrong in self._said:
                return
            self._said.add(wrong)
        logging.getLogger(__name__).warning("%s: %s; %s", self._path, why or "locked", _WAY_OUT[wrong])


def _check_key(key: object) -> None:
    if not isinstance(key, str):
        raise TypeError(f"keys are strings, got {type(key).__name__}")


def _packed(row: Row) -> bytes:
    _check_key(row.key)
    try:
        body = orjson.dumps(row.value)
    except TypeError:  # half a surrogate pair, a number of more than 64 bits, a key that is none
        body = json.dumps(row.value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return _checksum(row.key, body) + body


def _unpacked(body: bytes) -> Any:
    try:
        return from_json(body)  # not orjson: it makes numbers of more than 64 bits inexact
    except ValueError:  # half a surrogate pair
        return json.loads(body)


def _checksum(key: str, body: bytes) -> bytes:
    return hashlib.blake2b(key.encode() + b"\x00" + body, digest_size=_CHECK).digest()
