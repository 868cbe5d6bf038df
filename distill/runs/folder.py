"""A run's folder as its one writer has it: made or taken over, mended, and read for what is done."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from distill.runs.description import RunDescription, RunError, RunRefused, differences
from distill.runs.lines import Damage, Line, lines
from distill.runs.locking import Lock
from distill.runs.progress import read_progress
from distill.runs.reading import DESCRIPTION, FAILURES, REJECTS, SUMMARY, TRACES, parts, read_description
from distill.runs.tally import Tally
from distill.runs.writing import Journal, refused, sync_folder, write_whole
from notes.records import Reject

LOCK = "lock"
DAMAGED = "damaged"


class RunFolder:
    """The folder of a run, held by this process until it is closed.

    Args:
        path: Of the folder.
        lock: On it.
        description: What `run.json` says.
    """

    def __init__(self, path: Path, lock: Lock, description: RunDescription) -> None:
        self.path = path
        self.description = description
        self.tally = Tally()
        """What is done."""
        self.mended: list[str] = []
        """Lines that were damaged, in words; their notes are done again."""
        self._lock = lock

    def read(self) -> None:
        """Find what is done. A torn line is cut off, a changed one moved to `damaged/`; both are done again.

        Raises:
            RunError: a file cannot be mended.
        """
        for part in parts(self.path):
            for line in self._sound(part):
                self.tally.trace_line(_value(part, line))
        file = self.path / FAILURES
        for line in self._sound(file):
            self.tally.failure_line(_value(file, line))
        for line in self._sound(self.path / REJECTS):
            self.tally.reject(Reject.model_validate_json(line.record))
        before = read_progress(self.path)
        if before is not None:
            self.tally.seconds = before.summary.seconds

    def journal(self) -> Journal:
        """The files that grow."""
        (self.path / SUMMARY).unlink(missing_ok=True)  # it is written last
        return Journal(self.path / TRACES, self.path / FAILURES, self.path / REJECTS)

    def finish(self) -> None:
        """Write the summary, the last file.

        Raises:
            RunError: the system takes no more.
        """
        write_whole(self.path / SUMMARY, self.tally.summary().model_dump_json(indent=1) + "\n")

    def close(self) -> None:
        """Let others write."""
        self._lock.release()

    def _sound(self, file: Path) -> Iterator[Line]:
        damages: list[Damage] = []
        yield from lines(file, damages.append)
        if damages:
            _mend(file, damages)
            self.mended.extend(map(str, damages))


def open_run(path: Path | str, description: RunDescription, *, fresh: bool = False, watcher: int = 0) -> RunFolder:
    """Make a run's folder, or take over one that holds a run of the same configuration.

    Args:
        path: Of the folder.
        description: Of the run that is wanted.
        fresh: Begin anew; a run that is there is kept beside it, as `NAME.1`, `NAME.2` …
        watcher: The process without which this one ends; 0: none.

    Raises:
        RunRefused: the folder holds another run or something else, or another process writes to it.
    """
    path = Path(path)
    if path.is_dir() and any(path.iterdir()) and not _is_run(path):
        raise RunRefused(f"{path} holds other files and no run; give --out an empty or a new folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = Lock(path / LOCK, watcher=watcher)
    except OSError as error:
        raise RunRefused(f"{path}: {error.strerror or error}; give --out a folder that can be written") from None
    try:
        if fresh and (path / DESCRIPTION).exists():
            _put_beside(path)
            lock.release()
            path.mkdir(exist_ok=True)
            lock = Lock(path / LOCK, watcher=watcher)
        if (path / DESCRIPTION).exists():
            description = _same(path, description)
        else:
            write_whole(path / DESCRIPTION, description.model_dump_json(indent=1) + "\n")
            sync_folder(path.parent)
        return RunFolder(path, lock, description)
    except BaseException:
        lock.release()
        raise


def take_over(path: Path | str, *, watcher: int = 0) -> RunFolder:
    """The folder of a run as it is, to be written to.

    Raises:
        RunRefused: another process writes to it.
        RunError: it holds no run.
    """
    description = read_description(path)
    return open_run(path, description, watcher=watcher)


def _is_run(path: Path) -> bool:
    """Whether it holds a run, or what is left of one that died before its first file was whole."""
    return (path / DESCRIPTION).exists() or all(
        file.name == LOCK or file.name.startswith(f".{DESCRIPTION}.") for file in path.iterdir()
    )


def _same(path: Path, description: RunDescription) -> RunDescription:
    """The description of the run that is there.

    Raises:
        RunError: it is of another configuration.
    """
    there = read_description(path)
    if there.fingerprint == description.fingerprint:
        return there
    differing = differences(there.configuration, description.configuration)
    raise RunRefused(
        f"{path} holds a run of another configuration: {'; '.join(differing) or 'unknown differences'}; "
        "give another --out, or --fresh to begin anew and keep that run beside it"
    )


def _put_beside(path: Path) -> None:
    number = 1
    while path.with_name(f"{path.name}.{number}").exists():
        number += 1
    path.rename(path.with_name(f"{path.name}.{number}"))


def _value(file: Path, line: Line) -> Any:
    try:
        return orjson.loads(line.record)
    except orjson.JSONDecodeError as error:
        raise RunError(f"{file}:{line.number}: its checksum fits, but it is no JSON ({error})") from None


def _mend(file: Path, damages: list[Damage]) -> None:
    """Take damaged lines out of a file; changed ones are kept in `damaged/`."""
    try:
        changed = [damage for damage in damages if damage.kind == "checksum"]
        if not changed:
            os.truncate(file, file.stat().st_size - len(damages[-1].data))
            return
        _keep(file, changed)
        beside = file.with_name(f".{file.name}")
        with beside.open("wb") as mended:
            for line in _raw(file, {damage.line for damage in damages}.__contains__):
                mended.write(line)
            mended.flush()
            os.fsync(mended.fileno())
        beside.replace(file)
        sync_folder(file.parent)
    except OSError as error:
        raise refused(file, error) from None


def _keep(file: Path, damages: list[Damage]) -> None:
    root = file.parent.parent if file.parent.name == TRACES else file.parent
    folder = root / DAMAGED
    folder.mkdir(exist_ok=True)
    with (folder / file.name).open("ab") as kept:
        for damage in damages:
            kept.write(damage.data + b"\n")


def _raw(file: Path, is_left_out: Callable[[int], bool]) -> Iterator[bytes]:
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            if not is_left_out(number):
                yield line
