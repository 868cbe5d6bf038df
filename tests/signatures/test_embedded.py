"""The embedded teacher: phrases that could be tags, and the steps on the example notes."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from handbook import Handbook, HandbookIndex
from notes.phrases import Phrase, Source, phrases
from notes.pictures import Picture, PictureStore
from notes.reading import read_notes
from notes.records import DraftTag, MatchedInterest, Note, PictureRefusal
from notes.words import numbers
from signatures.applying import described, drafted, matched, refined
from signatures.embedded import embedded_program
from signatures.questions import Program, Question, TagLimits
from signatures.sources import Sources
from teachers.embedded import Encoder, Perceiver

T = TypeVar("T")


def _run(step: Awaitable[T]) -> T:
    async def wait() -> T:
        return await step

    return asyncio.run(wait())


def _phrases(text: str, lang: str) -> list[str]:
    return [phrase.text for phrase in phrases([Source("content", text)], lang)]


@pytest.mark.parametrize(
    ("text", "there", "absent"),
    [
        ("the best night view of the city", ["night view"], ["the best", "view of", "of the city", "the"]),
        ("a really cheap capsule hotel near Chinatown", ["capsule hotel", "Chinatown"], ["really cheap", "hotel near"]),
        ("Add the garlic, then whisk two eggs", ["garlic", "eggs"], ["Add", "two eggs", "whisk", "then whisk"]),
        ("Bake the sourdough bread until golden", ["sourdough bread"], ["Bake", "bread until"]),
        ("You should visit Lisbon. Ride tram 28!", ["Lisbon", "tram"], ["visit Lisbon", "Ride tram", "tram 28", "28"]),
        ("We want to order noodles", ["noodles"], ["order", "order noodles"]),
        ("2 cups flour, 1 egg, 300 g sugar", ["flour", "egg", "sugar"], ["2 cups", "1 egg", "300 g sugar", "cups"]),
        ("ready at 6:50 am for S$70", [], ["6:50", "70", "S$70", "am"]),
        ("a 10 minute noodle recipe", ["10 minute noodle recipe", "noodle recipe"], ["10"]),
        ("my iPhone 15 and a Sony A7 III", ["iPhone 15", "Sony A7"], ["15"]),
        ("Castello di Gorizia", ["Castello di Gorizia"], ["di Gorizia", "Castello di", "di"]),
        ("Falzarego runs along the ridge", ["Falzarego", "ridge"], ["Falzarego runs", "runs"]),
        ("night view, harbour walk", ["night view", "harbour walk"], ["view harbour", "night view harbour"]),
        ("Anna's shoes", ["shoes"], ["Anna's", "Anna's shoes"]),
        ("slow-cooked beef and X-ray film", ["slow-cooked beef", "X-ray film"], []),
        ("the C++ book", ["C++ book"], []),
    ],
)
def test_english_phrases(text: str, there: list[str], absent: list[str]) -> None:
    found = _phrases(text, "en")
    assert set(there) <= set(found)
    assert not set(absent) & set(found)


@pytest.mark.parametrize(
    ("text", "there", "absent"),
    [
        ("维港夜景真的很好看", ["维港夜景", "夜景"], ["真的", "夜景真的"]),
        ("維多利亞港夜景最靚", ["維多利亞港夜景"], ["最靚"]),
        ("油皮防晒霜推荐", ["油皮防晒霜", "防晒霜"], ["推荐"]),
        ("加入两勺生抽，翻炒三分钟", ["生抽"], ["两勺", "三分钟", "加入", "翻炒", "分钟", "勺生抽"]),
        ("今天去了成都的小众咖啡馆", ["小众咖啡馆", "咖啡馆"], ["今天", "成都的小众", "去了成都"]),
        ("用iPhone 15拍夜景的方法", ["iPhone", "夜景"], ["15", "方法", "用"]),
        ("MUJI收纳盒", ["MUJI收纳盒"], []),
        ("大家都说好，我自己觉得一般", [], ["大家", "自己", "一般"]),
    ],
)
def test_chinese_phrases(text: str, there: list[str], absent: list[str]) -> None:
    found = _phrases(text, "zh")
    assert set(there) <= set(found)
    assert not set(absent) & set(found)


@pytest.mark.parametrize(
    "address",
    ["https://example.com/night/view", "www.night-view.com", "night@view.com", "@nightowl", "example.com/night-view"],
)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_addresses_are_skipped(address: str, lang: str) -> None:
    word = "sourdough" if lang == "en" else "跑鞋"
    found = _phrases(f"{word} {address} {word}", lang)
    assert word in found
    assert not any("night" in phrase.lower() or "example" in phrase for phrase in found)


def test_occurrences_are_counted_and_places_hold() -> None:
    title, content = "Night views of the bay", "The night view! A NIGHT-VIEW by the harbour"
    found = phrases([Source("title", title), Source("content", content), Source("ocr", "harbour", 2)], "en")
    by_text = {phrase.text: phrase for phrase in found}
    assert (by_text["Night views"].count, by_text["Night views"].in_title) == (3, True)
    harbour = by_text["harbour"]
    assert (harbour.count, harbour.in_title, harbour.picture) == (2, False, None)
    texts = {"title": title, "content": content}
    for phrase in found:
        assert texts[phrase.source][phrase.start : phrase.end] == phrase.text


def test_phrases_of_nothing_are_none() -> None:
    for text in ("", "…", "🙂🙂", "123 456", "the of and", "的了吗"):
        assert _phrases(text, "en") == []
        assert _phrases(text, "zh") == []


def test_phrases_overlap_only_in_the_same_text() -> None:
    one = Phrase("night view", "content", None, 0, 10, ("night", "view"))
    assert one.overlaps(replace(one, start=6, end=20))
    assert not one.overlaps(replace(one, start=10, end=20))
    assert not one.overlaps(replace(one, source="title"))
    assert not one.overlaps(replace(one, source="ocr", picture=1))


@pytest.fixture(scope="module")
def notes(examples: Path) -> dict[str, Note]:
    """The example notes by id."""
    return {note.id: note for note in read_notes(examples / "notes.jsonl") if isinstance(note, Note)}


@pytest.fixture(scope="module")
def program(encoder: Encoder, perceiver: Perceiver, examples_index: HandbookIndex) -> Program:
    """The embedded teacher with the example handbook."""
    return embedded_program(encoder, perceiver, examples_index)


def _question(note: Note, index: HandbookIndex, pictures: tuple[Picture, ...] = ()) -> Question:
    sources = Sources.of(note, ())
    found = _run(index.search(sources.text(), category=note.category))
    book = index.handbook
    return Question(
        note=note,
        lang=note.lang or "en",
        limits=TagLimits(),
        pictures=pictures,
        category=book.category(note.category),
        interests=tuple(book.interests[interest.id] for interest in found),
        sources=sources,
    )


def _drafted(program: Program, question: Question) -> tuple[DraftTag, ...]:
    question = replace(question, matched=matched(question, _run(program.match(question)).answer))
    return drafted(question, _run(program.draft(question)).answer)


@pytest.mark.parametrize(
    ("id", "interest"),
    [
        ("sg-night-3d", "travel.city-night-views"),
        ("kyoto-solo-rain", "travel.slow-local"),
        ("dolomites-hut", "travel.hiking-huts"),
        ("chengdu-weekend", "travel.city-itineraries"),
    ],
)
def test_note_finds_its_interest(
    program: Program, examples_index: HandbookIndex, notes: dict[str, Note], id: str, interest: str
) -> None:
    question = _question(notes[id], examples_index)
    answer = _run(program.match(question)).answer
    found = matched(question, answer)
    assert interest in [match.id for match in found]
    assert all(0.5 <= match.probability <= 1 for match in answer.matches)
    assert [match.probability for match in answer.matches] == sorted(
        (match.probability for match in answer.matches), reverse=True
    )


def test_note_about_nothing_in_the_handbook_matches_nothing(program: Program, examples_index: HandbookIndex) -> None:
    note = Note(id="n", title="Quarterly tax filing deadlines", content="Form 1065 is due in March.")
    assert _run(program.match(_question(note, examples_index))).answer.matches == []


def test_without_a_handbook_nothing_matches_and_the_note_still_gives_tags(
    encoder: Encoder, perceiver: Perceiver, examples_index: HandbookIndex, notes: dict[str, Note]
) -> None:
    program = embedded_program(encoder, perceiver)
    question = _question(notes["sg-night-3d"], examples_index)
    assert _run(program.match(question)).answer.matches == []
    drafts = _run(program.draft(replace(question, interests=()))).answer.tags
    assert any("Marina Bay" in draft.tag for draft in drafts)
    assert {draft.interest for draft in drafts} == {0}


def _with_match(question: Question, id: str, handbook: Handbook) -> Question:
    interest = handbook.interests[id]
    match = MatchedInterest(id=id, name=interest.name, probability=0.99)
    return replace(question, interests=(interest,), matched=(match,))


@pytest.mark.parametrize(
    ("id", "text", "there", "absent"),
    [
        ("travel.city-itineraries", "My 3-day plan for Singapore, day by day", "3-day Singapore itinerary", "one day"),
        ("travel.city-itineraries", "My 5-day plan for Singapore, an itinerary", "", "3-day Singapore itinerary"),
        (
            "travel.city-itineraries",
            "A first itinerary for Osaka, for the first time",
            "",
            "first time Tokyo itinerary",
        ),
        ("travel.city-night-views", "The Marina Bay at night: a view for free", "Marina Bay night view", "Supertree"),
        ("travel.city-night-views", "The night view over the bay of Naples", "", "Marina Bay night view"),
        ("travel.city-night-views", "夜景机位在江边", "夜景机位", "滨海湾夜景"),
    ],
)
def test_vocabulary_is_drafted_only_where_the_note_holds_its_numbers_and_names(
    program: Program,
    examples_index: HandbookIndex,
    examples_handbook: Handbook,
    id: str,
    text: str,
    there: str,
    absent: str,
) -> None:
    note = Note(id="n", content=text, category="travel", lang="zh" if not text.isascii() else "en")
    question = _with_match(_question(note, examples_index), id, examples_handbook)
    tags = [draft.tag for draft in _run(program.draft(question)).answer.tags]
    assert not there or there in tags
    assert not any(tag.startswith(absent) for tag in tags)


def test_drafts_of_example_notes_hold_what_they_promise(
    program: Program, examples_index: HandbookIndex, notes: dict[str, Note]
) -> None:
    chosen = list(notes.values())[::6]
    assert {note.lang for note in chosen} == {"en", "zh"}
    for note in chosen:
        question = _question(note, examples_index)
        drafts = _drafted(program, question)
        assert 3 <= len(drafts) <= question.limits.max_drafts
        assert [draft.score for draft in drafts] == sorted((draft.score for draft in drafts), reverse=True)
        assert all(draft.evidence for draft in drafts)
        said = set(numbers(note.text))
        for draft in drafts:
            assert set(numbers(draft.tag)) <= said
        tags, decisions = refined(
            replace(question, tags=drafts), _run(program.refine(replace(question, tags=drafts))).answer
        )
        assert len(tags) + len(decisions) == len(drafts)
        assert 1 <= len(tags) <= question.limits.max_tags


def test_same_note_gets_the_same_answers(
    program: Program, examples_index: HandbookIndex, notes: dict[str, Note]
) -> None:
    question = _question(notes["sg-night-3d"], examples_index)
    assert _drafted(program, question) == _drafted(program, question)


def test_pictures_are_described_in_order_without_the_refused_ones(
    program: Program, examples_index: HandbookIndex, notes: dict[str, Note], example_pictures: PictureStore
) -> None:
    note = notes["sg-night-3d"]
    refusal = PictureRefusal(ref="gone.jpg", reason="not_found", message="gone")
    pictures = (Picture(ref="gone.jpg", refused=refusal), *(example_pictures.open(ref) for ref in note.images[:2]))
    question = _question(note, examples_index, pictures)
    answer = _run(program.describe(question)).answer
    assert [picture.number for picture in answer.pictures] == [1, 2]
    records = described(question, answer)
    assert [record.number for record in records] == [1, 2, 3]
    assert records[0].refused is not None
    assert all("mostly" in record.shows for record in records[1:])
    assert any(record.ocr for record in records)
    for record in records[1:]:
        assert record.shows.endswith("with text") is bool(record.ocr)


def test_text_in_a_picture_is_drafted_with_the_picture_as_evidence(
    program: Program, examples_index: HandbookIndex
) -> None:
    note = Note(id="n", title="Where we slept")
    question = _question(note, examples_index)
    picture = Picture(ref="a.jpg").record(1).model_copy(update={"ocr": "Lavender capsule hotel\nS$38"})
    question = replace(question, seen=(picture,), sources=Sources.of(note, (picture,)))
    found = {draft.tag: draft.evidence for draft in _drafted(program, question)}
    wanted = next(evidence for tag, evidence in found.items() if "capsule hotel" in tag.lower())
    assert (wanted[0].source, wanted[0].picture) == ("ocr", 1)


def test_dedupe_has_no_opinion(program: Program, examples_index: HandbookIndex, notes: dict[str, Note]) -> None:
    question = _question(notes["sg-night-3d"], examples_index)
    tags = (DraftTag(tag="a"), DraftTag(tag="a"))
    assert _run(program.dedupe(replace(question, tags=tags))).answer.merges == []


def test_refine_keeps_the_sure_and_at_least_a_few(program: Program, examples_index: HandbookIndex) -> None:
    question = _question(Note(id="n", title="x"), examples_index)
    for scores, wanted in (((0.9, 0.8, 0.7, 0.6, 0.1), 4), ((0.3, 0.2, 0.1, 0.05), 3), ((0.1,), 1), ((), 0)):
        tags = tuple(DraftTag(tag=f"tag {n}", score=score) for n, score in enumerate(scores))
        answer = _run(program.refine(replace(question, tags=tags))).answer
        assert [tag.number for tag in answer.tags] == list(range(1, wanted + 1))


def test_fused_gives_what_the_steps_give(
    program: Program, examples_index: HandbookIndex, notes: dict[str, Note], example_pictures: PictureStore
) -> None:
    note = notes["sg-night-3d"].model_copy(update={"images": ("images/sg-night-3d-2.png",)})
    question = _question(note, examples_index, tuple(example_pictures.open(ref) for ref in note.images))
    fused = _run(program.fused(question)).answer
    description = _run(program.describe(question)).answer
    seen = described(question, description)
    question = replace(question, seen=seen, sources=Sources.of(note, seen))
    assert fused.pictures == description.pictures
    matches = _run(program.match(question)).answer
    assert fused.matches == matches.matches
    question = replace(question, matched=matched(question, matches))
    assert fused.tags == _run(program.draft(question)).answer.tags
    assert all(1 <= final.number <= len(fused.tags) for final in fused.final)
    assert [fused.tags[final.number - 1].tag for final in fused.final] == [final.tag for final in fused.final]


def test_empty_question_has_empty_answers(program: Program, examples_index: HandbookIndex) -> None:
    question = _question(Note(id="n"), examples_index)
    assert _run(program.describe(question)).answer.pictures == []
    assert _run(program.draft(question)).answer.tags == []
    assert _run(program.refine(question)).answer.tags == []
