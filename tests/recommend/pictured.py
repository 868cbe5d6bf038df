"""Notes that only their pictures tell apart, and a tiny base that sees."""

from pathlib import Path

import numpy as np
from PIL import Image

from notes import Note
from notes.pictures import PictureStore
from recommend.methods import Embedder
from recommend.pairs import Pairs
from recommend.pictures import NotePictures
from recommend.training.examples import Examples, make_examples
from tests import tiny_idefics3

COLOURS = {
    "dusk": (200, 60, 40),
    "sea": (30, 80, 200),
    "meadow": (50, 160, 60),
    "sand": (220, 200, 120),
    "night": (25, 20, 45),
}
"""By kind of picture."""
WORDS = ("went", "out", "early", "with", "friends", "and", "came", "home", "late", "again", "happy", "tired")
PROMPT = (
    "Read the note. Put what it is about into one word that finds notes like it, then name its category.",
    'Note: {"title": "A day out", "content": "',
    '"}\nIn one word: "". Its category:',
)


def picture(file: Path, colour: tuple[int, int, int], seed: int) -> str:
    """Write a picture of nearly one colour, 64 x 64; returns its name. No two are the same."""
    draw = np.random.default_rng(seed)
    pixels = np.asarray(colour) + draw.integers(-12, 13, 3) + draw.integers(-25, 26, (8, 8, 1))
    small = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    small.resize((64, 64), Image.Resampling.BICUBIC).save(file)
    return file.name


def notes_in(folder: Path, each: int, *, first: int = 0) -> list[Note]:
    """`each` notes of every kind; their words say nothing of their picture."""
    found = []
    for place, (kind, colour) in enumerate(COLOURS.items()):
        for number in range(first, first + each):
            seed = 100 * place + number
            words = np.random.default_rng((seed, 1)).permutation(WORDS)[:4].tolist()
            name = picture(folder / f"{kind}-{number}.png", colour, seed)
            found.append(
                Note(id=f"{kind}-{number}", title="A day out", content=" ".join(words), images=(name,), category=kind)
            )
    return found


def kind_of(note: Note) -> str:
    """What a note's picture is of."""
    return note.id.partition("-")[0]


def looking(folder: Path) -> NotePictures:
    """The pictures in a folder."""
    return NotePictures(PictureStore(folder))


def examples(notes: list[Note], pictures: NotePictures | None) -> Examples:
    """Notes of a kind go together."""
    rows = range(len(notes))
    both = [(a, b) for a in rows for b in rows if a < b and kind_of(notes[a]) == kind_of(notes[b])]
    queries, targets = (np.array(column, dtype=np.int32) for column in zip(*both, strict=True))
    ids = tuple(note.id for note in notes)
    pairs = Pairs(ids=ids, queries=queries, targets=targets, scores=np.ones(len(both)))
    return make_examples(notes, {}, pairs, pictures=pictures)


def recall(embedder: Embedder, notes: list[Note]) -> float:
    """Share of notes whose nearest other note is of the same kind."""
    vectors = embedder.embed(notes)
    near = (vectors @ vectors.T - 2 * np.eye(len(notes))).argmax(axis=1)
    return float(np.mean([kind_of(notes[row]) == kind_of(note) for row, note in zip(near, notes, strict=True)]))


def base(folder: Path) -> str:
    """A tiny vision-language model to which these notes are short."""
    return str(tiny_idefics3.build(folder, sentences=[*PROMPT, " ".join((*WORDS, *COLOURS)), *tiny_idefics3.CORPUS]))
