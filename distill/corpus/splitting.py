"""Which split a group of notes belongs to: by a digest of its name, so that it stays there when the corpus grows."""

import hashlib
from collections.abc import Mapping, Sequence

from distill.corpus.policy import Splitting
from distill.corpus.records import Split
from notes.records import Note

LARGE = 0.2
"""Share of all notes from which a group is only learned from: held out, it would be the whole measure."""
_OWN: Mapping[str, Split] = {
    "test": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}


def own_split(note: Note) -> Split | None:
    """Where the note's own file holds it out; None: it does not."""
    said = note.extra.get("split")
    return _OWN.get(said.strip().casefold()) if isinstance(said, str) else None


def assign(
    sizes: Mapping[str, int], own: Mapping[str, Sequence[Split | None]], splitting: Splitting
) -> dict[str, Split]:
    """The split of every group.

    A group with a note that is held out in its own file is held out as a whole. Where a split is wanted and no group
    fell into it, the group next to it moves.

    Args:
        sizes: Notes of every group, by its name.
        own: Their notes' own splits.
        splitting: The shares wanted.
    """
    total = sum(sizes.values())
    draws = {name: _draw(name, splitting.seed) for name in sizes}
    found: dict[str, Split] = {}
    for name in sizes:
        if "test" in own[name]:
            found[name] = "test"
        elif "validation" in own[name]:
            found[name] = "validation"
        elif sizes[name] > max(1, LARGE * total):
            found[name] = "train"
        elif draws[name] < splitting.test:
            found[name] = "test"
        else:
            found[name] = "validation" if draws[name] < splitting.test + splitting.validation else "train"
    wanted: tuple[tuple[Split, float], ...] = (("test", splitting.test), ("validation", splitting.validation))
    for split, share in wanted:
        free = [name for name in sizes if found[name] == "train" and sizes[name] <= max(1, LARGE * total)]
        if share and split not in found.values() and sum(where == "train" for where in found.values()) > 1 and free:
            found[min(free, key=lambda name: (draws[name], name))] = split
    return found


def _draw(name: str, seed: int) -> float:
    """A number from 0 to below 1 that follows from the name."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 48)
