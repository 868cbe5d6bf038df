"""Writing examples: every candidate goes through every view into every form, and what goes by is counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from distill.corpus.exports import Export
from distill.corpus.folder import NOTES
from distill.corpus.gathering import Progress, SourceRun
from distill.corpus.grouping import Place
from distill.corpus.pictures import NotePictures
from distill.corpus.records import DropReason, KeptNote, View
from distill.corpus.store import Candidate, CandidateStore, Loss
from distill.corpus.views import Missing, ViewMaker
from notes.records import Note

_NONE = NotePictures(looks=(), not_shown=0)
_LICENCES = ("license", "licence", "licence_url", "license_url")


@dataclass(kw_only=True)
class Counts:
    """What went by."""

    kept: int = 0
    rows: dict[View, Counter[str]]
    """Examples by view and split."""
    left_out: dict[View, Counter[DropReason]]
    """Kept traces that a view has no example of."""
    notes: Counter[str] = field(default_factory=Counter)
    """By split."""
    licences: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    pictures: set[str] = field(default_factory=set)
    """Names of those that are shown."""

    @classmethod
    def of(cls, views: Sequence[View]) -> "Counts":
        """Nothing yet."""
        return cls(rows={view: Counter() for view in views}, left_out={view: Counter() for view in views})

    def keep(self, note: KeptNote, licence: str) -> None:
        """Count a trace that is in a view."""
        self.kept += 1
        self.notes[note.split] += 1
        self.languages[note.lang] += 1
        self.categories[note.category] += 1
        self.licences[licence] += 1
        self.pictures.update(note.pictures)
        for view, count in note.rows.items():
            self.rows[view][note.split] += count


class ExampleWriter:
    """Writes the examples of a corpus.

    Args:
        folder: Of the corpus.
        views: Which are wanted.
        makers: Of each run.
        writers: The forms.
    """

    def __init__(
        self, folder: Path, views: Sequence[View], makers: Sequence[ViewMaker], writers: Sequence[Export]
    ) -> None:
        self._folder = folder
        self._views = views
        self._makers = makers
        self._writers = writers
        self.counts = Counts.of(views)

    def write(
        self,
        store: CandidateStore,
        runs: Sequence[SourceRun],
        places: Mapping[int, Place],
        pictures: Mapping[int, NotePictures],
        progress: Progress | None = None,
    ) -> None:
        """Write every candidate's examples, and a line of `notes.jsonl`; those without any are lost.

        Args:
            store: Of the candidates.
            runs: They are of.
            places: Split and group by the candidate's number.
            pictures: By the candidate's number.
            progress: Told of every candidate.
        """
        losses = []
        with (self._folder / NOTES).open("wb") as file:
            for candidate in store.candidates():
                place, seen = places[candidate.number], pictures.get(candidate.number, _NONE)
                found = self._examples(candidate, seen, place)
                if isinstance(found, Loss):
                    losses.append(found)
                else:
                    line = _line(candidate, runs[candidate.run].name, place, seen, found)
                    file.write(line.model_dump_json().encode() + b"\n")
                    self.counts.keep(line, licence_of(candidate.note))
                if progress is not None:
                    progress("writing examples", 1)
        store.lose(losses)

    def _examples(self, candidate: Candidate, pictures: NotePictures, place: Place) -> dict[View, int] | Loss:
        found: dict[View, int] = {}
        missing: dict[View, Missing] = {}
        for view in self._views:
            examples = self._makers[candidate.run].make(view, candidate, pictures)
            if isinstance(examples, Missing):
                missing[view] = examples
                continue
            found[view] = len(examples)
            for example in examples:
                for writer in self._writers:
                    writer.write(example, place.split)
        if not found:
            first = next(iter(missing.values()))
            return Loss(number=candidate.number, reason=first.reason, detail=first.detail)
        for view, why in missing.items():
            self.counts.left_out[view][why.reason] += 1
        return found


def licence_of(note: Note) -> str:
    """The licence a note states in one of its columns; empty: none."""
    said = next((note.extra[name] for name in _LICENCES if note.extra.get(name)), "")
    return " ".join(str(said).split())[:120]


def _line(candidate: Candidate, run: str, place: Place, pictures: NotePictures, rows: dict[View, int]) -> KeptNote:
    note = candidate.note
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
