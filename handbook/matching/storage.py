"""The matcher's folder: arrays that are memory-mapped, models as text, and `matcher.json` with the digest of each file.

Nothing here can run code when it is read: no pickles.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 1
MANIFEST = "matcher.json"

Array = NDArray[Any]


def save(folder: Path, arrays: Mapping[str, Array], texts: Mapping[str, str], facts: Mapping[str, Any]) -> None:
    """Write arrays as `NAME.npy`, texts as `NAME.txt`, facts into `matcher.json`; the same values, the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, array in sorted(arrays.items()):
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
        files[f"{name}.npy"] = _digest(folder / f"{name}.npy")
    for name, text in sorted(texts.items()):
        (folder / f"{name}.txt").write_text(text, "utf-8")
        files[f"{name}.txt"] = _digest(folder / f"{name}.txt")
    content = {"version": VERSION, "files": files, **facts}
    (folder / MANIFEST).write_text(json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1) + "\n", "utf-8")


def load(folder: Path) -> tuple[dict[str, Array], dict[str, str], dict[str, Any]]:
    """What `save` wrote: arrays memory-mapped, texts, facts.

    Raises:
        ValueError: a file is missing, damaged or of another version; it is named.
    """
    file = folder / MANIFEST
    try:
        facts = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"{file} is missing") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} is damaged: {str(error)[:200]}") from None
    if not isinstance(facts, dict) or facts.get("version") != VERSION:
        found = facts.get("version") if isinstance(facts, dict) else None
        raise ValueError(f"{file} is of version {found}, this program reads {VERSION}")
    files = facts.get("files")
    if not isinstance(files, dict):
        raise ValueError(f"{file} is damaged: it names no files")
    arrays: dict[str, Array] = {}
    texts: dict[str, str] = {}
    for name, digest in files.items():
        part = folder / Path(name).name
        if not part.is_file():
            raise ValueError(f"{part} is missing")
        if _digest(part) != digest:
            raise ValueError(f"{part} is damaged: its digest is not the one in {MANIFEST}")
        try:
            if part.suffix == ".npy":
                arrays[part.stem] = np.lib.format.open_memmap(part, mode="r")
            else:
                texts[part.stem] = part.read_text("utf-8")
        except (OSError, ValueError, EOFError, SyntaxError) as error:
            raise ValueError(f"{part} is damaged: {str(error)[:200]}") from None
    return arrays, texts, facts


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "blake2b").hexdigest()[:32]
