"""Keeps a process small while much is made and thrown away."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's `mallopt`."""
_LARGE = 1 << 20
"""Bytes of a block from which it has a mapping of its own, which goes back as soon as it is free; and of what is free
at the end of a heap from which that goes back."""
_USUAL = 32 << 20
"""Up to which glibc raises the first by itself (the second to twice that): freed blocks stay between those in use."""


@contextmanager
def blocks_given_back() -> Iterator[None]:
    """What was freed before goes back to the system, and every larger block that is freed inside.

    Learning a handbook of 4,427 notes stays smaller by a quarter. Does nothing where the C library is not glibc.
    """
    libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(libc, "mallopt"):
        yield
        return
    libc.malloc_trim(0)
    libc.mallopt(_MMAP_THRESHOLD, _LARGE)
    libc.mallopt(_TRIM_THRESHOLD, _LARGE)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_THRESHOLD, _USUAL)
        libc.mallopt(_TRIM_THRESHOLD, 2 * _USUAL)
        libc.malloc_trim(0)
