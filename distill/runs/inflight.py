"""Which notes were under way when a process died, and which of them may have killed it.

Every note under way stands in a slot of a small file, which the next session reads. A note that was under way at two
deaths in a row, or at one that was watched (`tagllm run` watches the process that works: nobody killed both), is tagged
alone. One that was alone at two deaths, or at its second where one of them was watched, is set aside as a failure.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import NamedTuple

from distill.runs.writing import refused, write_whole

SLOTS = "inflight"
SUSPECTS = "suspects.json"
_SLOT = 1040
"""Bytes: an id has at most 256 characters of 4 bytes."""


class Suspect(NamedTuple):
    """A note that was under way at one death or more, in a row."""

    deaths: int
    alone: int
    """Those of them at which no other note was under way."""
    watched: bool
    """Whether somebody saw one of them, who lived on."""

    @property
    def is_isolated(self) -> bool:
        """Whether it is tagged alone now."""
        return self.watched or self.deaths >= 2

    @property
    def is_set_aside(self) -> bool:
        """Whether it is not tried again."""
        return self.alone >= 2 or (self.watched and self.alone >= 1 and self.deaths >= 2)


class InFlight:
    """The notes under way.

    Args:
        folder: Of the run.
        watched: Whether the last session's death was seen by a process that lived on.

    Raises:
        distill.runs.RunError: the file cannot be written.
    """

    def __init__(self, folder: Path, *, watched: bool = False) -> None:
        self._path = folder / SLOTS
        self._suspects_path = folder / SUSPECTS
        self.suspects = self._inherit(watched=watched)
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)

    def begin(self, id: str) -> None:
        """A note is under way."""
        slot = self._free.pop() if self._free else len(self._slots)
        self._slots[id] = slot
        self._write(slot, id.encode("utf-8", "replace"))

    def end(self, id: str) -> None:
        """What became of it stands in the run's files, or it was given up."""
        slot = self._slots.pop(id)
        self._free.append(slot)
        self._write(slot, b"")

    def forget(self, id: str) -> None:
        """A suspect was tried, and nothing died."""
        if self.suspects.pop(id, None) is not None:
            self._keep(self.suspects)

    def close(self) -> None:
        """The session ends as it should: nothing was under way."""
        os.close(self._file)
        self._path.unlink(missing_ok=True)
        if not self.suspects:
            self._suspects_path.unlink(missing_ok=True)

    def _inherit(self, *, watched: bool) -> dict[str, Suspect]:
        """Suspects after the last session, which may have died."""
        known: dict[str, Suspect] = {}
        with contextlib.suppress(OSError, ValueError, TypeError):
            known = {id: Suspect(*said) for id, said in json.loads(self._suspects_path.read_text("utf-8")).items()}
        ids = read_slots(self._path.parent)
        if not ids:
            return known
        found = {}
        for id in ids:
            before = known.get(id, Suspect(0, 0, False))
            found[id] = Suspect(before.deaths + 1, before.alone + (len(ids) == 1), before.watched or watched)
        self._keep(found)
        return found

    def _keep(self, suspects: dict[str, Suspect]) -> None:
        write_whole(self._suspects_path, json.dumps(suspects, ensure_ascii=False), sync=False)

    def _write(self, slot: int, data: bytes) -> None:
        try:
            os.pwrite(self._file, data.ljust(_SLOT, b"\0"), slot * _SLOT)
        except OSError as error:
            raise refused(self._path, error) from None


def read_slots(folder: Path) -> list[str]:
    """Ids of the notes that are under way in a run's folder, or were when the process died."""
    try:
        data = (folder / SLOTS).read_bytes()
    except OSError:
        return []
    slots = (data[start : start + _SLOT].rstrip(b"\0") for start in range(0, len(data), _SLOT))
    return [slot.decode("utf-8", "replace") for slot in slots if slot]
