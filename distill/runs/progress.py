"""How far a run is: `progress.json`, renewed every few seconds while it is at work, for `tagllm runs status`."""

import time
from pathlib import Path

from pydantic import Field, ValidationError

from distill.runs.summary import RunSummary
from distill.runs.writing import write_whole
from notes.records import Record

PROGRESS = "progress.json"


class RunProgress(Record):
    """How far a run is."""

    summary: RunSummary = Field(default_factory=RunSummary)
    """As it stood then."""
    in_flight: int = 0
    """Notes under way."""
    finished: int = 0
    """Notes tagged or failed in this session."""
    session_seconds: float = 0.0
    """Since this session began to ask."""
    at: float = 0.0
    """When this was written, seconds since 1970."""

    @property
    def notes_per_second(self) -> float:
        """Of this session."""
        return self.finished / self.session_seconds if self.session_seconds else 0.0


def write_progress(folder: Path, progress: RunProgress) -> None:
    """Renew the file.

    Raises:
        distill.runs.RunError: the system takes no more.
    """
    progress = progress.model_copy(update={"at": time.time()})
    write_whole(folder / PROGRESS, progress.model_dump_json() + "\n", sync=False)


def read_progress(folder: Path) -> RunProgress | None:
    """What the run last said; None: nothing that can be read."""
    try:
        return RunProgress.model_validate_json((folder / PROGRESS).read_bytes())
    except (OSError, ValidationError):
        return None
