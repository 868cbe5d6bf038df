"""Who answers: the choice on the command line, and the teacher it stands for."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tagllm.serving import Progress
from teachers.cache import RequestCache
from teachers.vllm.endpoint import Endpoint, Limits
from teachers.vllm.launch import ServerError
from teachers.vllm.load import Follower, Load
from teachers.vllm.metrics import Metrics, ask_metrics
from teachers.vllm.probe import Probe, probe_now, require_fit
from teachers.vllm.server import ManagedServer
from teachers.vllm.servers import Servers
from teachers.weights import weights_digest

if TYPE_CHECKING:
    from teachers.vllm.engine import VllmEngine

AUTO = 0
"""As many requests at a time as the servers can take."""
_IN_FLIGHT = {"embedded": 64, "vllm": 256}
"""Notes at a time where nobody said how many; how many requests they make at a time is the load's business."""


@dataclass(frozen=True, kw_only=True)
class TeacherChoice:
    """Who answers, as asked for."""

    name: Literal["embedded", "vllm"] = "embedded"
    base_urls: tuple[str, ...] = ()
    """Servers that run; none: one is started."""
    model: str = ""
    """To start, or the one to ask of servers that have several."""
    revision: str = ""
    """Of the weights; empty: found where the model is a folder."""
    prompts: str = ""
    """Version of the words that ask; empty: the latest."""
    max_tokens: int = 2000
    temperature: float = 0.0
    concurrency: int = AUTO
    """Notes at a time."""
    handbook_tokens: int = 3000
    """Of the handbook that are shown with a note."""
    engine_options: tuple[str, ...] = ()
    """vLLM's own, for a server that is started."""
    allow_unenforced: bool = False
    """Whether a server may be used that ignores schemas."""
    student: bool = False
    """Whether it is a student, which says the tags in one answer and nothing else."""
    cached: bool = True
    """Whether what was asked before is not asked again."""
    api_key: str = ""
    """Where the servers ask for one."""

    @property
    def served(self) -> str:
        """The name that servers know the model by: of a student's folder its last part, as `teacher serve` has it."""
        return Path(self.model).resolve().name if self.student and Path(self.model).is_dir() else self.model

    @property
    def notes_at_a_time(self) -> int:
        """How many notes are under way."""
        return self.concurrency or _IN_FLIGHT[self.name]


def open_engine(choice: TeacherChoice, stack: ExitStack) -> "VllmEngine":
    """The engine that asks the chosen servers, or a server that is started for it; all of it ends with `stack`.

    Raises:
        ServerError: a server cannot be started or reached, lacks the model, or ignores schemas.
        teachers.store.StoreError: the request cache cannot be used.
    """
    from teachers.vllm.engine import VllmEngine

    limits = Limits()
    if choice.base_urls:
        found = _probed(choice)
        endpoints = [Endpoint(probe.base_url, limits=limits, api_key=choice.api_key) for probe in found]
        model = found[0].model
        revision = choice.revision or (weights_digest(choice.model) if choice.student else "")
        context = min((probe.max_tokens or 0 for probe in found), default=0)
    elif choice.model:
        spool = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tagllm-pictures-")))
        progress = stack.enter_context(Progress())
        server = stack.enter_context(
            ManagedServer(choice.model, engine_options=choice.engine_options, media_root=spool, report=progress)
        )
        probe = probe_now(server.base_url, model=server.model, api_key=server.api_key)
        require_fit(probe, allow_unenforced=choice.allow_unenforced)
        endpoints = [Endpoint(server.base_url, limits=limits, api_key=server.api_key, managed=server, spool=spool)]
        model, revision, context = server.model, choice.revision or weights_digest(choice.model), probe.max_tokens or 0
    else:
        raise ServerError(
            "--teacher vllm needs a model: --model MODEL starts a server for it, --base-url URL asks one that runs"
        )
    load = Load(choice.concurrency) if choice.concurrency else Load()
    engine = VllmEngine(
        Servers(endpoints, limits=limits),
        model,
        revision=revision,
        cache=_cache(stack) if choice.cached else None,
        load=load,
        context=context,
    )
    if not choice.concurrency:
        stack.enter_context(Follower(load, lambda: _readings(endpoints)))
    return engine


def _probed(choice: TeacherChoice) -> list[Probe]:
    """What the chosen servers can do, all of them asked at once."""
    with ThreadPoolExecutor(len(choice.base_urls)) as pool:
        found = list(
            pool.map(lambda url: probe_now(url, model=choice.served, api_key=choice.api_key), choice.base_urls)
        )
    for probe in found:
        require_fit(probe, allow_unenforced=choice.allow_unenforced)
    others = {probe.model for probe in found} - {found[0].model}
    if others:
        raise ServerError(
            f"{found[0].base_url} serves {found[0].model!r}, others {', '.join(map(repr, sorted(others)))}: "
            "one run has one teacher; name the model: --model MODEL"
        )
    return found


def _cache(stack: ExitStack) -> RequestCache:
    cache = RequestCache()
    stack.callback(cache.close)
    return cache


def _readings(endpoints: Sequence[Endpoint]) -> list[Metrics]:
    found = []
    for endpoint in endpoints:
        try:
            reading = ask_metrics(endpoint.base_url, api_key=endpoint.api_key)
        except ServerError:
            continue
        if reading is not None:
            found.append(reading)
    return found


def said_of(engine: "VllmEngine") -> str:
    """One line on what the engine did, for the end of a command."""
    counts = engine.cache.counts if engine.cache is not None else None
    asked = sum(endpoint.sent for endpoint in engine.servers.endpoints)
    kept = f", {counts.hits + counts.joined:,} answers from the cache" if counts is not None else ""
    again = f", {engine.servers.retried:,} of them again after a fault" if engine.servers.retried else ""
    return f"{asked:,} requests sent{again}{kept}"
