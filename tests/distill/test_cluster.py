"""Runs on Ray's workers, two of them on this machine."""

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distill.runs import RunError, read_failures, read_summary, read_traces, run
from distill.runs.cluster import RayTagger
from distill.runs.describing import describe
from distill.runs.folder import open_run
from distill.runs.reading import parts
from distill.runs.session import Session
from graphs.tagging import TaggingContext
from notes.records import Trace
from tests.distill.scripted import context, notes

ray: Any = pytest.importorskip("ray")


class Teacher:
    """Made in each worker. The note `deadly` kills its worker; `once` does where there is no file `killed` yet."""

    def __init__(self, deadly: str = "", once: str = "", killed: Path = Path(), *, is_broken: bool = False) -> None:
        if is_broken:
            raise ValueError("no such handbook")
        who = context()

        async def fused(question: Any) -> Any:
            if question.note.id == deadly or (question.note.id == once and is_first(killed)):
                os.kill(os.getpid(), signal.SIGKILL)
            await asyncio.sleep(0.001)
            return await who.program.fused(question)

        self.context: TaggingContext = replace(who, program=replace(who.program, fused=fused))


def is_first(file: Path) -> bool:
    """Whether nobody asked before."""
    try:
        file.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    settings = {"num_cpus": 2, "include_dashboard": False, "log_to_driver": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        ray.init(configure_logging=False, **settings)
        yield
        ray.shutdown()


def on_ray(out: Path, count: int, **teacher: Any) -> None:
    tagger = RayTagger(lambda: Teacher(**teacher), workers=2, fused=True, at_a_time=8)

    async def work() -> None:
        folder = open_run(out, describe(tagger.configuration))
        folder.read()
        session = Session(folder, notes(count), tagger, concurrency=tagger.concurrency)
        async for _ in session.outcomes():
            pass
        folder.close()

    try:
        asyncio.run(work())
    finally:
        tagger.close()


def bare(trace: Trace) -> Trace:
    """Without what no two runs have in common: times."""
    return trace.model_copy(update={"steps": tuple(s.model_copy(update={"milliseconds": 0.0}) for s in trace.steps)})


@pytest.mark.usefixtures("cluster")
def test_workers_make_the_traces_that_this_process_makes(tmp_path: Path) -> None:
    async def here() -> None:
        async for _ in run(notes(60), context(), out=tmp_path / "here", fused=True):
            pass

    on_ray(tmp_path / "ray", 60)
    asyncio.run(here())
    found = {trace.note_id: bare(trace) for trace in read_traces(tmp_path / "ray")}
    assert found == {trace.note_id: bare(trace) for trace in read_traces(tmp_path / "here")}
    assert len(parts(tmp_path / "ray")) == 2


@pytest.mark.usefixtures("cluster")
def test_killed_worker_costs_no_note_and_a_note_that_kills_two_is_set_aside(tmp_path: Path) -> None:
    on_ray(tmp_path / "run", 60, deadly="note-10", once="note-40", killed=tmp_path / "killed")
    assert (tmp_path / "killed").exists()
    [failure] = read_failures(tmp_path / "run")
    assert (failure.note_id, failure.step, failure.reason) == ("note-10", None, "worker_died")
    assert failure.message == "the worker died 2 times while it tagged this note, the last time alone"
    ids = [trace.note_id for trace in read_traces(tmp_path / "run")]
    assert sorted(ids) == sorted(note.id for note in notes(60) if note.id != "note-10")
    summary = read_summary(tmp_path / "run")
    assert summary is not None
    assert (summary.tagged, summary.failed, summary.accounted) == (59, 1, True)


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workers": 3}, "--workers 3 is more than the cluster's 2 processors"),
        ({"workers": 1, "build": lambda: Teacher(is_broken=True)}, "cannot make its teacher: .*no such handbook"),
    ],
)
def test_workers_that_cannot_be_made_are_said(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RunError, match=message):
        RayTagger(settings.pop("build", Teacher), fused=True, **settings)
