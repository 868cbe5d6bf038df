"""What matters beyond a gold list. Each is a number of one note, None where the note says nothing about it; over notes
the mean is taken, every note alike.
"""

import functools
import itertools
import math
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from notes.language import has_han
from notes.phrases import MAX_CHARS
from notes.records import DraftTag, Evidence, Note, Reject, Trace
from notes.words import form_key, terms
from signatures.dedupe import dedupe, meaning_matters
from signatures.questions import TagLimits
from signatures.sources import Sources

MAX_NOTES = 50_000
MAX_ENTRIES = 20_000_000
"""Of words and the notes they stand in, 4 bytes each."""


class Redundancy(NamedTuple):
    """Shares of all pairs of a note's tags, 0 to 1."""

    same: float
    """One says what the other says: in form, spelling or meaning."""
    coarser: float
    """One is only the coarser form of the other."""


def redundancy(tags: Sequence[str], limits: TagLimits, vectors: NDArray[np.float32] | None = None) -> Redundancy | None:
    """How much of a note's tags is said twice, by the rules `dedupe` merges by, each pair looked at alone.

    Stricter than `dedupe` in one point: a coarser form counts even where the two serve different interests.

    Args:
        tags: None for fewer than two of them.
        limits: How near is the same.
        vectors: Unit vectors of the tags' meaning, shape (n, d); without them meaning is not compared.
    """
    if len(tags) < 2:
        return None
    drafts = [DraftTag(tag=tag) for tag in tags]
    same = coarser = 0
    for i, j in itertools.combinations(range(len(drafts)), 2):
        pair = vectors[[i, j]] if vectors is not None else None
        for decision in dedupe((drafts[i], drafts[j]), limits, vectors=pair).decisions:
            if decision.reason == "coarser":
                coarser += 1
            else:
                same += 1
    pairs = math.comb(len(drafts), 2)
    return Redundancy(same / pairs, coarser / pairs)


async def tag_vectors(tags: Sequence[str], encoder: Embeddings) -> NDArray[np.float32] | None:
    """Meaning of a note's tags for `redundancy`, shape (n, d), compared where `dedupe` compares it.

    Zeros, near to nothing, where meaning cannot matter or the encoder cannot read the tag; None where that is all.
    """
    wanted = [tags[i] for i in meaning_matters(tags) if not has_han(tags[i])]
    if len(wanted) < 2:
        return None
    found = dict(zip(wanted, await encoder.aembed_documents(wanted), strict=True))
    nothing = [0.0] * len(found[wanted[0]])
    return np.asarray([found.get(tag, nothing) for tag in tags], dtype=np.float32)


class Frequencies:
    """In how many notes of a file words occur together: what is rare there says much.

    The first `MAX_NOTES` notes count, or as many as `MAX_ENTRIES` allows, and the first `MAX_CHARS` characters of each.
    """

    def __init__(self, notes: Iterable[Note | Reject], *, max_notes: int = MAX_NOTES) -> None:
        self.notes = 0
        """Notes that were counted."""
        self._postings: dict[str, array[int]] = {}
        entries = 0
        for note in notes:
            if self.notes >= max_notes or entries >= MAX_ENTRIES:
                break
            if isinstance(note, Reject):
                continue
            found = {part for text in (note.text[:MAX_CHARS], *note.hashtags[:100]) for part in terms(text)}
            for term in found:
                self._postings.setdefault(term, array("I")).append(self.notes)
            entries += len(found)
            self.notes += 1
        self._known = functools.lru_cache(maxsize=65536)(self._count)

    def count(self, tag: str) -> int:
        """Notes whose text and hashtags hold all of the tag's terms; all notes for a tag of stopwords alone."""
        return self._known(frozenset(terms(tag)))

    def _count(self, wanted: frozenset[str]) -> int:
        if not wanted:
            return self.notes
        postings = sorted((self._postings.get(term, array("I")) for term in wanted), key=len)
        found = np.asarray(postings[0])
        for posting in postings[1:]:
            found = np.intersect1d(found, np.asarray(posting), assume_unique=True)
        return len(found)

    def information(self, tag: str) -> float:
        """Information content in bits: -log2((df + 1) / (N + 1)); 0 for a tag that fits every note."""
        return -math.log2((self.count(tag) + 1) / (self.notes + 1))


def granularity(tags: Sequence[str], frequencies: Frequencies) -> float | None:
    """Mean information content of a note's tags against its file, in bits; None without tags."""
    return sum(map(frequencies.information, tags)) / len(tags) if tags else None


def interest_coverage(trace: Trace, vocabulary: Mapping[str, Collection[str]]) -> float | None:
    """Share of the matched interests that a final tag expresses, 0 to 1; None where none was matched.

    A tag expresses an interest that it was tied to, or whose vocabulary it is written in.

    Args:
        trace: What the note got.
        vocabulary: Form keys of each interest's tags, by its id.
    """
    if not trace.matched:
        return None
    tied = {tag.interest for tag in trace.tags}
    keys = [form_key(tag.tag) for tag in trace.tags]
    expressed = (m.id in tied or any(key in vocabulary.get(m.id, ()) for key in keys) for m in trace.matched)
    return sum(expressed) / len(trace.matched)


class Groundedness(NamedTuple):
    """Shares of a note's tags that rest on evidence which holds, 0 to 1; a tag may rest on several kinds."""

    any: float
    text: float
    """Words that stand in title or content."""
    picture: float
    """Words that stand in a picture, an attribute of one, or an opened picture as a whole."""
    interest: float
    """An interest that was matched."""


_KINDS = {
    "title": "text",
    "content": "text",
    "ocr": "picture",
    "picture": "picture",
    "attributes": "picture",
    "interest": "interest",
}


def groundedness(trace: Trace, sources: Sources) -> Groundedness | None:
    """How much of what a note got rests on something; every quote is looked up again. None without tags.

    Args:
        trace: What the note got.
        sources: What it may rest on: `Sources.of(note, trace.pictures)`.
    """
    if not trace.tags:
        return None
    matched = {match.id for match in trace.matched}
    kinds = [
        {_KINDS[evidence.source] for evidence in tag.evidence if _holds(evidence, sources, matched)}
        for tag in trace.tags
    ]
    counts = {kind: sum(kind in found for found in kinds) for kind in ("text", "picture", "interest")}
    counts["any"] = sum(map(bool, kinds))
    return Groundedness(**{kind: count / len(kinds) for kind, count in counts.items()})


def _holds(evidence: Evidence, sources: Sources, matched: Collection[str]) -> bool:
    if evidence.source == "interest":
        return evidence.interest in matched
    if evidence.quote:
        return sources.find(evidence.quote) is not None
    return evidence.source == "picture" and evidence.picture in sources.described


def novelty(tags: Sequence[str], *known: Collection[str]) -> float | None:
    """Share of a note's tags that are new, 0 to 1: in no spelling among what is known; None without tags.

    Args:
        tags: What the note got.
        known: Form keys, of its gold and of the handbook's vocabulary.
    """
    keys = [form_key(tag) for tag in tags]
    return sum(not any(key in those for those in known) for key in keys) / len(keys) if keys else None
