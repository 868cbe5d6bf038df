"""Whether memory stays flat while a model is asked about many notes with pictures, each note another picture.

    python benchmarks/teacher_memory.py [--notes 20000]

The pictures are made first (500, used in turns, so that neither the store nor the server's list of held pictures spares
the work). Memory is that of this process, read at a tenth of the notes and at the end. The last line is JSON.
"""

import argparse
import asyncio
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
from PIL import Image
from rich.console import Console
from rich.table import Table
from teacher import EXAMPLES, TEXT, server

from graphs.tagging import TaggingContext, build_tagging, tag_notes
from handbook import HandbookIndex, load
from notes.pictures import PictureStore
from notes.records import Note, Trace
from signatures.llm import llm_program
from teachers.cache import RequestCache
from teachers.embedded import Encoder
from teachers.vllm.endpoint import Endpoint
from teachers.vllm.engine import VllmEngine, vllm_lm
from teachers.vllm.load import Load
from teachers.vllm.servers import Servers

PICTURES = 500
READINGS = 10


def paint(folder: Path) -> list[str]:
    """Photographs' worth of noise: 640 x 480, about 60 kB each."""
    chance = random.Random(1)
    names = []
    for number in range(PICTURES):
        small = Image.frombytes("RGB", (80, 60), chance.randbytes(80 * 60 * 3))
        names.append(f"{number}.jpg")
        small.resize((640, 480), Image.Resampling.BICUBIC).save(folder / names[-1], quality=85)
    return names


def notes(count: int, pictures: list[str]) -> Iterator[Note]:
    """Notes with one picture each."""
    for number in range(count):
        picture = (pictures[number % len(pictures)],)
        yield Note(id=f"n{number}", title=f"Walk {number}", content=TEXT, category="travel", lang="en", images=picture)


async def measure(engine: VllmEngine, context: TaggingContext, count: int, pictures: list[str]) -> list[int]:
    """Bytes of this process after each tenth of the notes."""
    process, found, done = psutil.Process(), [], 0
    async for outcome in tag_notes(build_tagging(), notes(count, pictures), context, concurrency=64):
        done += isinstance(outcome, Trace)
        if done % (count // READINGS) == 0:
            found.append(process.memory_info().rss)
            Console(stderr=True).print(f"{done:,} notes, {found[-1] / 2**20:,.0f} MiB", style="dim")
    await engine.aclose()
    if done != count:
        raise SystemExit(f"{count - done} of {count} notes failed: what was measured is not what was meant")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, default=20_000)
    count: int = parser.parse_args().notes
    with server() as base_url, tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pictures = paint(root)
        cache = RequestCache(root / "cache")
        engine = VllmEngine(Servers([Endpoint(base_url)]), "constant", cache=cache, load=Load(64))
        context = TaggingContext(
            program=llm_program(vllm_lm(engine), handbook_tokens=600),
            handbook=HandbookIndex(load(EXAMPLES / "handbook"), Encoder()),
            pictures=PictureStore(root),
        )
        found = asyncio.run(measure(engine, context, count, pictures))
        asked = cache.counts.misses
        cache.close()
    growth = found[-1] / found[0] - 1
    table = Table("notes", "memory, MiB")
    for number, size in enumerate(found, 1):
        table.add_row(f"{number * count // READINGS:,}", f"{size / 2**20:,.0f}")
    Console().print(table)
    line = {
        "notes": count,
        "requests": asked,
        "first_mib": round(found[0] / 2**20),
        "last_mib": round(found[-1] / 2**20),
    }
    print(json.dumps(line | {"growth": round(growth, 4)}))


if __name__ == "__main__":
    main()
