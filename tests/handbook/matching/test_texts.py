"""A note's texts as words, phrases and runs of characters: what is spelt otherwise is read the same."""

import numpy as np
import pytest

from handbook.matching.texts import MAX_CHARS, NoteText, Weighted, codes_of, parts_of, read, stem
from notes.words import normalised


def _shared(one: Weighted, other: Weighted) -> int:
    return len(np.intersect1d(one.codes, other.codes))


@pytest.mark.parametrize(
    "words",
    [
        "optimise optimised optimising optimises",
        "develop developer developers developing development developed",
        "photograph photographs photographer photography photographing",
        "travel traveller travelling travels",
        "quick quickly quickness",
    ],
)
def test_forms_of_a_word_share_a_stem(words: str) -> None:
    assert len({stem(word) for word in words.split()}) == 1


@pytest.mark.parametrize(("one", "other"), [("care", "car"), ("cats", "cater"), ("light", "lint"), ("ring", "rest")])
def test_other_words_have_other_stems(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@pytest.mark.parametrize("word", ["red", "ring", "ness", "", "ночной"])
def test_short_and_foreign_words_are_their_own_stem(word: str) -> None:
    assert stem(word) == word


@pytest.mark.parametrize(
    "spellings",
    [
        ["Night Views", "night-view", "NIGHT VIEWS!", "ｎｉｇｈｔ ｖｉｅｗｓ", "the night of views"],
        ["维港夜景", "維港夜景", "维港夜景。"],
        ["café", "cafe\u0301", "CAFÉ"],
    ],
)
def test_spellings_are_read_as_the_same_words(spellings: list[str]) -> None:
    readings = [read(NoteText(title=spelling)) for spelling in spellings]
    assert len(readings[0].words.codes)
    for reading in readings:
        assert reading.words.codes.tolist() == readings[0].words.codes.tolist()
        assert reading.words.counts.tolist() == readings[0].words.counts.tolist()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hand-made CATS, two boxes", ["hand", "made", "cat", "two", "box"]),
        ("去Paris旅行2天", ["去", "paris", "旅行", "2", "天"]),
        ("维港夜景，城墙", ["维港夜景", "城墙"]),
        ("rock’n’roll", ["rock", "n", "roll"]),
        ("  ...  ", []),
    ],
)
def test_words_stand_in_base_form_and_han_runs_whole(text: str, parts: list[str]) -> None:
    assert parts_of(normalised(text)) == parts


def test_han_runs_are_compared_by_pairs_of_characters() -> None:
    assert len(codes_of("维港夜景")) == 3
    assert set(codes_of("港夜")) < set(codes_of("维港夜景"))
    assert not set(codes_of("夜港")) & set(codes_of("维港夜景"))
    assert len(codes_of("夜")) == 1


def test_stopwords_say_nothing() -> None:
    assert codes_of("the") == ()
    reading = read(NoteText("the and of", "to in"))
    assert len(reading.words.codes) == 0
    assert reading.parts[0] == ["the", "and", "of"]


def test_words_count_by_field() -> None:
    def weight(note: NoteText) -> list[float]:
        return read(note).words.counts.tolist()

    title, content, ocr = (weight(NoteText()._replace(**{field: "latte"})) for field in ("title", "content", "ocr"))
    attributes = weight(NoteText(attributes=("latte",)))
    assert title > content == ocr > attributes
    assert weight(NoteText("latte", "latte latte", "latte", ("latte",))) == [
        title[0] + 2 * content[0] + ocr[0] + attributes[0]
    ]


def test_codes_ascend_each_once() -> None:
    reading = read(NoteText("latte art 维港夜景", "art of the latte, 夜景", "art", ("latte",)))
    for found in (reading.words, reading.grams):
        assert len(found.codes) == len(found.counts) > 4
        assert (np.diff(found.codes.astype(np.int64)) > 0).all()
        assert (found.counts > 0).all()


def test_runs_of_characters_survive_a_slip_of_the_pen() -> None:
    right, slip, other = (read(NoteText(word)) for word in ("photography", "photograhpy", "gardening"))
    assert _shared(right.words, slip.words) == 0
    assert _shared(right.grams, slip.grams) > 3
    assert _shared(right.grams, other.grams) == 0
    right, part, other = (read(NoteText(text)) for text in ("维港夜景", "拍夜景", "红烧肉"))
    assert _shared(right.grams, part.grams) == 3
    assert _shared(right.grams, other.grams) == 0


def test_runs_of_other_lengths_are_other_runs() -> None:
    runs = [read(NoteText(text)).grams.codes for text in ("夜", "夜夜", "夜夜夜")]
    assert [len(found) for found in runs] == [1, 2, 3]


def test_what_pictures_show_is_no_text() -> None:
    assert len(read(NoteText(attributes=("night view",))).grams.codes) == 0
    assert len(read(NoteText(ocr="night view")).grams.codes) > 0


@pytest.mark.parametrize("field", ["title", "content", "ocr"])
def test_only_the_start_of_a_text_is_read(field: str) -> None:
    start = ("latte art " * MAX_CHARS)[:MAX_CHARS]
    whole, cut = read(NoteText()._replace(**{field: start + " zebra"})), read(NoteText()._replace(**{field: start}))
    assert whole.parts == cut.parts
    assert whole.words.codes.tolist() == cut.words.codes.tolist()
    assert read(NoteText()._replace(**{field: "zebra " + start})).words.codes.tolist() != cut.words.codes.tolist()


def test_length_is_that_of_title_and_content() -> None:
    assert read(NoteText("夜景", "latte", "picture", ("shown",))).length == 7
    assert read(NoteText()).length == 0


@pytest.mark.parametrize(
    ("title", "content", "text"), [("a", "b", "a\nb"), ("a", "", "a"), ("", "b", "b"), ("", "", "")]
)
def test_text_is_title_and_content(title: str, content: str, text: str) -> None:
    assert NoteText(title, content, "read", ("shown",)).text == text
