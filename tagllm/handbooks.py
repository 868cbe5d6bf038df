"""What `tagllm handbook build`, `update` and `index` do: mine, name, write, index."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from graphs.handbook import HandbookContext, build_handbook
from handbook import Handbook, HandbookError, load
from handbook.arrays import Progress as Report
from handbook.evidence import write_evidence
from handbook.file import FILE
from handbook.folder import Manifest, index_handbook
from handbook.mine import mine
from handbook.mine.behaviour import FILE as BEHAVIOUR
from handbook.mine.phrases import FILE as NOTES
from handbook.mine.records import FILE as MINING
from handbook.mine.records import Gathered, MiningOptions
from handbook.update import Change, changes, merged
from handbook.writing import write
from notes.reading import read_notes
from signatures.handbook import evidence_program, llm_handbook_program
from signatures.handbook.questions import Finding
from tagllm.teaching import TeacherChoice, open_engine
from tagllm.telling import telling
from teachers.embedded import Encoder

if TYPE_CHECKING:
    from teachers.vllm.engine import VllmEngine


@dataclass(frozen=True)
class Built:
    """A handbook as it was written."""

    folder: Path
    handbook: Handbook
    manifest: Manifest
    counts: dict[str, int]
    """Rows read, used, rejected …"""
    findings: tuple[Finding, ...] = ()
    """What in the answers did not hold, and was mended."""
    changes: tuple[Change, ...] = ()
    """Of an update."""

    @property
    def rejected(self) -> int:
        """Rows that were no note or no interaction."""
        return sum(count for what, count in self.counts.items() if what.startswith("rejected"))


def build(
    notes: Path,
    out: Path,
    *,
    split: str | None = None,
    interactions: Path | None = None,
    options: MiningOptions | None = None,
    name: str = "",
    teacher: TeacherChoice | None = None,
    encoder: Encoder | None = None,
    quiet: bool = False,
) -> Built:
    """Mine a handbook and index it.

    Args:
        notes: File or folder of notes.
        out: Folder of the handbook; made when missing.
        split: Only notes of this split.
        interactions: File of interactions; None: authors' hashtags are the behaviour.
        options: How behaviour is read.
        name: Of the handbook; the notes' file name when empty.
        teacher: Who names and describes interests; by default the evidence does.
        encoder: Used when one is at hand.
        quiet: No progress bar.

    Raises:
        HandbookError: there is a handbook in `out` already.
        notes.reading.UnreadableInput: the notes or the interactions cannot be read.
        prompts.PromptError: there are no such words.
        teachers.vllm.launch.ServerError: the model's server cannot be used.
        teachers.store.StoreError: the request cache cannot be used.
    """
    if (out / FILE).exists():
        raise HandbookError(
            f"{out / FILE} exists; bring it up to date with: tagllm handbook update {out} --interactions FILE, "
            "or choose another --out"
        )
    out.mkdir(parents=True, exist_ok=True)
    for left in (NOTES, BEHAVIOUR, MINING):  # of a build that was cut off: they would be counted again
        (out / left).unlink(missing_ok=True)
    encoder = encoder or Encoder()
    options = options or MiningOptions()
    with ExitStack() as stack:
        engine = open_engine(teacher, stack) if teacher is not None and teacher.name == "vllm" else None
        progress = stack.enter_context(_told(quiet))

        def gather() -> Gathered:
            rows = read_notes(notes, split=split)
            return mine(rows, interactions, folder=out, options=options, progress=progress)

        called = name or notes.name.split(".")[0]
        mined, gathered, findings = _run(gather, encoder, called, progress, engine, teacher or TeacherChoice())
        counts = gathered.counts
        write_evidence(out, gathered.evidence)
        del gathered  # learning wants the room
        write(out, mined)
        manifest = index_handbook(out, encoder, handbook=mined, progress=progress)
    return Built(out, mined, manifest, counts, findings)


def update(
    folder: Path,
    interactions: Path,
    *,
    notes: Path | None = None,
    options: MiningOptions | None = None,
    teacher: TeacherChoice | None = None,
    encoder: Encoder | None = None,
    quiet: bool = False,
) -> Built:
    """Count again over old and new behaviour, and bring the handbook in `folder` up to date.

    Args:
        folder: Of a handbook that was mined.
        interactions: New ones; those of before are kept in the folder.
        notes: New notes, or notes that were changed.
        options: How behaviour is read; None: as it was for the build.
        teacher: Who names and describes interests that are new or speak of something else; by default the evidence
            does.
        encoder: Used when one is at hand.
        quiet: No progress bar.

    Raises:
        HandbookError: there is no handbook, or nothing of what it was mined from.
        notes.reading.UnreadableInput: the notes or the interactions cannot be read.
        prompts.PromptError: there are no such words.
        teachers.vllm.launch.ServerError: the model's server cannot be used.
        teachers.store.StoreError: the request cache cannot be used.
    """
    old = load(folder)
    if not (folder / NOTES).is_file() and notes is None:
        raise HandbookError(
            f"{folder / NOTES} is missing: the handbook was written by hand; give its notes: --notes FILE"
        )
    encoder = encoder or Encoder()
    with ExitStack() as stack:
        engine = open_engine(teacher, stack) if teacher is not None and teacher.name == "vllm" else None
        progress = stack.enter_context(_told(quiet))

        def gather() -> Gathered:
            rows = read_notes(notes) if notes is not None else None
            return mine(rows, interactions, folder=folder, options=options, progress=progress)

        mined, gathered, findings = _run(gather, encoder, old.name, progress, engine, teacher or TeacherChoice())
        new = merged(old, mined)
        write_evidence(folder, gathered.evidence)
        write(folder, new)
        manifest = index_handbook(folder, encoder, progress=progress)
    return Built(folder, new, manifest, gathered.counts, findings, tuple(changes(old, new)))


def index(folder: Path, *, encoder: Encoder | None = None, quiet: bool = False) -> Manifest:
    """Make what is derived from the handbook in `folder` anew.

    Raises:
        HandbookError: the handbook cannot be used.
    """
    with _told(quiet) as progress:
        return index_handbook(folder, encoder or Encoder(), progress=progress)


def _run(
    gather: Callable[[], Gathered],
    encoder: Encoder,
    name: str,
    progress: Report | None,
    engine: "VllmEngine | None" = None,
    teacher: TeacherChoice | None = None,
) -> tuple[Handbook, Gathered, tuple[Finding, ...]]:
    program = evidence_program()
    if engine is not None and teacher is not None:
        from teachers.vllm.engine import vllm_lm

        lm = vllm_lm(engine, temperature=teacher.temperature, max_tokens=teacher.max_tokens)
        program = llm_handbook_program(lm, words=teacher.prompts or "handbook/v1", revision=engine.revision)
    context = HandbookContext(program=program, gather=gather, encoder=encoder, progress=progress)

    async def run() -> dict[str, Any]:
        try:
            return await build_handbook().ainvoke({"name": name}, context=context)
        finally:
            if engine is not None:
                await engine.aclose()

    found = asyncio.run(run())
    return found["handbook"], found["gathered"], found["findings"]


def _told(quiet: bool) -> AbstractContextManager[Report]:
    return telling(Console(stderr=True, highlight=False, quiet=quiet))


__all__ = ["Built", "build", "index", "update"]
