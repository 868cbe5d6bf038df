"""What an optimiser searches in: notes, a metric, and a ledger of all that was tried."""

import statistics
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import dspy

from notes.records import Failure, Note
from prompts import PromptProgram
from signatures.metrics.judge import Judge
from signatures.metrics.tagging import TaggingMetric, TaggingScore
from signatures.optimizing.module import Runner, Tagged, TaggingModule
from signatures.optimizing.quiet import quietly
from signatures.optimizing.splitting import Split
from signatures.optimizing.words import Written


@dataclass(kw_only=True)
class Search:
    """Where and how better words are looked for."""

    runner: Runner
    metric: TaggingMetric
    split: Split
    rounds: int = 6
    """How many candidates are tried, about."""
    seed: int = 0
    threads: int = 8
    """Notes at a time."""
    judge: Judge | None = None
    """A model's opinion, as one part of the score."""
    report: Callable[[int, float], None] = lambda _candidates, _best: None
    """Told how many words there are, and the best score on the validation notes so far."""
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    """By digest of the words and id of the note; answers that were sampled are not among them."""
    tried: dict[str, Written] = field(default_factory=dict)
    """Words by digest."""
    probabilities: dict[str, list[float]] = field(default_factory=dict)
    """Of the matches that were made with words, by digest."""
    failures: Counter[str] = field(default_factory=Counter)
    """Reasons why notes got no tags."""
    last_failure: str = ""
    unjudged: int = 0
    """Notes on which the judge gave no verdict that could be read."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def measure(self, words: PromptProgram, notes: Sequence[Note]) -> list[float]:
        """Score of each note with these words.

        Raises:
            BudgetSpent: it takes more requests than are left.
        """
        module = TaggingModule(words, self.runner)
        examples = [example(note) for note in notes]
        run = dspy.Evaluate(devset=examples, metric=self.number, num_threads=self.threads, max_errors=1)
        with quietly(), dspy.context(lm=self.runner.lm, trace=None):
            return [float(score) for *_, score in run(module).results]

    def score(self, note: Note, tagged: Tagged) -> TaggingScore:
        """The score of what came of a note; kept, where it was not one of several samples."""
        judged = None
        if self.judge is not None and not isinstance(tagged.outcome, Failure):
            judged = self.runner.loop.run(self.judge(note, tagged.outcome))
            self.unjudged += bool(judged.unread)
        found = self.metric.score(note, tagged.outcome, judged)
        with self._lock:
            if isinstance(tagged.outcome, Failure):
                self.failures[tagged.outcome.reason] += 1
                self.last_failure = found.failure
            if not tagged.sampled:
                digest = tagged.written.program.digest
                self.tried.setdefault(digest, tagged.written)
                self.scores.setdefault(digest, {})[note.id] = found.total
                if not isinstance(tagged.outcome, Failure):
                    matched = tagged.outcome.matched
                    self.probabilities.setdefault(digest, []).extend(match.probability for match in matched)
                self.report(len(self.tried), self._best()[1])
        return found

    def number(self, example: Any, prediction: Any, trace: Any = None) -> float:
        """The metric as DSPy's `Evaluate` wants it."""
        return self.score(example.note, prediction._tagged).total

    def explained(
        self, example: Any, prediction: Any, trace: Any = None, pred_name: str | None = None, pred_trace: Any = None
    ) -> Any:
        """The metric as reflecting optimisers want it: a number with what could be better."""
        found = self.score(example.note, prediction._tagged)
        return dspy.Prediction(score=found.total, feedback=found.feedback(pred_name or ""))

    def best(self, parent: PromptProgram) -> Written:
        """The words with the best mean over the validation notes; the parent unless another is better.

        Where the budget ended before any other was tried on all of them: the largest gain over the notes both have.
        """
        digest, score = self._best()
        mine = self.scores.get(parent.digest, {})
        if digest and digest != parent.digest and score > self._mean(parent.digest):
            return self.tried[digest]
        if any(self._is_whole(other) for other in self.tried if other != parent.digest):
            return Written(parent, {}, {})
        gains = {
            other: statistics.fmean(scores[id] - mine[id] for id in common)
            for other, scores in self.scores.items()
            if other != parent.digest and len(common := scores.keys() & mine.keys()) >= min(4, len(mine))
        }
        chosen = max(gains, key=lambda other: gains[other], default=None)
        return self.tried[chosen] if chosen is not None and gains[chosen] > 0 else Written(parent, {}, {})

    def _best(self) -> tuple[str, float]:
        whole = {digest: self._mean(digest) for digest in self.scores if self._is_whole(digest)}
        return max(whole.items(), key=lambda item: item[1], default=("", 0.0))

    def _is_whole(self, digest: str) -> bool:
        return all(note.id in self.scores.get(digest, {}) for note in self.split.validation)

    def _mean(self, digest: str) -> float:
        scores = self.scores[digest]
        return statistics.fmean(scores[note.id] for note in self.split.validation)


def example(note: Note) -> Any:
    """A note as DSPy's optimisers take it."""
    return dspy.Example(note=note).with_inputs("note")
