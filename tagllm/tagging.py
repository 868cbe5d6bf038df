"""What `tagllm tag` does: read, tag, show, write."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from graphs.tagging import build_tagging, tag_notes
from notes.reading import read_notes
from notes.records import Failure, Note, Reject, Trace
from notes.writing import JsonlWriter
from signatures.questions import TagLimits
from tagllm.setup import Setup, tagging_setup
from tagllm.showing import OutcomeTable, console, explained, printable
from tagllm.teaching import TeacherChoice


@dataclass
class Counts:
    """What became of the rows."""

    tagged: int = 0
    failed: int = 0
    rejected: int = 0
    missing: tuple[str, ...] = ()
    """Ids that were asked for and do not occur."""

    @property
    def all_tagged(self) -> bool:
        return not (self.failed or self.rejected or self.missing)

    def __str__(self) -> str:
        parts = [f"{self.tagged} tagged", f"{self.failed} failed", f"{self.rejected} rejected"]
        return ", ".join(parts)


def run_tag(
    path: Path,
    *,
    split: str | None = None,
    limit: int | None = None,
    ids: tuple[str, ...] = (),
    handbook: Path | None = None,
    fused: bool = False,
    limits: TagLimits | None = None,
    teacher: TeacherChoice | None = None,
    fetch: bool = False,
    show_hashtags: bool = False,
    explain: int = 0,
    out: Path | None = None,
    as_json: bool = False,
) -> Counts:
    """Tag the notes in `path`; standard output gets a table or JSON lines, standard error the rest.

    Raises:
        notes.reading.UnreadableInput: the notes as a whole cannot be read.
        handbook.HandbookError: the handbook cannot be used.
        prompts.PromptError: there are no such words.
        teachers.vllm.launch.ServerError: the model's server cannot be used.
        teachers.store.StoreError: a cache cannot be used.
    """
    messages = Console(stderr=True, highlight=False)
    folder = path if path.is_dir() else path.parent
    teacher = teacher or TeacherChoice()
    with messages.status("loading") if messages.is_terminal and teacher.name == "embedded" else nullcontext():
        setup = tagging_setup(
            folder,
            teacher=teacher,
            handbook=handbook,
            fetch=fetch,
            limits=limits,
            show_hashtags=show_hashtags,
            fused=fused,
        )
    with closing(setup):
        rows = read_notes(path, split=split, ids=set(ids) or None, limit=limit, pictures=setup.pictures)
        return asyncio.run(
            _run(
                rows,
                setup,
                messages,
                ids=ids,
                limit=limit,
                fused=fused,
                concurrency=teacher.notes_at_a_time,
                explain=explain,
                out=out,
                as_json=as_json,
            )
        )


async def _run(
    rows: Iterator[Note | Reject],
    setup: Setup,
    messages: Console,
    *,
    ids: tuple[str, ...],
    limit: int | None,
    fused: bool,
    concurrency: int,
    explain: int,
    out: Path | None,
    as_json: bool,
) -> Counts:
    counts = Counts()
    shown = console()
    titles: dict[str, str] = {}
    seen: set[str] = set()
    table = None if as_json else OutcomeTable()

    def titled() -> Iterator[Note | Reject]:
        for row in rows:
            if isinstance(row, Note) and not as_json:
                titles[row.id] = row.title or row.content
            yield row

    async with AsyncExitStack() as stack:
        stack.push_async_callback(setup.disconnect)
        writers = stack.enter_context(_Writers(out))
        progress = stack.enter_context(_progress(messages, limit or (len(ids) or None)))
        task = progress.tasks[0].id
        graph = build_tagging(fused=fused)
        async for outcome in tag_notes(graph, titled(), setup.context, concurrency=concurrency):
            writers.write(outcome)
            if isinstance(outcome, Reject):
                counts.rejected += 1
                where = f"{Path(outcome.source).name}:{outcome.line}"
                messages.print(
                    f"rejected {printable(where)}: {outcome.reason}: {printable(outcome.message)}", markup=False
                )
                continue
            progress.advance(task)
            if isinstance(outcome, Failure):
                counts.failed += 1
            else:
                counts.tagged += 1
            if len(seen) < 100_000:
                seen.add(outcome.note_id)
            if as_json:
                print(json.dumps(as_outcome(outcome), ensure_ascii=False), flush=True)  # noqa: T201
            elif table is not None:
                if counts.tagged + counts.failed <= explain and isinstance(outcome, Trace):
                    shown.print(explained(outcome, titles.get(outcome.note_id, "")))
                table.add(outcome, titles.pop(outcome.note_id, ""))
    counts.missing = tuple(id for id in ids if id not in seen)
    if table is not None:
        shown.print(table.render())
    for id in counts.missing:
        messages.print(f"no note with id {printable(id)!r}", markup=False)
    written = "".join(f"\nwrote {file}" for file in writers.files())
    (messages if as_json else shown).print(f"{counts}; {setup.said}{written}", markup=False, soft_wrap=True)
    return counts


def as_outcome(outcome: Trace | Failure) -> dict[str, object]:
    """One outcome as `tag --json` writes it."""
    if isinstance(outcome, Failure):
        failure = {"step": outcome.step, "reason": outcome.reason, "message": outcome.message}
        return {"id": outcome.note_id, "failure": failure}
    tags = [
        {
            "tag": tag.tag,
            "confidence": tag.confidence,
            "evidence": [evidence.model_dump(exclude_none=True) for evidence in tag.evidence],
        }
        for tag in outcome.tags
    ]
    return {"id": outcome.note_id, "tags": tags, "trace": outcome.model_dump(mode="json")}


class _Writers:
    """Traces, failures and rejects as files in a folder; nothing without one."""

    def __init__(self, folder: Path | None) -> None:
        names = {Trace: "traces.jsonl", Failure: "failures.jsonl", Reject: "rejects.jsonl"}
        self._writers = {kind: JsonlWriter(folder / name) for kind, name in names.items()} if folder else {}

    def write(self, outcome: Trace | Failure | Reject) -> None:
        if self._writers:
            self._writers[type(outcome)].write(outcome)

    def files(self) -> list[Path]:
        return [writer.path for writer in self._writers.values() if writer.count]

    def __enter__(self) -> "_Writers":
        return self

    def __exit__(self, *error: object) -> None:
        for writer in self._writers.values():
            writer.close()


def _progress(messages: Console, total: int | None) -> Progress:
    columns = (TextColumn("tagging"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal)
    progress.add_task("tagging", total=total)
    return progress
