"""Which language a text is written in, and its words: enough for tags in English and Chinese.

Scripts decide: Han characters are Chinese unless kana or hangul stand beside them, Latin letters count as English
unless the note says otherwise. Chinese is cut into words by jieba, whose dictionary is built once per machine.
"""

import functools
import threading
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import regex

from notes.folders import cache_folder

if TYPE_CHECKING:
    from opencc import OpenCC

HAN = regex.compile(r"\p{Han}")
_SCRIPTS = (
    ("ja", regex.compile(r"[\p{Hiragana}\p{Katakana}]")),
    ("ko", regex.compile(r"\p{Hangul}")),
    ("zh", HAN),
    ("ru", regex.compile(r"\p{Cyrillic}")),
    ("ar", regex.compile(r"\p{Arabic}")),
)
_LETTER = regex.compile(r"\p{L}")


class Word(NamedTuple):
    """A word and where it stands: `text[start:end]`."""

    text: str
    start: int
    end: int


def language_of(text: str, *, sample: int = 4000) -> str:
    """ISO 639-1 code of the main language of the first `sample` characters, "und" where there are no letters.

    A fifth of Han letters makes a text Chinese: Chinese notes are full of English brand names.
    """
    text = text[:sample]
    if text.isascii():
        return "en" if any(map(str.isalpha, text)) else "und"
    letters = len(_LETTER.findall(text))
    if not letters:
        return "und"
    for code, script in _SCRIPTS:
        share = len(script.findall(text)) / letters
        if share >= (0.05 if code in ("ja", "ko") else 0.2):
            return code
    return "en"


def has_han(text: str) -> bool:
    """Whether any Chinese character occurs."""
    return not text.isascii() and HAN.search(text) is not None


@functools.cache
def _simplifier() -> "OpenCC":
    import opencc

    return opencc.OpenCC("t2s")


@functools.lru_cache(maxsize=8192)
def simplified(text: str) -> str:
    """`text` with traditional Chinese characters written in their simplified form."""
    return _simplifier().convert(text) if has_han(text) else text


_segmenter_lock = threading.Lock()


@functools.cache
def _segmenter() -> Any:
    with _segmenter_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba's own source has invalid escapes, and asks for pkg_resources
        import jieba
        import jieba.posseg

        jieba.setLogLevel(60)
        # Its dictionary cache lies in the shared temporary folder by default: ours is nobody else's to write.
        jieba.dt.tmp_dir = str(cache_folder("jieba"))  # pyright: ignore[reportAttributeAccessIssue]
        jieba.initialize()
        return jieba.posseg.POSTokenizer(jieba.dt)


def is_chinese_word(text: str) -> bool:
    """Whether a simplified word stands in the segmenter's dictionary; others are guessed, or Latin."""
    return text.isascii() or bool(_segmenter().tokenizer.FREQ.get(text))


_GUESSES = 4000
"""Characters standing alone that words are still guessed from: 1 ms for each, 20 for one that no dictionary has."""


def chinese_words(text: str) -> Iterator[tuple[Word, str]]:
    """Words of a Chinese text with jieba's part of speech ("n" noun, "v" verb, "ns" place, "eng" Latin …)."""
    cut = _segmenter().cut
    pairs = list(cut(text, HMM=False))
    alone = [pair.flag for pair in pairs if len(pair.word) == 1 and HAN.match(pair.word)]
    if len(alone) + 20 * alone.count("x") <= _GUESSES:
        pairs = cut(text)
    position = 0
    for pair in pairs:
        end = position + len(pair.word)
        yield Word(pair.word, position, end), pair.flag
        position = end
