"""Demos as they are kept and as they are shown.

Kept, a demo is JSON with its pictures by name. Shown, it has the pictures themselves. What strangers wrote in it is
data both times: markers of DSPy's are broken up before it is kept, and again before it is shown, for a file can be
edited.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dspy
from dspy.adapters.types.base_type import split_message_content_for_custom_types
from pydantic import BaseModel

from prompts import PromptProgram
from signatures.adapter import NoteAdapter, as_data
from signatures.asker import Asker

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_KINDS = {ending: kind for kind, ending in _ENDINGS.items()}


class DemoAsker(Asker):
    """Asks with demos that may show pictures."""

    def __init__(self, lm: dspy.LM) -> None:
        super().__init__(lm)
        self._adapter = _DemoAdapter()


class _DemoAdapter(NoteAdapter):
    def format_demos(self, signature: type[dspy.Signature], demos: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Turns of a conversation; DSPy writes a demo's pictures into its text, and takes them out again here."""
        return split_message_content_for_custom_types(super().format_demos(signature, demos))


class DemoRefused(ValueError):
    """An example that cannot be kept as a demo."""


def kept(step: str, fields: Mapping[str, Any], pictures: dict[str, bytes]) -> dict[str, Any]:
    """One demo as it is kept; its pictures are put into `pictures` by name.

    Raises:
        DemoRefused: it holds a value that is no data, or a picture that is not there as bytes.
    """
    return {"step": step} | {name: _kept(value, pictures) for name, value in fields.items()}


def shown(program: PromptProgram) -> PromptProgram:
    """The program with its demos as they are shown."""
    return replace(program, demos=tuple(_shown(demo, program.pictures) for demo in program.demos))


def _kept(value: Any, pictures: dict[str, bytes]) -> Any:
    if isinstance(value, dspy.Image):
        return {"picture": _picture(value, pictures)}
    if isinstance(value, BaseModel):
        return _kept(value.model_dump(mode="json"), pictures)
    if isinstance(value, Mapping):
        return {str(name): _kept(item, pictures) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_kept(item, pictures) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return as_data(value)
    raise DemoRefused(f"a demo holds text, numbers and pictures, got {type(value).__name__}")


def _picture(image: dspy.Image, pictures: dict[str, bytes]) -> str:
    head, comma, data = image.url.partition(";base64,")
    ending = _ENDINGS.get(head.removeprefix("data:"))
    if not comma or ending is None:
        raise DemoRefused(f"a demo's picture is kept as bytes, got {image.url[:60]!r}")
    found = base64.b64decode(data)
    name = f"{hashlib.sha256(found).hexdigest()}.{ending}"
    pictures[name] = found
    return name


def _shown(value: Any, pictures: Mapping[str, bytes]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"picture"} and value["picture"] in pictures:
            name = value["picture"]
            encoded = base64.b64encode(pictures[name]).decode()
            return dspy.Image(f"data:{_KINDS[name.rpartition('.')[2]]};base64,{encoded}")
        return {name: _shown(item, pictures) for name, item in value.items()}
    if isinstance(value, list):
        return [_shown(item, pictures) for item in value]
    return as_data(value)
