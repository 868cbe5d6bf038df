"""How many tags the embedded teacher gives where how likely they are was learned on the handbook's notes."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from handbook.records import Interest
from notes.records import DraftTag, MatchedInterest, Note
from signatures.embedded import embedded_program
from signatures.questions import Question, TagLimits
from signatures.sources import Sources
from teachers.embedded import Encoder, Perceiver

NOTE = Note(id="1", title="Plots in R", content="A first plot of grouped data")
CODE = Interest(id="data.code", name="Code", category="data", tags={"r": 3, "plotting": 2})


def _chosen(encoder: Encoder, perceiver: Perceiver, drafts: dict[str, float], **limits: int) -> list[str]:
    index: Any = SimpleNamespace(matcher=SimpleNamespace(share=0.5))
    question = Question(
        note=NOTE,
        lang="en",
        limits=TagLimits(**limits),
        interests=(CODE,),
        matched=(MatchedInterest(id="data.code", name="Code", probability=0.8),),
        tags=tuple(DraftTag(tag=tag, interest="data.code", score=score) for tag, score in drafts.items()),
        sources=Sources.of(NOTE, ()),
    )
    answer = asyncio.run(embedded_program(encoder, perceiver, index).refine(question)).answer  # pyright: ignore[reportArgumentType]
    return [tag.tag for tag in answer.tags]


@pytest.mark.parametrize(
    ("drafts", "limits", "wanted"),
    [
        ({"plotting": 0.8, "grouped data": 0.5, "charts": 0.3}, {}, ["plotting", "grouped data"]),  # half as likely
        ({"plotting": 0.8, "charts": 0.3, "data": 0.2}, {"fewest": 2}, ["plotting", "charts"]),  # as many as asked for
        ({"r": 0.8, "charts": 0.3}, {}, ["r"]),  # a letter that the handbook knows as a tag
        ({"2024": 0.8, "charts": 0.3}, {}, ["2024", "charts"]),  # the likeliest is no tag: another one, too
    ],
)
def test_tags_are_given_that_are_not_much_less_likely_than_the_likeliest(
    drafts: dict[str, float], limits: dict[str, int], wanted: list[str], encoder: Encoder, perceiver: Perceiver
) -> None:
    assert _chosen(encoder, perceiver, drafts, **limits) == wanted
