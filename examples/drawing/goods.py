"""Pictures of the fashion, beauty and digital notes."""

from __future__ import annotations

from . import screens as sc
from . import things as th
from .canvas import Canvas, mix
from .registry import picture


@picture("petite-workwear-1.jpg", 720, 960, "#efe7dc", "#dccdb9")
def petite(c: Canvas) -> None:
    sc.headline(c, 92, ["155 cm office formula"], 64, "#4a3526")
    sc.card(c, (40, 160, 680, 920), "#fffaf2", 30)
    th.garment(c, 220, 220, 1.25, "blazer", "#d9c3a0")
    th.garment(c, 500, 220, 1.25, "trousers", "#5f4030")
    th.garment(c, 220, 640, 1.1, "shoes", "#5f4030")
    c.text(220, 560, "cropped blazer", 34, "#4a3526", True, "mm")
    c.text(500, 770, "high waist, straight", 34, "#4a3526", True, "mm")
    c.text(220, 800, "pointed flat", 34, "#4a3526", True, "mm")
    c.pill(360, 866, "same colour, waist to toe", 34, "#ffffff", "#8a5a3c", True)


@picture("retro-runner-sneaker-1.jpg", 960, 720, "#dfe6da", "#bccab5")
def sneaker(c: Canvas) -> None:
    c.disc(480, 380, 270, "#eef2e6")
    th.sneaker(c, 190, 520, 1.02, "#e6d9bf", "#4f7356", "#c58a4e")
    c.text(480, 96, "HALDEN R-72", 92, "#2f4a36", True, "mm")
    c.pill(480, 640, "Oat / Forest", 46, "#ffffff", "#4f7356", True)


@picture("retro-runner-sneaker-2.jpg", 800, 800, "#e9ded0", "#cdb79c")
def shoe_box(c: Canvas) -> None:
    c.shadow((90, 190, 710, 660), 14, 26, 22, 0.4)
    c.gradient((90, 250, 710, 660), "#4f7356", "#3c5a43")
    c.gradient((74, 180, 726, 280), "#5d8365", "#4a6b51")
    c.text(400, 232, "HALDEN", 52, "#f3ead8", True, "mm")
    sc.label(c, 150, 330, ["R-72 Suede Runner", "Oat / Forest · gum", "EU 39.5 · W / U", "SALE US$95.00"], 500)
    for i in range(44):
        c.rect((190 + i * 9.6, 596, 190 + i * 9.6 + (3 if i % 3 else 6), 640), "#f3ead8")


@picture("capsule-12-1.jpg", 720, 960, "#ece8df")
def capsule(c: Canvas) -> None:
    sc.headline(c, 76, ["12 pieces → 47 outfits"], 60, "#3f3a34")
    items = (
        ("shirt", "#ffffff"),
        ("knit", "#f0e4cc"),
        ("shirt", "#7a7f55"),
        ("knit", "#c9ccd6"),
        ("trousers", "#4a4a50"),
        ("trousers", "#33415f"),
        ("skirt", "#2b2a2f"),
        ("blazer", "#c69a63"),
        ("knit", "#6b7f78"),
        ("shoes", "#26242a"),
        ("shoes", "#f7f5f0"),
        ("shirt", "#b5532f"),
    )
    names = (
        "tee ×2",
        "merino",
        "overshirt",
        "stripes",
        "wool",
        "denim",
        "slip skirt",
        "camel",
        "vest",
        "loafers",
        "trainers",
        "scarf",
    )
    for i, ((kind, colour), name) in enumerate(zip(items, names, strict=True)):
        x, y = 38 + (i % 4) * 164, 140 + (i // 4) * 268
        c.rect((x, y, x + 152, y + 254), "#fbf9f4", 18)
        k = {"trousers": 0.42, "skirt": 0.42, "shoes": 0.9}.get(kind, 0.56)
        if name == "scarf":
            c.curve([(x + 56, y + 40), (x + 96, y + 60), (x + 84, y + 180)], colour, 30)
            c.curve([(x + 98, y + 40), (x + 60, y + 70), (x + 62, y + 150)], mix(colour, "#ffffff", 0.2), 30)
        else:
            body = "#ece7dc" if colour == "#ffffff" else colour
            th.garment(c, x + 76, y + (60 if kind == "shoes" else 28), k, kind, body)
        c.text(x + 76, y + 224, name, 28, "#57525f", False, "mm")


@picture("new-chinese-style-1.jpg", 720, 960, "#f1e4d6", "#dcbfa8")
def ma_mian(c: Canvas) -> None:
    c.disc(360, 560, 300, "#f8efe2")
    th.garment(c, 360, 300, 1.1, "shirt", "#ffffff")
    th.garment(c, 360, 520, 1.0, "skirt", "#2b2430")
    for i in range(7):
        c.disc(240 + i * 40, 850 - abs(3 - i) * 2, 13, "#c9a04e")
    c.rect((300, 546, 420, 876), "#382e3e")
    for y in (620, 700, 780):
        c.disc(360, y, 24, None, "#c9a04e", 5)
        c.disc(360, y, 9, "#c9a04e")
    sc.headline(c, 110, ["马面裙上班怎么穿", "3套能穿 2套别穿"], 74, "#6b1f1a")


@picture("commuter-bag-1.jpg", 800, 800, "#e8e2da", "#cfc4b6")
def bag(c: Canvas) -> None:
    c.gradient((0, 600, 800, 800), "#b8aa98", "#9d8e7b")
    th.tote(c, 400, 600, 1.0, "#7a4a34")
    sc.label(c, 100, 606, ["MORIA 中号托特 · 焦糖棕", "头层牛皮 33×28×14cm", "到手 ¥459（吊牌 ¥799）"], 600)


@picture("pear-shape-jeans-1.jpg", 720, 960, "#e6ebf2")
def jeans(c: Canvas) -> None:
    sc.table(
        c,
        "弯月 高腰微喇 L-08",
        ["码", "腰围", "臀围", "裤长"],
        [
            ["25", "62", "88", "100"],
            ["26", "65", "91", "101"],
            ["27", "68", "94", "102"],
            ["28", "71", "97", "103"],
            ["29", "74", "100", "104"],
        ],
        (1, 1.2, 1.2, 1.2),
        "#465a80",
        36,
    )
    c.text(200, 812, "我163/56 穿27码", 38, "#b3452a", True, "mm")
    c.text(200, 872, "按臀围选 · ¥189", 34, "#4a4552", False, "mm")
    th.garment(c, 530, 778, 0.42, "flare", "#465a80")


@picture("retinol-beginner-1.jpg", 720, 960, "#f5e6dc", "#e6c9ba")
def retinal(c: Canvas) -> None:
    c.gradient((0, 800, 720, 960), "#d9b39f", "#c79a85")
    th.bottle(c, 190, 850, 190, 300, "#f3efe8", "#cbbcae", "jar")
    th.bottle(c, 430, 850, 250, 420, "#c9824a", "#2f2a2c", "dropper")
    c.rect((318, 520, 542, 780), "#fffaf2", 6)
    c.lines(430, 566, ["DERMALIE", "RETINAL", "0.03 %", "15 ml / €24"], 40, "#3a2a24", True, "mm", 1.4, 210)
    c.text(190, 690, "panthenol", 32, "#6b5a50", False, "mm")
    c.text(190, 734, "cream", 32, "#6b5a50", False, "mm")
    th.bottle(c, 630, 850, 110, 330, "#fbe3a8", "#ffffff", "cap")
    c.text(630, 690, "SPF", 34, "#8a5a1a", True, "mm")
    c.text(630, 732, "50", 40, "#8a5a1a", True, "mm")
    sc.headline(c, 104, ["Retinal for cowards", "weeks 1 to 8"], 68, "#7a3f2a")


@picture("brown-mauve-lip-1.jpg", 800, 800, "#ead6d0", "#d3b1a8")
def lip(c: Canvas) -> None:
    for i, colour in enumerate(("#a5615c", "#9a544f", "#b3736c")):
        c.curve([(80, 180 + i * 110), (230, 160 + i * 110), (380, 190 + i * 110)], colour, 62)
    th.lipstick(c, 580, 620, 1.15, "#9a544f", "#3a2a2c")
    sc.label(c, 70, 590, ["ORLETTE soft matte", "No. 07 Cedar Rose", "3.4 g · $14"], 400)


@picture("sunscreen-oily-1.jpg", 720, 960, "#cdebf5", "#fdf3d3")
def sunscreen(c: Canvas) -> None:
    c.glow(580, 170, 240, "#ffd35c", 0.9)
    c.gradient((0, 790, 720, 960), "#f5e0b0", "#e8c98a")
    th.bottle(c, 360, 860, 270, 520, "#ffffff", "#4fb3d9", "cap")
    c.text(360, 470, "澄澈", 64, "#2f8fb8", True, "mm")
    c.text(360, 540, "AQUA VEIL", 38, "#2f8fb8", True, "mm")
    c.text(360, 640, "SPF50+", 54, "#e4772e", True, "mm")
    c.text(360, 700, "PA++++", 44, "#e4772e", True, "mm")
    c.text(360, 776, "40ml ¥89", 34, "#57707a", False, "mm")
    sc.headline(c, 110, ["大油皮空瓶防晒"], 80, "#1f5f7f", "#ffffffd8")


@picture("yellow-skin-blush-1.jpg", 960, 720, "#e9cfae", "#dcbd98")
def blush(c: Canvas) -> None:
    sc.headline(c, 80, ["黄皮腮红试色 自然光"], 60, "#5a2f2a", "#fff8efe8")
    data = (
        ("干枯玫瑰 R12", "#b8605a", "推荐"),
        ("杏奶茶 M03", "#cf9070", "裸妆"),
        ("荔枝粉 P08", "#ea9aa0", "少量"),
        ("蓝调粉 C21", "#d983b8", "避雷"),
    )
    for i, (name, colour, verdict) in enumerate(data):
        x = 130 + i * 233
        c.shadow((x - 84, 170, x + 84, 338), 84, 12, 10, 0.3)
        c.disc(x, 254, 86, "#3a2f33")
        c.disc(x, 254, 72, colour)
        c.arc((x - 50, 204, x + 50, 304), 200, 300, mix(colour, "#ffffff", 0.3), 6)
        c.curve([(x - 60, 440), (x, 428), (x + 60, 444)], colour, 70)
        c.text(x, 540, name, 32, "#4a2a24", True, "mm", 222)
        c.pill(x, 610, verdict, 32, "#ffffff", ("#3f8a5f", "#3f8a5f", "#c98a2e", "#b3452a")[i], True)


@picture("morning-5min-makeup-1.jpg", 720, 960, "#f8e3df", "#eec4bd")
def makeup(c: Canvas) -> None:
    skin = "#f2cfb5"
    c.blob([(150, 420), (190, 260), (360, 210), (530, 260), (570, 420), (590, 800), (130, 800)], "#3a2a2c")
    c.rect((310, 700, 410, 860), mix(skin, "#000000", 0.1), 30)
    c.blob([(200, 430), (230, 330), (360, 300), (490, 330), (520, 430), (480, 640), (360, 740), (240, 640)], skin)
    c.blob([(200, 440), (220, 310), (360, 250), (500, 310), (520, 440), (450, 360), (340, 350)], "#3a2a2c")
    for side in (-1, 1):
        x = 360 + side * 76
        c.curve([(x - 44, 452), (x, 438), (x + 44, 450)], "#5a3f38", 9)
        c.curve([(x - 38, 502), (x, 488), (x + 38, 498)], "#2b2022", 7)
        c.disc(x, 506, 14, "#3a2a26")
        c.glow(360 + side * 110, 580, 62, "#e8837a", 0.6)
    c.curve([(352, 540), (348, 580), (368, 590)], "#d9a88c", 5)
    c.blob([(308, 640), (340, 626), (360, 634), (380, 626), (412, 640), (360, 672)], "#b5605a")
    c.gradient((0, 840, 720, 960), "#e8a79d", "#d98a80")
    sc.headline(c, 96, ["早八5分钟通勤妆"], 82, "#8a2f3a", "#fff8f5ea")
    c.text(360, 900, "打底→遮瑕→眉→眼→唇", 46, "#ffffff", True, "mm")


@picture("alice65-keyboard-1.jpg", 960, 720, "#d8cfc0", "#b8a88f")
def keyboard(c: Canvas) -> None:
    c.gradient((0, 0, 960, 720), "#cbb89c", "#a58d6c")
    c.rect((40, 190, 920, 600), "#5a6b60", 30)
    th.keyboard(c, 90, 230, 780, "#e6e2d8", "#f3ecdc", "#3f6b55", True)
    sc.headline(c, 92, ["Alice 65 build, office quiet"], 60, "#2f4a3c", "#fffaf0ea")
    c.pill(480, 656, "gasket · POM plate · dye sub PBT", 34, "#ffffff", "#3f6b55", True)


@picture("alice65-keyboard-2.jpg", 800, 800, "#3f4a45", "#2b322f")
def switches(c: Canvas) -> None:
    for i in range(15):
        x, y = 120 + (i % 5) * 140, 90 + (i // 5) * 140
        c.rect((x - 50, y - 44, x + 50, y + 56), "#1c211f", 14)
        c.rect((x - 48, y - 50, x + 48, y + 44), "#d9d3e6", 14)
        c.rect((x - 30, y - 32, x + 30, y + 28), "#b9a9d6", 10)
        c.rect((x - 20, y - 8, x + 20, y + 6), "#8a6fc0", 3)
        c.rect((x - 7, y - 22, x + 7, y + 20), "#8a6fc0", 3)
    sc.label(
        c,
        110,
        500,
        ["HUSHTONE Lilac V2", "silent linear · 66 pcs", "spring 53.5 g, long pole", "switches $46 · build $238"],
        580,
    )


@picture("night-street-camera-1.png", 720, 960, "#101116")
def camera(c: Canvas) -> None:
    sc.phone(
        c,
        "C2 · Night street",
        [
            ("Mode", "Manual"),
            ("Aperture", "f/2.0"),
            ("Shutter", "1/125 s"),
            ("ISO auto max", "6400"),
            ("Exposure comp", "-0.7 EV"),
            ("White balance", "3900 K"),
            ("Film look", "Chrome soft"),
            ("Highlight / shadow", "-1 / +1"),
        ],
        "#ffb44d",
        True,
    )


@picture("ereader-notes-1.jpg", 800, 800, "#dcd6cb", "#bfb5a5")
def ereader(c: Canvas) -> None:
    c.shadow((70, 60, 480, 600), 26, 24, 20, 0.4)
    c.rect((70, 60, 480, 600), "#3a3d42", 26)
    c.rect((100, 92, 450, 550), "#f1efe8", 4)
    for col in range(2):
        for i in range(19):
            x = 118 + col * 166
            c.rect((x, 118 + i * 22, x + (146 if i % 5 != 4 else 90), 126 + i * 22), "#9a978f", 3)
    c.curve([(130, 330), (210, 300), (280, 344), (400, 290), (430, 330)], "#4a4f8a", 5)
    c.line([(540, 110), (610, 560)], "#2b2d31", 16)
    sc.label(c, 330, 560, ["INKWELL Folio 10.3", "64 GB · open box", "€329 → €219"], 420)


@picture("nas-mini-1.png", 960, 720, "#eef1f5")
def nas(c: Canvas) -> None:
    sc.bars(
        c,
        "Power at the plug (watts)",
        [
            ("idle", 7.4, "7.4 W"),
            ("photos", 13.1, "13.1 W"),
            ("transcode", 21.6, "21.6 W"),
            ("old tower", 64, "64 W"),
        ],
        ("#3f8a8a", "#3f8a8a", "#d9a13f", "#b3452a"),
        "BEECUBE N2, 16 GB, 2 × 4 TB · 30 day average 8.9 W",
    )


@picture("phone-battery-settings-1.png", 720, 960, "#f1f2f6")
def battery(c: Canvas) -> None:
    sc.phone(
        c,
        "省电开关清单",
        [
            ("应用自启动", "off"),
            ("屏幕刷新率", "60Hz"),
            ("网络模式", "4G优先"),
            ("后台扫描WiFi", "off"),
            ("定位", "使用时"),
            ("息屏显示", "off"),
            ("触感振动", "off"),
            ("深色模式", "on"),
            ("优化充电至80%", "on"),
        ],
        "#2f9e6f",
    )


@picture("anc-earbuds-1.webp", 800, 800, "#e4e0ee", "#c3bcd8")
def earbuds(c: Canvas) -> None:
    for r in (320, 260, 200):
        c.disc(400, 320, r, "#ffffff28")
    th.earbuds(c, 400, 520, 1.25, "#6b74a0")
    sc.label(c, 120, 560, ["轻鸣 Q5 Pro 降噪耳机", "深度 -45dB · 双设备连接", "¥249"], 560)
