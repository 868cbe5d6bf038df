"""What notes say: a row a note with its hashtags and the phrases of its title, kept for updates as `notes.parquet`."""

import functools
import hashlib
import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import regex

from handbook.evidence import MAX_TEXT
from handbook.mine.engine import first_line
from notes.formats import UnreadableInput
from notes.language import HAN, has_han
from notes.phrases import Source, phrases
from notes.records import Note, Reject
from notes.words import STOPWORDS, form_key, kinds, zipf

FILE = "notes.parquet"
MAX_CHARS = 60
"""Of a phrase."""
_TITLE = 200
"""Characters of a title that are read; of the text's first line, where there is no title."""
_MOST_HASHTAGS = 60
_MOST_PHRASES = 16
_MOST_WORDS, _MOST_HAN = 6, 12
"""Of a search that is a phrase."""
_AUTHOR = ("author_id", "user_id", "author", "user")
_BATCH = 4096
_MARKS = regex.compile(r"[\p{C}\p{So}\p{Sk}\p{Extended_Pictographic}\uFE0F\u20E3]+")
_HASHES = regex.compile(r"^[#＃\s]+|(?<=\p{Han})[#＃]+$")
_PLATFORM = regex.compile(
    r"(?:^热门$|上热|(?:要|求|给|爱|推|申请|同城|感谢|希望|支持|官方).{0,10}热门|热门(?:推荐|推送)|推广小助手|作品推广|官方(?:推荐|大大|爸爸|别)|"
    r"感谢.{0,8}(?:快手|抖音|小红书|官方|平台|推广)|创作者(?:服务)?中心|(?:海星|激励|创作者).{0,4}计划|别限流|流量(?:扶持|推荐)|涨粉|"
    r"求关注|互关|互粉|快手(?:热门|官方|小助手|吧|创作者)|dou\+?小助手|抖音小助手|^官方$|"
    r"(?:follow|like|l|f)(?:4|for)(?:follow|like|l|f)s?(?:back)?|fyp+|foryou(?:r?page)?|follow ?me|instagood|viral)",
    regex.IGNORECASE,
)
_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("content", pa.string()),
        ("ocr", pa.string()),
        ("attributes", pa.list_(pa.string())),
        ("category", pa.string()),
        ("lang", pa.string()),
        ("author", pa.uint64()),
        ("moment", pa.int64()),
        ("hashtags", pa.list_(pa.string())),
        ("phrases", pa.list_(pa.string())),
        ("keys", pa.list_(pa.string())),
    ]
)
"""`moment` is in milliseconds, `keys` are those of the hashtags, then of the phrases."""


def as_tag(text: str) -> str:
    """A hashtag or a search as a tag: no hashes, no emoji, single spaces; empty where nothing is left to say."""
    plain = text if text.isascii() else _MARKS.sub(" ", unicodedata.normalize("NFKC", text))
    plain = " ".join(_HASHES.sub("", plain).split()).strip(" ,;:!?。，、；：！？'\"“”‘’_-/|~*").rstrip(".")
    if not 0 < len(plain) <= MAX_CHARS or not any(map(str.isalpha, plain)) or not plain.isprintable():
        return ""
    return plain


def asks_for_reach(tag: str) -> bool:
    """Whether a hashtag asks the platform for reach, or readers for a click: 求热门, follow4follow."""
    return bool(_PLATFORM.fullmatch(tag) or (has_han(tag) and _PLATFORM.search(tag)))


def as_phrase(search: str) -> str:
    """A search as a tag; empty where it is a sentence."""
    tag = as_tag(search)
    short = len(HAN.findall(tag)) <= _MOST_HAN and len(tag.split()) <= _MOST_WORDS
    return house(tag) if short and len(tag) > 1 else ""


def house(tag: str) -> str:
    """In lower case, but for words that are written otherwise: iPhone, USB-C, Kyoto."""
    if tag == tag.lower():
        return tag
    return " ".join(word if _is_name(word) else word.lower() for word in tag.split(" "))


@functools.lru_cache(maxsize=65536)
def spaced(tag: str) -> str:
    """A tag whose words were written as one, with spaces between them: slowtravel is slow travel."""
    return " ".join(_words_in(word) for word in tag.split())


def _words_in(word: str) -> str:
    if len(word) < 7 or not (word.isascii() and word.isalpha()) or not word.islower():
        return word
    if kinds(word) or zipf(word) >= 2:
        return word
    # The likeliest words one after the other: each costs what is unlikely about it.
    best: list[tuple[float, list[str]]] = [(0.0, [])]
    for end in range(1, len(word) + 1):
        found = (math.inf, [word])
        for start in range(max(0, end - 14), end):
            part = word[start:end]
            cost = best[start][0] + 9.0 - zipf(part)
            if cost < found[0] and _stands_alone(part):
                found = (cost, [*best[start][1], part])
        best.append(found)
    cost, parts = best[-1]
    return " ".join(parts) if len(parts) <= 4 and cost < 5.8 * len(parts) else word


def _stands_alone(word: str) -> bool:
    if word in STOPWORDS:
        return len(word) > 1
    return len(word) > 2 and zipf(word) >= 3 and (bool(kinds(word)) or len(word) > 4)


def save_notes(
    notes: Iterable[Note | Reject], folder: Path, told: Callable[[int], None] | None = None
) -> tuple[dict[str, int], list[Reject]]:
    """Write `notes.parquet`: the notes given, and those it held before that are not among them.

    Args:
        notes: In any order; one batch is in memory at a time.
        folder: Of the handbook.
        told: How many notes have been read.

    Returns:
        Counts `notes` and `rejected_notes`, and examples of what was rejected.

    Raises:
        UnreadableInput: what was kept before is damaged.
    """
    counts = {"notes": 0, "rejected_notes": 0}
    rejects: list[Reject] = []
    seen: set[int] = set()
    kept, beside = folder / FILE, folder / f".{FILE}.new"

    def rows() -> Iterator[Note]:
        for note in notes:
            if isinstance(note, Note):
                seen.add(_digest(note.id))
                yield note
            else:
                counts["rejected_notes"] += 1
                rejects.extend([note] * (len(rejects) < 20))

    try:
        with pq.ParquetWriter(beside, _SCHEMA, compression="zstd") as writer:
            for batch in _batches(rows()):
                writer.write_table(_table(batch))
                counts["notes"] += len(batch)
                if told is not None:
                    told(counts["notes"])
            if kept.is_file():
                for table in stored(folder):
                    old = [_digest(id) not in seen for id in table["id"].to_pylist()]
                    left = table.filter(pa.array(old, pa.bool_()))
                    writer.write_table(left)
                    counts["notes"] += left.num_rows
        beside.replace(kept)
    finally:
        beside.unlink(missing_ok=True)
    return counts, rejects


def stored(folder: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """What `save_notes` wrote, a part at a time.

    Raises:
        UnreadableInput: it is damaged, or not such a file.
    """
    path = folder / FILE
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            if not file.schema_arrow.equals(_SCHEMA):
                raise UnreadableInput(f"{path}: not notes as this version keeps them; build the handbook again")
            for batch in file.iter_batches(_BATCH, columns=columns):
                batch.validate(full=True)
                yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        raise UnreadableInput(f"{path}: {first_line(error)}; build the handbook again") from None


def reader(folder: Path, columns: list[str]) -> pa.RecordBatchReader:
    """The same as a stream of some columns."""
    schema = pa.schema([_SCHEMA.field(name) for name in columns])
    return pa.RecordBatchReader.from_batches(
        schema, (batch for table in stored(folder, columns) for batch in table.select(columns).to_batches())
    )


def _table(notes: list[Note]) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [] for name in _SCHEMA.names}
    for note in notes:
        hashtags, of_tags = _keyed(map(as_tag, note.hashtags[:_MOST_HASHTAGS]))
        of_title, of_phrases = _keyed(_of_title(note), known=of_tags)
        author = next((str(note.extra[name]) for name in _AUTHOR if note.extra.get(name)), "")
        row = (
            note.id,
            note.title[:_TITLE],
            note.content[:MAX_TEXT],
            note.ocr[:MAX_TEXT],
            [*note.image_attributes[:64], *note.category_levels],
            note.category.strip(),
            note.lang,
            _digest(f"author {author}" if author else f"note {note.id}"),
            int(note.created_at.timestamp() * 1000) if note.created_at else None,
            hashtags,
            of_title,
            [*of_tags, *of_phrases],
        )
        for column, value in zip(columns.values(), row, strict=True):
            column.append(value)
    arrays = [pa.array(column, field.type) for column, field in zip(columns.values(), _SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=_SCHEMA)


def _keyed(tags: Iterable[str], known: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """Tags and their keys, each key once."""
    found: dict[str, str] = {}
    taken = set(known)
    for tag in tags:
        key = form_key(tag) if tag else ""
        if key and key not in taken:
            found.setdefault(key, tag)
    return list(found.values()), list(found)


def _of_title(note: Note) -> Iterator[str]:
    """Phrases of the title that say something by themselves."""
    text = (note.title.strip() or note.content.lstrip().partition("\n")[0])[:_TITLE]
    for phrase in phrases((Source("title", text),), note.lang, max_words=3)[:_MOST_PHRASES] if text else ():
        if not phrase.empty_head:
            tag = as_tag(phrase.text)
            # Headlines capitalise everything.
            yield tag if has_han(tag) else " ".join(w if w[1:] != w[1:].lower() else w.lower() for w in tag.split())


def _is_name(word: str) -> bool:
    lower = word.lower()
    if word == lower:
        return False
    if word.isupper():
        return len(word) <= 5 and not kinds(lower)
    if word[1:] != word[1:].lower():  # iPhone, but not NightView
        return not word[0].isupper() or any(map(str.isdigit, word)) or "-" in word
    return not kinds(lower) and zipf(lower) < 5.5


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())


def _batches(notes: Iterable[Note]) -> Iterator[list[Note]]:
    batch: list[Note] = []
    for note in notes:
        batch.append(note)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
