"""DSPy's optimisers on the tagging graph, each with the settings it needs here."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import dspy
from dspy.utils.exceptions import LMError

from prompts import PromptProgram
from signatures.optimizing.budget import BudgetSpent
from signatures.optimizing.module import TaggingModule
from signatures.optimizing.proposing import ProposerAdapter
from signatures.optimizing.quiet import quietly
from signatures.optimizing.search import Search, example
from signatures.optimizing.threshold import calibrated
from signatures.optimizing.words import Written, written

Optimizer = Literal["bootstrap", "mipro", "gepa", "simba", "reanchor"]
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)
_DEMOS = 2
"""Worked examples a step, at most: each carries a page of the handbook."""
_BATCH = 8
"""Notes that SIMBA looks at in a step."""
_SAMPLES = 4
"""Answers that SIMBA compares for each of them."""
_KEEP = (
    "Words in double braces, such as {{max_tags}}, stand for numbers that are filled in later. Keep each of them, "
    "spelt exactly so, where the instruction says that limit. Never put a note of the examples into the instruction."
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What an optimiser came to."""

    written: Written
    """The parent's own words, where nothing better was found."""
    ended: str
    """`finished`, `budget`, or why it broke off."""
    candidates: int
    """Different words that were tried."""
    unread: int
    """Proposals that could not be read."""


def optimized(parent: PromptProgram, optimizer: Optimizer, search: Search) -> Found:
    """Look for better words with one of DSPy's optimisers, or with `reanchor` for a better threshold of the matches.

    The model is asked through `search.runner.lm` alone; wrap it with `metered` to give it a budget.

    Raises:
        BudgetSpent: not even the parent could be measured.
        PromptError: a threshold is looked for where nothing is matched.
    """
    split = search.split
    search.measure(parent, split.validation)
    adapter = ProposerAdapter(answer_chars=_answer_chars(search.runner.lm))
    student = TaggingModule(parent, search.runner)
    ended = "finished"
    try:
        if optimizer == "reanchor":
            found = Written(calibrated(parent, search), {}, {})
            return Found(written=found, ended=ended, candidates=len(search.tried) - 1, unread=0)
        threshold = statistics.median(search.measure(parent, split.train))
        with quietly(), dspy.context(lm=search.runner.lm, adapter=adapter, trace=None, num_threads=search.threads):
            made = _COMPILE[optimizer](search, student, adapter, threshold)
        search.measure(written(made.named_predictors(), parent).program, split.validation)
    except BudgetSpent:
        ended = "budget"
    except LMError as error:
        ended = f"{type(error).__name__}: {error}"[:500]
    # A threshold that was not checked to its end is not taken.
    best = Written(parent, {}, {}) if optimizer == "reanchor" else search.best(parent)
    return Found(written=best, ended=ended, candidates=len(search.tried) - 1, unread=adapter.unread)


def _bootstrap(search: Search, student: TaggingModule, _adapter: ProposerAdapter, threshold: float) -> Any:
    from dspy.teleprompt import BootstrapFewShotWithRandomSearch

    found = BootstrapFewShotWithRandomSearch(
        metric=search.number,
        max_bootstrapped_demos=_DEMOS,
        max_labeled_demos=0,  # a note is no example of a step
        num_candidate_programs=search.rounds,
        num_threads=search.threads,
        metric_threshold=threshold,
    )
    train, validation = _examples(search)
    tried = [-3, -1, *range(search.rounds)]  # -2 would show raw examples
    return found.compile(student, trainset=train, valset=validation, restrict=tried)


def _mipro(search: Search, student: TaggingModule, _adapter: ProposerAdapter, threshold: float) -> Any:
    from dspy.teleprompt import MIPROv2

    found = MIPROv2(
        metric=search.number,
        auto=None,
        num_candidates=max(3, search.rounds // 2),
        max_bootstrapped_demos=_DEMOS,
        max_labeled_demos=0,
        num_threads=search.threads,
        metric_threshold=threshold,
        seed=search.seed or 9,
    )
    train, validation = _examples(search)
    return found.compile(
        student,
        trainset=train,
        valset=validation,
        num_trials=2 * search.rounds,
        minibatch=False,
        view_data_batch_size=5,
    )


def _gepa(search: Search, student: TaggingModule, adapter: ProposerAdapter, _threshold: float) -> Any:
    from dspy.teleprompt.gepa import GEPA
    from dspy.teleprompt.gepa.instruction_proposal import InstructionProposer

    train, validation = _examples(search)
    found = GEPA(
        metric=search.explained,
        max_metric_calls=(search.rounds + 1) * (len(validation) + 2 * min(3, len(train))),
        reflection_minibatch_size=min(3, len(train)),
        reflection_lm=search.runner.lm.copy(temperature=1.0),
        instruction_proposer=InstructionProposer(adapter=adapter, additional_instructions=_KEEP),
        num_threads=search.threads,
        seed=search.seed,
    )
    return found.compile(student, trainset=train, valset=validation)


def _simba(search: Search, student: TaggingModule, _adapter: ProposerAdapter, _threshold: float) -> Any:
    from dspy.teleprompt import SIMBA

    train, _ = _examples(search)
    found = SIMBA(
        metric=search.explained,
        bsize=min(_BATCH, len(train)),
        num_candidates=_SAMPLES,
        max_steps=max(1, search.rounds // 2),
        max_demos=_DEMOS,
        prompt_model=search.runner.lm,
        num_threads=search.threads,
    )
    return found.compile(student, trainset=train, seed=search.seed)


_COMPILE: Mapping[str, Callable[[Search, TaggingModule, ProposerAdapter, float], Any]] = {
    "bootstrap": _bootstrap,
    "mipro": _mipro,
    "gepa": _gepa,
    "simba": _simba,
}


def _examples(search: Search) -> tuple[list[Any], list[Any]]:
    train, validation = ([example(note) for note in part] for part in (search.split.train, search.split.validation))
    return train, validation


def _answer_chars(lm: dspy.LM) -> int:
    """Characters of a proposal that fit into an answer."""
    tokens = lm.kwargs.get("max_tokens") or 2000
    return max(300, min(6000, 2 * int(tokens)))
