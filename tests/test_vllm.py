"""The graphs on a real vLLM server with a tiny vision-language model built on the spot.

Its words are nonsense; what is shown is that the engine, the protocol, the schemas and the pictures work.
"""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dspy
import psutil
import pytest
from click.testing import CliRunner

import prompts
from graphs.handbook import HandbookContext, build_handbook
from graphs.tagging import TaggingContext, build_tagging, tag_notes
from handbook import HandbookIndex
from handbook.mine.records import Gathered, MiningOptions
from notes import Note
from notes.pictures import PictureStore
from notes.reading import read_notes
from notes.records import Failure, Reject, Trace
from prompts.contract import problems
from signatures.answers import Description, Drafts, Fused, Matches, Merges, Refined
from signatures.handbook import HandbookProgram, evidence_program, llm_handbook_program
from signatures.llm import llm_program
from signatures.questions import TagLimits
from tagllm.cli import main
from teachers.vllm import ManagedServer
from teachers.vllm.endpoint import Endpoint, Limits
from teachers.vllm.engine import VllmEngine, vllm_lm
from teachers.vllm.load import Load
from teachers.vllm.servers import Servers
from tests import tiny_idefics3, vllm_server
from tests.signatures.handbook_clusters import NIGHT, NIGHT_SAID, cluster, 夜景
from tests.signatures.optimizing.improvable import make_notes
from tests.teachers.vllm.chat_server import Say, chat_server

EXAMPLES = Path(__file__).parent.parent / "examples"
SMALL = {"VLLM_CPU_KVCACHE_SPACE": "1"}
"""GiB: room for a million tokens of a tiny model."""
ANSWERS: dict[str, Any] = {
    "describe": Description,
    "match": Matches,
    "draft": Drafts,
    "dedupe": Merges,
    "refine": Refined,
}

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(vllm_server.why_not() is not None, reason=str(vllm_server.why_not())),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedServer]:
    folder = tmp_path_factory.mktemp("vllm")
    model = tiny_idefics3.build(folder / "model")
    (folder / "pictures").mkdir()
    options = ("--max-model-len", "8192", "--max-num-seqs", "16", "--seed", "0")
    with ManagedServer(
        str(model), engine_options=options, media_root=folder / "pictures", log=folder / "log", env=SMALL
    ) as server:
        yield server


def engine_for(server: ManagedServer, spool: Path | None = None) -> VllmEngine:
    endpoint = Endpoint(server.base_url, managed=server, spool=spool)
    return VllmEngine(Servers([endpoint]), server.model, load=Load(64), context=8192)


@pytest.fixture(scope="module")
def lm(server: ManagedServer, tmp_path_factory: pytest.TempPathFactory) -> dspy.LM:
    return vllm_lm(engine_for(server), max_tokens=3500)


@pytest.fixture
def context(lm: dspy.LM, examples_index: HandbookIndex) -> TaggingContext:
    # A nonsense model quotes nothing that stands in the note.
    return TaggingContext(
        program=llm_program(lm, handbook_tokens=400),
        handbook=examples_index,
        pictures=PictureStore(EXAMPLES),
        require_evidence=False,
    )


async def aclose(lm: dspy.LM) -> None:
    """End the connections of this loop."""
    engine = lm._async_engine_spec
    assert isinstance(engine, VllmEngine)
    await engine.aclose()


def asked(lm: dspy.LM, notes: list[Note], context: TaggingContext, *, fused: bool) -> list[dict[str, Any]]:
    """The notes' final states; the steps stand in them also where the nonsense came to nothing."""

    async def all_of() -> list[dict[str, Any]]:
        graph = build_tagging(fused=fused)

        async def one(note: Note) -> dict[str, Any]:
            state: dict[str, Any] = {}
            async for values in graph.astream({"note": note}, context=context, stream_mode="values"):
                state = values
            return state

        states = await asyncio.gather(*(one(note) for note in notes))
        await aclose(lm)
        return states

    return asyncio.run(all_of())


def example_notes(count: int) -> list[Note]:
    notes = [note for note in read_notes(EXAMPLES / "notes.jsonl") if isinstance(note, Note) and note.images]
    return notes[:count]


def reasons(states: list[dict[str, Any]]) -> dict[str, str]:
    return {s["failure"].reason: s["failure"].message for s in states if "failure" in s}


def test_every_answer_of_the_steps_is_valid_and_every_note_ends(lm: dspy.LM, context: TaggingContext) -> None:
    states = asked(lm, example_notes(8), context, fused=False)
    assert all(("trace" in state) != ("failure" in state) for state in states)
    # What a nonsense model says can come to nothing once it is checked, or run to the token limit, which is said;
    # it can never be unreadable.
    assert reasons(states).keys() <= {"no_tags", "truncated"}, reasons(states)
    whole = [state for state in states if "failure" not in state or state["failure"].reason == "no_tags"]
    assert whole
    for state in whole:
        sent = [step for step in state["steps"] if step.request is not None and step.name != "retrieve"]
        assert {"describe", "match", "draft"} <= {step.name for step in sent}
        for step in sent:
            ANSWERS[step.name].model_validate(step.answer)
            assert step.prompt_tokens > 100
            assert step.completion_tokens > 0
            assert step.prompt


def test_the_fused_answer_is_one_valid_request(lm: dspy.LM, context: TaggingContext) -> None:
    # A byte a token: the tiny model's window holds a short page of the handbook only (`handbook_tokens`).
    states = asked(lm, example_notes(4), context, fused=True)
    assert reasons(states).keys() <= {"no_tags", "truncated"}, reasons(states)
    whole = [state for state in states if "failure" not in state or state["failure"].reason == "no_tags"]
    assert whole
    for state in whole:
        assert sum(step.request is not None for step in state["steps"][1:]) == 1
        Fused.model_validate(state["steps"][1].answer)


def test_the_picture_reaches_the_model(lm: dspy.LM, context: TaggingContext) -> None:
    """Two notes that differ only in their picture: other requests, other answers."""
    graph = build_tagging()
    seen = []
    for image in ("images/sg-night-3d-1.jpg", "images/sg-night-3d-3.jpg"):
        note = Note(id="same", title="The same title", content="The same text.", images=(image,), category="travel")

        async def describe(note: Note = note) -> Any:
            steps = graph.astream({"note": note}, context=context, stream_mode="updates")
            async for update in steps:
                if "describe" in update:
                    await steps.aclose()  # pyright: ignore[reportAttributeAccessIssue]
                    await aclose(lm)
                    return update["describe"]["steps"][0]
            raise AssertionError("no describe step")

        seen.append(asyncio.run(describe()))
    first, second = seen
    assert json.dumps(first.request) != json.dumps(second.request)
    assert json.dumps(first.request).count("sha256:") == 1
    assert first.answer != second.answer


MANY = int(os.environ.get("TAGLLM_TEST_NOTES", "12"))
"""A nonsense model talks to its limits: 200 notes take three minutes."""
SHORT = TagLimits(max_matched=2, max_drafts=3, max_tags=3)


def many_notes() -> list[Note]:
    """Notes of which every second one has a picture; no two are the same."""
    shown = [note.images[:1] for note in example_notes(8)]
    return [
        Note(
            id=f"n{number}",
            title=f"Night walk {number}",
            content="We walked along the bay.",
            category="travel",
            lang="en",
            images=shown[number % len(shown)] if number % 2 else (),
        )
        for number in range(MANY)
    ]


async def outcomes_of(
    engine: VllmEngine,
    context: TaggingContext,
    *,
    fused: bool,
    concurrency: int = 64,
    at: Callable[[int], None] = lambda _: None,
) -> list[Trace | Failure]:
    found: list[Trace | Failure] = []
    async for outcome in tag_notes(build_tagging(fused=fused), many_notes(), context, concurrency=concurrency):
        assert not isinstance(outcome, Reject)
        found.append(outcome)
        at(len(found))
    await engine.aclose()
    return found


@pytest.mark.parametrize("fused", [False, True])
def test_many_notes_all_end_and_no_answer_is_unreadable(
    server: ManagedServer, context: TaggingContext, fused: bool
) -> None:
    engine = engine_for(server)
    program = llm_program(vllm_lm(engine, max_tokens=1500), handbook_tokens=200)
    found = asyncio.run(outcomes_of(engine, replace(context, program=program, limits=SHORT), fused=fused))
    assert [outcome.note_id for outcome in found] == [note.id for note in many_notes()]
    # A nonsense model's words can come to nothing, or run to the limit; they are always in the form asked for.
    assert {o.reason for o in found if isinstance(o, Failure)} <= {"no_tags", "truncated"}


def test_faults_on_the_way_to_the_server_cost_no_note(server: ManagedServer, context: TaggingContext) -> None:
    """5 % dropped connections, 5 % 500s, 5 % stalls, 2 % cut-off bodies, in a proxy before the real server."""

    def spoil(_: dict[str, Any], number: int) -> Say:
        if number % 20 == 8:
            return Say(status=500, text="out of order")
        fault = {3: "drop", 13: "stall"}.get(number % 20) or ("cut" if number % 50 == 25 else "")
        return Say(fault=fault, forward=server.base_url, silence=25)  # pyright: ignore[reportArgumentType]

    with chat_server(spoil) as proxy:
        endpoint = Endpoint(proxy.base_url, limits=Limits(answer=20))
        engine = VllmEngine(Servers([endpoint]), server.model, load=Load(16), context=8192)
        program = llm_program(vllm_lm(engine, max_tokens=400), handbook_tokens=200)
        found = asyncio.run(outcomes_of(engine, replace(context, program=program, limits=SHORT), fused=False))
    assert [outcome.note_id for outcome in found] == [note.id for note in many_notes()]
    assert {o.reason for o in found if isinstance(o, Failure)} <= {"no_tags", "truncated"}
    assert len(proxy.requests) > 2 * MANY
    assert engine.servers.retried >= len(proxy.requests) // 8


def test_server_killed_among_many_notes_costs_none_of_them(server: ManagedServer, context: TaggingContext) -> None:
    engine = engine_for(server)
    program = llm_program(vllm_lm(engine, max_tokens=1500), handbook_tokens=200)
    before = server.restarts

    def kill(done: int) -> None:
        if done == MANY // 8:
            assert server.record.group is not None
            for child in psutil.Process(server.record.group.pid).children(recursive=True):
                child.kill()

    short = replace(context, program=program, limits=SHORT)
    # Few at a time: outcomes come in order; where all are asked together all may be answered before one is seen.
    found = asyncio.run(outcomes_of(engine, short, fused=MANY < 100, concurrency=MANY // 2, at=kill))
    assert server.restarts == before + 1
    assert [outcome.note_id for outcome in found] == [note.id for note in many_notes()]
    assert {o.reason for o in found if isinstance(o, Failure)} <= {"no_tags", "truncated"}


def test_every_optimiser_runs_to_its_end_and_leaves_a_valid_version(server: ManagedServer, tmp_path: Path) -> None:
    """What they find is worth nothing; every proposal, however broken, becomes words that can be used."""
    notes = tmp_path / "notes.jsonl"
    notes.write_text("".join(note.model_dump_json(exclude={"extra"}) + "\n" for note in make_notes(6)), "utf-8")
    for optimizer in ("bootstrap", "mipro", "gepa", "simba"):
        out = tmp_path / f"{optimizer}/tagging_fused/v2"
        asked = ["optimize", notes, "--optimizer", optimizer, "--graph", "fused", "--rounds", 1, "--out", out, "--json"]
        teacher = ["--teacher", "vllm", "--base-url", server.base_url, "--max-tokens", 48]
        done = CliRunner().invoke(main, [*map(str, (*asked, *teacher, "--budget-requests", 14))])
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        assert found["ended"] in ("finished", "budget")
        assert found["requests"] <= 14
        version = prompts.named(str(out))
        assert not list(problems(version))
        assert version.about["optimizer"] == optimizer


def test_a_nonsense_model_names_no_interest_but_loses_none(lm: dspy.LM) -> None:
    clusters = (
        cluster("travel", *NIGHT, sentences=NIGHT_SAID, near=("travel/budget hotel",)),
        cluster("travel", "budget hotel", "cheap hostel"),
        cluster("travel", *夜景),
    )
    # A byte a token: words and answer share the tiny model's window.
    nonsense = llm_handbook_program(lm.copy(max_tokens=2200))

    async def build(program: HandbookProgram) -> Any:
        context = HandbookContext(
            program=program,
            gather=lambda: Gathered(options=MiningOptions(), phrases=(), evidence=()),
            cluster=lambda *_: clusters,
        )
        result = await build_handbook().ainvoke({"name": "nonsense"}, context=context)
        await aclose(lm)
        return result

    own = asyncio.run(build(evidence_program()))["handbook"]
    result = asyncio.run(build(nonsense))
    asked = result["asked"]
    assert (asked["named"], asked["compared"]) == (3, 1)
    assert asked["unanswered"] < 4, result["findings"]
    assert asked["completion_tokens"] > 0
    # Whatever it cites comes first; no evidence is added or lost.
    assert {i.id: (i.name, i.tags, sorted(i.evidence)) for i in result["handbook"].interests.values()} == {
        i.id: (i.name, i.tags, sorted(i.evidence)) for i in own.interests.values()
    }
    # What it says can run to the token limit; it can never be unreadable.
    reasons = {finding.reason for finding in result["findings"]}
    assert not reasons & {"unparsed", "too_long", "refused", "unreachable", "teacher_error"}, result["findings"]
    assert {f.id for f in result["findings"] if f.field in ("entry", "name")} == set(own.interests)
