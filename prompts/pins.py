"""Pins: the digest of every file of a version that has made data, so that it stays as it was."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

LOCK = "prompts.lock.json"


def pin(root: Path, *, only: str | None = None) -> dict[str, str]:
    """Pin every file of every version that is not pinned yet; what is pinned stays as it is.

    Args:
        root: Folder with the programs.
        only: One version, such as `tagging/v2`, and no other.
    """
    pins = pins_of(root)
    for file in sorted(root.glob(f"{only}/**/*" if only else "*/v*/**/*")):
        if file.is_file():
            pins.setdefault(file.relative_to(root).as_posix(), digest_of(file))
    pins = {name: digest for name, digest in sorted(pins.items()) if (root / name).exists()}
    (root / LOCK).write_text(json.dumps(pins, indent=2) + "\n", "utf-8")
    return pins


def check_pins(folder: Path, root: Path) -> Iterator[str]:
    """What is no longer as it was pinned in a version's folder, a line each; nothing for a draft."""
    place = folder.relative_to(root).as_posix()
    pinned = {name: digest for name, digest in pins_of(root).items() if name.startswith(f"{place}/")}
    if not pinned:
        return  # a draft: not pinned until it is meant to stay
    for name, digest in pinned.items():
        if not (root / name).is_file():
            yield f"prompts/{name} is pinned in {LOCK} but missing; restore the file"
        elif digest_of(root / name) != digest:
            yield f"prompts/{name} was edited after it was pinned; restore it, and write new words as a new version"
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(root).as_posix()
        if file.is_file() and name not in pinned:
            yield f"prompts/{name} was added to a pinned version; make it a new version"


def is_pinned(id: str, root: Path) -> bool:
    """Whether a version may no longer change."""
    return any(name.startswith(f"{id}/") for name in pins_of(root))


def pins_of(root: Path) -> dict[str, str]:
    """Digest by file, relative to `root`."""
    file = root / LOCK
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def digest_of(file: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
