"""What an update may touch, and what it may not."""

import pytest

from handbook import Category, Handbook, Interest
from handbook.records import Support
from handbook.update import Change, changes, merged


def _mined(id: str, name: str, tags: dict[str, int], *, users: int = 10, **fields: object) -> Interest:
    values = {"id": id, "name": name, "tags": tags, "category": id.split(".")[0], "words": "evidence", **fields}
    support = Support(users=users, notes=sum(tags.values()))
    return Interest.model_validate({**values, "support": support}).signed()


def _book(*interests: Interest) -> Handbook:
    ids = dict.fromkeys(interest.category for interest in interests)
    return Handbook(
        categories=tuple(Category(id=id, interests=tuple(i for i in interests if i.category == id)) for id in ids)
    )


NIGHT = _mined("travel.night", "Night views", {"harbour at night": 9, "skyline": 4})
HOTEL = _mined("travel.hotel", "Cheap hotels", {"budget hotel": 5, "hostel": 3})


def test_found_again_it_keeps_id_and_name_and_takes_the_new_counts() -> None:
    again = _mined(
        "travel.harbour", "Harbour at night", {"harbour at night": 12, "skyline": 6, "bay lights": 1}, users=30
    )
    found = merged(_book(NIGHT, HOTEL), _book(HOTEL, again))
    assert list(found.interests) == ["travel.night", "travel.hotel"]
    night = found.interests["travel.night"]
    assert (night.name, night.tags, night.support) == ("Night views", again.tags, again.support)
    assert not night.edited


def test_same_input_changes_nothing() -> None:
    book = _book(NIGHT, HOTEL)
    assert merged(book, book) == book
    assert changes(book, book) == []


@pytest.mark.parametrize("how", ["edited", "pinned", "written"])
def test_what_is_a_persons_is_left_alone_and_owns_its_vocabulary(how: str) -> None:
    if how == "edited":
        mine = NIGHT.model_copy(update={"name": "My night views"})
    elif how == "pinned":
        mine = NIGHT.model_copy(update={"pinned": True})
    else:
        mine = NIGHT.model_copy(update={"mined": "", "support": None})
    again = _mined("travel.harbour", "Harbour", {"Harbour at Night": 99, "bay lights": 2})
    found = merged(_book(mine, HOTEL), _book(again, HOTEL))
    assert found.interests["travel.night"] == mine
    assert found.interests["travel.harbour"].tags == {"bay lights": 2}
    assert not found.interests["travel.harbour"].edited
    assert merged(_book(mine), Handbook()).interests["travel.night"] == mine


def test_unsupported_is_retired_and_returns_with_its_id() -> None:
    gone = merged(_book(NIGHT, HOTEL), _book(HOTEL))
    assert gone.interests["travel.night"].retired
    assert [i.id for i in gone.active] == ["travel.hotel"]
    assert [(c.kind, c.id) for c in changes(_book(NIGHT, HOTEL), gone)] == [("retired", "travel.night")]
    back = merged(gone, _book(NIGHT, HOTEL))
    assert not back.interests["travel.night"].retired
    assert [c.kind for c in changes(gone, back)] == ["returned"]


def test_new_ones_come_last_and_never_take_an_id_in_use() -> None:
    mine = NIGHT.model_copy(update={"name": "Mine"})
    new = _mined("travel.night", "Other nights", {"night market": 7}, neighbours=("travel.hotel",))
    hotel = HOTEL.model_copy(update={"neighbours": ("travel.night",)}).signed()
    found = merged(_book(mine, HOTEL), _book(new, hotel))
    assert list(found.interests) == ["travel.night", "travel.hotel", "travel.night-2"]
    assert found.interests["travel.hotel"].neighbours == ("travel.night-2",)
    assert all(not i.edited for i in found.interests.values() if i.id != "travel.night")


def test_of_two_claims_the_one_with_more_in_common_is_the_same() -> None:
    half = _mined("travel.a", "A", {"skyline": 9})
    whole = _mined("travel.b", "B", {"harbour at night": 8, "skyline": 5})
    found = merged(_book(NIGHT), _book(half, whole))
    assert found.interests["travel.night"].tags == whole.tags
    assert found.interests["travel.a"].tags == half.tags


def test_words_are_renewed_when_the_vocabulary_has_moved_on() -> None:
    moved = _mined("travel.x", "Skyline bars", {"harbour at night": 8, "rooftop bar": 7, "sky bar": 3})
    found = merged(_book(NIGHT), _book(moved)).interests["travel.night"]
    assert found.name == "Skyline bars"


def test_categories_of_both_are_kept() -> None:
    other = _mined("food.soup", "Soups", {"miso soup": 4})
    found = merged(_book(NIGHT), _book(NIGHT, other))
    assert [category.id for category in found.categories] == ["travel", "food"]
    assert merged(_book(NIGHT, other), _book(NIGHT)).interests["food.soup"].retired


def test_changes_say_what_grew_and_which_tags_came_and_went() -> None:
    more = _mined("travel.night", "Night views", {"harbour at night": 19, "bay lights": 4}, users=12)
    found = changes(_book(NIGHT, HOTEL), _book(more))
    assert found == [
        Change("grew", "travel.night", "Night views", (10, 12), (13, 23), (("bay lights",), ("skyline",))),
        Change("vanished", "travel.hotel", "Cheap hotels", (10, 0), (8, 0), ((), ("budget hotel", "hostel"))),
    ]
    assert [c.kind for c in changes(_book(more), _book(NIGHT))] == ["shrank"]
    renamed = NIGHT.model_copy(update={"description": "Lights."})
    assert [c.kind for c in changes(_book(NIGHT), _book(renamed))] == ["edited"]
