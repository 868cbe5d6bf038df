"""Fetching pictures from the web when asked to: bounded in size, time and redirects, and never from a private network.

A name is looked up once and the connection goes to the address that was checked, so that a name server cannot answer
the check with a public address and the connection with a private one.
"""

import ipaddress
import socket
import time
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from notes.pictures import Refused


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            ip = inner
        elif ip in ipaddress.ip_network("64:ff9b::/96"):  # NAT64
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
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
            except (HTTPError, OSError, ValueError) as error:
                raise Refused("fetch_failed", f"{address[:200]}: {type(error).__name__}: {error}"[:400]) from None
            if isinstance(answer, bytes):
                return answer
            address = urljoin(address, answer)
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
        timeout = urllib3.Timeout(total=max(0.1, deadline - time.monotonic()))
        if parts.scheme == "https":
            pool = urllib3.HTTPSConnectionPool(
                ip, port, timeout=timeout, retries=False, server_hostname=parts.hostname, assert_hostname=parts.hostname
            )
        else:
            pool = urllib3.HTTPConnectionPool(ip, port, timeout=timeout, retries=False)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "tagllm", "Accept": "image/*"}
        with pool:
            response = pool.request("GET", path, headers=headers, redirect=False, preload_content=False)
            try:
                if response.status in (301, 302, 303, 307, 308) and response.headers.get("Location"):
                    return str(response.headers["Location"])
                if response.status != 200:
                    raise Refused("fetch_failed", f"{address[:200]} answered {response.status}")
                body = bytearray()
                for chunk in response.stream(1 << 16, decode_content=False):
                    body += chunk
                    if len(body) > max_bytes:
                        raise Refused("too_large", f"{address[:200]} is larger than {max_bytes:,} bytes")
                    if time.monotonic() > deadline:
                        raise Refused("fetch_failed", f"{address[:200]} took longer than {self._seconds:g} s")
                return bytes(body)
            finally:
                response.close()

    def _resolve(self, host: str, port: int) -> str:
        addresses = {str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        private = sorted(address for address in addresses if not self._allow(address))
        if private:
            raise Refused("private_address", f"{host[:200]} is {private[0]}, no public address")
        return sorted(addresses)[0]
