"""Animals, food and goods."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from .canvas import Canvas, Point, mix


def at(x: float, y: float, k: float, points: Sequence[Point]) -> list[Point]:
    """`points` scaled by `k` and moved to (x, y)."""
    return [(x + px * k, y + py * k) for px, py in points]


def cat(c: Canvas, x: float, y: float, k: float, fur: str, stripe: str, old: bool = False) -> None:
    """A sitting cat; (x, y) is the middle of its feet."""
    tail = at(x, y, k, [(90, -20), (170, -40), (190, -120), (160, -170)])
    c.curve(tail, fur, 34 * k)
    c.blob(at(x, y, k, [(-100, 0), (-110, -110), (-60, -220), (60, -220), (110, -110), (100, 0), (0, 10)]), fur)
    c.blob(at(x, y, k, [(-44, -4), (-50, -100), (0, -170), (50, -100), (44, -4)]), mix(fur, "#ffffff", 0.6))
    hy = -290
    for side in (-1, 1):
        c.poly(at(x, y, k, [(side * 112, hy - 20), (side * 104, hy - 138), (side * 22, hy - 84)]), fur)
        c.poly(at(x, y, k, [(side * 98, hy - 40), (side * 94, hy - 108), (side * 44, hy - 78)]), "#f2b8b0")
    c.oval((x - 122 * k, y + (hy - 98) * k, x + 122 * k, y + (hy + 98) * k), fur)
    for dx in (-30, 0, 30):
        c.line(at(x, y, k, [(dx, hy - 92 + abs(dx) * 0.2), (dx * 0.8, hy - 54)]), stripe, 9 * k)
    c.oval((x - 60 * k, y + (hy + 10) * k, x + 60 * k, y + (hy + 92) * k), mix(fur, "#ffffff", 0.7))
    for side in (-1, 1):
        ex, ey = x + side * 54 * k, y + (hy - 8) * k
        if old:
            c.arc((ex - 26 * k, ey - 14 * k, ex + 26 * k, ey + 24 * k), 20, 160, "#4a3530", 7 * k)
        else:
            c.disc(ex, ey, 28 * k, "#f6d878")
            c.oval((ex - 13 * k, ey - 24 * k, ex + 13 * k, ey + 24 * k), "#2a211f")
            c.disc(ex + 6 * k, ey - 10 * k, 7 * k, "#ffffff")
        for dy in (-6, 8, 22):
            whisker = [(side * 56, hy + 44 + dy * 0.4), (side * 160, hy + 34 + dy * 1.6)]
            c.line(at(x, y, k, whisker), "#fffaf0", 3 * k)
    c.poly(at(x, y, k, [(-14, hy + 26), (14, hy + 26), (0, hy + 42)]), "#e0817a")
    for side in (-1, 1):
        left = min(0, side * 30)
        c.arc((x + left * k, y + (hy + 34) * k, x + (left + 30) * k, y + (hy + 62) * k), 10, 170, "#6b4a44", 4 * k)
        c.oval((x + (side * 48 - 34) * k, y - 34 * k, x + (side * 48 + 34) * k, y + 12 * k), mix(fur, "#ffffff", 0.75))


def dog(c: Canvas, x: float, y: float, k: float, fur: str, ears: str) -> None:
    """A corgi-like dog from the front; (x, y) is the middle of its feet."""
    c.blob(at(x, y, k, [(-120, 0), (-130, -120), (-80, -230), (80, -230), (130, -120), (120, 0), (0, 12)]), fur)
    c.blob(at(x, y, k, [(-70, 0), (-84, -110), (0, -220), (84, -110), (70, 0)]), "#fffaf2")
    for side in (-1, 1):
        c.blob(at(x, y, k, [(side * 40, -350), (side * 96, -480), (side * 138, -470), (side * 128, -330)]), ears)
        c.blob(at(x, y, k, [(side * 68, -360), (side * 104, -450), (side * 118, -440), (side * 108, -350)]), "#f3c0a8")
        c.oval((x + (side * 60 - 40) * k, y - 36 * k, x + (side * 60 + 40) * k, y + 14 * k), "#fffaf2")
    head = [(-134, -300), (-90, -400), (0, -420), (90, -400), (134, -300), (80, -214), (0, -192), (-80, -214)]
    c.blob(at(x, y, k, head), fur)
    c.blob(
        at(x, y, k, [(-18, -412), (18, -412), (34, -320), (84, -250), (0, -196), (-84, -250), (-34, -320)]), "#fffaf2"
    )
    for side in (-1, 1):
        c.disc(x + side * 62 * k, y - 322 * k, 19 * k, "#33231d")
        c.disc(x + (side * 62 + 6) * k, y - 329 * k, 6 * k, "#ffffff")
    c.oval((x - 30 * k, y - 288 * k, x + 30 * k, y - 250 * k), "#33231d")
    c.line(at(x, y, k, [(0, -252), (0, -236)]), "#33231d", 5 * k)
    c.pie((x - 34 * k, y - 262 * k, x + 34 * k, y - 206 * k), 10, 170, "#33231d")
    c.pie((x - 22 * k, y - 240 * k, x + 22 * k, y - 186 * k), 0, 180, "#f08a86")


def greyhound(c: Canvas, x: float, y: float, k: float, fur: str) -> None:
    """A greyhound asleep on a cushion."""
    c.shadow((x - 290 * k, y - 60 * k, x + 290 * k, y + 70 * k), 60, 18, 12, 0.3)
    c.rect((x - 300 * k, y - 70 * k, x + 300 * k, y + 80 * k), "#c97b5a", 70 * k)
    c.rect((x - 270 * k, y - 90 * k, x + 270 * k, y + 20 * k), "#e8b08a", 54 * k)
    c.curve(at(x, y, k, [(190, -50), (250, -20), (210, 20), (110, 24)]), mix(fur, "#000000", 0.15), 16 * k)
    body = [(-150, -20), (-130, -120), (-20, -170), (120, -160), (220, -90), (210, 0), (60, 24), (-80, 20)]
    c.blob(at(x, y, k, body), fur)
    c.blob(at(x, y, k, [(90, -70), (170, -120), (226, -60), (200, 6), (110, 10)]), mix(fur, "#000000", 0.08))
    c.curve(at(x, y, k, [(150, 6), (60, 20), (-30, 16)]), mix(fur, "#000000", 0.12), 30 * k)
    c.curve(at(x, y, k, [(-90, 6), (-150, 20), (-220, 22)]), mix(fur, "#ffffff", 0.12), 28 * k)
    head = [(-120, -90), (-160, -140), (-210, -130), (-300, -60), (-306, -34), (-270, -24), (-180, -30), (-110, -40)]
    c.blob(at(x, y, k, head), mix(fur, "#ffffff", 0.1))
    c.blob(at(x, y, k, [(-150, -130), (-110, -140), (-80, -90), (-120, -84)]), mix(fur, "#000000", 0.25))
    c.disc(x - 302 * k, y - 46 * k, 12 * k, "#2b2324")
    c.arc((x - 220 * k, y - 104 * k, x - 184 * k, y - 76 * k), 20, 160, "#2b2324", 5 * k)
    c.line(at(x, y, k, [(-120, -96), (-104, -26)]), "#2f7f86", 20 * k)


def bowl(c: Canvas, x: float, y: float, r: float, soup: str, noodles: bool = True, seed: int = 1) -> None:
    """A bowl from above."""
    rnd = random.Random(seed)
    c.shadow((x - r, y - r, x + r, y + r), r, 22, 22, 0.35)
    c.disc(x, y, r, "#34506b")
    c.disc(x, y, r * 0.94, "#f4efe6")
    c.disc(x, y, r * 0.84, soup)
    c.glow(x - r * 0.2, y - r * 0.25, r * 0.6, "#fff2c8", 0.35)
    if noodles:
        for i in range(30):
            a, b = rnd.uniform(0, 6.28), rnd.uniform(0.05, 0.5)
            cx, cy = x + math.cos(a) * r * b * 0.6, y + math.sin(a) * r * b * 0.6
            w = r * rnd.uniform(0.16, 0.4)
            start = rnd.uniform(0, 360)
            c.arc(
                (cx - w, cy - w, cx + w, cy + w),
                start,
                start + rnd.uniform(90, 230),
                ("#f7dc9c", "#eec678")[i % 2],
                r * 0.035,
            )
    else:
        for _ in range(18):
            a, b = rnd.uniform(0, 6.28), rnd.uniform(0.1, 0.6)
            cx, cy, w = x + math.cos(a) * r * b, y + math.sin(a) * r * b, r * rnd.uniform(0.11, 0.17)
            colour = rnd.choice(("#7c3a2a", "#8f4630", "#e4572e", "#f0b04a"))
            c.rect((cx - w, cy - w * 0.8, cx + w, cy + w * 0.8), mix(colour, "#3a1510", 0.3), w * 0.5)
            c.rect((cx - w, cy - w * 0.9, cx + w, cy + w * 0.6), colour, w * 0.5)
    for _ in range(26):
        a, b = rnd.uniform(0, 6.28), rnd.uniform(0.1, 0.75)
        cx, cy = x + math.cos(a) * r * b, y + math.sin(a) * r * b
        c.disc(cx, cy, r * 0.032, None, ("#5fa04e", "#88c46a")[rnd.randrange(2)], r * 0.014)


def egg(c: Canvas, x: float, y: float, r: float) -> None:
    c.oval((x - r, y - r * 0.8, x + r, y + r * 0.8), "#fffdf5")
    c.oval((x - r * 0.55, y - r * 0.45, x + r * 0.55, y + r * 0.45), "#f59b2d")
    c.oval((x - r * 0.3, y - r * 0.3, x + r * 0.05, y - r * 0.08), "#ffc46b")


def cup(c: Canvas, x: float, y: float, k: float, colour: str) -> None:
    """A cup on a saucer; (x, y) is the middle of its foot."""
    c.oval((x - 130 * k, y - 22 * k, x + 130 * k, y + 26 * k), "#00000033")
    c.oval((x - 126 * k, y - 34 * k, x + 126 * k, y + 14 * k), "#fffaf0")
    c.arc((x + 50 * k, y - 112 * k, x + 128 * k, y - 34 * k), 250, 110, colour, 16 * k)
    c.poly(at(x, y, k, [(-88, -136), (88, -136), (62, -14), (-62, -14)]), colour)
    c.oval((x - 62 * k, y - 26 * k, x + 62 * k, y - 2 * k), colour)
    c.oval((x - 88 * k, y - 156 * k, x + 88 * k, y - 116 * k), mix(colour, "#ffffff", 0.4))
    c.oval((x - 76 * k, y - 150 * k, x + 76 * k, y - 122 * k), "#6b3f26")
    for i, dx in enumerate((-30, 4, 38)):
        c.curve(at(x, y, k, [(dx, -172), (dx + 14, -200), (dx - 8, -228), (dx + 8, -260 + i * 10)]), "#ffffff77", 6 * k)


def bottle(c: Canvas, x: float, y: float, w: float, h: float, body: str, cap: str, shape: str = "pump") -> None:
    """A skincare bottle; (x, y) is the middle of its foot."""
    c.shadow((x - w / 2, y - h, x + w / 2, y), 20, 16, 12, 0.28)
    if shape == "pump":
        c.rect((x - w * 0.08, y - h * 1.2, x + w * 0.08, y - h), cap)
        c.rect((x - w * 0.34, y - h * 1.24, x + w * 0.14, y - h * 1.17), cap, 8)
        c.rect((x - w * 0.22, y - h * 1.09, x + w * 0.22, y - h * 0.98), mix(cap, "#000000", 0.1), 6)
    elif shape == "dropper":
        c.rect((x - w * 0.14, y - h * 1.28, x + w * 0.14, y - h * 1.08), mix(cap, "#000000", 0.2), w * 0.14)
        c.rect((x - w * 0.24, y - h * 1.12, x + w * 0.24, y - h * 0.98), cap, 8)
    else:
        c.rect((x - w * 0.36, y - h * 1.18, x + w * 0.36, y - h * 0.97), cap, 14)
    c.gradient((x - w / 2, y - h, x + w / 2, y), mix(body, "#ffffff", 0.25), mix(body, "#000000", 0.12), True, w * 0.18)
    c.rect((x - w * 0.42, y - h * 0.94, x - w * 0.34, y - h * 0.08), "#ffffff66", 6)


def sneaker(c: Canvas, x: float, y: float, k: float, main: str, side: str, sole: str) -> None:
    """A low runner from the side; (x, y) is its lower left corner."""
    c.oval((x - 10 * k, y - 14 * k, x + 580 * k, y + 34 * k), "#00000033")
    upper = [
        (20, -40),
        (10, -130),
        (24, -214),
        (70, -226),
        (120, -196),
        (190, -214),
        (280, -150),
        (400, -116),
        (520, -92),
        (556, -40),
        (300, -30),
    ]
    c.blob(at(x, y, k, upper), main)
    c.blob(at(x, y, k, [(120, -50), (130, -150), (200, -178), (300, -126), (400, -92), (420, -46), (260, -40)]), side)
    c.blob(at(x, y, k, [(424, -108), (520, -94), (558, -44), (470, -36), (410, -50)]), mix(main, "#3a2a1a", 0.16))
    c.blob(at(x, y, k, [(14, -44), (10, -130), (24, -170), (74, -140), (90, -50)]), mix(main, "#3a2a1a", 0.16))
    for i in range(2):
        dx = i * 54
        c.poly(
            at(x, y, k, [(176 + dx, -46), (204 + dx, -46), (262 + dx, -132), (240 + dx, -144)]),
            mix(side, "#000000", 0.35),
        )
    for i in range(5):
        c.line(at(x, y, k, [(178 + i * 30, -214 + i * 15), (222 + i * 30, -168 + i * 14)]), "#fff8ea", 9 * k)
    c.blob(at(x, y, k, [(28, -214), (70, -224), (116, -198), (88, -184), (40, -196)]), mix(main, "#000000", 0.45))
    c.blob(
        at(x, y, k, [(0, -50), (140, -38), (300, -46), (566, -52), (584, -22), (540, 4), (60, 4), (2, -14)]), "#f7f1e3"
    )
    c.blob(at(x, y, k, [(4, -18), (300, -16), (582, -24), (552, 8), (60, 8)]), sole)


def lipstick(c: Canvas, x: float, y: float, k: float, colour: str, case: str) -> None:
    c.shadow((x - 60 * k, y - 240 * k, x + 60 * k, y), 14, 16, 12, 0.3)
    c.gradient(
        (x - 44 * k, y - 390 * k, x + 44 * k, y - 260 * k),
        mix(colour, "#ffffff", 0.2),
        mix(colour, "#000000", 0.15),
        True,
    )
    tip = [(-44, -389), (-44, -398), (-30, -426), (10, -462), (32, -472), (44, -462), (44, -389)]
    c.poly(at(x, y, k, tip), mix(colour, "#000000", 0.04))
    c.gradient((x - 50 * k, y - 280 * k, x + 50 * k, y - 190 * k), "#f4dfb2", "#b08a4a", True)
    c.gradient(
        (x - 62 * k, y - 200 * k, x + 62 * k, y), mix(case, "#ffffff", 0.25), mix(case, "#000000", 0.3), True, 10 * k
    )


def keyboard(c: Canvas, x: float, y: float, w: float, body: str, keys: str, accent: str, tilt: bool) -> None:
    """A keyboard from above; `tilt` splits it in the middle like an Alice board."""
    unit = w / 15.5
    h = unit * 5.6
    c.shadow((x, y, x + w, y + h), 26, 20, 18, 0.4)
    c.gradient((x, y, x + w, y + h), mix(body, "#ffffff", 0.2), mix(body, "#000000", 0.15), radius=26)
    for row, widths in enumerate(
        ([1.0] * 14, [1.4] + [1.0] * 12, [1.7] + [1.0] * 10 + [1.8], [2.1] + [1.0] * 9 + [2.3])
    ):
        kx = x + unit * 0.7
        step = (w - unit * 1.4) / sum(widths)
        for i, kw in enumerate(widths):
            left = i < len(widths) / 2
            dy = ((i - 2) * 4 if left else (len(widths) - 3 - i) * 4) if tilt else 0
            gap = (-5 if left else 5) if tilt else 0
            top = y + unit * (0.45 + row) + dy * unit / 60
            colour = accent if kw > 1.2 or (row == 0 and i in (0, 13)) else keys
            box = (kx + 2 + gap, top, kx + step * kw - 2 + gap, top + unit * 0.9)
            c.rect(box, mix(colour, "#000000", 0.25), 7)
            c.rect((box[0] + 2, box[1] + 1, box[2] - 2, box[3] - 6), colour, 6)
            kx += step * kw
    for a, b in ((0.6, 2.0), (2.1, 3.4), (3.6, 6.6), (8.6, 11.6), (12, 13.4), (13.5, 14.9)):
        box = (x + unit * a, y + unit * 4.55, x + unit * b, y + unit * 5.35)
        c.rect(box, mix(accent if b - a < 2 else keys, "#000000", 0.25), 7)
        c.rect((box[0] + 2, box[1] + 1, box[2] - 2, box[3] - 6), accent if b - a < 2 else keys, 6)


def tote(c: Canvas, x: float, y: float, k: float, leather: str) -> None:
    """A tote bag; (x, y) is the middle of its foot."""
    c.shadow((x - 200 * k, y - 300 * k, x + 200 * k, y), 24, 20, 16, 0.35)
    for inset, shade in ((0, 0.35), (16, 0.15)):
        c.arc(
            (x - (110 - inset) * k, y - (520 - inset) * k, x + (110 - inset) * k, y - 160 * k),
            180,
            360,
            mix(leather, "#000000", shade),
            18 * k,
        )
    c.poly(at(x, y, k, [(-220, -330), (220, -330), (196, 0), (-196, 0)]), leather)
    c.gradient(
        (x - 196 * k, y - 60 * k, x + 196 * k, y),
        mix(leather, "#000000", 0.06),
        mix(leather, "#000000", 0.2),
        radius=12,
    )
    c.line(at(x, y, k, [(-216, -300), (216, -300)]), mix(leather, "#ffffff", 0.3), 3)
    for side in (-1, 1):
        c.rect(
            (x + (side * 104 - 16) * k, y - 350 * k, x + (side * 104 + 16) * k, y - 240 * k),
            mix(leather, "#000000", 0.3),
            8,
        )
        c.disc(x + side * 104 * k, y - 262 * k, 7 * k, "#e8cf92")
    c.rect((x - 64 * k, y - 190 * k, x + 64 * k, y - 130 * k), mix(leather, "#000000", 0.12), 8)


def leaf_plant(c: Canvas, x: float, y: float, k: float, pot: str, green: str, kind: int) -> None:
    """A potted plant; kinds 0 fan, 1 swords, 2 hanging, 3 fern."""
    if kind == 2:
        c.poly(at(x, y, k, [(-64, -100), (64, -100), (48, 0), (-48, 0)]), pot)
        c.rect((x - 70 * k, y - 112 * k, x + 70 * k, y - 88 * k), mix(pot, "#ffffff", 0.2), 6)
        heart: list[Point] = [(0, -24), (26, -12), (0, 30), (-26, -12)]
        for i in range(15):
            px, py = -72 + (i % 5) * 36, -190 + (i // 5) * 34 + (i % 2) * 12
            c.blob(at(x + px * k, y + py * k, k, heart), mix(green, "#1d4a2a", 0.16 * (i % 3)))
    if kind == 1:
        for dx, hh in ((-44, 150), (-22, 200), (0, 230), (24, 190), (46, 140)):
            c.blob(
                at(
                    x,
                    y,
                    k,
                    [
                        (dx * 0.4 - 10, -80),
                        (dx - 14, -80 - hh * 0.6),
                        (dx * 1.2, -80 - hh),
                        (dx + 14, -80 - hh * 0.6),
                        (dx * 0.4 + 10, -80),
                    ],
                ),
                mix(green, "#e8e28a", 0.15 if dx % 4 else 0),
            )
    elif kind == 2:
        for dx in (-58, -30, 34, 60):
            tip = (dx * 1.2, -26 - 22 * (abs(dx) // 32))
            c.curve(at(x, y, k, [(dx * 0.4, -90), (dx, -110), tip]), green, 5 * k)
            for t in (0.2, 0.6, 1.0):
                px, py = dx + (tip[0] - dx) * t, -100 + (tip[1] + 100) * t
                c.blob(
                    at(x + px * k, y + py * k, k, [(0, -20), (20, -8), (0, 26), (-20, -8)]),
                    mix(green, "#ffffff", 0.1 * t),
                )
        return
    else:
        n = 9 if kind == 0 else 13
        for i in range(n):
            a = math.radians(-165 + 150 * i / (n - 1))
            r = 190 if i % 2 else 150
            px, py = math.cos(a) * r, math.sin(a) * r
            nx, ny = -math.sin(a) * (26 if kind == 0 else 12), math.cos(a) * (26 if kind == 0 else 12)
            c.blob(
                at(
                    x, y - 80 * k, k, [(0, 0), (px * 0.6 + nx, py * 0.6 + ny), (px, py), (px * 0.6 - nx, py * 0.6 - ny)]
                ),
                mix(green, "#123a2a", 0.3 if i % 2 else 0),
            )
    c.poly(at(x, y, k, [(-64, -100), (64, -100), (48, 0), (-48, 0)]), pot)
    c.rect((x - 70 * k, y - 112 * k, x + 70 * k, y - 88 * k), mix(pot, "#ffffff", 0.2), 6)


def garment(c: Canvas, x: float, y: float, k: float, kind: str, colour: str) -> None:
    """Flat clothes; (x, y) is the middle of the top edge."""
    dark = mix(colour, "#000000", 0.18)
    if kind in ("blazer", "shirt", "knit"):
        for s in (-1, 1):
            c.poly(at(x, y, k, [(s * 66, 8), (s * 108, 34), (s * 128, 220), (s * 88, 226), (s * 72, 90)]), dark)
        c.poly(at(x, y, k, [(-70, 6), (-30, 0), (30, 0), (70, 6), (82, 240), (-82, 240)]), colour)
        if kind == "blazer":
            c.poly(at(x, y, k, [(-30, 0), (30, 0), (0, 118)]), "#fffaf2")
            for s in (-1, 1):
                c.poly(at(x, y, k, [(s * 30, -2), (s * 52, 40), (s * 34, 54), (0, 124)]), dark)
            c.disc(x, y + 150 * k, 7 * k, "#4a3a30")
        else:
            c.pie((x - 32 * k, y - 22 * k, x + 32 * k, y + 34 * k), 0, 180, dark)
            if kind == "shirt":
                c.line(at(x, y, k, [(0, 34), (0, 238)]), dark, 3)
    elif kind in ("trousers", "flare"):
        out = 100 if kind == "flare" else 68
        c.poly(
            at(
                x,
                y,
                k,
                [(-64, 0), (64, 0), (72, 130), (out, 400), (20, 400), (0, 130), (-20, 400), (-out, 400), (-72, 130)],
            ),
            colour,
        )
        c.rect((x - 64 * k, y, x + 64 * k, y + 20 * k), dark)
        c.line(at(x, y, k, [(-40, 60), (-46, 390)]), dark, 3)
        c.line(at(x, y, k, [(40, 60), (46, 390)]), dark, 3)
    elif kind == "skirt":
        c.poly(at(x, y, k, [(-60, 0), (60, 0), (150, 360), (-150, 360)]), colour)
        for i in range(-4, 5):
            c.line(at(x, y, k, [(i * 13, 24), (i * 34, 356)]), dark, 3)
        c.rect((x - 60 * k, y, x + 60 * k, y + 26 * k), dark)
    elif kind == "shoes":
        for s in (-1, 1):
            c.blob(at(x + s * 46 * k, y, k, [(-28, 100), (-30, 30), (0, 0), (30, 30), (28, 100)]), colour)
            c.blob(at(x + s * 46 * k, y, k, [(-18, 94), (-18, 50), (0, 36), (18, 50), (18, 94)]), dark)


def stroller(c: Canvas, x: float, y: float, k: float, cloth: str) -> None:
    c.oval((x - 210 * k, y - 10 * k, x + 210 * k, y + 26 * k), "#00000022")
    for a, b in (((-150, -40), (130, -330)), ((150, -40), (-60, -250)), ((130, -330), (216, -420))):
        c.line(at(x, y, k, [a, b]), "#5b6470", 14 * k)
    c.line(at(x, y, k, [(196, -436), (240, -402)]), "#3a4049", 22 * k)
    c.blob(
        at(x, y, k, [(-120, -150), (20, -130), (110, -300), (80, -340), (20, -220), (-120, -190)]),
        mix(cloth, "#000000", 0.25),
    )
    hood = (x - 60 * k, y - 450 * k, x + 210 * k, y - 180 * k)
    c.pie(hood, 172, 300, cloth)
    c.pie(hood, 214, 256, mix(cloth, "#ffffff", 0.2))
    for dx in (-150, 150):
        c.disc(x + dx * k, y - 36 * k, 44 * k, "#343a44")
        c.disc(x + dx * k, y - 36 * k, 22 * k, "#dfe4ea")


def earbuds(c: Canvas, x: float, y: float, k: float, shell: str) -> None:
    """An open charging case with two buds above it."""
    c.shadow((x - 170 * k, y - 150 * k, x + 170 * k, y), 70, 20, 16, 0.3)
    c.rect((x - 160 * k, y - 250 * k, x + 160 * k, y - 120 * k), mix(shell, "#000000", 0.2), 60 * k)
    for s in (-1, 1):
        c.rect(
            (x + (s * 70 - 18) * k, y - 270 * k, x + (s * 70 + 18) * k, y - 120 * k), mix(shell, "#ffffff", 0.5), 18 * k
        )
        c.disc(x + s * 76 * k, y - 286 * k, 48 * k, mix(shell, "#ffffff", 0.4))
        c.oval((x + (s * 100 - 26) * k, y - 322 * k, x + (s * 100 + 26) * k, y - 256 * k), "#4a4e5c")
    c.gradient((x - 170 * k, y - 150 * k, x + 170 * k, y), mix(shell, "#ffffff", 0.5), shell, radius=70 * k)
    c.disc(x, y - 76 * k, 7 * k, "#6fd08c")
