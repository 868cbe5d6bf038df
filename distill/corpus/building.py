"""Building a corpus: from runs to a folder that appears whole or not at all."""

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

import prompts
from distill.corpus.agreeing import agree
from distill.corpus.card import write_card
from distill.corpus.exports import exports
from distill.corpus.folder import (
    CORPUS,
    DROPPED,
    CorpusRun,
    CorpusSummary,
    PictureSizes,
    write_manifest,
)
from distill.corpus.gathering import Progress, SourceRun, gather
from distill.corpus.grouping import Grouped, group
from distill.corpus.pictures import FOLDER as IMAGES
from distill.corpus.pictures import NotePictures, open_pictures, written
from distill.corpus.policy import CorpusPolicy
from distill.corpus.records import (
    SPLITS,
    CorpusError,
    CorpusRefused,
    Dropped,
    DropReason,
)
from distill.corpus.selecting import select
from distill.corpus.store import CandidateStore
from distill.corpus.views import ViewMaker
from distill.corpus.writing import Counts, ExampleWriter
from signatures.student import StudentForm

_MOST_CATEGORIES = 40


def build(
    runs: Sequence[Path],
    out: Path,
    policy: CorpusPolicy | None = None,
    *,
    notes: Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> CorpusSummary:
    """Build a corpus; the same runs give the same bytes.

    Args:
        runs: Their folders, in any order.
        out: The corpus's folder.
        policy: What goes in.
        notes: Where the notes are, if they have moved.
        overwrite: Whether a corpus that is there may be replaced.
        progress: Told what is being done.

    Raises:
        CorpusRefused: `out` is taken.
        CorpusError: a run cannot be used, nothing is left, or a library is missing.
        prompts.PromptError: there are no such words for the student.
    """
    policy = policy or CorpusPolicy()
    _refuse(out, overwrite)
    _require_libraries()
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        with CandidateStore() as store:
            summary = _Building(store, part, policy, progress).run(runs, notes)
        if not summary.accounted:
            raise CorpusError(
                f"{summary.traces:,} traces were read, but {summary.kept:,} are kept and "
                f"{sum(summary.dropped.values()):,} dropped: this is a defect, please report it"
            )
        old = out.with_name(f".{out.name}.old.{os.getpid()}")
        if out.exists():
            out.rename(old)
        part.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return summary


def _refuse(out: Path, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise CorpusRefused(f"{out} is a file; name a folder for the corpus")
    if not any(out.iterdir()):
        return
    if not (out / CORPUS).is_file():
        raise CorpusRefused(f"{out} holds other files; name a new folder for the corpus")
    if not overwrite:
        raise CorpusRefused(f"{out} holds a corpus; add --overwrite to replace it, or name another folder")


def _require_libraries() -> None:
    try:
        import datasketch  # noqa: F401
        import imagehash  # noqa: F401
    except ImportError as error:
        raise CorpusError(f"{error.name} is not installed: pip install 'tagllm[student]'") from None


class _Building:
    def __init__(self, store: CandidateStore, folder: Path, policy: CorpusPolicy, progress: Progress | None) -> None:
        self._store = store
        self._folder = folder
        self._policy = policy
        self._progress = progress

    def run(self, folders: Sequence[Path], notes: Path | None) -> CorpusSummary:
        policy, store = self._policy, self._store
        words = prompts.named(policy.words)
        runs = gather(folders, store, notes=notes, with_pictures=policy.with_pictures, progress=self._progress)
        several = agree(store, runs, policy.selection)
        select(store, runs, policy.selection, self._progress)
        images = self._folder / IMAGES
        pictures: dict[int, NotePictures] = {}
        if policy.with_pictures:
            images.mkdir()
            pictures = open_pictures(store, runs, policy.pictures, images, self._progress)
        grouped = group(store, policy, pictures, self._progress)
        forms = [StudentForm(words, run.limits, show_hashtags=run.shows_hashtags) for run in runs]
        form = forms[0] if forms else StudentForm(words)
        schemas = {step: form.response_format(step) for step in form.signatures}
        has_pictures = any(number in pictures for number in grouped.places)
        writers = exports(
            self._folder,
            policy.formats,
            with_pictures=has_pictures,
            model=policy.model,
            response_formats=schemas,
        )
        makers = [ViewMaker(form, policy.selection.max_chars) for form in forms]
        writing = ExampleWriter(self._folder, policy.views, makers, writers)
        try:
            writing.write(store, runs, grouped.places, pictures, self._progress)
        finally:
            for writer in writers:
                writer.close()
        for file in written(self._folder):
            if file.name not in writing.counts.pictures:
                file.unlink()
        if policy.with_pictures and not has_pictures:
            images.rmdir()
        dropped = self._write_dropped(runs)
        summary = self._summary(runs, writing.counts, dropped, several, grouped, schemas, words.digest)
        data = orjson.dumps(summary.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        (self._folder / CORPUS).write_bytes(data)
        write_card(self._folder, summary)
        write_manifest(self._folder)
        return summary

    def _write_dropped(self, runs: Sequence[SourceRun]) -> Counter[DropReason]:
        counts: Counter[DropReason] = Counter()
        with (self._folder / DROPPED).open("wb") as file:
            for run, id, reason, detail, instead in self._store.lost():
                line = Dropped(run=runs[run].name, note_id=id, reason=reason, detail=detail, instead=instead)
                file.write(line.model_dump_json().encode() + b"\n")
                counts[reason] += 1
        return counts

    def _summary(
        self,
        runs: Sequence[SourceRun],
        counts: Counts,
        dropped: Counter[DropReason],
        several: int,
        grouped: Grouped,
        schemas: Mapping[str, Any],
        words: str,
    ) -> CorpusSummary:
        policy = self._policy
        sizes = None
        if policy.with_pictures:
            side = policy.pictures.max_side
            sizes = PictureSizes(policy=policy.pictures.name, max_side=side, max_pixels=side * side)
        return CorpusSummary(
            policy=policy,
            runs=tuple(map(_run, runs)),
            traces=sum(run.traces for run in runs),
            kept=counts.kept,
            dropped=dict(sorted(dropped.items(), key=lambda item: (-item[1], item[0]))),
            several_runs=several,
            rows={view: {split: counts.rows[view][split] for split in SPLITS} for view in policy.views},
            left_out={view: dict(sorted(found.items())) for view, found in counts.left_out.items() if found},
            notes={split: counts.notes[split] for split in SPLITS},
            groups=grouped.groups,
            largest_group=grouped.largest,
            pictures=sizes,
            images=len(counts.pictures),
            licences=_most(counts.licences),
            languages=_most(counts.languages),
            categories=_most(counts.categories),
            schemas=dict(schemas),
            words=words,
        )


def _most(counts: Counter[str]) -> dict[str, int]:
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return dict(found[:_MOST_CATEGORIES])


def _run(run: SourceRun) -> CorpusRun:
    said = run.description
    return CorpusRun(
        name=run.name,
        fingerprint=said.fingerprint,
        traces=run.traces,
        failures=run.failures,
        finished=run.is_finished,
        teacher=said.teacher,
        model=said.model,
        model_revision=said.model_revision,
        prompts=said.prompts,
        handbook=said.handbook.digest if said.handbook is not None else "",
        graph=said.graph,
        limits=run.limits.model_dump(mode="json"),
    )
