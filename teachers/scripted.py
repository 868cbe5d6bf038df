"""A teacher that answers from a list or a function: for tests, dry runs and demonstrations.

It is an engine under a real `dspy.LM`, so everything above it (signatures, adapter, parsing, errors) is the real thing.
"""

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

import dspy
from dspy.lm15 import Message, Request, Response, Usage

Answer = str | dict[str, Any] | BaseException
"""A text, a value that is sent as JSON, or an error that is raised (those of `dspy.lm15` as a server would)."""


class ScriptedEngine:
    """Answers requests in order, or by a function of the request; remembers what it was asked.

    Args:
        answers: The answers in order (running out is an error that says so), or a function from request to answer.
    """

    supported_params = frozenset({"response_format", "temperature", "max_tokens"})
    supports_response_schema = True

    def __init__(self, answers: Iterable[Answer] | Callable[[Request], Answer]) -> None:
        self._function = answers if callable(answers) else None
        self._answers = None if callable(answers) else iter(answers)
        self._lock = threading.Lock()
        self.requests: list[Request] = []

    def complete(self, request: Request) -> Response:
        """The next answer."""
        with self._lock:
            self.requests.append(request)
            if self._function is not None:
                answer = self._function(request)
            else:
                assert self._answers is not None
                answer = next(self._answers, None)
                if answer is None:
                    raise RuntimeError(f"the script has no answer to request {len(self.requests)}; add one")
        if isinstance(answer, BaseException):
            raise answer
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        return Response(
            id=f"scripted-{len(self.requests)}",
            model=request.model,
            message=Message.assistant(text),
            finish_reason="stop",
            usage=Usage(input_tokens=_words(request), output_tokens=len(text.split())),
        )


class _AsyncEngine:
    supported_params = ScriptedEngine.supported_params
    supports_response_schema = True

    def __init__(self, engine: ScriptedEngine) -> None:
        self._engine = engine

    async def complete(self, request: Request) -> Response:
        return self._engine.complete(request)


def scripted_lm(answers: Iterable[Answer] | Callable[[Request], Answer], *, model: str = "scripted/list") -> dspy.LM:
    """A language model for DSPy that answers from `answers`; its `engine.requests` is what it was asked."""
    engine = ScriptedEngine(answers)
    return dspy.LM(model, engine=engine, async_engine=_AsyncEngine(engine), cache=False, num_retries=0)


def request_text(request: Request) -> str:
    """All text of a request, system message first."""
    system = request.system
    parts = [system if isinstance(system, str) else _parts(system or ())]
    parts.extend(_parts(message.parts) for message in request.messages)
    return "\n".join(parts)


def _parts(parts: Iterable[Any]) -> str:
    return "\n".join(part.text for part in parts if getattr(part, "type", "") == "text")


def _words(request: Request) -> int:
    return len(request_text(request).split())
