"""The way out: which addresses are refused, which address is connected to, and what bounds the answer."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme

from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable
from chalicelib.adapters.outbound import BlockedDestination, Outbound, is_public, outbound
from chalicelib.kernel import deadline
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.settings import Settings

PUBLIC = "93.184.215.14"
NAME = "shop.example.test"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Network:
    """A resolver and a way to connect that remember what they were asked; every connection leads to one local server."""

    port: int = 0
    answers: list[list[str]] = field(default_factory=lambda: [[PUBLIC]])
    resolved: list[str] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)

    def resolve(self, host: str, _port: int) -> list[str]:
        self.resolved.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.connected.append(f"{address[0]}:{address[1]}")
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def way_out(self, context: ssl.SSLContext | None = None, allowed: str = "") -> Outbound:
        return Outbound(allowed=frozenset(allowed.split()), resolve=self.resolve, connect=self.connect, context=context)


def whole_request(connection: socket.socket) -> bytes:
    """Head and body, as long as its Content-Length says."""
    read = b""
    while chunk := connection.recv(65536):
        read += chunk
        head, ended, body = read.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if ended and len(body) >= (int(length[1]) if length else 0):
            break
    return read


@contextmanager
def server(*answers: bytes | Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[Any]:
    """Answers so many connections, one after the other; yields its port and the requests that it read."""
    listening = socket.create_server(("127.0.0.1", 0))
    requests: list[bytes] = []

    def serve() -> None:
        for answer in answers:
            try:
                taken, _ = listening.accept()
                connection = context.wrap_socket(taken, server_side=True) if context else taken
            except OSError:
                continue
            with connection:
                try:
                    requests.append(whole_request(connection))
                    connection.sendall(answer) if isinstance(answer, bytes) else answer(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], requests
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(timeout=2)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def serving(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME, "other.example.test").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize(
    ("_case", "address"),
    [
        ("loopback", "127.0.0.1"),
        ("all of loopback", "127.255.255.254"),
        ("this host", "0.0.0.0"),
        ("private A", "10.0.0.1"),
        ("private B", "172.31.255.255"),
        ("private C", "192.168.1.1"),
        ("carriers' NAT", "100.64.0.1"),
        ("link-local", "169.254.1.1"),
        ("metadata", "169.254.169.254"),
        ("task metadata", "169.254.170.2"),
        ("protocol assignments", "192.0.0.192"),
        ("documentation", "203.0.113.7"),
        ("benchmarks", "198.19.255.255"),
        ("6to4 relay", "192.88.99.1"),
        ("multicast", "224.0.0.1"),
        ("reserved", "250.1.2.3"),
        ("broadcast", "255.255.255.255"),
        ("IPv6 loopback", "::1"),
        ("IPv6 unspecified", "::"),
        ("IPv6 metadata", "fd00:ec2::254"),
        ("unique local", "fc00::1"),
        ("IPv6 link-local", "fe80::1"),
        ("IPv6 link-local with a zone", "fe80::1%eth0"),
        ("public with a zone", "2606:4700::1%eth0"),
        ("site-local", "fec0::1"),
        ("IPv6 multicast", "ff02::1"),
        ("mapped loopback", "::ffff:127.0.0.1"),
        ("mapped public", "::ffff:93.184.215.14"),
        ("compatible", "::127.0.0.1"),
        ("translated", "::ffff:0:127.0.0.1"),
        ("NAT64 of metadata", "64:ff9b::a9fe:a9fe"),
        ("local NAT64", "64:ff9b:1::a00:1"),
        ("6to4 of private", "2002:a00:1::1"),
        ("Teredo", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
        ("IPv6 documentation", "2001:db8::1"),
        ("newer documentation", "3fff::1"),
        ("ISATAP of private", "2606:4700::5efe:a00:1"),
        ("ISATAP, universal", "2606:4700::200:5efe:a00:1"),
        ("discard", "100::1"),
        ("no address", "localhost"),
    ],
)
def test_inner_addresses_are_not_public(_case: str, address: str) -> None:
    assert not is_public(address)
    network = Network(answers=[[address]])
    with pytest.raises(BlockedDestination):
        network.way_out().request("GET", f"https://{NAME}/")
    assert network.connected == []


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111"])
def test_what_anybody_has_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("_case", "url"),
    [
        ("decimal", "https://2130706433/"),
        ("octal", "https://0177.0.0.1/"),
        ("hexadecimal", "https://0x7f000001/"),
        ("hexadecimal part", "https://0x7f.0.0.1/"),
        ("short", "https://127.1/"),
        ("zero", "https://0/"),
        ("leading zeros", "https://127.0.0.01/"),
        ("five parts", "https://127.0.0.1.1/"),
        ("a number with a dot behind it", "https://2130706433./"),
        ("full-width digits", "https://１２７.0.0.1/"),
        ("enclosed letters", "https://ⓛocalhost/"),
        ("loopback in brackets", "https://[::1]/"),
        ("mapped in brackets", "https://[::ffff:169.254.169.254]/"),
        ("long spelling of mapped", "https://[0:0:0:0:0:ffff:a9fe:a9fe]/"),
        ("zone", "https://[fe80::1%25eth0]/"),
        ("metadata", "https://169.254.169.254/latest/meta-data/"),
        ("a public name, but somebody before it", "https://user:secret@shop.example.test/"),
        ("an empty user", "https://@shop.example.test/"),
        ("backslash", "https://shop.example.test\\@127.0.0.1/"),
        ("blank", "https://shop.example.test /"),
        ("line break", "https://shop.example.test/\r\nX: y"),
        ("tab in the scheme", "ht\ttps://shop.example.test/"),
        ("plain http", "http://shop.example.test/"),
        ("another port", "https://shop.example.test:8443/"),
        ("SMTP", "https://shop.example.test:25/"),
        ("port that is none", "https://shop.example.test:99999/"),
        ("port in words", "https://shop.example.test:ssh/"),
        ("file", "file:///etc/passwd"),
        ("gopher", "gopher://shop.example.test/"),
        ("no scheme", "//shop.example.test/"),
        ("no host", "https:///path"),
        ("empty", ""),
        ("star", "https://*.example.test/"),
        ("percent", "https://127%2e0.0.1/"),
        ("too long", f"https://{NAME}/{'x' * 2000}"),
    ],
)
def test_urls_that_are_refused_before_anybody_is_asked(_case: str, url: str) -> None:
    network = Network(answers=[["127.0.0.1"]])
    with pytest.raises(BlockedDestination) as refused:
        network.way_out().request("GET", url)
    assert (refused.value.status, refused.value.message) == (400, "blocked_destination")
    assert network.connected == []


def test_one_inner_address_among_public_ones_is_enough_to_refuse() -> None:
    network = Network(answers=[[PUBLIC, "10.0.0.5"]])
    with pytest.raises(BlockedDestination):
        network.way_out().request("GET", f"https://{NAME}/")
    assert network.connected == []


def test_a_name_that_leads_elsewhere_the_second_time_is_asked_once(
    serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    network = Network(answers=[[PUBLIC], ["127.0.0.1"]])
    with server(OK, context=serving) as (network.port, requests):
        reply = network.way_out(trusting).request("GET", f"https://{NAME}/products?page=2", headers={"X-Key": "k"})
    assert (reply.status, reply.body, reply.url) == (200, b"ok", f"https://{NAME}/products?page=2")
    assert (network.resolved, network.connected) == ([NAME], [f"{PUBLIC}:443"])
    assert requests[0].startswith(b"GET /products?page=2 HTTP/1.1\r\n")
    assert f"Host: {NAME}\r\n".encode() in requests[0]


def test_the_certificate_must_be_the_names(serving: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    network = Network()
    with server(OK, context=serving) as (network.port, _), pytest.raises(ProviderUnavailable, match="certificate"):
        network.way_out(trusting).request("GET", "https://stranger.example.test/")


def test_the_next_address_is_tried_when_the_first_does_not_answer(
    serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    network = Network(answers=[["1.1.1.1", PUBLIC]])
    connect = network.connect

    def refuse_first(address: tuple[str, int], timeout: float) -> socket.socket:
        if address[0] == "1.1.1.1":
            raise ConnectionRefusedError
        return connect(address, timeout)

    with server(OK, context=serving) as (network.port, _):
        way_out = Outbound(resolve=network.resolve, connect=refuse_first, context=trusting)
        assert way_out.request("GET", f"https://{NAME}/").status == 200


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("_case", "location", "answers"),
    [
        ("to the metadata service", "https://169.254.169.254/latest/", [[PUBLIC]]),
        ("to a name that is ours inside", "https://inside.example.test/", [[PUBLIC], ["10.1.2.3"]]),
        ("to the same name, which leads elsewhere now", "/next", [[PUBLIC], ["127.0.0.1"]]),
        ("to plain http", f"http://{NAME}/", [[PUBLIC]]),
        ("to a file", "file:///etc/passwd", [[PUBLIC]]),
        ("without a scheme", "//169.254.169.254/", [[PUBLIC]]),
    ],
)
def test_redirects_are_looked_at_like_the_first_address(
    _case: str, location: str, answers: list[list[str]], serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    network = Network(answers=answers)
    with server(redirect(location), OK, context=serving) as (network.port, requests):
        with pytest.raises(BlockedDestination):
            network.way_out(trusting).request("GET", f"https://{NAME}/", redirects_max=3)
        assert len(requests) == 1


def test_a_redirect_from_https_to_an_allowed_http_address_is_refused(
    serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    network = Network()
    with (
        server(redirect("http://127.0.0.1:8191/"), context=serving) as (network.port, _),
        pytest.raises(BlockedDestination),
    ):
        network.way_out(trusting, "127.0.0.1:8191").request("GET", f"https://{NAME}/", redirects_max=3)


def test_credentials_stay_with_the_host_that_they_are_for(serving: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    network = Network()
    headers = {"Authorization": "Bearer s3cret", "X-API-Key": "s3cret", "Accept": "text/csv"}
    with server(redirect("https://other.example.test/b"), OK, context=serving) as (network.port, requests):
        reply = network.way_out(trusting).request("GET", f"https://{NAME}/a", headers=headers, redirects_max=3)
    assert reply.url == "https://other.example.test/b"
    assert b"s3cret" in requests[0]
    assert b"s3cret" not in requests[1]
    assert b"text/csv" in requests[1]


def test_redirects_are_followed_so_often_and_only_where_nothing_is_sent(
    serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    network = Network()
    with server(*[redirect("/again")] * 4, OK, context=serving) as (network.port, requests):
        with pytest.raises(ProviderRefused):
            network.way_out(trusting).request("GET", f"https://{NAME}/", redirects_max=3)
        assert len(requests) == 4
    with server(redirect("/again", 307), OK, context=serving) as (network.port, requests):
        assert network.way_out(trusting).request("POST", f"https://{NAME}/", body=b"x", redirects_max=3).status == 307
        assert len(requests) == 1


@pytest.mark.parametrize(
    ("_case", "answer", "error"),
    [
        ("too large", b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3000, ProviderRefused),
        (
            "too large by its own account",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 3000,
            ProviderRefused,
        ),
        ("compressed", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx", ProviderRefused),
        ("cut off", b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nxx", ProviderUnavailable),
        ("cut off in a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nxx", ProviderUnavailable),
        ("no HTTP", b"220 mail.example.test ESMTP\r\n", ProviderUnavailable),
        ("a header without end", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, ProviderUnavailable),
        ("nothing", b"", ProviderUnavailable),
    ],
)
def test_answers_that_are_no_use(_case: str, answer: bytes, error: type[Exception]) -> None:
    with server(answer) as (port, _), pytest.raises(error):
        Outbound(allowed=frozenset({f"127.0.0.1:{port}"})).request(
            "GET", f"http://127.0.0.1:{port}/", bytes_max=2000, timeout_s=2
        )


def test_chunks_are_put_together() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with server(answer) as (port, _):
        reply = Outbound(allowed=frozenset({f"localhost:{port}"})).request("GET", f"http://localhost:{port}/")
    assert reply.body == b"abcde"


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_an_answer_that_trickles_in_is_not_waited_for(first: bytes) -> None:
    """Every byte comes in time; only all of them do not."""

    def trickle(connection: socket.socket) -> None:
        connection.sendall(first or b"HTTP/1.1 200 OK\r\n")
        for _ in range(200):
            connection.sendall(b"X")
            time.sleep(0.05)

    began = time.monotonic()
    with server(trickle) as (port, _), pytest.raises(ProviderUnavailable, match="too long") as failed:
        Outbound(allowed=frozenset({f"127.0.0.1:{port}"})).request("GET", f"http://127.0.0.1:{port}/", timeout_s=0.4)
    assert failed.value.maybe_done
    assert time.monotonic() - began < 5


def test_a_resolver_that_does_not_answer_is_not_waited_for() -> None:
    waiting = threading.Event()

    def resolve(_host: str, _port: int) -> list[str]:
        waiting.wait(10)
        return [PUBLIC]

    with pytest.raises(ProviderUnavailable, match="too long"):
        Outbound(resolve=resolve).request("GET", f"https://{NAME}/", timeout_s=0.2)
    waiting.set()


def test_nothing_begins_that_cannot_end_in_time() -> None:
    network = Network()
    with deadline.within(3), pytest.raises(Unavailable):
        network.way_out().request("GET", f"https://{NAME}/", timeout_s=5)
    assert network.resolved == []


def test_a_name_that_is_not_known_is_the_other_sides_failure() -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        raise socket.gaierror

    with pytest.raises(ProviderUnavailable, match="not known") as failed:
        Outbound(resolve=resolve).request("GET", f"https://{NAME}/")
    assert not failed.value.maybe_done


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with server(OK) as (port, _):
        way_out = Outbound(allowed=frozenset({f"127.0.0.1:{port}"}))
        assert way_out.request("GET", f"http://127.0.0.1:{port}/").status == 200


def test_headers_cannot_smuggle_others_in() -> None:
    with server(OK) as (port, requests):
        way_out = Outbound(allowed=frozenset({f"127.0.0.1:{port}"}))
        with pytest.raises(ValueError, match="header"):
            way_out.request("GET", f"http://127.0.0.1:{port}/", headers={"X-Key": "a\r\nHost: b"})
    assert requests in ([], [b""])


def test_only_what_is_allowed_by_name_and_port_is_reached_inside() -> None:
    way_out = Outbound(allowed=frozenset({"127.0.0.1:8191"}))
    for url in ("http://127.0.0.1:8192/", "http://localhost:8191/", "https://127.0.0.1/"):
        with pytest.raises(BlockedDestination):
            way_out.request("GET", url)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_deployed_stage_has_no_way_inside(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QM_OUTBOUND_ALLOWED", "127.0.0.1:8191")
    monkeypatch.setenv("QM_STAGE", stage)
    with pytest.raises(ValueError, match="QM_OUTBOUND_ALLOWED"):
        Settings()


def test_the_way_out_follows_the_settings() -> None:
    with pytest.raises(BlockedDestination):
        outbound().request("GET", "https://127.0.0.1/")
