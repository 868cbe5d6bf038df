"""A store on disk for what was expensive to find: JSON under a key, shared by threads and processes.

It stands on diskcache, without its pickles (CVE-2025-69872): a row that would be unpickled, or that names a file, is
refused, so that nothing written into the store's file can run code or lead outside its folder. Every value carries a
checksum; one that does not hold is a miss, and is counted.
"""

import hashlib
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import MODE_BINARY, MODE_RAW

_CHECK = 16
"""Bytes of the checksum before the value."""


class _JsonDisk(diskcache.Disk):
    """Keys are text, values are bytes in the database itself; anything else is not read."""

    def put(self, key: Any) -> Any:
        if not isinstance(key, str):
            raise TypeError(f"keys are strings, got {type(key).__name__}")
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


class JsonStore:
    """JSON values by key.

    Args:
        folder: Made when missing.
        size_limit: Bytes on disk; what was stored longest ago goes first.
    """

    def __init__(self, folder: Path, *, size_limit: int = 4 << 30) -> None:
        self.folder = folder
        self.corrupt = 0
        """Values found damaged since this store was opened; each was treated as a miss."""
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._cache = self._open(size_limit)
        except sqlite3.DatabaseError:
            # Not a database any more: put it aside, begin anew.
            self._count_corrupt()
            for file in folder.glob("cache.db*"):
                file.replace(file.with_name(f"damaged-{file.name}"))
            self._cache = self._open(size_limit)

    def _open(self, size_limit: int) -> diskcache.Cache:
        return diskcache.Cache(str(self.folder), disk=_JsonDisk, size_limit=size_limit)

    def get(self, key: str) -> Any:
        """The value under `key`; None where there is none or it is damaged."""
        try:
            data = self._cache.get(key)
        except sqlite3.DatabaseError:
            self._count_corrupt()
            return None
        if data is None:
            return None
        assert isinstance(data, bytes)
        check, body = data[:_CHECK], data[_CHECK:]
        if check != _checksum(key, body):
            self._count_corrupt()
            return None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            self._count_corrupt()
            return None

    def set(self, key: str, value: Any) -> None:
        """Store a value; it is on disk when this returns."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        try:
            self._cache.set(key, _checksum(key, body) + body)
        except sqlite3.DatabaseError:
            self._count_corrupt()

    def __len__(self) -> int:
        return sum(1 for _ in self._cache)

    def close(self) -> None:
        """Close this thread's connection."""
        self._cache.close()

    def _count_corrupt(self) -> None:
        with self._lock:
            self.corrupt += 1


def _checksum(key: str, body: bytes) -> bytes:
    return hashlib.blake2b(key.encode() + b"\x00" + body, digest_size=_CHECK).digest()
