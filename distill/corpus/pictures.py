"""The pictures of a corpus: opened once more, compared with those the teacher saw, and written once each."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill.corpus.gathering import Progress, SourceRun
from distill.corpus.records import DropReason
from distill.corpus.store import Candidate, CandidateStore, Loss
from notes.pictures import Picture, PicturePolicy, PictureStore
from teachers.vllm.launch import IMAGES_PER_PROMPT

FOLDER = "images"
THUMBNAIL = 8
"""Pixels of a side."""
_AT_ONCE = 64
"""Notes whose pictures are open together."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a picture looks like, to be compared with others."""

    name: str
    """Of its file."""
    bits: int
    """Perceptual hash, 64 bits."""
    thumbnail: bytes
    """RGB, 8 x 8 pixels."""


@dataclass(frozen=True, kw_only=True)
class NotePictures:
    """The pictures of a note that its teacher saw."""

    looks: tuple[Look, ...]
    """Those a request carries, in order."""
    not_shown: int
    """How many more there are."""


_NONE = NotePictures(looks=(), not_shown=0)


@dataclass(frozen=True)
class _Gone:
    reason: DropReason
    detail: str


def open_pictures(
    store: CandidateStore,
    runs: Sequence[SourceRun],
    policy: PicturePolicy,
    folder: Path,
    progress: Progress | None = None,
) -> dict[int, NotePictures]:
    """Write the candidates' pictures under `folder`; traces whose pictures are no longer what they were are lost.

    Returns:
        By the candidate's number, where it has pictures.
    """
    opened = [PictureStore(run.notes_folder, policy=policy, keep=0) for run in runs]
    found: dict[int, NotePictures] = {}
    losses = []
    candidates = store.candidates()
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as threads:
        while batch := list(islice(candidates, _AT_ONCE)):
            seen = threads.map(lambda one: _open(one, opened[one.run], folder), batch)
            for candidate, result in zip(batch, seen, strict=True):
                if isinstance(result, _Gone):
                    losses.append(Loss(number=candidate.number, reason=result.reason, detail=result.detail))
                elif result.looks:
                    found[candidate.number] = result
            if progress is not None:
                progress("opening pictures", len(batch))
    store.lose(losses)
    return found


def _open(candidate: Candidate, store: PictureStore, folder: Path) -> NotePictures | _Gone:
    if not candidate.note.images:
        return _NONE
    seen = [record for record in candidate.trace.pictures if record.refused is None]
    looks = []
    for record in seen[:IMAGES_PER_PROMPT]:
        if not 1 <= record.number <= len(candidate.note.images):
            return _Gone("picture_missing", f"the note has no picture {record.number}")
        picture = store.open(candidate.note.images[record.number - 1])
        if picture.refused is not None:
            return _Gone("picture_missing", f"picture {record.number}: {picture.refused.message}")
        if record.digest and picture.digest != record.digest:
            return _Gone("picture_changed", f"picture {record.number} is not the one that was tagged")
        looks.append(_written(picture, folder))
    return NotePictures(looks=tuple(looks), not_shown=len(seen) - len(looks))


def _written(picture: Picture, folder: Path) -> Look:
    data = picture.jpeg
    name = f"{hashlib.sha256(data).hexdigest()}.jpg"
    file = folder / name
    if not file.exists():
        part = folder / f".{name}.{os.urandom(4).hex()}"
        part.write_bytes(data)
        part.replace(file)
    return look_of(picture, name)


def look_of(picture: Picture, name: str = "") -> Look:
    """What an opened picture looks like."""
    import imagehash
    from PIL import Image

    assert picture.image is not None
    bits = np.packbits(imagehash.phash(picture.image).hash.flatten())
    small = picture.image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return Look(name=name, bits=int.from_bytes(bits.tobytes(), "big"), thumbnail=small.tobytes())


def as_arrays(looks: Sequence[Look]) -> tuple[NDArray[np.uint64], NDArray[np.int16]]:
    """Hashes, shape (n,), and thumbnails, shape (n, 192)."""
    bits = np.asarray([look.bits for look in looks], dtype=np.uint64)
    thumbnails = np.frombuffer(b"".join(look.thumbnail for look in looks), dtype=np.uint8)
    return bits, thumbnails.reshape(len(looks), -1).astype(np.int16)


def written(folder: Path) -> Iterator[Path]:
    """The pictures in a corpus."""
    yield from sorted((folder / FOLDER).glob("*.jpg"))
