"""Appending lines: each is handed to the system at once, and to the disk in groups.

What was written survives the process, however it ends; what was synchronised survives the machine.
"""

import asyncio
import contextlib
import os
import threading
from pathlib import Path

from distill.runs.description import RunError
from distill.runs.lines import sealed
from notes.records import Record

GROUP, EVERY = 200, 2.0
"""Lines, and seconds, after which what was written is synchronised with the disk."""
PART_BYTES = 256 << 20
"""Size from which a part is followed by the next."""


class LineFile:
    """A file that only grows, by whole lines.

    Args:
        path: Made when missing; its last line must be whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.size = os.fstat(self._file).st_size
        self.unsynced = 0
        """Lines since the disk last had all of them."""
        self._syncing = threading.Lock()  # a part may end while a thread waits for the disk
        if is_new:
            sync_folder(path.parent)

    def write(self, line: bytes) -> None:
        """Append a line; a part of it never stays.

        Raises:
            RunError: the system takes no more, as when the disk is full.
        """
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise refused(self.path, error) from None
        self.size += len(line)
        self.unsynced += 1

    def sync(self) -> None:
        """Wait until the disk has every line.

        Raises:
            RunError: it cannot take them.
        """
        with self._syncing:
            if not self.unsynced:
                return
            self.unsynced = 0
            try:
                os.fsync(self._file)
            except OSError as error:
                raise refused(self.path, error) from None

    def close(self) -> None:
        """Synchronise and close."""
        try:
            self.sync()
        finally:
            os.close(self._file)
            self._file = -1


class Parts:
    """Traces in numbered files, each up to a size; several writers may have parts of their own.

    Args:
        folder: Made when missing; writing goes on in its last part.
        part_bytes: Size from which a part is followed by the next.
    """

    def __init__(self, folder: Path, *, part_bytes: int = PART_BYTES) -> None:
        self._folder = folder
        self._part_bytes = part_bytes
        found = sorted(part for part in folder.glob("part-*.jsonl") if part.stem.removeprefix("part-").isdigit())
        self._next = 1 + max((int(part.stem.removeprefix("part-")) for part in found), default=-1)
        self._last = found[-1] if found and found[-1].stat().st_size < part_bytes else None
        self._open: dict[int, LineFile] = {}

    @property
    def files(self) -> list[LineFile]:
        """Those that are written to."""
        return list(self._open.values())

    def write(self, line: bytes, shard: int = 0) -> None:
        """Append a line to the part of a shard.

        Raises:
            RunError: as `LineFile.write`.
        """
        file = self._open.get(shard)
        if file is not None and file.size >= self._part_bytes:
            self._open.pop(shard).close()
            file = None
        if file is None:
            file = self._open[shard] = LineFile(self._another())
        file.write(line)

    def close(self) -> None:
        """Close all."""
        for file in self.files:
            file.close()

    def _another(self) -> Path:
        if self._last is not None:
            path, self._last = self._last, None
            return path
        self._next += 1
        return self._folder / f"part-{self._next - 1:05}.jsonl"


class Journal:
    """All files of a run that grow.

    Args:
        traces: Folder of the traces.
        failures: File of the failures.
        rejects: File of the rejects.
    """

    def __init__(self, traces: Path, failures: Path, rejects: Path) -> None:
        self._traces = Parts(traces)
        self._paths = {"failures": failures, "rejects": rejects}
        self._others: dict[str, LineFile] = {}
        self._full = asyncio.Event()

    def trace(self, record: Record, shard: int = 0) -> None:
        """Append a trace."""
        self._traces.write(sealed(record), shard)
        self._count()

    def failure(self, record: Record) -> None:
        """Append a failure."""
        self._append("failures", record)

    def reject(self, record: Record) -> None:
        """Append a reject."""
        self._append("rejects", record)

    async def keep_synced(self) -> None:
        """Synchronise in groups, in a thread, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):  # not `wait_for`: before Python 3.12 it may swallow a cancellation
                    await self._full.wait()
            self._full.clear()
            for file in self._files():
                await asyncio.to_thread(file.sync)

    def close(self) -> None:
        """Synchronise and close."""
        for file in self._files():
            file.close()

    def _append(self, name: str, record: Record) -> None:
        file = self._others.get(name)
        if file is None:
            file = self._others[name] = LineFile(self._paths[name])
        file.write(sealed(record))
        self._count()

    def _count(self) -> None:
        if sum(file.unsynced for file in self._files()) >= GROUP:
            self._full.set()

    def _files(self) -> list[LineFile]:
        return [*self._traces.files, *self._others.values()]


def write_whole(path: Path, text: str, *, sync: bool = True) -> None:
    """Write a file that is there whole or as it was.

    Args:
        path: Of the file.
        text: All of it.
        sync: Wait for the disk.

    Raises:
        RunError: the system takes no more.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise refused(path, error) from None
    if sync:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive the machine, where the system can."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def refused(path: Path, error: OSError) -> RunError:
    """What to say when the system does not take what is written."""
    return RunError(
        f"{path}: {error.strerror or error}; all that was finished is kept: make room, then run the same command again"
    )
