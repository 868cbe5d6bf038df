"""Pages and budgets: the same for every note of a category, never over the budget."""

import asyncio
import itertools

import pytest

from handbook import HandbookIndex
from handbook.matching import NoteText
from handbook.page import in_words, page_of, tokens_of, within
from handbook.retriever import HandbookRetriever


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("night view", 2), ("international", 3), ("夜景机位", 4), ("a, b", 3), ("🙂", 1)]
)
def test_tokens_are_counted_by_word_length_and_character(text: str, tokens: int) -> None:
    assert tokens_of(text) == tokens


def test_page_keeps_the_order_of_the_file_and_the_budget(examples_index: HandbookIndex) -> None:
    travel = examples_index.handbook.category("travel")
    assert travel is not None
    for budget in (0, 100, 250, 400, 10_000):
        page = page_of(travel.interests, budget)
        assert sum(tokens_of(in_words(interest)) for interest in page) <= budget
        assert list(page) == [interest for interest in travel.interests if interest in page]
    assert page_of(travel.interests, 10_000) == travel.interests
    assert page_of(travel.interests, 10) == ()


def test_a_larger_budget_only_adds(examples_index: HandbookIndex) -> None:
    interests = examples_index.interests
    sizes = [{i.id for i in page_of(interests, budget)} for budget in range(0, 3000, 50)]
    assert all(small <= large for small, large in itertools.pairwise(sizes))


def test_every_note_of_a_category_begins_with_the_same_page(examples_index: HandbookIndex) -> None:
    notes = [
        NoteText(title="", content=text, ocr="", attributes=(), category="travel", lang="en")
        for text in ("harbour lights at night", "a cheap bed near the station", "ramen in Kyoto", "")
    ]
    found = [asyncio.run(examples_index.retrieve(note, k=10, tokens=1500)) for note in notes]
    page = [interest.id for interest in examples_index.page("Travel", 750)]
    assert page
    for retrieved in found:
        assert [entry.id for entry in retrieved][: len(page)] == page
        interests = [examples_index.handbook.interests[entry.id] for entry in retrieved]
        assert sum(tokens_of(in_words(interest)) for interest in interests) <= 1500
        assert len({entry.id for entry in retrieved}) == len(retrieved)
    assert len({tuple(entry.id for entry in retrieved) for retrieved in found}) > 1


def test_without_a_budget_or_a_known_category_there_is_no_page(examples_index: HandbookIndex) -> None:
    note = NoteText(title="", content="my kitten will not eat", ocr="", attributes=(), category="cars", lang="en")
    found = asyncio.run(examples_index.retrieve(note, k=5, tokens=2000))
    assert found[0].id.startswith("pets.")
    assert examples_index.page("cars", 1000) == ()
    plain = asyncio.run(examples_index.retrieve(note, k=5))
    assert [entry.id for entry in plain] == [e.id for e in asyncio.run(examples_index.search(note.text, k=5))]


def test_at_least_one_interest_is_shown_whatever_the_budget(examples_index: HandbookIndex) -> None:
    assert within(examples_index.interests, 1) == 1
    assert within((), 1) == 0


@pytest.mark.parametrize("query", ["where to see the skyline at night", "维港夜景", ""])
def test_retriever_gives_what_search_gives_as_documents(examples_index: HandbookIndex, query: str) -> None:
    retriever = HandbookRetriever(index=examples_index, category="travel", k=4)
    documents = retriever.invoke(query)
    assert documents == asyncio.run(retriever.ainvoke(query))
    wanted = asyncio.run(examples_index.search(query, category="travel", k=4))
    assert [(d.metadata["id"], d.metadata["score"]) for d in documents] == [(w.id, w.score) for w in wanted]
    first = examples_index.handbook.interests[wanted[0].id]
    assert documents[0].page_content.startswith(first.name)
    assert documents[0].metadata["tags"] == list(first.tags)
