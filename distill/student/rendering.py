"""Rows as tokens: the question as a server makes it of the same messages, the answer as decoding within a schema
writes it.

A chat template may put something between the generation prompt and an answer (Idefics3's puts a space), and tokens may
merge across the border. No server that decodes within a schema lets the student write either. So the question is
rendered with the generation prompt, and the answer's own tokens follow.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from distill.student.base import Base, ending_of
from distill.student.config import StudentError


class Rendered(NamedTuple):
    """A row as text."""

    prompt: str
    """With the generation prompt; a placeholder for every picture."""
    answers: tuple[str, ...]
    """The answer, or the better and the worse one, each with what ends it."""
    pictures: tuple[Any, ...]


class Renderer:
    """Renders the rows of a corpus for a base.

    Args:
        base: To be trained.

    Raises:
        StudentError: the base has no token that ends an answer.
    """

    def __init__(self, base: Base) -> None:
        self._base = base
        self.ending = ending_of(base)

    def render(self, row: Mapping[str, Any]) -> Rendered:
        """A row of `trl/VIEW/SPLIT-00000.parquet` as text."""
        names = ("chosen", "rejected") if "chosen" in row else ("completion",)
        messages = [_message(message, as_parts=self._base.sees) for message in row["prompt"]]
        prompt = self._base.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        answers = tuple(_text(row[name][-1]["content"]) + self.ending for name in names)
        return Rendered(prompt, answers, tuple(row.get("images") or ()))

    def tokens(self, text: str) -> list[int]:
        """A text's tokens; nothing is put before it."""
        return self._base.tokenizer(text, add_special_tokens=False)["input_ids"]

    def length(self, rendered: Rendered) -> int:
        """Tokens of a row with its longest answer, those of its pictures among them.

        Raises:
            StudentError: the base takes no pictures, and there are some.
        """
        longest = max(len(self.tokens(answer)) for answer in rendered.answers)
        if not rendered.pictures:
            return len(self.tokens(rendered.prompt)) + longest
        if not self._base.sees:
            raise StudentError(
                f"the corpus has pictures, and --base {self._base.name} sees none; choose a vision-language model, or "
                "build the corpus with --no-pictures"
            )
        found = self._base.processor(text=[rendered.prompt], images=[list(rendered.pictures)], add_special_tokens=False)
        return len(found["input_ids"][0]) + longest


def _message(message: Mapping[str, Any], *, as_parts: bool) -> dict[str, Any]:
    content: str | Sequence[Mapping[str, Any]] = message["content"]
    if not as_parts:
        return {"role": message["role"], "content": _text(content)}
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    shown = [{"type": "image"} if part["type"] == "image" else {"type": "text", "text": part["text"]} for part in parts]
    return {"role": message["role"], "content": shown}


def _text(content: str | Sequence[Mapping[str, Any]]) -> str:
    return content if isinstance(content, str) else "".join(part["text"] or "" for part in content)
