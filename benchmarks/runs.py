"""A run of many notes: memory, throughput at the start and at the end, and going on with a finished run.

    python benchmarks/runs.py [--notes 200000]

Short notes, the fused graph, a scripted teacher, everything in one process. The end is compared with the start by
asking about the last notes in turns with the first ones of another run, so that what else the machine does slows both.
The last line is JSON.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from distill.runs import run
from graphs.tagging import TaggingContext
from notes.records import Note
from signatures.answers import Draft, Fused, RefinedTag
from signatures.llm import llm_program
from signatures.questions import Answered, Question
from teachers.scripted import scripted_lm

EVERY = 20_000
"""Notes between two measurements."""
TURN = 2_000
"""Notes that one run is asked about before it is the other's turn."""
CONCURRENCY = 8
"""Notes under way: few, so that the run whose turn it is not does little meanwhile."""


class Measured(NamedTuple):
    """What a run of many notes took."""

    memory: list[float]
    """MiB after every `EVERY` notes."""
    last: float
    """Seconds of processor time for the last `EVERY` notes."""
    first: float
    """The same for the first of another run, asked about in turns with them."""


def made(count: int, start: int = 0) -> Iterator[Note]:
    """Notes of five categories, 300 characters each."""
    for number in range(start, start + count):
        yield Note(
            id=f"note-{number}",
            title=f"Quiet valley number {number}",
            content="A cold lake, a late train and a long walk home in the rain. " * 4,
            category=f"category-{number % 5}",
            lang="en",
        )


async def answer(question: Question) -> Answered[Fused]:
    """Two tags, out of the note's words."""
    title = question.note.title
    drafts = [
        Draft(tag=title, interest=0, source="title", quote=title, picture=0, score=0.9),
        Draft(tag="cold lake", interest=0, source="content", quote="cold lake", picture=0, score=0.7),
    ]
    final = [RefinedTag(number=number, tag=draft.tag, confidence=0.8) for number, draft in enumerate(drafts, 1)]
    fused = Fused(pictures=[], matches=[], tags=drafts, merges=[], final=final)
    return Answered(answer=fused, program="scripted", prompt_tokens=900, completion_tokens=60)


def context() -> TaggingContext:
    """The scripted teacher."""
    program = llm_program(scripted_lm([]))
    return TaggingContext(program=replace(program, fused=answer))


async def taken(outcomes: AsyncIterator[Any], count: int) -> float:
    """Seconds of processor time for the next `count` notes of a run."""
    spent = time.process_time()
    for _ in range(count):
        await anext(outcomes)
    return time.process_time() - spent


async def measured(count: int, folder: Path) -> Measured:
    """Run `count` notes into `folder`/run; the last ones in turns with the first of `folder`/other."""
    process = psutil.Process()
    memory: list[float] = []
    last = first = 0.0
    other = run(made(EVERY + 1, start=count), context(), out=folder / "other", fused=True, concurrency=CONCURRENCY)
    long = run(made(count), context(), out=folder / "run", fused=True, concurrency=CONCURRENCY)
    async with aclosing(long) as outcomes, aclosing(other):
        for done in range(0, count, EVERY):
            if done + EVERY < count:
                spent = await taken(outcomes, EVERY)
            else:
                await anext(other)  # begun like this one, whose next notes are under way
                for _ in range(EVERY // TURN):
                    last += await taken(outcomes, TURN)
                    first += await taken(other, TURN)
                spent = last
            memory.append(process.memory_info().rss / 2**20)
            rate = EVERY / spent
            print(f"{done + EVERY:9,} notes {rate:8,.0f} notes/s of processor time {memory[-1]:8,.0f} MiB", flush=True)
        assert await anext(outcomes, None) is None  # the summary is written
    return Measured(memory, last, first)


async def again(count: int, out: Path) -> int:
    """Give the command of a finished run again; how many notes were asked about."""
    return sum([1 async for _ in run(made(count), context(), out=out, fused=True)])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, default=200_000)
    count = parser.parse_args().notes
    if count % EVERY:
        parser.error(f"--notes must be a multiple of {EVERY}, got {count}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.perf_counter()
        found = asyncio.run(measured(count, folder))
        seconds = time.perf_counter() - begun
        begun, spent = time.perf_counter(), time.process_time()
        assert asyncio.run(again(count, folder / "run")) == 0, "a finished run did something"
        resumed, resumed_processor = time.perf_counter() - begun, time.process_time() - spent
        size = sum(file.stat().st_size for file in (folder / "run").rglob("*.jsonl"))
    result = {
        "notes": count,
        "notes_per_s": round((count + EVERY) / seconds, 1),
        "last_to_first_throughput": round(found.first / found.last, 3),
        "last_to_first_memory": round(found.memory[-1] / found.memory[0], 3),
        "memory_mib": round(found.memory[-1], 1),
        "resume_s": round(resumed, 2),
        "resume_processor_s": round(resumed_processor, 2),
        "bytes_per_trace": round(size / count),
    }
    for name, value in result.items():
        print(f"{name:28} {value:12,}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
