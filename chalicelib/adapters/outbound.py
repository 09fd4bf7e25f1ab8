"""The way out to addresses that somebody else chose: connectors' shops and integrators' webhooks.

A name in such an address may lead into our own network: to the metadata service, to a database, to another function. So
the name is resolved here, every address that it has must be a public one, and the connection goes to one of the addresses
that were looked at: asking again while connecting would let a resolver answer differently the second time. Certificate, SNI
and Host are the name's all the same. Nothing of the environment (proxies, netrc) is read. Redirects are not followed unless
asked for, and each is a new address that is looked at like the first. Size and time are bounded, whatever the other side
does between two bytes.

    outbound().request("GET", "https://shop.example/products", timeout_s=10)
"""

import http.client
import io
import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import SplitResult, urljoin, urlsplit

from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable
from chalicelib.kernel import deadline
from chalicelib.kernel.errors import Refusal
from chalicelib.kernel.settings import settings

__all__ = ["BlockedDestination", "Outbound", "OutboundReply", "is_public", "outbound"]

PROVIDER = "outbound"
"""What failures of the other side are reported as."""
TIMEOUT_S = 10.0
"""For everything: resolving, connecting, every redirect, the last byte of the answer."""
RESOLVE_S = 4.0
BYTES_MAX = 2_000_000
REDIRECTS_MAX = 3
ADDRESSES_MAX = 3
"""So many of a name's addresses are tried."""
HTTPS_PORT = 443
"""The only port that functions may reach outside (infra/cloud/network.yaml)."""
CHUNK = 65_536
URL_MAX = 2_000

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
"""Every address of a name. Raises OSError."""
Connect = Callable[..., socket.socket]
"""`socket.create_connection`: (address, port), timeout."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_URL = re.compile(r"[\x21-\x5b\x5d-\x7e]+", re.ASCII)
"""Printable and without a backslash, which browsers and libraries read in two ways."""
_NAME = re.compile(
    r"(?=.{1,253}\.?\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?", re.ASCII
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""A last label that makes a name an IPv4 address in some spelling (URL Standard, "ends in a number")."""
_CREDENTIALS = frozenset({"authorization", "cookie", "x-api-key"})

_NOT_PUBLIC_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",
            "100.64.0.0/10",  # carriers' NAT
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local: the metadata service
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
"""IANA, IPv4 Special-Purpose Address Registry. Written down: what Python calls global differs between its versions."""
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
"""Global unicast. What is outside is loopback, unspecified, IPv4-mapped and -compatible, NAT64 (64:ff9b::/96), unique local
(fd00:ec2::254), link-local, multicast."""
_NOT_PUBLIC_V6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",
            "2002::/16",  # 6to4: an IPv4 address inside
            "3fff::/20",  # documentation
        ),
    )
)
_ISATAP = (0x00005EFE, 0x02005EFE)
"""Third quarter of an IPv6 address whose last quarter is an IPv4 address (RFC 5214)."""


class BlockedDestination(Refusal):
    """The address is no public one: private, loopback, link-local or otherwise internal, or no plain https address."""

    code = "blocked_destination"
    sentence = "blocked_destination"


@dataclass(frozen=True)
class OutboundReply:
    """What the other side answered, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of several with one name the last."""
    body: bytes = field(repr=False)
    url: str
    """Where it came from, after redirects."""


@dataclass(frozen=True)
class _Target:
    """An address in its parts."""

    scheme: str
    host: str
    """In lower case, without brackets."""
    port: int
    path: str
    """With the query."""

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return host if self.port == usual else f"{host}:{self.port}"


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody on the Internet has; False for what is no address."""
    try:
        parsed: Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _NOT_PUBLIC_V4)
    if parsed.scope_id is not None or parsed not in _PUBLIC_V6:
        return False
    return not any(parsed in network for network in _NOT_PUBLIC_V6) and (int(parsed) >> 32) & 0xFFFFFFFF not in _ISATAP


class Outbound:
    """Asks addresses that somebody else chose. `allowed` are ``host:port`` pairs beside public ones: doubles on loopback."""

    def __init__(
        self,
        *,
        allowed: frozenset[str] = frozenset(),
        resolve: Resolve | None = None,
        connect: Connect = socket.create_connection,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve or _resolve
        self._dial = connect
        self._context = context

    def request(
        self,
        method: Method,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float = TIMEOUT_S,
        bytes_max: int = BYTES_MAX,
        redirects_max: int = 0,
    ) -> OutboundReply:
        """The answer of an address. Only GET follows redirects, `redirects_max` at most; else they are the answer.

        Raises BlockedDestination without connecting; ProviderUnavailable when nobody answers in time, with `maybe_done`
        once the request was sent; ProviderRefused for an answer that is too large or no HTTP; Unavailable when it could
        not end before the work's deadline.
        """
        deadline.check(timeout_s)
        ends_at = time.monotonic() + timeout_s
        sent = {"Accept-Encoding": "identity", "User-Agent": "Quartermaster", **(headers or {})}
        target = self._checked(url)
        for hop in range(redirects_max + 1):
            reply = self._once(method, target, sent, body, ends_at, bytes_max)
            if (
                method != "GET"
                or redirects_max == 0
                or reply.status not in _REDIRECTS
                or "location" not in reply.headers
            ):
                return reply
            if hop == redirects_max:
                break
            following = self._checked(urljoin(reply.url, reply.headers["location"]))
            if target.scheme == "https" and following.scheme != "https":
                raise BlockedDestination
            if following.origin != target.origin:
                sent = {name: value for name, value in sent.items() if name.lower() not in _CREDENTIALS}
            target = following
        raise ProviderRefused(PROVIDER, "too_many_redirects", "It redirects too often")

    def check(self, url: str, *, timeout_s: float = RESOLVE_S) -> None:
        """Looks where an address leads, without connecting. Raises BlockedDestination; a name unknown now may be later."""
        target = self._checked(url)
        try:
            self._addresses(target, time.monotonic() + timeout_s)
        except ProviderUnavailable:
            return

    def _checked(self, url: str) -> _Target:
        """The parts of a URL that can be read in one way only. Raises BlockedDestination."""
        if len(url) > URL_MAX or not _URL.fullmatch(url):
            raise BlockedDestination
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise BlockedDestination from None
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
            raise BlockedDestination
        target = _Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), _path(parts))
        if not self._is_allowed(target) and (
            target.scheme != "https" or target.port != HTTPS_PORT or not _is_name(host)
        ):
            raise BlockedDestination
        return target

    def _is_allowed(self, target: _Target) -> bool:
        return f"{target.host}:{target.port}" in self._allowed

    def _addresses(self, target: _Target, ends_at: float) -> list[str]:
        """The addresses of a name, all of them looked at. Raises BlockedDestination if one of them is not public."""
        try:
            found = [target.host] if _is_address(target.host) else self._resolved(target, ends_at)
        except (OSError, UnicodeError) as error:
            raise _unavailable(error, "its name is not known", maybe_done=False) from error
        addresses = list(dict.fromkeys(found))
        if not addresses:
            raise ProviderUnavailable(PROVIDER, "its name is not known", maybe_done=False)
        if not self._is_allowed(target) and not all(map(is_public, addresses)):
            raise BlockedDestination
        return addresses

    def _resolved(self, target: _Target, ends_at: float) -> list[str]:
        left_s = min(RESOLVE_S, ends_at - time.monotonic())
        return _within(left_s, lambda: self._resolve(target.host, target.port))

    def _once(
        self, method: Method, target: _Target, headers: Mapping[str, str], body: bytes, ends_at: float, bytes_max: int
    ) -> OutboundReply:
        connected = self._connected(target, self._addresses(target, ends_at), ends_at)
        try:
            return _exchange(_Timed(connected, ends_at), method, target, headers, body, bytes_max)
        finally:
            connected.close()

    def _connected(self, target: _Target, addresses: list[str], ends_at: float) -> socket.socket:
        """A connection to one of the addresses, encrypted for the name. Raises ProviderUnavailable."""
        failure: OSError = TimeoutError()
        for number, address in enumerate(addresses[:ADDRESSES_MAX]):
            left_s = ends_at - time.monotonic()
            if left_s <= 0:
                break
            share_s = left_s / (min(len(addresses), ADDRESSES_MAX) - number)
            try:
                return self._secured(self._dial((address, target.port), timeout=share_s), target, ends_at)
            except OSError as error:
                failure = error
        raise _unavailable(failure, "it cannot be reached", maybe_done=False) from failure

    def _secured(self, connected: socket.socket, target: _Target, ends_at: float) -> socket.socket:
        if target.scheme != "https":
            return connected
        try:
            connected.settimeout(max(0.001, ends_at - time.monotonic()))
            context = self._context or _default_context()
            return context.wrap_socket(connected, server_hostname=target.host.rstrip("."))
        except BaseException:
            connected.close()
            raise


@lru_cache(maxsize=1)
def _outbound(allowed: str) -> Outbound:
    return Outbound(allowed=frozenset(allowed.split()))


def outbound() -> Outbound:
    """The process's way out, as its settings describe it now."""
    return _outbound(settings().outbound_allowed)


@lru_cache(maxsize=1)
def _default_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Timed:
    """A socket that is read and written until a moment, not for a time at each step. http.client sees a socket.

    Its `close` is the owner's affair: http.client closes what it has got while it still reads.
    """

    def __init__(self, connected: socket.socket, ends_at: float) -> None:
        self._connected, self._ends_at = connected, ends_at

    def makefile(self, *_args: Any, **_keywords: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def sendall(self, content: bytes) -> None:
        self._shorten()
        self._connected.sendall(content)

    def receive(self, buffer: Any) -> int:
        self._shorten()
        return self._connected.recv_into(buffer)

    def close(self) -> None:
        pass

    def _shorten(self) -> None:
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer takes too long")
        self._connected.settimeout(left_s)


class _Reader(io.RawIOBase):
    """What comes in."""

    def __init__(self, connected: _Timed) -> None:
        self._connected = connected

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connected.receive(buffer)


def _exchange(
    connected: _Timed, method: Method, target: _Target, headers: Mapping[str, str], body: bytes, bytes_max: int
) -> OutboundReply:
    """Sends a request and reads its answer. Raises ProviderUnavailable, ProviderRefused; ValueError for bad headers."""
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.auto_open = 0
    connection.sock = connected
    sent = {"Connection": "close", **headers, "Host": target.host_header}
    try:
        connection.request(method, target.path, body or None, sent)
        response = connection.getresponse()
        content = _read(response, bytes_max)
    except (OSError, http.client.HTTPException) as error:
        raise _unavailable(error, "its answer is lost or no HTTP", maybe_done=True) from error
    found = {name.lower(): value for name, value in response.getheaders()}
    if found.get("content-encoding", "identity").lower() != "identity":
        raise ProviderRefused(PROVIDER, "content_encoding", "It compresses its answer, which was not asked for")
    url = f"{target.scheme}://{target.host_header}{target.path}"
    return OutboundReply(response.status, found, content, url)


def _read(response: http.client.HTTPResponse, bytes_max: int) -> bytes:
    """The body. Raises ProviderRefused when it is larger than that, OSError when it ends too early."""
    content = bytearray()
    while chunk := response.read1(CHUNK):
        content += chunk
        if len(content) > bytes_max:
            raise ProviderRefused(PROVIDER, "too_large", f"Its answer is larger than {bytes_max} bytes")
    if response.length:
        raise ConnectionError("the answer was cut off")
    return bytes(content)


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_name(host: str) -> bool:
    """Whether a host is a name, or an IP address in its one usual spelling (127.1, 0x7f000001 and 2130706433 are not)."""
    if _is_address(host):
        return str(ipaddress.ip_address(host)) == host
    return bool(_NAME.fullmatch(host)) and not _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2])


def _resolve(host: str, port: int) -> list[str]:
    """Every address of a name. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _within(seconds: float, work: Callable[[], list[str]]) -> list[str]:
    """The outcome of work that knows no time-out of its own, which the resolver of the C library does not.

    Raises TimeoutError, and what the work raises; work that is not waited for any more ends by itself.
    """
    outcomes: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcomes.put(work())
        except Exception as error:
            outcomes.put(error)

    threading.Thread(target=run, name="resolve", daemon=True).start()
    try:
        outcome = outcomes.get(timeout=max(0.001, seconds))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _unavailable(error: Exception, sentence: str, *, maybe_done: bool) -> ProviderUnavailable:
    """In words of ours: what a library says may quote the address or what was sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        sentence = "its certificate is not valid for the name"
    elif isinstance(error, ssl.SSLError):
        sentence = "it does not speak TLS"
    elif isinstance(error, TimeoutError):
        sentence = "it took too long"
    return ProviderUnavailable(PROVIDER, sentence, maybe_done=maybe_done)
