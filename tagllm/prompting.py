"""What `tagllm prompts` does: look versions over, compare their words, show what is sent for a note."""

import asyncio
import difflib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, cast

from dspy import lm15
from pydantic import BaseModel

import prompts
from graphs.tagging import build_tagging
from handbook.page import tokens_of
from notes.reading import read_notes
from notes.records import Failure, Note, Trace
from prompts.contract import problems
from prompts.pins import check_pins, is_pinned
from prompts.program import ROOT, PromptProgram
from prompts.writing import CHANGELOG
from signatures.llm import llm_program
from signatures.questions import Answered, Program, Question, StepFailed, TagLimits
from tagllm.setup import Setup, tagging_setup
from tagllm.teaching import TeacherChoice
from teachers.receipts import receipt
from teachers.vllm.engine import VllmEngine, vllm_lm
from teachers.vllm.wire import outgoing, with_pictures

TOKEN_BUDGET = 8000
"""Of one step's words with its demos; what a note and the handbook add comes on top."""
A = TypeVar("A", bound=BaseModel)


class Version(NamedTuple):
    """A version on disk."""

    id: str
    state: Literal["default", "pinned", "draft", "broken"]
    steps: int
    demos: int
    tokens: int
    """Of the longest step: words and demos."""
    parent: str
    optimizer: str
    gain: tuple[float, float, float] | None
    """Of the score on the held-out notes, with the ends of its interval; None where it was not measured."""
    digest: str


class Finding(NamedTuple):
    """What `check` says of a version."""

    id: str
    kind: Literal["problem", "note"]
    message: str


@dataclass(frozen=True)
class StepDiff:
    """How one step differs between two versions."""

    step: str
    lines: tuple[str, ...]
    """Of the words, as a unified diff; none where they are the same."""
    demos_gone: tuple[str, ...]
    demos_new: tuple[str, ...]


class Sent(NamedTuple):
    """One request."""

    step: str
    """With `/repair` where a broken answer was asked for once more."""
    body: bytes
    """As the server receives it, pictures with their bytes."""


def listed(root: Path = ROOT) -> Iterator[Version]:
    """Every version on disk, by name and number."""
    for name, id in _ids(root):
        try:
            program = prompts.load(id, root)
        except prompts.PromptError:
            yield Version(id, "broken", 0, 0, 0, "", "", None, "")
            continue
        state = "pinned" if is_pinned(id, root) else "draft"
        about, gain = program.about, program.about.get("gain", {})
        ends = (gain["value"], gain["low"], gain["high"]) if {"value", "low", "high"} <= gain.keys() else None
        yield Version(
            id,
            "default" if _default(name, root) == id else state,
            len(program.prompts),
            len(program.demos),
            max(step_tokens(program).values(), default=0),
            str(about.get("parent", "")),
            str(about.get("optimizer", "")),
            ends,
            program.digest,
        )


def checked(root: Path = ROOT, *, budget: int = TOKEN_BUDGET) -> Iterator[Finding]:
    """What is wrong with the versions on disk: pins, steps, slots, demos, length; and which of them nobody uses."""
    parents: set[str] = set()
    loaded: dict[str, PromptProgram] = {}
    for _, id in _ids(root):
        try:
            loaded[id] = prompts.load(id, root)
        except prompts.PromptError as error:
            broken = list(check_pins(root / id, root)) or [str(error)]
            yield from (Finding(id, "problem", message) for message in broken)
            continue
        parents.add(str(loaded[id].about.get("parent", "")))
    changelog = root / CHANGELOG
    said = changelog.read_text("utf-8") if changelog.is_file() else ""
    for id, program in loaded.items():
        yield from (Finding(id, "problem", message) for message in problems(program))
        if f"{program.about.get('name')}/v{program.about.get('version')}" != id:
            yield Finding(id, "problem", f"{id}: program.toml names another version; correct name and version there")
        for step, tokens in step_tokens(program).items():
            if tokens > budget:
                message = f"{id}/{step}: {tokens:,} tokens of words and demos, the budget is {budget:,}; take demos out"
                yield Finding(id, "problem", f"{message}, or raise --token-budget")
        if not is_pinned(id, root):
            yield Finding(id, "note", f"{id} is a draft; once it has made data, pin it: python -m prompts")
        if _default(program.name, root) != id and id not in parents:
            yield Finding(id, "note", f"{id} is unused: it is neither the default nor the parent of a version")
        if said and f"- `{id}`: " not in said:
            yield Finding(id, "note", f"{id} has no line in {CHANGELOG}; say there why it exists")


def step_tokens(program: PromptProgram) -> dict[str, int]:
    """About how many tokens each step's words and demos are, pictures apart."""
    found = {step: tokens_of(prompt.text) for step, prompt in program.prompts.items()}
    for demo in program.demos:
        step = demo["step"]
        found[step] = found.get(step, 0) + tokens_of(_one_line(demo))
    return found


def differing(one: PromptProgram, other: PromptProgram) -> list[StepDiff]:
    """The steps in which two versions differ."""
    found = []
    for step in dict.fromkeys((*one.prompts, *other.prompts)):
        old, new = (p.prompts[step].text.splitlines() if step in p.prompts else [] for p in (one, other))
        lines = difflib.unified_diff(old, new, f"{one.id}/{step}", f"{other.id}/{step}", lineterm="")
        demos = [[_one_line(demo) for demo in p.demos if demo["step"] == step] for p in (one, other)]
        gone = tuple(demo for demo in demos[0] if demo not in demos[1])
        added = tuple(demo for demo in demos[1] if demo not in demos[0])
        diff = StepDiff(step, tuple(lines), gone, added)
        if diff.lines or gone or added:
            found.append(diff)
    return found


def render(
    program: PromptProgram,
    path: Path,
    id: str,
    *,
    handbook: Path | None = None,
    base_urls: tuple[str, ...] = (),
    model: str = "",
    max_tokens: int = 2000,
    temperature: float = 0.0,
    handbook_tokens: int = 3000,
    limits: TagLimits | None = None,
    api_key: str = "",
) -> tuple[list[Sent], Trace | Failure]:
    """What is sent for a note, step by step, and what came of it.

    Args:
        program: Whose words ask.
        path: Notes.
        id: Of the note.
        handbook: Folder of a handbook.
        base_urls: Servers that answer. None: nobody is asked, and the embedded teacher's answers stand for the model's
            where a later step's question holds them.
        model: Name of the model.
        max_tokens: Of an answer.
        temperature: Of sampling.
        handbook_tokens: Of the handbook, shown with the note.
        limits: House form.
        api_key: Of the servers.

    Raises:
        LookupError: there is no such note.
        notes.reading.UnreadableInput: the notes as a whole cannot be read.
        handbook.HandbookError: the handbook cannot be used.
        teachers.vllm.launch.ServerError: a server cannot be used.
    """
    choice = TeacherChoice(
        name="vllm" if base_urls else "embedded",
        base_urls=base_urls,
        model=model,
        handbook_tokens=handbook_tokens,
        api_key=api_key,
    )
    folder = path if path.is_dir() else path.parent
    with closing(tagging_setup(folder, teacher=choice, handbook=handbook, limits=limits)) as setup:
        rows = read_notes(path, ids={id}, pictures=setup.pictures)
        note = next((row for row in rows if isinstance(row, Note)), None)
        if note is None:
            raise LookupError(f"{path} has no note with id {id!r}")
        recorder = _Recorder(id, model or (setup.engine.model if setup.engine is not None else ""), setup.engine)
        # A recorder is no engine of servers, but all that asking takes.
        lm = vllm_lm(cast(VllmEngine, recorder), temperature=temperature, max_tokens=max_tokens)
        words: dict[str, Any] = {"fused_words" if _is_fused(program) else "words": program}
        asking = llm_program(lm, handbook_tokens=handbook_tokens, **words)
        if setup.engine is None:
            asking = _rehearsed(asking, setup.context.program)
        return recorder.sent, asyncio.run(_tagged(note, setup, asking, fused=_is_fused(program)))


def _is_fused(program: PromptProgram) -> bool:
    return "fused" in program.prompts


async def _tagged(note: Note, setup: Setup, program: Program, *, fused: bool) -> Trace | Failure:
    graph = build_tagging(fused=fused)
    try:
        result = await graph.ainvoke({"note": note}, context=replace(setup.context, program=program))
    finally:
        await setup.disconnect()
    return result["failure"] if "failure" in result else result["trace"]


class _Recorder:
    """Keeps what is asked as a server would receive it; asks on, where there is somebody to ask."""

    supported_params = VllmEngine.supported_params
    supports_response_schema = True

    def __init__(self, note_id: str, model: str, engine: VllmEngine | None) -> None:
        self._note_id = note_id
        self.model = model
        self.sent: list[Sent] = []
        self._engine = engine

    async def complete(self, request: lm15.Request) -> lm15.Response:
        asked = receipt.get()
        step = asked.label.removeprefix(f"{self._note_id}/") if asked is not None else ""
        body, pictures, *_ = outgoing(request, self.model)
        self.sent.append(Sent(step, with_pictures(body, {name: f"data:{data}" for name, data in pictures.items()})))
        if self._engine is None:
            raise lm15.InvalidRequestError("nobody is asked")
        return await self._engine.complete(request)

    async def aclose(self) -> None:
        """Nothing of its own is open."""


def _rehearsed(asking: Program, answering: Program) -> Program:
    """`asking`'s questions with `answering`'s answers."""

    def both(
        ask: Callable[[Question], Awaitable[Answered[A]]], answer: Callable[[Question], Awaitable[Answered[A]]]
    ) -> Callable[[Question], Awaitable[Answered[A]]]:
        async def step(question: Question) -> Answered[A]:
            try:
                return await ask(question)
            except StepFailed:
                return await answer(question)

        return step

    return replace(
        asking,
        describe=both(asking.describe, answering.describe),
        match=both(asking.match, answering.match),
        draft=both(asking.draft, answering.draft),
        dedupe=both(asking.dedupe, answering.dedupe),
        refine=both(asking.refine, answering.refine),
        fused=both(asking.fused, answering.fused),
    )


def _ids(root: Path) -> Iterator[tuple[str, str]]:
    for name in prompts.names(root):
        for version in prompts.versions(name, root):
            yield name, f"{name}/v{version}"


def _default(name: str, root: Path) -> str:
    try:
        return prompts.default(name, root)
    except prompts.PromptError:
        return ""  # one of its versions is broken, which is said of that one


def _one_line(demo: Mapping[str, Any]) -> str:
    return json.dumps(demo, ensure_ascii=False)
