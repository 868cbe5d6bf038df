"""The rules of batch files, as `vllm run-batch` and OpenAI's API read them: a request a line, each with its own id."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distill.corpus.checking.openai import check_messages
from distill.corpus.checking.results import Check, Refused, check_lines
from distill.corpus.exports.openai import BATCH, URL
from distill.corpus.folder import CorpusSummary
from distill.corpus.records import SPLITS

BY = "batch files' rules"
_KEYS = {"custom_id", "method", "url", "body"}


def check_batch(folder: Path, summary: CorpusSummary) -> Iterator[Check]:
    """Put every request to the rules; nothing where there are none."""
    if "batch" not in summary.policy.formats or "prompts" not in summary.rows:
        return
    seen: set[str] = set()
    for split in SPLITS:
        rows = summary.rows["prompts"][split]
        if rows:
            check = Check(part=f"{BATCH}/{split}.jsonl", by=BY)
            check_lines(check, folder / check.part, lambda row: _take(row, seen, summary))
            check.expect_rows(rows)
            yield check


def _take(row: Any, seen: set[str], summary: CorpusSummary) -> None:
    if row.keys() != _KEYS:
        raise Refused(f"keys {sorted(row)}, wanted: {sorted(_KEYS)}")
    if row["method"] != "POST" or row["url"] != URL:
        raise Refused(f"{row['method']} {row['url']}, wanted: POST {URL}")
    id, body = row["custom_id"], row["body"]
    if not isinstance(id, str) or not id or id in seen:
        raise Refused(f"the custom_id {id!r} is empty or not its own")
    seen.add(id)
    if not isinstance(body["model"], str) or not body["model"]:
        raise Refused("no model is named")
    if body.get("stream"):
        raise Refused("a batch cannot be streamed")
    check_messages(body["messages"])
    if body["response_format"] != summary.schemas["tags"]:
        raise Refused("the answer is bound to another schema than the student's")
