"""How near texts are in meaning, where the encoder can read them."""

from collections.abc import Mapping, Sequence

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from notes.language import has_han


class Meanings:
    """Unit vectors of texts by key; what was not read, or is Chinese, is near to nothing.

    Args:
        vectors: By key.
    """

    def __init__(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        self._vectors = vectors

    @classmethod
    async def of(cls, texts: Mapping[str, str], encoder: Embeddings | None) -> "Meanings":
        """Read texts."""
        readable = {key: text for key, text in texts.items() if text.strip() and not has_han(text)}
        if encoder is None or not readable:
            return cls({})
        found = await encoder.aembed_documents(list(readable.values()))
        return cls({key: np.asarray(vector, dtype=np.float32) for key, vector in zip(readable, found, strict=True)})

    def cosine(self, first: str, second: str) -> float:
        """How near two texts are; 0 where it cannot be told."""
        if first not in self._vectors or second not in self._vectors:
            return 0.0
        return float(self._vectors[first] @ self._vectors[second])

    def cosines(self, keys: Sequence[str]) -> NDArray[np.float32] | None:
        """The same of every two, shape (n, n); None where nothing can be told."""
        if not any(key in self._vectors for key in keys):
            return None
        return np.array([[self.cosine(first, second) for second in keys] for first in keys], dtype=np.float32)
