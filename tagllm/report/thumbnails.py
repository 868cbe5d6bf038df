"""Small pictures for the page, as `data:` addresses; opened only through the picture store."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from notes.pictures import PicturePolicy, PictureStore
from notes.records import PictureRecord

_SIDES = ((400, 480), (1_500, 320), (5_000, 220))
"""Pictures up to this number get thumbnails with this longer side, in pixels."""
_SMALLEST = 150
_QUALITY = 60
MOST_PER_NOTE = 9


class Thumbnails:
    """Makes thumbnails until their budget is spent.

    Args:
        root: The notes' folder; None: there are none to open.
        expected: Pictures that may be asked for; the more, the smaller each.
        budget: Bytes of all `data:` addresses.
    """

    def __init__(self, root: Path | None, *, expected: int, budget: int) -> None:
        side = next((side for most, side in _SIDES if expected <= most), _SMALLEST)
        self._store = PictureStore(root, policy=PicturePolicy(max_side=side), keep=2) if root is not None else None
        self._left = budget
        self.made = 0

    def of(self, pictures: Sequence[PictureRecord], refs: Sequence[str]) -> dict[int, str]:
        """Addresses by number of picture; only for files that are still the ones the run saw, if it saw them.

        Args:
            pictures: As the run saw them.
            refs: The note's references, which records hold cut.
        """
        found: dict[int, str] = {}
        for record in pictures[:MOST_PER_NOTE]:
            if record.refused is not None or not 0 < record.number <= len(refs):
                continue
            address = self._address(refs[record.number - 1], record.digest)
            if address:
                found[record.number] = address
        return found

    def _address(self, ref: str, digest: str) -> str:
        if self._store is None or self._left <= 0:
            return ""
        picture = self._store.open(ref)
        if picture.image is None or digest not in ("", picture.digest):
            return ""
        buffer = io.BytesIO()
        picture.image.save(buffer, "WEBP", quality=_QUALITY, method=4)
        address = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        if len(address) > self._left:
            self._left = 0
            return ""
        self._left -= len(address)
        self.made += 1
        return address
