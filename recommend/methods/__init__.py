"""Methods by name: each is a module with one class that fits `Embedder`, imported when it is asked for."""

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from notes.records import Note
from recommend.methods.embedder import Embedder, Progress, Seeing, Writer, Written
from recommend.pictures import NotePictures

METHODS: dict[str, str] = {
    "tfidf": "recommend.methods.tfidf:Tfidf",
    "sbert": "recommend.methods.sbert:Sbert",
    "prompteol": "recommend.methods.prompteol:PromptEol",
    "contrast": "recommend.methods.trained:Contrast",
    "repllama": "recommend.methods.trained:RepLlama",
    "notellm": "recommend.methods.trained:NoteLlm",
}
"""Where each method's class is; one line makes a new one known to every command."""


def open_method(
    name: str, *, model: Path | None = None, notes: Iterable[Note] = (), pictures: NotePictures | None = None
) -> Embedder:
    """The method `name`, ready to embed.

    Args:
        name: One of `METHODS`.
        model: Folder of a trained model, for methods that have one.
        notes: The notes it will be used on.
        pictures: Where their pictures are, for methods that see.

    Raises:
        recommend.RecommendError: the model cannot be used.
        KeyError: there is no such method.
    """
    module, _, kind = METHODS[name].partition(":")
    found = cast(type[Embedder], getattr(importlib.import_module(module), kind)).open(model, notes)
    if pictures is not None and isinstance(found, Seeing):
        found.look_at(pictures)
    return found


__all__ = ["METHODS", "Embedder", "Progress", "Seeing", "Writer", "Written", "open_method"]
