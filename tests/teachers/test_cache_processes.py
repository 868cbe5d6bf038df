"""Several processes and one cache: what was stored outlives a kill, what is damaged is begun anew by all together."""

import asyncio
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from teachers.cache import Answer, RequestCache, RequestKey, request_key

ROOT = Path(__file__).parents[2]
ENTRIES, PROCESSES, SHARED = 10_000, 8, 200

_WORK = f"""
import asyncio, os, signal, sys, threading, time
from pathlib import Path
from typing import Any
from teachers.cache import RequestCache
from tests.teachers.test_cache_processes import answer, key

folder, journal = Path(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT)
die_after, numbers = int(sys.argv[3]), range(*map(int, sys.argv[4:]))
count = 0

def die():
    while count < die_after:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)

cache = RequestCache(folder)
print("ready", flush=True)
sys.stdin.readline()
if die_after:
    threading.Thread(target=die, daemon=True).start()

def done(number, stored):
    global count
    assert stored
    os.write(journal, b"%d\\n" % number)
    count += 1

async def several(numbers):
    async def one(number):
        async def ask():
            return answer(number)
        fetched = await cache.fetch(key(number), ask)
        assert fetched.answer.text == answer(number).text
        done(number, cache.get(key(number)) is not None)
    await asyncio.gather(*map(one, numbers))

for start in range(0, len(numbers), 40):
    some = numbers[start : start + 40]
    for number in some[:10]:
        done(number, cache.set(key(number), answer(number)))
    asyncio.run(several(some[10:]))
    shared = start % {SHARED}
    assert cache.set(key(-shared), answer(-shared))
    assert cache.get(key(-shared)).text == answer(-shared).text
print(cache.counts.corrupt, cache.counts.not_stored)
cache.close()
"""


def key(number: int) -> RequestKey:
    """A request that is no other one's."""
    return request_key(
        {"model": "m", "messages": [{"role": "user", "content": f"Note {number}. " * 40}]}, label="n/draft"
    )


def answer(number: int) -> Answer:
    """The one right answer to it."""
    return Answer(text=f"{number} " * 100, finish_reason="stop")


def _start(folder: Path, journal: Path, numbers: range, *, die_after: int = 0) -> "subprocess.Popen[str]":
    """A process that stores `numbers`; it kills itself, whatever it is doing then, after so many of them."""
    limits = map(str, (die_after, numbers.start, numbers.stop, numbers.step))
    command = [sys.executable, "-c", _WORK, str(folder), str(journal), *limits]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _finish(worker: "subprocess.Popen[str]") -> str:
    said, _ = worker.communicate(timeout=120)
    assert worker.returncode == 0
    return said.strip().splitlines()[-1]


def _begin(workers: "list[subprocess.Popen[str]]") -> None:
    """Let all begin at once."""
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()


def test_what_eight_processes_stored_outlives_kill_9(tmp_path: Path) -> None:
    folder, journals = tmp_path / "requests", [tmp_path / f"journal-{number}" for number in range(PROCESSES)]
    shares = [range(number, ENTRIES, PROCESSES) for number in range(PROCESSES)]
    deaths = [150, 350, 600, 900, 0, 0, 0, 0]
    workers = [_start(folder, *each[:2], die_after=each[2]) for each in zip(journals, shares, deaths, strict=True)]
    _begin(workers)
    for worker in workers[:4]:
        worker.communicate(timeout=120)
        assert worker.returncode == -signal.SIGKILL
    assert [_finish(worker) for worker in workers[4:]] == ["0 0"] * 4

    finished = [[int(line) for line in journal.read_text().split()] for journal in journals]
    assert [len(numbers) for numbers in finished[4:]] == [len(share) for share in shares[4:]]
    assert all(150 <= len(numbers) < len(shares[0]) for numbers in finished[:4]), "killed in the middle"
    cache = RequestCache(folder)
    for number in (number for numbers in finished for number in numbers):
        found = cache.get(key(number))
        assert found is not None
        assert found.text == answer(number).text
    assert (cache.counts.misses, cache.counts.corrupt) == (0, 0)

    async def ask() -> Answer:
        nonlocal asked
        asked += 1
        return answer(0)

    async def rest() -> None:
        for number in (number for share in shares[:4] for number in share):
            await cache.fetch(key(number), ask)

    asked = 0
    asyncio.run(rest())
    lost = sum(len(share) - len(numbers) for share, numbers in zip(shares[:4], finished[:4], strict=True))
    assert lost - 4 * 40 <= asked <= lost, "what was under way at the kill may have been stored"
    assert cache.counts.corrupt == 0
    cache.close()
    connection = sqlite3.connect(folder / "cache.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_processes_that_meet_a_damaged_database_begin_one_anew_together(tmp_path: Path) -> None:
    folder = tmp_path / "requests"
    folder.mkdir()
    (folder / "cache.db").write_bytes(b"This is no database.\n" * 500)
    journals = [tmp_path / f"journal-{number}" for number in range(3)]
    shares = [range(number, 600, 3) for number in range(3)]
    workers = [_start(folder, journal, share) for journal, share in zip(journals, shares, strict=True)]
    _begin(workers)
    said = [_finish(worker) for worker in workers]
    assert sorted(said) == ["0 0", "0 0", "1 0"], "one of them put it aside"
    cache = RequestCache(folder)
    assert all(cache.get(key(number)) for number in range(600))
    cache.close()
    assert (folder / "damaged-cache.db").read_bytes().startswith(b"This is no")


def test_a_database_replaced_under_running_processes_is_begun_anew(tmp_path: Path) -> None:
    folder = tmp_path / "requests"
    workers = [_start(folder, tmp_path / f"journal-{number}", range(number, 400, 2)) for number in range(2)]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    (tmp_path / "garbage").write_bytes(os.urandom(100_000))
    (tmp_path / "garbage").replace(folder / "cache.db")
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    said = [_finish(worker) for worker in workers]
    assert sorted(said) == ["0 0", "1 0"]
    cache = RequestCache(folder)
    assert all(cache.get(key(number)) for number in range(400))
    cache.close()


class _Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
def test_a_planted_pickle_does_not_run(mode: int, tmp_path: Path) -> None:
    cache = RequestCache(tmp_path / "requests")
    cache.set(key(1), answer(1))
    trap = pickle.dumps(_Trap(tmp_path / "sprung"))
    connection = sqlite3.connect(cache.folder / "cache.db")
    with connection:
        connection.execute("UPDATE Cache SET mode = ?, value = ?, filename = NULL", (mode, trap))
    connection.close()
    assert cache.get(key(1)) is None
    assert cache.counts.corrupt == 1
    assert not (tmp_path / "sprung").exists()
    assert cache.set(key(1), answer(1))
    assert cache.get(key(1)) is not None
    cache.close()
