"""The engine under `dspy.LM`: cache, servers, budgets."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dspy
from dspy import lm15
from dspy.clients.errors import error_boundary
from dspy.utils.callback import with_callbacks

from teachers.cache import Answer, RequestCache, request_key
from teachers.receipts import Receipt, receipt
from teachers.vllm.load import Load
from teachers.vllm.servers import Servers
from teachers.vllm.wire import Outgoing, answer_of, outgoing, response_of

_GROWTH = 2
"""How much larger the budget of an answer is that was cut off."""


class VllmEngine:
    """Answers DSPy's requests from the cache or from servers; the async half of the pair.

    Args:
        servers: Where the model runs.
        model: Name they know it by.
        revision: Of its weights: another revision, other answers.
        cache: None: every request is sent.
        load: How many requests are under way at most.
        context: Tokens the model reads and writes in one request; 0: unknown.
    """

    supported_params = frozenset(
        {
            "response_format",
            "temperature",
            "max_tokens",
            "top_p",
            "stop",
            "seed",
            "frequency_penalty",
            "presence_penalty",
        }
    )
    supports_response_schema = True

    def __init__(
        self,
        servers: Servers,
        model: str,
        *,
        revision: str = "",
        cache: RequestCache | None = None,
        load: Load | None = None,
        context: int = 0,
    ) -> None:
        self.servers = servers
        self.model = model
        self.revision = revision
        self.cache = cache
        self.load = load or Load()
        self.context = context

    async def complete(self, request: lm15.Request) -> lm15.Response:
        """The answer to a request.

        Raises:
            lm15.LM15Error: there is none.
        """
        asked = receipt.get() or Receipt()
        sent = outgoing(request, self.model)
        if self.cache is None:
            answer, cached = await self._ask(sent, asked), False
        else:
            key = request_key(sent.body, revision=self.revision, sample=asked.sample or None, label=asked.label)
            answer, _ = found = await self.cache.fetch(key, lambda: self._ask(sent, asked))
            cached = found.cached
        asked.cached = cached
        asked.finish_reason = answer.finish_reason
        if not cached:
            asked.prompt_tokens += answer.prompt_tokens
            asked.completion_tokens += answer.completion_tokens
        return response_of(answer, self.model)

    async def aclose(self) -> None:
        """Close this loop's connections."""
        await self.servers.aclose()

    async def _ask(self, sent: Outgoing, asked: Receipt) -> Answer:
        answer = await self._send(sent, asked)
        larger = self._larger(sent.body, answer)
        if larger is None:
            return answer
        # The same request would be cut off at the same place; one with more room need not be.
        try:
            again = await self._send(sent._replace(body={**sent.body, "max_tokens": larger}), asked)
        except lm15.InvalidRequestError:
            return answer  # there is no more room
        asked.prompt_tokens += answer.prompt_tokens
        asked.completion_tokens += answer.completion_tokens
        return again

    def _larger(self, body: dict[str, Any], answer: Answer) -> int | None:
        """Tokens to try an answer with that was cut off; None: it was not, or there is no room for more."""
        budget = body.get("max_tokens")
        if answer.finish_reason != "length" or not budget:
            return None
        larger = budget * _GROWTH
        if self.context:
            larger = min(larger, self.context - answer.prompt_tokens)
        return larger if larger > budget else None

    async def _send(self, sent: Outgoing, asked: Receipt) -> Answer:
        async with self.load:
            reply, attempts = await self.servers.send(sent)
        asked.attempts += attempts
        return answer_of(reply.data)


class SyncEngine:
    """The same for callers without an event loop (optimisers, threads): one loop of its own does the work."""

    supported_params = VllmEngine.supported_params
    supports_response_schema = True

    def __init__(self, engine: VllmEngine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def complete(self, request: lm15.Request) -> lm15.Response:
        """The answer to a request.

        Raises:
            lm15.LM15Error: there is none.
        """
        asked = receipt.get()

        async def answer() -> lm15.Response:
            receipt.set(asked)
            return await self._engine.complete(request)

        return asyncio.run_coroutine_threadsafe(answer(), self._running()).result()

    def close(self) -> None:
        """End the loop."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            asyncio.run_coroutine_threadsafe(self._engine.aclose(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(10)
            loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="tagllm-vllm", daemon=True)
                self._thread.start()
            return self._loop


class VllmLM(dspy.LM):
    """A language model on our servers.

    An explicit request goes to the engine in the caller's own task: DSPy would look in threads for local files to read
    and for the price of an answer, and there are neither. Which of several answers is meant (`rollout_id`) reaches the
    cache, so that an optimiser that wants another answer gets one.
    """

    def __call__(self, prompt: Any = None, *, messages: Any = None, **kwargs: Any) -> Any:
        """What `dspy.LM` gives."""
        with self._sampled(prompt, kwargs):
            return super().__call__(prompt, messages=messages, **kwargs)

    async def acall(self, prompt: Any = None, *, messages: Any = None, **kwargs: Any) -> Any:
        """One `lm15.Response` for an `lm15.Request`; for a text what `dspy.LM` gives."""
        with self._sampled(prompt, kwargs):
            explicit = isinstance(prompt, lm15.Request) and not kwargs.keys() - {"rollout_id"}
            if explicit and dspy.settings.send_stream is None:
                return await self._complete(prompt)
            return await super().acall(prompt, messages=messages, **kwargs)

    @with_callbacks
    async def _complete(self, request: lm15.Request) -> lm15.Response:
        with error_boundary(self.model, unexpected=True):
            return await self._async_engine_spec.complete(request)  # pyright: ignore[reportOptionalMemberAccess]

    @contextmanager
    def _sampled(self, prompt: Any, settings: dict[str, Any]) -> Iterator[None]:
        """Says in the receipt which sample is meant; without a temperature there is one only."""
        said = settings.get("rollout_id", self.kwargs.get("rollout_id"))
        if isinstance(prompt, lm15.Request):
            temperature = prompt.config.temperature
        else:
            temperature = settings.get("temperature", self.kwargs.get("temperature"))
        if said is None or not temperature:
            yield
            return
        asked = receipt.get() or Receipt()
        token, before, asked.sample = receipt.set(asked), asked.sample, str(said)
        try:
            yield
        finally:
            asked.sample = before
            receipt.reset(token)


def vllm_lm(engine: VllmEngine, *, temperature: float = 0.0, max_tokens: int = 2000) -> dspy.LM:
    """`engine` as a language model for DSPy, whose own cache and retries stay off.

    Args:
        engine: Asked by async callers, and by others through a loop of its own.
        temperature: Of sampling.
        max_tokens: Of an answer; one that is cut off is asked once more with twice as many.
    """
    return VllmLM(
        f"vllm:{engine.model}",
        engine=SyncEngine(engine),
        async_engine=engine,
        cache=False,
        num_retries=0,
        temperature=temperature,
        max_tokens=max_tokens,
    )
