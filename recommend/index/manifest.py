"""What an index says of itself.

index.json              this; written last
vectors-00000.f32 …     unit vectors, row by row, a file for the notes written and one for each addition
notes-00000.arrow …     id, title and tags of the same notes
gone-00001.npy          rows whose notes were added again since
near-00000.faiss        lists for approximate search
embedder/               what opening the method again needs, beyond an installed package or a model's own folder
"""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt, ValidationError

from notes.records import Record
from recommend.index.approximate import Near
from recommend.records import RecommendError

MANIFEST = "index.json"
EMBEDDER = "embedder"
VERSION = 1


Dtype = Literal["float32", "float16"]


class Part(Record):
    """Notes that were written together."""

    vectors: str = Field(pattern=r"^vectors-\d{5}\.f(32|16)$")
    notes: str = Field(pattern=r"^notes-\d{5}\.arrow$")
    count: PositiveInt


class Manifest(Record):
    """What the index was made of, and the digest of every file."""

    version: int = VERSION
    method: str
    model: str = ""
    """Folder of the model, absolute; empty: the method has none."""
    revision: str
    """Of the method; only vectors of the same revision can be compared."""
    dimension: PositiveInt
    dtype: Dtype = "float32"
    shown: str
    """What the method was shown of tags: `none`, `hashtags`, or the name of a run."""
    parts: tuple[Part, ...]
    gone: str = Field(default="", pattern=r"^(gone-\d{5}\.npy)?$")
    """File of the rows whose notes were added again since."""
    near: Near | None = None
    files: dict[str, str]
    """SHA-256 of each file, by its path in the folder."""

    @property
    def rows(self) -> int:
        """Of all parts, those that are gone among them."""
        return sum(part.count for part in self.parts)


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest in `folder`, every file compared with its digest.

    Raises:
        RecommendError: there is no index, or a file is missing, damaged or of another version.
    """
    file = folder / MANIFEST
    try:
        manifest = Manifest.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        raise RecommendError(
            f"{folder} is no index: it holds no {MANIFEST}; make one with: tagllm recommend index NOTES --out {folder}"
        ) from None
    except OSError as error:
        raise RecommendError(f"{file}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise unusable(folder, f"{'.'.join(map(str, first['loc'])) or 'no valid JSON'}: {first['msg']}") from None
    if manifest.version != VERSION:
        raise unusable(folder, f"version {manifest.version}, this program reads {VERSION}")
    for name, wanted in manifest.files.items():
        part = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise unusable(folder, f"{MANIFEST} names a file outside the folder: {name[:80]!r}")
        if not part.is_file():
            raise unusable(folder, f"{name} is missing")
        if digest(part) != wanted:
            raise unusable(folder, f"{name} is damaged: its SHA-256 is not the one in {MANIFEST}")
    listed = [name for part in manifest.parts for name in (part.vectors, part.notes)]
    listed += [manifest.gone] * bool(manifest.gone) + [near.file for near in (manifest.near,) if near is not None]
    absent = [name for name in listed if name not in manifest.files]
    if absent:
        raise unusable(folder, f"{MANIFEST} gives no SHA-256 of {absent[0][:80]!r}")
    return manifest


def unusable(folder: Path, why: str) -> RecommendError:
    """That the index cannot be used, and what to do."""
    return RecommendError(f"the index {folder} cannot be used: {why}; make it again: tagllm recommend index NOTES")
