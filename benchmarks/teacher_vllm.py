"""A real vLLM server with a tiny model: ours beside a bare client, and what the layout of prompts is worth.

    python benchmarks/teacher_vllm.py [--notes 100]

The bare client sends the very requests that ours sent, all at hand from the start, under a salt of its own, so that it
finds none of ours in the server's prefix cache. The layout is undone by putting the note before the instructions. The
last line is JSON.
"""

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from graphs.tagging import TaggingContext, build_tagging, tag_notes
from handbook import HandbookIndex, load
from notes.pictures import PictureStore
from notes.reading import read_notes
from notes.records import Note
from signatures.llm import llm_program
from signatures.questions import TagLimits
from teachers.embedded import Encoder
from teachers.vllm import ManagedServer
from teachers.vllm.endpoint import Endpoint
from teachers.vllm.engine import VllmEngine, vllm_lm
from teachers.vllm.load import Load
from teachers.vllm.metrics import Metrics, ask_metrics
from teachers.vllm.servers import Servers
from tests import tiny_idefics3

EXAMPLES = Path(__file__).parent.parent / "examples"
AT_ONCE = 32


class Recorder(Endpoint):
    """An endpoint that keeps what it sends."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        self.kept: list[bytes] = []

    async def post(self, data: bytes) -> Any:
        """Keep and send."""
        self.kept.append(data)
        return await super().post(data)


def notes(count: int, start: int = 0) -> Iterator[Note]:
    """Example notes again and again, each with a number of its own, those of a category together."""
    read = [note for note in read_notes(EXAMPLES / "notes.jsonl") if isinstance(note, Note) and note.lang == "en"]
    read.sort(key=lambda note: note.category)
    each = -(-count // len(read))
    numbered = ((note, number) for note in read for number in range(each))
    for note, number in itertools.islice(numbered, count):
        title = f"{start + number}: {note.title}"
        yield note.model_copy(update={"id": f"{note.id}-{start + number}", "title": title})


async def ours(endpoint: Endpoint, context: TaggingContext, wanted: Sequence[Note], model: str) -> None:
    """Tag notes; what comes of a nonsense model's words does not matter."""
    engine = VllmEngine(Servers([endpoint]), model, load=Load(AT_ONCE))
    program = llm_program(vllm_lm(engine, max_tokens=1200), handbook_tokens=600)
    asking = TaggingContext(
        program=program,
        handbook=context.handbook,
        pictures=context.pictures,
        limits=TagLimits(max_matched=2, max_drafts=3, max_tags=3),
        require_evidence=False,
    )
    async for _ in tag_notes(build_tagging(), wanted, asking, concurrency=2 * AT_ONCE):
        pass
    await engine.aclose()


async def bare(base_url: str, bodies: Sequence[bytes]) -> None:
    """Send the bodies, `AT_ONCE` at a time."""
    waiting = iter(bodies)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for body in waiting:
                headers = {"Content-Type": "application/json"}
                async with session.post(f"{base_url}/chat/completions", data=body, headers=headers) as response:
                    await response.read()

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def salted(body: bytes, salt: str, *, note_first: bool = False) -> bytes:
    """The request under a salt of its own; `note_first`: instructions after what they are about."""
    found = json.loads(body)
    found["cache_salt"] = salt
    if note_first:
        found["messages"].reverse()
    return json.dumps(found).encode()


def share(before: Metrics, after: Metrics) -> float:
    """Of the prompt tokens, in percent: held by the prefix cache."""
    return 100 * (after.prefix_hits - before.prefix_hits) / max(1, after.prefix_queries - before.prefix_queries)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, default=100)
    count: int = parser.parse_args().notes
    context = TaggingContext(
        program=llm_program(vllm_lm(VllmEngine(Servers([Endpoint("http://127.0.0.1:1/v1")]), "none"))),
        handbook=HandbookIndex(load(EXAMPLES / "handbook"), Encoder()),
        pictures=PictureStore(EXAMPLES),
    )
    with tempfile.TemporaryDirectory() as folder:
        model = tiny_idefics3.build(Path(folder) / "model")
        options = ("--max-model-len", "8192", "--max-num-seqs", str(AT_ONCE))
        with ManagedServer(str(model), engine_options=options, env={"VLLM_CPU_KVCACHE_SPACE": "1"}) as server:

            def reading() -> Metrics:
                found = ask_metrics(server.base_url)
                assert found is not None
                return found

            asyncio.run(
                ours(Recorder(server.base_url), context, list(notes(8)), server.model)
            )  # imports, first kernels
            recorder, wanted = Recorder(server.base_url), list(notes(count, 1000))
            begun, before = time.perf_counter(), reading()
            asyncio.run(ours(recorder, context, wanted, server.model))
            seconds, after = time.perf_counter() - begun, reading()
            rates = {"ours": len(recorder.kept) / seconds}
            shares = {"ours": share(before, after)}
            for name, note_first in (("bare", False), ("note first", True)):
                bodies = [salted(body, name, note_first=note_first) for body in recorder.kept]
                begun, before = time.perf_counter(), reading()
                asyncio.run(bare(server.base_url, bodies))
                seconds, after = time.perf_counter() - begun, reading()
                rates[name], shares[name] = len(bodies) / seconds, share(before, after)
    table = Table("client", "requests/s", "of bare", "prefix cache hits")
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.1f}", f"{rate / rates['bare']:.2f}", f"{shares[name]:.1f} %")
    Console().print(table)
    line = {
        "ours_requests_per_s": round(rates["ours"], 2),
        "bare_requests_per_s": round(rates["bare"], 2),
        "ours_of_bare": round(rates["ours"] / rates["bare"], 3),
        "prefix_hit_share": round(shares["ours"], 1),
        "prefix_hit_share_note_first": round(shares["note first"], 1),
        "notes": count,
        "requests": len(recorder.kept),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
