"""Which ids are done, for millions of them: eight bytes of each id's digest, not the id."""

import hashlib
from array import array
from collections.abc import Iterator


def identity(text: str) -> int:
    """64 bits of a digest; two of a million ids share theirs with a probability of 3 in 100 million."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


class Identities:
    """A set of identities in 12 to 24 bytes each; a set of integers takes 70 to 100."""

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 * 1024))  # 0: free
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, identity: int) -> bool:
        return self._table[self._place(identity)] != 0

    def __iter__(self) -> Iterator[int]:
        return (found for found in self._table if found)

    def add(self, identity: int) -> bool:
        """Whether it was new."""
        place = self._place(identity)
        if self._table[place]:
            return False
        self._table[place] = identity
        self._count += 1
        if 3 * self._count > 2 * len(self._table):
            self._grow()
        return True

    def _place(self, identity: int) -> int:
        """Where it stands, or the free place where it would."""
        table = self._table
        mask = len(table) - 1
        place = identity & mask
        while table[place] not in (0, identity):
            place = (place + 1) & mask
        return place

    def _grow(self) -> None:
        old = self._table
        self._table = array("Q", bytes(16 * len(old)))
        for found in old:
            if found:
                self._table[self._place(found)] = found
