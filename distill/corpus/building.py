"""Building a corpus: from runs to a folder that appears whole or not at all."""

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

import prompts
from distill.corpus.agreeing import agree
from distill.corpus.card import write_card
from distill.corpus.exports import Export, exports
from distill.corpus.folder import (
    CORPUS,
    DROPPED,
    NOTES,
    CorpusRun,
    CorpusSummary,
    PictureSizes,
    write_manifest,
)
from distill.corpus.gathering import Progress, SourceRun, gather
from distill.corpus.grouping import Grouped, Place, group
from distill.corpus.pictures import FOLDER as IMAGES
from distill.corpus.pictures import NotePictures, open_pictures, written
from distill.corpus.policy import CorpusPolicy
from distill.corpus.records import (
    SPLITS,
    CorpusError,
    CorpusRefused,
    Dropped,
    DropReason,
    KeptNote,
    View,
)
from distill.corpus.selecting import select
from distill.corpus.store import Candidate, CandidateStore, Loss
from distill.corpus.views import Missing, ViewMaker
from notes.records import Note
from signatures.student import StudentForm

_NONE = NotePictures(looks=(), not_shown=0)
_MOST_CATEGORIES = 40
_LICENCES = ("license", "licence", "licence_url", "license_url")


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
        if out.exists():
            shutil.rmtree(out)
        part.rename(out)
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


@dataclass(kw_only=True)
class _Counts:
    """What goes by while examples are written."""

    kept: int = 0
    rows: dict[View, Counter[str]]
    left_out: dict[View, Counter[DropReason]]
    notes: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)


class _Building:
    def __init__(self, store: CandidateStore, folder: Path, policy: CorpusPolicy, progress: Progress | None) -> None:
        self._store = store
        self._folder = folder
        self._policy = policy
        self._progress = progress
        self._counts = _Counts(
            rows={view: Counter() for view in policy.views}, left_out={view: Counter() for view in policy.views}
        )

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
        try:
            shown = self._write(makers, runs, writers, grouped, pictures)
        finally:
            for writer in writers:
                writer.close()
        for file in written(self._folder):
            if file.name not in shown:
                file.unlink()
        if policy.with_pictures and not has_pictures:
            images.rmdir()
        dropped = self._write_dropped(runs)
        summary = self._summary(runs, dropped, several, grouped, len(shown), schemas, words.digest)
        data = orjson.dumps(summary.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        (self._folder / CORPUS).write_bytes(data)
        write_card(self._folder, summary)
        write_manifest(self._folder)
        return summary

    def _write(
        self,
        makers: Sequence[ViewMaker],
        runs: Sequence[SourceRun],
        writers: Sequence[Export],
        grouped: Grouped,
        pictures: Mapping[int, NotePictures],
    ) -> set[str]:
        """Write every example; returns the names of the pictures that are shown."""
        shown: set[str] = set()
        losses = []
        with (self._folder / NOTES).open("wb") as file:
            for candidate in self._store.candidates():
                place = grouped.places[candidate.number]
                seen = pictures.get(candidate.number, _NONE)
                found = self._examples(makers[candidate.run], candidate, seen, writers, place)
                if isinstance(found, Loss):
                    losses.append(found)
                else:
                    line = self._kept(candidate, runs[candidate.run].name, place, seen, found)
                    file.write(line.model_dump_json().encode() + b"\n")
                    shown.update(line.pictures)
                if self._progress is not None:
                    self._progress("writing examples", 1)
        self._store.lose(losses)
        return shown

    def _examples(
        self,
        maker: ViewMaker,
        candidate: Candidate,
        pictures: NotePictures,
        writers: Sequence[Export],
        place: Place,
    ) -> dict[View, int] | Loss:
        found: dict[View, int] = {}
        missing: dict[View, Missing] = {}
        for view in self._policy.views:
            examples = maker.make(view, candidate, pictures)
            if isinstance(examples, Missing):
                missing[view] = examples
                continue
            found[view] = len(examples)
            self._counts.rows[view][place.split] += len(examples)
            for example in examples:
                for writer in writers:
                    writer.write(example, place.split)
        if not found:
            first = next(iter(missing.values()))
            return Loss(number=candidate.number, reason=first.reason, detail=first.detail)
        for view, why in missing.items():
            self._counts.left_out[view][why.reason] += 1
        return found

    def _kept(
        self, candidate: Candidate, run: str, place: Place, pictures: NotePictures, rows: dict[View, int]
    ) -> KeptNote:
        counts, note = self._counts, candidate.note
        counts.kept += 1
        counts.notes[place.split] += 1
        counts.languages[candidate.trace.lang] += 1
        counts.categories[note.category[:120]] += 1
        counts.licences[licence_of(note)] += 1
        return KeptNote(
            key=candidate.key,
            run=run,
            note_id=note.id,
            note_digest=note.digest,
            split=place.split,
            group=place.group,
            category=note.category[:120],
            lang=candidate.trace.lang,
            pictures=tuple(look.name for look in pictures.looks),
            rows=rows,
        )

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
        dropped: Counter[DropReason],
        several: int,
        grouped: Grouped,
        images: int,
        schemas: Mapping[str, Any],
        words: str,
    ) -> CorpusSummary:
        counts, policy = self._counts, self._policy
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
            images=images,
            licences=_most(counts.licences),
            languages=_most(counts.languages),
            categories=_most(counts.categories),
            schemas=dict(schemas),
            words=words,
        )


def licence_of(note: Note) -> str:
    """The licence a note states in one of its columns; empty: none."""
    said = next((note.extra[name] for name in _LICENCES if note.extra.get(name)), "")
    return " ".join(str(said).split())[:120]


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
        teacher=said.teacher,
        model=said.model,
        model_revision=said.model_revision,
        prompts=said.prompts,
        handbook=said.handbook.digest if said.handbook is not None else "",
        graph=said.graph,
        limits=run.limits.model_dump(mode="json"),
    )
