"""Phrases of a note that could be tags: runs of content words in English, of noun-like words in Chinese."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import regex

from notes.language import chinese_words, has_han, is_chinese_word, simplified
from notes.words import STOPWORDS, base_form, form_key, kinds, zipf

MAX_CHARS = 4000
"""Of each text; the start of a note says what it is about."""

_TOKEN = regex.compile(r"\d+(?:[:.,]\d+)+|[\p{L}\p{N}]+(?:['’.+&/-][\p{L}\p{N}]+)*[+]*")
_ADDRESS = regex.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\S+|@\w+|\b[\w-]+(?:\.[\w-]+)+/\S+", regex.IGNORECASE)
_LATIN_OR_HAN = regex.compile(r"[\p{Han}\p{Latin}\p{N}.+-]+")
_BREAKS = STOPWORDS | frozenset(
    """one two three four five six seven eight nine ten first second third last next previous less least lot lots
    bit few g kg ml l oz lb tsp tbsp cup cups cm mm m min mins h hr hrs sec pm am pcs tablespoon tablespoons
    teaspoon teaspoons ounce ounces""".split()
)
_PARTICLES = frozenset("de da do di du del des la le les el al von van der den y e".split())
_BEFORE_VERB = frozenset(
    "to i you we they he she it who will would can could should may might must let's please don't didn't never".split()
)
_AFTER_VERB = frozenset(
    """the a an this that these those it them him her us me my your our their his its in into on onto up down out off
    with for from to over through until all some any and""".split()
)
_COMMANDS = frozenset(
    """add ask bake blend boil book bring build buy call check chop combine cook cover cut drain drop fill fold follow
    fry garnish get heat hold keep leave let mix order pair peel place plan pour press put read rest ride rinse roast
    save season serve shake share skip slice soak spread sprinkle start stir stop strain stretch switch take toast top
    toss try turn use visit wait walk wash watch wear whisk work wrap""".split()
)
_COUNTED = frozenset(
    """day night hour minute week month year euro dollar ingredient step player inch room person piece layer way tier km
    mile watt gb tb mp course hand""".split()
)
_EMPTY_HEADS = frozenset(
    """time way thing lot kind sort bit part side place one people person end start rest case point idea question reason
    result problem fact sense hand moment look change thanks number amount top bottom middle front type form level area
    example version list set use need work line word name minute hour second""".split()
)


Name = str
"""`title`, `content`, `ocr`, `attributes`, `hashtags`."""


@dataclass(frozen=True)
class Source:
    """One text of the note."""

    name: Name
    text: str
    """Sentences set aside are blanked out; offsets stay those of the original."""
    picture: int | None = None
    """1-based, for the text of a picture."""


@dataclass
class Phrase:
    """A candidate; all its occurrences together."""

    text: str
    """As first written, in the title if it stands there."""
    source: str
    picture: int | None
    start: int
    """Of the first occurrence in its source."""
    end: int
    words: tuple[str, ...]
    """Its words in lower case."""
    count: int = 1
    in_title: bool = False

    def overlaps(self, other: "Phrase") -> bool:
        """Whether both take in some of the same words of the note."""
        same = self.source == other.source and self.picture == other.picture
        return same and self.start < other.end and other.start < self.end

    @property
    def empty_head(self) -> bool:
        """Whether its last word says nothing by itself."""
        return base_form(self.words[-1]) in _EMPTY_HEADS


class _Token(NamedTuple):
    text: str
    lower: str
    start: int
    end: int
    noun: bool
    number: bool


def phrases(sources: Iterable[Source], lang: str, *, max_words: int = 4) -> list[Phrase]:
    """Candidates of all texts, each spelling once, in the order they occur."""
    found: dict[str, Phrase] = {}
    for source in sources:
        text = _ADDRESS.sub(lambda match: "|" * len(match[0]), source.text[:MAX_CHARS])
        spans = _chinese(text) if has_han(text) else _english(text, max_words)
        for start, end, words in spans:
            surface = text[start:end]
            key = form_key(surface)
            if len(key) < 2:
                continue
            known = found.get(key)
            if known is not None:
                known.count += 1
                known.in_title |= source.name == "title"
            else:
                found[key] = Phrase(
                    surface, source.name, source.picture, start, end, words, in_title=source.name == "title"
                )
    return list(found.values())


def _english(text: str, max_words: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    for run in _runs(text):
        for first in range(len(run)):
            for last in range(first, min(len(run), first + max_words)):
                if _can_be_tag(run, first, last):
                    words = tuple(token.lower for token in run[first : last + 1])
                    yield run[first].start, run[last].end, words


def _runs(text: str) -> Iterator[list[_Token]]:
    """Stretches of content words without punctuation, stopwords and verbs between them."""
    raw = [(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text)]
    lowers = [word.lower().replace("’", "'") for word, _, _ in raw]
    run: list[_Token] = []
    previous_end = 0
    for i, (word, start, end) in enumerate(raw):
        gap = text[previous_end:start]
        broken = i == 0 or gap not in (" ", " - ", "-")
        previous_end = end
        if broken and run:
            yield run
            run = []
        following = lowers[i + 1] if i + 1 < len(raw) else ""
        token = _content(word, lowers[i], start, end, "" if broken else lowers[i - 1], following)
        if token is not None and not (run and _is_verb_behind_name(run[-1], token)):
            run.append(token)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _content(word: str, lower: str, start: int, end: int, previous: str, following: str) -> _Token | None:
    if lower in _BREAKS or lower.endswith("'s"):
        return None
    if word[0].isdigit():
        bare = not any(character.isalpha() for character in word)
        if ":" in word or (bare and len(word) > 4):
            return None
        return _Token(word, lower, start, end, noun=not bare, number=True)
    can_be = kinds(lower)
    if can_be and not can_be & {"NOUN", "ADJ"}:
        return None
    if "VERB" in can_be:
        commands = previous in ("", "then") and (lower in _COMMANDS or following in _AFTER_VERB)
        if previous in _BEFORE_VERB or commands:
            return None
    if lower.endswith("ly") and "ADV" in can_be:
        return None
    return _Token(word, lower, start, end, noun=not can_be or "NOUN" in can_be, number=False)


def _is_verb_behind_name(name: _Token, token: _Token) -> bool:
    """“Falzarego runs”, “Anna walks”: a third person, no plural."""
    return (
        name.text[0].isupper()
        and not kinds(name.lower)
        and token.text == token.lower
        and token.lower.endswith("s")
        and "VERB" in kinds(token.lower)
    )


def _can_be_tag(run: list[_Token], first: int, last: int) -> bool:
    head, begin = run[last], run[first]
    if head.lower in _PARTICLES or begin.lower in _PARTICLES:
        return False
    if head.number and not head.noun:
        # A bare number ends a tag only behind a name: "iPhone 15".
        return last > first and not kinds(run[last - 1].lower) and run[last - 1].text != run[last - 1].lower
    if begin.number and not begin.noun and (last == first or base_form(run[first + 1].lower) not in _COUNTED):
        return False  # "1 egg" is an amount, "10 minute noodles" a promise
    if not head.noun:
        return False
    if first == last:
        return len(head.lower) > 2 and not head.number and zipf(base_form(head.lower)) < 5.2
    return True


_ZH_MODIFIER = ("n", "a", "b", "j", "l", "i", "eng", "s", "z", "vn")
_ZH_HEAD = ("n", "j", "l", "i", "eng", "vn", "an", "s")
_ZH_STOP = frozenset(
    """时候 时间 东西 感觉 方法 问题 情况 部分 地方 朋友 大家 姐妹 家人 事情 原因 结果 人 个人 自己 这个 那个 一下 一点
    小时 分钟 左右 之后 之前 以后 今天 明天 昨天 真的 超级 真正 有点 个 次 种 天 年 月 日 号 元 块 克 毫升 勺
    适量 少许 全部 整个 不同 简单 大小 程度 方面 步骤 注意 建议 使用 可以 需要 好 大 小 多 少 长 高 新 老 真 完全 一般
    名字 样子 边 口 面 头 后面 前面 上面 下面 旁边 中间 里面 外面 最后 第一 第二""".split()
)
_ZH_ACTIVITIES = frozenset(
    """减脂 护肤 穿搭 收纳 健身 跑步 旅行 旅游 拍照 摄影 化妆 露营 徒步 烘焙 装修 改造 训练 学习 阅读 防晒 通勤 约会
    喂养 遛狗 洗澡 祛痘 美白 保湿 抗老 瘦身 增肌 拉伸 搭配 测评 开箱 夜跑 骑行 钓鱼 游泳 备餐 带娃 早教 亲子 降噪
    散步 采耳 冲浪 浮潜 潜水 滑雪 爬山 手冲 除湿 清洁 断奶 控油 修容 卸妆 养猫 养狗 换季
    租房 省钱 存钱 自驾 打卡 探店""".split()
)


_ZH_LOOSE = frozenset(
    "的了着过们我你他她它这那哪每各才只就也都还先再又很太更最没不别会能要想与或在把被让给对从往向将跟用到去做说看等问选加减"
    "配装贴离含放换买住吃喝带省前后上下里外三四五六七八九"
)
"""A word that the segmenter guessed and that begins or ends with one of these was cut in the wrong place (“屏才”)."""
_ZH_PARTICLES = ("uj", "ul", "uz", "ud", "uv", "c", "p", "d", "y")
_ZH_NUMERALS = frozenset("一二两三四五六七八九十")
_ZH_COUNTED = regex.compile(r"[一二两三四五六七八九十][个只本条件张片块双份次种样款步格上比]")


class _Cut(NamedTuple):
    """A word as the segmenter cut it."""

    text: str
    flag: str
    start: int
    end: int


def _chinese(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    # The segmenter's dictionary is simplified; the conversion keeps every character in its place.
    plain = simplified(text)
    run: list[_Cut] = []
    before = _Cut("", "x", 0, 0)
    for word, flag in chinese_words(plain if len(plain) == len(text) else text):
        cut = _Cut(word.text, "vn" if word.text in _ZH_ACTIVITIES else flag, word.start, word.end)
        if not _can_stand(cut) or (not run and _hangs_on(before, cut)):
            yield from _chinese_spans(run)
            run = []
        elif not run and before.text in _ZH_NUMERALS and before.flag == "m":  # “一字型”: no classifier stands between
            run = [_Cut(before.text + cut.text, cut.flag, before.start, cut.end)]
        else:
            run.append(cut)
        before = cut
    yield from _chinese_spans(run)


def _can_stand(cut: _Cut) -> bool:
    """Whether a word can be part of a phrase."""
    if cut.text in _ZH_ACTIVITIES:
        return True
    if not cut.flag.startswith(_ZH_MODIFIER) or cut.text in _ZH_STOP or cut.text[0].isdigit():
        return False
    if _LATIN_OR_HAN.fullmatch(cut.text) is None or _ZH_COUNTED.fullmatch(cut.text) is not None:
        return False
    if len(cut.text) == 1:
        return cut.text not in _ZH_LOOSE
    return is_chinese_word(cut.text) or not {cut.text[0], cut.text[-1]} & _ZH_LOOSE


def _hangs_on(before: _Cut, cut: _Cut) -> bool:
    """Whether a word belongs to the one before it, which is no part of a phrase: a classifier, or a word cut in two."""
    if len(cut.text) > 1 and (is_chinese_word(cut.text) or zipf(cut.text, "zh")):
        return False
    if before.flag.startswith(("m", "r")) and len(cut.text) == 1:
        return True  # “那副耳机”, “11条牛仔裤”
    if not has_han(before.text) or before.flag.startswith(_ZH_PARTICLES):
        return False
    return len(before.text) == 1 or not is_chinese_word(before.text)  # “站/姿”, “后/海村”, “配厚/底”


def _chinese_spans(run: list[_Cut]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    spans = ((first, last) for first in range(len(run)) for last in range(first, min(first + 3, len(run))))
    for first, last in spans:
        part = run[first : last + 1]
        head = part[-1]
        if not 2 <= head.end - part[0].start <= 10 or not head.flag.startswith(_ZH_HEAD):
            continue
        if len(part) == 1 and (len(head.text) < 2 or (head.flag.startswith("eng") and len(head.text) < 3)):
            continue
        yield part[0].start, head.end, tuple(cut.text.lower() for cut in part)
