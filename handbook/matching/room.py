"""Keeps a process small when much was made and thrown away."""

import ctypes
import sys
from typing import Any


def give_back_freed() -> None:
    """What was freed goes back to the system, also where it lies between blocks in use.

    For a step that takes much room after another that took and freed as much. Does nothing where the C library has no
    `malloc_trim`, which is glibc's.
    """
    libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
