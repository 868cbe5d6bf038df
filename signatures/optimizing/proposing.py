"""How optimisers ask a model for better words: as data, within the model's window, with answers that end."""

import json
from collections.abc import Mapping
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError, ContextWindowExceededError
from pydantic import BaseModel

from signatures.adapter import NoteAdapter, as_data
from signatures.optimizing.sampling import told_apart

_WHOLE = 24_000
"""Characters of one field of a question, at first."""
_LEAST = 300
"""Below this there is nothing left to ask with."""
_INSTEAD = {"proposed_instruction": "basic_instruction", "new_instruction": "current_instruction"}
"""What stands in for a proposal that could not be read: the words as they were."""


class ProposerAdapter(NoteAdapter):
    """Asks as `NoteAdapter` does; what does not fit is shortened, and a proposal that cannot be read proposes nothing.

    Args:
        answer_chars: Of each text in an answer.
    """

    def __init__(self, *, answer_chars: int = 6000) -> None:
        super().__init__()
        self.unread = 0
        """Proposals that could not be read."""
        self._answer_chars = answer_chars

    def __call__(
        self,
        lm: Any,
        lm_kwargs: dict[str, Any],
        signature: type[dspy.Signature],
        demos: list[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """Fields of the answer, in a list, as DSPy takes them."""
        _bound(self._of(signature).response_format, self._answer_chars)
        chars = _WHOLE
        while True:
            try:
                return super().__call__(told_apart(lm), lm_kwargs, signature, demos, _shortened(inputs, chars))
            except ContextWindowExceededError:
                chars //= 2
                if chars < _LEAST:
                    raise
            except AdapterParseError:
                self.unread += 1
                instead = {out: inputs[_INSTEAD[out]] for out in signature.output_fields if out in _INSTEAD}
                if instead.keys() != signature.output_fields.keys():
                    raise
                return [instead]


def _bound(asked: dict[str, Any], chars: int) -> None:
    """Give every text in a schema an end; a small model may never find one by itself."""
    schema = asked["schema"]
    for part in (schema, *schema.get("$defs", {}).values()):
        for field in part.get("properties", {}).values():
            if field.get("type") == "string" and "enum" not in field:
                field.setdefault("maxLength", chars)
            elif isinstance(field.get("additionalProperties"), dict):
                field["additionalProperties"].setdefault("maxLength", chars)
                field.setdefault("maxProperties", 8)


def _shortened(inputs: Mapping[str, Any], chars: int) -> dict[str, str]:
    found = {}
    for name, value in inputs.items():
        text = value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False, indent=1)
        found[name] = text if len(text) <= chars else f"{text[:chars]} … [{len(text) - chars:,} characters cut]"
    return found


def _plain(value: Any) -> Any:
    """A value as JSON: no pictures, and nothing that could be taken for a marker of DSPy's."""
    if isinstance(value, dspy.Image):
        return "(a picture)"
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json"))
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return as_data(str(value))
