"""Bringing what was mined anew into a handbook that people have read and edited.

Entries a person edited, pinned or wrote are left as they are. Of the others, an interest that is found again keeps its
id, its name and its words, and takes the new counts; one that is no longer supported is retired, not deleted; what is
new comes last. The vocabulary of an untouchable entry belongs to it: it makes no second interest.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from handbook.records import Category, Handbook, Interest
from notes.words import form_key

_SAME = 0.25
"""Share of the vocabulary (by notes) that two interests have in common from which they are the same one."""
_WORDS_HOLD = 0.5
"""Share from which the words written for the old one still hold for the new one."""

ChangeKind = Literal["appeared", "vanished", "retired", "returned", "grew", "shrank", "edited"]


class Change(NamedTuple):
    """What became of an interest between two handbooks."""

    kind: ChangeKind
    id: str
    name: str
    users: tuple[int, int]
    """Before and after."""
    notes: tuple[int, int]
    """Before and after."""
    tags: tuple[tuple[str, ...], tuple[str, ...]]
    """Tags that appeared, and tags that vanished, most used first."""


def merged(old: Handbook, mined: Handbook) -> Handbook:
    """`old` with what `mined` found; see above."""
    mined_of = {category.id.casefold(): category for category in mined.categories}
    renamed: dict[str, str] = {}
    taken = set(old.interests)
    categories = []
    for category in old.categories:
        found = mined_of.pop(category.id.casefold(), None)
        interests = _merge(category, found.interests if found else (), taken, renamed)
        categories.append(category.model_copy(update={"interests": tuple(interests)}))
    for category in mined_of.values():
        interests = _merge(Category(id=category.id), category.interests, taken, renamed)
        categories.append(category.model_copy(update={"interests": tuple(interests)}))
    categories = [_neighbours_renamed(category, renamed, old) for category in categories]
    return old.model_copy(update={"categories": tuple(categories)})


def changes(old: Handbook, new: Handbook) -> list[Change]:
    """What appeared, vanished, grew …, in the order of the new handbook; what is as it was is left out."""
    found = []
    for id, interest in new.interests.items():
        before = old.interests.get(id)
        kind = _kind(before, interest)
        if kind is not None:
            found.append(_change(kind, before, interest))
    found.extend(_change("vanished", i, None) for id, i in old.interests.items() if id not in new.interests)
    return found


def _kind(before: Interest | None, after: Interest) -> ChangeKind | None:
    if before is None:
        return "appeared"
    if before.retired != after.retired:
        return "retired" if after.retired else "returned"
    one, other = _size(before), _size(after)
    if one != other:
        return "grew" if other > one else "shrank"
    leave_out = {"support", "mined", "notes", "evidence"}
    return "edited" if before.model_dump(exclude=leave_out) != after.model_dump(exclude=leave_out) else None


def _size(interest: Interest) -> tuple[int, int, int]:
    support = interest.support
    return (
        (support.users, support.notes, sum(interest.tags.values())) if support else (0, 0, sum(interest.tags.values()))
    )


def _change(kind: ChangeKind, before: Interest | None, after: Interest | None) -> Change:
    shown = after or before
    if shown is None:
        raise ValueError("a change needs an interest before or after it")
    one, other = (tuple(i.tags) if i else () for i in (before, after))
    sizes = [(i.support.users, i.support.notes) if i and i.support else (0, 0) for i in (before, after)]
    return Change(
        kind=kind,
        id=shown.id,
        name=shown.name,
        users=(sizes[0][0], sizes[1][0]),
        notes=(sizes[0][1], sizes[1][1]),
        tags=(tuple(t for t in other if t not in one), tuple(t for t in one if t not in other)),
    )


def _merge(
    category: Category, mined: Sequence[Interest], taken: set[str], renamed: dict[str, str]
) -> Iterable[Interest]:
    kept = [interest for interest in category.interests if _untouchable(interest)]
    claimed = {form_key(tag) for interest in kept for tag in interest.tags}
    left = [interest for interest in (_without(interest, claimed) for interest in mined) if interest.tags]
    followers = _matched([i for i in category.interests if not _untouchable(i)], left)
    for interest in category.interests:
        if _untouchable(interest):
            yield interest
        elif interest.id in followers:
            after = followers[interest.id]
            renamed[after.id] = interest.id
            yield _renewed(interest, after)
        else:
            yield interest.model_copy(update={"retired": True}).signed()
    follow = {id(after) for after in followers.values()}
    for interest in left:
        if id(interest) not in follow:
            new = _unique(interest.id, taken)
            taken.add(new)
            renamed[interest.id] = new
            yield interest.model_copy(update={"id": new, "category": category.id}).signed()


def _untouchable(interest: Interest) -> bool:
    return interest.pinned or interest.edited


def _without(interest: Interest, claimed: set[str]) -> Interest:
    tags = {tag: count for tag, count in interest.tags.items() if form_key(tag) not in claimed}
    return interest if len(tags) == len(interest.tags) else interest.model_copy(update={"tags": tags}).signed()


def _matched(old: Sequence[Interest], new: Sequence[Interest]) -> dict[str, Interest]:
    """The new interest that continues each old one: most vocabulary in common first, one for one."""
    by_tag: dict[str, list[int]] = {}
    for number, interest in enumerate(new):
        for tag in interest.tags:
            by_tag.setdefault(form_key(tag), []).append(number)
    pairs = []
    for interest in old:
        near = {number for tag in interest.tags for number in by_tag.get(form_key(tag), ())}
        pairs.extend((_share(interest, new[number]), interest.id, number) for number in near)
    found: dict[str, Interest] = {}
    used: set[int] = set()
    for share, id, number in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if share >= _SAME and id not in found and number not in used:
            found[id] = new[number]
            used.add(number)
    return found


def _share(one: Interest, other: Interest) -> float:
    """Weighted Jaccard of the vocabularies, each tag weighing its share of its interest's notes; 0 to 1."""
    a, b = _weights(one), _weights(other)
    least = sum(min(a.get(key, 0.0), b.get(key, 0.0)) for key in a)
    return least / (2.0 - least) if least else 0.0


def _weights(interest: Interest) -> dict[str, float]:
    total = sum(max(1, count) for count in interest.tags.values())
    found: dict[str, float] = {}
    for tag, count in interest.tags.items():
        key = form_key(tag)
        found[key] = found.get(key, 0.0) + max(1, count) / total
    return found


def _renewed(old: Interest, new: Interest) -> Interest:
    """The new counts and evidence under the old id; the old words, as long as they speak of the same."""
    update: dict[str, Any] = {"id": old.id, "category": old.category, "retired": False, "pinned": False}
    if _share(old, new) >= _WORDS_HOLD:
        update |= {name: getattr(old, name) for name in ("name", "description", "attributes", "guidance", "words")}
    return new.model_copy(update=update).signed()


def _neighbours_renamed(category: Category, renamed: dict[str, str], old: Handbook) -> Category:
    interests = []
    for interest in category.interests:
        was = old.interests.get(interest.id)
        if was is not None and was.neighbours == interest.neighbours:
            interests.append(interest)  # not touched by this update
            continue
        neighbours = tuple(dict.fromkeys(renamed.get(id, id) for id in interest.neighbours))
        neighbours = tuple(id for id in neighbours if id != interest.id)
        interests.append(interest.model_copy(update={"neighbours": neighbours}).signed())
    return category.model_copy(update={"interests": tuple(interests)})


def _unique(id: str, taken: set[str]) -> str:
    if id not in taken:
        return id
    return next(f"{id}-{number}" for number in range(2, len(taken) + 3) if f"{id}-{number}" not in taken)
