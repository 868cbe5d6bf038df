"""A small drawing surface: logical coordinates, 2x supersampling, CJK text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageFont

SCALE = 2
Box = tuple[float, float, float, float]
Point = tuple[float, float]

#: (regular, bold) pairs tried in order when no --font is given.
FONT_PAIRS: tuple[tuple[str, str], ...] = (
    (
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    ),
    (
        "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Bold.ttc",
    ),
    (
        "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
    ),
    ("/System/Library/Fonts/PingFang.ttc", "/System/Library/Fonts/PingFang.ttc"),
    ("/System/Library/Fonts/Hiragino Sans GB.ttc", "/System/Library/Fonts/Hiragino Sans GB.ttc"),
    ("C:/Windows/Fonts/msyh.ttc", "C:/Windows/Fonts/msyhbd.ttc"),
)

#: Face numbers inside the Noto Sans CJK collections.
FACES = {"sc": 2, "tc": 4}

NO_FONT = (
    "No font with Chinese characters was found.\n"
    "Install one, for instance:\n"
    "  Debian/Ubuntu  sudo apt-get install fonts-noto-cjk\n"
    "  Fedora         sudo dnf install google-noto-sans-cjk-fonts\n"
    "  Arch           sudo pacman -S noto-fonts-cjk\n"
    "or name a font file:  python examples/draw.py --font /path/to/NotoSansCJK-Regular.ttc"
)

_fonts: tuple[str, str] | None = None


class FontError(RuntimeError):
    """There is no usable CJK font."""


def use_font(path: Path | None = None) -> tuple[str, str]:
    """Choose the regular and bold font files; `path` overrides the search."""
    global _fonts
    if path is not None:
        if not path.is_file():
            raise FontError(f"{path} is not a file.\n{NO_FONT}")
        bold = path.with_name(path.name.replace("Regular", "Bold"))
        _fonts = (str(path), str(bold if bold.is_file() else path))
    else:
        for pair in FONT_PAIRS:
            if all(Path(p).is_file() for p in pair):
                _fonts = pair
                break
        else:
            raise FontError(NO_FONT)
    font.cache_clear()
    return _fonts


@lru_cache(maxsize=256)
def font(size: int, bold: bool, region: str) -> ImageFont.FreeTypeFont:
    """The font at a pixel size (supersampled pixels)."""
    path = (_fonts or use_font())[1 if bold else 0]
    face = FACES.get(region, 0) if "CJK" in Path(path).name else 0
    try:
        return ImageFont.truetype(path, size, index=face)
    except OSError:
        return ImageFont.truetype(path, size)


def mix(a: str, b: str, t: float) -> str:
    """The colour `t` of the way from `a` to `b`."""
    x, y = ImageColor.getrgb(a), ImageColor.getrgb(b)
    return "#" + "".join(f"{round(p + (q - p) * t):02x}" for p, q in zip(x[:3], y[:3], strict=True))


def smooth(points: Sequence[Point], closed: bool, steps: int = 14) -> list[Point]:
    """Points along a Catmull-Rom curve through `points`."""
    pts = list(points)
    full = [pts[-1], *pts, pts[0], pts[1]] if closed else [pts[0], *pts, pts[-1]]
    out: list[Point] = []
    for p0, p1, p2, p3 in zip(full, full[1:], full[2:], full[3:], strict=False):
        for i in range(steps):
            t = i / steps
            a, b = t * t, t * t * t
            w = (-t + 2 * a - b, 2 - 5 * a + 3 * b, t + 4 * a - 3 * b, b - a)
            quad = (p0, p1, p2, p3)
            x = 0.5 * sum(k * p[0] for k, p in zip(w, quad, strict=True))
            y = 0.5 * sum(k * p[1] for k, p in zip(w, quad, strict=True))
            out.append((x, y))
    if not closed:
        out.append(pts[-1])
    return out


class Canvas:
    """An RGB picture drawn at twice its size and reduced when saved."""

    def __init__(self, w: int, h: int, top: str, bottom: str | None = None, region: str = "sc") -> None:
        self.w, self.h, self.region = w, h, region
        self.image = Image.new("RGB", (w * SCALE, h * SCALE), top)
        self.pen = ImageDraw.Draw(self.image, "RGBA")
        if bottom:
            self.gradient((0, 0, w, h), top, bottom)

    # -- areas -----------------------------------------------------------
    @staticmethod
    def _px(values: Sequence[float]) -> list[int]:
        return [round(v * SCALE) for v in values]

    def _mask(self, box: Box, radius: float, strength: int = 255) -> Image.Image:
        mask = Image.new("L", self.image.size, 0)
        ImageDraw.Draw(mask).rounded_rectangle(self._px(box), round(radius * SCALE), fill=strength)
        return mask

    def gradient(self, box: Box, top: str, bottom: str, across: bool = False, radius: float = 0) -> None:
        """Fill a box with a two-colour gradient (downwards, or left to right)."""
        x0, y0, x1, y1 = self._px(box)
        size = (max(1, x1 - x0), max(1, y1 - y0))
        ramp = Image.linear_gradient("L")
        if across:
            ramp = ramp.transpose(Image.Transpose.ROTATE_90)
        ramp = ramp.resize(size, Image.Resampling.BICUBIC)
        fill = Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)
        if radius:
            self.image.paste(fill, (x0, y0), self._mask(box, radius).crop((x0, y0, x1, y1)))
        else:
            self.image.paste(fill, (x0, y0))

    def rect(self, box: Box, fill: str | None, radius: float = 0, edge: str | None = None, width: float = 0) -> None:
        self.pen.rounded_rectangle(self._px(box), round(radius * SCALE), fill, edge, round(width * SCALE))

    def oval(self, box: Box, fill: str | None, edge: str | None = None, width: float = 0) -> None:
        self.pen.ellipse(self._px(box), fill, edge, round(width * SCALE))

    def disc(self, x: float, y: float, r: float, fill: str | None, edge: str | None = None, width: float = 0) -> None:
        self.oval((x - r, y - r, x + r, y + r), fill, edge, width)

    def pie(self, box: Box, start: float, end: float, fill: str) -> None:
        self.pen.pieslice(self._px(box), start, end, fill)

    def arc(self, box: Box, start: float, end: float, fill: str, width: float) -> None:
        self.pen.arc(self._px(box), start, end, fill, round(width * SCALE))

    def poly(self, points: Sequence[Point], fill: str) -> None:
        self.pen.polygon([(x * SCALE, y * SCALE) for x, y in points], fill)

    def blob(self, points: Sequence[Point], fill: str) -> None:
        """A closed smooth shape."""
        self.poly(smooth(points, True), fill)

    def line(self, points: Sequence[Point], fill: str, width: float = 2) -> None:
        w = max(1, round(width * SCALE))
        self.pen.line([(x * SCALE, y * SCALE) for x, y in points], fill, w, "curve")
        if width >= 4 and len(fill) == 7:
            for x, y in (points[0], points[-1]):
                self.disc(x, y, width / 2, fill)

    def curve(self, points: Sequence[Point], fill: str, width: float = 2) -> None:
        """An open smooth line."""
        self.line(smooth(points, False), fill, width)

    # -- light -----------------------------------------------------------
    def glow(self, x: float, y: float, r: float, colour: str, strength: float = 0.6) -> None:
        """A soft round light."""
        r *= 1.15
        size = max(2, round(r * 2 * SCALE))
        fade = [int(255 * max(0.0, 1 - v / 180) ** 1.5 * strength) for v in range(256)]
        mask = Image.radial_gradient("L").point(fade)
        mask = mask.resize((size, size), Image.Resampling.BICUBIC)
        at = (round((x - r) * SCALE), round((y - r) * SCALE))
        self.image.paste(Image.new("RGB", mask.size, colour), at, mask)

    def shadow(self, box: Box, radius: float = 20, blur: float = 14, dy: float = 10, alpha: float = 0.3) -> None:
        """A blurred shadow under a rounded box."""
        x0, y0, x1, y1 = box
        mask = Image.new("L", (self.w, self.h), 0)
        ImageDraw.Draw(mask).rounded_rectangle(
            [round(v) for v in (x0, y0 + dy, x1, y1 + dy)], round(radius), fill=round(255 * alpha)
        )
        mask = mask.filter(ImageFilter.GaussianBlur(blur)).resize(self.image.size)
        self.image.paste(Image.new("RGB", self.image.size, "#1a1420"), (0, 0), mask)

    # -- text ------------------------------------------------------------
    def width(self, s: str, size: float, bold: bool = False) -> float:
        return font(round(size * SCALE), bold, self.region).getlength(s) / SCALE

    def text(
        self,
        x: float,
        y: float,
        s: str,
        size: float,
        fill: str = "#ffffff",
        bold: bool = False,
        anchor: str = "lm",
        fit: float | None = None,
    ) -> float:
        """One line of text; `fit` shrinks it to a width. Returns its width."""
        while fit and size > 28 and self.width(s, size, bold) > fit:
            size -= 1
        face = font(round(size * SCALE), bold, self.region)
        self.pen.text((x * SCALE, y * SCALE), s, fill, face, anchor=anchor)
        return face.getlength(s) / SCALE

    def lines(
        self,
        x: float,
        y: float,
        rows: Sequence[str],
        size: float,
        fill: str = "#ffffff",
        bold: bool = False,
        anchor: str = "lm",
        gap: float = 1.3,
        fit: float | None = None,
    ) -> float:
        """Several lines; returns the y of the line that would come next."""
        for row in rows:
            self.text(x, y, row, size, fill, bold, anchor, fit)
            y += size * gap
        return y

    def pill(self, x: float, y: float, s: str, size: float, fill: str, back: str, centre: bool = False) -> Box:
        """A rounded label; (x, y) is its left middle, or its centre."""
        w = self.width(s, size, True) + size * 1.3
        x0 = x - w / 2 if centre else x
        box = (x0, y - size * 0.9, x0 + w, y + size * 0.9)
        self.rect(box, back, size * 0.9)
        self.text(x0 + w / 2, y, s, size, fill, True, "mm")
        return box

    def save(self, path: Path) -> None:
        """Reduce and write; the kind of file follows the name's ending."""
        out = self.image.resize((self.w, self.h), Image.Resampling.LANCZOS)
        if path.suffix == ".png":
            out = out.quantize(160, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            out.save(path, optimize=True)
        elif path.suffix == ".webp":
            out.save(path, quality=85, method=6)
        else:
            out.save(path, quality=85, optimize=True)
