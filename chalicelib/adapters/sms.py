"""Text messages through Twilio, behind a Protocol.

Twilio has no idempotency keys. A sender whose answer got lost (`ProviderUnavailable.maybe_done`) asks
`list_recent` whether the message is there before it sends again.
"""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable, WebhookRefused
from chalicelib.kernel.settings import Secrets, Settings, settings
from chalicelib.kernel.vault import secrets

__all__ = ["ProviderRefused", "ProviderUnavailable", "Sms", "SmsGateway", "TwilioGateway", "WebhookRefused", "gateway"]

TIMEOUT_S = 10.0
"""To connect, and between two bytes of the answer."""
_TWILIO_HOST = re.compile(r"https://[a-z.-]+\.twilio\.com", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sms:
    """A message as Twilio knows it. `status`: queued, sending, sent, delivered, undelivered, failed, more."""

    sid: str
    to: str = field(repr=False)
    body: str = field(repr=False)
    status: str
    error_code: int | None
    created_at: datetime
    sent_at: datetime | None


class SmsGateway(Protocol):
    """Raises ProviderUnavailable (try again; look first if `maybe_done`) or ProviderRefused (never again)."""

    def send(self, *, to: str, body: str, status_callback: str | None = None) -> Sms:
        """Hand a message over. `to` is E.164; at most 1600 characters. Not idempotent."""
        ...

    def get(self, sid: str) -> Sms:
        """The message as it is now."""
        ...

    def list_recent(self, *, to: str, since: datetime, limit: int = 50) -> list[Sms]:
        """At most `limit` messages to this number made at or after `since` (whole seconds), newest first."""
        ...

    def verify_callback(self, url: str, params: Mapping[str, str | Sequence[str]], signature: str | None) -> None:
        """Return when Twilio signed this form for this URL, else raise WebhookRefused. It carries no time."""
        ...


class TwilioGateway:
    """The real one."""

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: SecretStr,
        from_number: str,
        api_base: str = "",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._account_sid = account_sid
        self._auth_token = auth_token
        self._from_number = from_number
        self._api_base = api_base.rstrip("/")
        self._timeout_s = timeout_s

    @classmethod
    def from_settings(cls, settings: Settings, secrets: Secrets) -> "TwilioGateway":
        """The gateway that the environment and the secrets describe."""
        return cls(
            account_sid=settings.twilio_account_sid,
            auth_token=secrets.twilio_auth_token,
            from_number=settings.twilio_from_number,
            api_base=settings.twilio_api_base,
        )

    @cached_property
    def _client(self) -> Any:
        from twilio.http.http_client import TwilioHttpClient
        from twilio.rest import Client

        http: Any = TwilioHttpClient(timeout=self._timeout_s)
        if self._api_base:
            http = _Rebased(http, self._api_base)
        return Client(self._account_sid, self._auth_token.get_secret_value(), http_client=http)

    def send(self, *, to: str, body: str, status_callback: str | None = None) -> Sms:
        """See `SmsGateway.send`."""
        asked = {"to": to, "from_": self._from_number, "body": body}
        if status_callback:
            asked["status_callback"] = status_callback
        with _translated():
            return _sms(self._client.messages.create(**asked))

    def get(self, sid: str) -> Sms:
        """See `SmsGateway.get`."""
        with _translated():
            return _sms(self._client.messages(sid).fetch())

    def list_recent(self, *, to: str, since: datetime, limit: int = 50) -> list[Sms]:
        """See `SmsGateway.list_recent`.

        Twilio can filter by the day of sending only, and a queued message has none yet: the time is compared
        here.
        """
        with _translated():
            found = self._client.messages.stream(to=to, limit=limit, page_size=limit)
            messages = [_sms(message) for message in found]
        return [message for message in messages if message.created_at >= since.replace(microsecond=0)]

    def verify_callback(self, url: str, params: Mapping[str, str | Sequence[str]], signature: str | None) -> None:
        """See `SmsGateway.verify_callback`.

        The SDK computes; the comparison is ours, because the SDK's own loop stops early on a wrong length and
        its removal of the port breaks IPv6 hosts. Twilio signs with or without the port: both are tried, as
        the SDK does.
        """
        from twilio.request_validator import RequestValidator

        token = self._auth_token.get_secret_value()
        if not token or not signature:
            raise WebhookRefused("no signature, or no auth token is configured")
        given = signature.encode(errors="replace")
        validator, form = RequestValidator(token), _Form(params)
        expected = [validator.compute_signature(form_url, form) for form_url in _with_and_without_port(url)]
        if not any([hmac.compare_digest(each.encode(), given) for each in expected]):
            raise WebhookRefused("the signature does not match")


@lru_cache(maxsize=1)
def _gateway(of: Settings, secrets: Secrets) -> TwilioGateway:
    return TwilioGateway.from_settings(of, secrets)


def gateway() -> SmsGateway:
    """The process's gateway, as its settings and secrets describe it now."""
    return _gateway(settings(), secrets())


class _Form(dict[str, Any]):
    """Form fields as the validator wants them: `getlist` for fields that occur more than once."""

    def getlist(self, name: str) -> list[str]:
        value = self[name]
        return [value] if isinstance(value, str) else list(value)


class _Rebased:
    """Sends what the SDK addresses to Twilio to another base, the double; the SDK has no setting for it."""

    def __init__(self, inner: Any, base: str) -> None:
        self._inner = inner
        self._base = base

    def request(self, method: str, url: str, **options: Any) -> Any:
        return self._inner.request(method, _TWILIO_HOST.sub(lambda _: self._base, url, count=1), **options)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the exceptions of the SDK and of its HTTP library into ours."""
    from requests import RequestException
    from twilio.base.exceptions import TwilioException

    try:
        yield
    except RequestException as error:
        raise ProviderUnavailable("twilio", type(error).__name__, maybe_done=_reached(error)) from error
    except TwilioException as error:
        raise _translate(error) from error
    except ValueError as error:  # an answer that is none: a proxy in between spoke, not Twilio
        raise ProviderUnavailable("twilio", "unreadable answer", maybe_done=True) from error


def _translate(error: Exception) -> ProviderUnavailable | ProviderRefused:
    status, code = getattr(error, "status", 500), getattr(error, "code", None)
    if status in (401, 403, 429):
        return ProviderUnavailable("twilio", f"HTTP {status}", maybe_done=False)
    if not 400 <= status < 500:
        return ProviderUnavailable("twilio", f"HTTP {status}", maybe_done=True)
    return ProviderRefused("twilio", str(code), str(getattr(error, "msg", error)))


def _reached(error: Exception) -> bool:
    """False when no connection came about, so Twilio cannot have seen the request."""
    from requests import ConnectTimeout
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    cause = error.args[0] if error.args else None
    unreached = isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
    return not (unreached or isinstance(error, ConnectTimeout))


def _sms(message: Any) -> Sms:
    """Raises ValueError for an answer that describes no message."""
    if not message.sid or message.date_created is None:
        raise ValueError("no message in the answer")
    return Sms(
        sid=message.sid,
        to=message.to,
        body=message.body or "",
        status=str(message.status),
        error_code=message.error_code,
        created_at=message.date_created.astimezone(UTC),
        sent_at=message.date_sent.astimezone(UTC) if message.date_sent else None,
    )


def _with_and_without_port(url: str) -> tuple[str, str]:
    """The URL with its port spelt out, and with none."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit("@", 1)[-1]
    bare = host.removesuffix(f":{parts.port}") if parts.port else host
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts._replace(netloc=f"{bare}:{port}").geturl(), parts._replace(netloc=bare).geturl()
