"""LLaMA-Factory's rules for a dataset in ShareGPT form, written down after `data/converter.py`, `data/parser.py`,
`data/processor/` and `data/mm_plugin.py` of its repository (hiyouga/LLaMA-Factory): what its converter drops with a
warning, and what stops it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from distill.corpus.checking.results import Check, Refused, check_lines
from distill.corpus.checking.rules import Answers, alternates, exist, same_media
from distill.corpus.exports.sharegpt import FOLDER, INFO, TAGS, dataset_name, file_name
from distill.corpus.folder import CorpusSummary
from distill.corpus.records import SPLITS, View

BY = "LLaMA-Factory's rules"


def check_llamafactory(folder: Path, summary: CorpusSummary) -> Iterator[Check]:
    """Put every row to the converter's rules; nothing where the corpus was not written for it."""
    if "sharegpt" not in summary.policy.formats:
        return
    root, answers = folder / FOLDER, Answers(summary)
    for view, counts in summary.rows.items():
        for split in SPLITS:
            if not counts[split] or view == "prompts":
                continue
            check = Check(part=f"{FOLDER}/{file_name(view, split)}", by=BY)
            try:
                said = _said(root, view, split)
            except Refused as problem:
                check.refuse(INFO, problem)
                yield check
                continue

            def rule(row: Any, said: Mapping[str, Any] = said, view: View = view) -> None:
                _convert(row, said, view, root, answers)

            check_lines(check, root / said["file_name"], rule)
            check.expect_rows(counts[split])
            yield check


def _said(root: Path, view: View, split: Any) -> Mapping[str, Any]:
    """What `dataset_info.json` says of a view.

    Raises:
        Refused: nothing, or something that the parser takes otherwise than meant.
    """
    try:
        said = orjson.loads((root / INFO).read_bytes())[dataset_name(view, split)]
    except (OSError, ValueError, LookupError) as error:
        raise Refused(f"{dataset_name(view, split)} is not described: {error}") from None
    if said.get("formatting") != "sharegpt":
        raise Refused(f"formatting {said.get('formatting')!r}: without it rows are read as Alpaca's")
    missing = TAGS.keys() - said.get("tags", {}).keys()
    if missing:
        raise Refused(
            f"tags leave out {', '.join(sorted(missing))}: the parser would take its own names, from and value"
        )
    if bool(said.get("ranking")) != (view == "preference"):
        raise Refused(f"ranking {said.get('ranking')!r} of the view {view}")
    return said


def _convert(row: Any, said: Mapping[str, Any], view: View, root: Path, answers: Answers) -> None:
    columns = said["columns"]
    messages = row[columns["messages"]]
    images = row[columns["images"]] if "images" in columns else []
    alternates(messages)
    turns = [message for message in messages if message["role"] != "system"]
    if view == "preference":
        chosen, rejected = row[columns["chosen"]], row[columns["rejected"]]
        if len(turns) % 2 == 0:
            raise Refused(f"{len(turns)} turns: a pair follows a user's turn")
        for answer in (chosen, rejected):
            if not isinstance(answer, dict) or answer["role"] != "assistant":
                raise Refused("chosen and rejected are turns of the assistant")
            answers.check(view, answer["content"])
        same_media([*messages, chosen], images)
        same_media([*messages, rejected], images)
    else:
        if len(turns) % 2 or not turns:
            raise Refused(f"{len(turns)} turns: the converter drops what does not end with an answer")
        answers.check(view, turns[-1]["content"])
        same_media(turns, images)
        same_media([message for message in messages if message["role"] == "system"], [])
    exist(images, root)
