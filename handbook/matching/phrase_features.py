"""Phrases of a note that the handbook lacks, described by the columns of `features`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handbook.matching.candidates import COLUMNS, Candidates, Read, code_of
from handbook.matching.statistics import lookup, rarity_of
from handbook.matching.texts import codes_of, parts_of
from handbook.matching.vocabulary import SHAPE, shape_of
from notes.phrases import Phrase
from notes.words import normalised

if TYPE_CHECKING:
    from handbook.matching.features import Describer

MAX_PHRASES = 20
"""Phrases of a note that are weighed."""

_DESCRIBED = (
    "share",
    "title_share",
    "ocr_share",
    "title_times",
    "content_times",
    "ocr_times",
    "first",
    "joined",
    "said",
    "is_category",
    "rarest",
    "commonest",
    *SHAPE,
    "empty_head",
)


def describe_phrases(describer: "Describer", notes: Sequence[Read], of_notes: Mapping[str, NDArray[Any]]) -> Candidates:
    """The most telling phrases of each note of a batch.

    Args:
        describer: Tells which phrases are no open tags, and what they are counted as.
        notes: The batch, `b` notes.
        of_notes: Columns that say something of a note by itself, shape (b,).
    """
    rows: list[int] = []
    places: list[int] = []
    data: list[list[float]] = []
    for row, note in enumerate(notes):
        for place, said in _telling(describer, note):
            rows.append(row)
            places.append(place)
            data.append(_described(describer, note, note.own.phrases[place], note.own.keys[place], said))
    features = np.zeros((len(rows), len(COLUMNS)), dtype=np.float32)
    if rows:
        features[:, [COLUMNS.index(name) for name in _DESCRIBED]] = data
        for name, values in of_notes.items():
            features[:, COLUMNS.index(name)] = values[rows]
    return Candidates(
        np.array(rows, dtype=np.int32),
        np.full(len(rows), -1, dtype=np.int32),
        np.array(places, dtype=np.int32),
        features,
    )


def _telling(describer: "Describer", note: Read) -> list[tuple[int, int]]:
    """Places of the phrases that say most, best first, with how many evidence notes say them."""
    number, statistics = describer.vocabulary.number, describer.statistics
    tags = [number.get(key) for key in note.own.keys]
    chosen = [place for place, tag in enumerate(tags) if tag is None or not describer.open[tag]]
    if not chosen:
        return []
    codes = np.array([code_of(note.own.keys[place]) for place in chosen], dtype=np.uint32)
    stands = lookup(statistics.phrases, statistics.phrase_counts, codes)
    found: list[tuple[float, int, int]] = []
    for place, stood in zip(chosen, stands.tolist(), strict=True):
        tag, phrase = tags[place], note.own.phrases[place]
        said = stood if tag is None else int(statistics.said[tag])
        telling = 2 * phrase.in_title + np.log1p(phrase.count) - 0.4 * np.log1p(said) + 0.3 * (len(phrase.words) > 1)
        found.append((-telling, place, said))
    return [(place, said) for _, place, said in sorted(found)[:MAX_PHRASES]]


def _described(describer: "Describer", note: Read, phrase: Phrase, key: str, said: int) -> list[float]:
    """Values of `_DESCRIBED`."""
    picture = phrase.source == "ocr"
    text = {"title": note.text.title, "ocr": note.text.ocr}.get(phrase.source, note.text.content)
    codes = np.array([c for part in parts_of(normalised(phrase.text)) for c in codes_of(part)], dtype=np.uint32)
    rarity = rarity_of(codes, describer.memory) if len(codes) else np.zeros(1)
    return [
        1.0,
        float(phrase.in_title),
        float(picture),
        float(phrase.in_title),
        0.0 if picture else float(phrase.count - phrase.in_title),
        float(phrase.count) if picture else 0.0,
        0.0 if phrase.in_title else phrase.start / max(1, len(text)),
        1.0,
        float(np.log1p(said)),
        float(bool(key) and key == describer.category_keys.get(note.category, "")),
        float(rarity.max()),
        float(rarity.min()),
        *shape_of(phrase.text),
        float(phrase.empty_head),
    ]
