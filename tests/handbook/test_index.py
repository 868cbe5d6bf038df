"""Looking interests up: the category first, then meaning and words, always in the same order."""

import asyncio

import numpy as np
import pytest

from handbook import Category, Handbook, HandbookIndex, Interest
from handbook.matching import NoteText
from handbook.page import in_words, tokens_of
from notes.records import RetrievedInterest
from teachers.embedded import Encoder


def _search(index: HandbookIndex, text: str, *, category: str = "", k: int = 24) -> list[RetrievedInterest]:
    return asyncio.run(index.search(text, category=category, k=k))


def _interest(id: str, name: str, **fields: object) -> Interest:
    return Interest.model_validate({"id": id, "name": name, "category": id.split(".")[0], **fields})


@pytest.fixture(scope="module")
def small(encoder: Encoder) -> HandbookIndex:
    """Two categories that share a subject."""
    travel = (
        _interest("travel.hotels", "Cheap hotels", tags={"budget hotel": 3, "capsule hotel": 2}),
        _interest("travel.night", "Night views", tags={"harbour at night": 30, "维港夜景": 4}),
    )
    photo = (
        _interest("photo.night", "Night photography", tags={"long exposure": 9, "city lights": 1}),
        _interest("photo.film", "Film cameras", tags={"35mm film": 50}),
    )
    book = Handbook(
        categories=(
            Category(id="travel", name="Trips", interests=travel),
            Category(id="photo", name="Photography", interests=photo),
        )
    )
    return HandbookIndex(book, encoder)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Where do I see the skyline lit up after dark?", "travel.city-night-views"),
        ("somewhere cheap to sleep close to a train station", "travel.budget-stays"),
        ("walking from refuge to refuge in the Alps", "travel.hiking-huts"),
        ("my kitten will not use the litter box", "pets."),
    ],
)
def test_english_text_finds_its_interest_by_meaning(examples_index: HandbookIndex, text: str, wanted: str) -> None:
    assert _search(examples_index, text)[0].id.startswith(wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("维港夜景哪里拍最好看", "travel.city-night-views"),
        ("維港夜景邊度影最靚", "travel.city-night-views"),
        ("一个人旅行，老城清晨散步", "travel.slow-local"),
        ("第一次去雨崩徒步", "travel.hiking-huts"),
    ],
)
def test_chinese_text_finds_its_interest_by_words(examples_index: HandbookIndex, text: str, wanted: str) -> None:
    assert _search(examples_index, text)[0].id == wanted


def test_category_of_the_note_comes_first(small: HandbookIndex) -> None:
    text = "at night"
    for category in ("travel", "Trips", " TRAVEL ", "photo"):
        wanted = "photo.night" if category == "photo" else "travel.night"
        assert _search(small, text, category=category)[0].id == wanted


def test_strong_meaning_beats_a_wrong_category(examples_index: HandbookIndex) -> None:
    found = _search(examples_index, "my kitten will not use the litter box", category="travel", k=24)
    assert found[0].id.startswith("pets.")


def test_unknown_category_is_no_category(small: HandbookIndex) -> None:
    text = "harbour lights"
    assert _search(small, text, category="cars") == _search(small, text)


def test_without_a_text_the_best_supported_of_the_category_come_first(small: HandbookIndex) -> None:
    for text in ("", " \n "):
        found = [interest.id for interest in _search(small, text, category="travel")]
        assert found == ["travel.night", "travel.hotels", "photo.film", "photo.night"]
        found = [interest.id for interest in _search(small, text)]
        assert found == ["photo.film", "travel.night", "photo.night", "travel.hotels"]


def test_no_more_than_k_and_no_more_than_there_are(small: HandbookIndex) -> None:
    assert len(_search(small, "night", k=2)) == 2
    assert len(_search(small, "night", k=100)) == 4
    assert _search(small, "night", k=0) == []
    assert _search(small, "night", k=-1) == []
    ids = [interest.id for interest in _search(small, "night", k=100)]
    assert [interest.id for interest in _search(small, "night", k=2)] == ids[:2]


@pytest.mark.parametrize("text", ["night", "夜景", ""])
def test_empty_handbook_finds_nothing(encoder: Encoder, text: str) -> None:
    index = HandbookIndex(Handbook(), encoder)
    assert _search(index, text, category="travel") == []
    assert index.signals(text, np.zeros(384, dtype=np.float32)).score.shape == (0,)


def test_handbook_without_evidence_and_tags_can_be_searched(encoder: Encoder) -> None:
    bare = Handbook(categories=(Category(id="a", interests=(_interest("a.hats", "Hats"),)),))
    assert [found.id for found in _search(HandbookIndex(bare, encoder), "a straw hat")] == ["a.hats"]
    assert [found.id for found in _search(HandbookIndex(bare, encoder), "")] == ["a.hats"]


@pytest.mark.parametrize("text", ["night views of the bay", "维港夜景", "", "🙂", "1234", "ночной город"])
def test_order_is_the_same_every_time_and_best_first(examples_index: HandbookIndex, text: str) -> None:
    first = _search(examples_index, text, category="travel")
    assert first == _search(examples_index, text, category="travel")
    assert [found.score for found in first] == sorted((found.score for found in first), reverse=True)
    assert len({found.id for found in first}) == len(first)


def test_equal_interests_keep_the_order_of_the_file(encoder: Encoder) -> None:
    twins = tuple(_interest(f"a.{name}", "Hats") for name in ("c", "a", "b"))
    index = HandbookIndex(Handbook(categories=(Category(id="a", interests=twins),)), encoder)
    for text in ("hats", "", "鞋"):
        assert [found.id for found in _search(index, text)] == ["a.c", "a.a", "a.b"]


def test_searches_at_once_give_what_they_give_alone(examples_index: HandbookIndex) -> None:
    texts = ["night views", "cheap hostel", "cat food", "夜景机位", "sourdough bread"] * 4

    async def together() -> list[list[RetrievedInterest]]:
        return await asyncio.gather(*(examples_index.search(text, k=1) for text in texts))

    assert [found[0].id for found in asyncio.run(together())] == [
        _search(examples_index, text, k=1)[0].id for text in texts
    ]


def test_rows_are_named_by_id_and_unknown_ones_left_out(examples_index: HandbookIndex) -> None:
    ids = [interest.id for interest in examples_index.interests]
    assert examples_index.numbers([ids[2], "gone.interest", ids[0]]) == [2, 0]


def test_evidence_brings_a_text_nearer(encoder: Encoder) -> None:
    plain = _interest("a.plain", "Kitchen")
    told = _interest("a.told", "Kitchen", evidence=("how do I keep the knife sharp",))
    index = HandbookIndex(Handbook(categories=(Category(id="a", interests=(plain, told)),)), encoder)
    assert [found.id for found in _search(index, "sharpening a knife")] == ["a.told", "a.plain"]


def _retrieved(index: HandbookIndex, text: str, category: str, tokens: int) -> list[str]:
    note = NoteText(title="", content=text, ocr="", attributes=(), category=category, lang="en")
    return [found.id for found in asyncio.run(index.retrieve(note, k=2, tokens=tokens))]


def test_handbook_that_fits_is_shown_whole_and_the_same_to_every_note_of_a_category(small: HandbookIndex) -> None:
    shown = [_retrieved(small, text, "photo", 3000) for text in ("Where to sleep?", "A harbour at night")]
    assert shown[0] == shown[1] == ["photo.night", "photo.film", "travel.hotels", "travel.night"]
    assert _retrieved(small, "A harbour at night", "Trips", 3000)[0] == "travel.hotels"
    unknown = _retrieved(small, "A harbour at night", "gardens", 3000)
    assert unknown == ["travel.hotels", "travel.night", "photo.night", "photo.film"]


def test_handbook_that_does_not_fit_is_searched(small: HandbookIndex) -> None:
    needed = sum(tokens_of(in_words(interest)) for interest in small.interests)
    assert len(_retrieved(small, "Where to sleep?", "photo", needed)) == 4
    assert small.whole("photo", needed - 1) == []
    cut = _retrieved(small, "A harbour at night", "photo", needed - 1)
    assert 1 <= len(cut) < 4
    assert cut != _retrieved(small, "A harbour at night", "travel", needed - 1)
