"""Writing records as JSON lines."""

from pathlib import Path
from typing import IO

from notes.records import Record


class JsonlWriter:
    """Appends records to a file that is made with the first of them.

    Args:
        path: Replaced when it exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[str] | None = None
        path.unlink(missing_ok=True)

    def write(self, record: Record) -> None:
        """Write one line; it is handed to the system at once."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", newline="\n")
        self._file.write(record.model_dump_json() + "\n")
        self._file.flush()
        self.count += 1

    def close(self) -> None:
        """Close the file, if one was made."""
        if self._file is not None:
            self._file.close()
