"""Rules that hold for several readers."""

import json
from pathlib import Path
from typing import Any

from distill.corpus.checking.results import Refused
from distill.corpus.folder import CorpusSummary
from distill.corpus.records import View

MEDIA = ("<image>", "<video>", "<audio>")


class Answers:
    """Checks that answers have the bytes that schema-bound decoding writes."""

    def __init__(self, summary: CorpusSummary) -> None:
        from signatures.student import StudentForm

        self._form = StudentForm(summary.policy.words)

    def check(self, view: View, answer: str) -> None:
        """Refuse an answer that no bound server would write.

        Raises:
            Refused: it starts with white space, holds an escape, or breaks its schema.
        """
        try:
            if view == "steps":
                written = json.dumps(json.loads(answer), ensure_ascii=False, separators=(",", ":"))
                if written != answer or "\\" in answer:
                    raise ValueError("it has other bytes than schema-bound decoding writes")
            else:
                self._form.check("cot" if view == "cot" else "tags", answer)
        except ValueError as error:
            first = str(error).splitlines()[0]
            raise Refused(f"the answer {answer[:40]!r}: {first}") from None


def alternates(messages: list[dict[str, Any]]) -> None:
    """Refuse turns that are not the user's and the assistant's, one after the other, after at most one system message.

    Raises:
        Refused: they are not.
    """
    turns = messages[1:] if messages and messages[0]["role"] == "system" else messages
    for number, message in enumerate(turns):
        wanted = ("user", "assistant")[number % 2]
        if message["role"] != wanted:
            raise Refused(f"turn {number + 1} is of {message['role']!r}, not of {wanted!r}")
        if not isinstance(message["content"], str):
            raise Refused(f"turn {number + 1} is {type(message['content']).__name__}, not a string")


def same_media(messages: list[dict[str, Any]], images: list[str]) -> None:
    """Refuse a row whose placeholders and pictures do not add up.

    Raises:
        Refused: they do not.
    """
    text = "\n".join(message["content"] for message in messages)
    counts = [text.count(marker) for marker in MEDIA]
    if counts != [len(images), 0, 0]:
        said = ", ".join(f"{count} {marker}" for count, marker in zip(counts, MEDIA, strict=True))
        raise Refused(f"{said} for {len(images)} pictures")


def exist(images: list[str], root: Path) -> None:
    """Refuse a row that names a picture which is not there.

    Raises:
        Refused: one is not.
    """
    for name in images:
        if not isinstance(name, str) or not (root / name).is_file():
            raise Refused(f"no picture {name!r} in {root.name}/")
