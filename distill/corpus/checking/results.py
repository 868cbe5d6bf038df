"""What a check found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

MOST = 10
"""Problems that are told; all are counted."""


@dataclass(kw_only=True)
class Check:
    """What one reader makes of one part of a corpus."""

    part: str
    """File or files."""
    by: str
    """Whose rules, and whether they are its own code."""
    rows: int = 0
    refused: int = 0
    """Rows that would be dropped, or would stop the reader; things that do not fit."""
    problems: list[str] = field(default_factory=list)
    """The first of them, for people."""

    @property
    def holds(self) -> bool:
        """Whether every row is taken."""
        return not self.refused

    def refuse(self, where: object, why: object) -> None:
        """Count a problem."""
        self.refused += 1
        if len(self.problems) < MOST:
            self.problems.append(f"{where}: {why}")

    def expect_rows(self, rows: int) -> None:
        """The part must hold as many rows as the corpus says."""
        if self.rows != rows:
            self.refuse(self.part, f"{self.rows:,} rows, {rows:,} were written")


class Refused(Exception):
    """A row that a reader does not take; the message says why."""


def check_lines(check: Check, file: Path, rule: Callable[[Any], None]) -> None:
    """Put every line of a file to a rule that raises `Refused`."""
    for number, row in numbered(check, file):
        check.rows += 1
        try:
            rule(row)
        except Refused as problem:
            check.refuse(f"{file.name}:{number}", problem)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            check.refuse(f"{file.name}:{number}", f"it has another shape: {type(error).__name__}: {error}")


def numbered(check: Check, file: Path) -> Iterator[tuple[int, Any]]:
    """The JSON lines of a file; what is none, and a missing file, is refused."""
    if not file.is_file():
        check.refuse(check.part, "the file is missing")
        return
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield number, orjson.loads(line)
            except orjson.JSONDecodeError as error:
                check.rows += 1
                check.refuse(f"{file.name}:{number}", f"no JSON: {error}")
