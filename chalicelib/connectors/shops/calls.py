"""One call to somebody else's system: through the guarded way out, within a budget, and not while its circuit is open."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from chalicelib.adapters import outbound
from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable
from chalicelib.connectors import rules
from chalicelib.kernel import bodies, circuit, clock, dynamo
from chalicelib.kernel.providers import seconds_of

SHOP = "shop"
TAKES_S = 10.0
WINDOW_S = 60
REDIRECTS_MAX = 3
_BUSY = (429, 503)
_NOT_US = (401, 403, 407)


class RecordRefused(ProviderRefused):
    """It does not take this one record; others may be fine."""


@dataclass(frozen=True)
class Caller:
    """Calls one system in the name of one organization."""

    organization_id: int
    budget: str
    """Whose calls are counted together: a connector at a warehouse."""
    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    requests_per_minute: int = 120

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> outbound.OutboundReply:
        """A page of something. Raises ProviderUnavailable, ProviderRefused, BlockedDestination."""
        reply = self._call("GET", self._url(path, query), {})
        if not 200 <= reply.status < 300:
            raise ProviderRefused(SHOP, str(reply.status), f"It answers {reply.status}: {_excerpt(reply)}")
        return reply

    def get_json(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        """The same as data. Raises ProviderRefused for what is no JSON as well."""
        return parsed(self.get(path, query))

    def send(
        self, method: outbound.Method, path: str, body: Any, *, key: str, forgiven: tuple[int, ...] = ()
    ) -> outbound.OutboundReply:
        """Something about one record; statuses of `forgiven` are answers. Raises RecordRefused besides what `get` raises."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        reply = self._call(method, self._url(path, None), headers, json.dumps(body).encode())
        if not 200 <= reply.status < 300 and reply.status not in forgiven:
            raise RecordRefused(SHOP, str(reply.status), f"It answers {reply.status}: {_excerpt(reply)}")
        return reply

    def _url(self, path: str, query: Mapping[str, str | int] | None) -> str:
        """`path` begins with a slash, or is a whole address on the same host. Raises ProviderRefused for another one."""
        if not path.startswith("/"):
            if urlsplit(path)[:2] != urlsplit(self.base_url)[:2]:
                raise ProviderRefused(SHOP, "foreign_page", "Its next page lies on another host")
            return path
        separator = "&" if "?" in path else "?"
        return f"{self.base_url}{path}" + (f"{separator}{urlencode(query)}" if query else "")

    def _call(
        self, method: outbound.Method, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> outbound.OutboundReply:
        self._spend()

        def ask() -> outbound.OutboundReply:
            reply = outbound.outbound().request(
                method,
                url,
                headers={**self.headers, **headers},
                body=body,
                timeout_s=TAKES_S,
                redirects_max=REDIRECTS_MAX,
            )
            _check_answered(reply)
            return reply

        whom = f"{self.organization_id}#{urlsplit(self.base_url).netloc.lower()}"
        return circuit.ask_elsewhere(whom, ask, takes_s=TAKES_S)

    def _spend(self) -> None:
        """Takes a call from this minute's budget. Raises ProviderUnavailable, to be waited for, when there is none left.

        A table that cannot be asked lets the call pass: the shop says by itself when it is too much.
        """
        window, elapsed = divmod(int(clock.machine_s()), WINDOW_S)
        pk = f"calls#{self.organization_id}#{self.budget}"
        spent = dynamo.ask_or(0, lambda: dynamo.increment(pk, str(window), lasts_s=2 * WINDOW_S))
        if spent > self.requests_per_minute:
            raise ProviderUnavailable(
                SHOP, "its budget is spent", maybe_done=False, cause="deferred", retry_after_s=WINDOW_S - elapsed
            )


def parsed(reply: outbound.OutboundReply) -> Any:
    """The JSON of an answer, numbers exact. Raises ProviderRefused."""
    try:
        return bodies.parse_json(reply.body)
    except (ValueError, RecursionError):
        raise ProviderRefused(SHOP, "no_json", f"Its answer is no JSON: {_excerpt(reply)}") from None


def _check_answered(reply: outbound.OutboundReply) -> None:
    """Raises ProviderUnavailable for a system that is away or busy, ProviderRefused where it does not know us."""
    retry_after_s = seconds_of(reply.headers.get("retry-after"))
    if reply.status == 429 or (reply.status in _BUSY and retry_after_s):
        raise ProviderUnavailable(
            SHOP, "asks us to slow down", maybe_done=False, cause="busy", retry_after_s=retry_after_s or 5.0
        )
    if reply.status >= 500:
        raise ProviderUnavailable(SHOP, f"answers {reply.status}", maybe_done=True)
    if reply.status in _NOT_US:
        raise ProviderRefused(SHOP, "credentials", f"It does not accept the credentials ({reply.status})")


def _excerpt(reply: outbound.OutboundReply) -> str:
    return rules.printable(reply.body[:400].decode("utf-8", "replace"))[:200]
