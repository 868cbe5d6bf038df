"""Selection: each threshold drops what it says, with the measurement as its reason; several runs must agree."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distill.corpus import Selection, read_dropped, read_kept
from distill.corpus.selecting import _redundancy
from notes.records import Evidence, FinalTag, Note, Trace
from signatures.metrics.beyond import redundancy
from signatures.questions import TagLimits
from tests.distill.corpus.made import built, grounded, text
from tests.distill.corpus.test_views import rows
from tests.tagllm.report.made import write_notes, write_run

NOTE = Note(id="n", title="harbour walk", content=text(1), lang="en")


def with_tags(trace: Trace, *tags: tuple[str, float]) -> Trace:
    evidence = trace.tags[0].evidence
    return trace.model_copy(update={"tags": tuple(FinalTag(tag=t, confidence=c, evidence=evidence) for t, c in tags)})


@pytest.fixture
def note(tmp_path: Path) -> Note:
    return write_notes(tmp_path / "notes.jsonl", [NOTE])[0]


@pytest.mark.parametrize(
    ("selection", "reason"),
    [
        ({"min_confidence": 0.9}, "low_confidence"),
        ({"min_tags": 3}, "too_few_tags"),
        ({"langs": ("zh",)}, "language"),
        ({"max_redundancy": 0.0}, "redundant"),
        ({"min_groundedness": 1.0}, "ungrounded"),
    ],
)
def test_a_trace_below_a_threshold_is_dropped_and_one_at_it_is_not(
    tmp_path: Path, note: Note, selection: dict[str, Any], reason: str
) -> None:
    trace = with_tags(grounded(note, ["x"]), ("harbour walk", 0.8), ("harbour walks", 0.8))
    loose = trace.tags[1].model_copy(update={"evidence": (Evidence(source="content", quote="nowhere in it"),)})
    trace = trace.model_copy(update={"tags": (trace.tags[0], loose)})
    run = write_run(tmp_path / "run", tmp_path / "notes.jsonl", [trace])
    lenient: dict[str, Any] = {"max_redundancy": 1.0}
    (dropped,) = read_dropped(built(tmp_path / "a", run, selection=Selection(**lenient | selection))[0])
    assert dropped.reason == reason
    assert dropped.detail
    kept = {"min_confidence": 0.8, "min_tags": 2, "langs": ("en",), "min_groundedness": 0.5}
    corpus, _ = built(tmp_path / "b", run, selection=Selection(**lenient | kept))
    assert [one.note_id for one in read_kept(corpus)] == ["n"]


def test_of_several_runs_the_tags_that_enough_of_them_give_are_learned(tmp_path: Path, note: Note) -> None:
    given = (["harbour walk", "ferry ride"], ["Harbour walks", "ferry ride", "lantern"], ["ferry ride", "opal"])
    runs = []
    for number, tags in enumerate(given):
        trace = with_tags(grounded(note, ["x"]), *((tag, 0.8) for tag in tags))
        runs.append(write_run(tmp_path / f"run{number}", tmp_path / "notes.jsonl", [trace]))
    corpus, summary = built(tmp_path, *runs, selection=Selection(agreement=0.6, max_redundancy=1.0))
    (row,) = rows(corpus, "tags")
    assert row["completion"][0]["content"] == '{"tags":["harbour walk","ferry ride"]}'
    dropped = list(read_dropped(corpus))
    assert [(one.run, one.reason, one.instead) for one in dropped] == [
        ("run1", "other_run", "run0"),
        ("run2", "other_run", "run0"),
    ]
    assert (summary.traces, summary.kept, summary.several_runs) == (3, 1, 1)
    strict, summary = built(tmp_path / "strict", *runs, selection=Selection(agreement=1.0, min_tags=2))
    assert summary.dropped == {"inconsistent": 3}
    assert {one.detail for one in read_dropped(strict)} == {"no 2 tags in 100% of 3 runs"}


def test_runs_over_different_notes_with_one_id_are_different_notes(tmp_path: Path, note: Note) -> None:
    other = write_notes(tmp_path / "other.jsonl", [NOTE.model_copy(update={"content": text(2)})])[0]
    runs = [
        write_run(tmp_path / "a", tmp_path / "notes.jsonl", [grounded(note, ["harbour walk"])]),
        write_run(tmp_path / "b", tmp_path / "other.jsonl", [grounded(other, ["ferry ride"])]),
    ]
    corpus, summary = built(tmp_path, *runs)
    assert (summary.kept, summary.several_runs) == (2, 0)
    assert len({one.key for one in read_kept(corpus)}) == 2


def test_what_loses_nothing_together_loses_nothing_pair_by_pair() -> None:
    words = ["night", "view", "views", "Marina Bay", "滨海湾", "滨海湾夜景", "3-day", "5-day", "budget", "Budget"]
    draw = np.random.default_rng(3)
    limits, clean = TagLimits(), 0
    for _ in range(400):
        drawn = (" ".join(draw.choice(words, draw.integers(1, 4))) for _ in range(draw.integers(2, 7)))
        tags = list(dict.fromkeys(drawn))
        found = redundancy(tags, limits)
        exact = sum(found) if found is not None else 0.0
        assert _redundancy(tags, limits) == exact
        clean += exact == 0
    assert 40 < clean < 360
