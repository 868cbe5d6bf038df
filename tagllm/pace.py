"""How a run gets on, on standard error: a live line on a terminal, a plain line every 30 seconds elsewhere."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from distill.runs import NotesSource
from distill.runs.session import Session

_PLAIN, _LIVE = 30.0, 0.5
"""Seconds between two plain lines, between two renewals of the live one."""
_RECENT = 30.0
"""Seconds that speeds are averages of."""


class Pace:
    """Says how far a session is.

    Args:
        session: That runs.
        total: Rows of the input; None: not known.
        load: What the servers say of their load; empty where there is none.
    """

    def __init__(self, session: Session, *, total: int | None = None, load: Callable[[], str] = str) -> None:
        self.total = total
        self._session = session
        self._load = load
        self._recent: deque[tuple[float, int, int]] = deque()
        self._tokens = self._all_tokens()

    def line(self) -> str:
        """As it stands."""
        session, tally = self._session, self._session.tally
        now = time.monotonic()
        self._recent.append((now, session.finished, self._all_tokens()))
        while len(self._recent) > 2 and now - self._recent[1][0] > _RECENT:
            self._recent.popleft()
        began, finished, tokens = self._recent[0]
        seconds = max(now - began, 1e-3)
        speed = (session.finished - finished) / seconds
        done = len(tally.tagged) + len(tally.failed) + len(tally.rejected) + len(tally.duplicate)
        parts = [f"{done:,} of {self.total:,} rows" if self.total is not None else f"{done:,} rows"]
        parts.append(f"{speed:,.1f} notes/s")
        if self._all_tokens():
            parts.append(f"{(self._all_tokens() - tokens) / seconds:,.0f} tokens/s")
        parts.append(f"{tally.cache_hits:,} answers known")
        parts.append(f"{len(tally.failed):,} failed")
        parts.append(f"{session.in_flight:,} in flight")
        load = self._load()
        if load:
            parts.append(load)
        if self.total is not None and speed > 0:
            parts.append(f"{_said(max(0, self.total - done) / speed)} left")
        return ", ".join(parts)

    async def show(self, console: Console) -> None:
        """Until cancelled."""
        if not console.is_terminal:
            while True:
                await asyncio.sleep(_PLAIN)
                console.print(self.line(), markup=False, soft_wrap=True)
        with Live(Text(""), console=console, transient=True, auto_refresh=False) as live:
            while True:
                live.update(Text(self.line()), refresh=True)
                await asyncio.sleep(_LIVE)

    def _all_tokens(self) -> int:
        return self._session.tally.prompt_tokens + self._session.tally.completion_tokens


def count_rows(source: NotesSource) -> int | None:
    """Rows a run will read, where that can be said without reading them as notes; rejects count too."""
    if source.ids:
        return len(source.ids)
    if source.split is not None or source.path is None:
        return source.limit
    path = Path(source.path)
    rows: int | None = None
    if path.is_file() and path.suffix.lower() == ".jsonl":
        with path.open("rb") as file:
            rows = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    elif path.is_file() and path.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        rows = pq.ParquetFile(path).metadata.num_rows
    if source.limit is None:
        return rows
    return source.limit if rows is None else min(rows, source.limit)


@contextmanager
def shown(pace: Pace, console: Console) -> Iterator[None]:
    """Shows the pace while the block runs, in the running event loop."""
    task = asyncio.get_running_loop().create_task(pace.show(console))
    try:
        yield
    finally:
        task.cancel()


def _said(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
