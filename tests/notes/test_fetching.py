"""Fetching: bounded in bytes, time and redirects, and never from a private network."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote

import pytest

from notes.fetching import Fetcher, is_public
from notes.pictures import Refused

BODY = bytes(range(256)) * 40


class _Handler(BaseHTTPRequestHandler):
    """Answers by path; what it was asked is in the server's `asked`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        server.asked.append((self.path, self.headers["Host"]))
        kind, _, rest = self.path.strip("/").partition("/")
        if kind == "redirect":
            left = int(rest)
            self._head(302, Location=f"/redirect/{left - 1}" if left else "/body")
        elif kind == "to":
            self._head(307, Location=unquote(rest))
        elif kind == "status":
            self._head(int(rest))
        elif kind == "chunked":
            self._head(200, {"Transfer-Encoding": "chunked"})
            for start in range(0, len(BODY), 1000):
                part = BODY[start : start + 1000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        elif kind == "endless":
            self._head(200, {"Connection": "close"})
            server.drip(self.wfile.write, BODY)
        elif kind == "drip-body":
            self._head(200, {"Content-Length": "1000000"})
            server.drip(self.wfile.write, b"x")
        elif kind == "drip-head":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            server.drip(self.wfile.write, b"x")
        elif kind == "silent":
            server.drip(lambda _: 0, b"")
        elif kind == "short":
            self._head(200, {"Content-Length": str(len(BODY) + 1), "Connection": "close"})
            self.wfile.write(BODY)
        elif kind == "nonsense":
            self.wfile.write(b"\x16\x03\x01 what?\r\n\r\n")
        else:
            self._head(200, {"Content-Length": str(len(BODY))})
            self.wfile.write(BODY)

    def _head(self, status: int, fields: dict[str, str] | None = None, **more: str) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in ((fields or {"Content-Length": "0"}) | more).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str]] = []
        self.over = threading.Event()
        self.cut_off = 0

    def drip(self, write: Callable[[bytes], int], part: bytes) -> None:
        """Send `part` again and again, until whoever asked hangs up or the test is over."""
        try:
            while not self.over.wait(0.01):
                write(part)
        except OSError:
            self.cut_off += 1

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def _anywhere(ip: str) -> bool:
    return True


def _refusal(fetch: Fetcher, address: str, max_bytes: int = 1 << 20) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        fetch(address, max_bytes)
    return refused.value.reason, str(refused.value)


@pytest.mark.parametrize("path", ["/body", "/chunked", "/body?q=%E5%9B%BE&n=1", "/图片 1.png", "/redirect/2", "//x/y"])
def test_bytes_come_back(path: str, server: _Server) -> None:
    assert Fetcher(allow=_anywhere)(server.url + path, len(BODY)) == BODY


def test_path_is_quoted_and_the_fragment_left_out(server: _Server) -> None:
    assert Fetcher(allow=_anywhere)(f"{server.url}/图 1?a=b c#fragment", 1 << 20) == BODY
    assert server.asked == [("/%E5%9B%BE%201?a=b%20c", f"127.0.0.1:{server.server_port}")]


@pytest.mark.parametrize("path", ["/body", "/chunked", "/endless"])
def test_size_is_bounded_without_trusting_headers(path: str, server: _Server) -> None:
    reason, message = _refusal(Fetcher(allow=_anywhere), server.url + path, len(BODY) - 1)
    assert reason == "too_large"
    assert f"{len(BODY) - 1:,} bytes" in message


@pytest.mark.parametrize("path", ["/drip-body", "/drip-head", "/silent"])
def test_time_is_bounded_for_the_whole_not_for_each_byte(path: str, server: _Server) -> None:
    assert _refusal(Fetcher(seconds=0.2, allow=_anywhere), server.url + path)[0] == "fetch_failed"
    assert not server.over.is_set()


@pytest.mark.parametrize(("redirects", "asked"), [(0, 1), (2, 3)])
def test_redirects_are_counted(redirects: int, asked: int, server: _Server) -> None:
    reason, message = _refusal(Fetcher(redirects=redirects, allow=_anywhere), f"{server.url}/redirect/9")
    assert (reason, len(server.asked)) == ("fetch_failed", asked)
    assert f"more than {redirects} redirects" in message
    assert Fetcher(redirects=3, allow=_anywhere)(f"{server.url}/redirect/2", 1 << 20) == BODY


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://10.0.0.1/x.png", "private_address"),
        ("http://169.254.169.254/latest", "private_address"),
        ("//10.0.0.1/x.png", "private_address"),
        ("http://[::1]/x.png", "private_address"),
        ("file:///etc/passwd", "bad_address"),
        ("gopher://127.0.0.1/", "bad_address"),
        ("http://me:secret@127.0.0.1/", "bad_address"),
        ("http://[broken", "fetch_failed"),
        ("http://127.0.0.1:99999/", "fetch_failed"),
    ],
)
def test_redirect_is_checked_like_the_first_address(target: str, reason: str, server: _Server) -> None:
    fetch = Fetcher(allow=lambda ip: ip == "127.0.0.1")
    assert _refusal(fetch, f"{server.url}/to/{quote(target, safe='')}")[0] == reason
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/status/404", "answered 404"),
        ("/status/500", "answered 500"),
        ("/status/204", "answered 204"),
        ("/status/302", "answered 302"),
        ("/short", "IncompleteRead"),
        ("/nonsense", "BadStatusLine"),
    ],
)
def test_answer_that_is_no_file_is_refused(path: str, message: str, server: _Server) -> None:
    reason, told = _refusal(Fetcher(allow=_anywhere), server.url + path)
    assert reason == "fetch_failed"
    assert message in told


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ftp://127.0.0.1/x", "bad_address"),
        ("http:///x", "bad_address"),
        ("no address", "bad_address"),
        ("http://user@127.0.0.1/", "bad_address"),
        ("http://127.0.0.1/", "private_address"),
        ("https://127.0.0.1/", "private_address"),
        ("http://2130706433/", "private_address"),
        ("http://0x7f.1/", "private_address"),
        ("http://0/", "private_address"),
        ("http://[::ffff:127.0.0.1]/", "private_address"),
        ("http://[::1/", "fetch_failed"),
        ("http://127.0.0.1:port/", "fetch_failed"),
        ("http://" + "a" * 64 + ".invalid/", "fetch_failed"),
        ("http://a\x00b/", "fetch_failed"),
    ],
)
def test_address_that_may_not_be_opened_is_refused(address: str, reason: str) -> None:
    assert _refusal(Fetcher(seconds=5), address)[0] == reason


def test_name_with_one_private_address_is_refused_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("8.8.8.8", "192.168.0.7")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: answers)
    reason, message = _refusal(Fetcher(), "http://rebinding.example/")
    assert reason == "private_address"
    assert "192.168.0.7" in message


def test_name_is_looked_up_once_and_the_address_checked_is_the_one_used(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[object] = []
    really = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: object, **options: object) -> object:
        looked_up.append(host)
        return really("127.0.0.1" if host == "pictures.example" else host, port, type=socket.SOCK_STREAM)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert Fetcher(allow=_anywhere)(f"http://pictures.example:{server.server_port}/body", 1 << 20) == BODY
    assert looked_up.count("pictures.example") == 1
    assert server.asked == [("/body", f"pictures.example:{server.server_port}")]


def test_certificate_is_asked_for(server: _Server) -> None:
    """A server without TLS stands in for one whose certificate does not hold: neither is talked to."""
    address = f"https://127.0.0.1:{server.server_port}/"
    assert _refusal(Fetcher(seconds=2, allow=_anywhere), address)[0] == "fetch_failed"
    assert not server.asked


PUBLIC = "8.8.8.8 1.1.1.1 2001:4860:4860::8888 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1"
PRIVATE = """
    127.0.0.1 127.9.9.9 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 192.0.2.1
    198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
    :: ::1 fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 100::1
    ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 2002:7f00:1:: 2002:a00:1::1 2001:0:7f00:1::80ff:fffe
"""


@pytest.mark.parametrize(
    ("address", "public"), [*((a, True) for a in PUBLIC.split()), *((a, False) for a in PRIVATE.split())]
)
def test_public_internet_is_told_from_the_rest(address: str, public: bool) -> None:
    assert is_public(address) is public
