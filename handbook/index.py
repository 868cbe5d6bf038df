"""Looking interests up: the category first, then meaning and words; pages that stay the same for a category."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from handbook.arrays import Arrays, Vectors
from handbook.page import in_words, page_of, tokens_of, within
from handbook.records import Handbook, Interest
from notes.language import language_of
from notes.records import RetrievedInterest
from notes.words import terms

if TYPE_CHECKING:
    from handbook.matching import Matcher, NoteText

CATEGORY_BONUS = 0.15
MEANING_WEIGHT, EVIDENCE_WEIGHT, WORDS_WEIGHT = 0.45, 0.25, 0.5
_LOOKED_AT = 160
"""Interests whose evidence sentences are compared: those that meaning, words and category put first."""
_ENOUGH = 8
"""Interests with a likely tag; with fewer, others are searched for."""


class Signals(NamedTuple):
    """How near a text is to some interests; every array has shape (number of interests,)."""

    meaning: Vectors
    """Cosine of the text and the interest's own words."""
    evidence: Vectors
    """Cosine of the text and the nearest of the interest's evidence sentences: the text's neighbours."""
    words: Vectors
    """Cosine of the tf-idf weights of words in common; the signal that holds for Chinese."""

    @property
    def score(self) -> Vectors:
        """The signals as one number."""
        weighed = MEANING_WEIGHT * self.meaning + EVIDENCE_WEIGHT * self.evidence + WORDS_WEIGHT * self.words
        return weighed.astype(np.float32, copy=False)


class HandbookIndex:
    """A handbook that can be searched. `handbook.folder.open_index` opens one from disk.

    Args:
        handbook: What is searched; retired interests are not.
        encoder: Vectors of unit length for texts; searching by meaning needs the same one that built the index.
            Its model may know English only: a Chinese text is compared by its words.
        arrays: What was made of it before; None: made now.
        matcher: What was learned on its evidence notes; None: nothing was.
    """

    def __init__(
        self,
        handbook: Handbook,
        encoder: Embeddings,
        *,
        arrays: Arrays | None = None,
        matcher: "Matcher | None" = None,
    ) -> None:
        self.handbook = handbook
        self.encoder = encoder
        self.matcher = matcher
        self.interests: tuple[Interest, ...] = handbook.active
        self._arrays = arrays if arrays is not None else Arrays.make(self.interests, encoder)
        if len(self._arrays.meaning) != len(self.interests):
            raise ValueError(f"{len(self.interests)} interests, but vectors of {len(self._arrays.meaning)}")
        self._number = {interest.id: number for number, interest in enumerate(self.interests)}
        by_category: dict[str, list[int]] = {}
        for number, interest in enumerate(self.interests):
            by_category.setdefault(interest.category.casefold(), []).append(number)
        self._of_category = {name: np.array(rows, dtype=np.intp) for name, rows in by_category.items()}
        self._support = np.array([sum(i.tags.values()) for i in self.interests], dtype=np.float32)
        self._pages: dict[tuple[str, int], tuple[Interest, ...]] = {}
        self._whole: dict[str, list[RetrievedInterest]] = {}
        self._tokens: int | None = None
        """Of all interests in words."""
        self._vocabulary: dict[str, list[tuple[str, tuple[str, ...]]]] = {}

    def vocabulary(self, id: str) -> list[tuple[str, tuple[str, ...]]]:
        """Tags of an interest, with the words they are compared by."""
        found = self._vocabulary.get(id)
        if found is None:
            found = [(tag, terms(tag)) for tag in self.handbook.interests[id].tags]
            self._vocabulary[id] = found
        return found

    def signals(self, text: str, vector: Vectors | None, rows: NDArray[np.intp] | None = None) -> Signals:
        """How near `text` is to the interests `rows`, or to all.

        Args:
            text: What is compared by its words.
            vector: Its embedding, shape (d,); None to go by words alone.
            rows: Numbers of interests, as `numbers` gives them.
        """
        rows = np.arange(len(self.interests)) if rows is None else rows
        words = self._arrays.word_scores(Counter(terms(text)))[rows]
        if vector is None or not len(rows):
            return Signals(np.zeros(len(rows), dtype=np.float32), np.zeros(len(rows), dtype=np.float32), words)
        meaning = self._arrays.meaning[rows] @ vector
        return Signals(meaning, self._arrays.nearest_sentence(rows, vector), words)

    async def search(self, text: str, *, category: str = "", k: int = 24) -> list[RetrievedInterest]:
        """The `k` interests that could matter most, best first.

        Interests of the note's category come with a bonus; a category the handbook does not know is no category.
        Without a text the best supported interests come, those of the category first.
        """
        vector = None
        if text.strip() and language_of(text) == "en" and self.interests:
            vector = np.asarray(await self.encoder.aembed_query(text), dtype=np.float32)
        return self.nearest(text, vector, category=category, k=k)

    async def retrieve(self, note: "NoteText", *, k: int = 24, tokens: int | None = None) -> list[RetrievedInterest]:
        """The interests a note is asked about.

        Where a matcher was learned, interests of the tags it finds likely come first; where these are few, then what
        `search` finds.

        Args:
            note: The note's texts.
            k: Interests, page not counted.
            tokens: Budget for all interests in words. A handbook that fits is shown whole, the category's interests
                first, and nothing is searched for. Else the category's page, at most half of the budget, comes before
                anything else, the same for every note of the category; the rest is cut where the budget ends.
                None: no page, and no limit but `k`.
        """
        if tokens is not None and (whole := self.whole(note.category, tokens)):
            return whole
        text = note.text
        vector = None
        if text.strip() and language_of(text) == "en" and self.interests:
            vector = np.asarray(await self.encoder.aembed_query(text), dtype=np.float32)
        likely: dict[str, float] = {}
        if self.matcher is not None:
            for tag in await self.matcher.arank(note, vector):
                if tag.interest:
                    likely[tag.interest] = max(likely.get(tag.interest, 0.0), tag.probability)
        page = [interest.id for interest in self.page(note.category, tokens // 2)] if tokens is not None else []
        ahead = [*page, *(id for id in likely if id not in page)][: len(page) + k]
        if len(likely) < _ENOUGH:
            more = len(page) + k - len(ahead)
            found = self.nearest(text, vector, category=note.category, k=more, first=ahead)
        else:
            chosen = [self.handbook.interests[id] for id in ahead]
            found = [RetrievedInterest(id=i.id, name=i.name, score=likely.get(i.id, 0.0)) for i in chosen]
        if tokens is not None:
            found = found[: within([self.handbook.interests[entry.id] for entry in found], tokens)]
        return [entry.model_copy(update={"probability": likely.get(entry.id, 0.0)}) for entry in found]

    def nearest(
        self, text: str, vector: Vectors | None, *, category: str = "", k: int = 24, first: Sequence[str] = ()
    ) -> list[RetrievedInterest]:
        """What `search` finds, where the text's embedding is at hand.

        Args:
            text: What is looked up.
            vector: Its embedding, shape (d,); None: by words alone.
            category: Of the note.
            k: Interests found by nearness.
            first: Ids of interests that come before all others, in this order, and do not count for `k`.
        """
        if not self.interests:
            return []
        score = self._first_look(text, vector)
        known = self.handbook.category(category)
        if known is not None:
            score[self._of_category.get(known.id.casefold(), ())] += CATEGORY_BONUS
        ahead = self.numbers(first)
        rows = _largest(score, max(_LOOKED_AT, 4 * k))
        if ahead:
            rows = np.union1d(rows, ahead)
        if vector is not None:
            score = score[rows] + EVIDENCE_WEIGHT * self._arrays.nearest_sentence(rows, vector)
        else:
            score = score[rows]
        # Rounded: where rows are equal, the last bits of a product depend on where they stand in the matrix.
        order = np.argsort(-score.round(6), kind="stable")
        if ahead:
            order = order[~np.isin(rows[order], ahead)]
        chosen = [*np.searchsorted(rows, ahead), *order[: max(0, k)]]
        found = [(self.interests[rows[n]], float(score[n])) for n in chosen]
        return [RetrievedInterest(id=i.id, name=i.name, score=round(value, 4)) for i, value in found]

    def page(self, category: str, tokens: int) -> tuple[Interest, ...]:
        """What every note of a category is shown: its best supported interests that fit, always in the same order.

        A server that keeps prefixes reads it once. Empty for a category the handbook does not know.

        Args:
            category: Id or name.
            tokens: Budget, counted by `handbook.page.tokens_of`.
        """
        known = self.handbook.category(category)
        if known is None:
            return ()
        key = (known.id, tokens)
        if key not in self._pages:
            self._pages[key] = page_of([i for i in known.interests if not i.retired], tokens)
        return self._pages[key]

    def whole(self, category: str, tokens: int) -> list[RetrievedInterest]:
        """Every interest, those of the category first, the same for each of its notes; empty where they do not fit.

        Args:
            category: Id or name; one the handbook does not know is no category.
            tokens: Budget, counted by `handbook.page.tokens_of`.
        """
        if len(self.interests) > tokens:  # one takes more than one
            return []
        if self._tokens is None:
            self._tokens = sum(tokens_of(in_words(interest)) for interest in self.interests)
        if self._tokens > tokens:
            return []
        known = self.handbook.category(category)
        key = known.id if known is not None else ""
        if key not in self._whole:
            first = self._of_category.get(key.casefold(), np.array([], dtype=np.intp)).tolist()
            rows = [*first, *sorted(set(range(len(self.interests))).difference(first))]
            chosen = [self.interests[row] for row in rows]
            self._whole[key] = [RetrievedInterest(id=i.id, name=i.name, score=0.0) for i in chosen]
        return list(self._whole[key])

    def _first_look(self, text: str, vector: Vectors | None) -> Vectors:
        if not text.strip():
            return 0.5 * CATEGORY_BONUS * self._support / max(1.0, float(self._support.max()))
        score = self._arrays.word_scores(Counter(terms(text)))
        score *= WORDS_WEIGHT
        if vector is not None:
            meaning = self._arrays.meaning @ vector
            meaning *= MEANING_WEIGHT
            score += meaning
        return score

    def numbers(self, ids: Sequence[str]) -> list[int]:
        """Rows of these interests in what `signals` gives."""
        return [self._number[id] for id in ids if id in self._number]


def _largest(score: Vectors, most: int) -> NDArray[np.intp]:
    """Rows of the largest scores, ascending; equal ones at the edge in the order of the rows."""
    if len(score) <= most:
        return np.arange(len(score))
    edge = np.partition(score, len(score) - most)[len(score) - most]
    above = np.flatnonzero(score > edge)
    equal = np.flatnonzero(score == edge)[: most - len(above)]
    return np.sort(np.concatenate([above, equal]))
