"""Pictures of the food, home and parenting notes."""

from __future__ import annotations

from . import scenes as s
from . import screens as sc
from . import things as th
from .canvas import Canvas
from .registry import picture


@picture("miso-noodles-10min-1.jpg", 720, 960, "#e9c9a6", "#cf9f74")
def miso(c: Canvas) -> None:
    th.bowl(c, 360, 560, 290, "#e0a24e")
    th.egg(c, 260, 470, 78)
    th.egg(c, 390, 420, 78)
    c.line([(520, 250), (700, 640)], "#5a3524", 12)
    c.line([(556, 240), (714, 600)], "#5a3524", 12)
    sc.headline(c, 100, ["10 min miso butter", "noodles"], 76, "#6b2f14", "#fff8ece8")
    c.pill(360, 902, "one pot · serves 1", 38, "#ffffff", "#a8482a", True)


@picture("pour-over-ratio-1.jpg", 960, 720, "#f3e6d3")
def pour_over(c: Canvas) -> None:
    s.cafe_window(c, "#e9d3b8")
    th.cup(c, 700, 620, 1.0, "#3f6b6b")
    c.poly([(250, 300), (470, 300), (390, 430), (330, 430)], "#fffaf0")
    c.poly([(270, 312), (450, 312), (382, 416), (338, 416)], "#7a4a2c")
    c.poly([(326, 440), (394, 440), (460, 620), (260, 620)], "#d8e9ee")
    c.poly([(300, 530), (420, 530), (456, 614), (264, 614)], "#5a321c")
    c.rect((240, 426, 480, 442), "#a9713f", 6)
    sc.headline(c, 90, ["Not the gear. The ratio."], 68, "#5a321c", "#fffaf0e8")


@picture("pour-over-ratio-2.jpg", 720, 960, "#4a3226", "#6b4a36")
def recipe_card(c: Canvas) -> None:
    sc.card(c, (50, 60, 670, 900), "#fff9ee")
    c.text(360, 140, "RECIPE CARD", 54, "#5a321c", True, "mm")
    c.text(360, 200, "washed Guji, light roast", 32, "#8a6a52", False, "mm")
    rows = [
        ("Dose", "15 g"),
        ("Water", "250 g · 94 °C"),
        ("Ratio", "1 : 16.7"),
        ("Grind", "22 clicks · Koro H2"),
        ("Bloom", "45 g / 45 s"),
        ("Pours", "115 g · 185 g · 250 g"),
        ("Drawdown", "2:50 - 3:10"),
    ]
    for i, (name, value) in enumerate(rows):
        y = 290 + i * 82
        c.text(92, y, name, 36, "#8a6a52")
        c.text(628, y, value, 36, "#3a2418", True, "rm", 380)
        c.line([(92, y + 40), (628, y + 40)], "#e6d8c4", 2)


@picture("airfryer-wings-1.jpg", 720, 960, "#3a2f35", "#5a4038")
def wings(c: Canvas) -> None:
    c.shadow((70, 320, 650, 900), 280, 26, 20, 0.5)
    c.disc(360, 600, 292, "#e9e4da")
    c.disc(360, 600, 250, "#fffaf0")
    for i, (x, y) in enumerate(((250, 500), (430, 480), (220, 640), (380, 610), (520, 620), (320, 740), (470, 740))):
        c.blob(
            [(x - 84, y), (x - 40, y - 46), (x + 30, y - 40), (x + 88, y - 6), (x + 40, y + 40), (x - 50, y + 42)],
            ("#b8651f", "#c9772a")[i % 2],
        )
        c.blob([(x - 60, y - 6), (x - 20, y - 32), (x + 40, y - 20), (x, y)], "#e6a04c")
        for j in range(6):
            c.disc(x - 50 + j * 21, y - 18 + (j * 37 + i * 11) % 40, 6, "#fff0c2")
    sc.headline(c, 120, ["空气炸锅蒜香鸡翅", "180°×12＋200°×6"], 78, "#ffe3a6")


@picture("shanghai-cafe-1.jpg", 720, 960, "#d9c7a8", "#b59a76")
def cafe_board(c: Canvas) -> None:
    for x, y, r in ((60, 90, 90), (660, 60, 110), (690, 240, 60)):
        c.blob([(x - r, y), (x, y - r), (x + r, y), (x, y + r * 0.8)], "#6f9a66")
        c.disc(x, y + 10, 20, "#c8452f")
    sc.board(
        c,
        "榴下咖啡 LIUXIA",
        [
            ("桂花拿铁", "¥36"),
            ("手冲对比 两支", "¥68"),
            ("流心巴斯克", "¥32"),
            ("陈皮美式", "¥30"),
            ("石榴气泡水", "¥28"),
        ],
        "周二店休 · 请勿开闪光灯",
    )


@picture("tomato-beef-1.jpg", 800, 800, "#f2ddd0", "#e0b8a2")
def tomato(c: Canvas) -> None:
    th.bowl(c, 400, 490, 270, "#d1401f", False, 5)
    sc.headline(c, 96, ["电饭煲番茄牛腩"], 90, "#8f1d0e", "#fff8f0e8")
    c.pill(400, 194, "番茄6个 · 牛腩800克 · 0水", 38, "#ffffff", "#c8452f", True)


@picture("studio-18sqm-1.png", 960, 720, "#f4f1ea")
def floor_plan(c: Canvas) -> None:
    wall = "#3f3b47"
    c.text(60, 66, "18 m² · 2 people · 2 desks", 46, sc.INK, True)
    c.rect((70, 130, 710, 640), "#ffffff", 0, wall, 10)
    c.rect((74, 134, 240, 330), "#d3e6ee")
    c.text(157, 232, "bath", 32, wall, False, "mm")
    c.line([(240, 130), (240, 330), (70, 330)], wall, 8)
    c.rect((270, 140, 470, 200), "#e6d3b8")
    c.text(370, 170, "kitchen", 32, wall, False, "mm")
    c.rect((84, 420, 330, 620), "#c9b7dd", 12)
    c.text(207, 500, "bed 140", 34, wall, True, "mm")
    c.text(207, 548, "6 drawers", 30, wall, False, "mm")
    c.rect((350, 400, 400, 630), "#a98a6b")
    c.text(375, 370, "wardrobe 60", 30, wall, False, "mm")
    c.rect((490, 420, 590, 620), "#bcd6a8", 8)
    c.rect((596, 420, 696, 620), "#bcd6a8", 8)
    c.text(540, 520, "desk", 32, wall, True, "mm")
    c.text(646, 520, "desk", 32, wall, True, "mm")
    c.rect((690, 150, 706, 330), "#e4a06a")
    c.text(682, 240, "fold table", 30, wall, False, "rm")
    c.rect((704, 440, 720, 600), "#8fc7e8")
    c.lines(
        742,
        170,
        ["5.2 × 3.5 m", "aisle 62 cm", "table 12 cm", "when shut", "bike hook:", "door", "total €640"],
        34,
        "#57525f",
        False,
        gap=1.8,
        fit=190,
    )


@picture("studio-18sqm-2.jpg", 960, 720, "#e4dfd6")
def studio(c: Canvas) -> None:
    s.bed_room(c, "#cfd8d2", "#c79f78", "#7f9a8c")
    th.leaf_plant(c, 868, 650, 0.9, "#c8694f", "#4f8a5f", 0)
    sc.headline(c, 74, ["A bed, a sofa and six drawers"], 56, "#2f4a3f", "#fffdf6e8")


@picture("rental-lighting-1.webp", 960, 720, "#3a2c3f")
def lamps(c: Canvas) -> None:
    s.lamp_room(c)
    sc.headline(c, 84, ["Never use the big light"], 74, "#ffe2ae")
    c.pill(480, 176, "5 lamps · 2700 K · $86", 38, "#3a2430", "#ffd08a", True)


@picture("north-window-plants-1.jpg", 960, 720, "#dfe6e4", "#c3d0cc")
def plants(c: Canvas) -> None:
    c.rect((160, 60, 800, 470), "#ffffff", 6)
    c.gradient((176, 76, 472, 456), "#bccad3", "#dfe6e8")
    c.gradient((488, 76, 784, 456), "#bccad3", "#dfe6e8")
    c.gradient((0, 580, 960, 720), "#b58a62", "#93694a")
    kinds = (
        (110, 0, "#3f7a52", "#c8694f"),
        (258, 1, "#4c7f4f", "#8a8f99"),
        (410, 2, "#5a9a5a", "#e0b070"),
        (560, 0, "#2f6648", "#7a5a8a"),
        (712, 1, "#6fa06a", "#d9d2c2"),
        (862, 3, "#4f8f4c", "#5f7f8f"),
    )
    for x, kind, green, pot in kinds:
        th.leaf_plant(c, x, 604, 1.0, pot, green, kind)
    for (x, *_), name in zip(kinds, ("ZZ", "snake", "philo", "iron", "aglao", "fern"), strict=True):
        c.pill(x, 654, name, 30, "#33423a", "#fffdf4", True)
    sc.headline(c, 110, ["Alive in a north window"], 60, "#2f4a3f", "#fffdf6e8")


@picture("narrow-kitchen-1.jpg", 720, 960, "#f2efe6", "#e0dccb")
def kitchen(c: Canvas) -> None:
    c.text(360, 80, "3平米厨房 尺寸图", 56, sc.INK, True, "mm")
    c.rect((70, 150, 560, 330), "#d8c3a0", 8)
    for x in (70, 233, 396):
        c.rect((x + 6, 156, x + 158, 324), "#efe2c8", 6)
        c.disc(x + 140, 300, 7, "#8a6a48")
    c.line([(80, 400), (550, 400)], "#8d949c", 9)
    for i, kind in enumerate((0, 1, 2, 0, 1)):
        x = 120 + i * 90
        c.line([(x, 404), (x, 480)], "#5f666e", 7)
        if kind:
            c.rect((x - 22, 476, x + 22, 520), "#5f666e", 8 if kind == 1 else 22)
        else:
            c.oval((x - 20, 474, x + 20, 526), "#9a6a43")
    c.rect((60, 600, 570, 630), "#b7b1a6", 4)
    c.rect((70, 630, 440, 880), "#efe2c8", 6)
    c.rect((440, 540, 560, 880), "#cfd6da", 8)
    c.rect((576, 480, 656, 880), "#8fae9a", 8)
    for y in (560, 650, 740, 830):
        c.line([(576, y), (656, y)], "#6d8c79", 4)
        c.rect((590, y - 56, 610, y - 4), "#c8694f", 4)
        c.rect((620, y - 46, 642, y - 4), "#e0b070", 4)
    c.rect((120, 566, 300, 602), "#c3ccd2", 8)
    red = "#b3452a"
    c.line([(60, 912), (570, 912)], red, 4)
    c.text(300, 938, "总宽140 · 台面90", 30, red, True, "mm")
    c.text(616, 450, "18cm", 36, red, True, "mm")
    c.line([(36, 410), (36, 598)], red, 4)
    c.text(58, 550, "净高52", 32, red, True)
    c.text(255, 750, "水槽下：垃圾桶", 32, "#6b5a44", False, "mm")
    c.text(500, 740, "冰箱", 34, "#4a555c", True, "mm")
    c.text(315, 240, "下拉篮", 36, "#6b5a44", True, "mm")


@picture("cream-bedroom-1.jpg", 720, 960, "#efe6d8")
def cream(c: Canvas) -> None:
    s.bed_room(c, "#e9e0cf", "#d2b48c", "#cbb79c")
    c.glow(400, 430, 150, "#fff0cc", 0.8)
    sc.card(c, (50, 50, 350, 370), "#ffffff", 16)
    c.gradient((70, 70, 330, 210), "#e9e1d2", "#e4dbca", radius=10)
    c.text(200, 254, "暮霭米 YB-1043", 32, sc.INK, True, "mm", 280)
    c.text(200, 300, "蛋壳哑光 5L", 30, sc.GREY, False, "mm")
    c.text(200, 344, "¥328", 36, "#b3452a", True, "mm")
    sc.headline(c, 884, ["带灰的奶油白才不发黄"], 58, "#5a4630", "#fffaf0ea")


def bento(c: Canvas, y: float, h: float) -> None:
    c.shadow((60, y, 660, y + h), 40, 20, 16, 0.3)
    c.rect((60, y, 660, y + h), "#7fb5b0", 44)
    m, n = y + h * 0.52, 380
    for box in (
        (84, y + 24, n - 10, m - 10),
        (n + 10, y + 24, 636, m - 10),
        (84, m + 10, 290, y + h - 24),
        (310, m + 10, 636, y + h - 24),
    ):
        c.rect(box, "#fff7e8", 26)


@picture("toddler-lunch-box-1.jpg", 720, 960, "#ffe2c4", "#ffc9a3")
def lunch(c: Canvas) -> None:
    bento(c, 330, 520)
    for x, y in ((160, 430), (280, 440), (220, 510)):
        c.disc(x, y, 50, "#f2b84b")
        c.disc(x, y, 36, "#ffd778")
    for i in range(5):
        c.rect((410 + i * 44, 380, 440 + i * 44, 560), "#7fbf5f", 12)
        c.rect((417 + i * 44, 390, 433 + i * 44, 550), "#d9f0b8", 8)
    for i in range(9):
        c.disc(130 + (i % 3) * 54, 660 + (i // 3) * 56, 22, "#4a5fa8")
    for i, colour in enumerate(("#f7efe0", "#f08a5c", "#f7efe0")):
        c.disc(374 + i * 99, 720, 46, colour, "#e3d5bb", 3)
        c.rect((346 + i * 99, 738, 402 + i * 99, 768), "#2f4a3f", 8)
    sc.headline(c, 110, ["5 nursery lunches", "he finished"], 78, "#8a3a1a", "#fffaf2ea")


@picture("toddler-lunch-box-2.jpg", 720, 960, "#d9ecdf", "#b9dcc8")
def lunch_two(c: Canvas) -> None:
    bento(c, 220, 520)
    for i in range(12):
        x, y = 120 + (i % 4) * 66, 280 + (i // 4) * 62
        c.arc((x - 24, y - 24, x + 24, y + 24), i * 40, i * 40 + 260, "#eec678", 14)
    for i in range(8):
        c.pie((410 + (i % 4) * 54, 280 + (i // 4) * 100, 460 + (i % 4) * 54, 350 + (i // 4) * 100), 200, 340, "#7a3f78")
    for i in range(16):
        c.disc(120 + (i % 4) * 46, 550 + (i // 4) * 46, 15, "#ffd24d")
    c.disc(472, 605, 92, "#ffffff")
    c.disc(472, 605, 70, "#f3e6ee")
    sc.headline(c, 116, ["Tuesday: hidden lentils"], 62, "#245a42", "#fffffff0")
    c.pill(360, 830, "grapes: quarters, lengthways", 38, "#ffffff", "#7a3f78", True)


@picture("toddler-lunch-box-3.jpg", 720, 960, "#fdf3e2")
def portions(c: Canvas) -> None:
    sc.table(
        c,
        "Rough portions, age 2",
        ["Food", "Amount"],
        [
            ["Pasta, cooked", "60 g"],
            ["Protein", "25-30 g"],
            ["Cheese", "15 g"],
            ["Veg sticks", "4-5 pieces"],
            ["Soft fruit", "40 g"],
            ["Yoghurt", "80 g pot"],
            ["Water", "150 ml"],
        ],
        (1.3, 1),
        "#d9774a",
        38,
    )


@picture("baby-iron-food-1.jpg", 720, 960, "#fdeee6")
def baby(c: Canvas) -> None:
    sc.table(
        c,
        "8月龄一周辅食",
        ["", "午餐", "配菜"],
        [
            ["周一", "牛肉泥 25克", "番茄土豆"],
            ["周二", "猪肉末 25克", "西兰花"],
            ["周三", "猪肝泥 20克", "南瓜"],
            ["周四", "牛肉末 25克", "彩椒西葫芦"],
            ["周五", "三文鱼 20克", "胡萝卜"],
            ["周六", "羊肉泥 25克", "菠菜（焯）"],
            ["周日", "鸡腿肉 25克", "蛋黄＋苹果"],
        ],
        (0.7, 1.5, 1.4),
        "#e08a6a",
        34,
    )


@picture("stroller-plane-1.jpg", 800, 800, "#cfe3f2", "#eef4f7")
def stroller(c: Canvas) -> None:
    c.rect((40, 90, 300, 470), "#ffffffaa", 120)
    c.rect((70, 120, 270, 440), "#9fcbe8", 90)
    c.blob([(90, 330), (150, 300), (210, 320), (260, 310), (250, 400), (110, 410)], "#ffffff")
    th.stroller(c, 520, 530, 0.98, "#d9774a")
    sc.label(c, 90, 590, ["飞豆 Fold S2 口袋推车", "收起 52×44×18cm · 5.3kg", "到手 ¥699 · 可登机"], 620)


@picture("picture-books-3y-1.jpg", 800, 800, "#f6e7c9", "#ecd0a0")
def books(c: Canvas) -> None:
    c.text(400, 70, "睡前翻烂的四本", 54, "#6b3f1a", True, "mm")
    data = (
        ("月亮的小夜灯", "#2f3f7a", "#ffe9a8"),
        ("我有一朵红云", "#c8452f", "#ffd9cf"),
        ("藏在哪里呀", "#3f8a6a", "#e2f5d8"),
        ("雪夜散步", "#6d8fb5", "#ffffff"),
    )
    for i, (name, back, light) in enumerate(data):
        x, y = 60 + (i % 2) * 350, 130 + (i // 2) * 330
        c.shadow((x, y, x + 330, y + 300), 10, 14, 12, 0.3)
        c.gradient((x, y, x + 330, y + 300), back, back, radius=10)
        c.rect((x, y, x + 18, y + 300), "#00000030", 6)
        if i == 0:
            c.disc(x + 220, y + 96, 58, light)
            c.disc(x + 246, y + 80, 50, back)
        elif i == 1:
            c.blob(
                [
                    (x + 80, y + 120),
                    (x + 120, y + 60),
                    (x + 190, y + 50),
                    (x + 250, y + 90),
                    (x + 250, y + 140),
                    (x + 100, y + 144),
                ],
                light,
            )
        elif i == 2:
            for j in range(12):
                c.disc(x + 70 + (j % 6) * 40, y + 70 + (j // 6) * 56, 14 + (j * 7) % 9, light if j != 8 else "#f2b84b")
        else:
            c.poly([(x + 18, y + 150), (x + 120, y + 70), (x + 220, y + 150)], light)
            c.poly([(x + 140, y + 150), (x + 230, y + 90), (x + 316, y + 150)], "#dfe9f2")
        c.text(x + 174, y + 216, name, 42, light, True, "mm", 290)
        c.text(x + 174, y + 264, f"TOP {i + 1}", 30, light, False, "mm")
