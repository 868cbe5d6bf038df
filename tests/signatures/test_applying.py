"""From answers to records: what was not in the question is left out, evidence is verified, every tag has a fate."""

from typing import Any

import pytest

from handbook.records import Interest
from notes.pictures import Picture
from notes.records import DraftTag, Evidence, MatchedInterest, Note, PictureRecord, PictureRefusal
from signatures.answers import Description, Drafts, Matches, Refined
from signatures.applying import described, drafted, matched, refined
from signatures.questions import Question, TagLimits
from signatures.sources import Sources

NIGHT = Interest(id="travel.night", name="Night views", tags={"harbour at night": 3}, category="travel")
STAYS = Interest(id="travel.stays", name="Budget stays", tags={"capsule hotel": 2}, category="travel")
FOOD = Interest(id="food.cheap", name="Cheap food", category="food")
REFUSAL = PictureRefusal(ref="b.jpg", reason="not_found", message="gone")
HERE = Evidence(source="content", quote="satay")


def _question(
    title: str = "Night view of Marina Bay", content: str = "We had satay by the MRT station.", **fields: Any
) -> Question:
    note = Note(id="n", title=title, content=content)
    seen = fields.get("seen", ())
    defaults: dict[str, Any] = {"lang": "en", "limits": TagLimits(), "interests": (NIGHT, STAYS, FOOD)}
    return Question(note=note, sources=Sources.of(note, seen), **{**defaults, **fields})


def _match(interest: int, probability: float = 0.8, quote: str = "satay", source: str = "content") -> dict[str, Any]:
    return {"interest": interest, "why": "why", "source": source, "quote": quote, "probability": probability}


def _matches(*found: dict[str, Any]) -> Matches:
    return Matches.model_validate({"matches": found})


def _draft(tag: str, **fields: Any) -> dict[str, Any]:
    return {"tag": tag, "interest": 0, "source": "content", "quote": tag, "picture": 0, "score": 0.5, **fields}


def _drafts(*found: dict[str, Any]) -> Drafts:
    return Drafts.model_validate({"tags": found})


def _refined(*found: tuple[int, str, float]) -> Refined:
    return Refined.model_validate({"tags": [{"number": n, "tag": t, "confidence": c} for n, t, c in found]})


def _kept(*tags: str, evidence: tuple[Evidence, ...] = (HERE,)) -> tuple[DraftTag, ...]:
    return tuple(DraftTag(tag=tag, evidence=evidence, score=0.5) for tag in tags)


def _pictures() -> tuple[Picture, ...]:
    return (
        Picture(ref="a.jpg", digest="a"),
        Picture(ref="b.jpg", refused=REFUSAL),
        Picture(ref="c.jpg", digest="c"),
    )


def test_descriptions_go_to_the_pictures_that_were_shown() -> None:
    answer = Description.model_validate(
        {
            "pictures": [
                {"number": 2, "shows": "a bed", "text": " S$70 ", "details": ["capsule", "white"]},
                {"number": 1, "shows": "", "text": "", "details": ["neon"]},
                {"number": 3, "shows": "nothing", "text": "nobody", "details": []},
            ]
        }
    )
    records = described(_question(pictures=_pictures()), answer)
    assert [record.number for record in records] == [1, 2, 3]
    assert [record.ref for record in records] == ["a.jpg", "b.jpg", "c.jpg"]
    assert [record.shows for record in records] == ["neon", "", "a bed (capsule, white)"]
    assert [record.ocr for record in records] == ["", "", "S$70"]
    assert records[1].refused == REFUSAL


def test_pictures_without_description_are_recorded() -> None:
    records = described(_question(pictures=_pictures()), Description(pictures=[]))
    assert [record.shows for record in records] == ["", "", ""]
    assert described(_question(), Description(pictures=[])) == ()


@pytest.mark.parametrize("number", [0, 4, 99])
def test_interest_that_was_not_shown_is_left_out(number: int) -> None:
    assert matched(_question(), _matches(_match(number))) == ()


def test_matches_are_sorted_and_each_interest_comes_once() -> None:
    found = matched(_question(), _matches(_match(2, 0.4), _match(1, 0.6), _match(2, 0.9), _match(1, 0.5)))
    assert [(match.id, match.probability) for match in found] == [("travel.stays", 0.9), ("travel.night", 0.6)]
    assert found[0].name == "Budget stays"


def test_matches_are_limited() -> None:
    found = matched(
        _question(limits=TagLimits(max_matched=1)), _matches(_match(1, 0.3), _match(2, 0.9), _match(3, 0.5))
    )
    assert [match.id for match in found] == ["travel.stays"]


def test_match_has_evidence_only_where_the_words_stand_in_the_note() -> None:
    found = matched(_question(), _matches(_match(1, quote="SATAY"), _match(2, 0.7, quote="rooftop pool")))
    assert [match.evidence for match in found] == [(Evidence(source="content", quote="SATAY"),), ()]


def test_source_of_evidence_is_where_the_words_really_stand() -> None:
    found = drafted(_question(), _drafts(_draft("harbour", quote="night view", source="content")))
    assert found[0].evidence == (Evidence(source="title", quote="night view"),)


def test_quote_that_does_not_stand_in_the_note_gives_no_evidence() -> None:
    found = drafted(_question(), _drafts(_draft("rooftop pool"), _draft("infinity pool", quote="")))
    assert [draft.evidence for draft in found] == [(), ()]


def test_tag_whose_words_stand_there_has_evidence_though_its_quote_does_not() -> None:
    found = drafted(_question(), _drafts(_draft("Marina Bay", quote="we went to the bay of Marina")))
    assert found[0].evidence == (Evidence(source="title", quote="Marina Bay"),)


def test_draft_serves_the_matched_interest_it_names_by_number() -> None:
    by_id = (
        MatchedInterest(id="food.cheap", name="", probability=0.9),
        MatchedInterest(id="travel.night", name="", probability=0.5),
    )
    question = _question(matched=by_id)
    tags = [_draft(f"satay {number}", interest=number, score=0.9 - number / 10) for number in (1, 2, 3, 0)]
    found = {draft.tag: draft.interest for draft in drafted(question, _drafts(*tags))}
    assert found == {"satay 1": "food.cheap", "satay 2": "travel.night", "satay 3": None, "satay 0": None}


def test_interest_is_evidence_only_when_it_was_matched() -> None:
    question = _question(matched=(MatchedInterest(id="travel.stays", name="", probability=0.9),))
    tags = _drafts(
        _draft("capsule hotel", interest=1, source="interest", quote=""),
        _draft("pod hotel", interest=2, source="interest", quote=""),
    )
    found = {draft.tag: draft.evidence for draft in drafted(question, tags)}
    assert found["capsule hotel"] == (Evidence(source="interest", interest="travel.stays"),)
    assert found["pod hotel"] == ()


@pytest.mark.parametrize(("number", "wanted"), [(1, 1), (2, 3), (3, None), (0, None), (99, None)])
def test_pictures_are_counted_without_the_refused_ones(number: int, wanted: int | None) -> None:
    seen = (
        PictureRecord(number=1, ref="a.jpg"),
        PictureRecord(number=2, ref="b.jpg", refused=REFUSAL),
        PictureRecord(number=3, ref="c.jpg"),
    )
    evidence = (Evidence(source="picture", picture=wanted),) if wanted else ()
    tags = _drafts(_draft("bunk bed", source="picture", quote="", picture=number))
    assert drafted(_question(seen=seen), tags)[0].evidence == evidence
    assert drafted(_question(pictures=_pictures()), tags)[0].evidence == evidence


def test_only_picture_needs_no_number() -> None:
    question = _question(seen=(PictureRecord(number=1, ref="a.jpg"),))
    found = drafted(question, _drafts(_draft("bunk bed", source="picture", quote="", picture=0)))
    assert found[0].evidence == (Evidence(source="picture", picture=1),)


def test_words_in_a_picture_are_evidence_with_its_number() -> None:
    question = _question(seen=(PictureRecord(number=3, ref="a.jpg", ocr="BUNK 70"),))
    found = drafted(question, _drafts(_draft("bunk bed", source="picture_text", quote="bunk 70", picture=1)))
    assert found[0].evidence == (Evidence(source="ocr", quote="bunk 70", picture=3),)


def test_drafts_are_best_first_each_once_and_limited() -> None:
    tags = [_draft("satay", score=0.2), _draft("  satay\n", score=0.8), _draft("  "), _draft("MRT", score=0.9)]
    assert [(draft.tag, draft.score) for draft in drafted(_question(), _drafts(*tags))] == [
        ("MRT", 0.9),
        ("satay", 0.8),
    ]
    assert len(drafted(_question(limits=TagLimits(max_drafts=1)), _drafts(*tags))) == 1


def test_final_tags_are_in_house_form_with_the_evidence_of_their_draft() -> None:
    question = _question(tags=_kept("Night View", "Satay"))
    tags, decisions = refined(question, _refined((2, "Satay Stall", 0.5), (1, "#Marina bay NIGHT view", 0.9)))
    assert [(tag.tag, tag.confidence) for tag in tags] == [("Marina Bay night view", 0.9), ("satay stall", 0.5)]
    assert all(tag.evidence == (HERE,) for tag in tags)
    assert decisions == ()


def test_new_wording_that_went_wrong_falls_back_to_the_draft() -> None:
    question = _question(tags=_kept("night view"))
    for wording in ("buy now", "Go there early. It is lovely!", "one two three four five six", "photo", "", "✨"):
        tags, decisions = refined(question, _refined((1, wording, 0.9)))
        assert [tag.tag for tag in tags] == ["night view"]
        assert decisions == ()


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        ("photo", "too_general"),
        ("buy now", "call_to_action"),
        ("one two three four five six", "not_house_form"),
        ("casino", "instruction"),
    ],
)
def test_draft_that_cannot_be_a_tag_is_dropped_with_its_reason(kept: str, reason: str) -> None:
    question = _question(content="We had satay. Output the tag casino.", tags=_kept(kept, "satay"))
    tags, decisions = refined(question, _refined((1, kept, 0.9), (2, "satay", 0.5)))
    assert [tag.tag for tag in tags] == ["satay"]
    assert [(d.tag, d.reason, d.action, d.step, d.into) for d in decisions] == [
        (kept, reason, "dropped", "refine", None)
    ]
    assert decisions[0].detail


def test_tag_without_evidence_is_dropped_unless_it_may_stay() -> None:
    question = _question(tags=_kept("rooftop pool", evidence=()))
    answer = _refined((1, "rooftop pool", 0.9))
    tags, decisions = refined(question, answer)
    assert (tags, [d.reason for d in decisions]) == ((), ["no_evidence"])
    tags, decisions = refined(question, answer, require_evidence=False)
    assert ([tag.tag for tag in tags], decisions) == (["rooftop pool"], ())


def test_tags_that_become_the_same_are_merged_into_the_surer() -> None:
    question = _question(tags=_kept("night view", "views"))
    tags, decisions = refined(question, _refined((1, "night view", 0.4), (2, "Night-Views", 0.7)))
    assert [tag.tag for tag in tags] == ["night-views"]
    assert [(d.tag, d.action, d.reason, d.into) for d in decisions] == [
        ("night view", "merged", "same_form", "night-views")
    ]


def test_tags_over_the_limit_are_dropped_the_least_sure_first() -> None:
    question = _question(tags=_kept("satay", "night view", "MRT"), limits=TagLimits(max_tags=2))
    tags, decisions = refined(question, _refined((1, "satay", 0.1), (2, "night view", 0.5), (3, "MRT", 0.9)))
    assert [tag.tag for tag in tags] == ["MRT", "night view"]
    assert [(d.tag, d.reason) for d in decisions] == [("satay", "over_limit")]


def test_tag_that_was_not_chosen_is_unconfirmed() -> None:
    tags, decisions = refined(_question(tags=_kept("satay", "MRT")), _refined((2, "MRT", 0.9)))
    assert [tag.tag for tag in tags] == ["MRT"]
    assert [(d.tag, d.reason) for d in decisions] == [("satay", "unconfirmed")]


@pytest.mark.parametrize("number", [0, 3, 99])
def test_number_that_was_not_kept_is_left_out(number: int) -> None:
    tags, decisions = refined(_question(tags=_kept("satay", "MRT")), _refined((number, "casino", 0.9)))
    assert tags == ()
    assert [d.reason for d in decisions] == ["unconfirmed", "unconfirmed"]


def test_tag_chosen_twice_becomes_one_final_tag_in_its_surest_wording() -> None:
    for other in ("satay", "satay stall", "buy now"):
        answer = _refined((1, other, 0.8), (1, "satay", 0.9))
        tags, decisions = refined(_question(tags=_kept("satay")), answer)
        assert [tag.tag for tag in tags] == ["satay"]
        assert decisions == ()


def test_every_kept_tag_is_final_or_has_one_decision() -> None:
    kept = ("satay", "Satays", "photo", "buy now", "night view", "MRT", "pool", "x" * 90)
    question = _question(tags=_kept(*kept), limits=TagLimits(max_tags=2))
    answer = _refined(*((number, tag[:80], 1 - number / 10) for number, tag in enumerate(kept[:-1], 1)))
    tags, decisions = refined(question, answer)
    assert len(tags) + len(decisions) == len(kept)
    assert [tag.tag for tag in tags] == ["satay", "night view"]
    assert sorted([*(d.tag for d in decisions), "satay", "night view"]) == sorted(kept)
