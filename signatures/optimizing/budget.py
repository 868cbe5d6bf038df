"""How much an optimisation may ask: requests and minutes.

Every different request counts once, whether a model answers it or the cache does. So the same command comes to the same
end after a kill, when most of its answers are there already.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any

import dspy
from dspy import lm15

from signatures.optimizing.loop import Loop


class BudgetSpent(BaseException):
    """No further request may be sent. No `Exception`: optimisers count those as failures of the model, and go on."""


class Budget:
    """Counts requests, and refuses those beyond the limits.

    Args:
        requests: Different ones that may be asked; None: any number.
        seconds: From now on; None: any time.
        known: Another budget whose requests count as asked already; both count on together.
        clock: In seconds.
    """

    def __init__(
        self,
        *,
        requests: int | None = None,
        seconds: float | None = None,
        known: "Budget | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit = requests
        self.spent = False
        """Whether a request was refused."""
        self._clock = clock
        self._end = None if seconds is None else clock() + seconds
        self._known: set[bytes] = known._known if known is not None else set()
        self._lock = threading.Lock()

    @property
    def requests(self) -> int:
        """Different ones so far."""
        return len(self._known)

    def spend(self, request: lm15.Request) -> None:
        """Count a request.

        Raises:
            BudgetSpent: it is one too many, or too late.
        """
        key = hashlib.blake2b(repr(request).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        with self._lock:
            if key not in self._known:
                late = self._end is not None and self._clock() >= self._end
                if late or (self.limit is not None and len(self._known) >= self.limit):
                    self.spent = True
                    raise BudgetSpent
                self._known.add(key)


def metered(lm: dspy.LM, budget: Budget, loop: Loop) -> dspy.LM:
    """`lm` with every request counted on its way to the engine, and answered in `loop` whoever asks."""
    engine = _AsyncMetered(lm._async_engine_spec, budget)
    return lm.copy(engine=_Metered(engine, loop), async_engine=engine)


class _AsyncMetered:
    def __init__(self, engine: Any, budget: Budget) -> None:
        self._engine = engine
        self._budget = budget
        self.supported_params = engine.supported_params
        self.supports_response_schema = engine.supports_response_schema

    async def complete(self, request: lm15.Request) -> lm15.Response:
        self._budget.spend(request)
        return await self._engine.complete(request)


class _Metered:
    def __init__(self, engine: _AsyncMetered, loop: Loop) -> None:
        self._engine = engine
        self._loop = loop
        self.supported_params = engine.supported_params
        self.supports_response_schema = engine.supports_response_schema

    def complete(self, request: lm15.Request) -> lm15.Response:
        return self._loop.run(self._engine.complete(request))
