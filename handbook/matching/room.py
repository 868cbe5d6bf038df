"""Keeps a process small when much was made and thrown away."""

import ctypes
import sys
from typing import Any


def give_back_freed() -> None:
    """What was freed goes back to the system, also where it lies between blocks in use.

    Learning a handbook begins after its texts were encoded, beside what that left behind. Does nothing where the C
    library is not glibc, which alone keeps it.
    """
    libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
