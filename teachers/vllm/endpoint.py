"""One server as requests see it: connections, health, and which pictures it holds."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from dspy import lm15

from teachers.vllm.calls import normal_url
from teachers.vllm.wire import with_pictures

if TYPE_CHECKING:
    import aiohttp

    from teachers.vllm.server import ManagedServer

_FAILURES = 3
"""In a row, until a server gets no requests for a while."""
_AWAY = (1.0, 30.0)
"""Seconds without requests: the first time, and at most."""
_PICTURES = 4096
"""Pictures remembered as held by a server: its own cache is of a few gigabytes."""
_LONGEST = 16 << 20
"""Bytes of an answer; the longest that may be asked for has well under a million characters."""


@dataclass(frozen=True)
class Limits:
    """How long is waited, in seconds."""

    connect: float = 5.0
    """Until a connection stands."""
    answer: float = 600.0
    """Until the whole answer is there; long prompts on a busy server take their time."""
    restart: float = 300.0
    """Until a managed server that died is back."""
    patience: float = 60.0
    """Until one of several servers is back, when none answers."""


class Reply(NamedTuple):
    """What a server sent."""

    status: int
    data: bytes
    retry_after: float | None


class Endpoint:
    """A server with what is known of it.

    Args:
        base_url: Of its OpenAI-compatible part.
        limits: Of time.
        api_key: Sent with every request; empty: none.
        managed: The server, where it is ours: requests wait for its restart.
        spool: Folder the server may read pictures from; None: they travel in the request.

    Raises:
        teachers.vllm.launch.ServerError: `base_url` is no address.
    """

    def __init__(
        self,
        base_url: str,
        *,
        limits: Limits | None = None,
        api_key: str = "",
        managed: "ManagedServer | None" = None,
        spool: Path | None = None,
    ) -> None:
        self.base_url = normal_url(base_url)
        self.outstanding = 0
        """Requests under way."""
        self.sent = 0
        """Requests sent since the start."""
        self.managed = managed
        self.api_key = api_key
        self._limits = limits or Limits()
        # Nothing is unpacked: a small answer stays a small one.
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._spool = spool
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = WeakKeyDictionary()
        self._held: OrderedDict[str, None] = OrderedDict()
        self._restarts = 0
        self._failures = 0
        self._away_until = 0.0
        self._away = _AWAY[0]

    @property
    def away(self) -> float:
        """Seconds until it may get requests again; 0 where it is healthy."""
        return max(0.0, self._away_until - time.monotonic()) if self._away_until else 0.0

    def succeeded(self) -> None:
        """It answered."""
        self._failures, self._away, self._away_until = 0, _AWAY[0], 0.0

    def failed(self) -> None:
        """It did not answer; after three in a row it gets none for a while, each time for longer."""
        self._failures += 1
        if self._failures >= _FAILURES:
            self._away_until = time.monotonic() + self._away
            self._away = min(2 * self._away, _AWAY[1])
            self._failures = _FAILURES - 1  # one more failure on its return sends it away again

    def body(self, body: Mapping[str, Any], pictures: Mapping[str, str], *, again: bool = False) -> bytes:
        """The request for this server: pictures it holds by `uuid` alone, the others with their bytes or their file.

        Args:
            body: Every picture by its `uuid`.
            pictures: Their bytes, as `wire.Outgoing` has them.
            again: It said that it lost one: send them all.
        """
        if self.managed is not None and self.managed.restarts != self._restarts:
            self._restarts = self.managed.restarts
            self._held.clear()
        needed = {digest: data for digest, data in pictures.items() if again or digest not in self._held}
        return with_pictures(body, {digest: self._address(digest, data) for digest, data in needed.items()})

    def holds(self, pictures: Iterable[str]) -> None:
        """It answered a request with these pictures."""
        for digest in pictures:
            self._held[digest] = None
            self._held.move_to_end(digest)
        while len(self._held) > _PICTURES:
            self._held.popitem(last=False)

    def lost(self, pictures: Iterable[str]) -> None:
        """It said that it holds them no longer."""
        for digest in pictures:
            self._held.pop(digest, None)

    async def post(self, data: bytes) -> Reply:
        """Send one chat completion.

        Raises:
            lm15.TransportError: no connection, or it broke off.
            lm15.TimeoutError: no answer in time.
            lm15.ServerError: the answer is longer than any answer is.
        """
        import aiohttp

        self.outstanding += 1
        self.sent += 1
        try:
            url = f"{self.base_url}/chat/completions"
            # A redirect would carry the note, and the key, to wherever the server says.
            posted = self._session().post(url, data=data, headers=self._headers, allow_redirects=False)
            async with posted as response:
                hint = response.headers.get("Retry-After", "")
                after = float(hint) if hint.isdigit() else None
                return Reply(response.status, await self._read(response), after)
        except (TimeoutError, aiohttp.ServerTimeoutError) as error:
            limit = self._limits.connect if isinstance(error, aiohttp.ConnectionTimeoutError) else self._limits.answer
            raise lm15.TimeoutError(f"{self.base_url} gave no answer within {limit:.0f} s") from None
        except (aiohttp.ClientError, OSError) as error:
            why = str(error) or type(error).__name__
            raise lm15.TransportError(f"{self.base_url}: {why[:300]}") from None
        finally:
            self.outstanding -= 1

    async def _read(self, response: "aiohttp.ClientResponse") -> bytes:
        if response.content_length is not None and response.content_length <= _LONGEST:
            return await response.read()
        data = bytearray()
        async for chunk in response.content.iter_any():
            data += chunk
            if len(data) > _LONGEST:
                response.close()
                raise lm15.ServerError(f"{self.base_url} answered with more than {_LONGEST >> 20} MiB; is it a model?")
        return bytes(data)

    async def back(self) -> None:
        """Wait until a managed server runs again; others are left to their time away.

        Raises:
            teachers.vllm.launch.ServerError: it gave up, or is not back in time.
        """
        if self.managed is not None:
            await self.managed.wait_ready(self._limits.restart)
            self.succeeded()

    async def aclose(self) -> None:
        """Close this loop's connections."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    def _session(self) -> "aiohttp.ClientSession":
        import aiohttp

        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or session.closed:
            # No limit of connections: how many requests are under way is decided before.
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
                timeout=aiohttp.ClientTimeout(total=self._limits.answer, sock_connect=self._limits.connect),
                trust_env=False,
                auto_decompress=False,
            )
            self._sessions[loop] = session
        return session

    def _address(self, digest: str, data: str) -> str:
        if self._spool is None:
            return f"data:{data}"
        kind, _, encoded = data.partition(";base64,")
        file = self._spool / f"{digest}.{kind.rpartition('/')[2]}"
        if not file.exists():
            import base64

            part = file.with_suffix(f".part{id(data):x}")
            part.write_bytes(base64.b64decode(encoded))
            part.replace(file)
        return file.as_uri()
