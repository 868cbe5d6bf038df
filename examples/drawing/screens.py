"""Covers, cards, charts, plans and phone screens."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import ImageColor

from .canvas import Canvas, Point, mix

INK = "#2b2733"
GREY = "#77727f"


def headline(
    c: Canvas, y: float, rows: Sequence[str], size: float, fill: str = "#ffffff", back: str | None = None
) -> None:
    """Big centred title lines, with a soft dark edge or a band behind them."""
    for row in rows:
        s = size
        while c.width(row, s, True) > c.w - 80 and s > 28:
            s -= 1
        if back:
            w = c.width(row, s, True)
            c.rect((c.w / 2 - w / 2 - 24, y - s * 0.68, c.w / 2 + w / 2 + 24, y + s * 0.72), back, 14)
        elif sum(ImageColor.getrgb(fill)[:3]) > 480:
            for dx, dy in ((0, 4), (2, 3), (-2, 3)):
                c.text(c.w / 2 + dx, y + dy, row, s, "#1a142055", True, "mm")
        c.text(c.w / 2, y, row, s, fill, True, "mm")
        y += s * (1.55 if back else 1.25)


def label(c: Canvas, x: float, y: float, rows: Sequence[str], w: float, paper: str = "#fffdf8") -> None:
    """A product sticker: a bold first line, then plain lines."""
    h = 46 + 46 * len(rows)
    c.shadow((x, y, x + w, y + h), 12, 10, 8, 0.28)
    c.rect((x, y, x + w, y + h), paper, 12)
    for i, row in enumerate(rows):
        c.text(x + 26, y + 46 + 46 * i, row, 36 if i == 0 else 30, INK if i == 0 else "#57525f", i == 0, fit=w - 52)


def card(c: Canvas, box: tuple[float, float, float, float], fill: str = "#ffffff", radius: float = 28) -> None:
    c.shadow(box, radius, 18, 12, 0.18)
    c.rect(box, fill, radius)


def phone(c: Canvas, title: str, rows: Sequence[tuple[str, str]], accent: str, dark: bool = False) -> None:
    """A settings screen; the values "on" and "off" become switches."""
    paper, ink = ("#1c1d24", "#f2f0f5") if dark else ("#ffffff", INK)
    ground = "#101116" if dark else "#f1f2f6"
    c.rect((0, 0, c.w, c.h), ground)
    c.text(40, 44, "21:47", 30, ink, True)
    c.rect((c.w - 96, 30, c.w - 44, 56), None, 8, ink, 3)
    c.rect((c.w - 91, 35, c.w - 66, 51), accent, 4)
    c.text(40, 126, title, 52, ink, True, fit=c.w - 80)
    top, step = 184.0, min(98.0, (c.h - 224) / len(rows))
    c.rect((28, top, c.w - 28, top + step * len(rows)), paper, 26)
    for i, (name, value) in enumerate(rows):
        y = top + step * (i + 0.5)
        c.text(58, y, name, 33, ink)
        if value in ("on", "off"):
            on = value == "on"
            c.rect((c.w - 138, y - 24, c.w - 56, y + 24), accent if on else "#b9bac4", 24)
            c.disc(c.w - 80 if on else c.w - 114, y, 19, "#ffffff")
        else:
            c.text(c.w - 58, y, value, 33, accent, True, "rm")
        if i:
            c.line([(58, y - step / 2), (c.w - 28, y - step / 2)], "#2d2f39" if dark else "#e7e7ee", 2)


def receipt(c: Canvas, title: str, rows: Sequence[tuple[str, str]], total: tuple[str, str], note: str = "") -> None:
    """A paper receipt with a torn edge in the middle of the picture."""
    x0, x1, top = 70.0, c.w - 70.0, 60.0
    bottom = c.h - 70.0
    c.shadow((x0, top, x1, bottom), 4, 20, 14, 0.3)
    teeth: list[Point] = [(x0, top), (x1, top)]
    n = 24
    for i in range(n + 1):
        teeth.append((x1 - (x1 - x0) * i / n, bottom - (14 if i % 2 else 0)))
    c.poly(teeth, "#fffdf6")
    c.text(c.w / 2, top + 68, title, 46, INK, True, "mm", x1 - x0 - 60)
    step = min(104.0, (bottom - top - 330) / len(rows))
    y = top + 150
    c.line([(x0 + 34, y - 36), (x1 - 34, y - 36)], "#c9c3b8", 3)
    for name, price in rows:
        c.text(x0 + 36, y, name, 34, "#4a4552", fit=x1 - x0 - 210)
        c.text(x1 - 36, y, price, 34, INK, True, "rm")
        y += step
    c.line([(x0 + 34, y - 22), (x1 - 34, y - 22)], "#c9c3b8", 3)
    c.text(x0 + 36, y + 32, total[0], 40, INK, True)
    c.text(x1 - 36, y + 32, total[1], 46, "#c8452f", True, "rm")
    if note:
        c.text(c.w / 2, min(bottom - 50, y + 108), note, 30, GREY, False, "mm", x1 - x0 - 60)


def bars(c: Canvas, title: str, data: Sequence[tuple[str, float, str]], colours: Sequence[str], sub: str = "") -> None:
    """A bar chart with a value on every bar."""
    c.text(56, 78, title, 46, INK, True, fit=c.w - 112)
    if sub:
        c.text(56, 134, sub, 30, GREY, fit=c.w - 112)
    base, top = c.h - 110.0, 230.0
    peak = max(v for _, v, _ in data)
    step = (c.w - 112) / len(data)
    for i in range(4):
        y = base - (base - top) * i / 3
        c.line([(56, y), (c.w - 56, y)], "#00000018", 2)
    for i, (name, value, shown) in enumerate(data):
        x, h = 56 + step * (i + 0.5), max(8, (base - top) * value / peak)
        colour = colours[i % len(colours)]
        c.gradient((x - step * 0.3, base - h, x + step * 0.3, base), mix(colour, "#ffffff", 0.15), colour, radius=10)
        c.text(x, base - h - 30, shown, 34, INK, True, "mm", step - 4)
        c.text(x, base + 42, name, 30, "#4a4552", False, "mm", step - 4)


def chart(
    c: Canvas, title: str, xs: Sequence[str], ys: Sequence[float], shown: Sequence[str], colour: str, sub: str = ""
) -> None:
    """A line chart with a shaded area; empty strings in `shown` are skipped."""
    c.text(56, 78, title, 46, INK, True, fit=c.w - 112)
    if sub:
        c.text(56, 134, sub, 30, GREY, fit=c.w - 112)
    base, top, left, right = c.h - 110.0, 250.0, 90.0, c.w - 90.0
    low, high = min(ys), max(ys)
    pts = [
        (left + (right - left) * i / (len(ys) - 1), base - 60 - (base - 60 - top) * (y - low) / (high - low))
        for i, y in enumerate(ys)
    ]
    for i in range(4):
        y = base - (base - top) * i / 3
        c.line([(56, y), (c.w - 56, y)], "#00000018", 2)
    c.poly([*pts, (right, base), (left, base)], f"{colour}30")
    c.line(pts, colour, 7)
    for (x, y), name, value in zip(pts, xs, shown, strict=True):
        c.disc(x, y, 12, "#ffffff", colour, 5)
        if value:
            c.text(min(x + 18, right), y - 42, value, 32, INK, True, "mm")
        c.text(x, base + 42, name, 30, "#4a4552", False, "mm")


def table(
    c: Canvas,
    title: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[float],
    colour: str,
    size: float = 31,
) -> None:
    """A table in a card; `widths` are shares of the width."""
    c.text(c.w / 2, 84, title, 48, INK, True, "mm", c.w - 90)
    x0, x1, y0 = 36.0, c.w - 36.0, 146.0
    step = min(104.0, (c.h - y0 - 46) / (len(rows) + 1))
    card(c, (x0, y0, x1, y0 + step * (len(rows) + 1)), "#ffffff", 22)
    c.rect((x0, y0, x1, y0 + step), colour, 22)
    c.rect((x0, y0 + step - 24, x1, y0 + step), colour)
    for i, row in enumerate([head, *rows]):
        x, y = x0, y0 + step * (i + 0.5)
        if i and i % 2 == 0:
            c.rect((x0, y - step / 2, x1, y + step / 2), f"{colour}14", 22 if i == len(rows) else 0)
        for j, cell in enumerate(row):
            w = (x1 - x0) * widths[j] / sum(widths)
            ink = "#ffffff" if i == 0 else (INK if j == 0 else "#4a4552")
            c.text(x + 20, y, cell, size, ink, i == 0 or j == 0, fit=w - 26)
            x += w


def board(c: Canvas, title: str, rows: Sequence[tuple[str, str]], foot: str) -> None:
    """A chalk menu board."""
    x0, y0, x1, y1 = 70.0, 80.0, c.w - 70.0, c.h - 120.0
    c.shadow((x0, y0, x1, y1), 16, 22, 16, 0.4)
    c.rect((x0, y0, x1, y1), "#9a6a43", 16)
    c.gradient((x0 + 20, y0 + 20, x1 - 20, y1 - 20), "#34403c", "#28312f", radius=6)
    c.text(c.w / 2, y0 + 96, title, 60, "#fff6df", True, "mm", x1 - x0 - 90)
    c.curve([(x0 + 130, y0 + 148), (c.w / 2, y0 + 156), (x1 - 130, y0 + 146)], "#f2c879", 5)
    step = (y1 - y0 - 290) / len(rows)
    for i, (name, price) in enumerate(rows):
        y = y0 + 200 + step * (i + 0.5)
        c.text(x0 + 60, y, name, 36, "#f3efe4", fit=x1 - x0 - 230)
        c.text(x1 - 60, y, price, 38, "#f2c879", True, "rm")
    c.text(c.w / 2, y1 - 62, foot, 30, "#b9c8bf", False, "mm", x1 - x0 - 90)


def route(c: Canvas, title: str, days: Sequence[tuple[str, str, Sequence[str]]]) -> None:
    """A map-like plan: a coast, a grid of streets, and one coloured route per day."""
    c.rect((0, 0, c.w, c.h), "#eef0e6")
    for i in range(9):
        c.line([(0, 150 + i * 96), (c.w, 100 + i * 104)], "#ffffff", 9)
        c.line([(i * 100 - 40, 0), (i * 88 + 30, c.h)], "#ffffff", 9)
    for x, y, r in ((140, 330, 74), (600, 250, 90), (330, 560, 60)):
        c.blob([(x - r, y), (x, y - r * 0.8), (x + r * 1.2, y - 10), (x + 20, y + r * 0.8)], "#cfe3b8")
    c.blob(
        [
            (c.w + 90, c.h * 0.42),
            (c.w * 0.72, c.h * 0.55),
            (c.w * 0.52, c.h * 0.82),
            (c.w * 0.2, c.h + 90),
            (c.w + 100, c.h + 100),
        ],
        "#b6dcec",
    )
    c.rect((0, 0, c.w, 118), "#2b3a67")
    c.text(40, 60, title, 46, "#ffffff", True, fit=c.w - 80)
    y = 200.0
    for i, (day, colour, stops) in enumerate(days):
        pts = [(90 + (40 if j % 2 else 0) + i * 30, y + 72 + j * 66) for j in range(len(stops))]
        c.pill(56, y, day, 32, "#ffffff", colour)
        c.curve(pts, colour, 9)
        for (x, py), stop in zip(pts, stops, strict=True):
            c.disc(x, py, 16, "#ffffff", colour, 7)
            w = c.width(stop, 30, True)
            c.rect((x + 28, py - 26, x + 52 + w, py + 26), "#ffffffe6", 12)
            c.text(x + 40, py, stop, 30, INK, True)
        y += 90 + 66 * len(stops)
