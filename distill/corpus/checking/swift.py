"""ms-swift's rules for rows with messages, written down after `dataset/preprocessor/core.py` and `template/base.py` of
its repository (modelscope/ms-swift): what its preprocessor drops, and what stops its template.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distill.corpus.checking.results import Check, Refused, check_lines
from distill.corpus.checking.rules import alternates, exist, same_media
from distill.corpus.exports.sharegpt import FOLDER, file_name
from distill.corpus.folder import CorpusSummary
from distill.corpus.records import SPLITS

BY = "ms-swift's rules"
_TAKEN = ("<bbox>", "<ref-object>", "<cot-process>", "<start-image>", "<end-image>")
"""Markers besides pictures that its template replaces."""


def check_swift(folder: Path, summary: CorpusSummary) -> Iterator[Check]:
    """Put every row to the preprocessor's rules; nothing where the corpus was not written for it."""
    if "sharegpt" not in summary.policy.formats:
        return
    for view, counts in summary.rows.items():
        for split in SPLITS:
            if not counts[split] or view == "prompts":
                continue
            name = file_name(view, split)
            name = f"swift-{name}" if view == "preference" else name
            check = Check(part=f"{FOLDER}/{name}", by=BY)
            check_lines(check, folder / FOLDER / name, lambda row: _preprocess(row, folder))
            check.expect_rows(counts[split])
            yield check


def _preprocess(row: Any, root: Path) -> None:
    messages, images = row["messages"], row.get("images", [])
    if not messages:
        raise Refused("no messages")
    alternates(messages)
    turns = messages[1:] if messages[0]["role"] == "system" else messages
    if len(turns) % 2:
        raise Refused(f"{len(turns)} turns: the last has no answer")
    for message in turns[1::2]:
        if not message["content"]:
            raise Refused("an empty answer")
    rejected = row.get("rejected_response")
    if "rejected_response" in row and (not rejected or rejected == messages[-1]["content"]):
        raise Refused("the rejected answer is missing, or the chosen one")
    same_media(messages, images)
    text = "\n".join(message["content"] for message in messages)
    for marker in _TAKEN:
        if marker in text:
            raise Refused(f"{marker} stands in a text")
    exist(images, root)
