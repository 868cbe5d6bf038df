"""The forms a corpus is written in; each takes examples one by one, and none holds more than a few."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from distill.corpus.exports.openai import BatchExport, OpenAIExport
from distill.corpus.exports.sharegpt import ShareGPTExport
from distill.corpus.exports.trl import TrlExport
from distill.corpus.policy import Format
from distill.corpus.records import Example, Split


class Export(Protocol):
    """Writes examples in one form."""

    def write(self, example: Example, split: Split) -> None:
        """Write one example."""
        ...

    def close(self) -> None:
        """End every file."""
        ...


def exports(
    folder: Path,
    formats: Sequence[Format],
    *,
    with_pictures: bool,
    model: str,
    response_formats: Mapping[str, Any],
) -> list[Export]:
    """The exports of a corpus.

    Args:
        folder: Of the corpus; its pictures lie in `images`.
        formats: Which are wanted.
        with_pictures: Whether any example has one: then all have the shape of those that do.
        model: Name in batch files.
        response_formats: The schemas of the student's answers, by step.
    """
    made: dict[Format, Export] = {}
    if "trl" in formats:
        made["trl"] = TrlExport(folder, with_pictures=with_pictures)
    if "sharegpt" in formats:
        made["sharegpt"] = ShareGPTExport(folder, with_pictures=with_pictures)
    if "openai" in formats:
        made["openai"] = OpenAIExport(folder)
    if "batch" in formats:
        made["batch"] = BatchExport(folder, model, response_formats["tags"])
    return list(made.values())


__all__ = ["BatchExport", "Export", "OpenAIExport", "ShareGPTExport", "TrlExport", "exports"]
