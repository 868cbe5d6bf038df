"""What `tagllm run` does: put a teacher together, tag what is not done, say how it went."""

import asyncio
import dataclasses
import json
import shlex
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack, aclosing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from distill.runs import NotesSource, RunDescription, RunError
from distill.runs.describing import configuration_of, describe
from distill.runs.folder import RunFolder, open_run
from distill.runs.limits import MaxFailures
from distill.runs.session import PATIENCE, Session
from distill.runs.spans import open_spans
from distill.runs.tagging import LocalTagger, Tagger
from notes.fetching import Fetcher
from notes.pictures import PictureStore
from notes.reading import read_notes
from signatures.questions import TagLimits
from tagllm.pace import Pace, count_rows, shown
from tagllm.runs import said_of
from tagllm.setup import Setup, tagging_setup
from tagllm.showing import console, printable
from tagllm.teaching import TeacherChoice
from tagllm.watching import has_died, watcher

WINDOW = 2000
"""Notes within which those of one category are asked about together, where a model on servers is the teacher."""
_LOAD_EVERY = 5.0
"""Seconds between two looks at the servers."""


@dataclass(frozen=True, kw_only=True)
class RunChoice:
    """A run as asked for."""

    notes: NotesSource
    teacher: TeacherChoice = field(default_factory=TeacherChoice)
    handbook: str = ""
    """Absolute path of its folder; empty: none."""
    fused: bool = False
    limits: TagLimits = field(default_factory=TagLimits)
    fetch: bool = False
    """Whether `http(s)` pictures are fetched."""
    show_hashtags: bool = False
    executor: Literal["local", "ray"] = "local"
    workers: int = 0
    """Of Ray; 0: as many as it has processors."""
    window: int | None = None
    """Notes within which those of one category are asked together; None: `WINDOW` for a model on servers."""

    def open(self) -> Setup:
        """The teacher, ready to tag.

        Raises:
            handbook.HandbookError: the handbook cannot be used.
            prompts.PromptError: there are no such words.
            teachers.vllm.launch.ServerError: the model's server cannot be used.
            teachers.store.StoreError: a cache cannot be used.
        """
        return tagging_setup(
            self.folder,
            teacher=self.teacher,
            handbook=Path(self.handbook) if self.handbook else None,
            fetch=self.fetch,
            limits=self.limits,
            show_hashtags=self.show_hashtags,
            fused=self.fused,
        )

    @property
    def folder(self) -> Path:
        """Of the notes; pictures outside it are refused."""
        path = Path(self.notes.path or "")
        return path if path.is_dir() else path.parent

    @property
    def settings(self) -> dict[str, Any]:
        """What decides what the tags are and does not show in a context."""
        asked = {"temperature": self.teacher.temperature, "max_tokens": self.teacher.max_tokens}
        return {"fetch_images": self.fetch, **(asked if self.teacher.name == "vllm" else {})}

    @property
    def options(self) -> dict[str, Any]:
        """To put it together again; the key that servers ask for is not written down."""
        found = dataclasses.asdict(self) | {"limits": self.limits.model_dump(mode="json")}
        del found["notes"], found["teacher"]["api_key"]
        return json.loads(json.dumps(found))

    @classmethod
    def of(cls, description: RunDescription, *, api_key: str = "", **changes: Any) -> "RunChoice":
        """The choice that made a run.

        Args:
            description: Of the run.
            api_key: Where servers ask for one.
            changes: Of the teacher: where its servers are now.

        Raises:
            RunError: the run was made by a program, which did not say how.
        """
        options: dict[str, Any] = dict(description.options)
        try:
            teacher = TeacherChoice(**(options.pop("teacher") | changes | {"api_key": api_key}))
            lists = {name: tuple(value) for name, value in vars(teacher).items() if isinstance(value, list)}
            limits = TagLimits.model_validate(options.pop("limits"))
            return cls(notes=description.notes, teacher=dataclasses.replace(teacher, **lists), limits=limits, **options)
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"the run does not say how its teacher was made ({error}); ask again from Python") from None


def run_run(
    choice: RunChoice,
    out: Path,
    *,
    max_failures: MaxFailures | None = None,
    again: Callable[[str, str], bool] | None = None,
    fresh: bool = False,
    as_json: bool = False,
    go_on: str = "",
) -> int:
    """Tag what is not done into the folder `out`; the exit status.

    Args:
        choice: The run.
        out: Its folder.
        max_failures: When to stop.
        again: Which failed notes are asked again; None: a run, not a replay.
        fresh: Begin anew beside the run that is there.
        as_json: The summary as JSON on standard output.
        go_on: Command that goes on after a stop.

    Raises:
        RunError: the run cannot start or go on.
        notes.reading.UnreadableInput: the notes cannot be read.
        handbook.HandbookError: the handbook cannot be used.
        prompts.PromptError: there are no such words.
        teachers.vllm.launch.ServerError: the model's server cannot be used.
        teachers.store.StoreError: a cache cannot be used.
    """
    messages = Console(stderr=True, highlight=False)
    with ExitStack() as stack:
        teacher = _teacher(choice, messages, stack)
        description = describe(
            teacher.configuration | choice.settings,
            notes=choice.notes,
            handbook_path=choice.handbook,
            options=choice.options,
        )
        folder = open_run(out, description, fresh=fresh, watcher=watcher())
        stack.callback(folder.close)
        folder.read()
        for said in folder.mended:
            messages.print(f"{printable(said)}; its note is done again", markup=False, soft_wrap=True)
        before = len(folder.tally.tagged) + len(folder.tally.failed)
        if before:
            messages.print(f"{before:,} notes are done, going on", markup=False, soft_wrap=True)
        source = choice.notes
        rows = read_notes(
            source.path or "",
            split=source.split,
            ids=set(source.ids) or None,
            limit=source.limit,
            pictures=teacher.pictures,
        )
        spans = open_spans(out.name)
        if spans is not None:
            stack.callback(spans.close)
        session = Session(
            folder,
            rows,
            teacher.tagger,
            concurrency=teacher.concurrency,
            window=choice.window if choice.window is not None else (WINDOW if choice.teacher.name == "vllm" else 0),
            max_failures=max_failures,
            again=again,
            watched=has_died(),
            spans=spans,
        )
        asyncio.run(_work(session, choice, teacher, messages, go_on))
        return _told(session, folder, choice, teacher, messages, again=again is not None, as_json=as_json, go_on=go_on)


@dataclass(frozen=True, kw_only=True)
class _Teacher:
    """Who tags, here or elsewhere."""

    tagger: Tagger
    configuration: dict[str, Any]
    concurrency: int
    """Notes at a time."""
    pictures: PictureStore
    setup: Setup | None = None
    """Of the teacher in this process."""


def _teacher(choice: RunChoice, messages: Console, stack: ExitStack) -> _Teacher:
    if choice.executor == "ray":
        from distill.runs.cluster import RayTagger

        with messages.status("starting workers") if messages.is_terminal else nullcontext():
            tagger = RayTagger(
                choice.open, workers=choice.workers, fused=choice.fused, at_a_time=choice.teacher.notes_at_a_time
            )
            stack.callback(tagger.close)
        pictures = PictureStore(choice.folder, fetch=Fetcher() if choice.fetch else None)
        return _Teacher(
            tagger=tagger, configuration=tagger.configuration, concurrency=tagger.concurrency, pictures=pictures
        )
    with messages.status("loading") if messages.is_terminal and choice.teacher.name == "embedded" else nullcontext():
        setup = choice.open()
    stack.callback(setup.close)
    return _Teacher(
        tagger=LocalTagger(setup.context, fused=choice.fused),
        configuration=configuration_of(setup.context, fused=choice.fused),
        concurrency=choice.teacher.notes_at_a_time,
        pictures=setup.pictures,
        setup=setup,
    )


async def _work(session: Session, choice: RunChoice, teacher: _Teacher, messages: Console, go_on: str) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        if interrupted:
            task.cancel()
            return
        interrupted = True
        session.stop()
        messages.print(
            f"stopping: {session.in_flight} notes under way get {PATIENCE:.0f} s; again to stop at once",
            markup=False,
            soft_wrap=True,
        )

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    async with AsyncExitStack() as stack:
        if teacher.setup is not None:
            stack.push_async_callback(teacher.setup.disconnect)
        pace = Pace(session, load=_Load(teacher.setup))
        stack.enter_context(shown(pace, messages))
        counting = asyncio.create_task(asyncio.to_thread(count_rows, choice.notes))
        counting.add_done_callback(lambda done: _know(pace, done))
        try:
            async with aclosing(session.outcomes()) as outcomes:
                async for _ in outcomes:
                    pass
        except asyncio.CancelledError:
            if not interrupted:
                raise
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def _know(pace: Pace, counted: "asyncio.Task[int | None]") -> None:
    if not counted.cancelled() and counted.exception() is None:
        pace.total = counted.result()


class _Load:
    """What the servers say of their load, asked in a thread now and then."""

    def __init__(self, setup: Setup | None) -> None:
        self._engine = setup.engine if setup is not None else None
        self._said = ""
        self._asked = float("-inf")

    def __call__(self) -> str:
        if self._engine is None:
            return ""
        loop = asyncio.get_running_loop()
        if loop.time() > self._asked + _LOAD_EVERY:
            self._asked = loop.time()
            loop.run_in_executor(None, self._ask)
        load = self._engine.load
        return f"{load.under_way} of {load.limit} requests sent{self._said}"

    def _ask(self) -> None:
        from teachers.vllm.launch import ServerError
        from teachers.vllm.metrics import ask_metrics

        assert self._engine is not None
        running = waiting = 0.0
        try:
            for endpoint in self._engine.servers.endpoints:
                reading = ask_metrics(endpoint.base_url, api_key=endpoint.api_key, limit=1.0)
                if reading is None:
                    return
                running, waiting = running + reading.running, waiting + reading.waiting
        except ServerError:
            return
        self._said = f", servers: {running:.0f} running, {waiting:.0f} waiting"


def _told(
    session: Session,
    folder: RunFolder,
    choice: RunChoice,
    teacher: _Teacher,
    messages: Console,
    *,
    again: bool,
    as_json: bool,
    go_on: str,
) -> int:
    summary = session.tally.summary()
    shown = messages if as_json else console()
    if as_json:
        print(summary.model_dump_json())  # noqa: T201
    said = f"; {teacher.setup.said}" if teacher.setup is not None else ""
    shown.print(f"{said_of(summary, is_complete=session.is_complete)}{said}", markup=False, soft_wrap=True)
    if session.is_stopping:
        shown.print(f"stopped; go on with: {go_on}", markup=False, soft_wrap=True)
        return 130
    if summary.failed:
        shown.print(
            f"why notes failed: tagllm runs status {shlex.quote(str(folder.path))}", markup=False, soft_wrap=True
        )
        engine = teacher.setup.engine if teacher.setup is not None else None
        if again and engine is not None and engine.cache is not None and engine.cache.counts.hits:
            shown.print("answers came from the cache; to ask the model anew: --no-cache", markup=False, soft_wrap=True)
    if not session.is_complete:
        shown.print(
            "the run has not finished; notes are left that were never asked about", markup=False, soft_wrap=True
        )
    missing = len(choice.notes.ids) - summary.read if choice.notes.ids else 0
    if missing > 0:
        shown.print(f"{missing} of the ids asked for do not occur in the notes", markup=False, soft_wrap=True)
    return 1 if summary.failed or summary.rejected or missing > 0 else 0
