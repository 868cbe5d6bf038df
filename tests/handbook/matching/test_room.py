"""What is freed while a matcher is learned goes back to the system."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from handbook.matching.room import blocks_given_back

BLOCK = 4 << 20


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_block_between_others_goes_back_as_soon_as_it_is_free() -> None:
    with blocks_given_back():
        blocks = [np.ones(BLOCK, dtype=np.uint8) for _ in range(40)]
        full = resident()
        del blocks[::2]
        assert full - resident() >= 20 * BLOCK * 0.9
    assert sum(int(block[0]) for block in blocks) == 20


def test_an_error_passes_through() -> None:
    with pytest.raises(KeyError), blocks_given_back():
        raise KeyError("x")
