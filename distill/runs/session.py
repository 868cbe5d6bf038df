"""One session of a run: from the first note that is not done to the last, or to a stop."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator

from distill.runs.description import RunError
from distill.runs.folder import RunFolder
from distill.runs.identities import Identities, identity
from distill.runs.inflight import InFlight
from distill.runs.limits import MaxFailures
from distill.runs.ordering import by_category
from distill.runs.progress import RunProgress, write_progress
from distill.runs.spans import Spans
from distill.runs.tagging import Done, Tagger
from notes.records import Failure, Note, Reject, Trace

PATIENCE = 7.0
"""Seconds that notes under way get from a stop on, so that all is over in ten, on a machine with much to do as well."""
_TICK = 256
"""Rows between two looks at everything else, where all are done."""
_EVERY = 2.0
"""Seconds between two writings of the progress."""

Outcome = Trace | Failure | Reject


class Session:
    """Tags what is not done, and writes it down.

    Args:
        folder: Of the run, read.
        rows: The run's notes, from the first; those that are done are passed over.
        tagger: Who tags.
        concurrency: Notes under way at most.
        window: Notes of one category are asked about together within as many; 0: in the order they come.
        max_failures: When to stop.
        again: Whether a note that failed is asked again, by its reason and its id; None: none is. With it, notes that
            are neither tagged nor failed are left alone.
        watched: Whether the last session died and its watcher lives.
        spans: Where they are reported to.

    Raises:
        ValueError: concurrency below 1.
    """

    def __init__(
        self,
        folder: RunFolder,
        rows: Iterable[Note | Reject],
        tagger: Tagger,
        *,
        concurrency: int = 64,
        window: int = 0,
        max_failures: MaxFailures | None = None,
        again: Callable[[str, str], bool] | None = None,
        watched: bool = False,
        spans: Spans | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency must be >= 1, got {concurrency}")
        self.folder = folder
        self.tally = folder.tally
        self.finished = 0
        """Notes tagged or failed in this session."""
        self.failed = 0
        """Those of them that failed."""
        self.is_complete = False
        """Whether every note is accounted for."""
        self._rows = rows
        self._tagger = tagger
        self._concurrency = concurrency
        self._window = window
        self._max_failures = max_failures
        self._again = again
        self._spans = spans
        self._inflight = InFlight(folder.path, watched=watched)
        self._journal = folder.journal()
        self._taken = Identities()
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(concurrency)
        self._error: BaseException | None = None
        self._is_stopping = False
        self._deadline = float("inf")
        """When what is under way is given up, by the monotonic clock."""
        self._left_alone = 0
        self._began = time.monotonic()
        self._before = self.tally.seconds

    @property
    def in_flight(self) -> int:
        """Notes under way."""
        return len(self._tasks)

    @property
    def is_stopping(self) -> bool:
        """Whether no other note is begun."""
        return self._is_stopping

    @property
    def seconds(self) -> float:
        """Since the session began."""
        return time.monotonic() - self._began

    def stop(self) -> None:
        """Begin no other note; those under way get `PATIENCE` seconds."""
        if not self._is_stopping:
            self._is_stopping = True
            self._deadline = time.monotonic() + PATIENCE
            self._places.release()  # so that whoever waits for a place sees it

    async def outcomes(self) -> AsyncGenerator[Outcome, None]:
        """What becomes of the notes, as it does; everything is written down before it comes out.

        Raises:
            RunError: the disk takes no more, too many notes fail, or not every row is accounted for.
            notes.reading.UnreadableInput: the notes cannot be read on.
        """
        queue: asyncio.Queue[Outcome | None] = asyncio.Queue(maxsize=2 * self._concurrency)
        syncing = asyncio.create_task(self._journal.keep_synced())
        telling = asyncio.create_task(self._keep_telling())
        feeding = asyncio.create_task(self._feed(queue))
        for task in (syncing, telling):
            task.add_done_callback(self._failed_beside)
        try:
            while (outcome := await queue.get()) is not None:
                yield outcome
            await feeding
        finally:
            beside = (feeding, syncing, telling, *self._tasks)
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            self._close()
        if self._error is not None:
            raise self._error
        if not (self._is_stopping or self._left_alone):
            self._account()
            self.folder.finish()
            self.is_complete = True

    async def _feed(self, queue: asyncio.Queue[Outcome | None]) -> None:
        try:
            for row in by_category(self._wanted(), self._window):
                if row is None:
                    await asyncio.sleep(0)
                elif isinstance(row, Reject):
                    await queue.put(row)
                else:
                    await self._begin(row, queue)
                if self._is_stopping:
                    break
        finally:
            await self._settle()
            await queue.put(None)

    def _wanted(self) -> Iterator[Note | Reject | None]:
        """The rows there is something to do about; None now and then, where they are all done."""
        for number, row in enumerate(self._rows, 1):
            if number % _TICK == 0:
                yield None
            if isinstance(row, Note) and not self._taken.add(identity(row.id)):
                row = Reject(
                    source="", line=number, reason="duplicate_id", message=f"id {row.id!r} occurred before", id=row.id
                )
            self.tally.read += 1
            if isinstance(row, Reject):
                if self.tally.reject(row):
                    self._journal.reject(row)
                    yield row
            elif self._is_wanted(row):
                yield row

    def _is_wanted(self, note: Note) -> bool:
        """Whether the note is to be asked about; one that is done is counted."""
        known = identity(note.id)
        if known in self.tally.tagged:
            self.tally.auditor.add(note, failed=False)
            return False
        reason = self.tally.failed.get(known)
        if self._again is not None:
            if reason is not None and self._again(reason, note.id):
                return True
            self._left_alone += reason is None
        elif reason is None:
            return True
        if reason is not None:
            self.tally.auditor.add(note, failed=True)
        return False

    async def _begin(self, note: Note, queue: asyncio.Queue[Outcome | None]) -> None:
        suspect = self._inflight.suspects.get(note.id)
        if suspect is not None and suspect.is_set_aside:
            message = f"the process died {suspect.deaths} times while it tagged this note"
            failure = Failure(
                note_id=note.id, note_digest=note.digest, step=None, reason="worker_died", message=message
            )
            self._write(note, Done(failure))
            self._inflight.forget(note.id)
            await queue.put(failure)
            return
        if suspect is not None and suspect.is_isolated:
            await self._settle()
        await self._places.acquire()
        if self._is_stopping:
            return
        task = asyncio.create_task(self._one(note, queue))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        if suspect is not None and suspect.is_isolated:
            await self._settle()

    async def _one(self, note: Note, queue: asyncio.Queue[Outcome | None]) -> None:
        self._inflight.begin(note.id)
        try:
            began = time.time_ns()
            done = await self._tagger.tag(note)
            self._write(note, done)
            if self._spans is not None:
                self._spans.note(note, done.outcome, began, time.time_ns())
            if note.id in self._inflight.suspects:
                self._inflight.forget(note.id)
        finally:
            self._inflight.end(note.id)
        await queue.put(done.outcome)

    def _write(self, note: Note, done: Done) -> None:
        outcome = done.outcome
        is_failed = isinstance(outcome, Failure)
        if isinstance(outcome, Trace):
            self._journal.trace(outcome, done.shard)
        else:
            self._journal.failure(outcome)
        self.tally.outcome(outcome)
        self.tally.auditor.add(note, failed=is_failed)
        self.finished += 1
        self.failed += is_failed
        if self._max_failures is not None and self._max_failures.is_exceeded(self.failed, self.finished):
            said = self._max_failures.said(self.failed, self.finished)
            self._fail(RunError(f"stopped: {said}; see why: tagllm runs status {self.folder.path}"))

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._places.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _failed_beside(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error
        self.stop()

    async def _settle(self) -> None:
        """Wait for what is under way; when stopping, not for ever."""
        while self._tasks and not self._is_stopping:
            await asyncio.wait(set(self._tasks), timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=max(0.0, self._deadline - time.monotonic()))
        for task in set(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_telling(self) -> None:
        while True:
            self._tell()
            await asyncio.sleep(_EVERY)

    def _tell(self) -> None:
        self.tally.seconds = self._before + self.seconds
        progress = RunProgress(
            summary=self.tally.summary(),
            in_flight=self.in_flight,
            finished=self.finished,
            session_seconds=round(self.seconds, 3),
        )
        write_progress(self.folder.path, progress)

    def _account(self) -> None:
        """Every row has become one thing.

        Raises:
            RunError: one has not; the message names ids.
        """
        summary = self.tally.summary()
        if self.tally.twice:
            raise RunError(f"{self.folder.path}: tagged more than once: {', '.join(self.tally.twice[:20])}")
        if not summary.accounted:
            raise RunError(
                f"{self.folder.path}: {summary.read:,} rows were read, but {summary.tagged:,} tagged, "
                f"{summary.failed:,} failed, {summary.rejected:,} rejected and {summary.duplicate:,} duplicate are on "
                f"the disk; the ids: tagllm runs verify {self.folder.path}"
            )

    def _close(self) -> None:
        try:
            self._journal.close()
            self._tell()
        except RunError as error:
            self._error = self._error or error
        self._inflight.close()
