"""Landscapes, streets and rooms."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from .canvas import Canvas, Point, mix

LIGHTS = ("#ffd27a", "#ffb35c", "#fff1c9", "#8fd8ff", "#ff8fa3")


def skyline(c: Canvas, horizon: float, seed: int, dark: str, water: str, tall: float = 0.36) -> None:
    """Towers with lit windows above water that carries their reflections."""
    rnd = random.Random(seed)
    c.glow(c.w * 0.5, horizon, c.w * 0.75, "#ff9e6d", 0.5)
    for far in (True, False):
        x = -20.0
        while x < c.w:
            w = rnd.uniform(44, 92)
            h = c.h * tall * rnd.uniform(0.25, 0.7 if far else 1.0)
            body = mix(dark, "#7a5c8e", 0.4) if far else mix(dark, "#2c3a6b", rnd.random() * 0.5)
            c.gradient((max(0, x), horizon - h, min(c.w, x + w), horizon), body, mix(body, "#000000", 0.35))
            if not far:
                if rnd.random() < 0.4:
                    c.line([(x + w / 2, horizon - h), (x + w / 2, horizon - h - 34)], body, 3)
                for wy in range(int(horizon - h + 12), int(horizon - 12), 15):
                    for wx in range(int(x + 9), int(x + w - 12), 14):
                        if rnd.random() < 0.42:
                            c.rect((wx, wy, wx + 6, wy + 7), rnd.choice(LIGHTS))
            x += w + rnd.uniform(-6, 14)
    c.gradient((0, horizon, c.w, c.h), mix(water, "#ff9e6d", 0.25), water)
    for _ in range(round(c.w / 11)):
        x, colour = rnd.uniform(0, c.w), rnd.choice(LIGHTS)
        y, w = horizon + 4, rnd.uniform(5, 13)
        reach = rnd.uniform(0.25, 0.85) * (c.h - horizon)
        while y < horizon + reach:
            fade = 1 - (y - horizon) / reach
            half = w * rnd.uniform(0.4, 1.3)
            c.oval((x - half, y, x + half, y + 4), f"{colour}{round(170 * fade):02x}")
            y += rnd.uniform(7, 13)


def three_towers(c: Canvas, x: float, horizon: float, k: float) -> None:
    """Three slabs under a long roof, as on a certain bay."""
    for i in range(3):
        left = x + i * 74 * k
        pts = [(left + 8 * k, horizon - 230 * k), (left + 46 * k, horizon - 230 * k)]
        c.poly([*pts, (left + 58 * k, horizon), (left - 6 * k, horizon)], "#2a2f5e")
        for row in range(16):
            y = horizon - 215 * k + row * 13 * k
            c.line([(left + 10 * k, y), (left + 45 * k, y)], "#ffdf9bcc", 3 * k)
    roof = [(-30, -236), (60, -254), (210, -246), (236, -236), (200, -226), (-10, -226)]
    c.poly([(x + px * k, horizon + py * k) for px, py in roof], "#f4e6ff")


def mountains(c: Canvas, base: float, colours: Sequence[str], seed: int, height: float) -> None:
    """Ridges from far to near; the far ones carry snow."""
    rnd = random.Random(seed)
    for i, colour in enumerate(colours):
        low = base + i * (c.h - base) / len(colours)
        peak = height * (1 - i / (len(colours) + 1))
        pts: list[Point] = [(0, low - peak * rnd.uniform(0.3, 0.7))]
        x = 0.0
        while x < c.w:
            x += rnd.uniform(50, 120)
            pts.append((x, low - peak * rnd.uniform(0.15, 1.0) * (1 if len(pts) % 2 else 0.55)))
        c.poly([*pts, (c.w, c.h), (0, c.h)], colour)
        if i < 2:
            for (ax, ay), (bx, by), (dx, dy) in zip(pts, pts[1:], pts[2:], strict=False):
                if by < ay and by < dy:
                    t = 0.32
                    left = (bx + (ax - bx) * t, by + (ay - by) * t)
                    right = (bx + (dx - bx) * t, by + (dy - by) * t)
                    mid = (bx - 4, (left[1] + right[1]) / 2 - 8)
                    c.poly([left, (bx, by), right, mid], "#ffffffd0")


def pines(c: Canvas, y: float, seed: int, colour: str, size: float) -> None:
    rnd = random.Random(seed)
    x = -10.0
    while x < c.w + 20:
        h = size * rnd.uniform(0.6, 1.2)
        for part in range(3):
            top = y - h + part * h * 0.26
            half = h * (0.13 + 0.06 * part)
            c.poly([(x, top), (x + half, top + h * 0.44), (x - half, top + h * 0.44)], colour)
        x += rnd.uniform(size * 0.3, size * 0.6)


def beach(c: Canvas, horizon: float) -> None:
    c.glow(c.w * 0.72, horizon - 40, 260, "#fff3c4", 0.9)
    c.disc(c.w * 0.72, horizon - 60, 52, "#fff6d8")
    c.gradient((0, horizon, c.w, horizon + c.h * 0.28), "#2fa6c4", "#8fe0dc")
    shore = horizon + c.h * 0.26
    for dy, colour in ((0, "#e9fbf7"), (16, "#f4e0b8")):
        wave = [(x, shore + dy + 14 * math.sin(x / 90)) for x in range(0, c.w + 20, 10)]
        c.poly([*wave, (c.w, c.h), (0, c.h)], colour)
    for dy in (26, 58, 96):
        c.curve([(x, horizon + dy + 4 * math.sin(x / 40 + dy)) for x in range(30, c.w, 60)], "#ffffff66", 3)
    palm(c, c.w * 0.13, shore + 130, 1.0)


def palm(c: Canvas, x: float, y: float, k: float) -> None:
    top = (x + 50 * k, y - 330 * k)
    c.curve([(x, y), (x + 10 * k, y - 150 * k), top], "#8a5a3c", 16 * k)
    for a in (-160, -120, -60, -20, 15, 165):
        dx, dy = math.cos(math.radians(a)), math.sin(math.radians(a))
        tip = (top[0] + dx * 130 * k, top[1] + dy * 90 * k + 50 * k)
        mid = (top[0] + dx * 70 * k, top[1] + dy * 90 * k - 26 * k)
        c.blob([top, mid, tip, (mid[0] - 4 * k, mid[1] + 26 * k)], "#2f7d5b" if a % 20 else "#3b9468")


def hill_street(c: Canvas) -> None:
    """Pastel houses on a slope and a yellow tram."""
    tints = ("#f2c6b4", "#f7e3b5", "#bcd8d3", "#e9b7a1", "#d8cfe8", "#f6efe2")
    for i, tint in enumerate(tints):
        x, top = i * 124 - 10, 360 - (i % 3) * 46 + i * 18
        c.gradient((max(0, x), top, min(c.w, x + 124), 800), tint, mix(tint, "#7a5a6a", 0.2))
        c.poly([(x - 4, top), (x + 62, top - 46), (x + 128, top)], "#c4694a")
        for wy in (top + 34, top + 124):
            for wx in (x + 20, x + 74):
                c.rect((wx, wy, wx + 30, wy + 50), "#fffaf0", 4)
                c.rect((wx + 4, wy + 4, wx + 26, wy + 46), "#5e86a0", 2)
    c.poly([(0, 740), (c.w, 790), (c.w, c.h), (0, c.h)], "#8d8794")
    for dx in (0, 80):
        c.line([(190 + dx, c.h), (300 + dx * 0.6, 760)], "#5d5866", 5)
    c.line([(0, 300), (c.w, 360)], "#4a4450", 3)
    c.line([(360, 332), (360, 470)], "#4a4450", 5)
    c.shadow((210, 470, 510, 800), 30, 18, 16, 0.4)
    c.gradient((210, 470, 510, 800), "#ffd34d", "#f2b41e", radius=26)
    c.rect((210, 640, 510, 664), "#fff8e1")
    for x in (232, 328, 424):
        c.gradient((x, 520, x + 66, 620), "#cfe8f2", "#88b3c8", radius=8)
    c.rect((290, 480, 430, 516), "#2b2b33", 8)
    c.text(360, 498, "28  GRAÇA", 28, "#ffe9a8", True, "mm", 130)
    c.glow(270, 720, 60, "#fffbe0", 0.9)
    c.glow(450, 720, 60, "#fffbe0", 0.9)
    c.disc(270, 720, 18, "#fffdf0")
    c.disc(450, 720, 18, "#fffdf0")
    c.rect((196, 770, 524, 806), "#3b3540", 10)


def rain_temple(c: Canvas) -> None:
    """Misty hills, a pagoda, an umbrella and rain."""
    for i, colour in enumerate(("#9db7b3", "#7b9d98", "#4f7a74")):
        y = 430 + i * 70
        ridge = [(x, y + 40 * math.sin(x / (130 + 30 * i) + i * 2)) for x in range(0, c.w + 20, 20)]
        c.poly([*ridge, (c.w, c.h), (0, c.h)], colour)
    for level in range(5):
        y, half = 330 + level * 72, 64 + level * 15
        c.rect((500 - half * 0.55, y, 500 + half * 0.55, y + 72), "#8c3b32")
        roof = [(500 - half - 22, y + 6), (500 - half * 0.5, y - 22), (500 + half * 0.5, y - 22)]
        c.poly([*roof, (500 + half + 22, y + 6), (500, y + 2)], "#33302f")
    c.line([(500, 310), (500, 236)], "#33302f", 6)
    c.gradient((0, 690, c.w, c.h), "#5c6f70", "#33474b")
    for x, colour in ((120, "#ffb35c"), (330, "#ff8a5c"), (620, "#ffc97a")):
        c.line([(x, 640), (x, 700)], "#2d2a2a", 4)
        c.oval((x - 26, 580, x + 26, 650), colour)
        c.glow(x, 615, 90, colour, 0.6)
        c.oval((x - 22, 740, x + 22, 900), f"{colour}55")
    c.rect((206, 700, 256, 860), "#3a4a66", 22)
    c.rect((212, 850, 230, 910), "#22262f", 8)
    c.rect((234, 850, 252, 910), "#22262f", 8)
    c.line([(231, 600), (231, 760)], "#e8eef0", 5)
    c.pie((106, 540, 356, 790), 180, 360, "#e8f2f4e0")
    rnd = random.Random(7)
    for _ in range(150):
        x, y = rnd.uniform(0, c.w), rnd.uniform(0, c.h)
        c.line([(x, y), (x - 7, y + 30)], "#ffffff55", 2)


def cafe_window(c: Canvas, wall: str) -> None:
    """A sunny window above a wooden table."""
    c.gradient((0, 0, c.w, c.h), mix(wall, "#ffffff", 0.3), wall)
    w = c.w
    c.rect((w * 0.1, 50, w * 0.9, c.h * 0.56), "#fffdf6", 10)
    for i in range(2):
        x = w * (0.12 + 0.39 * i)
        c.gradient((x, 66, x + w * 0.37, c.h * 0.54), "#bfe3ee", "#e9f5dc")
        c.blob(
            [(x + 20, c.h * 0.54), (x + 70, c.h * 0.36), (x + w * 0.2, c.h * 0.42), (x + w * 0.35, c.h * 0.54)],
            "#8fbf8a",
        )
    c.gradient((0, c.h * 0.66, c.w, c.h), "#b98258", "#8c5a3a")
    for i in range(5):
        y = c.h * (0.7 + 0.07 * i)
        c.curve([(0, y), (w * 0.3, y + 6), (w * 0.7, y - 6), (w, y)], "#7a4a2c55", 3)


def track(c: Canvas, horizon: float) -> None:
    """A red running track in perspective."""
    c.glow(c.w * 0.5, horizon, c.w * 0.6, "#fff0c2", 0.9)
    pines(c, horizon + 10, 4, "#4f8a72", 90)
    c.gradient((0, horizon, c.w, c.h), "#7fb069", "#5a8f4e")
    vx = c.w * 0.5
    c.poly([(vx - 26, horizon), (vx + 26, horizon), (c.w * 1.12, c.h), (-c.w * 0.12, c.h)], "#d9603f")
    for i in range(6):
        t = i / 5
        x = -c.w * 0.12 + t * c.w * 1.24
        c.poly([(vx - 26 + 52 * t, horizon), (x - 5, c.h), (x + 5, c.h)], "#fff4e6")


def bed_room(c: Canvas, wall: str, floor: str, blanket: str) -> None:
    """A bed under a window, a lamp and a plant."""
    c.gradient((0, 0, c.w, c.h), mix(wall, "#ffffff", 0.35), wall)
    fy = c.h * 0.74
    c.gradient((0, fy, c.w, c.h), floor, mix(floor, "#3a2a20", 0.25))
    wx = c.w * 0.52
    c.rect((wx, 120, wx + c.w * 0.32, fy * 0.6), "#ffffff", 8)
    c.gradient((wx + 12, 132, wx + c.w * 0.32 - 12, fy * 0.6 - 12), "#cfe6f0", "#fdf1dd")
    for x in (wx - 50, wx + c.w * 0.32 - 20):
        c.gradient((x, 90, min(c.w, x + 70), fy), "#fbf6ec", "#e6dccb", across=True)
    c.shadow((60, fy - 40, c.w * 0.74, fy + 110), 20, 20, 16, 0.3)
    c.rect((50, fy - 220, 86, fy + 110), "#c9a27c", 12)
    c.rect((60, fy - 10, c.w * 0.76, fy + 110), "#d8b38d", 12)
    c.rect((80, fy - 70, c.w * 0.75, fy + 50), "#fffaf2", 30)
    c.rect((100, fy - 130, 260, fy - 50), "#ffffff", 30)
    c.rect((150, fy - 116, 300, fy - 44), mix(blanket, "#ffffff", 0.5), 28)
    c.gradient((300, fy - 76, c.w * 0.76, fy + 70), blanket, mix(blanket, "#4a3a3a", 0.2), radius=26)
    for i in range(3):
        x = 110 + i * (c.w * 0.2)
        c.rect((x, fy + 64, x + c.w * 0.17, fy + 100), "#c59a70", 6)


def lamp_room(c: Canvas) -> None:
    """An evening room lit by several small warm lamps."""
    c.gradient((0, 0, c.w, c.h), "#3a2c3f", "#241b2b")
    fy = c.h * 0.76
    c.gradient((0, fy, c.w, c.h), "#4a3438", "#2b1f26")
    for x, y, r in ((170, fy - 60, 330), (c.w - 190, 250, 280), (c.w * 0.53, fy - 190, 250)):
        c.glow(x, y, r, "#ffb765", 0.75)
    c.rect((c.w - 300, 330, c.w - 70, fy), "#5b4038", 8)
    rnd = random.Random(3)
    for shelf in range(3):
        y = 350 + shelf * 110
        c.rect((c.w - 288, y, c.w - 82, y + 92), "#38272a", 4)
        x = c.w - 282.0
        while x < c.w - 110:
            w = rnd.uniform(12, 24)
            h = rnd.uniform(52, 84)
            c.rect((x, y + 92 - h, x + w, y + 92), rnd.choice(("#c8694f", "#e0b070", "#7f9a8c", "#a05a6b")), 3)
            x += w + 3
    c.poly([(c.w - 220, 290), (c.w - 160, 290), (c.w - 144, 332), (c.w - 236, 332)], "#ffd89a")
    c.disc(150, fy - 30, 78, "#ffe2ae")
    for i in range(-2, 3):
        c.arc((150 - 78, fy - 30 - 78 + abs(i) * 2, 150 + 78, fy + 48), 200 + i * 12, 340 - i * 12, "#e8bb7855", 3)
    c.rect((250, fy - 170, 540, fy + 20), "#7a4d48", 46)
    c.rect((226, fy - 70, 564, fy + 40), "#8d5b53", 40)
    c.rect((280, fy - 120, 380, fy - 40), "#d99a66", 22)
    c.rect((c.w * 0.53 - 8, fy - 150, c.w * 0.53 + 120, fy - 138), "#c99a72", 4)
    c.line([(c.w * 0.53 + 56, fy - 138), (c.w * 0.53 + 56, fy + 40)], "#a87a56", 8)
    c.pie((c.w * 0.53 + 10, fy - 250, c.w * 0.53 + 102, fy - 158), 180, 360, "#fff0cf")
    c.rect((c.w * 0.53 + 48, fy - 206, c.w * 0.53 + 64, fy - 150), "#f4d9a8", 6)
