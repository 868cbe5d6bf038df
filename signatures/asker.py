"""Asking a language model one question through DSPy: the words, the repair of a broken answer, what it cost."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, TypeVar

import dspy
from dspy.dsp.utils.settings import main_thread_config
from dspy.utils import exceptions as dspy_errors
from pydantic import BaseModel, ValidationError

import prompts
from notes.records import FailureReason
from signatures.adapter import Exchange, NoteAdapter, exchange, without_bytes
from signatures.questions import Answered, StepFailed
from teachers.receipts import Receipt, receipt

A = TypeVar("A", bound=BaseModel)

_REASONS: tuple[tuple[type[Exception], FailureReason], ...] = (
    (dspy_errors.AdapterParseError, "unparsed"),
    (dspy_errors.ContextWindowExceededError, "too_long"),
    (dspy_errors.LMInvalidRequestError, "refused"),
    (dspy_errors.LMTimeoutError, "timeout"),
    (dspy_errors.LMTransportError, "unreachable"),
    (dspy_errors.LMError, "teacher_error"),
)
"""First fit wins."""


class Asker:
    """Asks `lm`.

    Args:
        lm: Any `dspy.LM`: servers, or `teachers.scripted.scripted_lm`.
    """

    def __init__(self, lm: dspy.LM) -> None:
        self.lm = lm
        self._adapter = NoteAdapter()
        self._predictors: dict[tuple[Any, ...], dspy.Predict] = {}
        self._settings = {name: value for name, value in lm.kwargs.items() if value is not None}

    def predictor(
        self, words: prompts.PromptProgram, step: str, signature: type[dspy.Signature], limits: Mapping[str, Any]
    ) -> dspy.Predict:
        """The step's predictor, made once per wording: what depends on the settings alone is rendered once."""
        key = (words.id, step, *limits.items())
        found = self._predictors.get(key)
        if found is None:
            prompt = words[step]
            text = prompt.render(**{slot: limits[slot] for slot in prompt.slots if slot in limits})
            found = self._predictors[key] = dspy.Predict(signature.with_instructions(text))
            found.demos = [
                {name: value for name, value in demo.items() if name != "step"}
                for demo in words.demos
                if demo["step"] == step
            ]
        return found

    async def ask(
        self,
        words: prompts.PromptProgram,
        step: str,
        signature: type[dspy.Signature],
        limits: Mapping[str, Any],
        inputs: dict[str, Any],
        build: Callable[[Any], A],
        *,
        label: str = "",
    ) -> Answered[A]:
        """Ask; an answer that breaks its schema is asked for once more, with what was wrong with it.

        Args:
            words: With the step's prompt.
            step: Its name.
            signature: Its fields.
            limits: Values of the prompt's slots.
            inputs: Values of the signature's input fields.
            build: From the prediction to the answer.
            label: What it is asked for; kept beside a cached answer.

        Raises:
            StepFailed: there is no answer, or none that holds.
        """
        predictor = self.predictor(words, step, signature, limits)
        sent, asked = Exchange(), Receipt(label=f"{label}/{step}" if label else "")
        tokens = exchange.set(sent), receipt.set(asked)
        try:
            try:
                answer = await self._once(predictor, inputs, build)
            except (dspy_errors.AdapterParseError, ValidationError) as error:
                if sent.raw is None or _is_cut(sent, asked):
                    raise
                sent.complaint = f"That answer breaks the form asked for: {_first_line(error)}. Answer again."
                asked.label += "/repair" if asked.label else ""
                answer = await self._once(predictor, inputs, build)
        except (dspy_errors.DSPyError, ValidationError) as error:
            reason = _reason(error)
            if reason == "unparsed" and _is_cut(sent, asked):
                reason = "truncated"
            message = f"{self.lm.model}: {type(error).__name__}: {error}"[:1000]
            read, written = _tokens(sent, asked)
            raise StepFailed(
                reason,
                message,
                request=self._request(sent),
                answer=sent.raw,
                prompt_tokens=read,
                completion_tokens=written,
            ) from error
        finally:
            exchange.reset(tokens[0])
            receipt.reset(tokens[1])
        read, written = _tokens(sent, asked)
        return Answered(
            answer=answer,
            program=self.lm.model,
            prompt=words[step].digest,
            request=self._request(sent),
            prompt_tokens=read,
            completion_tokens=written,
            cached=asked.cached,
        )

    async def _once(self, predictor: dspy.Predict, inputs: dict[str, Any], build: Callable[[Any], A]) -> A:
        # DSPy's history would keep ten thousand requests with their pictures; the trace keeps them without.
        signature: Any = predictor.signature
        with dspy.context(lm=self.lm, adapter=self._adapter, disable_history=True):
            if self._is_watched(predictor):
                return build(await predictor.acall(**inputs))
            (fields,) = await self._adapter.acall(self.lm, dict(predictor.config), signature, predictor.demos, inputs)
            return build(SimpleNamespace(**fields))

    def _is_watched(self, predictor: dspy.Predict) -> bool:
        """Whether somebody wants to see DSPy's own calls: an optimiser its trace, a tracer its callbacks.

        Where nobody does, the adapter is asked as the predictor would ask it, at half the price, and DSPy's own trace
        does not keep ten thousand calls.
        """
        return bool(
            dspy.settings.trace is not main_thread_config["trace"]
            or dspy.settings.callbacks
            or predictor.callbacks
            or self._adapter.callbacks
        )

    def _request(self, sent: Exchange) -> Any:
        if not sent.messages:
            return None
        return {"model": self.lm.model, **self._settings, "messages": without_bytes(sent.messages)}


def _tokens(sent: Exchange, asked: Receipt) -> tuple[int, int]:
    """Tokens read and written, as our engine counted them or else as DSPy did."""
    counted = asked if asked.finish_reason else sent
    return counted.prompt_tokens, counted.completion_tokens


def _is_cut(sent: Exchange, asked: Receipt) -> bool:
    """Whether the answer ran to its limit of tokens."""
    if asked.finish_reason:
        return asked.finish_reason == "length"
    raw = sent.raw or ""
    return "{" in raw and not raw.rstrip().endswith(("}", "```"))


def _first_line(error: Exception) -> str:
    text = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
    return " ".join(text.split("LM Response:")[0].split())[:300]


def _reason(error: Exception) -> FailureReason:
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return "unparsed"
