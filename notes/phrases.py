"""Phrases of a note that could be tags: runs of content words in English, of noun-like words in Chinese."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import regex

from notes.chinese_phrases import chinese_spans
from notes.language import has_han
from notes.words import STOPWORDS, base_form, form_key, kinds, zipf

MAX_CHARS = 4000
"""Of each text; the start of a note says what it is about."""

_TOKEN = regex.compile(r"\d+(?:[:.,]\d+)+|[\p{L}\p{N}]+(?:['’.+&/-][\p{L}\p{N}]+)*[+]*")
_ADDRESS = regex.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\S+|@\w+|\b[\w-]+(?:\.[\w-]+)+/\S+", regex.IGNORECASE)
_SHORTENED = regex.compile(r"(?:\p{L}\.)+\p{L}")
"""“U.S”, “a.m”: a tag that holds a full stop looks like a sentence."""
_ENTITY = regex.compile(r"&(?:#\d+|#x[\da-f]+|[a-z]\w+);", regex.IGNORECASE)
_BREAKS = STOPWORDS | frozenset(
    """one two three four five six seven eight nine ten first second third last next previous less least lot lots
    bit few g kg ml l oz lb tsp tbsp cup cups cm mm m min mins h hr hrs sec pm am pcs tablespoon tablespoons
    teaspoon teaspoons ounce ounces
    helps affects builds comes boasts gives keeps lets brings says tells knows allows becomes requires thinks holds
    think hold""".split()
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
        text = source.text[:MAX_CHARS]
        for blank in (_ADDRESS, _ENTITY):
            text = blank.sub(lambda match: "|" * len(match[0]), text)
        spans = chinese_spans(text) if has_han(text) else _english(text, max_words)
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
    if lower in _BREAKS or lower.endswith("'s") or _SHORTENED.fullmatch(word) is not None:
        return None
    if lower in ("s", "t") and not previous:  # what an apostrophe that is none leaves over
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
