"""How questions become messages: DSPy's JSON adapter, with what strangers wrote kept as data.

DSPy marks fields with `[[ ## name ## ]]` and its own types with `<<CUSTOM-TYPE-START-IDENTIFIER>>`: a note that holds
these would be taken apart as if we had written it, down to picture addresses that the server then opens. Both are
broken up in every value before it is rendered.
"""

import json
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import dspy
import regex
from annotated_types import MaxLen, MinLen
from dspy.utils.exceptions import AdapterParseError

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

    def _prepare_response_format(self, lm: Any, lm_kwargs: dict[str, Any], signature: Any) -> None:
        super()._prepare_response_format(lm, lm_kwargs, signature)
        asked = lm_kwargs.get("response_format")
        if not isinstance(asked, type):
            return
        # DSPy's schema leaves out the limits of the signature's own fields: a list without one need not end.
        properties = asked.model_json_schema()["properties"]  # pyright: ignore[reportAttributeAccessIssue]
        for name, asked_for in signature.output_fields.items():
            for limit in asked_for.metadata:
                if isinstance(limit, MaxLen):
                    properties[name]["maxItems"] = limit.max_length
                elif isinstance(limit, MinLen):
                    properties[name]["minItems"] = limit.min_length

    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, Any]:
        """Fields of an answer.

        Raises:
            AdapterParseError: no whole JSON object. DSPy would mend a cut answer and go on with half of it.
        """
        # Half a surrogate pair is no text: it could not be written down.
        completion = completion.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        current = exchange.get()
        if current is not None:
            current.raw = completion
        text = completion[completion.find("{") : completion.rfind("}") + 1]
        try:
            json.loads(text)
        except ValueError as error:
            raise AdapterParseError(
                adapter_name=type(self).__name__,
                signature=signature,  # pyright: ignore[reportArgumentType]  # DSPy means the class
                lm_response=completion,
                message=f"the answer is no whole JSON object: {error}",
            ) from None
        return super().parse(signature, text)


def as_data(value: Any) -> Any:
    """`value` with every marker of DSPy's broken up, so that it is read as text."""
    if isinstance(value, str):
        return _MARKERS.sub(lambda match: f"{match[0][0]} {match[0][1]}", value)
    if isinstance(value, list):
        return [as_data(item) for item in value]
    return value
