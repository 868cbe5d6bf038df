"""Several servers as one: each request goes to the one with least to do, and to another when that does not answer."""

import asyncio
import random
from collections.abc import Sequence

from dspy import lm15

from teachers.vllm.endpoint import Endpoint, Limits, Reply
from teachers.vllm.launch import ServerError
from teachers.vllm.wire import Outgoing, misses_picture, refusal

_ATTEMPTS = 6
"""Times a request is sent at most."""
_PAUSE = (0.25, 8.0)
"""Seconds before the second attempt, and at most; each time twice as long, and half of it by chance."""


class Servers:
    """The servers a model runs on.

    Args:
        endpoints: One or more.
        limits: Of time.
        attempts: Times a request is sent at most.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], *, limits: Limits | None = None, attempts: int = _ATTEMPTS
    ) -> None:
        if not endpoints:
            raise ValueError("no server: give one or more")
        self.endpoints = tuple(endpoints)
        self._limits = limits or Limits()
        self._attempts = attempts
        self.retried = 0
        """Times a request was sent again."""

    async def send(self, request: Outgoing) -> tuple[Reply, int]:
        """Send until it is answered; returns the reply (status 200) and how often it was sent.

        Never again after a refusal (400): the same words are refused again.

        Raises:
            lm15.LM15Error: of the last attempt.
        """
        error: lm15.LM15Error | None = None
        for attempt in range(self._attempts):
            if attempt:
                self.retried += 1
                await asyncio.sleep(self._pause(attempt, error))
            endpoint = self._healthy() or await self._free()
            try:
                reply = await self._once(endpoint, request)
            except (lm15.TransportError, lm15.TimeoutError) as failure:
                endpoint.failed()
                error = failure
                await self._restarted(endpoint)
                continue
            if reply.status == 200:
                endpoint.succeeded()
                return reply, attempt + 1
            error = refusal(reply.status, reply.data, endpoint.base_url, reply.retry_after)
            if not isinstance(error, (lm15.RateLimitError, lm15.ServerError, lm15.TimeoutError)):
                endpoint.succeeded()
                raise error
            if not isinstance(error, lm15.RateLimitError):
                endpoint.failed()
        assert error is not None
        error.message += f" (sent {self._attempts} times)"
        raise error

    async def aclose(self) -> None:
        """Close this loop's connections."""
        await asyncio.gather(*(endpoint.aclose() for endpoint in self.endpoints))

    async def _once(self, endpoint: Endpoint, request: Outgoing) -> Reply:
        reply = await endpoint.post(endpoint.body(request.body, request.pictures))
        if request.pictures and misses_picture(reply.status, reply.data):
            endpoint.lost(request.pictures)
            reply = await endpoint.post(endpoint.body(request.body, request.pictures, again=True))
        if reply.status == 200:
            endpoint.holds(request.pictures)
        return reply

    def _healthy(self) -> Endpoint | None:
        """The healthy server with least to do."""
        healthy = [endpoint for endpoint in self.endpoints if not endpoint.away]
        return min(healthy, key=lambda endpoint: (endpoint.outstanding, endpoint.sent)) if healthy else None

    async def _free(self) -> Endpoint:
        """The healthy server with least to do; waits where none is.

        Raises:
            lm15.TransportError: none came back in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.patience
        while (endpoint := self._healthy()) is None:
            wait = min(endpoint.away for endpoint in self.endpoints)
            if loop.time() + wait > deadline:
                names = ", ".join(endpoint.base_url for endpoint in self.endpoints)
                raise lm15.TransportError(
                    f"no server answers ({names}); see whether they run: tagllm teacher probe --base-url URL"
                )
            await asyncio.sleep(wait)
        return endpoint

    async def _restarted(self, endpoint: Endpoint) -> None:
        try:
            await endpoint.back()
        except ServerError as error:
            raise lm15.TransportError(str(error)) from None

    def _pause(self, attempt: int, error: lm15.LM15Error | None) -> float:
        least, most = _PAUSE
        pause = min(least * 2 ** (attempt - 1), most)
        asked = error.retry_after if error is not None else None
        return max(asked or 0.0, pause * (0.5 + 0.5 * random.random()))  # noqa: S311 - jitter
