"""How questions become messages: DSPy's JSON adapter, with what strangers wrote kept as data.

DSPy marks fields with `[[ ## name ## ]]` and its own types with `<<CUSTOM-TYPE-START-IDENTIFIER>>`: a note that holds
these would be taken apart as if we had written it, down to picture addresses that the server then opens. Both are
broken up in every value before it is rendered.
"""

import functools
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import dspy
import orjson
import regex
from annotated_types import MaxLen, MinLen
from dspy import lm15
from dspy.adapters.types.base_type import split_message_content_for_custom_types
from dspy.adapters.utils import format_field_value
from dspy.utils.exceptions import AdapterParseError
from pydantic import BaseModel, ValidationError, create_model
from pydantic.fields import FieldInfo

import teachers as teachers  # before DSPy is used: keeps it from asking the web for prices
from teachers.vllm.wire import picture_digest

_SEVERAL = ("n", "num_generations")
_OF_THE_CALL = frozenset({*_SEVERAL, "cache", "prompt_cache", "rollout_id"})
"""Settings of DSPy's that are no part of a request."""
_CONFIG = frozenset(item.name for item in fields(lm15.Config)) - {"extensions"}
_CONFIGS_KEPT = 64
_MARKERS = regex.compile(r"<<(?=\s*CUSTOM-TYPE)|\[\[(?=\s*##)|(?<=##\s*)\]\]", regex.IGNORECASE)


@dataclass
class Exchange:
    """What was sent and what came back, for the trace."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    raw: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    complaint: str = ""
    """What was wrong with `raw`, said when the question is asked once more."""


exchange: ContextVar[Exchange | None] = ContextVar("tagllm_exchange", default=None)


class _Rendered(NamedTuple):
    """What depends on a signature alone: made once, for making it takes longer than all the rest of a call."""

    system: str
    requirements: str
    response_format: dict[str, Any]
    inputs: Mapping[str, FieldInfo]
    outputs: type[BaseModel]
    configs: dict[tuple[Any, ...], lm15.Config]
    """By what is asked for besides."""


class NoteAdapter(dspy.JSONAdapter):
    """Asks for JSON bound to the signature's schema; notes the messages and the raw answer in `exchange`."""

    def __init__(self) -> None:
        super().__init__(use_native_function_calling=False)
        self._rendered: WeakKeyDictionary[type[dspy.Signature], _Rendered] = WeakKeyDictionary()

    def __call__(
        self,
        lm: Any,
        lm_kwargs: dict[str, Any],
        signature: type[dspy.Signature],
        demos: list[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """Fields of the answer, in a list, as DSPy takes them."""
        if _asks_for_several(lm, lm_kwargs):
            return super().__call__(lm, lm_kwargs, signature, demos, inputs)
        request = self._request(lm, lm_kwargs, signature, demos, inputs)
        return [self._read(signature, lm(request, **_sample(lm, lm_kwargs)))]

    async def acall(
        self,
        lm: Any,
        lm_kwargs: dict[str, Any],
        signature: type[dspy.Signature],
        demos: list[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """As a call. DSPy's own way through chat messages and back costs five times what asking does."""
        if _asks_for_several(lm, lm_kwargs):
            return await super().acall(lm, lm_kwargs, signature, demos, inputs)
        request = self._request(lm, lm_kwargs, signature, demos, inputs)
        return [self._read(signature, await lm.acall(request, **_sample(lm, lm_kwargs)))]

    def format(
        self, signature: type[dspy.Signature], demos: list[dict[str, Any]], inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Messages for one question; after an answer that broke the schema, that answer and what was wrong with it."""
        messages: list[dict[str, Any]] = [{"role": "system", "content": self._of(signature).system}]
        if demos:
            messages += self.format_demos(signature, demos)
        messages.append({"role": "user", "content": self._content(signature, inputs)})
        current = exchange.get()
        if current is not None:
            if current.complaint:
                messages.append({"role": "assistant", "content": as_data(current.raw or "")})
                messages.append({"role": "user", "content": as_data(current.complaint)})
            current.messages = messages
        return messages

    def format_demos(self, signature: type[dspy.Signature], demos: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Turns of a conversation; DSPy writes a demo's pictures into its text, and takes them out again here."""
        return split_message_content_for_custom_types(super().format_demos(signature, demos))

    def _content(self, signature: type[dspy.Signature], inputs: dict[str, Any]) -> str | list[dict[str, Any]]:
        """The fields in DSPy's form: a text, or texts and pictures in turns."""
        blocks: list[dict[str, Any]] = []
        text: list[str] = []
        rendered = self._of(signature)
        for name, field_info in rendered.inputs.items():
            value = inputs.get(name)
            if value is None:
                continue
            head = f"[[ ## {name} ## ]]"
            if field_info.annotation == list[dspy.Image]:
                text.append(head if value else f"{head}\nnone")
                if value:
                    blocks.append({"type": "text", "text": "\n\n".join(text)})
                    blocks.extend({"type": "image_url", "image_url": {"url": image.url}} for image in value)
                    text = []
            else:
                said = value if isinstance(value, str) else format_field_value(field_info, value)
                text.append(f"{head}\n{as_data(said)}")
        text.append(rendered.requirements)
        if not blocks:
            return "\n\n".join(text)
        return [*blocks, {"type": "text", "text": "\n\n".join(text)}]

    def _request(
        self,
        lm: Any,
        lm_kwargs: dict[str, Any],
        signature: type[dspy.Signature],
        demos: list[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> lm15.Request:
        system, *messages = self.format(signature, demos, inputs)
        return lm15.Request(
            model=lm.model,
            system=system["content"],
            messages=tuple(_message(message) for message in messages),
            config=self._config(lm, {**lm.kwargs, **lm_kwargs}, signature),
        )

    def _config(self, lm: Any, settings: dict[str, Any], signature: type[dspy.Signature]) -> lm15.Config:
        """Settings and schema, checked once for all questions that have the same."""
        said = {name: value for name, value in settings.items() if value is not None and name not in _OF_THE_CALL}
        key = (lm.model, *((name, repr(value)) for name, value in said.items()))
        rendered = self._of(signature)
        found = rendered.configs.get(key)
        if found is None:
            schema = None
            if "response_format" in lm.supported_params:
                schema = rendered.response_format if lm.supports_response_schema else {"type": "json_object"}
            known = {name: value for name, value in said.items() if name in _CONFIG}
            others = {name: value for name, value in said.items() if name not in _CONFIG}
            found = lm15.Config(**{**known, "response_format": schema}, extensions=others or None)
            if len(rendered.configs) < _CONFIGS_KEPT:
                rendered.configs[key] = found
        return found

    def _read(self, signature: type[dspy.Signature], response: lm15.Response) -> dict[str, Any]:
        current = exchange.get()
        if current is not None:
            current.prompt_tokens += response.usage.input_tokens or 0
            current.completion_tokens += response.usage.output_tokens or 0
        text = "".join(part.text for part in response.message.parts if isinstance(part, lm15.TextPart))
        if not text:
            raise _unreadable(signature, "", "the answer is empty")
        return self.parse(signature, text)

    def format_system_message(self, signature: type[dspy.Signature]) -> str:
        """Fields, structure and instructions."""
        return self._of(signature).system

    def user_message_output_requirements(self, signature: type[dspy.Signature]) -> str:
        """How to answer."""
        return self._of(signature).requirements

    def _prepare_response_format(self, lm: Any, lm_kwargs: dict[str, Any], signature: Any) -> None:
        if "response_format" in lm.supported_params:
            asked = self._of(signature).response_format
            nested = {"type": "json_schema", "json_schema": {n: v for n, v in asked.items() if n != "type"}}
            lm_kwargs["response_format"] = nested if lm.supports_response_schema else {"type": "json_object"}

    def _of(self, signature: type[dspy.Signature]) -> _Rendered:
        found = self._rendered.get(signature)
        if found is None:
            found = self._rendered[signature] = _Rendered(
                system=super().format_system_message(signature),
                requirements=super().user_message_output_requirements(signature),
                response_format=response_format(signature),
                inputs=signature.input_fields,
                outputs=_outputs(signature),
                configs={},
            )
        return found

    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, Any]:
        """Fields of an answer.

        Raises:
            AdapterParseError: no whole JSON object, or not the schema's. DSPy would mend a cut answer and go on with
                half of it.
        """
        if not completion.isascii():  # half a surrogate pair is no text: it could not be written down
            completion = completion.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        current = exchange.get()
        if current is not None:
            current.raw = completion
        try:
            found = orjson.loads(completion[completion.find("{") : completion.rfind("}") + 1])
        except ValueError as error:
            raise _unreadable(signature, completion, f"the answer is no whole JSON object: {error}") from None
        try:
            answer = self._of(signature).outputs.model_validate(found)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "whole"
            raise _unreadable(signature, completion, f"the answer's {where}: {first['msg']}") from None
        return dict(answer)


def _outputs(signature: type[dspy.Signature]) -> type[BaseModel]:
    outputs: dict[str, Any] = {name: (output.annotation, ...) for name, output in signature.output_fields.items()}
    return create_model("DSPyProgramOutputs", **outputs)


def response_format(signature: type[dspy.Signature]) -> dict[str, Any]:
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
    return {"type": "json_schema", "name": model.__name__, "schema": schema, "strict": True}


def _asks_for_several(lm: Any, lm_kwargs: dict[str, Any]) -> bool:
    return any(settings.get(name, 1) not in (1, None) for settings in (lm.kwargs, lm_kwargs) for name in _SEVERAL)


def _sample(lm: Any, lm_kwargs: dict[str, Any]) -> dict[str, Any]:
    """Which of several answers to the same question is meant, where that was said."""
    said = lm_kwargs.get("rollout_id", lm.kwargs.get("rollout_id"))
    return {} if said is None else {"rollout_id": said}


def _message(message: dict[str, Any]) -> lm15.Message:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return lm15.Message(role=message["role"], parts=tuple(_parts(blocks)))


def _parts(blocks: Iterable[dict[str, Any]]) -> Iterable[lm15.TextPart | lm15.ImagePart]:
    for block in blocks:
        if block["type"] == "text":
            yield lm15.TextPart(block["text"])
            continue
        yield _picture(block["image_url"]["url"])


@functools.lru_cache(maxsize=64)
def _picture(address: str) -> lm15.ImagePart:
    """A picture as DSPy's requests carry it; several steps ask with the same one."""
    head, comma, data = address.partition(";base64,")
    if comma and head.startswith("data:"):
        return lm15.ImagePart(data=data, media_type=head.removeprefix("data:"))
    return lm15.ImagePart(url=address)


def without_bytes(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages with every picture replaced by the SHA-256 of its bytes."""
    return [
        message
        if isinstance(message["content"], str)
        else {**message, "content": [_named(block) for block in message["content"]]}
        for message in messages
    ]


def _named(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] != "image_url":
        return block
    part = _picture(block["image_url"]["url"])
    if part.data is None:
        return block
    return {"type": "image_url", "image_url": {"url": f"sha256:{picture_digest(part.data)}"}}


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
        if "<<" not in value and "[[" not in value and "]]" not in value:
            return value
        return _MARKERS.sub(lambda match: f"{match[0][0]} {match[0][1]}", value)
    if isinstance(value, list):
        return [as_data(item) for item in value]
    return value
