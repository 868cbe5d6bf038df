"""Notes and a language model whose answers follow from the note: the same for every run, whoever asks."""

import json
import re
from collections.abc import Iterator
from typing import Any

from dspy.lm15 import Request

from graphs.tagging import TaggingContext
from notes.records import Note
from signatures.llm import llm_program
from teachers.scripted import request_text, scripted_lm

_TITLE = re.compile(r'"title": "([^"]+)"')


def notes(count: int, start: int = 0) -> Iterator[Note]:
    """Short notes of five categories, each with words of its own."""
    for number in range(start, start + count):
        yield Note(
            id=f"note-{number}",
            title=f"Quiet valley number {number}",
            content="A cold lake, a late train and a long walk home in the rain.",
            category=f"category-{number % 5}",
            lang="en",
        )


def answer_text(text: str) -> dict[str, Any]:
    """What a model says to the words of a request, whichever step it is: fields that are not asked for are ignored."""
    found = _TITLE.search(text)
    quote = found[1] if found is not None else "cold lake"
    tag = {"tag": quote, "interest": 0, "source": "title", "quote": quote, "picture": 0, "score": 0.9}
    other = {**tag, "tag": "cold lake", "source": "content", "quote": "cold lake", "score": 0.7}
    if '"final"' in text or "[[ ## final ## ]]" in text:
        final = [{"number": 1, "tag": quote, "confidence": 0.9}, {"number": 2, "tag": "cold lake", "confidence": 0.7}]
        return {"pictures": [], "matches": [], "tags": [tag, other], "merges": [], "final": final}
    return {"tags": [tag, other]}


def answer(request: Request) -> dict[str, Any]:
    """The same for a request of DSPy's."""
    return answer_text(request_text(request) + json.dumps(str(request.config)))


def context() -> TaggingContext:
    """A context without encoder, handbook and pictures."""
    return TaggingContext(program=llm_program(scripted_lm(answer)))
