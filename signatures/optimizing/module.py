"""The tagging graph as DSPy's optimisers see it: a module with one predictor a step."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, Self, cast

import dspy

from notes.records import Failure, Note, Trace
from prompts import PromptProgram
from signatures.demos import shown
from signatures.optimizing.loop import Loop
from signatures.optimizing.sampling import told_apart
from signatures.optimizing.words import SIGNATURES, Written, written
from signatures.questions import Program

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
    """Runs the real graph for modules.

    Args:
        loop: Where it runs.
        tag: The graph.
        program: From a model and words to what answers the graph's steps.
        lm: The model, as it tags when nothing is being sampled.
    """

    def __init__(
        self, loop: Loop, tag: Tags, program: Callable[[dspy.LM, PromptProgram], Program], lm: dspy.LM
    ) -> None:
        self.loop = loop
        self.lm = lm
        self._tag = tag
        self._program = program
        self._programs: OrderedDict[tuple[str, ...], Program] = OrderedDict()
        self._lock = threading.Lock()

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
        return self.loop.run(self._tag(found, note))


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
