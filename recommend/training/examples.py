"""What is learned: pairs of notes, and what is to be written behind each."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from notes.records import Note
from recommend.model.folder import Method
from recommend.model.notellm import FORMS
from recommend.model.words import Prompted, Prompter, is_empty
from recommend.pairs import Pairs
from recommend.pictures import NotePictures
from recommend.records import RecommendError
from recommend.training.config import TrainingConfig


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Pairs over the notes that are in one."""

    notes: tuple[Note, ...]
    """As they are shown."""
    hashtags: tuple[tuple[str, ...], ...]
    """To be learned, of each note."""
    pairs: tuple[tuple[int, int], ...]
    """Places in `notes`."""
    left_out: int
    """Pairs with an empty note."""
    cold: int
    """Notes in no pair: nothing is learned of them."""
    pictures: NotePictures | None = None
    """Where their pictures are; None: none are shown."""

    @property
    def usual(self) -> int:
        """Hashtags a note has, the mean rounded, at least one."""
        counts = [len(tags) for tags in self.hashtags if tags]
        return max(1, round(sum(counts) / len(counts))) if counts else 1

    def added(self, popularity: float) -> NDArray[np.float32]:
        """−β log q of each note, β = `popularity`, q the share of the pairs' sides it stands in; shape (n,)."""
        counts = np.bincount(np.array(self.pairs).ravel(), minlength=len(self.notes))
        return (-popularity * np.log(counts / counts.sum())).astype(np.float32)

    @property
    def digest(self) -> str:
        """Changes with any pair, and with anything of its notes."""
        found = hashlib.sha256(np.array(self.pairs, dtype=np.int64).tobytes())
        for note, tags in zip(self.notes, self.hashtags, strict=True):
            found.update("\0".join((note.id, note.digest, *note.hashtags, "", *tags)).encode("utf-8", "surrogatepass"))
        return found.hexdigest()[:16]


def make_examples(
    shown: Sequence[Note],
    learned: Mapping[str, tuple[str, ...]],
    pairs: Pairs,
    *,
    pictures: NotePictures | None = None,
) -> Examples:
    """Pairs to train on, one direction of each two notes.

    Args:
        shown: The notes, with the hashtags that are shown.
        learned: Hashtags to be learned, by note id.
        pairs: Of the training clicks.
        pictures: Where the notes' pictures are, if they are to be shown: a note that has one is not empty.

    Raises:
        RecommendError: a pair is of a note that is not there, or fewer than two pairs are left.
    """
    places = {note.id: place for place, note in enumerate(shown)}
    kept: dict[tuple[str, str], None] = {}
    left_out = 0
    for pair in pairs:
        for id in (pair.query, pair.target):
            if id not in places:
                raise RecommendError(
                    f"a pair is of the note {id[:80]!r}, and no such note is among these {len(shown):,}; "
                    "make the pairs with the same notes"
                )
        both = (min(pair.query, pair.target), max(pair.query, pair.target))
        if any(is_empty(shown[places[id]], pictures) for id in both):
            left_out += 1
        else:
            kept[both] = None
    if len(kept) < 2:
        why = f", {left_out:,} have an empty note" if left_out else ""
        raise RecommendError(
            f"{len(pairs):,} pairs to learn from{why}: a pair is told apart from others, so there must be two; lower "
            "--lowest or --support, or give more interactions"
        )
    used = sorted({id for both in kept for id in both})
    place = {id: number for number, id in enumerate(used)}
    return Examples(
        notes=tuple(shown[places[id]] for id in used),
        hashtags=tuple(learned.get(id, ()) for id in used),
        pairs=tuple((place[one], place[other]) for one, other in kept),
        left_out=left_out,
        cold=len(shown) - len(used),
        pictures=pictures,
    )


class Row(NamedTuple):
    """A note as it is learned."""

    prompt: Prompted
    output: tuple[int, ...]
    """Empty: nothing is known to be written."""
    note: int


def row_of(
    examples: Examples, number: int, side: int, prompter: Prompter, method: Method, config: TrainingConfig
) -> Row:
    """One side of a pair, in a prompt that is chosen at random by the pair's number: the same in every process, and
    after a restart.

    Asked for hashtags, those to be written are taken out of the note: they are not there to be copied.
    """
    place = examples.pairs[number][side]
    note = examples.notes[place]
    if method != "notellm":
        return Row(prompter.prompt(note, FORMS[method]), (), place)
    drawn = np.random.default_rng((config.seed, number, side))
    tags = [tag for tag in examples.hashtags[place] if tag.strip()]
    if tags and (not note.category or drawn.random() < config.hashtag_share):
        count = int(drawn.integers(1, min(config.max_hashtags, len(tags)) + 1))
        chosen = [tags[one] for one in drawn.permutation(len(tags))[:count]]
        others = tuple(tag for tag in note.hashtags if tag not in chosen)
        prompt = prompter.prompt(note.model_copy(update={"hashtags": others}), "hashtags", count)
        return Row(prompt, prompter.output(chosen), place)
    return Row(prompter.prompt(note, "category"), prompter.output((note.category,)) if note.category else (), place)
