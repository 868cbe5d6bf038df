"""Notes, a handbook and an encoder made from a few words, for tests of the matcher: the same every time."""

import hashlib
import random
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from handbook import Category, Handbook, Interest
from handbook.evidence import EvidenceNote
from handbook.matching import FitReport, Matcher, NoteText, RankedTag, fit
from notes.language import has_han

DIMENSION = 32


@dataclass(frozen=True)
class Theme:
    """What notes of one kind are about."""

    category: str
    tag: str
    """Nine notes of ten carry it."""
    kinds: dict[str, str]
    """Words of a finer tag's notes, by the tag; a note is about one of them, and seven of ten carry its tag."""


ENGLISH = (
    Theme(
        "food",
        "home espresso",
        {
            "latte art": "milk steam jug pour rosetta froth",
            "coffee grinder": "burr dose grams beans hopper retention",
        },
    ),
    Theme(
        "food",
        "sourdough baking",
        {
            "starter care": "flour jar feeding bubbles discard rye",
            "oven spring": "scoring dutch crust loaf crumb ear",
        },
    ),
    Theme(
        "travel",
        "alpine hiking",
        {
            "mountain hut": "dormitory warden bunk dinner refuge booking",
            "ridge trail": "scramble exposure summit cairn boots descent",
        },
    ),
    Theme(
        "travel",
        "night photography",
        {
            "long exposure": "tripod shutter seconds filter blur release",
            "city skyline": "harbour towers rooftop lights ferry viewpoint",
        },
    ),
    Theme(
        "pets",
        "indoor cats",
        {
            "litter training": "tray scoop kitten clumping odour corner",
            "scratching post": "sisal claws sofa rope carpet shred",
        },
    ),
    Theme(
        "pets",
        "planted aquarium",
        {
            "algae control": "siesta snail glass phosphate green wipe",
            "shrimp keeping": "colony moss hardness berried moult sponge",
        },
    ),
    Theme(
        "sport",
        "trail running",
        {
            "race nutrition": "gel sodium stomach carbs flask salt",
            "hill repeats": "gradient sprint interval calf recovery uphill",
        },
    ),
    Theme(
        "craft",
        "film cameras",
        {
            "home developing": "tank fixer agitation chemicals negative rinse",
            "light meter": "needle stops aperture battery reading grey",
        },
    ),
)
CHINESE = (
    Theme(
        "美食",
        "家常菜",
        {"红烧肉": "五花肉 冰糖 砂锅 焯水 软糯 酱油", "手擀面": "面粉 揉面 案板 醒发 劲道 浇头"},
    ),
    Theme(
        "旅行",
        "古城漫步",
        {"城墙骑行": "租车 城门 日落 箭楼 护城河 绕圈", "老街早餐": "豆浆 油条 巷口 排队 石板路 摊位"},
    ),
)
_FILLER = "today again finally week friends little weekend everything sometimes simple honest slowly".split()
_FILLER_ZH = "今天 终于 周末 朋友 分享 记录".split()

_SORTS = "copper velvet walnut marble bamboo leather ceramic crystal granite linen".split()
_GOODS = "kettle lantern bracket pouch bench mirror basket drawer pillow hammock".split()

HAND_ADDED = {"moka pot": 0, "gimbal head": 1}
"""Tags that somebody wrote into an interest of the handbook; no note carries them."""


class Hashed(Embeddings):
    """Means of words' random directions, of unit length; zero where there is no word."""

    def __init__(self) -> None:
        self._known: dict[str, NDArray[np.float64]] = {}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        total = np.zeros(DIMENSION)
        for word in text.lower().split():
            total += self._direction(word)
        return (total / (np.linalg.norm(total) or 1.0)).tolist()

    def _direction(self, word: str) -> NDArray[np.float64]:
        if word not in self._known:
            seed = zlib.crc32(word.encode("utf-8", "replace"))
            self._known[word] = np.random.default_rng(seed).standard_normal(DIMENSION)
        return self._known[word]


ENCODER = Hashed()


def make_notes(seed: int, *, english: int = 14, chinese: int = 16) -> list[EvidenceNote]:
    """So many notes of each English and of each Chinese theme, half of them for each finer tag."""
    chance = random.Random(seed)
    found: list[EvidenceNote] = []
    for lang, themes, count in (("en", ENGLISH, english), ("zh", CHINESE, chinese)):
        for theme in themes:
            for number in range(count):
                tag, words = list(theme.kinds.items())[number % 2]
                found.append(_note(chance, lang, theme, tag, words.split(), f"{seed}-{len(found):03}"))
    return found


def _note(chance: random.Random, lang: str, theme: Theme, tag: str, words: list[str], id: str) -> EvidenceNote:
    filler = _FILLER if lang == "en" else _FILLER_ZH
    title, body = chance.sample(words, 2), chance.sample(words, 4) + chance.sample(filler, 3)
    if chance.random() < 0.5:
        body.append(tag)
    if chance.random() < 0.3:
        title.append(theme.tag)
    if chance.random() < 0.15:
        body.append(chance.choice([other for other in ENGLISH + CHINESE if other is not theme]).tag)
    chance.shuffle(body)
    # A comma now and then, as people write: "..., ..."; in Chinese no spaces.
    joint, comma = (" ", ", ") if lang == "en" else ("", "，")
    tags = [theme.tag] if chance.random() < 0.9 else []
    if chance.random() < 0.7 or not tags:
        tags.append(tag)
    titles = [joint.join(title)]
    if lang == "en" and chance.random() < 0.4:
        own = f"{chance.choice(_SORTS)} {chance.choice(_GOODS)}"
        titles.append(own)
        tags.append(own)
    return EvidenceNote(
        id=id,
        title=comma.join(titles),
        content=comma.join([joint.join(body[:3]), joint.join(body[3:])]),
        category=theme.category if chance.random() < 0.7 else "",
        lang=lang,
        tags=tuple(tags),
        weight=1.0,
    )


def make_handbook(notes: Iterable[EvidenceNote], *, times: int = 1) -> Handbook:
    """One interest for each theme and one for what notes carry besides; every count is `times` that of the notes."""
    counts = Counter(tag for note in notes for tag in note.tags)
    categories: dict[str, list[Interest]] = {}
    for theme in ENGLISH + CHINESE:
        known = {tag: times * counts.pop(tag) for tag in (theme.tag, *theme.kinds) if tag in counts}
        if theme.tag == "home espresso":
            known |= {"moka pot": HAND_ADDED["moka pot"]}
        if theme.tag == "night photography":
            known |= {"gimbal head": HAND_ADDED["gimbal head"]}
        id = f"{theme.category}.{theme.tag.replace(' ', '-')}"
        interest = Interest(id=id, name=theme.tag, tags=known, category=theme.category)
        categories.setdefault(theme.category, []).append(interest)
    if counts:
        rest = {tag: times * count for tag, count in sorted(counts.items())}
        categories["other"] = [Interest(id="other.rest", name="Rest", tags=rest, category="other")]
    return Handbook(categories=tuple(Category(id=id, interests=tuple(found)) for id, found in categories.items()))


def text_of(note: EvidenceNote) -> NoteText:
    """What the matcher is shown of a note."""
    return NoteText(note.title, note.content, note.ocr, note.attributes, note.category, note.lang)


def vector_of(note: NoteText) -> NDArray[np.float32] | None:
    """Meaning of title and content; None in Chinese, which the encoder cannot read."""
    return None if has_han(note.text) else np.array(ENCODER.embed_query(note.text), dtype=np.float32)


def vectors_of(notes: Sequence[EvidenceNote]) -> NDArray[np.float32]:
    """Meanings of notes, zero in Chinese."""
    found = [vector_of(text_of(note)) for note in notes]
    return np.array([np.zeros(DIMENSION) if vector is None else vector for vector in found], dtype=np.float32)


def contents(folder: Path) -> dict[str, str]:
    """Digest of every file below a folder."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


class Fitted(NamedTuple):
    """A matcher on disk, and what it was learned from."""

    folder: Path
    handbook: Handbook
    notes: list[EvidenceNote]
    report: FitReport

    def open(self) -> Matcher:
        """A matcher that has not been asked yet."""
        return Matcher.open(self.folder, self.handbook)


def fitted(folder: Path, notes: Sequence[EvidenceNote], *, handbook: Handbook | None = None) -> Fitted:
    """Learn from notes; the handbook is made of them where none is given."""
    known = handbook or make_handbook(notes)
    return Fitted(folder, known, list(notes), fit(folder, known, notes, ENCODER))


def ranked(matcher: Matcher, note: EvidenceNote | NoteText, k: int = 1000) -> list[RankedTag]:
    """What the matcher says of a note, with its meaning where the encoder can read it."""
    text = text_of(note) if isinstance(note, EvidenceNote) else note
    return matcher.rank(text, vector_of(text), k)
