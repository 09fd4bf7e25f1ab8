"""Requests that no HTTP client would send, as bytes on a socket: request lines, headers and bodies beyond all bounds.

Some of them the server (granian, on hyper) refuses before the application sees them, as API Gateway refuses them in its
own words; `is_ours` says which the application answers, or the gateway before it, with a request id. Whoever answers,
it is a 4xx, and the next caller is served.
"""

import socket
from contextlib import suppress
from dataclasses import dataclass

PATIENCE_S = 20.0
HOST = b"Host: 127.0.0.1\r\n"


@dataclass(frozen=True)
class Probe:
    """One request, the status that comes back, and whether we give it."""

    name: str
    sent: bytes
    status: int
    is_ours: bool = True


def _get(target: bytes, more: bytes = b"") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + more + b"Connection: close\r\n\r\n"


def _post(target: bytes, body: bytes, more: bytes = b"Content-Type: application/json\r\n") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + target + b" HTTP/1.1\r\n" + HOST + more + length + b"Connection: close\r\n\r\n" + body


def _headers(count: int, length: int = 1) -> bytes:
    return b"".join(b"X-Bomb-%d: %b\r\n" % (n, b"x" * length) for n in range(count))


LOGIN = b"/api/auth/login"
PROBES = (
    Probe("a path of 10,000 characters", _get(b"/api/products/sku/" + b"x" * 10_000), 404),
    Probe("a request line of 70,000 bytes", _get(b"/" + b"x" * 70_000), 414, is_ours=False),
    Probe("5,000 query parameters", _get(b"/api/products?" + b"&".join(b"p%d=1" % n for n in range(5_000))), 400),
    Probe("2,000 headers", _get(b"/api/products", _headers(2_000)), 431, is_ours=False),
    Probe("a header of 300,000 bytes", _get(b"/api/me", _headers(1, 300_000)), 401),
    Probe("a header of 1,000,000 bytes", _get(b"/api/me", _headers(1, 1_000_000)), 431, is_ours=False),
    Probe("a cookie of 60,000 bytes", _get(b"/api/me", b"Cookie: qm_session=" + b"x" * 60_000 + b"\r\n"), 401),
    Probe("a header with NUL", _get(b"/api/me", b"X-Bomb: a\0b\r\n"), 400, is_ours=False),
    Probe("a header of Latin-1", _get(b"/api/me", b"Authorization: Bearer \xff\xfe\r\n"), 401),
    Probe("a path with a bare NUL", _get(b"/api/products/sku/\0"), 400, is_ours=False),
    Probe("a path with NUL", _get(b"/api/products/sku/%00"), 404),
    Probe("a path that climbs", _get(b"/docs/..%2f..%2fapp.py"), 404),
    Probe("a path that climbs, bare", _get(b"/docs/../../app.py"), 404),
    Probe("a path that climbs with backslashes", _get(b"/docs/..\\..\\app.py"), 404),
    Probe("a path of overlong slashes", _get(b"/docs/..%c0%af..%c0%afapp.py"), 404),
    Probe("a path of raw bytes", _get(b"/api/products/sku/\xff\xfe"), 400, is_ours=False),
    Probe("a query of raw bytes", _get(b"/api/products?search=\xff\xfe"), 400, is_ours=False),
    Probe("seven megabytes", _post(LOGIN, b"x" * 7_000_000), 413),
    Probe("eleven megabytes", _post(LOGIN, b"x" * 11_000_000), 413),
    Probe("10,000 arrays", _post(LOGIN, b"[" * 10_000), 400),
    Probe("invalid UTF-8", _post(LOGIN, b'{"username": "\xff"}'), 400),
    Probe("another content type", _post(LOGIN, b"{}", b"Content-Type: text/plain\r\n"), 415),
    Probe("an unknown method", b"BREW /api/products HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", 405),
    Probe("no host", b"GET /api/products HTTP/1.1\r\nConnection: close\r\n\r\n", 200),
    Probe("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, is_ours=False),
    Probe("two lengths", _post(LOGIN, b"{}", b"Content-Length: 1\r\n"), 400, is_ours=False),
    Probe(
        "a length and chunks",
        b"POST " + LOGIN + b" HTTP/1.1\r\n" + HOST
        + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        400,
    ),
    Probe(
        "chunks that are none",
        b"POST " + LOGIN + b" HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
        400,
    ),
)  # fmt: skip


def run(port: int) -> list[str]:
    """What is wrong with the answers to all probes; nothing is the aim. After each, an ordinary caller is served."""
    wrong = []
    for probe in PROBES:
        answer, expected = ask(port, probe.sent), (probe.status, probe.is_ours)
        if answer != expected:
            wrong.append(f"{probe.name}: {answer} instead of {expected}")
        if ask(port, _get(b"/api/v1/health")) != (200, True):
            wrong.append(f"{probe.name}: nobody is served afterwards")
    return wrong


def ask(port: int, sent: bytes) -> tuple[int, bool]:
    """The status of the first answer and whether it has a request id; (0, False) for a connection that ends without."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before it was read; the answer lies there
            connection.sendall(sent)
        head = _head(connection)
    parts = head.split(b" ", 2)
    is_answer = len(parts) == 3 and parts[0].startswith(b"HTTP/1.")
    return (int(parts[1]), b"\r\nx-request-id:" in head.lower()) if is_answer else (0, False)


def _head(connection: socket.socket) -> bytes:
    said = b""
    with suppress(ConnectionResetError):
        while b"\r\n\r\n" not in said and (more := connection.recv(65_536)):
            said += more
    return said.partition(b"\r\n\r\n")[0]
