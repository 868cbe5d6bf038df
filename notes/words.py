"""Words as they are compared: normalised, in their base form, Chinese as pairs of characters.

English base forms and parts of speech come from lemminflect's dictionary, word frequencies from wordfreq.
"""

import functools
import math
import unicodedata
from typing import Any

import regex
from rapidfuzz import fuzz, process

from notes.language import HAN, chinese_words, has_han, simplified

_TOKEN = regex.compile(r"\p{Han}+|[\p{L}\p{N}]+(?:['’.+#&/-][\p{L}\p{N}]+)*[+#]*")
_JOINT = regex.compile(r"[-'’/&.]")
_NUMBER = regex.compile(r"\d+|[一二两三四五六七八九十百]+")

STOPWORDS = frozenset(
    """
    a about above across after again against all almost alone along already also although always am among an and
    another any anyone anything are aren't around as at away back be became because been before behind being below
    between both but by can can't cannot could couldn't did didn't do does doesn't doing don't done down during each
    either else enough etc even ever every everyone everything few for from further get gets getting go goes going
    gone got had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers herself him himself
    his how how's however i i'd i'll i'm i've if in instead into is isn't it it'd it'll it's its itself just let
    let's like made make makes making many may maybe me might more most much must my myself near nearly never no
    nobody none nor not nothing now of off often on once one only onto or other others our ours ourselves out over
    own per perhaps put quite rather really said same say says see seem seems several shall she she'd she'll she's
    should shouldn't since so some somebody someone something still such take takes taking than that that's the
    their theirs them themselves then there there's these they they'd they'll they're they've thing things this
    those though through thus till to together too took toward towards under until up upon us use used uses using
    usually very via want wants was wasn't we we'd we'll we're we've well went were weren't what what's when when's
    where where's whether which while who who's whole whom whose why why's will with within without won't would
    wouldn't yes yet you you'd you'll you're you've your yours yourself yourselves
    """.split()
)


def normalised(text: str) -> str:
    """NFKC, lower case, simplified Chinese, single spaces."""
    if not text.isascii():
        text = simplified(unicodedata.normalize("NFKC", text))
    return " ".join(text.casefold().split())


def tokens(text: str) -> list[str]:
    """Words of a normalised text; a run of Han characters is one token."""
    return _TOKEN.findall(text)


@functools.lru_cache(maxsize=65536)
def kinds(word: str) -> frozenset[str]:
    """Parts of speech a lower-case English word can have (NOUN, VERB, ADJ, ADV, AUX); empty: not in the dictionary."""
    return frozenset(_dictionary().getAllLemmas(word))


@functools.lru_cache(maxsize=65536)
def base_form(word: str) -> str:
    """Singular of a lower-case English noun; other words as they are."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    found = _dictionary().getAllLemmas(word).get("NOUN")
    if found:
        return found[0]
    return word[:-1] if not kinds(word) and not word.endswith("'s") else word.removesuffix("'s")


@functools.cache
def _dictionary() -> Any:
    import lemminflect

    return lemminflect


@functools.cache
def _frequencies(lang: str) -> dict[str, float]:
    import wordfreq

    return wordfreq.get_frequency_dict(lang, wordlist="small")


@functools.lru_cache(maxsize=65536)
def zipf(word: str, lang: str = "en") -> float:
    """Zipf frequency of a normalised word: 7 is "the", 3 is rare, 0 is unknown; per 10^9 words, base 10."""
    frequency = _frequencies(lang).get(word, 0.0)
    return max(0.0, math.log10(frequency) + 9) if frequency else 0.0


@functools.lru_cache(maxsize=16384)
def is_misread(word: str) -> bool:
    """Whether a lower-case English word looks like a common one with a letter gone wrong, as picture readers write it.

    “socurity”, “histtory”; not “halden”: nothing common is that near, so it may be a name.
    """
    if len(word) < 6 or not (word.isascii() and word.isalpha()) or kinds(word) or zipf(word) >= 2:
        return False
    near = _common(word[0])
    return process.extractOne(word, near, scorer=fuzz.ratio, score_cutoff=82) is not None


@functools.cache
def _common(initial: str) -> list[str]:
    """Common English words with this first letter."""
    found = (word for word in _frequencies("en") if word[:1] == initial and len(word) >= 5)
    return [word for word in found if zipf(word) >= 4]


def load_dictionaries() -> None:
    """Load what is otherwise loaded at first use, for servers whose event loop may not read files."""
    _dictionary()
    for lang in ("en", "zh"):
        _frequencies(lang)
    simplified("字典")
    list(chinese_words("字典"))


def form_key(phrase: str) -> str:
    """The same for spellings of one phrase: case, width, script, plural, hyphens and spaces do not matter."""
    return _phrase_key(phrase) if len(phrase) <= _PHRASE else _key(phrase)


def _key(text: str) -> str:
    parts = (part for token in tokens(normalised(text)) for part in _JOINT.split(token) if part)
    return "".join(map(base_form, parts))


def word_set(phrase: str) -> frozenset[str]:
    """Base forms of a phrase's words, Chinese as character pairs; its stopwords only where there is nothing else."""
    found = terms(phrase)
    return frozenset(found) if found else frozenset(tokens(normalised(phrase)))


def terms(text: str) -> tuple[str, ...]:
    """What is compared between texts: base forms of English words without stopwords, pairs of Chinese characters."""
    return _phrase_terms(text) if len(text) <= _PHRASE else _terms(text)


def _terms(text: str) -> tuple[str, ...]:
    found = []
    for token in tokens(normalised(text)):
        if has_han(token) and HAN.match(token):
            found.extend(token[i : i + 2] for i in range(len(token) - 1))
            if len(token) == 1:
                found.append(token)
        elif "-" in token:
            found.extend(base_form(part) for part in token.split("-") if part and part not in STOPWORDS)
        elif token not in STOPWORDS:
            found.append(base_form(token))
    return tuple(found)


_PHRASE = 80
"""Characters of a phrase; the tags of a handbook come again with every note, whole texts do not."""
_phrase_terms = functools.lru_cache(maxsize=16384)(_terms)
_phrase_key = functools.lru_cache(maxsize=16384)(_key)


def numbers(phrase: str) -> tuple[str, ...]:
    """Numbers in a phrase (Chinese ones too), sorted: phrases that differ in them never say the same."""
    return tuple(sorted(_NUMBER.findall(unicodedata.normalize("NFKC", phrase))))
