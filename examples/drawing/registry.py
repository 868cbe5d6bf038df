"""The list of pictures: file name, size, background and the function that fills it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .canvas import Canvas

Painter = Callable[[Canvas], None]


@dataclass(frozen=True)
class Picture:
    name: str
    w: int
    h: int
    top: str
    bottom: str | None
    region: str
    paint: Painter

    def draw(self) -> Canvas:
        canvas = Canvas(self.w, self.h, self.top, self.bottom, self.region)
        self.paint(canvas)
        return canvas


PICTURES: dict[str, Picture] = {}


def picture(
    name: str, w: int, h: int, top: str, bottom: str | None = None, region: str = "sc"
) -> Callable[[Painter], Painter]:
    """Register the decorated function as the painter of `name`."""

    def keep(paint: Painter) -> Painter:
        PICTURES[name] = Picture(name, w, h, top, bottom, region, paint)
        return paint

    return keep
