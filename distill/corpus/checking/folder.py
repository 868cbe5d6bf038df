"""Whether a corpus is whole: files as they were written, every trace accounted for, nothing in two splits."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from distill.corpus.checking.results import Check
from distill.corpus.folder import (
    CorpusSummary,
    digest_of_file,
    files_of,
    read_dropped,
    read_kept,
    read_manifest,
)
from distill.corpus.pictures import FOLDER as IMAGES
from distill.corpus.records import CorpusError


def check_folder(folder: Path, summary: CorpusSummary) -> Iterator[Check]:
    """Files, traces, splits and pictures."""
    yield _files(folder)
    yield _traces(folder, summary)
    yield _splits(folder, summary)
    if summary.pictures is not None:
        yield _pictures(folder, summary)


def _files(folder: Path) -> Check:
    check = Check(part="manifest.json", by="SHA-256 of every file")
    try:
        known = read_manifest(folder)
    except CorpusError as error:
        check.refuse("manifest.json", error)
        return check
    check.rows = len(known)
    there = set(files_of(folder))
    for name in sorted(known.keys() - there):
        check.refuse(name, "the file is missing")
    for name in sorted(there - known.keys()):
        check.refuse(name, "the file was not written with the corpus")
    for name in sorted(known.keys() & there):
        if digest_of_file(folder / name) != known[name]:
            check.refuse(name, "the file has changed")
    return check


def _traces(folder: Path, summary: CorpusSummary) -> Check:
    check = Check(part="notes.jsonl, dropped.jsonl", by="every trace is in a view or dropped with its reason")
    kept = rows = dropped = 0
    try:
        for note in read_kept(folder):
            kept += 1
            rows += sum(note.rows.values())
            if not note.rows:
                check.refuse(note.note_id, "it is said to be kept, and is in no view")
        dropped = sum(1 for _ in read_dropped(folder))
    except CorpusError as error:
        check.refuse("traces", error)
    check.rows = kept + dropped
    if kept + dropped != summary.traces:
        check.refuse("traces", f"{summary.traces:,} were read, {kept:,} are kept and {dropped:,} dropped")
    written = sum(sum(counts.values()) for counts in summary.rows.values())
    if rows != written:
        check.refuse("examples", f"{written:,} were written, the kept traces have {rows:,}")
    return check


def _splits(folder: Path, summary: CorpusSummary) -> Check:
    by = summary.policy.splitting.by
    what = f"group of notes sharing {' or '.join(by)}" if by else "note"
    check = Check(part="splits", by=f"no {what} is in two splits")
    seen: dict[str, str] = {}
    try:
        for note in read_kept(folder):
            check.rows += 1
            shared = [f"note {note.key}", f"group {note.group}"]
            shared += [f"picture {name}" for name in note.pictures] if "pictures" in by else []
            for what in shared:
                other = seen.setdefault(what, note.split)
                if other != note.split:
                    check.refuse(note.note_id, f"{what} is in {other} and in {note.split}")
    except CorpusError as error:
        check.refuse("notes.jsonl", error)
    return check


def _pictures(folder: Path, summary: CorpusSummary) -> Check:
    from PIL import Image, UnidentifiedImageError

    sizes = summary.pictures
    assert sizes is not None
    check = Check(part=f"{IMAGES}/", by=f"named by their SHA-256, opened, at most {sizes.max_side} pixels")
    for file in sorted((folder / IMAGES).glob("*")):
        check.rows += 1
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() != file.stem:
            check.refuse(file.name, "its bytes are not those its name says")
            continue
        try:
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
                image.load()
                if max(image.size) > sizes.max_side:
                    check.refuse(file.name, f"{image.width} x {image.height} pixels")
        except (UnidentifiedImageError, OSError) as error:
            check.refuse(file.name, f"it cannot be opened: {error}")
    check.expect_rows(summary.images)
    return check
