"""A teacher that can be taught: what it answers depends on the words it is asked with.

Every note is about a thing with a material, in a city: “walnut desk, Lyon”. Its gold tags are “walnut desk” and “desk
in Lyon”. Asked with the plain words, the teacher gives the coarse tag “desk” and, for every third note, the first gold
tag as well, so that some notes are answered better than others. It gives the gold tags
- when its instructions hold the sentence `HINT`, or
- when it is shown a worked example (an assistant's turn before the question), or
- when it is sampled (temperature above 0) and chance, the digest of the request, is on its side: half of the times.

Asked to propose an instruction, it proposes `HINT` with one slot that is known and one that is made up; all others it
loses.
Asked for advice, it advises `HINT` to every module.

    python -m tests.signatures.optimizing.improvable FOLDER

measures the words in a folder, in a process that knows nothing of the search that found them; prints JSON.
"""

import hashlib
import json
import sys
from typing import Any, NamedTuple

from dspy.lm15 import Request

import prompts
from graphs.tagging import TaggingContext, build_tagging
from notes.records import Failure, Note, Trace
from prompts import PromptProgram
from signatures.llm import llm_program
from signatures.metrics.tagging import TaggingMetric
from signatures.optimizing import Budget, Loop, Runner, Search, metered, split_notes
from signatures.questions import Program
from teachers.scripted import scripted_lm

HINT = "Name the material and the city."
THINGS = ("desk", "lamp", "chair", "shelf", "stool", "bench")
MATERIALS = ("walnut", "rattan", "copper", "marble", "bamboo", "velvet", "granite")
CITIES = ("Lyon", "Porto", "Kyoto", "Oslo", "Quito")


def make_notes(count: int) -> list[Note]:
    """Notes, all different."""
    found = []
    for number in range(count):
        thing, material = THINGS[number % 6], MATERIALS[number % 7]
        city = CITIES[number % 5]
        found.append(
            Note(
                id=f"n{number}",
                title=f"{material} {thing}, {city}",
                content=f"The {material} {thing} stands in {city}, number {number}.",
                hashtags=(f"{material} {thing}", f"{thing} in {city}"),
                lang="en",
            )
        )
    return found


class Asked(NamedTuple):
    """What is looked at of a request."""

    schema: dict[str, Any]
    system: str
    question: str
    """The last turn, without the examples before it."""
    example: bool
    """Whether a worked example comes before it."""
    sampled: bool
    digest: bytes


def answer(request: Request) -> dict[str, Any]:
    """What the teacher says to a request of DSPy's."""
    said: Any = request.config.response_format or {}
    asked = Asked(
        schema=said.get("schema") or said["json_schema"]["schema"],
        system=str(request.system),
        question="\n".join(getattr(part, "text", "") for part in request.messages[-1].parts),
        example=any(message.role == "assistant" for message in request.messages),
        sampled=bool(request.config.temperature),
        digest=hashlib.sha256(repr(request).encode()).digest(),
    )
    return said_to(asked)


def answer_to(body: dict[str, Any]) -> dict[str, Any]:
    """What the teacher says to a request as a server receives it."""
    content = body["messages"][-1]["content"]
    asked = Asked(
        schema=body["response_format"]["json_schema"]["schema"],
        system=str(body["messages"][0]["content"]),
        question=content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content),
        example=any(message["role"] == "assistant" for message in body["messages"]),
        sampled=bool(body.get("temperature")),
        digest=hashlib.sha256(json.dumps(body).encode()).digest(),
    )
    return said_to(asked)


def said_to(asked: Asked) -> dict[str, Any]:
    """The answer, a field of the schema each."""
    return {name: _field(name, asked) for name in asked.schema["properties"]}


def _field(name: str, asked: Asked) -> Any:
    if name in ("proposed_instruction", "new_instruction"):
        return f"{HINT} Give {{{{max_drafts}}}} tags, or {{{{as_many}}}}."
    if name == "module_advice":
        return dict.fromkeys(("draft", "fused"), HINT)
    if name in ("pictures", "matches", "merges", "descriptions"):
        return []
    if name in ("tags", "final"):
        return _tags(name, asked)
    return "It is about furniture."


def _tags(name: str, asked: Asked) -> list[dict[str, Any]]:
    kept = [line for line in asked.question.splitlines() if line[:1].isdigit()]
    if name == "tags" and "[[ ## kept ## ]]" in asked.question:  # refine: everything that was kept
        tags = [line.partition(". ")[2].partition(" (")[0] for line in kept]
        return [{"number": number, "tag": tag, "confidence": 0.9} for number, tag in enumerate(tags, 1)]
    tags = _named(asked)
    if name == "final":
        return [{"number": number, "tag": tag, "confidence": 0.9} for number, tag in enumerate(tags, 1)]
    draft = {"interest": 0, "source": "title", "picture": 0, "score": 0.9}
    return [{"tag": tag, "quote": tag.split(" in ")[0], **draft} for tag in tags]


def _named(asked: Asked) -> list[str]:
    note = json.loads(asked.question.partition("[[ ## note ## ]]\n")[2].partition("\n\n")[0])
    description, _, city = note["title"].partition(", ")
    thing = description.split()[-1]
    if HINT in asked.system or asked.example or (asked.sampled and asked.digest[0] % 2 == 0):
        return [description, f"{thing} in {city}"]
    number = int(note["content"].rpartition(" ")[2].strip("."))
    return [description, thing] if number % 3 == 0 else [thing]


def search(lm: Any, count: int = 24, *, fused: bool = False, budget: Budget | None = None, **more: Any) -> Search:
    """A search over `count` notes with the real graph, step by step or fused; its loop is to be closed."""
    graph = build_tagging(fused=fused)

    async def tag(program: Program, note: Note) -> Trace | Failure:
        result = await graph.ainvoke({"note": note}, context=TaggingContext(program=program))
        return result["failure"] if "failure" in result else result["trace"]

    def program(model: Any, words: PromptProgram) -> Program:
        return llm_program(model, fused_words=words) if fused else llm_program(model, words=words)

    loop = Loop()
    runner, split = Runner(loop, tag, program, metered(lm, budget or Budget(), loop)), split_notes(make_notes(count))
    return Search(runner=runner, metric=TaggingMetric(), split=split, threads=2, **more)


def scores(words: PromptProgram) -> list[float]:
    """Scores of the held-out notes."""
    measuring = search(scripted_lm(answer), fused="fused" in words.prompts)
    try:
        return measuring.measure(words, measuring.split.held_out)
    finally:
        measuring.runner.loop.close()


if __name__ == "__main__":
    print(json.dumps(scores(prompts.named(sys.argv[1]))))
