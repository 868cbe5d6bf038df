"""What a matcher says of notes it has not seen."""

import math
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from handbook.evidence import EvidenceNote
from handbook.matching import Matcher, NoteText, RankedTag
from handbook.matching.vocabulary import key_of
from tests.handbook.matching.corpus import (
    CHINESE,
    DIMENSION,
    ENGLISH,
    HAND_ADDED,
    Fitted,
    Theme,
    make_notes,
    ranked,
    text_of,
)


@pytest.fixture(scope="module")
def unseen() -> list[EvidenceNote]:
    """Notes on the same themes that nothing was learned from."""
    return make_notes(2) + make_notes(3)


def _by_handbook(found: list[RankedTag]) -> list[str]:
    return [tag.tag for tag in found if tag.interest]


def _check(found: list[RankedTag]) -> None:
    """What holds for every answer."""
    probabilities = [tag.probability for tag in found]
    assert all(math.isfinite(value) and 0 <= value <= 1 for value in probabilities)
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(math.isfinite(value) and 0 <= value <= 1 for tag in found for value in tag.why.values())
    keys = [key_of(tag.tag) for tag in found]
    assert len(set(keys)) == len(keys)


def test_answers_hold_each_tag_once_best_first(made: Fitted, matcher: Matcher, unseen: list[EvidenceNote]) -> None:
    for note in unseen[::10]:
        found = ranked(matcher, note)
        assert len(found) > 10
        _check(found)
        assert all(tag.tag in made.handbook.interests[tag.interest].tags for tag in found if tag.interest)
        assert found[0].why


def _theme_of(tag: str) -> Theme | None:
    return next((theme for theme in ENGLISH + CHINESE if tag == theme.tag or tag in theme.kinds), None)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_first_tags_are_of_the_notes_theme(matcher: Matcher, unseen: list[EvidenceNote], lang: str) -> None:
    asked = [note for note in unseen if note.lang == lang]
    right = [_theme_of(ranked(matcher, note, 1)[0].tag) is _theme_of(note.tags[0]) for note in asked]
    assert len(asked) >= 60
    assert sum(right) >= 0.95 * len(right)


def test_chinese_is_understood_by_words_and_characters_alone(matcher: Matcher) -> None:
    note = NoteText("周末的早晨", "巷口排队买油条和豆浆，坐在石板路边的摊位吃")
    assert set(_by_handbook(matcher.rank(note, None))[:2]) == {"古城漫步", "老街早餐"}
    note = NoteText("五花肉", "冰糖炒到变色，砂锅小火慢炖，软糯")
    assert set(_by_handbook(matcher.rank(note, None))[:2]) == {"家常菜", "红烧肉"}


def test_traditional_characters_say_the_same(matcher: Matcher) -> None:
    plain = matcher.rank(NoteText("城墙骑行", "日落时绕着护城河租车骑行，经过箭楼"), None, 100)
    other = matcher.rank(NoteText("城牆騎行", "日落時繞著護城河租車騎行，經過箭樓"), None, 100)
    assert plain[0].tag in ("城墙骑行", "古城漫步")
    assert [tag[:3] for tag in other if tag.interest] == [tag[:3] for tag in plain if tag.interest]


@pytest.mark.parametrize(
    ("added", "title", "content"),
    [
        ("moka pot", "milk froth", "steam jug rosetta"),
        ("gimbal head", "tripod blur", "shutter release seconds"),
    ],
)
def test_a_tag_added_by_hand_is_found_where_it_stands(
    made: Fitted, matcher: Matcher, added: str, title: str, content: str
) -> None:
    assert HAND_ADDED[added] <= 1
    assert all(added not in note.tags for note in made.notes)
    without = ranked(matcher, NoteText(title, content))
    assert added not in _by_handbook(without)[:5]
    chance = next((tag.probability for tag in without if tag.tag == added), 0.0)
    for text in (NoteText(f"{title}, {added}", content), NoteText(title, f"{content}, {added}")):
        found = ranked(matcher, text)
        assert added in _by_handbook(found)[:5]
        said = next(tag for tag in found if tag.tag == added)
        assert added in made.handbook.interests[said.interest].tags
        assert said.probability > chance


def test_a_phrase_that_the_handbook_lacks_can_be_ranked(made: Fitted, matcher: Matcher) -> None:
    assert all("tweed satchel" not in interest.tags for interest in made.handbook.active)
    found = ranked(matcher, NoteText("milk froth, tweed satchel", "steam jug rosetta"))
    phrases = [tag for tag in found if not tag.interest]
    assert phrases[0].tag == "tweed satchel"
    assert phrases[0].probability > 0


def test_phrases_stand_in_the_note_and_are_no_tags_of_the_handbook(
    made: Fitted, matcher: Matcher, unseen: list[EvidenceNote]
) -> None:
    known = {key_of(tag) for interest in made.handbook.active for tag in interest.tags}
    seen = 0
    for note in unseen[::5]:
        for tag in ranked(matcher, note):
            if not tag.interest:
                seen += 1
                assert tag.tag in f"{note.title}\n{note.content}"
                assert key_of(tag.tag) not in known
    assert seen > 100


def test_probabilities_come_true_as_often_as_they_say(matcher: Matcher, unseen: list[EvidenceNote]) -> None:
    said, true = [], []
    for note in unseen:
        own = {key_of(tag) for tag in note.tags}
        for tag in ranked(matcher, note):
            said.append(tag.probability)
            true.append(key_of(tag.tag) in own)
    probabilities, labels = np.array(said), np.array(true)
    assert probabilities.sum() == pytest.approx(labels.sum(), rel=0.15)
    for low, high in ((0.0, 0.1), (0.1, 0.6), (0.6, 0.85), (0.85, 1.01)):
        inside = (probabilities >= low) & (probabilities < high)
        assert inside.sum() >= 30
        assert probabilities[inside].mean() == pytest.approx(labels[inside].mean(), abs=0.15)


def test_no_more_than_k(made: Fitted) -> None:
    matcher, note = made.open(), made.notes[0]
    assert len(ranked(matcher, note, 1)) == 1  # asked first: what is kept must not be cut
    every = ranked(matcher, note, 1000)
    assert len(every) > 30
    assert len(matcher.rank(text_of(note), None)) == 30
    for k in (0, 1, 7, 30, len(every)):
        assert ranked(matcher, note, k) == every[:k]


def test_a_note_asked_again_with_another_meaning_is_another_note(made: Fitted) -> None:
    text = NoteText("", "weekend friends")
    vectors = [None, np.eye(DIMENSION, dtype=np.float32)[0], -np.eye(DIMENSION, dtype=np.float32)[0]]
    matcher = made.open()
    together = [matcher.rank(text, vector) for vector in vectors]
    assert together == [made.open().rank(text, vector) for vector in vectors]
    assert together[0] == matcher.rank(text, np.zeros(DIMENSION))
    assert together[1] != together[2]


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_threads")
def test_threads_get_what_one_alone_gets(made: Fitted, matcher: Matcher, unseen: list[EvidenceNote]) -> None:
    asked = unseen[::4]
    shared, start = made.open(), threading.Barrier(3)

    def ask(first: int) -> list[list[RankedTag]]:
        start.wait(60)
        order = asked[first:] + asked[:first]
        found = [ranked(shared, note) for note in order]
        return found[len(asked) - first :] + found[: len(asked) - first]

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(ask, (0, 1, len(asked) // 2)))
    alone = [ranked(matcher, note) for note in asked]
    assert answers == [alone, alone, alone]
    assert alone[0] != alone[1]


_HOSTILE = {
    "empty": "",
    "white space": " \n\t\u3000",
    "long": "night photography " * 11_112,
    "one long word": "a" * 200_000,
    "one long Chinese word": "夜" * 200_000,
    "emoji": "🙂🏳️‍🌈👩‍👩‍👧🇭🇰",
    "surrogates": "\ud800 latte art \udfff\ud83d",
    "zero width": "lat\u200bte\u200d art\ufeff\u2060",
    "stopwords": "the and of to in",
    "control characters": "latte\x00art\x1b[31m\u202e",
    "combining": "e" + "\u0301" * 5000,
    "punctuation": "!?., -'’/&" * 500,
    "digits": "1 2 3.4 5:6 " * 500,
    "other scripts": "قهوة الصباح ночной город ラーメン 김치찌개",
}


@pytest.mark.parametrize("text", _HOSTILE.values(), ids=_HOSTILE)
def test_whatever_a_note_says_it_is_answered(matcher: Matcher, text: str) -> None:
    notes = (
        NoteText(title=text),
        NoteText(content=text),
        NoteText(title=text, content=text, ocr=text, attributes=(text, text), category=text[:1000]),
        NoteText(title="latte art", content=f"milk steam {text} jug pour", lang="zh"),
    )
    for note in notes:
        for vector in (None, np.zeros(DIMENSION), np.full(DIMENSION, DIMENSION**-0.5)):
            found = matcher.rank(note, vector)
            assert found
            _check(found)
            assert all(tag.tag for tag in found)
    assert "latte art" in [tag.tag for tag in matcher.rank(notes[-1], None, 10)]
