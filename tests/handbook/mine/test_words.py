"""What the evidence itself says of an interest."""

from typing import Any

import pytest

from handbook.mine.attributes import attributes
from handbook.mine.categories import slug
from handbook.mine.phrases import house, spaced
from handbook.mine.words import in_evidence_words
from handbook.records import Interest
from tests.signatures.handbook_clusters import cluster


def words(*phrases: str, speaking: tuple[str, ...] = (), taken: tuple[str, ...] = (), **more: Any) -> Interest:
    """The interest of these phrases."""
    update = {"speaking": speaking, "searches": more.pop("searches", ())}
    return in_evidence_words(cluster("travel", *phrases, **more).model_copy(update=update), taken)


def test_an_interest_says_what_its_evidence_says() -> None:
    found = words(
        "night view", "skyline viewpoint", "rooftop bar", "marina bay night view",
        speaking=("night view", "rooftop bar"), searches=("where to see the skyline",), sentences=("a", "b"),
    )  # fmt: skip
    assert found.id == "travel.night-view"
    assert found.name == "Night view and rooftop bar"
    assert found.description == (
        "Notes on night view, rooftop bar, skyline viewpoint and marina bay night view; "
        "people search for “where to see the skyline”."
    )
    assert "Usually 2 words" in found.guidance
    assert found.evidence == ("a", "b")
    assert found.words == "evidence"
    assert list(found.tags) == sorted(found.tags, key=lambda tag: (-found.tags[tag], tag))


def test_a_chinese_interest_is_written_in_chinese() -> None:
    found = words("城市夜景", "夜景机位", "夜景", speaking=("城市夜景", "夜景机位"), searches=("夜景哪里看",))
    assert found.id == "travel.城市夜景"
    assert found.name == "城市夜景与夜景机位"
    assert found.description == "关于城市夜景、夜景机位的笔记；大家会搜“夜景哪里看”。"
    assert "只写“夜景”太宽泛" in found.guidance
    assert "地点" in found.attributes


def test_ids_are_unique_and_fit() -> None:
    assert words("night view", taken=("travel.night-view",)).id == "travel.night-view-2"
    assert words("night view", taken=("travel.night-view", "travel.night-view-2")).id == "travel.night-view-3"
    assert words("🌃").id == "travel.interest"
    assert len(words("w" * 300).id) <= 120
    assert len(words(*("x y " * 15 + str(n) for n in range(30)), speaking=("x y " * 15 + "1",) * 2).name) <= 120


@pytest.mark.parametrize(
    ("phrases", "expected"),
    [
        (("london", "paris street", "tokyo"), "place"),
        (("cheap flights", "budget hotel", "free museum"), "price"),
        (("iphone 15", "galaxy s24", "pixel8 camera", "galaxy s23"), "model"),
        (("summer dress", "winter coat", "autumn outfit"), "season"),
        (("Toyota Corolla", "Honda Civic", "Mazda"), "brand or name"),
        (("红烧牛肉", "清蒸鱼", "番茄炒蛋"), "食材"),
        (("早春穿搭", "秋季外套", "换季收纳"), "季节"),
    ],
)
def test_attributes_are_what_several_phrases_name(phrases: tuple[str, ...], expected: str) -> None:
    assert expected in attributes(cluster("travel", *phrases))


def test_one_phrase_alone_makes_no_attribute() -> None:
    assert attributes(cluster("travel", "winter coat", "zipper", "button", "sleeve", "collar")) == ()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("nightview", "night view"),
        ("straightoutofcamera", "straight out of camera"),
        ("budgettravel", "budget travel"),
        ("photography", "photography"),
        ("night view", "night view"),
        ("shrimping", "shrimping"),
        ("NASA", "NASA"),
        ("夜景机位", "夜景机位"),
    ],
)
def test_words_written_as_one_are_read_apart(written: str, read: str) -> None:
    assert spaced(written) == read


@pytest.mark.parametrize(
    ("written", "tag"),
    [("Night View", "night view"), ("iPhone 15", "iPhone 15"), ("USB-C", "USB-C"), ("Kyoto Temples", "Kyoto temples")],
)
def test_tags_are_in_lower_case_but_for_names(written: str, tag: str) -> None:
    assert house(written) == tag


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("Science Fiction", "science-fiction"),
        ("  美食 ", "美食"),
        ("R&B / Soul!", "r-b-soul"),
        ("…", ""),
        ("a" * 99, "a" * 60),
    ],
)
def test_categories_become_ids(name: str, id: str) -> None:
    assert slug(name) == id
