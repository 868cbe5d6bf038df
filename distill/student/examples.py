"""What a student is trained on: the examples of a view and a split, and those that are too long, each by its id."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from distill.corpus import CorpusSummary
from distill.corpus.exports.trl import FOLDER
from distill.corpus.records import Split
from distill.student.base import Base
from distill.student.config import StudentError, TrainingConfig
from distill.student.rendering import Renderer

Told = Callable[[str, int, int], None]
"""Is told what is being done, how far, and of how many."""


class LeftOut(NamedTuple):
    """An example that is not learned from."""

    id: str
    tokens: int


class Examples(NamedTuple):
    """A split, ready for a trainer."""

    dataset: Any
    """`datasets.Dataset`."""
    left_out: tuple[LeftOut, ...]

    @property
    def rows(self) -> int:
        """Examples to learn from."""
        return len(self.dataset)


def open_examples(
    corpus: Path,
    summary: CorpusSummary,
    split: Split,
    base: Base,
    config: TrainingConfig,
    cache: Path,
    told: Told,
) -> Examples | None:
    """The examples of `config.view` in a split, measured and rendered; None: the split has none.

    Args:
        corpus: Its folder.
        summary: What it says of itself.
        split: Which part.
        base: To be trained.
        config: Of the training.
        cache: Folder for what the reader unpacks.
        told: Progress.

    Raises:
        StudentError: the view is not there, its file cannot be read, the base takes no pictures and there are some, or
            batches are to be made by length and there is more to them than text.
    """
    if not summary.rows.get(config.view, {}).get(split):
        return None
    import datasets

    file = corpus / FOLDER / config.view / f"{split}-00000.parquet"
    if not file.is_file():
        raise StudentError(f"{file} is missing; build the corpus again, with trl among its --formats")
    datasets.disable_progress_bars()
    found = datasets.Dataset.from_parquet(str(file), cache_dir=str(cache))
    with_pictures = "images" in found.column_names
    if with_pictures and not base.sees:
        raise StudentError(
            f"{corpus} has pictures, and --base {base.name} sees none; choose a vision-language model, or build the "
            "corpus with --no-pictures"
        )
    if config.by_length and (with_pictures or config.view == "preference"):
        raise StudentError("--by-length is for texts alone: with pictures or preferences, leave it out")
    renderer = Renderer(base)
    limit = min(filter(None, (config.max_length, base.context)), default=None)
    kept, left_out = [], []
    rows: Any = found
    for number, row in enumerate(rows):
        told(f"measuring {split}", number + 1, len(found))
        tokens = renderer.length(renderer.render(row))
        if limit is not None and tokens > limit:
            left_out.append(LeftOut(row["id"], tokens))
        else:
            kept.append(number)
    if left_out:
        found = found.select(kept)
    if with_pictures:
        dataset = found.remove_columns(["id", "note_id"]).with_transform(_Shown(renderer))
    else:
        dataset = found.map(
            lambda row: _tokenised(renderer, row),
            remove_columns=found.column_names,
            cache_file_name=str(cache / f"{config.view}-{split}.arrow"),
            new_fingerprint=f"{config.view}-{split}",  # else the model would be pickled for one
            load_from_cache_file=False,
        )
    return Examples(dataset, tuple(left_out))


class _Shown:
    """Renders rows with pictures when they are looked at: pixels are made batch by batch."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def __call__(self, rows: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {name: [] for name in rows}
        for values in zip(*rows.values(), strict=True):
            row = dict(zip(rows, values, strict=True))
            rendered = self._renderer.render(row)
            names = ("chosen", "rejected") if "chosen" in row else ("completion",)
            found["prompt"].append(rendered.prompt)
            for name, answer in zip(names, rendered.answers, strict=True):
                found[name].append(answer)
            found["images"].append([picture.convert("RGB") for picture in rendered.pictures])
        return found


def _tokenised(renderer: Renderer, row: Mapping[str, Any]) -> dict[str, list[int]]:
    """A row without pictures in TRL's own columns, so that nothing is tokenised across the border of an answer."""
    rendered = renderer.render(row)
    question, *answers = map(renderer.tokens, (rendered.prompt, *rendered.answers))
    if len(answers) == 2:
        return {"prompt_ids": question, "chosen_ids": answers[0], "rejected_ids": answers[1]}
    return {"input_ids": question + answers[0], "labels": [-100] * len(question) + answers[0]}
