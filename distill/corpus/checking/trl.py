"""TRL: prompt and completion, or prompt, chosen and rejected; its own code prepares messages where it is installed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from distill.corpus.checking.results import Check, Refused
from distill.corpus.checking.rules import Answers
from distill.corpus.exports.trl import FOLDER
from distill.corpus.folder import CorpusSummary
from distill.corpus.records import SPLITS, View

_ANSWERS: dict[View, tuple[str, ...]] = {"preference": ("chosen", "rejected"), "prompts": ()}
_MEANT = {"messages", "prompt", "completion", "chosen", "rejected", "label", "text", "image", "input_ids"}
"""Columns that TRL takes for something."""
_ROWS = 64


class _Rules:
    """TRL's functions, or the same rules where it is not installed."""

    def __init__(self) -> None:
        try:
            from importlib.metadata import version

            from trl.data_utils import is_conversational, prepare_multimodal_messages

            self.by = f"trl {version('trl')}, its own code"
            self.is_conversational: Callable[[Any], bool] = is_conversational
            self.prepare: Callable[..., Any] = prepare_multimodal_messages
        except ImportError:
            self.by = "TRL's rules; it is not installed"
            self.is_conversational = _is_conversational
            self.prepare = _prepared


def check_trl(folder: Path, summary: CorpusSummary) -> Iterator[Check]:
    """Put every row to TRL's rules; nothing where the corpus was not written for it."""
    if "trl" not in summary.policy.formats:
        return
    rules, answers = _Rules(), Answers(summary)
    for view, counts in summary.rows.items():
        for split in SPLITS:
            if counts[split]:
                check = Check(part=f"{FOLDER}/{view}/{split}", by=rules.by)
                _check_file(check, folder / f"{check.part}-00000.parquet", view, rules, answers)
                check.expect_rows(counts[split])
                yield check


def _check_file(check: Check, file: Path, view: View, rules: _Rules, answers: Answers) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(file)
    except (OSError, pa.ArrowInvalid) as error:
        check.refuse(check.part, f"it cannot be read: {' '.join(str(error).split())[:200]}")
        return
    with opened:
        columns = set(opened.schema_arrow.names)
        wanted = {"prompt", *_ANSWERS.get(view, ("completion",))}
        if columns & _MEANT != wanted:
            check.refuse(
                check.part, f"columns {sorted(columns & _MEANT)} are no dataset of one type; wanted: {sorted(wanted)}"
            )
            return
        for batch in opened.iter_batches(_ROWS):
            for row in batch.to_pylist():
                check.rows += 1
                try:
                    _check_row(row, view, "images" in columns, rules, answers)
                except (Refused, ValueError, LookupError, TypeError) as error:
                    check.refuse(row.get("id"), error)


def _check_row(row: dict[str, Any], view: View, with_images: bool, rules: _Rules, answers: Answers) -> None:
    if not rules.is_conversational(row):
        raise Refused("no conversation")
    if row["prompt"][-1]["role"] != "user":
        raise Refused(f"the prompt ends with {row['prompt'][-1]['role']!r}: a completion must follow a user's turn")
    names = _ANSWERS.get(view, ("completion",))
    for name in ("prompt", *names):
        for message in row[name]:
            if isinstance(message["content"], str) == with_images:
                raise Refused(f"{name}: with pictures every content is a list of parts, without it is a string")
            for part in message["content"] if with_images else ():
                if "image" in part or part["type"] not in ("text", "image"):
                    raise Refused(f"{name}: a part has the keys {sorted(part)} and the type {part['type']!r}")
    if with_images:
        rules.prepare(row["prompt"], images=row["images"])
    for name in names:
        if with_images:
            rules.prepare(row[name])
        (message,) = row[name]
        answers.check(view, message["content"][0]["text"] if with_images else message["content"])
    if view == "preference" and row["chosen"] == row["rejected"]:
        raise Refused("chosen and rejected are the same")


def _is_conversational(row: dict[str, Any]) -> bool:
    return isinstance(row["prompt"], list) and "role" in row["prompt"][0]


def _prepared(messages: list[dict[str, Any]], images: list[Any] | None = None) -> None:
    """As TRL does it: one placeholder for every picture.

    Raises:
        ValueError: they do not add up.
    """
    places = sum(part["type"] == "image" for message in messages for part in message["content"])
    if places != len(images or ()):
        raise ValueError(f"{len(images or ())} pictures for {places} places")
