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
from pydantic import BaseModel

from prompts import PromptProgram
from signatures.adapter import as_data

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_KINDS = {ending: kind for kind, ending in _ENDINGS.items()}


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
