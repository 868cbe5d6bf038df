"""The graphs as LangGraph's own server and Studio open them (`langgraph.json`), with the embedded teacher.

`TAGLLM_HANDBOOK` names the handbook (the examples' by default), `TAGLLM_NOTES_FOLDER` the folder of the pictures.
"""

import asyncio
import functools
import os
from pathlib import Path
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from graphs.tagging import TaggingContext, build_tagging
from graphs.tagging.nodes import code_version
from notes.words import load_dictionaries

_EXAMPLES = Path(__file__).parent.parent / "examples"


@functools.cache
def _context() -> TaggingContext:
    from tagllm.setup import tagging_setup

    handbook = Path(os.environ.get("TAGLLM_HANDBOOK") or _EXAMPLES / "handbook")
    folder = Path(os.environ.get("TAGLLM_NOTES_FOLDER") or _EXAMPLES)
    # The server forbids reading files in its event loop: what is loaded at first use is loaded here, in a thread.
    load_dictionaries()
    code_version()
    setup = tagging_setup(folder, handbook=handbook if handbook.exists() else None)
    setup.encoder.embed_query("warm")
    return setup.context


async def tagging() -> CompiledStateGraph[Any, Any, Any, Any]:
    """Step by step."""
    return build_tagging(context=await asyncio.to_thread(_context))


async def tagging_fused() -> CompiledStateGraph[Any, Any, Any, Any]:
    """In one answer."""
    return build_tagging(fused=True, context=await asyncio.to_thread(_context))
