"""The language of a text and its words."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from notes.language import chinese_words, has_han, language_of, simplified


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("A slow morning", "en"),
        ("Grüße aus Zürich", "en"),
        ("手冲咖啡的早晨", "zh"),
        ("空氣炸鍋食譜", "zh"),
        ("今天开箱 iPhone 15 Pro Max", "zh"),
        ("An iPhone review by 小明, with many more words", "en"),
        ("これは本です", "ja"),
        ("東京タワー夜景", "ja"),
        ("안녕하세요", "ko"),
        ("Привет, мир", "ru"),
        ("مرحبا بالعالم", "ar"),
        ("", "und"),
        ("12:30 😂 ½ ²", "und"),
        ("\u202e\u200b\x00", "und"),
        ("\ud800", "und"),
    ],
)
def test_scripts_decide(text: str, code: str) -> None:
    assert language_of(text) == code


def test_only_a_sample_is_looked_at() -> None:
    assert language_of("a" * 4000 + "中" * 100_000) == "en"
    assert language_of("ab中中中", sample=2) == "en"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("臺灣鳳梨酥", "台湾凤梨酥"), ("咖啡", "咖啡"), ("coffee", "coffee"), ("", ""), ("乾淨 clean", "干净 clean")],
)
def test_traditional_becomes_simplified(text: str, expected: str) -> None:
    assert simplified(text) == expected
    assert simplified(simplified(text)) == expected


def test_han_is_noticed() -> None:
    assert [has_han(text) for text in ("", "abc", "a中", "カナ", "é", "㐀")] == [False, False, True, False, False, True]


@pytest.mark.parametrize(
    "text",
    ["北京 coffee很好喝，\n咖啡", "", "  ", "abc", "😂中\u200b国\x00", "\u202e中文", "三千块 3,000元", "中" * 500],
)
def test_words_cover_the_text_without_a_gap(text: str) -> None:
    end = 0
    for word, kind in chinese_words(text):
        assert (word.start, text[word.start : word.end]) == (end, word.text)
        assert kind
        end = word.end
    assert end == len(text)


@pytest.mark.parametrize(
    "text", ["中" * 50_000, "".join(map(chr, range(0x4E00, 0x9FA5))), "咖啡" * 50_000], ids=["one", "all", "word"]
)
def test_words_are_not_guessed_for_minutes(text: str) -> None:
    found = list(chinese_words(text))
    assert "".join(word.text for word, _ in found) == text
    assert len(found) > 15_000


def test_words_that_no_dictionary_has_are_guessed_in_a_note() -> None:
    text = "周末和小明去了静安寺旁边新开的鹤屋咖啡，点了一杯澳白，很好喝。" * 10
    assert "鹤屋" in {word.text for word, _ in chinese_words(text)}


def test_words_carry_their_part_of_speech() -> None:
    found = {word.text: kind for word, kind in chinese_words("北京咖啡 latte")}
    assert (found["北京"], found["咖啡"], found["latte"]) == ("ns", "n", "eng")


def test_threads_may_ask_at_once() -> None:
    text = "周末去成都吃火锅，顺便看大熊猫"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: tuple(chinese_words(text)), range(16)))
    assert len(set(found)) == 1


def test_dictionary_lies_in_our_own_cache(cache_folder: Path) -> None:
    list(chinese_words("字典"))
    assert list((cache_folder / "jieba").glob("jieba*"))
