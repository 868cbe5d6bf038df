"""Tagging on more than one machine: workers of a Ray cluster, each with a teacher of its own or sharing servers.

This process reads and writes, so the folder is what it is for one machine; each worker's traces lie in parts of their
own. A worker that dies is replaced; a note that was under way on it is tagged alone on a worker, and set aside as a
failure when that dies too.
"""

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any, Protocol

from distill.runs.describing import configuration_of
from distill.runs.description import RunError
from distill.runs.tagging import Done, LocalTagger
from graphs.tagging import TaggingContext
from notes.records import Failure, Note, Trace

_TRIES = 2
"""Workers a note may take with it."""


class Opened(Protocol):
    """A teacher, ready to tag, such as `tagllm.setup.Setup`."""

    @property
    def context(self) -> TaggingContext:
        """For the graph."""
        ...


class RayTagger:
    """Tags on workers of a Ray cluster; `RAY_ADDRESS` says which, none starts one on this machine.

    Args:
        build: Makes the teacher, once in each worker; it and what it holds are sent there.
        workers: How many; 0: as many as the cluster has processors.
        fused: Ask everything in one answer.
        at_a_time: Notes under way in each worker at most.

    Raises:
        RunError: Ray is not installed, a worker cannot be made, or workers have different teachers.
    """

    def __init__(
        self, build: Callable[[], Opened], *, workers: int = 0, fused: bool = False, at_a_time: int = 16
    ) -> None:
        try:
            import ray
            import ray.exceptions as errors
        except ImportError:
            raise RunError("--executor ray needs Ray: pip install 'tagllm[ray]'") from None
        self._places: list[_Place] = []
        self._ray: Any = ray
        self._errors = errors
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            _begin(ray, workers)
        processors = int(ray.cluster_resources().get("CPU", 1))
        count = workers or processors
        if count > processors:
            self.close()
            raise RunError(f"--workers {count} is more than the cluster's {processors} processors; one worker each")
        remote = self._ray.remote(num_cpus=1, max_restarts=0, max_concurrency=at_a_time + 1)(_Worker)
        self._make: Callable[[], Any] = lambda: remote.remote(build, fused)
        self._places = [_Place(number, self._make(), at_a_time) for number in range(count)]
        try:
            found = ray.get([place.actor.configuration.remote() for place in self._places])
        except errors.RayError as error:
            self.close()
            raise RunError(f"a worker cannot make its teacher: {_said(error)}") from None
        if any(other != found[0] for other in found):
            self.close()
            raise RunError("the workers have different teachers; see that models and handbooks are the same everywhere")
        self.configuration: dict[str, Any] = json.loads(found[0])
        """Of the teacher, as `configuration_of` gives it."""
        self.concurrency = count * at_a_time
        """Notes that can be under way."""
        self._changed: asyncio.Condition | None = None

    async def tag(self, note: Note) -> Done:
        """What becomes of a note, on the worker with least to do.

        Raises:
            RunError: a worker that died cannot be replaced, or the cluster is gone.
        """
        self._changed = self._changed or asyncio.Condition()
        died = 0
        while True:
            kept = died > 0
            place = await self._take(self._changed, alone=kept)
            actor = place.actor
            try:
                kind, said = await actor.tag.remote(note.model_dump_json())
                return Done((Trace if kind == "trace" else Failure).model_validate_json(said), place.number)
            except self._errors.ActorDiedError:
                died += 1
                await self._replace(place, actor)
            except self._errors.RayError as error:
                raise RunError(f"the cluster cannot go on: {_said(error)}") from None
            finally:
                async with self._changed:
                    place.leave(alone=kept)
                    self._changed.notify_all()
            if died >= _TRIES:
                message = f"the worker died {died} times while it tagged this note, the last time alone"
                failure = Failure(
                    note_id=note.id, note_digest=note.digest, step=None, reason="worker_died", message=message
                )
                return Done(failure, place.number)

    def close(self) -> None:
        """End the workers, and the cluster if it was started here."""
        for place in self._places:
            self._ray.kill(place.actor)
        if self._is_ours:
            self._ray.shutdown()

    async def _take(self, changed: asyncio.Condition, *, alone: bool) -> "_Place":
        """The worker with least to do; alone: kept for one note, as soon as the others on it are done."""
        async with changed:
            while True:
                open_to_us = [place for place in self._places if place.has_room(alone=alone)]
                if open_to_us:
                    break
                await changed.wait()
            place = min(open_to_us, key=lambda place: place.busy)
            place.is_kept = alone
            await changed.wait_for(lambda: not alone or place.busy == 0)
            place.busy += 1
            return place

    async def _replace(self, place: "_Place", dead: Any) -> None:
        """Put another worker where one died, unless that has been done.

        Raises:
            RunError: it cannot be made.
        """
        async with place.replacing:
            if place.actor is not dead:
                return
            place.is_down = True
            actor = self._make()
            try:
                await actor.configuration.remote()
            except self._errors.RayError as error:
                raise RunError(f"a worker died and cannot be replaced: {_said(error)}") from None
            place.actor = actor
            place.is_down = False


class _Place:
    """A worker as the driver sees it, and the one that takes its place when it dies."""

    def __init__(self, number: int, actor: Any, at_a_time: int) -> None:
        self.number = number
        self.actor = actor
        self.busy = 0
        self.is_kept = False
        """For one note alone."""
        self.is_down = False
        self.replacing = asyncio.Lock()
        self._at_a_time = at_a_time

    def has_room(self, *, alone: bool) -> bool:
        return not self.is_kept and not self.is_down and (alone or self.busy < self._at_a_time)

    def leave(self, *, alone: bool) -> None:
        self.busy -= 1
        if alone:
            self.is_kept = False


class _Worker:
    """Lives in a process of Ray's."""

    def __init__(self, build: Callable[[], Opened], fused: bool) -> None:
        self._opened = build()
        self._fused = fused
        self._tagger = LocalTagger(self._opened.context, fused=fused)

    async def configuration(self) -> str:
        return json.dumps(configuration_of(self._opened.context, fused=self._fused), sort_keys=True)

    async def tag(self, note: str) -> tuple[str, str]:
        outcome = (await self._tagger.tag(Note.model_validate_json(note))).outcome
        return "trace" if isinstance(outcome, Trace) else "failure", outcome.model_dump_json()


def _begin(ray: Any, workers: int) -> None:
    """Connect to the cluster, or start one on this machine that reports to nobody."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    settings: dict[str, Any] = {}
    if not os.environ.get("RAY_ADDRESS"):
        settings = {"num_cpus": max(workers, os.cpu_count() or 1), "include_dashboard": False}
    ray.init(log_to_driver=False, configure_logging=False, **settings)


def _said(error: Exception) -> str:
    cause = getattr(error, "cause", None) or error
    lines = [line for line in str(cause).splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else type(error).__name__
