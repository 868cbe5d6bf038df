"""Words as they are compared: what means the same gets the same key, what does not keeps its own."""

import unicodedata

import pytest

from notes.words import (
    STOPWORDS,
    base_form,
    form_key,
    is_misread,
    kinds,
    normalised,
    numbers,
    terms,
    tokens,
    word_set,
    zipf,
)

HOSTILE = [
    "",
    " ",
    "\x00",
    "😂🔥",
    "\u202eabc\u200b",
    "\ud800",
    "'" * 500,
    "a-" * 500,
    "#" * 500,
    "b\u0301\u0335" * 200,
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Pour   Over\n", "pour over"),
        ("ＡＢＣ　１２", "abc 12"),
        ("空氣炸鍋", "空气炸锅"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ﬁne", "fine"),
        ("", ""),
    ],
)
def test_normalised_is_one_form_for_what_reads_the_same(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize("text", ["Pour Over", "空氣炸鍋 ＡＢ", "Straße", "İstanbul", "①②", *HOSTILE])
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cats", "cat"),
        ("cities", "city"),
        ("knives", "knife"),
        ("buses", "bus"),
        ("shoes", "shoe"),
        ("sony's", "sony"),
        ("headphones", "headphone"),
        ("bus", "bus"),
        ("glass", "glass"),
        ("chess", "chess"),
        ("analysis", "analysis"),
        ("is", "is"),
        ("90s", "90s"),
        ("", ""),
    ],
)
def test_base_form_is_the_singular(word: str, expected: str) -> None:
    assert base_form(word) == expected


@pytest.mark.parametrize(
    "spellings",
    [
        ("Air-Fryer Recipes", "airfryer recipe", "air fryer recipes", "AIR FRYER RECIPE", "ａｉｒ ｆｒｙｅｒ recipes"),
        ("空氣炸鍋", "空气炸锅", " 空气 炸锅"),
        ("Wi-Fi 6", "wifi 6", "WiFi6"),
        ("e-ink", "eink", "E ink"),
        ("C++", "c++"),
    ],
)
def test_spellings_of_one_phrase_share_their_key(spellings: tuple[str, ...]) -> None:
    assert len({form_key(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("C", "C++"), ("C", "C#"), ("wifi 6", "wifi 7"), ("bus", "buzz"), ("猫", "狗"), ("glass", "gla")]
)
def test_different_phrases_have_different_keys(one: str, other: str) -> None:
    assert form_key(one) != form_key(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The knives of the cook", ["knife", "cook"]),
        ("slow-cooked beans", ["slow", "cooked", "bean"]),
        ("手冲咖啡", ["手冲", "冲咖", "咖啡"]),
        ("茶", ["茶"]),
        ("iPhone 15 拍照", ["iphone", "15", "拍照"]),
        ("to be or not to be", []),
        ("", []),
    ],
)
def test_terms_are_base_forms_and_pairs_of_characters(text: str, expected: list[str]) -> None:
    assert list(terms(text)) == expected


@pytest.mark.parametrize("length", [1, 40, 41, 42, 200])
def test_terms_and_keys_do_not_depend_on_the_length_of_the_text(length: int) -> None:
    assert list(terms("a knife " * length)) == ["knife"] * length
    assert form_key("knives " * length) == "knife" * length


def test_phrase_of_stopwords_is_still_something() -> None:
    assert word_set("to be or not to be") == {"to", "be", "or", "not"}
    assert word_set("the knives, the forks") == {"knife", "fork"}


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("iPhone 15 Pro 2", ("15", "2")),
        ("２０２４ 年", ("2024",)),
        ("三天两夜", ("三", "两")),
        ("coffee", ()),
    ],
)
def test_numbers_are_found_in_either_script(phrase: str, expected: tuple[str, ...]) -> None:
    assert numbers(phrase) == expected


def test_numbers_do_not_depend_on_their_order() -> None:
    assert numbers("3 nights 4 days") == numbers("4 days, 3 nights") != numbers("3 days")


@pytest.mark.parametrize(
    ("common", "rare", "lang"), [("the", "coffee", "en"), ("coffee", "qzxvk", "en"), ("的", "咖啡", "zh")]
)
def test_common_words_are_more_frequent_than_rare_ones(common: str, rare: str, lang: str) -> None:
    assert 8 > zipf(common, lang) > zipf(rare, lang) >= 0


def test_dictionary_knows_what_a_word_can_be() -> None:
    assert {"NOUN", "VERB"} <= kinds("run")
    assert kinds("qzxvk") == frozenset()


def test_stopwords_are_normalised() -> None:
    assert {normalised(word) for word in STOPWORDS} == STOPWORDS


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_raises(text: str) -> None:
    parts = tokens(normalised(text))
    assert all(part and not part.isspace() for part in parts)
    assert isinstance(form_key(text), str)
    assert len(terms(text)) <= 2 * len(unicodedata.normalize("NFKC", text))
    assert word_set(text) >= set(terms(text))
    assert isinstance(numbers(text), tuple)


@pytest.mark.parametrize(
    ("word", "misread"),
    [
        ("socurity", True),
        ("histtory", True),
        ("offcial", True),
        ("govemment", True),
        ("reloases", True),
        ("security", False),
        ("halden", False),  # a name: nothing common is that near
        ("dermalie", False),
        ("kampong", False),
        ("nas", False),
        ("夜景机位", False),
    ],
)
def test_a_slip_of_the_picture_reader_is_known_from_a_name(word: str, misread: bool) -> None:
    assert is_misread(word) is misread
