"""The tagging graph as DSPy's optimisers see it: a module with one predictor a step."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, Protocol, Self, TypeVar, cast

import dspy

from notes.records import Failure, Note, Trace
from prompts import PromptProgram
from signatures.demos import shown
from signatures.optimizing.sampling import told_apart
from signatures.optimizing.words import SIGNATURES, Written, written
from signatures.questions import Program

T = TypeVar("T")
_PROGRAMS = 32


class Tags(Protocol):
    """Tags a note with a program, as the graph does."""

    async def __call__(self, program: Program, note: Note) -> Trace | Failure:
        """What became of the note."""
        ...


class Tagged(NamedTuple):
    """What a module's words came to for a note."""

    written: Written
    outcome: Trace | Failure
    sampled: bool
    """Whether another model than the plain one answered: one of several samples."""


class Runner:
    """Runs the real graph for modules, in one event loop of its own.

    Args:
        tag: The graph.
        program: From a model and words to what answers the graph's steps.
        lm: The model, as it tags when nothing is being sampled.
    """

    def __init__(self, tag: Tags, program: Callable[[dspy.LM, PromptProgram], Program], lm: dspy.LM) -> None:
        self.lm = lm
        self._tag = tag
        self._program = program
        self._programs: OrderedDict[tuple[str, ...], Program] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tagllm-optimizing", daemon=True)
        self._thread.start()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # optimisers copy modules by the dozen; what runs them stays one

    def tag(self, words: PromptProgram, lm: dspy.LM, note: Note) -> Trace | Failure:
        """Tag a note with words that need not be written down anywhere."""
        lm = told_apart(lm)
        key = (words.digest, lm.model, repr(sorted(lm.kwargs.items())))
        with self._lock:
            found = self._programs.pop(key, None) or self._program(lm, words)
            self._programs[key] = found
            while len(self._programs) > _PROGRAMS:
                self._programs.popitem(last=False)
        return self.run(self._tag(found, note))

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        """Wait for something that runs in the loop, from any other thread.

        Raises:
            RuntimeError: the loop has ended. An optimiser that broke off leaves threads behind that go on asking.
        """
        with self._lock:
            if self._closed:
                asked.close()
                raise RuntimeError("the search is over")
            waiting = asyncio.run_coroutine_threadsafe(asked, self._loop)
        return waiting.result()

    def close(self, last: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """End what still runs in the loop, then run `last` in it, then end it."""
        with self._lock:
            self._closed = True
        asyncio.run_coroutine_threadsafe(_ended(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _ended(last: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    if last is not None:
        await last()


class TaggingModule(dspy.Module):
    """Tags a note, step by step, each step with its own predictor: its words and its worked examples.

    The words hold {{slots}} for limits; the tagging program fills them in when it asks.
    """

    def __init__(self, words: PromptProgram, runner: Runner) -> None:
        super().__init__()
        self.runner = runner
        self.parent = _Parent(words)
        seen = shown(words)
        for step, prompt in words.prompts.items():
            predictor = dspy.Predict(SIGNATURES[step].with_instructions(prompt.text))
            predictor.demos = [demo for demo in seen.demos if demo["step"] == step]
            setattr(self, step, predictor)

    def forward(self, note: Note) -> dspy.Prediction:
        """Tags of a note, with what became of it."""
        steps = list(self.named_predictors())
        lm = next((predictor.lm for _, predictor in steps if predictor.lm is not None), None) or dspy.settings.lm
        found = written(steps, self.parent.words)
        with dspy.context(trace=[]):
            outcome = self.runner.tag(found.program, cast(dspy.LM, lm), note)
            asked = list(dspy.settings.trace)
        if dspy.settings.trace is not None:
            dspy.settings.trace.extend(self._own(asked))
        tags = [tag.tag for tag in outcome.tags] if isinstance(outcome, Trace) else []
        prediction = dspy.Prediction(tags=tags)
        prediction._tagged = Tagged(found, outcome, lm is not self.runner.lm)
        return prediction

    def _own(self, asked: list[tuple[Any, Any, Any]]) -> list[tuple[Any, Any, Any]]:
        """What was asked, as if this module's predictors had asked it themselves: they have the same words."""
        own = {tuple(SIGNATURES[step].fields): predictor for step, predictor in self.named_predictors()}
        return [(own[key], i, o) for p, i, o in asked if (key := tuple(p.signature.fields)) in own]


class _Parent:
    """The words a module started from; copies of the module share them."""

    def __init__(self, words: PromptProgram) -> None:
        self.words = words

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self
