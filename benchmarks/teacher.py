"""What asking costs: notes a second through graph, DSPy, traces and cache, beside bare requests and beside peers.

    python benchmarks/teacher.py [--notes 800] [--peers] [--profile]

All ask the same server, which answers at once with the same words, five questions a note. Bare is a client that
sends the very bodies that ours sent and reads the answers; `bare_short` sends one line of text instead. The handbook is
shown whole, so that nothing is searched for by meaning: what that costs says benchmarks/retrieval.py. `--peers` makes
an environment for each peer under build/peers (some minutes the first time); they ask with plain text, without
pictures, schema or handbook. The last line is JSON.
"""

import argparse
import asyncio
import cProfile
import itertools
import json
import os
import pstats
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from graphs.tagging import TaggingContext, build_tagging, tag_notes
from handbook import HandbookIndex, load
from notes.pictures import PictureStore
from notes.records import Note, Trace
from signatures.llm import llm_program
from tagllm.settling import settled
from teachers.cache import RequestCache
from teachers.embedded import Encoder
from teachers.vllm.endpoint import Endpoint, Reply
from teachers.vllm.engine import VllmEngine, vllm_lm
from teachers.vllm.load import Load
from teachers.vllm.servers import Servers

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
PEERS = {"curator": ["bespokelabs-curator==0.1.31"], "distilabel": ["distilabel[openai]==1.5.3", "requests"]}
"""What is installed for each; distilabel imports what it does not ask for."""
CALLS = 5
BARE = 8
"""Times as many notes as ours, for the client that is so much quicker."""
ROUNDS = 8
"""Each measures everything in turns: two cores, a client and a server do not run the same twice."""
AT_ONCE = 64
TEXT = "We walked along the bay at night, the skyline was bright. " * 8


@contextmanager
def server() -> Iterator[str]:
    """The constant server, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(HERE / "constant_server.py"), str(port)])
    base_url = f"http://127.0.0.1:{port}/v1"
    try:
        while True:
            with suppress(OSError):
                urllib.request.urlopen(f"{base_url}/models", timeout=1).close()
                break
            if process.poll() is not None:
                raise SystemExit("the constant server did not start")
            time.sleep(0.05)
        yield base_url
    finally:
        process.terminate()
        process.wait()


class Recording(Endpoint):
    """Keeps what is sent."""

    bodies: list[bytes]

    async def post(self, data: bytes) -> Reply:
        """Send one chat completion."""
        self.bodies.append(data)
        return await super().post(data)


SHORT = [orjson.dumps({"model": "constant", "messages": [{"role": "user", "content": TEXT}]})]


async def bare(base_url: str, count: int, bodies: list[bytes]) -> float:
    """Notes a second of a client that does nothing but send `bodies` in turns and read."""
    import aiohttp

    waiting = itertools.islice(itertools.cycle(bodies), count * CALLS)
    begun = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for body in waiting:
                async with session.post(f"{base_url}/chat/completions", data=body) as response:
                    await response.read()

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return count / (time.perf_counter() - begun)


def notes(count: int, first: int = 0) -> list[Note]:
    """Notes with one picture each, so that all five questions are asked."""
    picture = ("images/sg-night-3d-1.jpg",)
    return [
        Note(id=f"n{number}", title=f"Night walk {number}", content=TEXT, category="travel", lang="en", images=picture)
        for number in range(first, first + count)
    ]


async def ours(graph: Any, engine: VllmEngine, context: TaggingContext, wanted: list[Note]) -> float:
    """Notes a second through everything."""
    begun, tagged = time.perf_counter(), 0
    async for outcome in tag_notes(graph, wanted, context, concurrency=AT_ONCE):
        tagged += isinstance(outcome, Trace)
    seconds = time.perf_counter() - begun
    await engine.aclose()
    if tagged != len(wanted):
        raise SystemExit(
            f"{len(wanted) - tagged} of {len(wanted)} notes failed: what was measured is not what was meant"
        )
    return len(wanted) / seconds


def peer(name: str, base_url: str, count: int) -> tuple[float | None, str]:
    """Notes a second of a peer, or why there are none."""
    folder = HERE.parent / "build" / "peers" / name
    python = folder / "bin" / "python"
    try:
        if not (folder / "ready").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PEERS[name]]
            subprocess.run(install, check=True, capture_output=True, text=True, timeout=900)
            (folder / "ready").touch()
        script = HERE / "peers" / f"{name}_notes.py"
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
        done = subprocess.run(
            [python, script, base_url, str(count)],
            check=True,
            capture_output=True,
            text=True,
            timeout=600,
            env=environment,
            cwd=tempfile.mkdtemp(),
        )
        return float(done.stdout.strip().splitlines()[-1]), ""
    except subprocess.CalledProcessError as error:
        return None, (error.stderr or str(error)).strip()[-300:]
    except (subprocess.TimeoutExpired, ValueError, IndexError, OSError) as error:
        return None, str(error)[:300]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, default=800)
    parser.add_argument("--peers", action="store_true", help="measure curator and distilabel, too")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    options = parser.parse_args()
    count: int = options.notes
    rates: dict[str, list[float]] = {"bare": [], "ours": [], "cached": [], "bare_short": []}
    reasons: dict[str, str] = {}
    profile = cProfile.Profile()
    with server() as base_url, tempfile.TemporaryDirectory() as folder:
        endpoint = Recording(base_url)
        endpoint.bodies = []
        engine = VllmEngine(Servers([endpoint]), "constant", load=Load(AT_ONCE))
        handbook = load(EXAMPLES / "handbook")
        handbook = handbook.model_copy(update={"categories": handbook.categories[:4]})  # within the default budget
        context = TaggingContext(
            program=llm_program(vllm_lm(engine)),
            handbook=HandbookIndex(handbook, Encoder()),
            pictures=PictureStore(EXAMPLES),
        )
        graph = build_tagging()
        asyncio.run(ours(graph, engine, context, notes(16)))  # imports, first renderings
        bodies = [body for body in endpoint.bodies if b"data:image" not in body]
        engine = VllmEngine(Servers([Endpoint(base_url)]), "constant", load=Load(AT_ONCE))
        context = replace(context, program=llm_program(vllm_lm(engine)))
        cache = engine.cache = RequestCache(Path(folder))
        with settled():  # as the commands are once everything is set up
            for number in range(ROUNDS):
                wanted = notes(count // ROUNDS, 1000 + number * count)
                rates["bare"].append(asyncio.run(bare(base_url, BARE * len(wanted), bodies)))
                if options.profile:
                    profile.enable()
                rates["ours"].append(asyncio.run(ours(graph, engine, context, wanted)))
                profile.disable()
                rates["cached"].append(asyncio.run(ours(graph, engine, context, wanted)))
                rates["bare_short"].append(asyncio.run(bare(base_url, BARE * len(wanted), SHORT)))
        asked = cache.counts.misses
        cache.close()
        found: dict[str, float | None] = {name: statistics.median(each) for name, each in rates.items()}
        for name in PEERS:
            found[name], reasons[name] = (
                peer(name, base_url, count) if options.peers else (None, "not asked for: --peers")
            )
    if options.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    table = Table("asking", "notes/s", "from", "to", "of bare", "of ours")
    for name, rate in found.items():
        share = [f"{rate / other:.2f}" if rate and other else "-" for other in (found["bare"], found["ours"])]
        spread = [f"{edge(rates[name]):,.0f}" if name in rates else "" for edge in (min, max)]
        table.add_row(name, f"{rate:,.1f}" if rate else f"- ({reasons.get(name, '')[:60]})", *spread, *share)
    Console().print(table)
    said = f"{count:,} notes, {asked:,} requests, {AT_ONCE} notes at a time; medians of {ROUNDS} rounds in turns"
    Console().print(said, style="dim")
    line = {f"{name}_notes_per_s": round(rate, 2) if rate else None for name, rate in found.items()}
    print(json.dumps(line | {"notes": count, "reasons": {name: why for name, why in reasons.items() if why}}))


if __name__ == "__main__":
    main()
