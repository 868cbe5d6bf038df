"""For LLaMA-Factory, and read unchanged by ms-swift: JSON lines with string contents, one `<image>` a picture.

LLaMA-Factory drops a row whose roles do not take turns, and stops at one whose placeholders and pictures do not add up;
role names that `dataset_info.json` leaves out are its own, other ones. Pictures are named relative to the file's
folder, where `images` leads to those of the corpus.
"""

import json
from pathlib import Path
from typing import Any

from distill.corpus.exports.jsonl import JsonLines
from distill.corpus.records import SPLITS, VIEWS, Example, Message, Split, View

FOLDER = "sharegpt"
INFO = "dataset_info.json"
PLACEHOLDER = "<image>"
TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "observation",
    "function_tag": "function",
    "system_tag": "system",
}


class ShareGPTExport:
    """Writes `sharegpt/`: `train.jsonl` … of the view `tags`, `VIEW-train.jsonl` … of the others.

    A preference is written twice, as LLaMA-Factory and as ms-swift want it: `preference-train.jsonl` and
    `swift-preference-train.jsonl`.

    Args:
        folder: Of the corpus.
        with_pictures: Whether any example has one.
    """

    def __init__(self, folder: Path, *, with_pictures: bool) -> None:
        self._with_pictures = with_pictures
        self._lines = JsonLines(folder / FOLDER)

    def write(self, example: Example, split: Split) -> None:
        """Write one example; a question alone has no form here."""
        if example.answer is None:
            return
        messages = [_turn(message) for message in example.prompt]
        answer = {"role": "assistant", "content": example.answer}
        row: dict[str, Any] = {"id": example.id}
        images = {"images": [f"images/{name}" for name in example.pictures]} if self._with_pictures else {}
        name, telling = file_name(example.view, split), bool(example.pictures)
        if example.rejected is None:
            self._lines.write(name, row | {"messages": [*messages, answer]} | images, telling=telling)
            return
        rejected = {"role": "assistant", "content": example.rejected}
        pair = {"messages": messages, "chosen": answer, "rejected": rejected}
        self._lines.write(name, row | pair | images, telling=telling)
        swift = {"messages": [*messages, answer], "rejected_response": example.rejected}
        self._lines.write(f"swift-{name}", row | swift | images, telling=telling)

    def close(self) -> None:
        """End every file, and say in `dataset_info.json` what they are."""
        self._lines.close()
        names = set(self._lines.names)
        if not names:
            return
        info = {
            dataset_name(view, split): self._info(view, split)
            for view in VIEWS
            for split in SPLITS
            if file_name(view, split) in names
        }
        (self._lines.folder / INFO).write_text(json.dumps(info, indent=1) + "\n", "utf-8")
        if self._with_pictures:
            (self._lines.folder / "images").symlink_to("../images", target_is_directory=True)

    def _info(self, view: View, split: Split) -> dict[str, Any]:
        columns = {"messages": "messages"}
        if view == "preference":
            columns |= {"chosen": "chosen", "rejected": "rejected"}
        if self._with_pictures:
            columns["images"] = "images"
        ranking = {"ranking": True} if view == "preference" else {}
        return {
            "file_name": file_name(view, split),
            "formatting": "sharegpt",
            **ranking,
            "columns": columns,
            "tags": TAGS,
        }


def file_name(view: View, split: Split) -> str:
    """Of a view's split."""
    return f"{split}.jsonl" if view == "tags" else f"{view}-{split}.jsonl"


def dataset_name(view: View, split: Split) -> str:
    """As `dataset_info.json` names it."""
    return f"tagllm_{view}" + ("" if split == "train" else f"_{split}")


def _turn(message: Message) -> dict[str, str]:
    content = "".join(part if isinstance(part, str) else PLACEHOLDER for part in message.parts)
    return {"role": message.role, "content": content}
