"""Invent the behaviour log examples/interactions.csv from examples/notes.jsonl.

Usage:
    python examples/make_interactions.py [--seed 2026] [--users 80]

Every user has one to three favourite categories and, inside them, one or two
themes (small groups of notes). Most events fall on favourite themes, some on
the rest of the favourite categories, a few anywhere. Only the standard library
is used; the same seed gives the same file.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
END = int(datetime(2026, 9, 30, tzinfo=UTC).timestamp())
DAY = 86_400

#: Themes by category: notes that the same people tend to like.
THEMES: dict[str, list[list[str]]] = {
    "travel": [
        ["sg-night-3d", "hk-night-walk", "chengdu-weekend"],
        ["sg-night-3d", "sanya-budget", "chengdu-weekend"],
        ["kyoto-solo-rain", "lisbon-tram-morning", "dolomites-hut"],
    ],
    "food": [
        ["pour-over-ratio", "shanghai-cafe"],
        ["miso-noodles-10min", "airfryer-wings", "tomato-beef"],
        ["sourdough-fridge", "tomato-beef"],
    ],
    "fashion": [
        ["petite-workwear", "commuter-bag", "pear-shape-jeans", "new-chinese-style"],
        ["retro-runner-sneaker", "capsule-12"],
    ],
    "beauty": [
        ["retinol-beginner", "sunscreen-oily"],
        ["brown-mauve-lip", "yellow-skin-blush", "morning-5min-makeup"],
        ["curly-wash-day", "retinol-beginner"],
    ],
    "pets": [
        ["cat-slow-feeder", "kitten-litter", "old-cat-kidney", "balcony-cat-proof"],
        ["rescue-greyhound", "corgi-diet"],
    ],
    "digital": [
        ["alice65-keyboard", "ereader-notes", "nas-mini"],
        ["night-street-camera", "phone-battery-settings", "anc-earbuds"],
    ],
    "home": [
        ["studio-18sqm", "narrow-kitchen"],
        ["rental-lighting", "cream-bedroom", "north-window-plants"],
    ],
    "fitness": [
        ["c25k-week4", "half-marathon-pb"],
        ["dumbbell-3day", "desk-hip-mobility", "wall-pilates"],
    ],
    "parenting": [
        ["toddler-lunch-box", "baby-iron-food"],
        ["sleep-regression", "picture-books-3y", "stroller-plane"],
    ],
}

#: What people typed before they opened a note.
QUERIES: dict[str, list[str]] = {
    "sg-night-3d": ["singapore night view spots", "singapore 3 days itinerary", "新加坡夜景机位"],
    "lisbon-tram-morning": ["lisbon tram 28 without queue", "lisbon sunrise viewpoint"],
    "kyoto-solo-rain": ["kyoto rainy day solo", "quiet kyoto temples"],
    "dolomites-hut": ["hut to hut dolomites beginner", "alta via 1 hut price"],
    "chengdu-weekend": ["成都两天怎么玩", "成都周末攻略", "chengdu weekend"],
    "sanya-budget": ["三亚穷游多少钱", "三亚后海冲浪", "三亚5天花费"],
    "hk-night-walk": ["維港夜景路線", "香港夜景去哪看", "hong kong star ferry night"],
    "miso-noodles-10min": ["10 minute noodles", "miso butter noodles recipe"],
    "pour-over-ratio": ["pour over ratio", "sour pour over fix", "手冲粉水比"],
    "sourdough-fridge": ["sourdough working schedule", "cold proof sourdough"],
    "airfryer-wings": ["空气炸锅鸡翅几分钟", "减脂炸鸡"],
    "shanghai-cafe": ["武康路安静咖啡", "上海院子咖啡馆"],
    "tomato-beef": ["电饭煲番茄牛腩", "带饭菜谱"],
    "petite-workwear": ["petite work outfits", "155cm office style"],
    "retro-runner-sneaker": ["green suede retro runner", "gum sole sneakers"],
    "capsule-12": ["autumn capsule wardrobe", "carry on packing list"],
    "new-chinese-style": ["马面裙通勤", "新中式怎么搭"],
    "commuter-bag": ["通勤包能装电脑", "14寸电脑托特包"],
    "pear-shape-jeans": ["梨形身材牛仔裤", "胯宽穿什么裤子"],
    "retinol-beginner": ["retinal for sensitive skin", "retinol sandwich method"],
    "brown-mauve-lip": ["mauve lipstick olive skin", "mlbb brown mauve"],
    "curly-wash-day": ["fine curls volume", "3a curly routine hard water"],
    "sunscreen-oily": ["油皮防晒推荐", "防晒不搓泥"],
    "yellow-skin-blush": ["黄皮腮红", "腮红试色 黄二白"],
    "morning-5min-makeup": ["早八妆容", "五分钟通勤妆"],
    "cat-slow-feeder": ["cat eats too fast", "slow feeder for cats", "猫吃太快吐"],
    "rescue-greyhound": ["adopt retired greyhound", "dog scared of stairs"],
    "balcony-cat-proof": ["cat net no drilling", "cat proof balcony rental"],
    "kitten-litter": ["奶猫用什么猫砂", "猫砂测评"],
    "corgi-diet": ["柯基减肥", "狗狗控重一天几克"],
    "old-cat-kidney": ["腎貓喝水", "老猫肾病护理"],
    "alice65-keyboard": ["alice layout build", "silent switches office"],
    "night-street-camera": ["night street camera settings", "handheld night photos"],
    "ereader-notes": ["e-ink tablet papers", "read pdf e-ink"],
    "nas-mini": ["nas power consumption", "mini pc home server"],
    "phone-battery-settings": ["旧手机省电", "安卓续航设置"],
    "anc-earbuds": ["地铁降噪耳机", "三百元降噪耳机"],
    "studio-18sqm": ["18 sqm studio layout", "two desks small flat"],
    "rental-lighting": ["rental lighting ideas", "no big light"],
    "north-window-plants": ["north window plants", "low light houseplants"],
    "narrow-kitchen": ["小厨房收纳", "夹缝柜尺寸"],
    "cream-bedroom": ["奶油白墙漆色号", "奶油风卧室"],
    "c25k-week4": ["couch to 5k week 4", "slow running beginner"],
    "dumbbell-3day": ["3 day dumbbell plan", "home full body workout"],
    "desk-hip-mobility": ["hip mobility desk", "tight hips sitting"],
    "half-marathon-pb": ["半马破二配速", "半马补给"],
    "wall-pilates": ["墙普拉提", "假胯宽怎么改善"],
    "toddler-lunch-box": ["toddler lunch box ideas", "nut free nursery lunch"],
    "sleep-regression": ["4 month sleep regression", "wake windows 4 months"],
    "baby-iron-food": ["8个月辅食表", "宝宝补铁"],
    "stroller-plane": ["口袋推车可登机", "带娃坐飞机"],
    "picture-books-3y": ["3岁绘本推荐", "睡前绘本"],
}

KINDS = ("click", "like", "save", "comment", "share", "search")
FAVOURITE = (40, 19, 17, 5, 5, 14)
OTHER = (76, 10, 4, 2, 2, 6)


@dataclass
class User:
    """A user's taste: categories, the loved notes inside them, and languages."""

    id: str
    categories: list[str]
    loved: list[str]
    languages: frozenset[str]


def load_notes(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        notes = [json.loads(line) for line in lines if line.strip()]
    return {note["id"]: note for note in notes}


def make_user(number: int, rnd: random.Random, notes: dict[str, dict[str, str]]) -> User:
    names = sorted(THEMES)
    chosen = [names[number % len(names)]]
    chosen += rnd.sample([n for n in names if n not in chosen], rnd.choice((0, 1, 1, 2)))
    languages = frozenset(rnd.choice((("en",), ("zh",), ("en", "zh"), ("en", "zh"))))
    loved: list[str] = []
    for category in chosen:
        for theme in rnd.sample(THEMES[category], rnd.choice((1, 1, 2))):
            own = [n for n in theme if notes[n]["lang"] in languages]
            loved += [n for n in own or theme if n not in loved]
    return User(f"u{number + 1:03d}", chosen, loved, languages)


def pick(user: User, rnd: random.Random, notes: dict[str, dict[str, str]]) -> str:
    roll = rnd.random()
    if roll < 0.66:
        return rnd.choice(user.loved)
    anywhere = roll >= 0.86
    pool = [n for n, note in notes.items() if anywhere or note["category"] in user.categories]
    own = [n for n in pool if notes[n]["lang"] in user.languages]
    return rnd.choice(own or pool)


def events(user: User, rnd: random.Random, notes: dict[str, dict[str, str]]) -> list[list[str]]:
    rows: dict[tuple[str, str], list[str]] = {}
    for _ in range(rnd.randint(22, 62)):
        note = pick(user, rnd, notes)
        kind = rnd.choices(KINDS, FAVOURITE if note in user.loved else OTHER)[0]
        born = int(datetime.fromisoformat(notes[note]["created_at"]).timestamp())
        when = min(born + 600 + int(rnd.expovariate(1 / (21 * DAY))), END - rnd.randrange(DAY))
        strength, query = "1", ""
        if kind == "search":
            query = rnd.choice(QUERIES[note])
        elif kind == "click":
            strength = rnd.choice(("0.5", "1", "1", "1.5"))
        steps = [("click", when, "1", "")] if kind not in ("click", "search") else []
        for name, at, weight, text in [*steps, (kind, when + rnd.randint(8, 240), strength, query)]:
            rows.setdefault((note, name), [user.id, note, str(at), name, weight, text])
    return list(rows.values())


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Invent the example behaviour log.")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--users", type=int, default=80)
    args = parser.parse_args(argv)
    rnd = random.Random(args.seed)
    notes = load_notes(HERE / "notes.jsonl")
    rows: list[list[str]] = []
    for number in range(args.users):
        rows += events(make_user(number, rnd, notes), rnd, notes)
    rows.sort(key=lambda row: (int(row[2]), row[0], row[1], row[3]))
    with (HERE / "interactions.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["user_id", "note_id", "timestamp", "kind", "strength", "query"])
        writer.writerows(rows)
    print(f"{len(rows)} rows, {args.users} users")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
