"""The tagging score: every part moves with what it measures, and says what to mend."""

import itertools
from typing import Any

import pytest

from handbook.records import Category, Handbook, Interest
from notes.records import Decision, DraftTag, Evidence, Failure, FinalTag, MatchedInterest, Note, Trace
from signatures.metrics import Frequencies
from signatures.metrics.judge import Judged, Verdict
from signatures.metrics.tagging import WEIGHTS, TaggingMetric, TaggingScore

NOTE = Note(id="1", title="Walnut desk in Lyon", content="A walnut desk with two drawers.", lang="en")
NIGHT = Interest(id="home.desks", name="Desks", tags={"walnut desk": 3})
BOOK = Handbook(categories=(Category(id="home", interests=(NIGHT,)),))


def trace(*tags: str, quote: str = "walnut desk", **fields: Any) -> Trace:
    evidence = (Evidence(source="content", quote=quote),)
    finals = tuple(FinalTag(tag=tag, confidence=0.9, evidence=evidence) for tag in tags)
    known: dict[str, Any] = {
        "note_id": "1",
        "note_digest": NOTE.digest,
        "lang": "en",
        "category": "",
        "steps": (),
        "tags": finals,
    }
    everything: dict[str, Any] = known | {"teacher": "llm", "model": "m"} | fields
    return Trace(**everything)


def part(score: TaggingScore, name: str) -> Any:
    found = {part.name: part for part in score.parts}
    return found.get(name)


def test_gold_moves_with_the_authors_tags_and_names_what_was_missed() -> None:
    note = NOTE.model_copy(update={"hashtags": ("walnut desk", "desk in Lyon")})
    scores = [
        TaggingMetric().score(note, trace(*tags))
        for tags in (("oak",), ("walnut desks",), ("walnut desk", "Desk in Lyon"))
    ]
    assert [round(part(score, "gold").value, 3) for score in scores] == [0.0, 0.667, 1.0]
    assert scores[0].total < scores[1].total < scores[2].total
    assert "missed: “walnut desk”, “desk in Lyon”; given, but not the author's: “oak”" in part(scores[0], "gold").says


def test_without_gold_the_other_parts_decide() -> None:
    score = TaggingMetric().score(NOTE, trace("walnut desk", "two drawers", "Lyon desk"))
    assert part(score, "gold") is None
    assert score.total == 1.0


def test_groundedness_names_tags_that_rest_on_nothing() -> None:
    score = TaggingMetric().score(NOTE, trace("oak table", "walnut desk", "drawers", quote="an oak table"))
    assert part(score, "groundedness").value == 0.0
    assert "“oak table”, “walnut desk”" in part(score, "groundedness").says


def test_coverage_names_matched_interests_that_no_tag_says() -> None:
    matched = (MatchedInterest(id="home.desks", name="Desks", probability=0.9),)
    metric = TaggingMetric(handbook=BOOK)
    silent, said = (metric.score(NOTE, trace(tag, "a", "b", matched=matched)) for tag in ("drawers", "Walnut desks"))
    assert part(silent, "coverage").value == 0.0
    assert "matched, but no tag says it: “Desks”" in part(silent, "coverage").says
    assert part(said, "coverage").value == 1.0


def test_granularity_is_whole_for_what_fits_one_note_and_nothing_for_what_fits_all() -> None:
    notes = [
        Note(id=str(n), title=f"desk {word}")
        for n, word in enumerate(("oak", "elm", "ash", "fir", "yew", "box", "bay"))
    ]
    metric = TaggingMetric(frequencies=Frequencies(notes))
    fine, coarse = (metric.score(NOTE, trace(tag)) for tag in ("oak desk", "desk"))
    assert part(fine, "granularity").value == 1.0
    assert part(coarse, "granularity").value == 0.0
    assert part(metric.score(NOTE, trace("unheard of")), "granularity").value == 1.0  # no finer than one note
    assert "fit many other notes as well: “desk”" in part(coarse, "granularity").says


def test_redundancy_names_pairs_that_say_the_same() -> None:
    score = TaggingMetric().score(NOTE, trace("walnut desk", "walnut desks", "lamp"))
    assert part(score, "redundancy").value == pytest.approx(2 / 3)
    assert "“walnut desk / walnut desks”" in part(score, "redundancy").says


@pytest.mark.parametrize(("count", "value"), [(1, 1 / 3), (3, 1.0), (8, 1.0), (10, 0.8)])
def test_count_falls_off_outside_the_limits(count: int, value: float) -> None:
    score = TaggingMetric().score(NOTE, trace(*(f"tag{letter}" for letter in "abcdefghij"[:count])))
    assert part(score, "count").value == pytest.approx(value)


def test_form_counts_drafts_that_had_to_be_dropped_and_says_why() -> None:
    drafts = tuple(DraftTag(tag=tag) for tag in ("walnut desk", "buy now", "photo", "desk"))
    reasons: Any = ("call_to_action", "too_general", "unconfirmed")
    dropped = tuple(
        Decision(tag=draft.tag, action="dropped", step="refine", reason=reason)
        for draft, reason in zip(drafts[1:], reasons, strict=True)
    )
    score = TaggingMetric().score(NOTE, trace("walnut desk", drafts=drafts, decisions=dropped))
    assert part(score, "form").value == 0.5
    assert "“buy now” (call to action), “photo” (too general)" in part(score, "form").says


def test_a_failure_scores_nothing_and_says_why() -> None:
    failure = Failure(note_id="1", step="draft", reason="unparsed", message="no JSON")
    score = TaggingMetric().score(NOTE, failure)
    assert score.total == 0.0
    assert score.feedback("draft") == "The note got no tags and the score 0: draft: unparsed: no JSON"


def test_feedback_for_a_step_holds_what_the_step_can_mend_worst_first() -> None:
    note = NOTE.model_copy(update={"hashtags": ("elm",)})
    score = TaggingMetric().score(note, trace("walnut desk", "walnut desks", quote="nothing of it"))
    names = [line.split()[0] for line in score.feedback("dedupe").splitlines()[1:]]
    assert names == ["redundancy"]
    assert "gold" not in score.feedback("describe")
    everything = score.feedback("fused").splitlines()[1:]
    assert len(everything) == len(score.parts)
    values = [float(line.split()[1].rstrip(":")) for line in everything]
    assert values == sorted(values)


def test_the_total_is_the_weighted_mean_of_the_parts() -> None:
    note = NOTE.model_copy(update={"hashtags": ("walnut desk", "elm")})
    score = TaggingMetric().score(note, trace("walnut desk", "walnut desks"))
    weights = [WEIGHTS[part.name] for part in score.parts]
    wanted = sum(w * p.value for w, p in zip(weights, score.parts, strict=True)) / sum(weights)
    assert score.total == pytest.approx(wanted)
    assert 0 < score.total < 1


def test_a_judge_without_a_verdict_counts_neither_for_nor_against() -> None:
    tagged = trace("walnut desk", "desk", "elm")
    metric = TaggingMetric()
    plain = metric.score(NOTE, tagged)
    assert metric.score(NOTE, tagged, Judged((), "unparsed: nonsense")).total == plain.total
    verdicts: Any = [("walnut desk", "good"), ("elm", "wrong")]
    said: Any = tuple((tag, Verdict(number=n, verdict=v, why="look again")) for n, (tag, v) in enumerate(verdicts, 1))
    judged = metric.score(NOTE, tagged, Judged(said))
    assert part(judged, "judged").value == 0.5
    assert "“elm” is wrong: look again" in part(judged, "judged").says
    assert judged.total < plain.total


def test_long_lists_are_cut_in_feedback() -> None:
    tags = [f"{a}{b}" for a, b in itertools.product("abc", "defg")]
    note = NOTE.model_copy(update={"hashtags": tuple(tags)})
    assert " and 6 more" in part(TaggingMetric().score(note, trace("x")), "gold").says
