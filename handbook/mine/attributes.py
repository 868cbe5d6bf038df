"""What fine tags of an interest name: place, brand, price … by simple classes of words."""

from collections.abc import Sequence
from typing import NamedTuple

import regex

from handbook.mine.phrases import spaced
from handbook.mine.records import Cluster
from notes.language import has_han
from notes.words import kinds, terms, zipf

_MOST = 5
_LEAST = 2
"""Phrases that speak of an attribute, from which a fine tag would name it."""
_SHARE = 0.08
"""The same as a share of all phrases."""


class _Class(NamedTuple):
    english: str
    chinese: str
    words: frozenset[str]
    han: "regex.Pattern[str] | None"


def _class(english: str, chinese: str, words: str, han: str = "") -> _Class:
    return _Class(english, chinese, frozenset(words.split()), regex.compile(han) if han else None)


_CLASSES = (
    _class(
        "place",
        "地点",
        """city town village street district bay island beach mountain lake river park harbour coast forest
        desert station airport museum temple castle london paris tokyo kyoto singapore york angeles chicago
        boston england france italy spain germany japan china india korea thailand vietnam russia america usa
        uk europe africa asia australia canada mexico brazil greece turkey egypt scotland ireland
        california texas florida hawaii""",
        r"(?:城市|街|路|古镇|海边|沙滩|公园|景区|酒店|咖啡馆|机位|岛|湖|湾|寺|"
        r"北京|上海|广州|深圳|成都|杭州|重庆|西安|武汉|南京|苏州|长沙|厦门|三亚|云南|四川|新疆|西藏|海南|香港|"
        r"澳门|台湾|日本|东京|京都|韩国|泰国|新加坡|法国|英国|美国)",
    ),
    _class(
        "price",
        "价格",
        "budget cheap affordable luxury price cost free discount deal under tax money dollar euro",
        r"(?:平价|便宜|省钱|预算|免费|性价比|学生党|高端|元|折|价格|多少钱|人均)",
    ),
    _class(
        "occasion",
        "场合",
        """wedding birthday christmas halloween holiday date party valentine easter thanksgiving
        anniversary funeral         prom graduation brunch dinner breakfast lunch commute office interview festival""",
        r"(?:约会|婚礼|生日|圣诞|春节|中秋|国庆|端午|情人节|通勤|聚会|年夜饭|面试|毕业|早餐|午餐|晚餐|节日|上班)",
    ),
    _class(
        "season",
        "季节",
        "summer winter spring autumn fall seasonal snow",
        r"(?:春|夏|秋|冬)(?:天|季|日)|换季|早秋|初春|立秋",
    ),
    _class(
        "audience",
        "人群",
        """beginner kid child children baby toddler teen teenager men women student mom dad mother father parent senior
        pregnant newborn girl boy family couple petite""",
        r"(?:新手|宝宝|孩子|儿童|学生|男生|女生|女孩|男友|宝妈|老人|小个子|孕|婴|亲子|微胖|油皮|干皮|黄皮)",
    ),
    _class(
        "style",
        "风格",
        """vintage minimalist retro modern classic style aesthetic casual gothic noir surreal indie contemporary rustic
        traditional art design""",
        r"(?:风格|复古|极简|法式|日系|韩系|古风|国风|简约|奶油风|新中式|港风|汉服|穿搭|显瘦|气质)",
    ),
    _class(
        "duration",
        "时长",
        "day hour minute week weekend month overnight itinerary",
        r"(?:\d|[一二两三四五六七八九十])(?:天|日游|小时|分钟|周|个月|年)|周末|两天一夜",
    ),
    _class(
        "ingredient",
        "食材",
        """chicken beef pork fish shrimp rice egg milk cheese butter flour sugar chocolate vodka gin rum tequila whiskey
        lime lemon orange juice mint tomato potato garlic onion mushroom tofu bean noodle bread coffee tea cream""",
        r"(?:鸡|牛肉|猪|鱼|虾|蛋|米|奶|面粉|豆腐|土豆|番茄|西红柿|茄子|青椒|蒜|葱|糖|酱|菜|肉|豆|瓜)",
    ),
    _class(
        "method",
        "做法",
        "how tutorial diy recipe technique method guide cooking training learning analysis theory strategy algorithm",
        r"(?:教程|做法|攻略|方法|技巧|步骤|训练|怎么|如何|教学|设置|测评)",
    ),
    _class(
        "time of day",
        "时间",
        "night morning sunset sunrise evening midnight dawn dusk",
        r"(?:夜景|夜晚|早晨|日落|日出|傍晚|晚上|早起|睡前|早八)",
    ),
    _class(
        "period",
        "年代",
        "century 1920s 1930s 1940s 1950s 1960s 1970s 1980s 1990s medieval ancient era war history",
        r"(?:年代|世纪|古代|民国|八十年代)",
    ),
    _class(
        "relationship",
        "关系",
        """marriage friendship relationship love divorce brother sister son daughter husband wife girlfriend boyfriend
        romance affair""",
        r"(?:爱情|友情|婚姻|夫妻|情侣|闺蜜|母女|父子|恋爱)",
    ),
    _class(
        "colour",
        "颜色",
        "colour color red green blue black white pink brown yellow purple shade",
        r"(?:色号|颜色|红色|绿色|蓝色|黑色|白色|粉色|棕色|配色|试色)",
    ),
    _class(
        "material",
        "材质",
        "leather cotton linen suede wood steel glass plastic paper wool silk metal",
        r"(?:真皮|棉|亚麻|木|不锈钢|玻璃|羊毛|丝绸|材质)",
    ),
)
_MODEL = regex.compile(r"(?=[^\s]*\d)(?=[^\s]*\p{Latin})[\p{Latin}\d][\p{Latin}\d-]+")
_COUNTED = regex.compile(
    r"(?:\d+(?:st|nd|rd|th|s|d)|\d+(?:day|days|min|minute|minutes|am|pm|cm|kg|g|ml|year|years))", regex.IGNORECASE
)


def attributes(cluster: Cluster) -> tuple[str, ...]:
    """What its fine tags name, most frequent first."""
    phrases = [phrase.phrase for phrase in cluster.phrases]
    chinese = sum(map(has_han, phrases)) > len(phrases) / 2
    found: list[tuple[int, int, str]] = []
    for place, kind in enumerate(_CLASSES):
        hits = sum(_speaks(kind, phrase) for phrase in phrases)
        hits += min(1, sum(_speaks(kind, sentence) for sentence in cluster.sentences)) if hits else 0
        found.append((hits, place, kind.chinese if chinese else kind.english))
    models = sum(any(not _COUNTED.fullmatch(word) for word in _MODEL.findall(phrase)) for phrase in phrases)
    found.append((models, len(_CLASSES), "型号" if chinese else "model"))
    found.append((sum(map(_is_name, phrases)), len(_CLASSES) + 1, "名称" if chinese else "brand or name"))
    needed = max(_LEAST, _SHARE * len(phrases)) if len(phrases) > 2 else 1
    kept = sorted((entry for entry in found if entry[0] >= needed), key=lambda entry: (-entry[0], entry[1]))
    return tuple(name for _, _, name in kept[:_MOST])


def names(phrases: Sequence[str]) -> list[str]:
    """Those that hold a name: of a brand, a person, a work."""
    return [phrase for phrase in phrases if _is_name(phrase)]


def _speaks(kind: _Class, text: str) -> bool:
    if kind.han is not None and has_han(text) and kind.han.search(text):
        return True
    return bool(kind.words.intersection(terms(text)))


def _is_name(phrase: str) -> bool:
    if has_han(phrase):
        return False
    words = spaced(phrase).split()
    if any(word != word.lower() for word in words):
        return True
    return any(len(word) > 2 and word.isalpha() and not kinds(word) and zipf(word) < 3 for word in words)
