"""Runs written line by line, as `distill.runs` writes them."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from distill.runs import NotesSource, RunDescription, RunSummary
from distill.runs.audit import Audit
from distill.runs.description import HandbookSource
from distill.runs.lines import sealed
from notes.pictures import PictureStore
from notes.reading import read_notes
from notes.records import (
    STEPS,
    Decision,
    DraftTag,
    Evidence,
    Failure,
    FailureReason,
    FinalTag,
    MatchedInterest,
    Note,
    Record,
    Reject,
    RetrievedInterest,
    StepRecord,
    Trace,
)
from notes.writing import JsonlWriter
from tagllm.report.page import unpacked_json

MARKUP = '</script><script>window.hit=1</script>"><img src=x onerror="window.hit=1"><!-- &amp; \u2028'
LONG = "unbroken" * 1250


def write_notes(file: Path, notes: Iterable[Note]) -> list[Note]:
    """The notes as they are read back, so that their digests are those a run sees."""
    file.parent.mkdir(parents=True, exist_ok=True)
    writer = JsonlWriter(file)
    for note in notes:
        writer.write(note.model_copy(update={"extra": {}}))
    writer.close()
    return [note for note in read_notes(file) if isinstance(note, Note)]


def trace(
    note: Note,
    tags: Sequence[str],
    *,
    dropped: Sequence[str] = (),
    interest: str = "travel.city-night-views",
    pictures: PictureStore | None = None,
    milliseconds: float = 10.0,
    request: Any = None,
) -> Trace:
    """What a run keeps of a note that got these tags, each with itself as its quote."""
    seen = tuple(pictures.open(ref).record(number) for number, ref in enumerate(note.images, 1)) if pictures else ()
    return Trace(
        note_id=note.id,
        note_digest=note.digest,
        lang=note.lang,
        category=note.category,
        steps=tuple(
            StepRecord(name=name, program="made", milliseconds=milliseconds, request=request, answer={"tags": [*tags]})
            for name in STEPS
        ),
        pictures=seen,
        retrieved=(RetrievedInterest(id=interest, name=f"name of {interest}", score=0.8),),
        matched=(MatchedInterest(id=interest, name=f"name of {interest}", probability=0.9, why="the words"),),
        drafts=tuple(DraftTag(tag=tag, score=0.5) for tag in (*tags, *dropped)),
        decisions=tuple(
            Decision(tag=tag, action="dropped", step="refine", reason="too_general", detail="in every note")
            for tag in dropped
        ),
        tags=tuple(
            FinalTag(
                tag=tag,
                confidence=round(0.9 - 0.1 * number, 2),
                interest=interest,
                evidence=(Evidence(source="title" if tag in note.title else "content", quote=tag),),
            )
            for number, tag in enumerate(tags)
        ),
        teacher="made",
        model="made-1",
    )


def failure(note: Note, reason: FailureReason = "unparsed", **fields: Any) -> Failure:
    """What a run keeps of a note that got no tags."""
    given: dict[str, Any] = {"step": "draft", "message": "the answer is no JSON", "answer": "tags: none"} | fields
    return Failure(note_id=note.id, note_digest=note.digest, reason=reason, **given)


def write_run(
    folder: Path,
    notes: Path | None,
    outcomes: Iterable[Trace | Failure],
    rejects: Sequence[Reject] = (),
    *,
    configuration: dict[str, Any] | None = None,
    handbook: HandbookSource | None = None,
    finished: bool = True,
    audit: Audit | None = None,
    **counts: int,
) -> Path:
    """A run's folder. `counts` are what its summary says where that is not what it holds."""
    kinds: dict[type[Record], list[Record]] = {Trace: [], Failure: []}
    for outcome in outcomes:
        kinds[type(outcome)].append(outcome)
    (folder / "traces").mkdir(parents=True)
    (folder / "traces" / "part-00000.jsonl").write_bytes(b"".join(map(sealed, kinds[Trace])))
    (folder / "failures.jsonl").write_bytes(b"".join(map(sealed, kinds[Failure])))
    (folder / "rejects.jsonl").write_bytes(b"".join(map(sealed, rejects)))
    description = RunDescription(
        fingerprint="0" * 32,
        configuration=configuration or {"teacher": "made"},
        notes=NotesSource(path=str(notes.resolve()) if notes is not None else None),
        created_at=datetime(2026, 3, 1, 20, tzinfo=UTC),
        handbook=handbook,
        teacher="made",
        model="made-1",
    )
    (folder / "run.json").write_text(description.model_dump_json(), "utf-8")
    if finished:
        duplicate = sum(reject.reason == "duplicate_id" for reject in rejects)
        said = {
            "tagged": len(kinds[Trace]),
            "failed": len(kinds[Failure]),
            "rejected": len(rejects) - duplicate,
            "duplicate": duplicate,
        } | counts
        summary = RunSummary.model_validate({"read": sum(said.values()), "seconds": 61.0} | said)
        summary = summary.model_copy(update={"audit": audit or Audit()})
        (folder / "summary.json").write_text(summary.model_dump_json(), "utf-8")
    return folder


def reject(line: int, reason: Any = "missing_id", **fields: Any) -> Reject:
    """A row that was no note."""
    return Reject(source="notes.jsonl", line=line, reason=reason, message=f"row {line} is no note", **fields)


def data_of(page: Path, id: str) -> Any:
    """A block of data of a page that was written."""
    text = page.read_text("utf-8")
    start = text.index(f'<script type="application/json" id="{id}">')
    start = text.index(">", start) + 1
    value = json.loads(text[start : text.index("</script>", start)])
    return json.loads(unpacked_json(value)) if isinstance(value, str) else value


def heads_of(page: Path) -> list[dict[str, Any]]:
    """The notes that a page lists, in their order."""
    chunks = data_of(page, "facts")["chunks"]["heads"]
    found = [head for number in range(chunks) for head in data_of(page, f"heads-{number}")]
    return sorted(found, key=lambda head: head["place"])
