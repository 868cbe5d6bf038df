"""Reading a run's folder, finished or not: the one reader for reports, corpora and people's own programs.

run.json                      what made it
traces/part-00000.jsonl …     a trace a line
failures.jsonl                a failure a line, in the order they happened
rejects.jsonl                 rows that were no notes
summary.json                  what became of the notes; there once the run has finished
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from distill.runs.description import RunDescription, RunError
from distill.runs.lines import Damage, OnDamaged, lines, note_id
from distill.runs.summary import RunSummary
from notes.records import Failure, Record, Reject, Trace

DESCRIPTION = "run.json"
TRACES = "traces"
FAILURES = "failures.jsonl"
REJECTS = "rejects.jsonl"
SUMMARY = "summary.json"

R = TypeVar("R", bound=Record)


def read_description(folder: Path | str) -> RunDescription:
    """What made the run.

    Raises:
        RunError: the folder holds no run, or one of another format.
    """
    file = Path(folder) / DESCRIPTION
    if not file.is_file():
        raise RunError(f"{folder} is no run: it holds no {DESCRIPTION}; make one with: tagllm run NOTES --out {folder}")
    return _read(file, RunDescription)


def read_summary(folder: Path | str) -> RunSummary | None:
    """What became of the notes; None: the run has not finished.

    Raises:
        RunError: the file is damaged.
    """
    file = Path(folder) / SUMMARY
    return _read(file, RunSummary) if file.is_file() else None


def read_traces(folder: Path | str, *, on_damaged: OnDamaged | None = None) -> Iterator[Trace]:
    """The traces, part by part, one in memory at a time.

    Args:
        folder: Of the run.
        on_damaged: Gets every damaged line, which is then passed over. Without it a changed line is an error; the
            line at a file's end that is only being written, or was torn off, is not.

    Raises:
        RunError: a line is damaged, and nobody wants it.
    """
    for part in parts(folder):
        yield from _records(part, Trace, on_damaged)


def read_failures(
    folder: Path | str, *, history: bool = False, on_damaged: OnDamaged | None = None
) -> Iterator[Failure]:
    """The failures that count: the last of each note, unless the note was tagged since.

    Args:
        folder: Of the run.
        history: Every failure that was written, also of notes that were asked again.
        on_damaged: As for `read_traces`.

    Raises:
        RunError: as `read_traces`.
    """
    file = Path(folder) / FAILURES
    if history:
        yield from _records(file, Failure, on_damaged)
        return
    last: dict[str, int] = {}
    for line in lines(file, _nobody):
        id = note_id(line.body)
        if id is not None:
            last[id] = line.number
    if not last:
        yield from _records(file, Failure, on_damaged)  # only damage, if anything
        return
    for part in parts(folder):
        for line in lines(part, _nobody):
            last.pop(note_id(line.body) or "", None)
    counting = set(last.values())
    for number, failure in _numbered(file, Failure, on_damaged):
        if number in counting:
            yield failure


def read_rejects(folder: Path | str, *, on_damaged: OnDamaged | None = None) -> Iterator[Reject]:
    """The rows that were no notes, those whose id occurred before among them (`duplicate_id`).

    Args:
        folder: Of the run.
        on_damaged: As for `read_traces`.

    Raises:
        RunError: as `read_traces`.
    """
    yield from _records(Path(folder) / REJECTS, Reject, on_damaged)


def parts(folder: Path | str) -> list[Path]:
    """The files that hold traces, in order."""
    return sorted((Path(folder) / TRACES).glob("part-*.jsonl"))


def _records(file: Path, kind: type[R], on_damaged: OnDamaged | None) -> Iterator[R]:
    for _, record in _numbered(file, kind, on_damaged):
        yield record


def _numbered(file: Path, kind: type[R], on_damaged: OnDamaged | None) -> Iterator[tuple[int, R]]:
    for line in lines(file, on_damaged or _refuse):
        try:
            yield line.number, kind.model_validate_json(line.record)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise RunError(
                f"{file}:{line.number}: no {kind.__name__} as this version writes it: {where}: {first['msg']}"
            ) from None


def _read(file: Path, kind: type[R]) -> R:
    try:
        return kind.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "no valid JSON"
        raise RunError(f"{file}: {where}: {first['msg']}; it was made by another version, or is damaged") from None


def _refuse(damage: Damage) -> None:
    if damage.kind == "checksum":
        raise RunError(f"{damage}; see what is damaged: tagllm runs verify {damage.file.parent}")


def _nobody(_: Damage) -> None:
    """Counted by another pass."""
