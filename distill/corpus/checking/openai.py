"""OpenAI's rules for fine-tuning files, written down after its guide: messages that end with an answer, pictures as
addresses of known kinds, ten at most.
"""

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distill.corpus.checking.results import Check, Refused, check_lines
from distill.corpus.checking.rules import Answers
from distill.corpus.exports.openai import FOLDER
from distill.corpus.folder import CorpusSummary
from distill.corpus.records import SPLITS, View

BY = "OpenAI's rules"
_MOST_PICTURES = 10
_MOST_BYTES = 10_000_000
"""Of a picture."""
_HEAD = "data:image/jpeg;base64,"


def check_openai(folder: Path, summary: CorpusSummary) -> Iterator[Check]:
    """Put every row to the rules; nothing where the corpus was not written for it."""
    if "openai" not in summary.policy.formats:
        return
    answers = Answers(summary)
    for view, counts in summary.rows.items():
        for split in SPLITS:
            if not counts[split] or view == "prompts":
                continue
            check = Check(part=f"{FOLDER}/{view}-{split}.jsonl", by=BY)

            def rule(row: Any, view: View = view) -> None:
                _take(row, view, answers)

            check_lines(check, folder / check.part, rule)
            check.expect_rows(counts[split])
            yield check


def _take(row: Any, view: View, answers: Answers) -> None:
    if view == "preference":
        check_messages(row["input"]["messages"])
        (chosen,), (rejected,) = row["preferred_output"], row["non_preferred_output"]
        if chosen == rejected:
            raise Refused("both outputs are the same")
        given = [chosen, rejected]
    else:
        *messages, answer = row["messages"]
        check_messages(messages)
        given = [answer]
    for answer in given:
        if answer["role"] != "assistant":
            raise Refused(f"the last message is of {answer['role']!r}")
        answers.check(view, answer["content"])


def check_messages(messages: list[Any]) -> None:
    """Refuse a question that is not a system message and turns that end with the user's.

    Raises:
        Refused: it is not.
    """
    roles = [message["role"] for message in messages]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    if not turns or turns != ["user", "assistant"] * (len(turns) // 2) + ["user"]:
        raise Refused(f"the question's messages are of {', '.join(roles)}")
    pictures = 0
    for message in messages:
        content = message["content"]
        for part in content if isinstance(content, list) else [{"type": "text", "text": content}]:
            if part["type"] == "image_url":
                pictures += 1
                _check_picture(part["image_url"]["url"])
            elif part["type"] != "text" or not isinstance(part["text"], str):
                raise Refused(f"a part of type {part['type']!r}")
    if pictures > _MOST_PICTURES:
        raise Refused(f"{pictures} pictures, {_MOST_PICTURES} are the most")


def _check_picture(address: str) -> None:
    try:
        data = base64.b64decode(address.removeprefix(_HEAD), validate=True)
    except binascii.Error as error:
        raise Refused(f"the picture {address[:40]!r} is no base64: {error}") from None
    if not address.startswith(_HEAD) or not data.startswith(b"\xff\xd8"):
        raise Refused(f"the picture {address[:40]!r} is no JPEG")
    if len(data) > _MOST_BYTES:
        raise Refused(f"a picture of {len(data):,} bytes, {_MOST_BYTES:,} are the most")
