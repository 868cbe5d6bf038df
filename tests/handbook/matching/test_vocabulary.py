"""The tags of a handbook: one for all spellings, found wherever they stand in a note."""

from collections.abc import Iterable

import numpy as np
import pytest

from handbook import Category, Handbook, Interest
from handbook.matching import NoteText
from handbook.matching.texts import read
from handbook.matching.vocabulary import MAX_WORDS, SHAPE, Vocabulary, carried, key_of, shape_of


def _vocabulary(*interests: dict[str, int], retired: Iterable[int] = ()) -> Vocabulary:
    found = tuple(
        Interest(id=f"a.{number}", name="A", tags=tags, category="a", retired=number in retired)
        for number, tags in enumerate(interests)
    )
    return Vocabulary.of(Handbook(categories=(Category(id="a", interests=found),)))


def _present(tags: Iterable[str], note: NoteText) -> dict[str, list[int]]:
    vocabulary = _vocabulary(dict.fromkeys(tags, 1))
    return {vocabulary.tags[number]: found.counts for number, found in vocabulary.present(read(note)).items()}


@pytest.mark.parametrize(
    "spellings",
    [
        ["night view", "Night Views", "night-view", "nightviews", "ＮＩＧＨＴ ＶＩＥＷ", " night  view "],
        ["维港夜景", "維港夜景", "维港 夜景"],
        ["+++", " +++"],
    ],
)
def test_spellings_share_a_key(spellings: list[str]) -> None:
    assert len({key_of(spelling) for spelling in spellings}) == 1
    assert key_of(spellings[0])


@pytest.mark.parametrize(("one", "other"), [("night view", "day view"), ("夜景", "夜市"), ("route 7", "route 8")])
def test_other_tags_have_other_keys(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


def test_spellings_are_one_tag_as_mostly_written_in_the_interest_that_carries_it_most() -> None:
    vocabulary = _vocabulary({"Night Views": 2, "hats": 1}, {"night-view": 1, "night view": 4}, {"night view": 0})
    assert vocabulary.tags == ("hats", "night view")
    assert vocabulary.interests == ("a.0", "a.1")
    assert vocabulary.counts.tolist() == [1, 7]
    assert list(vocabulary.keys) == sorted(vocabulary.keys)
    assert [vocabulary.number[key_of(tag)] for tag in ("HAT", "nightviews")] == [0, 1]


def test_equal_spellings_and_interests_are_chosen_by_name() -> None:
    vocabulary = _vocabulary({"night-view": 2}, {"Night view": 2})
    assert (vocabulary.tags, vocabulary.interests) == (("Night view",), ("a.0",))


def test_tags_of_retired_interests_are_left_out() -> None:
    assert _vocabulary({"hats": 1}, {"shoes": 9, "hats": 5}, retired=[1]).tags == ("hats",)
    assert _vocabulary({"hats": 1}, {"shoes": 9, "hats": 5}, retired=[1]).counts.tolist() == [1]


def test_digest_changes_with_a_tag_its_count_and_its_interest() -> None:
    made = [
        _vocabulary({"hats": 1}, {}),
        _vocabulary({"hats": 2}, {}),
        _vocabulary({"Hats": 1}, {}),
        _vocabulary({}, {"hats": 1}),
        _vocabulary({"hats": 1, "shoes": 0}, {}),
    ]
    assert len({vocabulary.digest for vocabulary in made}) == len(made)
    assert _vocabulary({"hats": 1}, {}).digest == made[0].digest


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("night view", "Two Night-Views of the bay"),
        ("night view", "NIGHT VIEWS"),
        ("nightview", "a night view"),
        ("night views", "my #nightview"),
        ("slow cooker", "slow-cookers"),
        ("夜景", "今天去维港夜景打卡"),
        ("维港夜景", "維港夜景"),
        ("夜", "夜"),
        ("citywalk路线", "一条CityWalk路线，推荐"),
        ("go", "go"),
        ("route 66", "along Route 66 by car"),
        ("one two three four five", "one two three four five"),
    ],
)
def test_tag_is_found_however_it_is_written(tag: str, text: str) -> None:
    assert _present([tag], NoteText(content=text)) == {tag: [0, 1, 0, 0]}


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("cat", "category"),
        ("night view", "view at night"),
        ("night view", "night of views"),
        ("夜景", "景夜"),
        ("夜景", "夜的风景"),
        ("go", "gone"),
    ],
)
def test_tag_is_not_found_in_other_words(tag: str, text: str) -> None:
    assert _present([tag], NoteText(content=text)) == {}


def test_tag_is_not_found_across_texts() -> None:
    assert _present(["night view"], NoteText("night", "view")) == {}


def test_tags_inside_each_other_are_all_found() -> None:
    assert set(_present(["城墙", "城墙骑行", "骑行"], NoteText("西安城墙骑行"))) == {"城墙", "城墙骑行", "骑行"}
    assert set(_present(["night", "night view", "view"], NoteText("night view"))) == {"night", "night view", "view"}


def test_occurrences_are_counted_by_text() -> None:
    note = NoteText("latte art", "latte art and latte-art, 夜景夜景", "LATTE ART", ("latte art", "latte", "art"))
    assert _present(["latte art", "夜景"], note) == {"latte art": [1, 2, 1, 2], "夜景": [0, 2, 0, 0]}


def test_first_occurrence_is_told_from_later_ones() -> None:
    vocabulary = _vocabulary({"latte": 1})

    def first(note: NoteText) -> float:
        return vocabulary.present(read(note))[0].first

    words = "milk steam jug"
    assert first(NoteText(words + " latte", "latte")) == 0
    assert first(NoteText(content="latte " + words)) == 0
    assert first(NoteText(content=words + " latte")) == pytest.approx(3 / 4)
    assert first(NoteText(content="milk latte steam latte")) == pytest.approx(1 / 4)


def test_nothing_stands_in_an_empty_note_and_no_tag_in_any() -> None:
    assert _present(["latte", "夜景"], NoteText()) == {}
    assert _present([], NoteText("latte 夜景")) == {}


def test_words_of_tags_are_numbered() -> None:
    long = " ".join("alpha bravo charlie delta echo foxtrot golf hotel".split())
    vocabulary = _vocabulary({"latte art": 1, "art": 1, "the art of lattes": 1, long: 1, "夜景": 1})
    codes, rows = vocabulary.words
    assert (np.diff(codes.astype(np.int64)) > 0).all()
    assert rows.shape == (5, MAX_WORDS)
    used = {tag: sorted(row[row >= 0].tolist()) for tag, row in zip(vocabulary.tags, rows, strict=True)}
    assert used["latte art"] == used["the art of lattes"]
    assert set(used["art"]) < set(used["latte art"])
    assert {tag: len(found) for tag, found in used.items()} == {
        "art": 1,
        "latte art": 2,
        "the art of lattes": 2,
        long: MAX_WORDS,
        "夜景": 1,
    }
    assert sorted({row for found in used.values() for row in found}) == list(range(len(codes)))


def test_shape_tells_what_can_be_told_of_the_tag_alone() -> None:
    def shape(tag: str) -> dict[str, float]:
        return dict(zip(SHAPE, shape_of(tag), strict=True))

    plain = shape("The Zyzzyva 7")
    assert (plain["words"], plain["letters"], plain["han"], plain["digits"]) == (3, 13, 0, 1)
    assert plain["rarity"] < 2 < 7 < plain["commonness"]
    chinese = shape("夜景")
    assert (chinese["words"], chinese["letters"], chinese["han"], chinese["digits"]) == (1, 2, 1, 0)
    assert chinese["rarity"] == chinese["commonness"] > 2
    assert _vocabulary({"夜景": 1, "hat": 1}).shapes.tolist() == [
        pytest.approx(shape_of(tag)) for tag in ("hat", "夜景")
    ]
    assert _vocabulary({}).shapes.shape == (0, len(SHAPE))


def test_tags_of_a_note_are_known_by_any_spelling() -> None:
    vocabulary = _vocabulary({"latte art": 1, "hats": 1, "夜景": 1})
    assert carried(vocabulary, ["夜景", "Latte-Art", "latte art", "unknown", "", "HAT"]) == [0, 1, 2]
    assert carried(vocabulary, ["unknown"]) == []
