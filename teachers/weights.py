"""Which weights a model folder holds."""

import hashlib
from pathlib import Path

_SUFFIXES = frozenset((".json", ".safetensors", ".bin", ".model", ".jinja", ".txt"))


def weights_digest(model: Path | str) -> str:
    """Digest of every byte of a model folder's settings, words and weights; empty for a name on the hub.

    All of it is read, about a gigabyte a second: whoever asks is about to load the model, and two trainings of one base
    differ in their weights alone.
    """
    folder = Path(model)
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in _SUFFIXES and file.is_file():
            with file.open("rb") as opened:
                digest.update(f"{file.name}\0".encode() + hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:16]
