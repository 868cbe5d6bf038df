"""What was freed before a matcher is learned goes back to the system."""

import subprocess
import sys

import pytest

PROGRAM = """
import os
from pathlib import Path
from handbook.matching.room import give_back_freed

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

blocks = [bytearray(b"1" * 100_000) for _ in range(800)]
del blocks[::2]
kept = resident()
give_back_freed()
assert all(block[-1] == ord("1") for block in blocks)
print(kept - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_block_between_others_goes_back() -> None:
    # In a process of its own: what others allocate meanwhile must not count.
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(ended.stdout) >= 0.8 * 400 * 100_000
