"""Counting what became of the notes, from records as they come and from lines as they lie on the disk."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from distill.runs.audit import Auditor
from distill.runs.identities import Identities, identity
from distill.runs.summary import RunSummary, Tokens
from notes.records import Failure, Reject, StepRecord, Trace


class Tally:
    """What a run's folder holds, by what became of each note."""

    def __init__(self) -> None:
        self.tagged = Identities()
        self.failed: dict[int, str] = {}
        """Reason of each note that failed and was not tagged since."""
        self.rejected = Identities()
        """Rows that were no notes, by `row_identity`."""
        self.duplicate = Identities()
        self.twice: list[str] = []
        """Ids that were tagged more than once: never, unless somebody else writes."""
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.cache_hits = 0
        self.pictures = 0
        self.read = 0
        """Rows of the input in this session, those that were done before among them."""
        self.seconds = 0.0
        self.auditor = Auditor()

    def trace(self, trace: Trace) -> None:
        """A note was tagged."""
        self._tagged(trace.note_id)
        for step in trace.steps:
            self._step(step.prompt_tokens, step.completion_tokens, cached=step.cached)
        self.pictures += sum(picture.refused is None for picture in trace.pictures)

    def trace_line(self, value: Mapping[str, Any]) -> None:
        """The same from a line's JSON."""
        self._tagged(value["note_id"])
        for step in value["steps"]:
            self._step(step["prompt_tokens"], step["completion_tokens"], cached=step["cached"])
        self.pictures += sum(picture["refused"] is None for picture in value["pictures"])

    def failure(self, failure: Failure) -> None:
        """A note failed; what was asked for it is counted, and again if it is tried again."""
        self._failed(failure.note_id, failure.reason)
        for step in (*failure.steps, failure):
            self._step(step.prompt_tokens, step.completion_tokens, cached=isinstance(step, StepRecord) and step.cached)

    def failure_line(self, value: Mapping[str, Any]) -> None:
        """The same from a line's JSON; older lines say nothing of tokens."""
        self._failed(value["note_id"], value["reason"])
        for step in (*value.get("steps", ()), value):
            cached = step.get("cached", False)
            self._step(step.get("prompt_tokens", 0), step.get("completion_tokens", 0), cached=cached)

    def reject(self, reject: Reject) -> bool:
        """A row was no note. Returns whether it was new."""
        rows = self.duplicate if reject.reason == "duplicate_id" else self.rejected
        return rows.add(row_identity(reject.source, reject.line))

    def outcome(self, outcome: Trace | Failure) -> None:
        """A note was tagged, or failed."""
        if isinstance(outcome, Trace):
            self.trace(outcome)
        else:
            self.failure(outcome)

    def summary(self) -> RunSummary:
        """As it stands."""
        return RunSummary(
            read=self.read,
            tagged=len(self.tagged),
            failed=len(self.failed),
            rejected=len(self.rejected),
            duplicate=len(self.duplicate),
            tokens=Tokens(prompt=self.prompt_tokens, completion=self.completion_tokens),
            seconds=round(self.seconds, 3),
            cache_hits=self.cache_hits,
            pictures=self.pictures,
            reasons=dict(Counter(self.failed.values()).most_common()),
            audit=self.auditor.audit(),
        )

    def _tagged(self, note_id: str) -> None:
        known = identity(note_id)
        self.failed.pop(known, None)
        if not self.tagged.add(known):
            self.twice.append(note_id)

    def _failed(self, note_id: str, reason: str) -> None:
        known = identity(note_id)
        if known not in self.tagged:
            self.failed[known] = reason

    def _step(self, prompt_tokens: int, completion_tokens: int, *, cached: bool) -> None:
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        self.cache_hits += cached


def row_identity(source: str, line: int) -> int:
    """Of a row by its place."""
    return identity(f"{line}\0{source}")
