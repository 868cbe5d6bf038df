"""Methods that `tagllm recommend train` trains: contrast, repllama and NoteLLM. One folder, one model."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from notes.records import Note
from recommend.methods.embedder import Progress, Written
from recommend.model.folder import HEAD, MODEL, Method, read_model
from recommend.model.notellm import NoteLLM
from recommend.pictures import NotePictures
from recommend.records import RecommendError, Vectors


class Contrast:
    """PromptEOL's prompt, trained by contrast on pairs alone (PromptEOL+CSE).

    Args:
        folder: Of a trained model.
    """

    name: Method = "contrast"

    def __init__(self, folder: Path) -> None:
        self._model = NoteLLM.open(folder)
        self.revision = f"{self.name} {_digest(folder)}"

    @classmethod
    def open(cls, model: Path | None, notes: Iterable[Note]) -> Self:
        """Read the model.

        Raises:
            RecommendError: none is named, it is none, or it was trained as another method.
        """
        if model is None:
            raise RecommendError(
                f"{cls.name} has to be trained: tagllm recommend train --method {cls.name} …, then --model"
            )
        made = read_model(model).made_of.method
        if made != cls.name:
            raise RecommendError(f"{model} was trained as {made}, not as {cls.name}; ask for --method {made}")
        return cls(model)

    def embed(self, notes: Sequence[Note], *, progress: Progress | None = None) -> Vectors:
        """One unit vector a note, shape (n, d)."""
        return self._model.embed(notes, progress=progress)

    def look_at(self, pictures: NotePictures) -> None:
        """Say where pictures are; a model that was trained without looks at none."""
        self._model.look_at(pictures)

    def save(self, folder: Path) -> None:
        """Nothing to keep: the index names the model."""


class RepLlama(Contrast):
    """The note alone, its last token, trained by contrast: nothing asks for compression."""

    name = "repllama"


class NoteLlm(Contrast):
    """The compression prompt, trained by contrast and by writing category and hashtags."""

    name = "notellm"

    def write(self, notes: Sequence[Note], *, progress: Progress | None = None) -> list[Written]:
        """Category and hashtags of each note."""
        return [Written(category, tags) for category, tags in self._model.write(notes, progress=progress)]


def _digest(folder: Path) -> str:
    import hashlib

    found = hashlib.sha256((folder / MODEL).read_bytes())
    found.update((folder / HEAD).read_bytes())
    return found.hexdigest()[:16]
