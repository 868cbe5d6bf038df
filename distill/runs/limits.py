"""How many notes may fail before a run is stopped."""

import re
from typing import NamedTuple, Self

_LEAST = 100
"""Notes that a share is taken of at least: the first failure of a run is not 100 %."""


class MaxFailures(NamedTuple):
    """A number of notes, or a share of those that were finished; of one session."""

    number: int | None = None
    share: float | None = None
    """0 to 1."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """`20` or `5%`.

        Raises:
            ValueError: it is neither.
        """
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
        if found is None or (found[2] and float(found[1]) > 100) or (not found[2] and "." in found[1]):
            raise ValueError(f"must be a number of notes or a share up to 100%, such as 20 or 5%, got {text!r}")
        return cls(share=float(found[1]) / 100) if found[2] else cls(number=int(found[1]))

    def is_exceeded(self, failed: int, finished: int) -> bool:
        """Whether to stop."""
        if self.number is not None:
            return failed > self.number
        return self.share is not None and failed > self.share * max(finished, _LEAST)

    def said(self, failed: int, finished: int) -> str:
        """What happened, and the limit."""
        limit = f"{self.number}" if self.number is not None else f"{100 * (self.share or 0):g} %"
        return f"{failed:,} of {finished:,} notes failed, --max-failures is {limit}"
