"""How questions become messages: DSPy's JSON adapter, with what strangers wrote kept as data.

DSPy marks fields with `[[ ## name ## ]]` and its own types with `<<CUSTOM-TYPE-START-IDENTIFIER>>`: a note that holds
these would be taken apart as if we had written it, down to picture addresses that the server then opens. Both are
broken up in every value before it is rendered.
"""

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import dspy
import regex

import teachers as teachers  # before DSPy is used: keeps it from asking the web for prices

_MARKERS = regex.compile(r"<<(?=\s*CUSTOM-TYPE)|\[\[(?=\s*##)|(?<=##\s*)\]\]", regex.IGNORECASE)


@dataclass
class Exchange:
    """What was sent and what came back, for the trace."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    raw: str | None = None


exchange: ContextVar[Exchange | None] = ContextVar("tagllm_exchange", default=None)


class NoteAdapter(dspy.JSONAdapter):
    """Asks for JSON bound to the signature's schema; notes the messages and the raw answer in `exchange`."""

    def __init__(self) -> None:
        super().__init__(use_native_function_calling=False)

    def format(
        self, signature: type[dspy.Signature], demos: list[dict[str, Any]], inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Messages for one question."""
        messages = super().format(signature, demos, {name: as_data(value) for name, value in inputs.items()})
        current = exchange.get()
        if current is not None:
            current.messages = messages
        return messages

    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, Any]:
        """Fields of an answer."""
        current = exchange.get()
        if current is not None:
            current.raw = completion
        return super().parse(signature, completion)


def as_data(value: Any) -> Any:
    """`value` with every marker of DSPy's broken up, so that it is read as text."""
    if isinstance(value, str):
        return _MARKERS.sub(lambda match: f"{match[0][0]} {match[0][1]}", value)
    if isinstance(value, list):
        return [as_data(item) for item in value]
    return value
