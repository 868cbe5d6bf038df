"""What every method of recommendation is: notes in, unit vectors out.

A new method is one module in this folder with a class that fits `Embedder`, and a line in `METHODS` (`__init__.py`):

    class Mine:
        name = "mine"
        revision = "…"                          # changes whenever a note's vector would

        @classmethod
        def open(cls, model: Path | None, notes: Iterable[Note]) -> "Mine": ...

        def embed(self, notes, *, progress=None) -> Vectors: ...

        def save(self, folder: Path) -> None: ...

Evaluation, index and commands know nothing else of it. What a method may read of a note is the note it is handed:
whoever compares *without tags*, *with the author's hashtags* and *with TagLLM's tags* puts them into `Note.hashtags`
(`recommend.shown`), a method shows what stands there and asks no further.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, Self, runtime_checkable

from notes.records import Note
from recommend.pictures import NotePictures
from recommend.records import Vectors

Progress = Callable[[int, int], None]
"""Called with the notes done and the notes there are."""


class Embedder(Protocol):
    """A method, ready to embed."""

    name: str
    """As `--method` and an index's manifest write it."""
    revision: str
    """Of what makes the vectors: weights, words, code. Vectors of two revisions are not comparable, and an index made
    with another revision is refused."""

    @classmethod
    def open(cls, model: Path | None, notes: Iterable[Note]) -> Self:
        """Make it ready.

        Args:
            model: Folder of a trained model, or of what `save` wrote; None: none was given. A model that learned from
                pairs holds the `pairs.json` that `tagllm recommend pairs` wrote with them: evaluation compares it with
                its own division and refuses a model that may have seen the test.
            notes: The notes it will be used on, for a method that counts words before it embeds (tfidf); others leave
                them unread. Clicks are never handed over, so nothing of the test period's behaviour can leak here.

        Raises:
            recommend.RecommendError: `model` is missing, damaged or of another method.
        """
        ...

    def embed(self, notes: Sequence[Note], *, progress: Progress | None = None) -> Vectors:
        """One unit vector a note, float32, shape (n, d), rows in the order of `notes`, L2 norm 1.

        The same note gives the same vector whatever other notes stand beside it (up to float rounding). A note with no
        word the method knows gives a row of zeros: similar to nothing.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write into `folder` what `open(folder, ())` needs besides an installed package.

        A method whose model lies in a folder of its own writes nothing: the index names that folder.
        """
        ...


class Written(NamedTuple):
    """What a generating method says of a note."""

    category: str
    hashtags: tuple[str, ...]
    """In the order given."""


@runtime_checkable
class Writer(Protocol):
    """A method that also generates (notellm): evaluation then measures categories and hashtags too."""

    def write(self, notes: Sequence[Note], *, progress: Progress | None = None) -> list[Written]:
        """Category and hashtags of each note, the note's own never shown to it."""
        ...


@runtime_checkable
class Seeing(Protocol):
    """A method that can look at pictures (the trained ones, over a base that sees)."""

    def look_at(self, pictures: NotePictures) -> None:
        """Say where the pictures of the notes are that come next."""
        ...
