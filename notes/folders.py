"""Where TagLLM keeps what it may make again: one private folder, named by `TAGLLM_CACHE_DIR` or the system's custom."""

import os
from pathlib import Path

import platformdirs


def cache_folder(name: str = "") -> Path:
    """The folder `name` inside the cache, made when missing, readable by its owner only."""
    root = Path(os.environ.get("TAGLLM_CACHE_DIR") or platformdirs.user_cache_dir("tagllm"))
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
