"""Runs that are killed, again and again; `TAGLLM_CRASHES=25 TAGLLM_CRASH_NOTES=2000` for the full size."""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from distill.runs import read_failures, read_summary, read_traces, verify
from distill.runs.inflight import read_slots
from distill.runs.lines import lines, note_id
from distill.runs.reading import parts
from tests.distill.model_server import ModelServer, model_server
from tests.distill.scripted import notes

ROOT = Path(__file__).parents[2]
CRASHES = int(os.environ.get("TAGLLM_CRASHES", "3"))
NOTES = int(os.environ.get("TAGLLM_CRASH_NOTES", "160"))


def written(folder: Path, count: int) -> Path:
    file = folder / "notes.jsonl"
    rows = (note.model_dump_json(exclude_defaults=True) for note in notes(count))
    file.write_text("".join(f"{row}\n" for row in rows), "utf-8")
    return file


def killed(command: Sequence[str], moment: Callable[[], bool]) -> bool:
    """Start a run and kill it at a moment. Returns whether it had ended before."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if moment():
            process.kill()
            process.wait()
            return False
        time.sleep(0.001)
    assert process.returncode == 0
    return True


def note_of(words: str) -> str:
    """Id of the note that a request is about."""
    return "note-" + re.findall(r"number (\d+)", words)[-1]


def is_accounted(out: Path, count: int) -> None:
    """Every id exactly once, the identity holds, and every line is sound."""
    ids = [trace.note_id for trace in read_traces(out)]
    assert len(ids) == len(set(ids)) == count
    assert not list(read_failures(out))
    summary = read_summary(out)
    assert summary is not None
    assert (summary.read, summary.tagged, summary.accounted) == (count, count, True)
    assert verify(out).holds


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with model_server(seconds=0.02) as found:
        yield found


@pytest.mark.parametrize("graph", ["fused", "steps"])
@pytest.mark.timeout(3600)
def test_run_killed_at_random_moments_tags_every_note_once_and_repeats_no_answer(
    graph: str, server: ModelServer, tmp_path: Path
) -> None:
    """A request that had been answered is never sent again, but for the one each note waited for when it was killed."""
    chosen = random.Random(len(graph))
    crashes = CRASHES if graph == "fused" else max(1, CRASHES // 2)
    count = NOTES if graph == "fused" else NOTES // 4
    per_note = 1 if graph == "fused" else 3
    file, out = written(tmp_path, count), tmp_path / "run"
    command = [sys.executable, "-m", "tests.distill.worker", server.base_url, str(tmp_path / "cache"), str(file)]
    command += [str(out), graph]
    server.answered.clear()
    allowed: Counter[str] = Counter()
    for _ in range(crashes):
        goal = len(server.answered) + chosen.randrange(2 * count * per_note // (crashes + 1))
        if killed(command, lambda goal=goal: len(server.answered) >= goal):
            break
        done = {note_id(line.body) for part in parts(out) for line in lines(part, lambda _: None)}
        allowed.update(id for id in read_slots(out) if id not in done)
    assert subprocess.run(command, cwd=ROOT).returncode == 0
    is_accounted(out, count)
    repeated = {words: times - 1 for words, times in Counter(server.answered).items() if times > 1}
    again: Counter[str] = Counter()
    for words, times in repeated.items():
        again[note_of(words)] += times
    said = f"{len(server.answered)} answers, {again.total()} of them again"
    print(f"{graph}: {said}; {crashes} kills, {allowed.total()} notes under way at them")
    assert all(times <= allowed[id] for id, times in again.items())


@pytest.mark.timeout(3600)
def test_command_killed_with_the_embedded_teacher_goes_on(tmp_path: Path) -> None:
    chosen = random.Random(7)
    crashes, count = (CRASHES, NOTES) if "TAGLLM_CRASHES" in os.environ else (1, 20)
    file, out = written(tmp_path, count), tmp_path / "run"
    command = [sys.executable, "-m", "tagllm", "run", str(file), "--out", str(out)]

    def size() -> int:
        return sum(part.stat().st_size for part in parts(out))

    whole = 3000 * count
    for _ in range(crashes):
        goal = size() + chosen.randrange(whole // (crashes + 1))
        if killed(command, lambda goal=goal: size() > goal):
            break
    done = subprocess.run([*command, "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    assert json.loads(done.stdout)["tagged"] == count
    is_accounted(out, count)


KILLER = """
import os
if "TAGLLM_RUN_WATCHER" in os.environ:
    import asyncio
    import signal
    from dataclasses import replace

    import tagllm.setup

    made = tagllm.setup.embedded_program

    def deadly(*parts):
        program = made(*parts)

        async def draft(question):
            if question.note.id == "note-5":
                os.kill(os.getpid(), signal.SIGSEGV)
            await asyncio.sleep(0.01)
            return await program.draft(question)

        return replace(program, draft=draft)

    tagllm.setup.embedded_program = deadly
"""


def test_note_that_kills_its_worker_is_set_aside_after_two_tries(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(KILLER)
    file, out = written(tmp_path, 12), tmp_path / "run"
    command = [sys.executable, "-m", "tagllm", "run", str(file), "--out", str(out)]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr[-3000:]
    assert done.stderr.count("the worker died (SIGSEGV)") == 2
    [failure] = read_failures(out)
    assert (failure.note_id, failure.step, failure.reason) == ("note-5", None, "worker_died")
    assert failure.message == "the process died 2 times while it tagged this note"
    assert len({trace.note_id for trace in read_traces(out)}) == 11
    assert verify(out).holds
