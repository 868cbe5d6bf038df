"""What the evidence itself says of an interest: its name, what its users want, how its tags are written.

No language model: the words are those of the phrases and of the sentences people wrote or searched for.
"""

from collections import Counter
from collections.abc import Iterable

import regex

from handbook.mining.categories import slug
from handbook.mining.records import Cluster, PhraseStats
from handbook.records import Interest
from notes.language import has_han
from notes.words import terms, zipf

MAX_TAGS = 60
_NUMBER = regex.compile(r"\d")
_NAME = regex.compile(r"\b\p{Lu}\w+")
_ATTRIBUTES: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (name, frozenset(words.split()))
    for name, words in (
        ("price", "budget cheap affordable luxury price cost free under 平价 便宜 省钱 高端 预算 免费 性价比 学生党"),
        (
            "occasion",
            "wedding birthday christmas holiday date party valentine halloween 约会 婚礼 生日 圣诞 春节 通勤 聚会 年夜饭",
        ),
        ("season", "summer winter spring autumn fall 夏天 夏季 冬天 冬季 春天 春季 秋天 秋季 换季"),
        (
            "audience",
            "beginner kid child baby men women student mom dad senior 新手 宝宝 孩子 儿童 学生 男生 女生 宝妈 老人",
        ),
        (
            "style",
            "vintage minimalist retro modern classic style aesthetic casual 风格 复古 极简 法式 日系 韩系 古风 简约",
        ),
        (
            "place",
            "city street park beach mountain island hotel cafe bay lake 城市 海边 古镇 公园 酒店 咖啡馆 机位 打卡",
        ),
        ("duration", "day hour minute week weekend month 天 小时 分钟 周末 日游 两天一夜"),
        ("ingredient", "chicken beef pork rice egg milk vodka gin rum sugar juice 鸡 牛肉 猪肉 鸡蛋 米 牛奶 面粉 豆腐"),
        ("method", "how tutorial diy recipe tip guide 教程 做法 攻略 方法 技巧 步骤"),
        ("time of day", "night morning sunset sunrise evening 夜景 夜晚 早晨 日落 日出 傍晚"),
    )
)


def in_evidence_words(cluster: Cluster, taken: Iterable[str] = ()) -> Interest:
    """The interest a cluster is, in its own words.

    Args:
        cluster: With at least one phrase.
        taken: Ids in use.
    """
    name = interest_name(cluster)
    return Interest(
        id=interest_id(cluster.category, name, taken),
        name=name,
        description=description(cluster),
        tags={phrase.phrase: phrase.notes for phrase in _by_notes(cluster)},
        attributes=attributes(cluster),
        guidance=guidance(cluster),
        evidence=cluster.sentences,
        notes=cluster.notes,
        support=cluster.support,
        words="evidence",
        category=cluster.category,
    )


def interest_id(category: str, name: str, taken: Iterable[str]) -> str:
    """Category, a dot, the name as a slug; with a number where that is in use."""
    id = f"{category}.{slug(name, 50) or 'interest'}"
    used = set(taken)
    if id not in used:
        return id
    return next(f"{id}-{number}" for number in range(2, len(used) + 3) if f"{id}-{number}" not in used)


def interest_name(cluster: Cluster) -> str:
    """The phrase that speaks for most of the others among the best supported; joined by a second that says more."""
    first = _speaker(cluster)
    shown = first[:1].upper() + first[1:] if first[:1].isascii() else first
    others = [p.phrase for p in cluster.phrases[:6] if not set(terms(p.phrase)) & set(terms(first))]
    if others and len(first.split()) == 1 and len(cluster.phrases) > 2:
        joint = "与" if has_han(first) and has_han(others[0]) else " and "
        shown = f"{shown}{joint}{others[0]}"
    return shown[:120]


def description(cluster: Cluster) -> str:
    """One line: what the notes are about, and what people search for."""
    phrases = [phrase.phrase for phrase in cluster.phrases[:4]]
    chinese = has_han("".join(phrases))
    if chinese:
        said = f"关于{'、'.join(phrases)}的笔记。"
    else:
        listed = ", ".join(phrases[:-1]) + (" and " if len(phrases) > 1 else "") + phrases[-1]
        said = f"Notes on {listed}."
    return said[:600]


def attributes(cluster: Cluster) -> tuple[str, ...]:
    """What fine tags name here, by the classes of words in phrases and sentences."""
    words = Counter(term for p in cluster.phrases for term in terms(p.phrase))
    words.update(term for sentence in cluster.sentences for term in set(terms(sentence)))
    text = "".join(p.phrase for p in cluster.phrases) + "".join(cluster.sentences)
    found: list[tuple[int, str]] = []
    for name, wanted in _ATTRIBUTES:
        hits = sum(count for word, count in words.items() if word in wanted)
        hits += sum(text.count(word) for word in wanted if has_han(word) and len(word) != 2)
        if hits > 1:
            found.append((hits, name))
    names = [p.phrase for p in cluster.phrases if _NAME.search(p.phrase) or _unknown(p.phrase)]
    if 3 * len(names) > len(cluster.phrases):
        found.append((len(names), "brand, title or name"))
    if 4 * sum(bool(_NUMBER.search(p.phrase)) for p in cluster.phrases) > len(cluster.phrases):
        found.append((1, "number"))
    return tuple(name for _, name in sorted(found, key=lambda entry: (-entry[0], entry[1]))[:4])


def guidance(cluster: Cluster) -> str:
    """How its tags are written: length, names, and the coarse words to avoid."""
    phrases = [phrase.phrase for phrase in cluster.phrases]
    coarse = [p for p in phrases if len(terms(p)) == 1 and sum(terms(p)[0] in terms(other) for other in phrases) > 2]
    if has_han("".join(phrases)):
        sizes = sorted(len(p) for p in phrases)
        said = f"标签一般{sizes[len(sizes) // 4]}到{sizes[-1 - len(sizes) // 4]}个字，如“{phrases[0]}”。"
        return said + (f"只写“{coarse[0]}”太宽泛。" if coarse else "")
    sizes = sorted(len(p.split()) for p in phrases)
    low, high = sizes[len(sizes) // 4], sizes[-1 - len(sizes) // 4]
    size = f"{low} to {high} words" if low != high else f"{low} word{'s' if low > 1 else ''}"
    said = f"People write {size}, such as “{phrases[0]}”."
    return said + (f" “{coarse[0]}” alone is too coarse." if coarse else "")


def _speaker(cluster: Cluster) -> str:
    """Of the three best supported phrases the one whose words occur in most others; the fuller one where equal."""
    words = [set(terms(p.phrase)) for p in cluster.phrases]
    best = max(
        range(min(3, len(cluster.phrases))),
        key=lambda i: (sum(bool(words[i] & other) for other in words), -i),
    )
    return cluster.phrases[best].phrase


def _by_notes(cluster: Cluster) -> list[PhraseStats]:
    kept = sorted(cluster.phrases, key=lambda p: (-p.users, p.phrase))[:MAX_TAGS]
    return sorted(kept, key=lambda p: (-p.notes, p.phrase))


def _unknown(phrase: str) -> bool:
    return phrase.isascii() and any(zipf(word) < 2 for word in phrase.lower().split())
