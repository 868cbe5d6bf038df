"""A handbook's folder: `handbook.yaml` for people, the notes it rests on, and what `tagllm handbook index` derives.

    handbook.yaml        read and edited by people
    evidence.parquet     evidence notes, where it was mined
    behaviour.parquet    who acted on which note, users as digests, where interactions were given
    notes.parquet        all notes it was mined from, with their phrases
    index/               derived: vectors, matcher, and manifest.json, which says what they were made of

Everything derived can be made anew from the rest; an index that does not fit it is an error, never used in silence.
"""

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings
from pydantic import Field, ValidationError

from handbook import evidence
from handbook.arrays import Arrays, Progress
from handbook.file import FILE, HandbookError, Problem, load
from handbook.index import HandbookIndex
from handbook.matching import Matcher, TooFewNotes, fit
from handbook.records import Handbook
from notes.records import Record

INDEX = "index"
MANIFEST = "manifest.json"
VERSION = 1
_BOOK = "handbook.json"
_MATCHER = "matcher"


class Manifest(Record):
    """What an index was made of."""

    version: int = VERSION
    handbook: str
    """Digest of the handbook's entries; its comments may change."""
    yaml: str
    """SHA-256 of `handbook.yaml`."""
    evidence: str
    """SHA-256 of the evidence notes; empty: there are none."""
    encoder: str
    """Revision of the model the vectors come from."""
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of every derived file."""
    learned: dict[str, Any] | None = None
    """What the matcher learned from, and how well it predicts notes it has not seen; None: too little to learn from."""


def index_handbook(
    folder: Path, encoder: Embeddings, *, handbook: Handbook | None = None, progress: Progress | None = None
) -> Manifest:
    """Make `folder/index` anew; the old one stays until the new one is complete.

    Args:
        folder: With `handbook.yaml` and the evidence.
        encoder: Gives texts their meaning.
        handbook: What `handbook.yaml` says, where it is at hand; None: it is read.
        progress: Called with what is being done.

    Raises:
        HandbookError: the handbook or its evidence cannot be read.
    """
    handbook = load(folder) if handbook is None else handbook
    place = Path(tempfile.mkdtemp(prefix=".index-", dir=folder))
    try:
        Arrays.make(handbook.active, encoder, progress).save(place)
        (place / _BOOK).write_text(handbook.model_dump_json(exclude_defaults=True), "utf-8")
        learned = _learn(folder, handbook, encoder, place / _MATCHER, progress)
        manifest = Manifest(
            handbook=handbook.digest,
            yaml=_digest(folder / FILE),
            evidence=_digest(folder / evidence.FILE),
            encoder=_revision(encoder),
            files={
                file.relative_to(place).as_posix(): _digest(file) for file in sorted(place.rglob("*")) if file.is_file()
            },
            learned=learned,
        )
        (place / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", "utf-8")
        place.chmod(0o755)
        old = folder / INDEX
        if old.exists():
            gone = Path(tempfile.mkdtemp(prefix=".old-", dir=folder)) / INDEX
            old.rename(gone)
            place.rename(old)
            shutil.rmtree(gone.parent)
        else:
            place.rename(old)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return manifest


def open_index(folder: Path | str, encoder: Embeddings) -> HandbookIndex:
    """The handbook in `folder`, ready to be searched, its vectors memory-mapped.

    A handbook that was never indexed (one written by hand) is indexed in memory, and nothing is learned.

    Raises:
        HandbookError: the handbook cannot be used, or its index is stale or damaged.
    """
    folder = Path(folder)
    place = folder / INDEX
    if not folder.is_dir() or not place.exists():
        return HandbookIndex(load(folder), encoder)
    manifest = read_manifest(folder)
    handbook = _fresh(folder, manifest)
    if manifest.encoder != _revision(encoder):
        raise _stale(folder, f"it was made with the encoder {manifest.encoder}, this is {_revision(encoder)}")
    try:
        arrays = Arrays.open(place)
        matcher = None
        if manifest.learned is not None:
            matcher = Matcher.open(place / _MATCHER, handbook)
        return HandbookIndex(handbook, encoder, arrays=arrays, matcher=matcher)
    except (OSError, ValueError) as error:
        raise _stale(folder, f"damaged: {error}") from None


def read_manifest(folder: Path) -> Manifest:
    """What the index in `folder` says of itself, its files checked.

    Raises:
        HandbookError: there is no index, or a file of it is missing, damaged or of another version.
    """
    file = folder / INDEX / MANIFEST
    try:
        manifest = Manifest.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        raise _stale(folder, f"{file} is missing") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise _stale(folder, f"{file}: {'.'.join(map(str, first['loc'])) or 'no valid JSON'}: {first['msg']}") from None
    if manifest.version != VERSION:
        raise _stale(folder, f"{file}: version {manifest.version}, this program reads {VERSION}")
    for name, digest in manifest.files.items():
        part = folder / INDEX / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise _stale(folder, f"{file}: names a file outside the index: {name[:80]!r}")
        if not part.is_file():
            raise _stale(folder, f"{part} is missing")
        if _digest(part) != digest:
            raise _stale(folder, f"{part} is damaged: its SHA-256 is not the one in {MANIFEST}")
    return manifest


def check_index(folder: Path) -> list[Problem]:
    """What is wrong with the index in `folder`; nothing where there is none."""
    if not folder.is_dir() or not (folder / INDEX).exists():
        return []
    try:
        _fresh(folder, read_manifest(folder))
    except HandbookError as error:
        return [Problem(0, "error", str(error))]
    return []


def _fresh(folder: Path, manifest: Manifest) -> Handbook:
    """The handbook the index was made of, if that is still what lies in the folder."""
    if manifest.evidence != _digest(folder / evidence.FILE):
        raise _stale(folder, f"{folder / evidence.FILE} has changed since")
    if manifest.yaml == _digest(folder / FILE):
        # Reading YAML of 50,000 interests takes a minute, the copy in the index a second.
        return Handbook.model_validate_json((folder / INDEX / _BOOK).read_bytes())
    handbook = load(folder)
    if handbook.digest != manifest.handbook:
        raise _stale(folder, f"{folder / FILE} has changed since")
    return handbook


def _learn(
    folder: Path, handbook: Handbook, encoder: Embeddings, place: Path, progress: Progress | None
) -> dict[str, Any] | None:
    import pyarrow as pa

    try:
        notes = evidence.read_evidence(folder)
    except (pa.ArrowInvalid, OSError, ValidationError) as error:
        message = " ".join(str(error).split())[:200]
        raise HandbookError(f"{folder / evidence.FILE}: {message}; build the handbook again") from None
    if not notes:
        return None
    try:
        report = fit(place, handbook, notes, encoder, progress)
    except TooFewNotes:
        return None
    return report.model_dump(mode="json", exclude={"seconds"})


def _digest(file: Path) -> str:
    if not file.is_file():
        return ""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _revision(encoder: Embeddings) -> str:
    return str(getattr(encoder, "revision", type(encoder).__qualname__))


def _stale(folder: Path, why: str) -> HandbookError:
    return HandbookError(f"the index of {folder} cannot be used: {why}; run: tagllm handbook index {folder}")


__all__ = ["INDEX", "Manifest", "check_index", "index_handbook", "open_index", "read_manifest"]
