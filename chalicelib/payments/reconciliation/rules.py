"""Reconciliation: when it is due, what it reads, which figures differ. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from chalicelib.payments import rules as payment_rules
from chalicelib.payments.reconciliation.events import Phase
from chalicelib.payments.rules import Balance

Kind = Literal["order_state", "credit_balance", "credit_payment", "stripe_amount", "stripe_unknown"]

NIGHT_HOUR = 2
"""By the organization's clock: its day is over, its people are asleep."""
SETTLED_AFTER = timedelta(hours=1)
"""Statements are read up to so long ago: webhooks of what is older have come, or are what we look for."""
OVERLAP = timedelta(days=2)
"""Read again each time, in case a line was booked with a time that had passed; a line is kept once."""
PIECE = 500
"""Orders, customers or payments that one piece compares."""
FOLLOWING: dict[Phase, Phase | None] = {
    "statement": "orders",
    "orders": "credit",
    "credit": "credit_payments",
    "credit_payments": "stripe",
    "stripe": "unknown",
    "unknown": None,
}


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A comparison and where it is."""

    id: int
    phase: Phase | Literal["done"]
    cursor: str
    since: datetime | None
    until: datetime


@dataclass(frozen=True, slots=True)
class OrderFigures:
    """What an order says of its payment, and its payments' sums."""

    order_id: int
    number: str
    total_minor: int
    is_cancelled: bool
    payment_state: str
    balances: Sequence[Balance]


@dataclass(frozen=True, slots=True)
class Difference:
    """What two books say of one thing, in words for a person."""

    kind: Kind
    subject: str
    ours: str
    theirs: str

    def as_row(self) -> dict[str, str]:
        """The difference as KEEP takes it."""
        return {"kind": self.kind, "subject": self.subject, "ours": self.ours, "theirs": self.theirs}


@dataclass(frozen=True, slots=True)
class Seen:
    """A difference that is open, and since when."""

    id: int
    kind: Kind
    subject: str
    ours: str
    theirs: str
    first_seen_at: datetime
    last_seen_at: datetime


def night_of(now: datetime, time_zone: str) -> str | None:
    """``night:2026-11-25`` once the night of that day has come where the organization is, else None."""
    local = now.astimezone(ZoneInfo(time_zone))
    return f"night:{local.date().isoformat()}" if local.hour >= NIGHT_HOUR else None


def since_of(*, read_until: datetime | None, first_payment_at: datetime | None) -> datetime | None:
    """Where to begin to read: a little before the last statement's end, else with our first payment; None: nowhere."""
    return first_payment_at if read_until is None else read_until - OVERLAP


def order_difference(found: OrderFigures) -> Difference | None:
    """What an order says against what its payments add up to."""
    settled = payment_rules.settle(
        total_minor=found.total_minor, is_cancelled=found.is_cancelled, balances=found.balances
    )
    if not _differ(found.payment_state, settled.payment_state):
        return None
    return Difference("order_state", f"order:{found.order_id}", found.payment_state, settled.payment_state)


def _differ(known: str, settled: str) -> bool:
    """An order on terms that is overdue, or authorized, is so by somebody else's word as long as no money has moved."""
    is_others = known not in payment_rules.MONEY_STATES | payment_rules.CARD_STATES
    return known != settled and not (is_others and settled in payment_rules.CARD_STATES)


def amount(minor: int, currency: str) -> str:
    """``-12.34 USD``."""
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d} {currency}"
