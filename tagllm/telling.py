"""Progress on standard error for work that tells what it does."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

Told = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is (0: not known)."""


def is_first() -> bool:
    """Whether this process is the one that speaks, of those that `accelerate launch` started."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def telling(messages: Console) -> Iterator[Told]:
    """A line for each thing that is done; nothing where `messages` is no terminal, or another process speaks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    quiet = not (messages.is_terminal and is_first())
    with Progress(*columns, console=messages, transient=True, disable=quiet) as progress:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=of or None)
            progress.update(tasks[what], completed=done, total=of or None)

        yield told
