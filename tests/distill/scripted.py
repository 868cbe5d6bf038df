"""Notes and a language model whose answers follow from the note: the same for every run, whoever asks."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dspy.lm15 import Request

from graphs.tagging import TaggingContext
from notes.records import Note
from signatures.llm import llm_program
from teachers.scripted import request_text, scripted_lm

_QUOTE = re.compile(r"quiet valley number \d+", re.IGNORECASE)


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


def answer_text(text: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a model says to the words of a request: a value for each of the fields it is asked for."""
    quotes = _QUOTE.findall(text)
    quote = quotes[-1] if quotes else "cold lake"
    tag = {"tag": quote, "interest": 0, "source": "title", "quote": quote, "picture": 0, "score": 0.9}
    other = {**tag, "tag": "cold lake", "source": "content", "quote": "cold lake", "score": 0.7}
    final = [{"number": 1, "tag": quote, "confidence": 0.9}, {"number": 2, "tag": "cold lake", "confidence": 0.7}]
    known = {"pictures": [], "descriptions": [], "matches": [], "merges": [], "final": final, "tags": [tag, other]}
    if "Draft" not in str(fields.get("tags")):
        known["tags"] = final  # of refine
    return {name: known[name] for name in fields if name in known}


def answer(request: Request) -> dict[str, Any]:
    """The same for a request of DSPy's."""
    return answer_text(request_text(request), fields_of(request))


def fields_of(request: Request) -> Mapping[str, Any]:
    """Fields of the answer that a request asks for."""
    found: Any = request.config.response_format
    while isinstance(found, dict) and "properties" not in found:
        found = found.get("schema") or found.get("json_schema")
    return found["properties"] if isinstance(found, dict) else {}


def context(**settings: Any) -> TaggingContext:
    """A context without encoder, handbook and pictures."""
    return TaggingContext(program=llm_program(scripted_lm(answer)), **settings)
