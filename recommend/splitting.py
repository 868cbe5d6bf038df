"""Clicks to learn from and clicks to be measured on."""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recommend.clicks import Clicks
from recommend.records import RecommendError

SplitBy = Literal["time", "note", "both", "none"]
SPLITS: tuple[SplitBy, ...] = ("time", "note", "both", "none")


@dataclass(frozen=True, kw_only=True)
class Split:
    """Training and test clicks over the same notes."""

    train: Clicks
    test: Clicks
    by: SplitBy
    cut: int | None
    """Milliseconds since 1970-01-01 UTC: training clicks are earlier; None: not divided by time."""
    held_out: NDArray[np.bool_]
    """Which notes are held out, shape (n,): no pair with them is trained on; all false when not divided by note."""

    @property
    def seen(self) -> NDArray[np.int64]:
        """Users who clicked each note in training, shape (n,); 0: the note is cold."""
        return self.train.popularity


def split(clicks: Clicks, by: SplitBy = "time", *, share: float = 0.2, seed: int = 0) -> Split:
    """Divide clicks.

    time: the latest `share` of the clicks is for the test; one moment divides those of all users. Training knows
        nothing of what happened later, by nobody. A user's click on a note is in one part only, the part of the first
        one. What both parts have in common: notes, users, and pairs that users found together before and after, so a
        model may remember a pair of warm notes instead of reading them. Cold notes cannot be remembered.
    note: `share` of the notes, by a hash of the id, is for the test; training sees no click on them, at any time. No
        note, and so no pair, is in both parts. What both have in common: users and time; a fashion of the test's days
        may be learned from other notes of the same days.
    both: training sees earlier clicks on training notes, the test later ones on test notes. Nothing is in common but
        users. Clicks that are neither are left out.
    none: the same clicks in both parts: only for methods that learn nothing from clicks.

    Args:
        clicks: Of everybody.
        by: What divides.
        share: For the test, 0 to 1: of the clicks, of the notes, or of each.
        seed: Of the hash of ids.

    Raises:
        RecommendError: a part is empty, or clicks without a time are to be divided by time.
    """
    total = len(clicks.ids)
    held_out = np.zeros(total, dtype=np.bool_)
    later = np.ones(len(clicks), dtype=np.bool_)
    cut = None
    if by == "none":
        return Split(train=clicks, test=clicks, by=by, cut=None, held_out=held_out)
    if by in ("time", "both"):
        unknown = int((clicks.times < 0).sum())
        if unknown:
            raise RecommendError(
                f"{unknown:,} of {len(clicks):,} clicks have no timestamp and cannot be divided by time; "
                "divide by note: --split note"
            )
        cut = int(np.quantile(clicks.times, 1 - share, method="higher"))
        later = clicks.times >= cut
    if by in ("note", "both"):
        held_out = np.fromiter(
            (is_held_out(id, share=share, seed=seed) for id in clicks.ids), dtype=np.bool_, count=total
        )
    of_test = held_out[clicks.notes] if by in ("note", "both") else later
    test = clicks.of(of_test & later)
    train = clicks.of(~of_test & ~later if by == "both" else ~of_test)
    if not len(train) or not len(test):
        raise RecommendError(
            f"--split {by} with --test-share {share:g} leaves {len(train):,} clicks to learn from and {len(test):,} to "
            "measure on; both must be there: choose another share or another --split"
        )
    return Split(train=train, test=test, by=by, cut=cut, held_out=held_out)


def is_held_out(id: str, *, share: float = 0.2, seed: int = 0) -> bool:
    """Whether `note` and `both` hold the note out; the same wherever and with whatever notes it stands."""
    digest = hashlib.blake2b(f"{seed}\n{id}".encode("utf-8", "surrogatepass"), digest_size=7).digest()
    return int.from_bytes(digest) < share * (1 << 56)
