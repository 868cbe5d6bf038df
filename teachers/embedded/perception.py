"""Reading pictures without a model of the world: the text in them, their colours, size and shape.

A picture is perceived once: what was found is kept under its digest, in memory and on disk.
"""

import asyncio
import functools
import logging
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from notes.pictures import Picture
from notes.records import Record
from teachers.store import JsonStore

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = "rapidocr-3.10/PP-OCRv6-small/min480/v1"
"""Part of every key: another way of perceiving never meets what this one found."""

OCR_PARAMS: dict[str, Any] = {
    # Measured over 515 pictures against RapidOCR's defaults (benchmarks/pictures.py): a quarter of the cost, text on
    # more of them. The default enlarges every picture until its shorter side has 736 pixels, pads every line of text
    # to 320, and looks for lines that stand on their head.
    "Det.limit_type": "min",
    "Det.limit_side_len": 480,
    "Det.box_thresh": 0.4,
    "Det.unclip_ratio": 1.8,
    "Rec.rec_batch_num": 1,
    "Rec.rec_img_shape": [3, 48, 48],
    "Global.text_score": 0.45,
    "Global.use_cls": False,
    "Global.log_level": "critical",
    # One thread a picture and as many pictures at once as there are workers beats the other way round by a third.
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
}
WORKERS = 2
MAX_RATIO = 4
"""A longer strip is padded to this: the reader enlarges by the shorter side."""


class Line(Record):
    """A line of text in a picture."""

    text: str
    score: float
    """How sure the reader is, 0 to 1."""
    height: float
    """Of the letters, as a share of the picture's height: headlines are large."""


class Perception(Record):
    """What can be told of a picture without knowing the world."""

    lines: tuple[Line, ...]
    """From top to bottom."""
    colours: tuple[str, ...]
    """Names of the dominant colours, largest area first."""
    shape: str
    """`portrait`, `landscape`, `square` or `panorama`."""

    @property
    def text(self) -> str:
        """All text, a line each."""
        return "\n".join(line.text for line in self.lines)


class Perceiver:
    """Perceives pictures, several at a time, each once.

    Args:
        store: Keeps perceptions on disk; None: in memory only.
        keep: Perceptions kept in memory.
    """

    def __init__(self, store: JsonStore | None = None, *, keep: int = 4096) -> None:
        self.perceived = 0
        """Pictures that were really looked at, not found in memory or on disk."""
        self._store = store
        self._keep = keep
        self._known: OrderedDict[str, Future[Perception]] = OrderedDict()
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    async def aperceive(self, picture: Picture) -> Perception:
        """What is in an opened picture.

        Raises:
            ValueError: the picture was refused.
        """
        # Shielded: others may wait for the same picture when this task is cancelled.
        return await asyncio.shield(asyncio.wrap_future(self._submit(picture)))

    def perceive(self, picture: Picture) -> Perception:
        """As `aperceive`, for code without an event loop."""
        return self._submit(picture).result()

    def _submit(self, picture: Picture) -> "Future[Perception]":
        if picture.image is None:
            raise ValueError(f"{picture.ref}: refused, there is nothing to perceive")
        key = f"{VERSION}:{picture.policy}:{picture.digest}"
        with self._lock:
            future = self._known.get(key)
            if future is None:
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="tagllm-perception")
                future = self._known[key] = self._pool.submit(self._look_up, key, picture.image)
                while len(self._known) > self._keep:
                    self._known.popitem(last=False)
            else:
                self._known.move_to_end(key)
        return future

    def _look_up(self, key: str, image: "Image") -> Perception:
        found = self._store.get(key) if self._store is not None else None
        if found is not None:
            return Perception(**found)
        with self._lock:
            self.perceived += 1
        try:
            perception = look_at(image)
        except BaseException:
            with self._lock:
                self._known.pop(key, None)  # the next call tries again
            raise
        if self._store is not None:
            self._store.set(key, perception.model_dump(mode="json"))
        return perception


def look_at(image: "Image") -> Perception:
    """Perceive an RGB picture now, in this thread."""
    width, height = image.size
    ratio = width / height
    shape = "panorama" if ratio > 2 or ratio < 0.4 else "portrait" if ratio < 0.9 else "landscape"
    if 0.9 <= ratio <= 1.1:
        shape = "square"
    return Perception(lines=read_text(image), colours=dominant_colours(image), shape=shape)


def read_text(image: "Image") -> tuple[Line, ...]:
    """Lines of text in a picture, from top to bottom; none in a picture too small for letters."""
    from PIL import ImageOps

    if min(image.size) < 12:
        return ()
    least = max(image.size) // MAX_RATIO
    if min(image.size) < least:
        image = ImageOps.pad(
            image, (max(image.width, least), max(image.height, least)), color="white", centering=(0, 0)
        )
    # Blue first, as OpenCV has it. One reader serves all workers; it is never given options per call, which would stay.
    result = _reader()(np.ascontiguousarray(np.asarray(image)[:, :, ::-1]))
    texts, scores, boxes = (getattr(result, name, None) for name in ("txts", "scores", "boxes"))
    if texts is None or scores is None or boxes is None:
        return ()
    lines = []
    for text, score, box in zip(texts, scores, boxes, strict=True):
        if text.strip():
            tall = float(np.linalg.norm(np.asarray(box[3]) - np.asarray(box[0]))) / image.height
            lines.append(Line(text=text.strip()[:300], score=round(float(score), 3), height=round(tall, 4)))
    return tuple(lines[:200])


@functools.cache
def _reader() -> Any:
    from rapidocr import RapidOCR

    reader = RapidOCR(params=OCR_PARAMS)
    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)  # its constructor resets the level
    return reader


_PALETTE = {
    "black": (20, 20, 20), "dark grey": (80, 80, 80), "grey": (145, 145, 145), "light grey": (205, 205, 205),
    "white": (248, 248, 248), "red": (205, 40, 40), "dark red": (115, 20, 30), "orange": (240, 140, 40),
    "brown": (120, 75, 40), "beige": (225, 205, 170), "yellow": (245, 215, 65), "olive": (125, 125, 45),
    "green": (60, 150, 65), "dark green": (25, 75, 45), "mint": (165, 220, 190), "teal": (30, 130, 135),
    "light blue": (150, 200, 235), "blue": (45, 105, 205), "navy": (20, 35, 85), "purple": (125, 65, 160),
    "lilac": (195, 170, 225), "pink": (240, 165, 190), "magenta": (205, 45, 125),
}  # fmt: skip


def dominant_colours(image: "Image", most: int = 3) -> tuple[str, ...]:
    """Names of the colours that cover the most, each at least an eighth of the picture."""
    small = image.resize((48, 48)).quantize(8).convert("RGB")
    pixels = np.asarray(small, dtype=np.float32).reshape(-1, 3)
    names = list(_PALETTE)
    # The eye's weights of red, green and blue, near enough for names.
    weights = np.sqrt(np.array([0.30, 0.59, 0.11], dtype=np.float32))
    palette = np.array(list(_PALETTE.values()), dtype=np.float32)
    distances = (((pixels[:, None] - palette[None]) * weights) ** 2).sum(2)
    counts = np.bincount(distances.argmin(1), minlength=len(names))
    best = np.argsort(-counts, kind="stable")[:most]
    return tuple(names[i] for i in best if counts[i] >= len(pixels) / 8) or (names[int(best[0])],)
