"""Refunds: what is sent next, and what counts as news of one. No I/O, no clock."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.payments.rules import Account, DueReason, RefundState

STATES: tuple[RefundState, ...] = ("asked", "pending", "requires_action", "succeeded", "canceled", "failed")
"""Ascending: a refund that had arrived at the bank may still be sent back by it (Stripe, Refunds, Failed refunds)."""
ENDED: frozenset[RefundState] = frozenset({"succeeded", "canceled", "failed"})


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that we send back, in minor units. `state` is Stripe's, or asked while it has not answered."""

    id: int
    payment_id: int
    reason: DueReason
    amount_minor: int
    currency: str
    idempotency_key: str
    provider_id: str | None
    state: RefundState
    failure_reason: str | None
    retried_at: datetime | None


@dataclass(frozen=True, slots=True)
class Collected:
    """What our books say that an intent has collected, sent back and lost."""

    provider_id: str
    charged_minor: int
    refunded_minor: int
    is_dispute_known: bool


def state_of(status: str) -> RefundState:
    """Our state for one of Stripe's; one that we do not know is on its way."""
    return next((state for state in STATES if state == status), "pending")


def waiting(known: Sequence[Refund]) -> Refund | None:
    """The refund that Stripe was asked for without an answer so far; there is one at most."""
    return next((refund for refund in known if refund.state == "asked"), None)


def is_blocked(known: Sequence[Refund]) -> bool:
    """Whether a refund of the payment failed that nobody has looked into yet: the same would only fail again."""
    return any(refund.state in ("failed", "canceled") and refund.retried_at is None for refund in known)


def collected(accounts: Sequence[Account], disputed_ids: Collection[int]) -> list[Collected]:
    """What Stripe must know of an order's payments before any of it goes back. `disputed_ids`: payments with disputes."""
    return [
        Collected(
            account.payment.provider_id,
            account.balance.charged_minor,
            account.balance.refunded_minor,
            account.payment.id in disputed_ids,
        )
        for account in accounts
        if account.payment.provider == "stripe" and account.payment.provider_id is not None
    ]


def agrees(ours: Collected, *, captured_minor: int, refunded_minor: int, is_disputed: bool) -> bool:
    """Whether Stripe knows nothing of an intent that we have not heard of: a charge, a refund, a dispute."""
    is_known = ours.is_dispute_known or not is_disputed
    return is_known and (captured_minor, refunded_minor) == (ours.charged_minor, ours.refunded_minor)
