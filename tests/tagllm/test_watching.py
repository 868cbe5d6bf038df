"""How the process that works ends; that it dies and another goes on is in tests/distill/test_crash.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tagllm.watching import WATCHER, leave

ROOT = Path(__file__).parents[2]
BUSY = """
import threading
from tagllm.watching import leave
threading.Thread(target=threading.Event().wait).start()
print("all is written", end="")
leave(130)
"""


def test_worker_ends_at_once_whatever_its_threads_do() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUSY], cwd=ROOT, env=os.environ | {WATCHER: "1"}, capture_output=True, timeout=300
    )
    assert (done.returncode, done.stdout) == (130, b"all is written")


def test_program_that_nobody_watches_ends_as_programs_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WATCHER, raising=False)
    with pytest.raises(SystemExit, match="1"):
        leave(1)
