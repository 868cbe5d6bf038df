"""What the evidence itself says of an interest: its name, what its users want, how its tags are written.

No language model: the words are those of the phrases and of the sentences people wrote or searched for.
"""

from collections.abc import Collection, Sequence

from handbook.mine.attributes import attributes, names
from handbook.mine.categories import slug
from handbook.mine.phrases import spaced
from handbook.mine.records import Cluster
from handbook.records import Interest
from notes.language import has_han
from notes.words import STOPWORDS, kinds, numbers, terms, zipf

_ID = 120
_ACRONYMS = frozenset(
    """fbi cia usa uk us eu un nyc la tv dvd nsa dea nasa nypd lapd kgb ufo dna diy ai vr ar hiv ptsd pc os ios gps usb
    lgbt cgi hr it api sql css html php xml pdf ssd cpu gpu ram led hdr dslr nas ceo cfo phd gdp gmo bbq""".split()
)
_SHOWN = 4
"""Phrases a description tells."""


def in_evidence_words(cluster: Cluster, taken: Collection[str] = ()) -> Interest:
    """The interest a cluster is, in its own words.

    Args:
        cluster: With at least one phrase.
        taken: Ids in use.
    """
    spoken = cluster.speaking or (cluster.phrases[0].phrase,)
    return Interest(
        id=_id(cluster.category, spoken[0], taken),
        name=_name(spoken),
        description=_description(cluster, spoken),
        tags={
            phrase.phrase: phrase.notes
            for phrase in sorted(cluster.phrases, key=lambda phrase: (-phrase.notes, phrase.phrase))
        },
        attributes=attributes(cluster),
        guidance=_guidance(cluster),
        evidence=cluster.sentences,
        notes=cluster.notes,
        support=cluster.support,
        words="evidence",
        category=cluster.category,
    )


def _id(category: str, phrase: str, taken: Collection[str]) -> str:
    id = f"{category}.{slug(phrase, _ID - len(category) - 6) or 'interest'}"
    if id not in taken:
        return id
    return next(f"{id}-{number}" for number in range(2, len(taken) + 3) if f"{id}-{number}" not in taken)


def _name(spoken: Sequence[str]) -> str:
    shown = [_written(phrase) for phrase in spoken]
    name = ("与" if all(map(has_han, shown)) else " and ").join(shown)
    return (name[:1].upper() + name[1:] if name[:2] == name[:2].lower() else name)[:120]


def _written(phrase: str) -> str:
    """With spaces between its words, and capitals where they are names."""
    words = spaced(phrase).split(" ")
    proper = [_is_proper(word) for word in words]
    for place in range(len(words) - 1):  # New York
        proper[place] |= words[place] in ("new", "san", "saint", "los", "las") and proper[place + 1]
    return " ".join(
        word.upper() if word in _ACRONYMS else word.capitalize() if name else word
        for word, name in zip(words, proper, strict=True)
    )


def _is_proper(word: str) -> bool:
    """Whether a word without capitals is none that a dictionary has, but well known: london, batman."""
    plain = word.isascii() and word.isalpha() and word.islower() and len(word) > 2
    return plain and word not in STOPWORDS and not kinds(word) and zipf(word) > 3.3


def _description(cluster: Cluster, spoken: Sequence[str]) -> str:
    """One line: what the notes are about, and what people search for."""
    by_notes = sorted(cluster.phrases, key=lambda phrase: (-phrase.notes, -phrase.users, phrase.phrase))
    chosen = list(spoken)
    for phrase in by_notes:  # what says something that was not said
        said = {term for other in chosen for term in terms(other)}
        if len(chosen) < _SHOWN and not set(terms(phrase.phrase)) <= said:
            chosen.append(phrase.phrase)
    shown = [_written(phrase) for phrase in chosen]
    if has_han("".join(shown)):
        asked = "、".join(f"“{text}”" for text in cluster.searches)
        return f"关于{'、'.join(shown)}的笔记{f'；大家会搜{asked}' if asked else ''}。"[:600]
    asked = " and ".join(f"“{text}”" for text in cluster.searches)
    return f"Notes on {_listed(shown)}{f'; people search for {asked}' if asked else ''}."[:600]


def _guidance(cluster: Cluster) -> str:
    """How fine its tags are: how long, whether they name or number something, what is too coarse."""
    phrases = [phrase.phrase for phrase in cluster.phrases]
    chinese = sum(map(has_han, phrases)) > len(phrases) / 2
    coarse = _coarse(cluster)
    fine = [phrase for phrase in phrases if phrase not in coarse]
    sizes = sorted(len(phrase) if chinese else len(spaced(phrase).split()) for phrase in fine or phrases)
    low, high = sizes[len(sizes) // 4], sizes[-1 - len(sizes) // 4]
    example = max((fine or phrases)[:8], key=lambda phrase: (min(4, len(terms(phrase))), -phrases.index(phrase)))
    named = 3 * len(names(phrases)) > len(phrases)
    numbered = 4 * sum(bool(numbers(phrase)) for phrase in phrases) > len(phrases)
    if chinese:
        said = f"{low}到{high}个字" if low != high else f"{low}个字"
        extra = "，写出名称" * named + "，保留数字" * numbered
        told = f"标签一般{said}，如“{example}”{extra}。"
        return told + (f"只写{'、'.join(f'“{text}”' for text in coarse)}太宽泛。" if coarse else "")
    said = f"{low} to {high} words" if low != high else f"{low} word{'s' if low > 1 else ''}"
    extra = ("; keep the name" * named) + ("; keep the number" * numbered)
    told = f"Usually {said}, such as “{example}”{extra}."
    return told + (f" {_listed([f'“{text}”' for text in coarse])} alone says too little." if coarse else "")


def _coarse(cluster: Cluster) -> list[str]:
    """Phrases that several others say more finely, and the category itself; two at most."""
    words = {phrase.phrase: set(terms(phrase.phrase)) for phrase in cluster.phrases}
    found = []
    for phrase, own in words.items():
        finer = sum(own < other for other in words.values())
        if own and (finer > 1 or slug(phrase) == cluster.category):
            found.append((-finer, phrase))
    return [phrase for _, phrase in sorted(found)[:2]]


def _listed(texts: Sequence[str]) -> str:
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else texts[0]
