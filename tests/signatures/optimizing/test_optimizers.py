"""DSPy's optimisers on the real graph, with a teacher that can be taught (`improvable`): what is there is found."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import prompts
from prompts import PromptProgram
from prompts.contract import problems
from prompts.writing import write
from signatures.optimizing import Budget, BudgetSpent, Found, Optimizer, Search, gain_of, optimized
from signatures.optimizing.module import TaggingModule
from teachers.scripted import ScriptedEngine, scripted_lm
from tests.signatures.optimizing import improvable

ROOT = Path(__file__).parents[3]
PROGRAMS = {False: "tagging/v1", True: "tagging_fused/v1"}
FOUR: tuple[Optimizer, ...] = ("bootstrap", "mipro", "gepa", "simba")


class Ran:
    """One optimisation with all that belongs to it."""

    def __init__(self, optimizer: Optimizer, *, fused: bool, rounds: int = 4, **budget: Any) -> None:
        self.lm = scripted_lm(improvable.answer)
        self.budget = Budget(**budget)
        self.search: Search = improvable.search(self.lm, budget=self.budget, fused=fused, rounds=rounds)
        self.parent = prompts.load(PROGRAMS[fused])
        self.before = self.search.measure(self.parent, self.search.split.held_out)
        self.found: Found = optimized(self.parent, optimizer, self.search)

    @property
    def words(self) -> PromptProgram:
        return self.found.written.program

    @property
    def engine(self) -> ScriptedEngine:
        engine: Any = self.lm._engine_spec
        return engine


@pytest.fixture
def run() -> Iterator[Callable[..., Ran]]:
    made: list[Ran] = []

    def start(*args: Any, **named: Any) -> Ran:
        made.append(Ran(*args, **named))
        return made[-1]

    yield start
    for ran in made:
        ran.search.runner.loop.close()


@pytest.mark.parametrize("fused", [False, True], ids=["steps", "fused"])
@pytest.mark.parametrize("optimizer", FOUR)
def test_what_is_there_to_be_found_is_found_and_written_down(
    run: Callable[..., Ran], tmp_path: Path, optimizer: Optimizer, fused: bool
) -> None:
    ran = run(optimizer, fused=fused)
    assert ran.found.ended == "finished"
    after = ran.search.measure(ran.words, ran.search.split.held_out)
    assert gain_of(ran.before, after).low > 0.1
    folder = tmp_path / ran.parent.name / "v2"
    assert not list(problems(write(ran.words, folder, {})))
    words = [sys.executable, "-m", "tests.signatures.optimizing.improvable", str(folder)]
    elsewhere = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(elsewhere.stdout) == after


@pytest.mark.parametrize(
    ("optimizer", "instructions", "demos"),
    [("bootstrap", False, True), ("gepa", True, False)],
)
def test_each_changes_what_it_is_there_to_change(
    run: Callable[..., Ran], optimizer: Optimizer, instructions: bool, demos: bool
) -> None:
    ran = run(optimizer, fused=True)
    assert (ran.words["fused"].text != ran.parent["fused"].text) == instructions
    assert bool(ran.words.demos) == demos


def test_slots_that_a_proposal_lost_or_made_up_are_noted(run: Callable[..., Ran]) -> None:
    ran = run("gepa", fused=True)
    assert improvable.HINT in ran.words["fused"].text
    assert set(ran.found.written.completed["fused"]) == ran.parent["fused"].slots - {"max_drafts"}
    assert ran.found.written.removed == {"fused": ("as_many",)}


@pytest.mark.parametrize("optimizer", FOUR)
def test_the_same_search_asks_the_same_and_finds_the_same(run: Callable[..., Ran], optimizer: Optimizer) -> None:
    first, second = (run(optimizer, fused=True) for _ in range(2))
    assert {repr(r) for r in first.engine.requests} == {repr(r) for r in second.engine.requests}
    assert first.words.digest == second.words.digest


@pytest.mark.parametrize("optimizer", FOUR)
def test_a_budget_ends_the_search_with_the_best_so_far(run: Callable[..., Ran], optimizer: Optimizer) -> None:
    # Measuring the parent takes 24 requests; with a few more some candidates are tried, not all.
    ran = run(optimizer, fused=True, rounds=20, requests=60)
    assert ran.found.ended == "budget"
    assert len({repr(request) for request in ran.engine.requests}) == 60
    assert not list(problems(ran.words))
    assert sum(improvable.scores(ran.words)) >= sum(ran.before)


def test_a_budget_that_does_not_measure_the_parent_is_spent(run: Callable[..., Ran]) -> None:
    with pytest.raises(BudgetSpent):
        run("bootstrap", fused=True, requests=3)


def test_a_teacher_that_cannot_be_taught_leaves_the_parent(
    monkeypatch: pytest.MonkeyPatch, run: Callable[..., Ran]
) -> None:
    said = improvable.said_to
    deaf = {"system": "", "example": False, "sampled": False}
    monkeypatch.setattr(improvable, "said_to", lambda asked: said(asked._replace(**deaf)))
    for optimizer in FOUR:
        ran = run(optimizer, fused=True)
        assert ran.words.digest == ran.parent.digest
        assert ran.found.candidates >= 1 or optimizer == "simba"  # without a difference it has nothing to learn from


def test_a_proposal_that_cannot_be_read_proposes_nothing(
    monkeypatch: pytest.MonkeyPatch, run: Callable[..., Ran]
) -> None:
    field = improvable._field
    proposals = ("proposed_instruction", "new_instruction")
    monkeypatch.setattr(improvable, "_field", lambda name, asked: 7 if name in proposals else field(name, asked))
    for optimizer in ("mipro", "gepa"):
        ran = run(optimizer, fused=True)
        assert ran.found.ended == "finished"
        assert ran.found.unread > 0
        assert ran.words["fused"].text == ran.parent["fused"].text


def test_the_module_asks_what_the_written_version_asks(run: Callable[..., Ran], tmp_path: Path) -> None:
    ran = run("bootstrap", fused=False)
    saved = write(ran.words, tmp_path / "tagging/v2", {})
    asked = []
    for words in (ran.words, saved):
        lm = scripted_lm(improvable.answer)
        search = improvable.search(lm, fused=False)
        search.measure(words, search.split.held_out)
        search.runner.loop.close()
        engine: Any = lm._engine_spec
        asked.append({repr(request) for request in engine.requests})
    assert asked[0] == asked[1]
    assert any(message.role == "assistant" for request in engine.requests for message in request.messages)


def test_copies_of_a_module_share_what_runs_them_and_nothing_else(run: Callable[..., Ran]) -> None:
    ran = run("gepa", fused=True)
    module = TaggingModule(ran.parent, ran.search.runner)
    copy: Any = module.deepcopy()
    assert copy.runner is module.runner
    copy.fused.demos.append({"note": "{}"})
    assert not module.named_predictors()[0][1].demos


def test_threads_that_an_optimiser_left_behind_end_with_the_search() -> None:
    search = improvable.search(scripted_lm(improvable.answer), fused=True)
    words = prompts.load("tagging_fused/v1")
    search.runner.loop.close()
    with pytest.raises(RuntimeError, match="the search is over"):
        search.runner.tag(words, search.runner.lm, search.split.train[0])
