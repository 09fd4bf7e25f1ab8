"""Paper checks: which numbers can be right, and what may be decided when. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.payments.rules import Account, Movement

PREFIX = "checks/"
"""Where pictures lie; nothing else does."""
SIDE_MAX = 2000
"""Pixels of the longer side: what is written by hand stays legible."""
AT_ONCE = timedelta(minutes=1)
"""Within this of an approval a rejection without further words is a decision at the same time, which came second."""
STALE_AFTER = timedelta(hours=1)
"""An upload that has not ended by then never will."""
DROPPED_AFTER = timedelta(minutes=10)
"""Pictures nobody needs are removed so long after: whoever still uploads them has ended."""
REJECTED, BOUNCED = "check_rejected", "check_bounced"
_WEIGHTS = (3, 7, 1, 3, 7, 1, 3, 7, 1)


class NoSuchCheck(NotFound):
    """The order has no check, or no picture of that side."""

    sentence = "There is no such check"


class CheckWaiting(Conflict):
    """A check of the order waits for a decision."""

    code = "check_waiting"
    sentence = "A check of this order waits for approval; approve or reject it first"


class CheckDecided(Conflict):
    """Somebody has approved or rejected it."""

    code = "check_decided"
    sentence = "No check of this order waits for a decision"


class UploadOvertaken(Conflict):
    """Another upload of the same check, or the end of the order, came in between."""

    code = "upload_overtaken"
    sentence = "The check was uploaded by somebody else, or the order was closed, meanwhile"


@dataclass(frozen=True, slots=True)
class Check:
    """The paper behind a payment. Keys are of objects; the numbers of bank and account are sealed."""

    payment_id: int
    front_key: str
    back_key: str | None
    uploaded_at: datetime | None
    approved_at: datetime | None
    rejected_at: datetime | None


def is_routing_number(digits: str) -> bool:
    """Whether nine digits can be a bank's: weighted 3-7-1 they add up to a multiple of ten (ABA, Routing Number Policy)."""
    if len(digits) != 9 or not (digits.isascii() and digits.isdigit()) or digits == "000000000":
        return False
    return sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 10 == 0


def waiting(accounts: Sequence[Account]) -> Account | None:
    """The account of the check that waits for a decision."""
    return next((a for a in accounts if a.payment.provider == "check" and a.balance.state == "processing"), None)


def approved(accounts: Sequence[Account]) -> Account | None:
    """The account of the latest check that was approved and has not bounced."""
    found = [a for a in accounts if a.payment.provider == "check" and a.balance.collected_minor > 0]
    return max(found, key=lambda account: account.payment.id, default=None)


def check_may_bounce(check: Check, now: datetime, *, says_so: bool) -> None:
    """Raises CheckDecided for a rejection that only came second."""
    if not says_so and check.approved_at is not None and now - check.approved_at < AT_ONCE:
        raise CheckDecided("This check was approved a moment ago; to take that back, send bounced: true")


def bounce_of(account: Account) -> Movement:
    """The bank takes the whole check back, whatever we have returned of it."""
    return Movement("return", "bounced", -account.balance.charged_minor, account.payment.currency)


def taken_back(account: Account, balance_minor: int) -> Movement | None:
    """What the customer still has of the credit that the check became: no more than there is."""
    minor = min(account.balance.refunded_minor, balance_minor)
    return Movement("refund", "credit:reversed", minor, account.payment.currency) if minor > 0 else None
