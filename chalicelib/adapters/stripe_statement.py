"""Stripe's own statement: every movement of money on the account, as its balance transactions tell it, page by page.

Balance transactions are what Stripe itself reconciles by (Stripe, Balance transaction types): a charge, a refund and its
failure, a debit that came back, a dispute and its end are lines of their own. Newest first; a page begins after the line with
the id `after`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stripe import StripeClient

PAGE = 100
"""The most that Stripe lists at once."""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement about a payment intent; positive comes in. `currency` is the payment's, not the account's.

    `reference` and `organization` stand in the metadata that we gave the intent; lines without a charge have none.
    """

    id: str
    intent_id: str
    type: str
    amount_minor: int
    currency: str
    created_at: datetime
    reference: str | None
    organization: str | None


@dataclass(frozen=True, slots=True)
class StatementPage:
    """Lines of one page; `next_after` begins the next one, None: this was the last. Fees and payouts are left out."""

    lines: tuple[StatementLine, ...]
    next_after: str | None


def read_page(client: "StripeClient", *, since: datetime, until: datetime, after: str | None) -> StatementPage:
    """One page of what was booked from `since` to `until`, both included. Raises the SDK's errors."""
    bounds = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
    asked: Any = {"created": bounds, "limit": PAGE, "expand": ["data.source"]}
    if after is not None:
        asked["starting_after"] = after
    page = client.v1.balance_transactions.list(asked).to_dict()
    found = [line for line in map(_line, page["data"]) if line is not None]
    return StatementPage(tuple(found), page["data"][-1]["id"] if page["has_more"] else None)


def _line(booked: Mapping[str, Any]) -> StatementLine | None:
    """A line that is about an intent. An amount that was exchanged is told as it was charged, refunded or disputed."""
    source = booked.get("source")
    if not isinstance(source, Mapping) or not source.get("payment_intent"):
        return None
    metadata = source.get("metadata") or {}
    amount, currency = booked["amount"], source["currency"]
    if booked["currency"] != currency:
        amount = source["amount"] if amount >= 0 else -source["amount"]
    return StatementLine(
        id=booked["id"],
        intent_id=source["payment_intent"],
        type=booked["type"],
        amount_minor=amount,
        currency=currency.upper(),
        created_at=datetime.fromtimestamp(booked["created"], UTC),
        reference=metadata.get("payment"),
        organization=metadata.get("organization"),
    )
