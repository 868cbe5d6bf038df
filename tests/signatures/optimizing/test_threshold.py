"""The threshold of the match step is found where the data says it is, and left alone where they say nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

import prompts
from graphs.tagging import TaggingContext, build_tagging
from handbook import Handbook, HandbookIndex
from handbook.records import Category, Interest
from notes.records import Failure, Note, Trace
from prompts import PromptProgram
from signatures.llm import llm_program
from signatures.metrics.tagging import TaggingMetric
from signatures.optimizing import Budget, Loop, Runner, Search, metered, optimized, split_notes
from signatures.optimizing.threshold import MOST, cuts, with_threshold
from signatures.questions import Program
from teachers.embedded import Encoder
from teachers.scripted import request_text, scripted_lm
from tests.signatures.optimizing.improvable import make_notes

MATERIAL = Interest(id="home.materials", name="Materials", description="What a thing is made of.")
NOISE = Interest(id="home.holidays", name="Holidays", description="Where to go next.")
WANTED = {"Materials": "", "Holidays": "beach holidays"}
"""The tag drafted for an interest; empty: what the title says."""
BOOK = Handbook(categories=(Category(id="home", name="Home", interests=(MATERIAL, NOISE)),))


def answers(separable: bool) -> Any:
    """A teacher that matches “Materials” surely and “Holidays” less so, and drafts a false tag for each “Holidays”.

    Where the two are not separable, both are matched with the same probabilities, up and down with the note's number.
    """

    def answer(request: Any) -> dict[str, Any]:
        said = request.config.response_format
        [field] = (said.get("schema") or said["json_schema"]["schema"])["properties"]
        text = request_text(request)
        if field == "merges":
            return {field: []}
        if "[[ ## kept ## ]]" in text:
            kept = [line for line in text.rpartition("[[ ## kept ## ]]\n")[2].splitlines() if line[:1].isdigit()]
            return {field: [{"number": n, "tag": "", "confidence": 0.9} for n in range(1, len(kept) + 1)]}
        note = json.loads(text.rpartition("[[ ## note ## ]]\n")[2].partition("\n\n")[0])
        page = text.rpartition("[[ ## interests ## ]]\n")[2]
        numbers = {name: int(page.partition(f". {name}:")[0].split()[-1]) for name in WANTED if f"{name}:" in page}
        description = note["title"].split(",")[0]
        quote = {"source": "title", "quote": description}
        if field == "matches":
            wave = 0.05 * (int(note["content"].rpartition(" ")[2].strip(".")) % 4)
            sure = {"Materials": 0.7 + wave, "Holidays": (0.35 if separable else 0.7) + wave}
            return {field: [{"interest": n, "why": "", "probability": sure[w], **quote} for w, n in numbers.items()]}
        more = {"picture": 0, "score": 0.9, **quote}
        return {field: [{"tag": WANTED[w] or description, "interest": n, **more} for w, n in numbers.items()]}

    return answer


@pytest.fixture
def found(request: pytest.FixtureRequest, encoder: Encoder) -> Iterator[tuple[PromptProgram, Search]]:
    loop, graph, index = Loop(), build_tagging(), HandbookIndex(BOOK, encoder)

    async def tag(program: Program, note: Note) -> Trace | Failure:
        result = await graph.ainvoke({"note": note}, context=TaggingContext(program=program, handbook=index))
        return result["failure"] if "failure" in result else result["trace"]

    lm = metered(scripted_lm(answers(request.param)), Budget(), loop)
    runner = Runner(loop, tag, lambda model, words: llm_program(model, words=words), lm)
    notes = [n.model_copy(update={"category": "home", "hashtags": n.hashtags[:1]}) for n in make_notes(24)]
    search = Search(runner=runner, metric=TaggingMetric(handbook=BOOK), split=split_notes(notes), threads=2)
    yield optimized(prompts.load("tagging/v1"), "reanchor", search).written.program, search
    loop.close()


@pytest.mark.parametrize("found", [True], indirect=True)
def test_the_threshold_lies_between_what_is_right_and_what_is_wrong(found: tuple[PromptProgram, Search]) -> None:
    words, search = found
    assert 0.5 < words.threshold < 0.7
    parent = prompts.load("tagging/v1")
    assert words.prompts == parent.prompts
    held_out = search.split.held_out
    assert sum(search.measure(words, held_out)) > sum(search.measure(parent, held_out))


@pytest.mark.parametrize("found", [False], indirect=True)
def test_what_cannot_be_told_apart_gets_no_threshold(found: tuple[PromptProgram, Search]) -> None:
    words, _ = found
    assert words.threshold == 0.0
    assert words.digest == prompts.load("tagging/v1").digest


def test_settings_lie_in_the_gaps_of_what_was_seen() -> None:
    assert [cut.threshold for cut in cuts([0.2, 0.8, 0.2, 0.4])] == [0.3, 0.6]
    assert cuts([0.5, 0.5]) == cuts([]) == cuts([0.0, 1.0]) == []
    many = cuts([n / 1000 for n in range(1, 1000)])
    assert len(many) == MOST
    assert many[0].threshold < 0.01
    assert many[-1].threshold > 0.99


def test_a_threshold_is_set_and_taken_away_without_touching_the_rest() -> None:
    words = prompts.load("tagging/v1")
    assert with_threshold(with_threshold(words, 0.4), 0.0) == words
    assert with_threshold(words, 0.4).about == words.about | {"match": {"threshold": 0.4}}
