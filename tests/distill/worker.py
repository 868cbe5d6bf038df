"""A run in a process of its own, to be killed: `python -m tests.distill.worker URL CACHE NOTES OUT GRAPH`."""

import asyncio
import sys
from pathlib import Path

from distill.runs import run
from graphs.tagging import TaggingContext
from signatures.llm import llm_program
from teachers.cache import RequestCache
from teachers.vllm.endpoint import Endpoint
from teachers.vllm.engine import VllmEngine, vllm_lm
from teachers.vllm.load import Load
from teachers.vllm.servers import Servers


async def main(url: str, cache: Path, notes: Path, out: Path, graph: str) -> None:
    """Run to the end."""
    requests = RequestCache(cache)
    engine = VllmEngine(Servers([Endpoint(url)]), "fake-model", cache=requests, load=Load(16))
    context = TaggingContext(program=llm_program(vllm_lm(engine)))
    async for _ in run(notes, context, out=out, fused=graph == "fused", concurrency=8):
        pass
    await engine.aclose()
    requests.close()


if __name__ == "__main__":
    url, cache, notes, out, graph = sys.argv[1:]
    asyncio.run(main(url, Path(cache), Path(notes), Path(out), graph))
