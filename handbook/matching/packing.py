"""A matcher as arrays, texts and facts, and back."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handbook.matching import storage
from handbook.matching.alignment import Alignment
from handbook.matching.features import Describer
from handbook.matching.memory import Floats, Memory, Postings
from handbook.matching.space import Space
from handbook.matching.statistics import Statistics
from handbook.matching.vocabulary import Vocabulary

_COUNTED = tuple(field.name for field in fields(Statistics) if field.name not in ("notes", "categories"))


@dataclass(frozen=True)
class Parts:
    """What a matcher is made of."""

    describer: Describer
    models: list[str]
    """As LightGBM writes them."""
    line: tuple[Floats, Floats]
    """Corners of the line from a score to a probability."""
    share: float
    """Of the likeliest tag's probability, from which others are given too."""


def save(folder: Path, describer: Describer, models: Sequence[str], line: tuple[Floats, Floats], share: float) -> None:
    """Write a matcher into `folder`."""
    memory, statistics = describer.memory, describer.statistics
    arrays: dict[str, NDArray[Any]] = {name: getattr(statistics, name) for name in _COUNTED}
    arrays["vectors"] = memory.vectors
    arrays["tags_indptr"], arrays["tags_indices"] = memory.tags.indptr, memory.tags.indices
    arrays |= {f"words_{name}": value for name, value in memory.words._asdict().items()}
    arrays |= {f"grams_{name}": value for name, value in memory.grams._asdict().items()}
    arrays |= {f"space_{name}": value for name, value in describer.space._asdict().items()}
    arrays |= {f"aligned_{name}": value for name, value in describer.alignment._asdict().items()}
    arrays["line_x"], arrays["line_y"] = line
    facts: dict[str, Any] = {"notes": statistics.notes, "categories": list(statistics.categories)}
    facts |= {"vocabulary": describer.vocabulary.digest, "share": share, "models": len(models)}
    storage.save(folder, arrays, {f"model-{n}": text for n, text in enumerate(models)}, facts)


def load(folder: Path, vocabulary: Vocabulary) -> Parts:
    """What `save` wrote, arrays memory-mapped.

    Raises:
        ValueError: a file is missing, damaged or of another version, or the matcher was learned on other tags.
    """
    arrays, texts, facts = storage.load(folder)
    if facts.get("vocabulary") != vocabulary.digest:
        raise ValueError(f"{folder / storage.MANIFEST} was learned on other tags than the handbook has now")

    def named(prefix: str, names: Sequence[str]) -> list[NDArray[Any]]:
        return [arrays[f"{prefix}_{name}"] for name in names]

    try:
        statistics = Statistics(
            notes=int(facts["notes"]),
            categories=tuple(facts["categories"]),
            **{name: arrays[name] for name in _COUNTED},
        )
        indices, indptr = arrays["tags_indices"], arrays["tags_indptr"]
        tags = sparse.csr_matrix(
            (np.ones(len(indices), dtype=np.float32), indices, indptr),
            shape=(len(arrays["vectors"]), len(vocabulary)),
        )
        words, grams = (Postings(*named(kind, Postings._fields)) for kind in ("words", "grams"))
        memory = Memory(arrays["vectors"], words, grams, tags)
        space = Space(*named("space", Space._fields))
        alignment = Alignment(*named("aligned", Alignment._fields))
        known = np.ones(len(vocabulary), dtype=bool)
        return Parts(
            describer=Describer(vocabulary, memory, statistics, space, alignment, known),
            models=[texts[f"model-{number}"] for number in range(_positive(facts["models"]))],
            line=(np.asarray(arrays["line_x"]), np.asarray(arrays["line_y"])),
            share=float(facts["share"]),
        )
    except KeyError as error:
        raise ValueError(f"{folder / storage.MANIFEST} is damaged: {error} is missing") from None
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{folder} is damaged: {str(error)[:200]}") from None


def _positive(count: Any) -> int:
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"models must be 1 or more, got {count!r}")
    return count


__all__ = ["Parts", "load", "save"]
