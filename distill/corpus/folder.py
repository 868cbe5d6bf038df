"""A corpus on disk: what it says of itself, and reading it back.

corpus.json       what made it, and how many of everything; written last but for the manifest
notes.jsonl       a line for every trace that is in a view
dropped.jsonl     a line for every trace that is in none, with its reason
images/           every picture once, named by its SHA-256
trl/ sharegpt/ openai/ batch/   the examples, in the forms of their readers
README.md plots/  the card
manifest.json     SHA-256 of every other file
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import orjson
from pydantic import Field, JsonValue, ValidationError

from distill.corpus.policy import CorpusPolicy
from distill.corpus.records import CorpusError, Dropped, DropReason, KeptNote, Split, View
from notes.records import Record

CORPUS = "corpus.json"
NOTES = "notes.jsonl"
DROPPED = "dropped.jsonl"
CARD = "README.md"
MANIFEST = "manifest.json"
FORMAT = "tagllm-corpus/1"

R = TypeVar("R", bound=Record)


class CorpusRun(Record):
    """A run that went in."""

    name: str
    fingerprint: str
    traces: int
    failures: int
    """Notes that got no tags; there is nothing to learn from them."""
    finished: bool
    """Whether all its notes were tagged when the corpus was built."""
    teacher: str
    model: str
    model_revision: str = ""
    prompts: dict[str, str] = Field(default_factory=dict)
    handbook: str = ""
    """Digest; empty: none."""
    graph: str
    limits: dict[str, JsonValue] = Field(default_factory=dict)
    """House form of its tags, as the student is told it."""


class PictureSizes(Record):
    """How pictures were resized, and how trainers are told to leave them so."""

    policy: str
    max_side: int
    """Pixels."""
    max_pixels: int
    """For LLaMA-Factory's `image_max_pixels` and ms-swift's `MAX_PIXELS`, whose defaults differ 20-fold."""


class CorpusSummary(Record):
    """What a corpus is made of."""

    format: Literal["tagllm-corpus/1"] = FORMAT
    policy: CorpusPolicy
    runs: tuple[CorpusRun, ...]
    traces: int
    """Of all runs: kept + dropped."""
    kept: int
    dropped: dict[DropReason, int]
    several_runs: int
    """Notes that several runs tagged."""
    rows: dict[View, dict[Split, int]]
    left_out: dict[View, dict[DropReason, int]]
    """Kept traces that a view has no example of."""
    notes: dict[Split, int]
    groups: int
    """Of notes nearly the same; none is divided between splits."""
    largest_group: int
    """Notes."""
    pictures: PictureSizes | None
    """None: a corpus of text alone."""
    images: int
    """Files."""
    licences: dict[str, int]
    """Kept notes by the licence they state."""
    languages: dict[str, int]
    categories: dict[str, int]
    """Kept notes by category, the most frequent ones."""
    schemas: dict[str, Any]
    """Of the student's answers, by step."""
    words: str
    """Digest of the words that the student is asked with."""

    @property
    def accounted(self) -> bool:
        """Whether every trace is in a view or dropped with a reason."""
        return self.traces == self.kept + sum(self.dropped.values())


def read_summary(folder: Path | str) -> CorpusSummary:
    """What the corpus in `folder` says of itself.

    Raises:
        CorpusError: there is none, or it was made by another version.
    """
    file = Path(folder) / CORPUS
    if not file.is_file():
        raise CorpusError(
            f"{folder} is no corpus: it holds no {CORPUS}; make one: tagllm corpus build RUN --out {folder}"
        )
    return _parsed(file.read_bytes(), CorpusSummary, str(file))


def read_kept(folder: Path | str) -> Iterator[KeptNote]:
    """The traces that are in a view.

    Raises:
        CorpusError: a line is none of ours.
    """
    yield from _records(Path(folder) / NOTES, KeptNote)


def read_dropped(folder: Path | str) -> Iterator[Dropped]:
    """The traces that are in none, with their reasons.

    Raises:
        CorpusError: a line is none of ours.
    """
    yield from _records(Path(folder) / DROPPED, Dropped)


def write_manifest(folder: Path) -> None:
    """Write down the digest of every file."""
    files = {name: digest_of_file(folder / name) for name in files_of(folder)}
    data = orjson.dumps({"files": files}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (folder / MANIFEST).write_bytes(data)


def read_manifest(folder: Path) -> dict[str, str]:
    """SHA-256 by file.

    Raises:
        CorpusError: there is none, or it is damaged.
    """
    file = folder / MANIFEST
    try:
        found = orjson.loads(file.read_bytes())["files"]
        return {str(name): str(digest) for name, digest in found.items()}
    except FileNotFoundError:
        raise CorpusError(f"{file} is missing; build the corpus again") from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CorpusError(f"{file} is damaged: {error}; build the corpus again") from None


def files_of(folder: Path) -> list[str]:
    """Every file but the manifest, relative to the folder; links are not followed."""
    found = (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return sorted(name for file in found if (name := file.relative_to(folder).as_posix()) != MANIFEST)


def digest_of_file(file: Path) -> str:
    """SHA-256 of its bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _records(file: Path, kind: type[R]) -> Iterator[R]:
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield _parsed(line, kind, f"{file}:{number}")
    except FileNotFoundError:
        raise CorpusError(f"{file} is missing; build the corpus again") from None


def _parsed(data: bytes, kind: type[R], where: str) -> R:
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        what = ".".join(map(str, first["loc"])) or "no valid JSON"
        raise CorpusError(f"{where}: {what}: {first['msg']}; it was made by another version, or is damaged") from None
