"""The parts of the report: places of quotes, the store, the choice of notes, what is cut."""

from pathlib import Path

import pytest

from notes.pictures import PictureStore
from notes.records import Failure, Note, Trace
from tagllm.report.choosing import Choosing
from tagllm.report.quotes import where
from tagllm.report.spreads import spread
from tagllm.report.store import Store
from tagllm.report.texts import shown
from tagllm.report.thumbnails import Thumbnails
from tests.tagllm.report.conftest import Made
from tests.tagllm.report.made import failure, trace


def as_a_browser_cuts(text: str, place: tuple[int, int] | None) -> str | None:
    """UTF-16 units, as `String.prototype.slice` counts."""
    if place is None:
        return None
    return text.encode("utf-16-le")[2 * place[0] : 2 * place[1]].decode("utf-16-le")


@pytest.mark.parametrize(
    ("quote", "text", "found"),
    [
        ("night view", "🌃🌃 The Night  View of it", "Night  View"),
        ("“night view”", "a night\nview", "night\nview"),
        ("art", "a party, then art", "art"),
        ("cafe", "in the cafeteria", "cafe"),
        ("维港夜景", "🌃一晚看完維港夜景", "維港夜景"),
        ("ＡＢＣ club", "the abc club", "abc club"),
        ("Supertree (a+b)*", "see Supertree (a+b)* now", "Supertree (a+b)*"),
        ("nowhere", "somewhere", None),
        ("", "text", None),
        ("…", "text…", None),
    ],
)
def test_a_quote_is_found_where_a_browser_finds_it(quote: str, text: str, found: str | None) -> None:
    assert as_a_browser_cuts(text, where(quote, text)) == found


def test_a_quote_is_found_in_time_that_grows_with_the_text() -> None:
    assert where("a " * 120 + "b", "a " * 100_000) is None


def test_the_store_gives_notes_in_their_order_with_the_outcome_that_counts() -> None:
    notes = [Note(id=id, title=f"title {id}") for id in "cab"]
    with Store(2) as store:
        for note in notes:
            store.add_note(note)
        assert store.add_outcome(0, trace(notes[2], ["old"]))
        assert not store.add_outcome(0, trace(notes[2], ["new"]))
        assert not store.add_outcome(0, failure(notes[2]))
        assert store.add_outcome(0, failure(notes[0]))
        assert not store.add_outcome(0, trace(notes[0], ["replayed"]))
        store.add_outcome(1, trace(Note(id="gone", title="x", category="home"), ["lost"]))
        store.add_outcome(1, trace(notes[0].model_copy(update={"title": "edited"}), ["b"]))
        found = list(store.joined())
        assert len(store) == 3
    assert [joined.note.id for joined in found] == ["c", "b", "gone"]
    assert [joined.known for joined in found] == [True, True, False]
    assert found[2].note.category == "home"
    tags = [[o.tags[0].tag if isinstance(o, Trace) else None for o in joined.outcomes] for joined in found]
    assert tags == [["replayed", "b"], ["new", None], [None, "lost"]]
    assert [joined.same_text for joined in found] == [(True, False), (True, False), (False, False)]


def test_a_failure_without_a_digest_belongs_to_its_note() -> None:
    note = Note(id="a", title="b")
    with Store(1) as store:
        store.add_note(note)
        store.add_outcome(0, failure(note).model_copy(update={"note_digest": ""}))
        (joined,) = store.joined()
    assert isinstance(joined.outcomes[0], Failure)
    assert joined.same_text == (True,)


def test_tags_are_counted() -> None:
    note = Note(id="a", title="b")
    with Store(2) as store:
        store.add_tags(0, trace(note, ["x", "y"], interest="i"))
        store.add_tags(0, trace(note, ["x"], interest="j"))
        store.add_tags(1, trace(note, ["y", "z"]))
        assert store.distinct_tags(0) == (2, 1)
        assert store.top_tags(0, 1) == [("x", 2)]
        assert store.top_tags_of(0, ["j", "i"], 1) == {"i": [("x", 1)], "j": [("x", 1)]}
        assert store.moved_tags(2) == [("x", 2, 0), ("z", 0, 1)]


def test_failures_share_the_room_and_every_kind_of_note_comes_before_a_second_of_its_kind() -> None:
    choosing = Choosing()
    kinds = {}
    for place in range(1, 1001):
        striking = place % 10 == 0
        kind = "rare" if place == 555 else f"c{place // 200 % 5}"
        kinds[place] = (striking, kind)
        choosing.add(place, category=kind, interest="", striking=striking)
    order = choosing.order()
    assert sorted(order) == list(range(1, 1001))
    assert [kinds[place][0] for place in order[:200]] == [True, False] * 100
    others = [kinds[place][1] for place in order if not kinds[place][0]]
    assert sorted(others[:6]) == ["c0", "c1", "c2", "c3", "c4", "rare"]
    assert Choosing().order() == []


def test_the_choice_does_not_change_from_run_to_run() -> None:
    orders = []
    for _ in range(2):
        choosing = Choosing()
        for place in range(100):
            choosing.add(place, category="c", interest="i", striking=False)
        orders.append(choosing.order())
    assert orders[0] == orders[1] != sorted(orders[0])


def test_a_spread_counts_every_number_once() -> None:
    found = spread([0.0, 0.5, 1.0, float("nan"), 2.0], 0.0, 1.0, percent=True)
    assert found is not None
    assert sum(found["counts"]) == 4
    assert (found["low"], found["high"], found["median"]) == (0, 100, 75)
    assert spread([float("nan")]) is None


def test_what_is_cut_is_said() -> None:
    assert shown(None, 10) is None
    assert shown("x" * 15, 10) == {"text": "x" * 10, "cut": 5}
    found = shown({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "a\nb"}]}]}, 99)
    assert found == {"text": '{"model": "m"}\n\n── user ──\na\nb', "cut": 0}
    deep: object = "end"
    for _ in range(900):
        deep = [deep]
    assert shown(deep, 5_000) is not None  # pyright: ignore[reportArgumentType]


def test_thumbnails_are_of_the_files_the_run_saw(made: Made, tmp_path: Path) -> None:
    seen = trace(made.notes[0], [], pictures=PictureStore(made.file.parent)).pictures
    refs = made.notes[0].images
    found = Thumbnails(made.file.parent, expected=2, budget=100_000).of(seen, refs)
    assert list(found) == [1]
    assert found[1].startswith("data:image/webp;base64,")
    other = [record.model_copy(update={"digest": "0" * 64}) for record in seen]
    assert Thumbnails(made.file.parent, expected=2, budget=100_000).of(other, refs) == {}
    assert Thumbnails(made.file.parent, expected=2, budget=100).of(seen, refs) == {}
    assert Thumbnails(tmp_path, expected=2, budget=100_000).of(seen, refs) == {}
    assert Thumbnails(None, expected=2, budget=100_000).of(seen, refs) == {}


def test_the_more_pictures_the_smaller_they_are(made: Made) -> None:
    seen = trace(made.notes[0], [], pictures=PictureStore(made.file.parent)).pictures
    sizes = [
        len(Thumbnails(made.file.parent, expected=expected, budget=10**6).of(seen, made.notes[0].images)[1])
        for expected in (1, 1_000, 4_000, 100_000)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4
