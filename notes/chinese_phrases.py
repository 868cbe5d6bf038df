"""Chinese phrases that could be tags: up to three noun-like words, as far as the segmenter can be trusted."""

from collections.abc import Iterator
from typing import NamedTuple

import regex

from notes.language import chinese_words, has_han, is_chinese_word, simplified
from notes.words import zipf

_LATIN_OR_HAN = regex.compile(r"[\p{Han}\p{Latin}\p{N}.+-]+")
_MODIFIER = ("n", "a", "b", "j", "l", "i", "eng", "s", "z", "vn")
_HEAD = ("n", "j", "l", "i", "eng", "vn", "an", "s")
_STOP = frozenset(
    """时候 时间 东西 感觉 方法 问题 情况 部分 地方 朋友 大家 姐妹 家人 事情 原因 结果 人 个人 自己 这个 那个 一下 一点
    小时 分钟 左右 之后 之前 以后 今天 明天 昨天 真的 超级 真正 有点 个 次 种 天 年 月 日 号 元 块 克 毫升 勺
    适量 少许 全部 整个 不同 简单 大小 程度 方面 步骤 注意 建议 使用 可以 需要 好 大 小 多 少 长 高 新 老 真 完全 一般
    名字 样子 边 口 面 头 后面 前面 上面 下面 旁边 中间 里面 外面 最后 第一 第二""".split()
)
_ACTIVITIES = frozenset(
    """减脂 护肤 穿搭 收纳 健身 跑步 旅行 旅游 拍照 摄影 化妆 露营 徒步 烘焙 装修 改造 训练 学习 阅读 防晒 通勤 约会
    喂养 遛狗 洗澡 祛痘 美白 保湿 抗老 瘦身 增肌 拉伸 搭配 测评 开箱 夜跑 骑行 钓鱼 游泳 备餐 带娃 早教 亲子 降噪
    散步 采耳 冲浪 浮潜 潜水 滑雪 爬山 手冲 除湿 清洁 断奶 控油 修容 卸妆 养猫 养狗 换季
    租房 省钱 存钱 自驾 打卡 探店""".split()
)


_LOOSE = frozenset(
    "的了着过们我你他她它这那哪每各才只就也都还先再又很太更最没不别会能要想与或在把被让给对从往向将跟用到去做说看等问选加减"
    "配装贴离含放换买住吃喝带省前后上下里外三四五六七八九"
)
"""A word that the segmenter guessed and that begins or ends with one of these was cut in the wrong place (“屏才”)."""
_PARTICLES = ("uj", "ul", "uz", "ud", "uv", "c", "p", "d", "y")
_NUMERALS = frozenset("一二两三四五六七八九十")
_COUNTED = regex.compile(r"[一二两三四五六七八九十][个只本条件张片块双份次种样款步格上比]")


class _Cut(NamedTuple):
    """A word as the segmenter cut it."""

    text: str
    flag: str
    start: int
    end: int


def chinese_spans(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Start, end and words of every stretch of noun-like words that could be a tag."""
    # The segmenter's dictionary is simplified; the conversion keeps every character in its place.
    plain = simplified(text)
    run: list[_Cut] = []
    before = _Cut("", "x", 0, 0)
    for word, flag in chinese_words(plain if len(plain) == len(text) else text):
        cut = _Cut(word.text, "vn" if word.text in _ACTIVITIES else flag, word.start, word.end)
        if not _can_stand(cut) or (not run and _hangs_on(before, cut)):
            yield from _spans(run)
            run = []
        elif not run and before.text in _NUMERALS and before.flag == "m":  # “一字型”: no classifier stands between
            run = [_Cut(before.text + cut.text, cut.flag, before.start, cut.end)]
        else:
            run.append(cut)
        before = cut
    yield from _spans(run)


def _can_stand(cut: _Cut) -> bool:
    """Whether a word can be part of a phrase."""
    if cut.text in _ACTIVITIES:
        return True
    if not cut.flag.startswith(_MODIFIER) or cut.text in _STOP or cut.text[0].isdigit():
        return False
    if _LATIN_OR_HAN.fullmatch(cut.text) is None or _COUNTED.fullmatch(cut.text) is not None:
        return False
    if len(cut.text) == 1:
        return cut.text not in _LOOSE
    return is_chinese_word(cut.text) or not {cut.text[0], cut.text[-1]} & _LOOSE


def _hangs_on(before: _Cut, cut: _Cut) -> bool:
    """Whether a word belongs to the one before it, which is no part of a phrase: a classifier, or a word cut in two."""
    if len(cut.text) > 1 and (is_chinese_word(cut.text) or zipf(cut.text, "zh")):
        return False
    if before.flag.startswith(("m", "r")) and len(cut.text) == 1:
        return True  # “那副耳机”, “11条牛仔裤”
    if not has_han(before.text) or before.flag.startswith(_PARTICLES):
        return False
    return len(before.text) == 1 or not is_chinese_word(before.text)  # “站/姿”, “后/海村”, “配厚/底”


def _spans(run: list[_Cut]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    spans = ((first, last) for first in range(len(run)) for last in range(first, min(first + 3, len(run))))
    for first, last in spans:
        part = run[first : last + 1]
        head = part[-1]
        if not 2 <= head.end - part[0].start <= 10 or not head.flag.startswith(_HEAD):
            continue
        if len(part) == 1 and (len(head.text) < 2 or (head.flag.startswith("eng") and len(head.text) < 3)):
            continue
        yield part[0].start, head.end, tuple(cut.text.lower() for cut in part)
