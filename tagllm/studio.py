"""The graphs as LangGraph's own server and Studio open them (`langgraph.json`), with the embedded teacher.

`TAGLLM_HANDBOOK` names the handbook (the examples' by default), `TAGLLM_NOTES_FOLDER` the folder of the pictures.
"""

import functools
import os
from pathlib import Path
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from graphs.tagging import TaggingContext, build_tagging

_EXAMPLES = Path(__file__).parent.parent / "examples"


@functools.cache
def _context() -> TaggingContext:
    from tagllm.setup import embedded_setup

    handbook = Path(os.environ.get("TAGLLM_HANDBOOK") or _EXAMPLES / "handbook")
    folder = Path(os.environ.get("TAGLLM_NOTES_FOLDER") or _EXAMPLES)
    return embedded_setup(folder, handbook=handbook if handbook.exists() else None).context


def tagging() -> CompiledStateGraph[Any, Any, Any, Any]:
    """Step by step."""
    return build_tagging(context=_context())


def tagging_fused() -> CompiledStateGraph[Any, Any, Any, Any]:
    """In one answer."""
    return build_tagging(fused=True, context=_context())
