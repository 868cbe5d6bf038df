"""Single calls to a server, for finding out about it: every one bounded in time and size."""

import json
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from teachers.vllm.launch import ServerError

CONNECT_LIMIT = 5.0
"""Seconds until somebody must have taken the connection."""
_MOST = 8 << 20
"""Bytes of an answer that are read."""


class Unreachable(ServerError):
    """No answer came; the message says how far it went."""


class Reply(NamedTuple):
    """What came back."""

    status: int
    text: str

    def json(self) -> Any:
        """The answer read as JSON; None where it is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    @property
    def error(self) -> str:
        """What the server says went wrong, on one line, at most 300 characters."""
        found = self.json()
        said = found.get("error", found.get("message", "")) if isinstance(found, dict) else ""
        said = said.get("message", "") if isinstance(said, dict) else said
        return " ".join((str(said) if said else self.text).split())[:300]


class Caller:
    """Calls to one server.

    Args:
        base_url: Of the OpenAI-compatible part, `http://127.0.0.1:8000/v1`; without a path, `/v1` is meant.
        api_key: Sent with every call; empty: none.

    Raises:
        ServerError: `base_url` is no address.
    """

    def __init__(self, base_url: str, *, api_key: str = "") -> None:
        self.base_url = normal_url(base_url)
        self.root = self.base_url.removesuffix("/v1")
        """Where `/health` and `/metrics` are."""
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._pool = urllib3.PoolManager(retries=False, maxsize=2)

    def get(self, url: str, limit: float) -> Reply:
        """The page at `url`, within `limit` seconds.

        Raises:
            Unreachable: no whole answer came.
        """
        return self._call("GET", url, None, limit)

    def chat(self, body: dict[str, Any], limit: float) -> Reply:
        """The answer to a chat completion, within `limit` seconds.

        Raises:
            Unreachable: no whole answer came.
        """
        return self._call("POST", f"{self.base_url}/chat/completions", json.dumps(body).encode(), limit)

    def close(self) -> None:
        """Close its connections."""
        self._pool.clear()

    def _call(self, method: str, url: str, body: bytes | None, limit: float) -> Reply:
        deadline = time.monotonic() + limit
        timeout = urllib3.Timeout(connect=min(CONNECT_LIMIT, limit), read=limit)
        where = urlsplit(url).netloc
        try:
            response = self._pool.request(
                method, url, body=body, headers=self._headers, timeout=timeout, redirect=False, preload_content=False
            )
            with response:
                parts, size = [], 0
                while part := response.read1(1 << 16):
                    size += len(part)
                    if size > _MOST:
                        raise Unreachable(f"{where} answers with more than {_MOST:,} bytes: it is no model server")
                    if time.monotonic() > deadline:
                        raise Unreachable(f"{where} has not finished its answer within {limit:.0f} s")
                    parts.append(part)
        except HTTPError as error:
            raise Unreachable(f"{where} {_said(error, limit)}") from None
        return Reply(response.status, b"".join(parts).decode("utf-8", "replace"))


def normal_url(base_url: str) -> str:
    """`localhost:8000` and `http://localhost:8000/` are `http://localhost:8000/v1`.

    Raises:
        ServerError: it is no `http` address.
    """
    text = base_url.strip()
    text = (text if "://" in text else f"http://{text}").rstrip("/")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable, parts = False, None
    if not usable or parts is None:
        raise ServerError(f"base URL must be like http://127.0.0.1:8000/v1, got {base_url!r}")
    return text if parts.path else f"{text}/v1"


def _said(error: HTTPError, limit: float) -> str:
    if isinstance(error, NameResolutionError):
        return "is no host anybody knows: its name cannot be resolved"
    if isinstance(error, NewConnectionError):
        return f"takes no connection, nothing listens there ({str(error).rsplit(': ', 1)[-1]})"
    if isinstance(error, ConnectTimeoutError):
        return f"took no connection within {min(CONNECT_LIMIT, limit):.0f} s"
    if isinstance(error, ReadTimeoutError):
        return f"took the connection and sent nothing within {limit:.0f} s"
    if isinstance(error, SSLError):
        return f"could not agree on encryption ({error})"
    return f"broke off ({error})"
