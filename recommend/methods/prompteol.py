"""PromptEOL, zero-shot: a language model as it is, asked for one word (arXiv 2307.16645)."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import prompts
from notes.records import Note
from recommend.methods.embedder import Progress
from recommend.model.base import MINILM, base_digest
from recommend.model.folder import MODEL
from recommend.model.notellm import NoteLLM
from recommend.records import RecommendError, Vectors


class PromptEol:
    """The state of the prompt's last token; trained on nothing of ours.

    Args:
        base: `minilm`, a folder of a causal model, or its name on the hub.
    """

    name = "prompteol"

    def __init__(self, base: str) -> None:
        self._model = NoteLLM.zero_shot(base)
        self.revision = f"prompteol {prompts.default('compression')} {base_digest(base) or base}"

    @classmethod
    def open(cls, model: Path | None, notes: Iterable[Note]) -> Self:
        """Load the base that `model` names; without one, minilm.

        Raises:
            RecommendError: it is no base.
        """
        if model is not None and (model / MODEL).is_file():
            raise RecommendError(
                f"prompteol asks a base that was not trained, {model} holds a trained model; name a base"
            )
        return cls(MINILM if model is None else str(model))

    def embed(self, notes: Sequence[Note], *, progress: Progress | None = None) -> Vectors:
        """One unit vector a note, d the base's hidden size."""
        return self._model.embed(notes, progress=progress)

    def save(self, folder: Path) -> None:
        """Nothing to keep: the index names the base."""
