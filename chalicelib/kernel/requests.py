"""One HTTP request as the kernel sees it, made from an API Gateway proxy event, and its answer."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from chalicelib.kernel.errors import BadRequest


@dataclass(frozen=True)
class HttpRequest:
    """What arrived. Header names are lower case; `address` is what API Gateway saw, never a header's word.

    Of IPv6 it is the network of 64 bits: one caller has 2^64 addresses, and counters must not be dodged with them.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    raw_body: bytes
    address: str
    request_id: str

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "HttpRequest":
        """Reads a REST proxy event (payload format 1.0). Raises BadRequest for a body that is no base64."""
        context = event["requestContext"]
        headers = {name.lower(): ", ".join(values) for name, values in (event.get("multiValueHeaders") or {}).items()}
        return cls(
            method=event["httpMethod"],
            path=event["path"],
            headers=headers or {name.lower(): value for name, value in (event.get("headers") or {}).items()},
            query=event.get("multiValueQueryStringParameters") or {},
            raw_body=_body_of(event),
            address=_network(str((context.get("identity") or {}).get("sourceIp") or "unknown")),
            request_id=str(context.get("requestId") or ""),
        )

    @property
    def host(self) -> str:
        """Host name without port, lower case; empty when it is none."""
        name = self.headers.get("host", "").rsplit(":", 1)[0].lower()
        return name if name.isascii() and name.isprintable() else ""

    @property
    def media_type(self) -> str:
        """Content type without parameters, lower case; empty when none was sent."""
        return self.headers.get("content-type", "").split(";", 1)[0].strip().lower()

    def cookie(self, name: str) -> str | None:
        """The value of a cookie, or None."""
        for pair in self.headers.get("cookie", "").split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name:
                return value
        return None


def _network(address: str) -> str:
    """The address of IPv4, also where it is mapped into IPv6; the /64 network of IPv6; what is neither as it is."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((found.packed, 64), strict=False))


def _body_of(event: Mapping[str, Any]) -> bytes:
    body = event.get("body")
    if not body:
        return b""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise BadRequest("The body cannot be read") from None


@dataclass
class HttpResponse:
    """What goes back. `body` is bytes; text travels as UTF-8."""

    status: int
    body: bytes = b""
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
