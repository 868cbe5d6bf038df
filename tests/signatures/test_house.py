"""House form: casing by the note's own names, length, signs, sentences, calls to action, general words."""

import pytest

from signatures.house import Casing, Formed, house_form, language_fits
from signatures.questions import TagLimits

NOTE = """Best night walk around Marina Bay with the MRT
We took our iPhone and a USB-C cable. I love the night there, and the walk itself.
WHAT A GREAT DAY FOR EVERYONE
Ten Quiet Streets You Should See Before Autumn
The McDonald's near Tiong Bahru sells kaya toast, and Anna knows A/B testing.
3D printing with PLA and C++. eSIM works. New York was last. NEW SHOES were cheap."""


def _formed(tag: str, *, texts: tuple[str, ...] = (NOTE,), vocabulary: tuple[str, ...] = ()) -> Formed:
    return house_form(tag, TagLimits(), Casing(texts, vocabulary))


@pytest.mark.parametrize(
    ("tag", "wanted"),
    [
        ("Marina Bay Night View", "Marina Bay night view"),
        ("marina bay night view", "Marina Bay night view"),
        ("MARINA BAY", "Marina Bay"),
        ("Budget Hotel Near MRT", "budget hotel near MRT"),
        ("mrt map", "MRT map"),
        ("Iphone photography", "iPhone photography"),
        ("usb-c cable", "USB-C cable"),
        ("ESIM card", "eSIM card"),
        ("mcdonald's breakfast", "McDonald's breakfast"),
        ("tiong bahru kaya toast", "Tiong Bahru kaya toast"),
        ("3d Printing", "3D printing"),
        ("pla filament", "PLA filament"),
        ("Quiet Streets", "quiet streets"),
        ("autumn walk", "autumn walk"),
        ("GREAT DAY PLANNER", "great day planner"),
        ("new shoes", "new shoes"),
        ("Night Photography", "night photography"),
    ],
)
def test_english_is_lower_case_but_for_the_names_of_the_note(tag: str, wanted: str) -> None:
    assert _formed(tag) == Formed(wanted)


@pytest.mark.parametrize(
    ("text", "tag", "wanted"),
    [
        ("Seven Cheap Dinners For Busy Weeks", "cheap dinners", "cheap dinners"),
        ("SEVEN CHEAP DINNERS FOR BUSY WEEKS", "CHEAP DINNERS", "cheap dinners"),
        ("SALE ON SHOES", "Shoes Sale", "shoes sale"),
        ("My PLA at home", "pla setup", "PLA setup"),
        ("Apple手表和DIY表带", "apple手表", "Apple手表"),
        ("Apple手表和DIY表带", "diy 表带", "DIY 表带"),
        ("Dinner was good. Lunch too.", "Dinner And Lunch", "dinner and lunch"),
        ("Reykjavik was cold", "reykjavik in winter", "Reykjavik in winter"),
        ("a week in Reykjavik", "REYKJAVIK", "Reykjavik"),
        ("first Lisbon, then porto; Lisbon again", "lisbon and Porto", "Lisbon and porto"),
        ("I met Rose, who grows one rose", "rose garden", "rose garden"),
        ("", "XYZW shelf", "XYZW shelf"),
        ("", "Shelf", "shelf"),
        ("戴森Airwrap测评", "airwrap curls", "Airwrap curls"),
    ],
)
def test_names_are_taken_from_how_the_note_writes(text: str, tag: str, wanted: str) -> None:
    assert _formed(tag, texts=(text,)) == Formed(wanted)


def test_names_are_taken_from_the_handbook_where_the_note_does_not_write_them() -> None:
    assert _formed("kyoto temple", texts=("",), vocabulary=("one day Kyoto route",)) == Formed("Kyoto temple")
    assert _formed("alta via 1", texts=("",), vocabulary=("Alta Via 1",)) == Formed("Alta Via 1")


@pytest.mark.parametrize(
    ("tag", "wanted"),
    [
        ("#night view", "night view"),
        ("#nightview#", "nightview"),
        ("night view ✨", "night view"),
        ("🌃 night 🌃 view", "night view"),
        ("👨‍👩‍👧 family trip", "family trip"),
        ("🇸🇬 hawker food", "hawker food"),
        ("1️⃣ packing list", "1 packing list"),
        ("“night view”", "night view"),
        ("'night view'", "night view"),
        ("night view.", "night view"),
        ("night view!!!", "night view"),
        ("- night view", "night view"),
        ("@ night view", "night view"),
        ("**night view**", "night view"),
        ("night_view", "night view"),
        ("  night   view ", "night view"),
        ("night\u200bview", "night view"),
        ("night view™", "night view"),
        ("[night view]", "night view"),
        ("learn C++", "learn C++"),
        ("ｎｉｇｈｔ　ｖｉｅｗ", "night view"),
        ("ＵＳＢ－Ｃ cable", "USB-C cable"),
        ("#夜景#", "夜景"),
        ("「夜景」", "夜景"),
        ("夜景！", "夜景"),
        ("夜景 机位", "夜景机位"),
        ("３天２夜", "3天2夜"),
        ("iPhone 拍照", "iPhone 拍照"),
        ("Iphone拍照", "iPhone拍照"),
        ("（夜景）机位", "夜景机位"),
        ("ramen (late night)", "ramen late night"),
        ("《夜景》机位", "夜景机位"),
        ("the “quiet” streets", "the quiet streets"),
    ],
)
def test_signs_are_taken_off(tag: str, wanted: str) -> None:
    assert _formed(tag) == Formed(wanted)


@pytest.mark.parametrize("tag", ["", " ", "#", "✨✨", "…", "!!!", "“”", "。", "🇸🇬", "\u200b"])
def test_without_letters_there_is_no_tag(tag: str) -> None:
    found = _formed(tag)
    assert found.reason == "not_house_form"
    assert found.tag == tag


@pytest.mark.parametrize(
    "tag",
    [
        "Go early. Bring water",
        "It was great! We loved it",
        "why? because",
        "night view, harbour",
        "place: Lisbon",
        "夜景。机位",
        "这里很美，下次还来",
        "夜景、美食",
        "x" * 81,
        "1. night view. 2. food",
    ],
)
def test_sentence_is_no_tag(tag: str) -> None:
    assert (_formed(tag).reason, _formed(tag).detail) == ("not_house_form", "a sentence is no tag")


@pytest.mark.parametrize(
    "tag",
    [
        "buy now",
        "BUY NOW",
        "click here",
        "follow me",
        "Follow Us Today",
        "like this post",
        "subscribe",
        "swipe up",
        "link in bio",
        "sign up now",
        "order today",
        "dm me",
        "立即购买",
        "立即購買",
        "点击链接",
        "關注我",
        "快来关注我",
        "求关注",
        "私信我领取",
        "一键三连",
        "扫码进群",
    ],
)
def test_call_to_action_is_no_tag(tag: str) -> None:
    assert _formed(tag).reason == "call_to_action"


@pytest.mark.parametrize(
    "tag", ["best buy guide", "call centre job", "share house", "order at counter", "点心推荐", "like new sneakers"]
)
def test_words_that_only_look_like_a_call_stay(tag: str) -> None:
    assert _formed(tag).reason is None


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("ramen", True),
        ("one two three four five", True),
        ("one two three four five six", False),
        ("hut-to-hut hiking trip plan now", True),
        ("夜", False),
        ("夜景", True),
        ("一二三四五六七八九十甲乙", True),
        ("一二三四五六七八九十甲乙丙", False),
        ("iPhone 拍照", True),
        ("iPhone", True),
        ("USB-C 线", True),
        ("a b c d e f 线", False),
    ],
)
def test_length_is_counted_in_words_or_characters(tag: str, fits: bool) -> None:
    found = _formed(tag)
    assert (found.reason is None) is fits
    if not fits:
        assert found.reason == "not_house_form"
        assert "wanted" in found.detail


def test_limits_of_the_question_count() -> None:
    limits = TagLimits(max_words=2, min_han=3, max_han=4)
    for tag, fits in (("two words", True), ("three words here", False), ("夜景", False), ("夜景机位", True)):
        assert (house_form(tag, limits, Casing(())).reason is None) is fits


@pytest.mark.parametrize("tag", ["2024", "1 2 3", "15", "３", "7", "10,000", "3.5", "x"])
def test_number_or_letter_alone_says_nothing(tag: str) -> None:
    assert _formed(tag).reason == "not_house_form"


@pytest.mark.parametrize("tag", ["photo", "Photos", "tips", "Blog", "#video", "the", "here and there"])
def test_general_word_is_no_tag(tag: str) -> None:
    assert _formed(tag).reason == "too_general"


@pytest.mark.parametrize("tag", ["图片", "日常", "攻略", "分享", "圖片"])
def test_general_chinese_word_is_no_tag(tag: str) -> None:
    assert _formed(tag).reason == "too_general"


def test_general_word_with_another_is_a_tag() -> None:
    assert _formed("photo walk").reason is None
    assert _formed("三亚攻略").reason is None


def test_house_form_of_a_house_form_is_itself() -> None:
    casing = Casing((NOTE,))
    for tag in ("Marina Bay Night View", "#USB-C cable", "iPhone 拍照", "夜景 机位", "3d printing", "１２ Days"):
        once = house_form(tag, TagLimits(), casing)
        assert once.reason is None
        assert house_form(once.tag, TagLimits(), casing) == once


@pytest.mark.parametrize(
    ("tag", "lang", "fits"),
    [
        ("night view", "en", True),
        ("夜景", "en", False),
        ("夜景", "zh", True),
        ("iPhone", "zh", False),
        ("夜", "zh", True),
    ],
)
def test_tag_is_in_the_language_of_its_note(tag: str, lang: str, fits: bool) -> None:
    assert language_fits(tag, lang) is fits


def test_a_single_letter_is_a_tag_only_where_the_handbook_knows_it_as_one() -> None:
    assert _formed("r", vocabulary=("r", "plotting")) == Formed("r")
    assert _formed("R", vocabulary=("r",)).reason is None
    assert _formed("r", vocabulary=("plotting",)).reason == "not_house_form"
