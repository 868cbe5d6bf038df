"""Which notes a page lists when it cannot list all: failures, and some of every kind of note."""

import hashlib
from array import array

import numpy as np


class Choosing:
    """Takes every note's kind in, then gives the notes in the order in which they deserve room.

    Within a kind the order is by digest of place: the same run always gives the same page.
    """

    def __init__(self) -> None:
        self._places = array("Q")
        self._kinds = array("L")
        self._numbers: dict[tuple[str, str], int] = {}
        self._striking = array("b")

    def add(self, place: int, *, category: str, interest: str, striking: bool) -> None:
        """One note.

        Args:
            place: Of the note.
            category: Of the note.
            interest: The one it speaks to most; empty: none.
            striking: It failed, or two runs differ on it: half of the room goes to such notes while there are any.
        """
        kind = (category[:120], interest[:200])
        self._places.append(place)
        self._kinds.append(self._numbers.setdefault(kind, len(self._numbers)))
        self._striking.append(striking)

    def order(self) -> list[int]:
        """Places of all notes, those first that should be shown whatever the room: one of each kind, then another."""
        places = np.asarray(self._places)
        if not len(places):
            return []
        digests = np.array([_digest(place) for place in places.tolist()], dtype=np.uint64)
        striking = np.asarray(self._striking, dtype=bool)
        turns = np.empty(len(places), dtype=np.int64)
        for chosen in (striking, ~striking):
            members = np.flatnonzero(chosen)
            in_kind = members[np.lexsort((digests[members], np.asarray(self._kinds)[members]))]
            kinds = np.asarray(self._kinds)[in_kind]
            starts = np.flatnonzero(np.r_[True, kinds[1:] != kinds[:-1]]) if len(kinds) else np.zeros(0, int)
            rank = np.arange(len(kinds)) - np.repeat(starts, np.diff(np.r_[starts, len(kinds)]))
            turns[in_kind[np.lexsort((digests[in_kind], rank))]] = np.arange(len(in_kind))
        # Striking and other notes take turns.
        return places[np.lexsort((~striking, turns))].tolist()


def _digest(place: int) -> int:
    return int.from_bytes(hashlib.blake2b(place.to_bytes(8), digest_size=8).digest())
