"""A run of many notes: memory, throughput at the start and at the end, and going on with a finished run.

    python benchmarks/runs.py [--notes 200000]

Short notes, the fused graph, a scripted teacher, everything in one process. The last line is JSON.
"""

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

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


def made(count: int) -> Iterator[Note]:
    """Notes of five categories, 300 characters each."""
    for number in range(count):
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


async def measured(count: int, out: Path) -> list[tuple[int, float, float]]:
    """Notes done, seconds of processor time, MiB of memory; after every `EVERY` notes."""
    found = [(0, time.process_time(), 0.0)]
    done = 0
    process = psutil.Process()
    async for _ in run(made(count), context(), out=out, fused=True):
        done += 1
        if done % EVERY == 0 or done == count:
            found.append((done, time.process_time(), process.memory_info().rss / 2**20))
            before, (_, spent, memory) = found[-2], found[-1]
            rate = (done - before[0]) / (spent - before[1])
            print(f"{done:9,} notes {rate:8,.0f} notes/s of processor time {memory:8,.0f} MiB", flush=True)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, default=200_000)
    count = parser.parse_args().notes
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        begun = time.perf_counter()
        found = asyncio.run(measured(count, out))
        seconds = time.perf_counter() - begun
        begun, spent = time.perf_counter(), time.process_time()
        again = asyncio.run(measured(count, out))
        resumed, resumed_processor = time.perf_counter() - begun, time.process_time() - spent
        assert len(again) == 1, "a finished run did something"
        size = sum(file.stat().st_size for file in out.rglob("*.jsonl"))
    rates = [(b[0] - a[0]) / (b[1] - a[1]) for a, b in itertools.pairwise(found)]
    result = {
        "notes": count,
        "notes_per_s": round(count / seconds, 1),
        "last_to_first_throughput": round(rates[-1] / rates[0], 3),
        "last_to_first_memory": round(found[-1][2] / found[1][2], 3),
        "memory_mib": round(found[-1][2], 1),
        "resume_s": round(resumed, 2),
        "resume_processor_s": round(resumed_processor, 2),
        "bytes_per_trace": round(size / count),
    }
    for name, value in result.items():
        print(f"{name:28} {value:12,}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
