"""Which drafts say the same: a table a rule, and what holds for every list of drafts."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from notes.records import DraftTag, Evidence
from signatures.answers import Merge, Merges
from signatures.dedupe import Deduped, dedupe, meaning_matters, say_the_same
from signatures.questions import TagLimits

LIMITS = TagLimits()


def _drafts(*tags: str, interests: tuple[str | None, ...] = ()) -> list[DraftTag]:
    served = interests or (None,) * len(tags)
    return [
        DraftTag(tag=tag, interest=interest, score=round(1 - 0.05 * n, 2))
        for n, (tag, interest) in enumerate(zip(tags, served, strict=True))
    ]


def _fates(found: Deduped) -> dict[str, tuple[str, str | None]]:
    return {decision.tag: (decision.reason, decision.into) for decision in found.decisions}


def _kept(found: Deduped) -> list[str]:
    return [draft.tag for draft in found.kept]


def _vectors(*angles: float) -> NDArray[np.float32]:
    """Unit vectors in a plane: the cosine of two is the cosine of the angle between them, in degrees."""
    turned = np.radians(np.array(angles))
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("night view", "Night View"),
        ("night view", "ｎｉｇｈｔ ｖｉｅｗ"),
        ("night view", "night views"),
        ("night view", "night-view"),
        ("night view", "nightview"),
        ("night view", "#nightview"),
        ("sneaker review", "sneakers reviews"),
        ("night view", "view night"),
        ("view of the night", "night view"),
        ("Valentine's day", "Valentine day"),
        ("维港夜景", "維港夜景"),
        ("维港夜景", "维港 夜景"),
        ("iPhone拍照", "iphone 拍照"),
        ("3-day itinerary", "3 day itinerary"),
    ],
)
def test_same_form_is_merged_into_the_better(first: str, second: str) -> None:
    for one, other in ((first, second), (second, first)):
        found = dedupe(_drafts(one, other), LIMITS)
        assert _kept(found) == [one]
        assert _fates(found) == {other: ("same_form", one)}
        assert say_the_same(one, other, LIMITS) == "same_form"


@pytest.mark.parametrize(
    ("right", "slip"),
    [
        ("capsule wardrobe", "capsule wardrobbe"),
        ("mechanical keyboard", "mechancal keyboard"),
        ("Singapore itinerary", "Singapore itinerery"),
        ("sourdough starter", "sourdough startar"),
    ],
)
def test_spelling_slip_is_merged(right: str, slip: str) -> None:
    found = dedupe(_drafts(right, slip), LIMITS)
    assert _fates(found) == {slip: ("spelling", right)}
    assert "of 100, the limit is 92" in found.decisions[0].detail
    assert say_the_same(slip, right, LIMITS) == "spelling"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("budget hotel tips", "budget hostel tips"),
        ("night market", "light market"),
        ("baby food", "baby foot"),
        ("desert trip", "dessert trip"),
        ("black tea", "black sea"),
        ("cat", "hat"),
        ("夜景机位", "夜景摄影"),
        ("running shoes", "walking shoes"),
    ],
)
def test_words_that_only_look_alike_are_two_things(first: str, second: str) -> None:
    assert _kept(dedupe(_drafts(first, second), LIMITS)) == [first, second]
    assert say_the_same(first, second, LIMITS) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("3-day itinerary", "5-day itinerary"),
        ("Sony A7 III lens 35mm", "Sony A7 III lens 85mm"),
        ("iPhone 15 case", "iPhone 16 case"),
        ("三天两夜攻略", "五天四夜攻略"),
        ("三日游", "两日游"),
        ("itinerary", "3-day itinerary"),
        ("1 bedroom flat", "2 bedroom flat"),
    ],
)
def test_other_numbers_are_other_things_however_near(first: str, second: str) -> None:
    same = np.ones((2, 1), dtype=np.float32)
    opinion = Merges(merges=[Merge(tag=2, into=1, reason="same")])
    found = dedupe(_drafts(first, second, interests=("a.a", "a.b")), LIMITS, vectors=same, opinion=opinion)
    assert _kept(found) == [first, second]
    assert say_the_same(first, second, LIMITS, cosine=1.0) is None


@pytest.mark.parametrize(("angle", "merged"), [(0, True), (20, True), (30, True), (31, False), (90, False)])
def test_meaning_merges_from_the_limit_on(angle: float, merged: bool) -> None:
    found = dedupe(_drafts("cheap stay", "budget hotel"), LIMITS, vectors=_vectors(0, angle))
    assert _kept(found) == (["cheap stay"] if merged else ["cheap stay", "budget hotel"])
    if merged:
        assert _fates(found) == {"budget hotel": ("same_meaning", "cheap stay")}
        assert "the limit is 0.86" in found.decisions[0].detail


def test_meaning_is_not_compared_without_vectors() -> None:
    assert len(dedupe(_drafts("cheap stay", "budget hotel"), LIMITS).kept) == 2
    assert say_the_same("cheap stay", "budget hotel", LIMITS, cosine=0.9) == "same_meaning"
    assert say_the_same("cheap stay", "budget hotel", LIMITS) is None


@pytest.mark.parametrize(
    ("coarse", "fine"),
    [
        ("singapore", "singapore itinerary"),
        ("night view", "Marina Bay night view"),
        ("views", "night view"),
        ("夜景", "维港夜景"),
        ("維港", "维港夜景"),
        ("拍照", "iPhone 拍照"),
    ],
)
def test_coarser_form_gives_way_to_the_finer(coarse: str, fine: str) -> None:
    for drafts in (_drafts(coarse, fine), _drafts(fine, coarse)):
        found = dedupe(drafts, LIMITS, vectors=_vectors(0, 0))
        assert _kept(found) == [fine]
        assert _fates(found) == {coarse: ("coarser", fine)}


def test_finer_form_that_is_far_less_likely_gives_way() -> None:
    drafts = [DraftTag(tag="skyline", score=0.9), DraftTag(tag="Paris skyline", score=0.2)]
    found = dedupe(drafts, LIMITS)
    assert _fates(found) == {"Paris skyline": ("unlikely_finer", "skyline")}
    assert "0.20 where “skyline” has 0.90" in found.decisions[0].detail
    bolder = LIMITS.model_copy(update={"finer": 0.1})
    assert _fates(dedupe(drafts, bolder)) == {"skyline": ("coarser", "Paris skyline")}


def test_coarser_form_stays_where_it_serves_another_interest() -> None:
    found = dedupe(_drafts("singapore", "singapore itinerary", interests=("a.cities", "a.plans")), LIMITS)
    assert _kept(found) == ["singapore", "singapore itinerary"]
    for interests in (("a.cities", "a.cities"), ("a.cities", None), (None, "a.plans")):
        assert _kept(dedupe(_drafts("singapore", "singapore itinerary", interests=interests), LIMITS)) == [
            "singapore itinerary"
        ]


def test_part_of_a_word_is_not_a_coarser_form() -> None:
    assert len(dedupe(_drafts("art", "party games"), LIMITS).kept) == 2
    assert len(dedupe(_drafts("cat", "catering"), LIMITS).kept) == 2


@pytest.mark.parametrize(("said", "reason"), [("same", "teacher"), ("coarser", "coarser")])
def test_opinion_of_a_teacher_is_applied(said: str, reason: str) -> None:
    opinion = Merges.model_validate({"merges": [{"tag": 1, "into": 2, "reason": said}]})
    found = dedupe(_drafts("skyline", "harbour lights", "noodles"), LIMITS, opinion=opinion)
    assert _kept(found) == ["harbour lights", "noodles"]
    assert _fates(found) == {"skyline": (reason, "harbour lights")}
    assert found.decisions[0].detail == f"the teacher: {said}"


@pytest.mark.parametrize(("tag", "into"), [(0, 1), (1, 0), (3, 1), (1, 3), (99, 98), (1, 1)])
def test_opinion_about_what_is_not_there_is_ignored(tag: int, into: int) -> None:
    opinion = Merges(merges=[Merge(tag=tag, into=into, reason="same")])
    assert len(dedupe(_drafts("skyline", "noodles"), LIMITS, opinion=opinion).kept) == 2


def test_opinions_in_a_circle_leave_one() -> None:
    circle = [
        Merge(tag=1, into=2, reason="same"),
        Merge(tag=2, into=3, reason="same"),
        Merge(tag=3, into=1, reason="same"),
    ]
    found = dedupe(_drafts("skyline", "noodles", "tram"), LIMITS, opinion=Merges(merges=circle))
    assert _kept(found) == ["tram"]
    assert {into for _, into in _fates(found).values()} == {"tram"}


def test_chain_of_merges_ends_in_the_survivor() -> None:
    opinion = Merges(merges=[Merge(tag=1, into=2, reason="same"), Merge(tag=2, into=4, reason="coarser")])
    found = dedupe(_drafts("skyline", "harbour", "Skylines", "bay lights"), LIMITS, opinion=opinion)
    assert _kept(found) == ["bay lights"]
    assert _fates(found) == {
        "skyline": ("teacher", "bay lights"),
        "harbour": ("coarser", "bay lights"),
        "Skylines": ("same_form", "bay lights"),
    }


def test_survivor_has_the_evidence_of_both_the_better_score_and_an_interest() -> None:
    title, picture = Evidence(source="title", quote="views"), Evidence(source="picture", picture=1)
    drafts = [
        DraftTag(tag="view", score=0.9, evidence=(title,)),
        DraftTag(tag="bay view", score=0.8, evidence=(picture, title), interest="a.b"),
        DraftTag(tag="Bay Views", score=0.7, evidence=(Evidence(source="interest", interest="a.b"),)),
    ]
    found = dedupe(drafts, LIMITS)
    assert len(found.kept) == 1
    survivor = found.kept[0]
    assert survivor.tag == "bay view"
    assert survivor.score == 0.9
    assert survivor.interest == "a.b"
    by_interest = Evidence(source="interest", interest="a.b")
    assert sorted(survivor.evidence, key=str) == sorted((title, picture, by_interest), key=str)


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        ((), []),
        (("satay",), []),
        (("budget hotel", "cheap hotels", "night view"), [0, 1]),
        (("sneakers", "night view", "trainers"), [0, 2]),
        (("sneakers", "night view", "city walk"), []),
        (("维港夜景机位", "夜景机位推荐", "satay"), [0, 1]),
    ],
)
def test_only_tags_that_can_say_the_same_are_compared_by_meaning(tags: tuple[str, ...], wanted: list[int]) -> None:
    assert meaning_matters(tags) == wanted


def test_wrong_number_of_vectors_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 drafts but 1 vectors"):
        dedupe(_drafts("a", "b"), LIMITS, vectors=_vectors(0))


def test_no_drafts_no_decisions() -> None:
    assert dedupe([], LIMITS, vectors=np.zeros((0, 2), dtype=np.float32)) == Deduped((), ())


WORDS = (
    "night view views bay marina 3-day 5-day itinerary hotel hostel cheap 夜景 維港夜景 维港 三天 攻略 iPhone".split()
)


@pytest.mark.parametrize("seed", range(60))
def test_every_draft_is_kept_or_has_exactly_one_decision(seed: int) -> None:
    chance = random.Random(seed)
    tags = list({" ".join(chance.sample(WORDS, chance.randint(1, 3))): None for _ in range(chance.randint(0, 14))})
    interests = tuple(chance.choice((None, "a.a", "a.b")) for _ in tags)
    drafts = [
        draft.model_copy(update={"evidence": (Evidence(source="content", quote=draft.tag),)})
        for draft in _drafts(*tags, interests=interests)
    ]
    merges = [
        Merge(tag=chance.randint(0, 16), into=chance.randint(0, 16), reason=chance.choice(("same", "coarser")))
        for _ in range(chance.randint(0, 8))
    ]
    vectors = _vectors(*(chance.uniform(0, 360) for _ in tags)).reshape(len(tags), 2)
    found = dedupe(drafts, LIMITS, vectors=vectors, opinion=Merges(merges=merges))
    kept, merged = _kept(found), [decision.tag for decision in found.decisions]
    assert sorted([*kept, *merged]) == sorted(tags)
    assert kept == [tag for tag in tags if tag in kept]
    assert bool(kept) is bool(tags)
    for decision in found.decisions:
        assert decision.into in kept
        assert decision.action == "merged"
        assert decision.step == "dedupe"
        assert decision.detail
    assert dedupe(drafts, LIMITS, vectors=vectors, opinion=Merges(merges=merges)) == found
    again = dedupe(found.kept, LIMITS)
    assert [decision.reason for decision in again.decisions if decision.reason != "coarser"] == []
    if len(tags) <= 6:  # evidence is kept up to six pieces a tag
        assert {str(e) for draft in found.kept for e in draft.evidence} == {
            str(e) for draft in drafts for e in draft.evidence
        }
