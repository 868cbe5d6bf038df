"""Phrases that could be tags: none begins or ends in the middle of a word, or holds what only looks like one."""

import pytest

from notes.phrases import Source, phrases


def found(text: str) -> set[str]:
    return {phrase.text for phrase in phrases([Source("content", text)], "zh")}


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("3平米一字型厨房，收纳全靠它", {"一字型厨房"}, {"字型", "字型厨房"}),  # a numeral without a classifier
        ("旗舰那副降噪最深", {"降噪"}, {"副降噪"}),  # a classifier
        ("梨形身材试了11条牛仔裤", {"牛仔裤", "梨形身材"}, {"条牛仔裤"}),
        ("我家翻烂的四本", set(), {"四本"}),
        ("开深色模式加纯黑壁纸，OLED屏才有效", {"深色模式", "壁纸", "OLED"}, {"OLED屏才", "屏才", "加纯"}),  # guessed
        ("马面裙配厚底运动鞋", {"马面裙", "运动鞋"}, {"配厚底", "底运动鞋"}),
        ("我们住后海村，出门就是冲浪海滩", {"冲浪海滩"}, {"海村"}),  # half of a name
        ("站姿变化最大", {"变化"}, {"姿变化"}),
        ("3岁睡前绘本", {"绘本"}, set()),  # behind a single character, but a word
        ("素颜霜混合防晒，望平街散步，采耳", {"素颜霜", "望平街", "采耳"}, set()),  # guessed, and right
        ("養貓新手的貓砂盆", {"養貓"}, set()),  # in the note's own script
    ],
)
def test_chinese_phrases_begin_and_end_with_words(text: str, wanted: set[str], unwanted: set[str]) -> None:
    here = found(text)
    assert wanted <= here, wanted - here
    assert not here & unwanted, here & unwanted


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("What we learn from the Interior&#39;s social feeds", {"social feeds"}, {"s social feeds", "39"}),
        ("Interior ’s social feeds", {"Interior", "social feeds"}, {"s social feeds"}),
        (
            "draft U.S. standards, at 9 a.m. in Washington D.C.",
            {"standards", "Washington"},
            {"Draft U.S", "a.m", "D.C"},
        ),
        ("Node.js and version v2.0", {"Node.js"}, set()),
        ("The guide helps writers", {"guide", "writers"}, {"guide helps", "guide helps writers"}),
        ("vitamin d serum", {"vitamin d serum"}, set()),
    ],
)
def test_english_phrases_hold_whole_words(text: str, wanted: set[str], unwanted: set[str]) -> None:
    here = {phrase.text for phrase in phrases([Source("content", text)], "en")}
    assert wanted <= here, wanted - here
    assert not here & unwanted, here & unwanted
