"""Payments through Stripe: what the platform asks of it, behind a Protocol (adapters/stripe_api.py is the real one).

Modules that only name these types stay cheap: the SDK is imported at the first call (about 200 ms). Every call that changes
something carries an idempotency key from the caller, or may be repeated as it is: repeating it with the same arguments is
always safe (Stripe, Idempotent requests). Retries are ours, through the outbox, never the SDK's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Literal, Protocol

from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable, WebhookRefused
from chalicelib.adapters.stripe_statement import StatementPage
from chalicelib.kernel.settings import Secrets, Settings, settings
from chalicelib.kernel.vault import secrets

__all__ = [
    "Charge",
    "Dispute",
    "Intent",
    "IntentStatus",
    "Link",
    "Method",
    "PaymentGateway",
    "ProviderRefused",
    "ProviderUnavailable",
    "Refund",
    "Session",
    "Setup",
    "WebhookRefused",
    "gateway",
]

API_VERSION = "2026-10-28.endive"
"""Pinned: an SDK upgrade must not change what Stripe answers. The version that stripe 16.1 was made for."""
CONNECT_S, READ_S = 3.05, 15.0
"""Stripe answers most calls within two seconds, a slow bank's within ten."""
TOLERANCE_S = 300
"""Stripe's own tolerance for a webhook's age; ours for its future too."""

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
class Charge:
    """What an intent collected, and what of it Stripe has sent back or lost again."""

    intent_id: str
    captured_minor: int
    refunded_minor: int
    is_disputed: bool


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back; `status`: pending, requires_action, succeeded, failed or canceled."""

    id: str
    status: str
    amount_minor: int
    currency: str
    intent_id: str | None
    charge_id: str | None
    failure_reason: str | None
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Dispute:
    """What a customer's bank takes back or asks about, in Stripe's words for status and reason."""

    id: str
    status: str
    reason: str
    amount_minor: int
    currency: str
    intent_id: str | None
    evidence_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Link:
    """A page on which an amount can be paid; whoever has its URL can open it."""

    id: str
    url: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Session:
    """One visit to the page of a link. `status`: open, complete or expired; a complete one has an intent."""

    id: str
    status: str
    intent_id: str | None


@dataclass(frozen=True, slots=True)
class Setup:
    """The saving of a card or bank account, which the customer's browser confirms with the client secret."""

    id: str
    status: str
    client_secret: str = field(repr=False)
    method_id: str | None


@dataclass(frozen=True, slots=True)
class Method:
    """A saved card or bank account: what tells it from another, and nothing to pay with."""

    id: str
    kind: str
    brand: str
    last4: str
    expires_on: date | None
    """The last day of a card."""
    customer_id: str | None
    """Whose it is at Stripe; None once it was removed."""


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

    def get_charge(self, intent_id: str) -> Charge:
        """What an intent has collected as of now; zeros while it has collected nothing."""
        ...

    def cancel_intent(self, intent_id: str, *, idempotency_key: str) -> Intent:
        """Give up a payment. Refused (``payment_intent_unexpected_state``) once it is final."""
        ...

    def create_link(
        self, *, amount_minor: int, currency: str, name: str, idempotency_key: str, metadata: Mapping[str, str]
    ) -> Link:
        """A page on which an amount can be paid once: Stripe itself lets no second visit be completed."""
        ...

    def deactivate_link(self, link_id: str) -> Link:
        """No new visits from now on; those that are open go on. May be repeated."""
        ...

    def list_sessions(self, link_id: str) -> Sequence[Session]:
        """All visits to the page of a link, newest first."""
        ...

    def expire_session(self, session_id: str) -> Session:
        """End a visit. Refused once it is complete or expired."""
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

    def get_refund(self, refund_id: str) -> Refund:
        """A refund as it is now."""
        ...

    def list_refunds(self, intent_id: str) -> Sequence[Refund]:
        """All refunds of an intent, newest first."""
        ...

    def get_dispute(self, dispute_id: str) -> Dispute:
        """A dispute as it is now."""
        ...

    def stage_evidence(
        self, dispute_id: str, evidence: Mapping[str, str], *, is_final: bool, idempotency_key: str
    ) -> Dispute:
        """Add evidence to a dispute; the bank sees it once it was sent as final, which cannot be taken back."""
        ...

    def create_customer(
        self, *, name: str, email: str | None, idempotency_key: str, metadata: Mapping[str, str]
    ) -> str:
        """Make a customer known to Stripe; the id."""
        ...

    def create_setup(self, *, customer_id: str, idempotency_key: str, metadata: Mapping[str, str]) -> Setup:
        """Prepare the saving of a card or bank account, to be charged later while the customer is away."""
        ...

    def get_setup(self, setup_id: str) -> Setup:
        """The saving of a card or bank account as it is now."""
        ...

    def get_method(self, method_id: str) -> Method:
        """A saved card or bank account."""
        ...

    def detach_method(self, method_id: str) -> Method:
        """Forget a saved card or bank account. Refused once it is not attached any more."""
        ...

    def read_statement(self, *, since: datetime, until: datetime, after: str | None) -> StatementPage:
        """A page of the account's own statement, the newest lines first."""
        ...

    def verify_signature(self, raw_body: bytes, signature_header: str | None, now: datetime) -> None:
        """Return when Stripe signed exactly these bytes within 300 s of `now`; else WebhookRefused. Reads nothing of them."""
        ...


@lru_cache(maxsize=1)
def _gateway(of: Settings, secrets: Secrets) -> PaymentGateway:
    from chalicelib.adapters.stripe_api import StripeGateway

    return StripeGateway.from_settings(of, secrets)


def gateway() -> PaymentGateway:
    """The process's gateway, as its settings and secrets describe it now."""
    return _gateway(settings(), secrets())
