"""Keeps a server up: starts it, proves it ready, watches it, starts it again when it crashes, gives up in the end."""

import concurrent.futures
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from teachers.vllm import registry
from teachers.vllm.calls import Caller, Unreachable
from teachers.vllm.launch import Launch, ServerError
from teachers.vllm.proofs import prove_ready
from teachers.vllm.registry import Process, ServerRecord, State
from teachers.vllm.supervised import Supervised, said_status, tail

TAIL = 30
"""Lines of the log in a message."""
_LOOK = 0.25
"""Seconds between looks at a server that is loading or running."""

Report = Callable[[State, str], None]
"""Is told what happens: the state, and one line about it. While it is `starting`, about four lines a second."""
Settled = concurrent.futures.Future[None]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long, and how often."""

    start: float = 900.0
    """Seconds from a start until the server must have answered; a large model loads for minutes."""
    restarts: int = 5
    """Crashes within `window` that are mended; at the next one it gives up."""
    window: float = 900.0
    """Seconds."""
    backoff: float = 1.0
    """Seconds before the first restart; each further one within `window` waits twice as long, a minute at most."""

    def before(self, restart: int) -> float:
        """Seconds to wait before the `restart`-th one, counted from 1."""
        return min(60.0, self.backoff * 2 ** (restart - 1))


class Keeper:
    """A thread that keeps one server up, until `stop` or until it crashed too often.

    Args:
        start: How the server is started.
        record: Claimed in the registry; the keeper keeps it true.
        patience: Limits of time and of restarts.
        report: Called in the keeper's thread.
    """

    def __init__(self, start: Launch, record: ServerRecord, patience: Patience, report: Report) -> None:
        self.record = record
        self.no_pictures = ""
        """Why the model takes no pictures, in the server's words; empty where it takes them."""
        self.why = ""
        """Why it gave up; empty: it did not."""
        self.over: Settled = concurrent.futures.Future()
        """Done when the thread has ended."""
        self._start, self._patience, self._report = start, patience, report
        self._lock = threading.Lock()
        self._settled: Settled = concurrent.futures.Future()
        self._unwanted = threading.Event()
        self._run: Supervised | None = None
        self._log = Path(record.log)
        self._thread = threading.Thread(target=self._keep, name=f"vllm-{record.port}", daemon=True)
        self._thread.start()

    @property
    def up(self) -> bool:
        """Whether the server is ready and its process runs."""
        return self.record.state == "ready" and not self._gone()

    def is_healthy(self) -> bool:
        """Whether the server says so, within five seconds."""
        caller = Caller(self.record.base_url, api_key=self._start.api_key)
        try:
            return caller.get(f"{caller.root}/health", 5.0).status == 200
        except Unreachable:
            return False
        finally:
            caller.close()

    def settled(self) -> Settled:
        """Done when the server is ready, or never will be."""
        with self._lock:
            # The process may be gone and the thread not have seen it yet.
            unseen = self.record.state == "ready" and self._gone() and not self.over.done()
            if unseen and self._settled.done():
                self._settled = concurrent.futures.Future()
            return self._settled

    def stop(self) -> None:
        """End every process of the server; returns when they are gone."""
        self._unwanted.set()
        if self._run is not None:
            self._run.stop()  # the thread may be waiting for an answer of it
        self._thread.join()
        registry.remove(self.record)

    def _keep(self) -> None:
        """One run after the other, until it is unwanted or crashed too often."""
        crashes: deque[float] = deque()
        try:
            while not self._unwanted.is_set():
                why = self._one_run()
                if self._unwanted.is_set():
                    return
                now = time.monotonic()
                crashes.append(now)
                while now - crashes[0] > self._patience.window:
                    crashes.popleft()
                # What was never ready has a wrong option or too little memory; again would be the same.
                if self.record.pictures is None or len(crashes) > self._patience.restarts:
                    self._give_up(why, len(crashes))
                    return
                pause = self._patience.before(len(crashes))
                self._again(f"{why}; starting again in {pause:.1f} s")
                self._unwanted.wait(pause)
        except BaseException as error:
            self.why = self.why or f"keeping the server of {self.record.model} failed: {error!r}"
            raise
        finally:
            if self.record.state != "failed":
                self.record = self.record.model_copy(update={"state": "failed" if self.why else "stopped"})
            self.over.set_result(None)
            self._settle()

    def _one_run(self) -> str:
        """Start it, prove it ready, watch it; why it ended."""
        self._run = run = Supervised(self._start.command, env=self._start.env, log=self._log)
        try:
            self._enter("starting", f"starting {self.record.model}, port {self.record.port}", group=Process.of(run.pid))
            if why := self._bring_up(run):
                return why
            if self._unwanted.is_set():
                return ""
            said = f"schema proven; text only: {self.no_pictures}" if self.no_pictures else "schema and picture proven"
            line = f"{self.record.served} is ready at {self.record.base_url} ({said})"
            self._enter("ready", line, pictures=not self.no_pictures)
            self._settle()
            while not self._unwanted.is_set():
                if (status := run.wait(_LOOK)) is not None:
                    return f"ended with {said_status(status)}"
            return ""
        finally:
            run.stop()

    def _bring_up(self, run: Supervised) -> str:
        """Return when it is proven ready; why it never will be."""
        caller = Caller(self.record.base_url, api_key=self._start.api_key)
        begun, limit = time.monotonic(), self._patience.start
        try:
            while not self._unwanted.is_set():
                if (status := run.wait(_LOOK)) is not None:
                    return f"ended with {said_status(status)} before it was ready"
                seconds = time.monotonic() - begun
                if seconds > limit:
                    return f"was not ready within {limit:.0f} s (--start-limit)"
                self._report("starting", f"{seconds:.0f} s, {limit:.0f} s at most: {tail(self._log, 1)}")
                try:
                    if caller.get(f"{caller.root}/health", 2.0).status == 200:
                        self.no_pictures = prove_ready(caller, self.record.served, limit - seconds)
                        return ""
                except Unreachable:
                    continue
                except ServerError as error:
                    return str(error)
            return ""
        finally:
            caller.close()

    def _again(self, line: str) -> None:
        with self._lock:
            if self._settled.done():
                self._settled = concurrent.futures.Future()
            # In one go with the above: who asks now must wait.
            self.record = self.record.model_copy(update={"state": "restarting"})
        self._enter("restarting", line, restarts=self.record.restarts + 1)
        with self._log.open("a") as log:
            log.write(f"--- {line}\n")

    def _give_up(self, why: str, crashes: int) -> None:
        often = (
            f" crashed {crashes} times within {self._patience.window:.0f} s, the last time it" if crashes > 1 else ""
        )
        end = tail(self._log, TAIL) or "(it printed nothing)"
        self.why = f"the server of {self.record.model}{often} {why}. The end of {self._log}:\n{end}"
        self._enter("failed", why)

    def _enter(self, state: State, line: str, **changes: object) -> None:
        self.record = self.record.model_copy(update={"state": state, **changes})
        registry.update(self.record)
        self._report(state, line)

    def _settle(self) -> None:
        with self._lock:
            if not self._settled.done():
                self._settled.set_result(None)

    def _gone(self) -> bool:
        return self._run is None or self._run.status() is not None
