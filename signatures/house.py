"""House form: how a tag is written.

Lower case for English except names that are written otherwise, 1-5 words or 2-12 Chinese characters, no hashes, no
emoji, no sentence, no call to action.
"""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import regex

from notes.language import HAN, has_han, simplified
from notes.records import DecisionReason
from notes.words import STOPWORDS, kinds, normalised, zipf
from signatures.questions import TagLimits

_SYMBOLS = regex.compile(
    r"[\p{Extended_Pictographic}\p{Regional_Indicator}\p{So}\p{Cf}\p{Co}\p{Cn}\uFE0F\u20E3]"
    r'|(?<!\b[A-Za-z])#|[*_`|<>{}()\[\]\\^~"“”「」『』《》【】]'
)
_EDGES = " \t'‘’.,;:!?。，、；：！？…·-–—/=@"
_SENTENCE = regex.compile(r"[.!?。！？；;](?:\s|$)|[。！？；，、]|[,:]\s|(?<=\p{Han})[,;:!?]|[,;:!?](?=\p{Han})")
_WORD = regex.compile(r"(?:(?!\p{Han})[\p{L}\p{N}])+(?:['’.+&/-](?:(?!\p{Han})[\p{L}\p{N}])+)*[+]*")
"""Of Latin letters and its like: “iPhone” in “用iPhone拍照”."""
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+(?:['.+&/-][A-Za-z0-9]+)*[+]*")
"""The same where all is ASCII, at a tenth of the price."""
_CALL = regex.compile(
    r"\b(?:buy|order|shop|call|act|click|subscribe|follow|like|share|download|register|sign up|swipe|dm|comment)"
    r"\s+(?:now|here|today|below|me|us|link|this|more)\b"
    r"|^(?:buy|click|subscribe|follow|swipe up|link in bio|sign up)$"
    r"|立即购买|马上购买|点击链接|点赞|关注我|求关注|加微信|私信我|戳链接|双击|一键三连|扫码",
    regex.IGNORECASE,
)
_GENERAL = frozenset(
    """photo photos picture pictures image post note blog article video today day time way thing stuff people life tip
    tips guide review update link part step steps example everyone year week month
    图片 照片 笔记 分享 日常 视频 今天 大家 生活 东西 时候 推荐 教程 攻略 内容 图文 记录""".split()
)


class Formed(NamedTuple):
    """A tag in house form, or why it cannot be."""

    tag: str
    reason: DecisionReason | None = None
    detail: str = ""


class Casing:
    """How the words of a note are written: `MRT` and `Singapore` are names, `Night` in a headline is not."""

    def __init__(self, texts: Iterable[str], vocabulary: Iterable[str] = ()) -> None:
        self._written: dict[str, Counter[str]] = {}
        self._plain: set[str] = set()
        self._letters: set[str] = set()
        for text in texts:
            for line in text.splitlines():
                self._read(line)
        for tag in vocabulary:
            if len(tag) == 1:
                self._letters.add(tag.lower())
            for word in _names_in(tag):
                self._written.setdefault(word.lower(), Counter())[word] += 2

    def _read(self, line: str) -> None:
        found = [(m.group(), m.start()) for m in (_ASCII_WORD if line.isascii() else _WORD).finditer(line)]
        letters = [word for word, _ in found if word[0].isalpha()]
        if not letters:
            return
        chinese = has_han(line)  # where no sentence begins with a capital, every capital is meant
        shouted = sum(word.isupper() for word in letters) > 0.6 * len(letters) and len(letters) > 2 and not chinese
        capitals = [word.lower() for word in letters if word[0].isupper()]
        names = [word for word in capitals if word not in STOPWORDS]
        titled = len(names) > 0.6 * len(letters) or len(capitals) > 0.8 * len(letters)
        headline = titled and len(letters) > 3 and not chinese
        for word, start in found:
            lower = word.lower()
            if word == lower:
                self._plain.add(lower)
            elif word[1:] != word[1:].lower():  # MRT, iPhone, USB-C; but not CARD on a cover
                loud = word.isupper() and word.isalpha() and not chinese
                if not shouted and not (loud and (kinds(lower) or zipf(lower) > 3.5 or len(word) > 6)):
                    self._written.setdefault(lower, Counter())[word] += 2
            elif not shouted and (not headline or (not kinds(lower) and zipf(lower) < 3.2)):
                first = not line[:start].strip(" \"'“‘(-•*·") or line[:start].rstrip()[-1:] in ".!?:…。！？：|"
                if not first or chinese or (not kinds(lower) and zipf(lower) < 5.5):
                    self._written.setdefault(lower, Counter())[word] += 1

    def is_name(self, letter: str) -> bool:
        """Whether a single letter is a tag of the vocabulary, as the languages C and R are."""
        return letter.lower() in self._letters

    def of(self, word: str) -> str:
        """The word as a name, where it is one; else in lower case."""
        lower = word.lower()
        written = self._written.get(lower)
        if written is None:
            if lower in self._plain or kinds(lower) or zipf(lower) > 2.5:
                return lower
            return word if word.isupper() and 1 < len(word) <= 5 else lower
        name, count = written.most_common(1)[0]
        return lower if lower in self._plain and count < 2 else name


@functools.lru_cache(maxsize=65536)
def _names_in(tag: str) -> tuple[str, ...]:
    """Words of a tag of the vocabulary, which every note is shown, that are not in lower case."""
    return () if tag == tag.lower() else tuple(word for word in _WORD.findall(tag) if word != word.lower())


def house_form(tag: str, limits: TagLimits, casing: Casing) -> Formed:
    """Bring a tag into house form, or say why that is impossible."""
    text = unicodedata.normalize("NFKC", tag.replace("™", " "))
    text = " ".join(_SYMBOLS.sub(" ", text).split()).strip(_EDGES)
    if not text or not any(character.isalnum() for character in text):
        return Formed(tag, "not_house_form", "no letters are left")
    if len(text) > 80 or _SENTENCE.search(text):
        return Formed(text[:80], "not_house_form", "a sentence is no tag")
    if _CALL.search(simplified(text)):
        return Formed(text, "call_to_action", "asks the reader to do something")
    han = len(HAN.findall(text))
    words = _WORD.findall(text)
    if han:
        size = han + 2 * len(regex.findall(r"[\p{Latin}\p{N}]+(?:[.+-][\p{Latin}\p{N}]+)*", text))
        if not limits.min_han <= size <= limits.max_han:
            return Formed(text, "not_house_form", f"{size} characters, wanted {limits.min_han} to {limits.max_han}")
        text = regex.sub(r"(?<=\p{Han})\s+(?=\p{Han})", "", text)
    elif not 1 <= len(words) <= limits.max_words:
        return Formed(text, "not_house_form", f"{len(words)} words, wanted 1 to {limits.max_words}")
    if (len(text) < 2 and not casing.is_name(text)) or not any(character.isalpha() for character in text):
        return Formed(text, "not_house_form", "a number or a letter alone says nothing")
    if normalised(text) in _GENERAL or (not han and all(word.lower() in STOPWORDS for word in words)):
        return Formed(text, "too_general", "fits every note")
    return Formed(_WORD.sub(lambda match: casing.of(match[0]), text))


def language_fits(tag: str, lang: str) -> bool:
    """Whether a tag can stand under a note of this language: Chinese notes take Latin names, English ones no Han."""
    return has_han(tag) if lang == "zh" else not has_han(tag)
