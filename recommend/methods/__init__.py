"""Methods by name: each is a module with one class that fits `Embedder`, imported when it is asked for."""

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from notes.records import Note
from recommend.methods.embedder import Embedder, Progress, Writer, Written

METHODS: dict[str, str] = {
    "tfidf": "recommend.methods.tfidf:Tfidf",
    "sbert": "recommend.methods.sbert:Sbert",
    "prompteol": "recommend.methods.prompteol:PromptEol",
    "contrast": "recommend.methods.trained:Contrast",
    "repllama": "recommend.methods.trained:RepLlama",
    "notellm": "recommend.methods.trained:NoteLlm",
}
"""Where each method's class is; one line makes a new one known to every command."""


def open_method(name: str, *, model: Path | None = None, notes: Iterable[Note] = ()) -> Embedder:
    """The method `name`, ready to embed.

    Args:
        name: One of `METHODS`.
        model: Folder of a trained model, for methods that have one.
        notes: The notes it will be used on.

    Raises:
        recommend.RecommendError: the model cannot be used.
        KeyError: there is no such method.
    """
    module, _, kind = METHODS[name].partition(":")
    return cast(type[Embedder], getattr(importlib.import_module(module), kind)).open(model, notes)


__all__ = ["METHODS", "Embedder", "Progress", "Writer", "Written", "open_method"]
