"""What the evidence of an interest allows to be written about it.

The same rules whoever wrote: no instruction, no address, no number and no name that does not stand in the evidence.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import regex
from langchain_core.embeddings import Embeddings

from notes.language import chinese_words, has_han, simplified
from notes.records import Note
from notes.words import STOPWORDS, base_form, kinds, normalised, terms
from signatures.handbook.questions import ClusterQuestion, FindingReason
from signatures.sources import Sources

_ADDRESS = regex.compile(
    r"https?:|www\.|[\w.+-]+@[\w-]+\.\w+|(?<![\w@])@[\w.-]{2,}|\b[\w-]+\.(?:com|net|org|io|cn|co|app|shop|info|xyz)\b",
    regex.IGNORECASE,
)
_QUOTED = regex.compile(r'[“"「『]([^“”"「」『』]{1,80})[”"」』]')
_WORD = regex.compile(r"(?:(?!\p{Han})[\p{L}\p{N}])+(?:['’.+&/-](?:(?!\p{Han})[\p{L}\p{N}])+)*")
_JOINT = regex.compile(r"['’.+&/-]")
_OPENS = regex.compile(r"(?:^|[.!?:;。！？：；…])[\s\"“‘'(]*$")
_HAN_AMOUNT = regex.compile(r"[二两三四五六七八九十百千万]+(?=[天日晚夜年月周週岁歲元块塊折个個条條款种種家步次人])")
_HAN_NUMERAL = regex.compile(r"[一二两三四五六七八九十百千万]+")
_HAN_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"两": 2}
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
_SPOKEN = {
    word: str(value)
    for value, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2)
} | {"fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "hundred": "100"}
_PLACES = frozenset(
    """北京 上海 广州 深圳 成都 杭州 重庆 西安 苏州 武汉 南京 天津 长沙 郑州 青岛 沈阳 宁波 昆明 大连 厦门 合肥
    福州 哈尔滨 济南 三亚 海口 桂林 丽江 大理 拉萨 敦煌 洛阳 扬州 香港 澳门 台湾 台北 高雄 云南 四川 西藏 新疆
    海南 广西 贵州 青海 内蒙古 中国 日本 东京 大阪 京都 北海道 冲绳 韩国 首尔 釜山 济州岛 泰国 曼谷 清迈 普吉岛
    新加坡 马来西亚 吉隆坡 印尼 巴厘岛 越南 柬埔寨 菲律宾 印度 尼泊尔 马尔代夫 土耳其 迪拜 埃及 摩洛哥 法国 巴黎
    英国 伦敦 德国 柏林 意大利 罗马 威尼斯 西班牙 巴塞罗那 瑞士 冰岛 希腊 俄罗斯 莫斯科 美国 纽约 洛杉矶 旧金山
    夏威夷 加拿大 温哥华 多伦多 澳大利亚 澳洲 悉尼 墨尔本 新西兰 巴西 墨西哥""".split()
)
"""Where Chinese has no capitals; of what jieba calls a place, too much is none (“城市”, “入门”)."""
_NOWHERE = "stands in no phrase and in fewer than two sentences of the evidence"


class Objection(NamedTuple):
    """Why a text does not hold."""

    reason: FindingReason
    detail: str


def instructs(text: str) -> bool:
    """Whether a sentence of the text addresses the tagger."""
    return bool(text.strip()) and bool(Sources.of(Note(id="-", content=text[:200_000]), ()).set_aside)


def tidy(text: str) -> str:
    """One line of what can be printed."""
    kept = (" " if unicodedata.category(c) in ("Zl", "Zp", "Cc") else c for c in text)
    return " ".join("".join(c for c in kept if unicodedata.category(c)[0] != "C").split())


@dataclass(frozen=True)
class Grounds:
    """What the phrases and sentences of a cluster say.

    Many people stand behind a phrase, one behind a sentence: what counts stands in a phrase or in two sentences.
    """

    known: frozenset[str]
    """Terms: what a text may speak of."""
    words: frozenset[str]
    """Base forms of words that are not Chinese: what a name may consist of."""
    amounts: frozenset[str]
    """Numbers that may be named."""
    phrases: str
    """Normalised, without spaces."""
    sentences: tuple[str, ...]
    """The same of each sentence."""
    english: tuple[str, ...]
    """Phrases and sentences that an encoder for English can read."""

    @classmethod
    def of(cls, question: ClusterQuestion) -> "Grounds":
        """Collect what a question's cluster says."""
        phrases = [stats.phrase for stats in question.phrases]
        named = [*phrases, question.category]
        sentences = [*question.sentences, *question.details]
        return cls(
            known=_firm(map(terms, phrases), map(terms, sentences)),
            words=_firm(map(_plain, named), map(_plain, sentences)),
            amounts=_firm(
                (_amounts(text, prose=False) for text in named), (_amounts(t, prose=False) for t in sentences)
            ),
            phrases=" ".join(map(_compact, named)),
            sentences=tuple(map(_compact, sentences)),
            english=tuple(t for t in (*phrases[:12], *question.sentences[:4]) if not has_han(t)),
        )

    def objection(self, text: str, *, title: bool = False) -> Objection | None:
        """Why the text says more than the evidence does; None: it does not.

        Args:
            text: One line.
            title: Whether it may be in title case, where a capital says nothing about a common word.
        """
        if instructs(text):
            return Objection("instruction", "it addresses the tagger")
        for found in _ADDRESS.findall(text):
            if not self._holds(found):
                return Objection("address", f"{found[:60]!r} is an address, and {_NOWHERE}")
        for amount in sorted(_amounts(text, prose=not title) - self.amounts):
            return Objection("number", f"the number {amount} {_NOWHERE}")
        for name in self._names(text, title):
            return Objection("name", f"{name[:60]!r} {_NOWHERE}")
        for quoted in _QUOTED.findall(text):
            if not self._holds(quoted):
                return Objection("quote", f"{quoted[:60]!r} is quoted, and {_NOWHERE}")
        return None

    def share(self, text: str) -> float:
        """Share of the text's words that stand in the evidence."""
        said = frozenset(terms(text))
        return len(said & self.known) / len(said) if said else 0.0

    async def speaks_of(self, texts: Sequence[str], encoder: Embeddings | None) -> list[float]:
        """How near the meaning of each text is to the evidence's; 0 where it cannot be told."""
        if encoder is None or not self.english or all(has_han(text) for text in texts):
            return [0.0] * len(texts)
        vectors = np.asarray(await encoder.aembed_documents([*texts, *self.english]), dtype=np.float32)
        middle = vectors[len(texts) :].mean(axis=0)
        cosines = vectors[: len(texts)] @ (middle / max(float(np.linalg.norm(middle)), 1e-6))
        return [0.0 if has_han(text) else float(cosine) for text, cosine in zip(texts, cosines, strict=True)]

    def _names(self, text: str, title: bool) -> Iterable[str]:
        """Names in the text that the evidence does not give."""
        words = [(match.group(), match.start()) for match in _WORD.finditer(text)]
        lettered = [word for word, _ in words if word[0].isalpha()]
        capitals = sum(word[0].isupper() for word in lettered)
        titled = title and (capitals == len(lettered) or capitals > 0.6 * len(lettered) > 1)
        chinese = has_han(text)
        for word, start in words:
            if not any(map(str.isalpha, word)) or self._knows(word):
                continue
            if chinese:
                if len(word) > 1:
                    yield word
            elif word != word.lower():
                capital = word[1:] == word[1:].lower()
                common = capital and all(_common(part) for part in _JOINT.split(word.lower()) if part)
                if not (common and (titled or _OPENS.search(text[:start]))):
                    yield word
        if chinese:
            for word, _ in chinese_words(simplified(text)):
                if word.text in _PLACES and not self._holds(word.text):
                    yield word.text

    def _knows(self, word: str) -> bool:
        return _plain(word) - STOPWORDS <= self.words

    def _holds(self, words: str) -> bool:
        """Whether the words, whatever their case and script, stand in a phrase or in two sentences."""
        key = _compact(words)
        return key in self.phrases or sum(key in sentence for sentence in self.sentences) > 1


def _firm(phrases: Iterable[Iterable[str]], sentences: Iterable[Iterable[str]]) -> frozenset[str]:
    """What occurs in a phrase, or in two sentences."""
    counts = Counter(part for parts in sentences for part in set(parts))
    counts.update({part: 2 for parts in phrases for part in parts})
    return frozenset(part for part, count in counts.items() if count > 1)


def _plain(text: str) -> frozenset[str]:
    """Base forms of the words that are not Chinese, joined ones taken apart, single letters left out."""
    parts = (part for word in _WORD.findall(normalised(text)) for part in _JOINT.split(word))
    return frozenset(base_form(part) for part in parts if len(part) > 1)


def _common(word: str) -> bool:
    return word in STOPWORDS or word in _SPOKEN or bool(kinds(word) or kinds(base_form(word)))


def _compact(text: str) -> str:
    return normalised(text).replace(" ", "")


def _amounts(text: str, *, prose: bool) -> set[str]:
    """Numbers in a text, however they are written; in Chinese prose those that count something: “十分” is “very”."""
    text = regex.sub(r"(?<=\d),(?=\d{3})", "", normalised(text))
    found = {digits.lstrip("0") or "0" for digits in regex.findall(r"\d+", text)}
    for match in (_HAN_AMOUNT if prose else _HAN_NUMERAL).finditer(text):
        found.add(str(_han_number(match[0])))
    found.update(_SPOKEN[word] for word in regex.split(r"[^\p{L}]+", text) if word in _SPOKEN)
    return found


def _han_number(numeral: str) -> int:
    total = digit = 0
    for character in numeral:
        if character in _HAN_UNITS:
            total += max(1, digit) * _HAN_UNITS[character]
            digit = 0
        else:
            digit = _HAN_DIGITS[character]
    return total + digit
