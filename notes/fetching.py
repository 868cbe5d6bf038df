"""Fetching pictures from the web when asked to: bounded in size, time and redirects, and never from a private network.

A name is looked up once and the connection goes to the address that was checked, so that a name server cannot answer
the check with a public address and the connection with a private one.
"""

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from urllib.parse import SplitResult, urljoin, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from notes.pictures import Refused

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is handed out; beside it lie forms that wrap IPv4 and local ones that count as global elsewhere."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            ip = inner
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _UNICAST:
        return False
    return ip.is_global and not ip.is_multicast


class Fetcher:
    """Gets the bytes behind an address.

    Args:
        seconds: For the whole of one picture, redirects included.
        redirects: How many are followed.
        allow: Says whether an IP address may be connected to; tests allow the loopback.
    """

    def __init__(self, *, seconds: float = 15.0, redirects: int = 3, allow: Callable[[str], bool] = is_public) -> None:
        self._seconds = seconds
        self._redirects = redirects
        self._allow = allow

    def __call__(self, address: str, max_bytes: int) -> bytes:
        """Bytes behind `address`.

        Raises:
            Refused: a private address, too large, too slow, too many redirects, or the server said no.
        """
        deadline = time.monotonic() + self._seconds
        for _ in range(self._redirects + 1):
            try:
                answer = self._get(address, max_bytes, deadline)
            except (HTTPError, HTTPException, OSError, ValueError) as error:
                raise Refused("fetch_failed", f"{address[:200]}: {type(error).__name__}: {error}"[:400]) from None
            if isinstance(answer, bytes):
                return answer
            address = answer
        raise Refused("fetch_failed", f"{address[:200]}: more than {self._redirects} redirects")

    def _get(self, address: str, max_bytes: int, deadline: float) -> bytes | str:
        """The body, or where a redirect points."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refused("bad_address", f"{address[:200]!r} is no http(s) address")
        if parts.username or parts.password:
            raise Refused("bad_address", "addresses with a user name or password are not opened")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        ip = self._resolve(parts.hostname, port)
        left = max(0.1, deadline - time.monotonic())
        headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "tagllm", "Accept": "image/*"}
        with contextlib.closing(_connection(parts, ip, port, left)) as connection, _cut_after(left, connection):
            connection.request("GET", parse_url(address).request_uri, headers=headers, preload_content=False)
            with contextlib.closing(connection.getresponse()) as response:
                if response.status in (301, 302, 303, 307, 308) and response.headers.get("Location"):
                    return urljoin(address, response.headers["Location"])
                if response.status != 200:
                    raise Refused("fetch_failed", f"{address[:200]} answered {response.status}")
                body = bytearray()
                while True:
                    chunk = response.read1(1 << 16, decode_content=False)  # does not wait for more than there is
                    if time.monotonic() > deadline:
                        raise Refused("fetch_failed", f"{address[:200]} took longer than {self._seconds:g} s")
                    if not chunk:
                        return bytes(body)
                    body += chunk
                    if len(body) > max_bytes:
                        raise Refused("too_large", f"{address[:200]} is larger than {max_bytes:,} bytes")

    def _resolve(self, host: str, port: int) -> str:
        addresses = {str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        private = sorted(address for address in addresses if not self._allow(address))
        if private:
            raise Refused("private_address", f"{host[:200]} is {private[0]}, no public address")
        return sorted(addresses)[0]


def _connection(parts: SplitResult, ip: str, port: int, seconds: float) -> HTTPConnection:
    """A connection to the address that was checked, in the name of the host that was asked for."""
    if parts.scheme == "https":
        name = parts.hostname
        return HTTPSConnection(ip, port, timeout=seconds, server_hostname=name, assert_hostname=name)
    return HTTPConnection(ip, port, timeout=seconds)


@contextlib.contextmanager
def _cut_after(seconds: float, connection: HTTPConnection) -> Iterator[None]:
    """Cut the line after `seconds`: a socket's own timeout starts anew with every byte that a slow server drips."""

    def cut() -> None:
        with contextlib.suppress(OSError, AttributeError):  # not connected yet, or no longer
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
