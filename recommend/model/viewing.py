"""Pictures as a base that sees takes them: tokens in the prompt, and the pixels that stand behind these."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from notes.pictures import PicturePolicy
from notes.records import Note
from recommend.pictures import NotePictures
from recommend.records import RecommendError

if TYPE_CHECKING:
    from PIL.Image import Image

_PROBE = "PROBE"
_OF_TOKENS = frozenset(("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"))
"""What a processor says of tokens: it is made anew for the whole prompt."""


class View(NamedTuple):
    """A note's pictures as a base takes them."""

    ids: tuple[int, ...]
    """Tokens, those around a picture among them."""
    pixels: dict[str, Any]
    """Tensors by the name that the base knows them by, such as `pixel_values`."""


class Viewer:
    """Shows a base the first pictures of a note.

    Args:
        processor: Of the base.
        pictures: Opens them.
        most: Of a note, at most.

    Raises:
        RecommendError: the processor does not say what stands for a picture.
    """

    def __init__(self, processor: Any, pictures: NotePictures, most: int) -> None:
        self._processor = processor
        self._most = most
        self._form = _form(processor)
        if not self._form:
            raise RecommendError(
                "--pictures: neither the base's chat template nor its processor says what stands for a picture in a "
                "text; choose another base"
            )
        self.pictures = pictures

    def view(self, note: Note) -> View | None:
        """A note's pictures; None: it has none that can be opened.

        Raises:
            RecommendError: the base takes no picture of such a shape.
        """
        images = self.pictures.of(note, self._most)
        try:
            return self.take(images) if images else None
        except ValueError as error:
            said = " ".join(str(error).split())[:200]
            raise RecommendError(f"the base does not take the pictures of {note.id[:80]!r}: {said}") from None

    def take(self, images: Sequence["Image"]) -> View:
        """Pictures, each in the form in which the base's chat template shows one."""
        found = self._processor(
            text=[self._form * len(images)], images=[list(images)], add_special_tokens=False, return_tensors="pt"
        )
        pixels = {name: value for name, value in found.items() if name not in _OF_TOKENS}
        return View(tuple(found["input_ids"][0].tolist()), pixels)

    @property
    def longest(self) -> int:
        """Tokens of as many pictures as a note is shown with, each the largest square there can be."""
        return self._most * len(self.take([self.largest]).ids)

    @property
    def largest(self) -> "Image":
        """A white square of the largest size in which pictures are opened."""
        from PIL import Image

        side = PicturePolicy().max_side
        return Image.new("RGB", (side, side), "white")


def stacked(several: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The pixels of several notes as one batch, in their order; where sizes differ, zeros are put behind, as processors
    do."""
    import torch

    found: dict[str, Any] = {}
    for name in several[0] if several else ():
        parts = [one[name] for one in several]
        sizes = [max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)]
        wide = []
        for part in parts:
            behind = [more for size, had in zip(sizes, part.shape[1:], strict=True) for more in (size - had, 0)]
            wide.append(torch.nn.functional.pad(part, behind[::-1]))
        found[name] = torch.cat(wide)
    return found


def _form(processor: Any) -> str:
    """What stands for a picture in a text: what the chat template puts there, or without one the picture's token."""
    if not getattr(processor, "chat_template", None):
        return getattr(processor, "image_token", "")
    text = {"type": "text", "text": _PROBE}
    with_it, without = (
        processor.apply_chat_template([{"role": "user", "content": parts}], tokenize=False)
        for parts in ([{"type": "image"}, text], [text])
    )
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(with_it, without, strict=False))
    return with_it[len(list(alike)) : with_it.index(_PROBE)]
