"""Card payments: what the platform asks of Stripe, behind a Protocol.

The SDK is imported at the first call (about 200 ms), so modules that only name these types stay cheap. Every
call that changes something carries an idempotency key from the caller: repeating it with the same arguments
is always safe (Stripe, Idempotent requests). Retries are ours, through the outbox, never the SDK's.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from pydantic import SecretStr

from chalicelib.adapters import signatures, stripe_statement
from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable, WebhookRefused
from chalicelib.adapters.stripe_statement import StatementPage
from chalicelib.kernel import circuit
from chalicelib.kernel.providers import seconds_of
from chalicelib.kernel.settings import Secrets, Settings, settings
from chalicelib.kernel.vault import secrets

if TYPE_CHECKING:
    from stripe import StripeClient, StripeError

__all__ = [
    "Intent",
    "IntentStatus",
    "PaymentEvent",
    "PaymentGateway",
    "ProviderRefused",
    "ProviderUnavailable",
    "Refund",
    "StripeGateway",
    "WebhookRefused",
    "gateway",
]

API_VERSION = "2026-10-28.endive"
"""Pinned: an SDK upgrade must not change what Stripe answers. The version that stripe 16.1 was made for."""
CONNECT_S, READ_S = 3.05, 15.0
"""Stripe answers most calls within two seconds, a slow bank's within ten."""
TOLERANCE_S = 300
"""Stripe's own tolerance for a webhook's age; ours for its future too."""

Answer = TypeVar("Answer")
IntentStatus = Literal[
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "requires_capture",
    "canceled",
    "succeeded",
]


@dataclass(frozen=True, slots=True)
class Intent:
    """One attempt to collect an amount; `currency` is the ISO 4217 code in capitals."""

    id: str
    status: IntentStatus
    amount_minor: int
    received_minor: int
    currency: str
    client_secret: str = field(repr=False)
    charge_id: str | None
    failure_code: str | None
    """Why the last try failed: ``card_declined`` and the like."""
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back; `status`: pending, requires_action, succeeded, failed or canceled."""

    id: str
    status: str
    amount_minor: int
    currency: str
    intent_id: str | None
    charge_id: str | None


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """A verified webhook. Stripe promises neither order nor a single delivery: it is a hint to look again."""

    id: str
    type: str
    created_at: datetime
    is_live: bool
    intent_id: str | None
    """The payment intent it is about; for charges, refunds and disputes the one they belong to."""
    intent: Intent | None
    """The intent as it was when the event was made; only for ``payment_intent.*``."""
    data: Mapping[str, Any]
    """The event's object, whole."""


class PaymentGateway(Protocol):
    """Raises ProviderUnavailable (try again, same key) or ProviderRefused (never again like this)."""

    def create_intent(
        self,
        *,
        amount_minor: int,
        currency: str,
        idempotency_key: str,
        metadata: Mapping[str, str],
        description: str,
    ) -> Intent:
        """Prepare a payment that the customer's browser will confirm with the intent's client secret."""
        ...

    def get_intent(self, intent_id: str) -> Intent:
        """The intent as it is now. Refused with ``resource_missing`` when it is not ours."""
        ...

    def cancel_intent(self, intent_id: str, *, idempotency_key: str) -> Intent:
        """Give up a payment. Refused (``payment_intent_unexpected_state``) once it is final."""
        ...

    def create_refund(
        self,
        *,
        intent_id: str,
        amount_minor: int,
        idempotency_key: str,
        metadata: Mapping[str, str],
    ) -> Refund:
        """Return a part or all of a succeeded payment."""
        ...

    def read_statement(self, *, since: datetime, until: datetime, after: str | None) -> StatementPage:
        """A page of the account's own statement, the newest lines first."""
        ...

    def verify_signature(self, raw_body: bytes, signature_header: str | None, now: datetime) -> None:
        """Return when Stripe signed exactly these bytes within 300 s of `now`; else WebhookRefused. Reads nothing of them."""
        ...

    def verify_webhook(self, raw_body: bytes, signature_header: str | None, now: datetime) -> PaymentEvent:
        """The event, if its signature is good and it can be read; else WebhookRefused."""
        ...


class StripeGateway:
    """The real one. Threads may share it: the SDK keeps one HTTP session per thread."""

    def __init__(
        self,
        *,
        api_key: SecretStr,
        webhook_secret: SecretStr,
        api_base: str,
        timeout_s: tuple[float, float] = (CONNECT_S, READ_S),
    ) -> None:
        self._api_key = api_key
        self._webhook_secret = webhook_secret
        self._api_base = api_base.rstrip("/")
        self._timeout_s = timeout_s

    @classmethod
    def from_settings(cls, settings: Settings, secrets: Secrets) -> "StripeGateway":
        """The gateway that the environment and the secrets describe."""
        return cls(
            api_key=secrets.stripe_api_key,
            webhook_secret=secrets.stripe_webhook_secret,
            api_base=settings.stripe_api_base,
        )

    @cached_property
    def _client(self) -> "StripeClient":
        import stripe

        return stripe.StripeClient(
            self._api_key.get_secret_value(),
            stripe_version=API_VERSION,
            base_addresses={"api": self._api_base},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=self._timeout_s),
        )

    def create_intent(
        self,
        *,
        amount_minor: int,
        currency: str,
        idempotency_key: str,
        metadata: Mapping[str, str],
        description: str,
    ) -> Intent:
        """See `PaymentGateway.create_intent`."""
        asked: Any = {
            "amount": amount_minor,
            "currency": currency.lower(),
            "metadata": dict(metadata),
            "description": description,
            "automatic_payment_methods": {"enabled": True},
        }
        key: Any = {"idempotency_key": idempotency_key}
        return self._ask(lambda: _intent(self._client.v1.payment_intents.create(asked, key).to_dict()))

    def get_intent(self, intent_id: str) -> Intent:
        """See `PaymentGateway.get_intent`."""
        return self._ask(lambda: _intent(self._client.v1.payment_intents.retrieve(intent_id).to_dict()))

    def cancel_intent(self, intent_id: str, *, idempotency_key: str) -> Intent:
        """See `PaymentGateway.cancel_intent`."""
        key: Any = {"idempotency_key": idempotency_key}
        return self._ask(lambda: _intent(self._client.v1.payment_intents.cancel(intent_id, {}, key).to_dict()))

    def create_refund(
        self,
        *,
        intent_id: str,
        amount_minor: int,
        idempotency_key: str,
        metadata: Mapping[str, str],
    ) -> Refund:
        """See `PaymentGateway.create_refund`."""
        asked: Any = {"payment_intent": intent_id, "amount": amount_minor, "metadata": dict(metadata)}
        key: Any = {"idempotency_key": idempotency_key}
        return self._ask(lambda: _refund(self._client.v1.refunds.create(asked, key).to_dict()))

    def read_statement(self, *, since: datetime, until: datetime, after: str | None) -> StatementPage:
        """See `PaymentGateway.read_statement`."""
        return self._ask(lambda: stripe_statement.read_page(self._client, since=since, until=until, after=after))

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """Asks Stripe through its circuit; the SDK's exceptions become ours."""

        def translated() -> Answer:
            with _translated():
                return question()

        return circuit.ask("stripe", translated, takes_s=sum(self._timeout_s))

    def verify_signature(self, raw_body: bytes, signature_header: str | None, now: datetime) -> None:
        """See `PaymentGateway.verify_signature`.

        The SDK computes and compares (`hmac.compare_digest`); its header parser takes the first of several
        times and its clock is the machine's, so the header it sees is rebuilt from our stricter reading and
        times are ours.
        """
        from stripe import SignatureVerificationError, WebhookSignature

        parsed = signatures.parse(signature_header, "v1")
        header = ",".join([f"t={parsed.timestamp}", *(f"v1={digest}" for digest in parsed.digests)])
        body = signatures.decode(raw_body)
        try:
            WebhookSignature.verify_header(body, header, self._webhook_secret.get_secret_value(), None)
        except SignatureVerificationError:
            raise WebhookRefused("the signature does not match") from None
        parsed.check_time(now, past_s=TOLERANCE_S, ahead_s=TOLERANCE_S)

    def verify_webhook(self, raw_body: bytes, signature_header: str | None, now: datetime) -> PaymentEvent:
        """See `PaymentGateway.verify_webhook`."""
        self.verify_signature(raw_body, signature_header, now)
        return _event(signatures.decode(raw_body))


@lru_cache(maxsize=1)
def _gateway(of: Settings, secrets: Secrets) -> StripeGateway:
    return StripeGateway.from_settings(of, secrets)


def gateway() -> PaymentGateway:
    """The process's gateway, as its settings and secrets describe it now."""
    return _gateway(settings(), secrets())


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the SDK's exceptions into ours."""
    from stripe import StripeError

    try:
        yield
    except StripeError as error:
        raise _translate(error) from error


def _translate(error: "StripeError") -> ProviderUnavailable | ProviderRefused:
    """What an error says. 409: a request with the same key still runs; ``lock_timeout``: somebody else has the object."""
    import stripe

    name, code = type(error).__name__, error.code
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return ProviderUnavailable("stripe", name, maybe_done=False, cause="ours")
    if error.http_status == 409 or code == "lock_timeout":
        return ProviderUnavailable("stripe", name, maybe_done=False, cause="deferred")
    if isinstance(error, stripe.RateLimitError):
        retry_after_s = seconds_of((error.headers or {}).get("retry-after"))
        return ProviderUnavailable("stripe", name, maybe_done=False, cause="busy", retry_after_s=retry_after_s)
    if isinstance(error, stripe.InvalidRequestError | stripe.CardError):
        return ProviderRefused("stripe", code or "invalid_request_error", error.user_message or str(error))
    if isinstance(error, stripe.IdempotencyError):
        return ProviderRefused("stripe", "idempotency_error", error.user_message or str(error))
    return ProviderUnavailable("stripe", name, maybe_done=True)


def _intent(doc: Mapping[str, Any]) -> Intent:
    failure = doc.get("last_payment_error") or {}
    return Intent(
        id=doc["id"],
        status=doc["status"],
        amount_minor=doc["amount"],
        received_minor=doc.get("amount_received", 0),
        currency=doc["currency"].upper(),
        client_secret=doc.get("client_secret") or "",
        charge_id=_id(doc.get("latest_charge")),
        failure_code=failure.get("code"),
        metadata=doc.get("metadata") or {},
    )


def _refund(doc: Mapping[str, Any]) -> Refund:
    return Refund(
        id=doc["id"],
        status=doc["status"],
        amount_minor=doc["amount"],
        currency=doc["currency"].upper(),
        intent_id=_id(doc.get("payment_intent")),
        charge_id=_id(doc.get("charge")),
    )


def _event(body: str) -> PaymentEvent:
    """A signed event that we cannot read is refused too: whoever rolled the API version must see it fail."""
    try:
        event = json.loads(body)
        data = event["data"]["object"]
        intent = _intent(data) if data["object"] == "payment_intent" else None
        return PaymentEvent(
            id=event["id"],
            type=event["type"],
            created_at=datetime.fromtimestamp(event["created"], UTC),
            is_live=event["livemode"],
            intent_id=intent.id if intent else _id(data.get("payment_intent")),
            intent=intent,
            data=data,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise WebhookRefused("not an event of the pinned API version") from error


def _id(reference: Any) -> str | None:
    """The id of a reference that may be expanded."""
    found = reference["id"] if isinstance(reference, Mapping) else reference
    return None if found is None else str(found)
