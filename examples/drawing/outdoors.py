"""Pictures of the travel, fitness and pets notes."""

from __future__ import annotations

import math

from . import scenes as s
from . import screens as sc
from . import things as th
from .canvas import Canvas
from .registry import picture

NIGHT = ("#1a1d4a", "#8a4f86")


@picture("sg-night-3d-1.jpg", 720, 960, *NIGHT)
def sg_cover(c: Canvas) -> None:
    s.skyline(c, 640, 11, "#1d2150", "#151a40", 0.3)
    s.three_towers(c, 250, 640, 1.1)
    sc.headline(c, 130, ["SINGAPORE", "3 DAYS OF NIGHT VIEWS"], 84)
    c.pill(360, 312, "Marina Bay · Supertrees · Barrage", 30, "#1d2150", "#ffe2a8", True)


@picture("sg-night-3d-2.png", 720, 960, "#eef0e6")
def sg_map(c: Canvas) -> None:
    sc.route(
        c,
        "Night view route",
        [
            ("Day 1", "#e4572e", ["Kampong Glam", "Jubilee Bridge 19:15"]),
            ("Day 2", "#2a9d8f", ["Tiong Bahru", "Supertree Grove 19:45"]),
            ("Day 3", "#6c5ce7", ["Southern Ridges", "Maxwell hawker", "Marina Barrage"]),
        ],
    )


@picture("sg-night-3d-3.jpg", 720, 960, "#f3d9c8", "#e5b8a5")
def sg_hotel(c: Canvas) -> None:
    sc.receipt(
        c,
        "LANTERN POD HOTEL",
        [
            ("Bugis MRT, exit B", "4 min walk"),
            ("Twin pod, 3 nights", "S$204.00"),
            ("Breakfast kaya set", "free"),
            ("Late check-out 14:00", "S$0.00"),
            ("Locker + towel", "free"),
        ],
        ("Per night", "S$68"),
        "Booking ref 7KQ2 · paid",
    )


@picture("lisbon-tram-morning-1.jpg", 720, 960, "#ffd9b0", "#ffeede")
def lisbon(c: Canvas) -> None:
    c.glow(580, 200, 300, "#fff4cf", 0.9)
    s.hill_street(c)
    sc.headline(c, 110, ["Tram 28 before 7 am", "= a seat and a sunrise"], 58, "#5a2e2a", "#fff8eee8")


@picture("kyoto-solo-rain-1.jpg", 720, 960, "#b9cbc9", "#dfe6e0")
def kyoto(c: Canvas) -> None:
    s.rain_temple(c)
    sc.headline(c, 104, ["Kyoto in the rain", "solo, one day, 5 stops"], 58, "#ffffff", "#2f474cd8")


@picture("dolomites-hut-1.jpg", 1200, 500, "#7fb4dd", "#f6e3cf")
def dolomites(c: Canvas) -> None:
    s.mountains(c, 300, ("#9a93b8", "#7c7a9e", "#5f7f78", "#466b58"), 21, 230)
    s.pines(c, 500, 5, "#2f5244", 110)
    sc.headline(c, 78, ["Hut to hut · Alta Via 1 · 4 days"], 58, "#ffffff", "#3f4a78c8")


@picture("dolomites-hut-2.jpg", 960, 720, "#f7f3ea")
def dolomites_cost(c: Canvas) -> None:
    sc.bars(
        c,
        "Climb per day and half board price",
        [
            ("Day 1 · €68", 640, "640 m"),
            ("Day 2 · €74", 1120, "1120 m"),
            ("Day 3 · €71", 480, "480 m"),
            ("Day 4 · bus", 210, "210 m"),
        ],
        ("#7c9fb0", "#d9603f", "#7c9fb0", "#a9b98f"),
        "Dorm bed, dinner and breakfast, per person",
    )


@picture("chengdu-weekend-1.jpg", 720, 960, "#f7e9cf", "#f2cfa4")
def chengdu(c: Canvas) -> None:
    s.pines(c, 520, 8, "#9fbf92", 150)
    c.gradient((0, 520, 720, 960), "#a9713f", "#7a4a2a")
    c.oval((150, 720, 570, 830), "#fffaf0")
    c.poly([(230, 600), (490, 600), (440, 770), (280, 770)], "#fffaf0")
    c.oval((230, 570, 490, 630), "#fff3dc")
    c.oval((250, 580, 470, 622), "#c8b34a")
    c.arc((245, 640, 475, 700), 20, 160, "#3f6fae", 8)
    c.poly([(250, 540), (470, 540), (420, 500), (300, 500)], "#fffaf0")
    c.disc(360, 494, 16, "#3f6fae")
    sc.headline(c, 130, ["成都周末两天", "喝茶·看熊猫·吃牛肉"], 82, "#7a2f1d")
    c.pill(360, 330, "两人合计 ¥1360", 40, "#ffffff", "#c8452f", True)


@picture("sanya-budget-1.jpg", 720, 960, "#62bfe0", "#d9f1ee")
def sanya(c: Canvas) -> None:
    s.beach(c, 280)
    sc.receipt(
        c,
        "三亚5天4晚 · 每人",
        [
            ("往返机票（周二红眼）", "¥680"),
            ("后海村民宿 4晚", "¥360"),
            ("海鲜市场＋加工", "¥310"),
            ("蜈支洲岛船票浮潜", "¥275"),
            ("租电动车 3天", "¥90"),
            ("奶茶和杂费", "¥150"),
        ],
        ("人均", "¥1865"),
        "四人同行",
    )


@picture("hk-night-walk-1.jpg", 960, 720, "#141a3f", "#5d3c74", "tc")
def hong_kong(c: Canvas) -> None:
    s.skyline(c, 470, 42, "#10163a", "#10183a", 0.46)
    c.gradient((250, 560, 560, 620), "#f4f2e6", "#d5d0bd", radius=16)
    c.rect((230, 600, 580, 650), "#1f6b50", 18)
    c.rect((290, 520, 520, 566), "#f4f2e6", 10)
    for i in range(7):
        c.rect((276 + i * 38, 574, 300 + i * 38, 598), "#ffcf70", 4)
    c.rect((390, 480, 420, 524), "#1f6b50")
    sc.headline(c, 84, ["維港一晚 天星小輪→中環→叮叮"], 58)


@picture("c25k-week4-1.jpg", 720, 960, "#8fc7e8", "#ffe8c9")
def c25k(c: Canvas) -> None:
    s.track(c, 470)
    sc.headline(c, 130, ["Couch to 5k", "WEEK 4"], 92)
    c.pill(360, 860, "3 min · 5 min · 3 min · 5 min", 40, "#7a2418", "#fff4e6", True)


@picture("c25k-week4-2.jpg", 960, 720, "#eef4ee")
def c25k_chart(c: Canvas) -> None:
    sc.chart(
        c,
        "Pace per session (min / km)",
        ["W1", "W1", "W2", "W2", "W3", "W3", "W4", "W4"],
        [9.4, 9.1, 8.9, 8.95, 8.5, 8.2, 8.0, 7.83],
        ["9:24", "", "8:54", "", "8:30", "", "", "7:50"],
        "#2a9d8f",
        "Lower is faster · watch: Pacer Mini 2",
    )


@picture("dumbbell-3day-1.png", 720, 960, "#eceff6")
def dumbbell(c: Canvas) -> None:
    sc.table(
        c,
        "3 day dumbbell plan",
        ["Day", "Lift", "Sets", "Tempo"],
        [
            ["A", "Goblet squat", "4 × 8-12", "3-1-1"],
            ["A", "Floor press", "4 × 8-12", "2-1-1"],
            ["B", "Romanian DL", "4 × 8-12", "3-0-1"],
            ["B", "1 arm row", "3 × 10", "2-1-1"],
            ["C", "Split squat", "3 × 8", "3-1-1"],
            ["C", "Overhead press", "4 × 6-10", "2-0-1"],
            ["All", "Farmer hold", "2 × 45 s", "rest 75 s"],
        ],
        (0.8, 2.5, 1.7, 1.5),
        "#3f4c8a",
        30,
    )


@picture("half-marathon-pb-1.jpg", 720, 960, "#9fd0ea", "#f9ead2")
def half_marathon(c: Canvas) -> None:
    s.track(c, 420)
    sc.card(c, (90, 300, 630, 690), "#ffffff", 18)
    c.rect((90, 300, 630, 400), "#d93a3a", 18)
    c.rect((90, 370, 630, 400), "#d93a3a")
    c.text(360, 352, "云栖湖半程马拉松 2026", 44, "#ffffff", True, "mm")
    c.text(360, 500, "B2717", 130, sc.INK, True, "mm")
    c.text(360, 620, "枪声 07:30 · 起跑区 B", 38, "#57525f", False, "mm")
    for x in (116, 604):
        for y in (326, 664):
            c.disc(x, y, 9, "#c9ccd4")
    sc.headline(c, 130, ["首个半马破2"], 96, "#b3261e", "#fff8eee8")
    c.pill(360, 800, "净成绩 1:58:42", 54, "#ffffff", "#b3261e", True)


@picture("wall-pilates-1.jpg", 720, 960, "#f3e7e4", "#e5cfd0")
def pilates(c: Canvas) -> None:
    c.gradient((0, 0, 150, 960), "#d9bfc0", "#c9a9ac")
    c.gradient((0, 790, 720, 960), "#cfae98", "#b58f78")
    c.rect((150, 760, 690, 796), "#7d6b91", 16)
    skin, top, leg = "#e8b79a", "#5f7f8f", "#3f4a63"
    c.disc(610, 715, 44, "#4a3630")
    c.disc(600, 722, 36, skin)
    c.curve([(560, 735), (470, 720), (400, 640)], top, 74)
    c.curve([(400, 640), (330, 560), (300, 520)], leg, 60)
    c.curve([(300, 520), (230, 540), (172, 560)], leg, 46)
    c.blob([(150, 500), (176, 510), (180, 600), (150, 610)], skin)
    c.curve([(540, 752), (450, 764), (370, 756)], skin, 24)
    sc.headline(c, 140, ["墙普拉提28天", "练的是臀中肌"], 84, "#6b3f52")
    c.pill(440, 340, "每天15分钟", 44, "#ffffff", "#7d6b91", True)


@picture("cat-slow-feeder-1.jpg", 800, 800, "#f4e3c8", "#e8c9a0")
def cat_cover(c: Canvas) -> None:
    c.gradient((0, 640, 800, 800), "#c99a6b", "#a97a4e")
    th.cat(c, 330, 710, 1.0, "#e0a35c", "#a8682c")
    c.oval((520, 640, 760, 730), "#5f8fa8")
    c.oval((540, 632, 740, 700), "#dcecf2")
    sc.headline(c, 96, ["She ate in 50 seconds.", "Now it takes 9 minutes."], 58, "#5a3a1a", "#fff9efe8")


@picture("cat-slow-feeder-2.jpg", 800, 800, "#dfe9ea", "#c6d6da")
def feeder(c: Canvas) -> None:
    c.shadow((150, 90, 650, 560), 240, 24, 20, 0.3)
    c.disc(400, 320, 250, "#8fb3c2")
    c.disc(400, 320, 226, "#e9f3f5")
    for i, r in enumerate((180, 128, 76)):
        c.arc((400 - r, 320 - r, 400 + r, 320 + r), 30 + i * 70, 330 + i * 70, "#a9c8d3", 26)
    c.disc(400, 320, 28, "#a9c8d3")
    for i in range(44):
        r, a = (89, 141, 203, 203)[i % 4], i * 2.39996
        c.disc(400 + r * math.cos(a), 320 + r * math.sin(a), 10, ("#9a6236", "#b57a48")[i % 2])
    sc.label(
        c, 110, 580, ["PURRLO Ridge 23 · ceramic", "ridge height 18 mm, 450 ml", "US$21.90 · dishwasher safe"], 580
    )


@picture("rescue-greyhound-1.jpg", 960, 720, "#efe3d5", "#dcc6ae")
def hound(c: Canvas) -> None:
    c.rect((80, 180, 330, 430), "#ffffff", 8)
    c.gradient((92, 192, 318, 418), "#bfdbe6", "#f7e9cf")
    c.gradient((0, 570, 960, 720), "#b98f6a", "#97704f")
    th.greyhound(c, 520, 560, 1.2, "#8d8a93")
    sc.headline(c, 86, ["Day 19: Pilot met the stairs"], 62, "#5a3a2a", "#fffaf3e8")


@picture("balcony-cat-proof-1.jpg", 960, 720, "#f3f1ea")
def balcony(c: Canvas) -> None:
    c.text(60, 76, "No-drill cat net", 50, sc.INK, True)
    c.rect((150, 150, 710, 600), "#dcebf2")
    for i in range(1, 28):
        c.line([(150 + i * 20, 150), (150 + i * 20, 600)], "#7f96a566", 1.5)
    for i in range(1, 23):
        c.line([(150, 150 + i * 20), (710, 150 + i * 20)], "#7f96a566", 1.5)
    for x in (150, 336, 523, 710):
        c.line([(x, 140), (x, 612)], "#4d5b66", 10)
        c.rect((x - 18, 606, x + 18, 624), "#2b2f36", 6)
    c.rect((150, 480, 710, 500), "#b07a4c", 4)
    th.cat(c, 430, 482, 0.42, "#6b6f7d", "#3f424d")
    c.line([(150, 660), (710, 660)], "#d9603f", 4)
    c.text(430, 688, "300 cm", 34, "#b3452a", True, "mm")
    c.line([(750, 150), (750, 600)], "#d9603f", 4)
    c.lines(
        772,
        190,
        ["250 cm", "4 poles", "mesh 30 mm", "tie / 15 cm", "overlap 20", "€84 all in"],
        34,
        "#4a4552",
        True,
        gap=1.9,
        fit=176,
    )


@picture("kitten-litter-1.jpg", 720, 960, "#f6efe6")
def litter(c: Canvas) -> None:
    sc.table(
        c,
        "五种猫砂打分（满分5）",
        ["种类", "粉尘", "结团", "除臭", "带砂"],
        [
            ["豆腐砂", "4", "3", "2.5", "3"],
            ["膨润土", "1.5", "5", "4", "2"],
            ["混合砂", "3.5", "4", "3.5", "3"],
            ["松木砂", "3", "1", "4", "4"],
            ["水晶砂", "4.5", "1", "3", "4.5"],
        ],
        (1.6, 1, 1, 1, 1),
        "#b8794b",
        34,
    )
    th.cat(c, 360, 945, 0.4, "#f1e3cf", "#c9a27c")


@picture("corgi-diet-1.jpg", 720, 960, "#cdeaf0", "#f9f1d8")
def corgi(c: Canvas) -> None:
    c.gradient((0, 700, 720, 960), "#9fce86", "#6fae62")
    th.dog(c, 360, 860, 1.02, "#e39a4c", "#d08436")
    sc.headline(c, 120, ["16.8斤→12.9斤", "柯基减肥四个月"], 80, "#8a4a12", "#fff9eeea")


@picture("corgi-diet-2.jpg", 960, 720, "#fbf5ea")
def corgi_chart(c: Canvas) -> None:
    sc.chart(
        c,
        "豆包体重曲线（斤）",
        ["1周", "3周", "5周", "7周", "9周", "11周", "13周", "16周"],
        [16.8, 16.2, 15.5, 14.9, 14.8, 14.1, 13.5, 12.9],
        ["16.8", "16.2", "", "14.9", "平台期", "14.1", "", "12.9"],
        "#d08436",
        "主粮 95克/天 分三顿",
    )


@picture("old-cat-kidney-1.jpg", 800, 800, "#e6e4f0", "#cfc8dd", "tc")
def old_cat(c: Canvas) -> None:
    c.gradient((0, 660, 800, 800), "#a99bb8", "#8d7fa0")
    th.cat(c, 300, 710, 1.0, "#b9b3b5", "#85808a", True)
    c.gradient((540, 560, 720, 700), "#ffffff", "#dfe6ee", radius=40)
    c.oval((540, 536, 720, 590), "#9fd3e6")
    c.curve([(630, 560), (630, 480), (660, 470), (672, 520)], "#7fbfe0", 10)
    sc.headline(c, 96, ["14歲腎貓 喝水六招"], 72, "#4b3f66", "#ffffffe0")
    c.pill(630, 746, "38°C 溫水湯罐", 32, "#ffffff", "#6b5b95", True)
