"""Disputes: their statuses, whom they make us trust less, and what we say in our defence. No I/O, no clock."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.orders import Order
from chalicelib.payments.rules import RETURN_REASONS, DisputeTold

STATUSES = (
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "prevented",
    "needs_response",
    "under_review",
    "lost",
    "won",
)
"""Ascending: an inquiry may become a dispute, and what was lost may be won after all, never the other way about."""
ANSWERABLE = frozenset({"warning_needs_response", "needs_response"})
"""Statuses in which the bank wants to hear our side."""
FREEZING = ("needs_response", "under_review", "lost")
"""Statuses that freeze the customer's credit: while a dispute is open and, once it is lost, until somebody forgives it."""
Evidence = Mapping[str, str]
NO_BLAME = frozenset({"bank_cannot_process", "incorrect_account_details", "insufficient_funds"})
"""Reasons for which the order is stopped, and nobody is trusted less: the customer disputes nothing."""
TEXT_MAX = 20_000
"""Stripe, Dispute evidence: characters of one text."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute, in Stripe's words; amounts in minor units."""

    id: int
    payment_id: int
    provider_id: str
    reason: str
    status: str
    status_at: datetime
    amount_minor: int
    currency: str
    evidence_due_at: datetime | None
    evidence_staged_at: datetime | None
    forgiven_at: datetime | None


@dataclass(frozen=True, slots=True)
class Said:
    """A message to the customer, for the bank: when it went out how, and what became of it."""

    at: datetime
    channel: str
    subject: str
    state: str


def rank(status: str) -> int:
    """How far a status is; one that we do not know yet counts as open."""
    return STATUSES.index(status) if status in STATUSES else STATUSES.index("needs_response")


def wants_evidence(told: DisputeTold, known: Dispute | None) -> bool:
    """Whether the bank wants to hear our side, and has nothing of it yet; nobody hears us about a debit that came back."""
    is_staged = known is not None and known.evidence_staged_at is not None
    return told.status in ANSWERABLE and told.reason not in RETURN_REASONS and not is_staged


def is_news(known: Dispute | None, told: DisputeTold) -> bool:
    """Whether a status is later than the one we know."""
    return known is None or rank(told.status) > rank(known.status)


def evidence(order: Order, said: Sequence[Said]) -> Evidence:
    """What we can show: what was ordered, where it went and how, what the customer was told. Empty parts are left out."""
    lines = "\n".join(f"{line.quantity} x {line.name} ({line.sku})" for line in order.lines)
    address = ", ".join(
        part
        for part in (
            order.delivery_name,
            order.delivery_address,
            order.delivery_city,
            order.delivery_state,
            order.delivery_zip,
        )
        if part
    )
    shown = {
        "product_description": lines,
        "customer_name": order.delivery_name,
        "customer_email_address": order.delivery_email,
        "billing_address": order.billing_address,
        "shipping_address": address,
        "shipping_carrier": order.carrier,
        "shipping_tracking_number": order.tracking_number,
        "uncategorized_text": _account(order, said),
    }
    return {name: text[:TEXT_MAX] for name, text in shown.items() if text}


def _account(order: Order, said: Sequence[Said]) -> str:
    """The order's history in plain words."""
    parts = [
        f"Order {order.number} was placed on {order.placed_at:%Y-%m-%d %H:%M} UTC and is {order.state} now.",
        f"Payment method: {order.payment_method}.",
    ]
    if order.tracking_number:
        parts.append(f"It was handed to {order.carrier or 'the carrier'} with tracking number {order.tracking_number}.")
    if said:
        parts.append("What the customer was told:")
        parts += [f"{each.at:%Y-%m-%d %H:%M} UTC, {each.channel}, {each.state}: {each.subject}" for each in said]
    return "\n".join(parts)


def digest(evidence: Evidence) -> str:
    """Equal for equal evidence: staging the same again is a repetition, staging more is not."""
    return hashlib.sha256(json.dumps(evidence, sort_keys=True).encode()).hexdigest()[:32]
