"""How questions become messages: DSPy's JSON adapter, with what strangers wrote kept as data.

DSPy marks fields with `[[ ## name ## ]]` and its own types with `<<CUSTOM-TYPE-START-IDENTIFIER>>`: a note that holds
these would be taken apart as if we had written it, down to picture addresses that the server then opens. Both are
broken up in every value before it is rendered.
"""

import json
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import dspy
import regex
from annotated_types import MaxLen, MinLen
from dspy.utils.exceptions import AdapterParseError
from pydantic import BaseModel, ValidationError, create_model

import teachers as teachers  # before DSPy is used: keeps it from asking the web for prices

_MARKERS = regex.compile(r"<<(?=\s*CUSTOM-TYPE)|\[\[(?=\s*##)|(?<=##\s*)\]\]", regex.IGNORECASE)


@dataclass
class Exchange:
    """What was sent and what came back, for the trace."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    raw: str | None = None
    complaint: str = ""
    """What was wrong with `raw`, said when the question is asked once more."""


exchange: ContextVar[Exchange | None] = ContextVar("tagllm_exchange", default=None)


class _Rendered(NamedTuple):
    """What depends on a signature alone: made once, for making it takes longer than all the rest of a call."""

    system: str
    requirements: str
    response_format: dict[str, Any]
    outputs: type[BaseModel]


class NoteAdapter(dspy.JSONAdapter):
    """Asks for JSON bound to the signature's schema; notes the messages and the raw answer in `exchange`."""

    def __init__(self) -> None:
        super().__init__(use_native_function_calling=False)
        self._rendered: WeakKeyDictionary[type[dspy.Signature], _Rendered] = WeakKeyDictionary()

    def format(
        self, signature: type[dspy.Signature], demos: list[dict[str, Any]], inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Messages for one question; after an answer that broke the schema, that answer and what was wrong with it."""
        messages = super().format(signature, demos, {name: as_data(value) for name, value in inputs.items()})
        current = exchange.get()
        if current is not None:
            if current.complaint:
                messages.append({"role": "assistant", "content": as_data(current.raw or "")})
                messages.append({"role": "user", "content": as_data(current.complaint)})
            current.messages = messages
        return messages

    def format_system_message(self, signature: type[dspy.Signature]) -> str:
        """Fields, structure and instructions."""
        return self._of(signature).system

    def user_message_output_requirements(self, signature: type[dspy.Signature]) -> str:
        """How to answer."""
        return self._of(signature).requirements

    def _prepare_response_format(self, lm: Any, lm_kwargs: dict[str, Any], signature: Any) -> None:
        if "response_format" in lm.supported_params:
            schema = lm.supports_response_schema
            lm_kwargs["response_format"] = self._of(signature).response_format if schema else {"type": "json_object"}

    def _of(self, signature: type[dspy.Signature]) -> _Rendered:
        found = self._rendered.get(signature)
        if found is None:
            found = self._rendered[signature] = _Rendered(
                system=super().format_system_message(signature),
                requirements=super().user_message_output_requirements(signature),
                response_format=_response_format(signature),
                outputs=_outputs(signature),
            )
        return found

    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, Any]:
        """Fields of an answer.

        Raises:
            AdapterParseError: no whole JSON object, or not the schema's. DSPy would mend a cut answer and go on with
                half of it.
        """
        # Half a surrogate pair is no text: it could not be written down.
        completion = completion.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        current = exchange.get()
        if current is not None:
            current.raw = completion
        try:
            found = json.loads(completion[completion.find("{") : completion.rfind("}") + 1])
        except (ValueError, RecursionError) as error:
            raise _unreadable(signature, completion, f"the answer is no whole JSON object: {error}") from None
        try:
            fields = self._of(signature).outputs.model_validate(found)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "whole"
            raise _unreadable(signature, completion, f"the answer's {where}: {first['msg']}") from None
        return {name: getattr(fields, name) for name in signature.output_fields}


def _outputs(signature: type[dspy.Signature]) -> type[BaseModel]:
    fields: dict[str, Any] = {name: (field.annotation, ...) for name, field in signature.output_fields.items()}
    return create_model("DSPyProgramOutputs", **fields)


def _response_format(signature: type[dspy.Signature]) -> dict[str, Any]:
    """The signature's output fields as a JSON schema, every object closed, every field required, every list bounded."""
    model = _outputs(signature)
    schema = model.model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        if part.get("type") == "object":
            part["required"] = list(part.get("properties", {}))
            part["additionalProperties"] = False
    # A list without a limit need not end; DSPy keeps the limits of the signature's own fields to itself.
    for name, output in signature.output_fields.items():
        for limit in output.metadata:
            if isinstance(limit, MaxLen):
                schema["properties"][name]["maxItems"] = limit.max_length
            elif isinstance(limit, MinLen):
                schema["properties"][name]["minItems"] = limit.min_length
    return {"type": "json_schema", "json_schema": {"name": model.__name__, "schema": schema, "strict": True}}


def _unreadable(signature: type[dspy.Signature], completion: str, message: str) -> AdapterParseError:
    return AdapterParseError(
        adapter_name=NoteAdapter.__name__,
        signature=signature,  # pyright: ignore[reportArgumentType]  # DSPy means the class
        lm_response=completion,
        message=message,
    )


def as_data(value: Any) -> Any:
    """`value` with every marker of DSPy's broken up, so that it is read as text."""
    if isinstance(value, str):
        return _MARKERS.sub(lambda match: f"{match[0][0]} {match[0][1]}", value)
    if isinstance(value, list):
        return [as_data(item) for item in value]
    return value
