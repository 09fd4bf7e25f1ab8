"""Store credit: what may be spent, what comes back as credit, who may issue how much alone. No I/O, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from chalicelib.kernel.errors import BadRequest, Conflict, Forbidden, NotFound
from chalicelib.payments.rules import Account, Movement, RefundDue

Kind = Literal["issued", "deducted", "overpayment", "refund", "spent", "returned", "reversed"]
"""issued and deducted by hand; overpayment, refund: money paid in otherwise that became credit; spent on an order and returned
from it; reversed: what came of money that turned out not to be there."""

ISSUE_MAX = 1_000_000
"""Of one entry by hand, in minor units: 10,000.00."""
ALONE_MAX = 10_000
"""What one person may issue and deduct alone within `ALONE_PERIOD`, in minor units: 100.00. The organization's setting
``store_credit_alone_minor`` says otherwise."""
ALONE_PERIOD = timedelta(hours=24)
OWN_LEDGER = frozenset({"check", "cash", "store_credit"})
"""Providers whose surplus becomes credit: nobody but us can return it, and there is no card to return it to."""


class NotEnoughCredit(Conflict):
    """The customer's store credit is smaller than what was asked for."""

    code = "not_enough_credit"
    sentence = "The store credit does not suffice"


class MoreThanOpen(BadRequest):
    """More than the order still costs."""

    code = "more_than_open"
    sentence = "The amount is more than what is left to pay"


class PaymentUnderWay(Conflict):
    """A payment that is being processed will pay the rest of the order; its end decides."""

    code = "payment_under_way"
    sentence = "A payment of this order is being processed"


class OtherCurrency(Conflict):
    """Credit in one currency, an order in another."""

    code = "other_currency"
    sentence = "The store credit is in another currency"


class TooMuchByHand(BadRequest):
    """No person issues so much, not even two."""

    code = "amount_too_large"
    sentence = f"At most {ISSUE_MAX // 100} at once"


class NoSuchRequest(NotFound):
    """There is no request with this id."""

    sentence = "There is no such request"


class AlreadyDecided(Conflict):
    """Somebody has approved or rejected it."""

    code = "already_decided"
    sentence = "This request was decided already"


class OwnRequest(Forbidden):
    """Who asked cannot be who approves."""

    code = "own_request"
    sentence = "Somebody else must decide on your own request"


@dataclass(frozen=True, slots=True)
class Posting:
    """An entry to be made. `source` names its cause: an entry with the same one cannot be made again."""

    kind: Kind
    amount_minor: int
    source: str
    payment_id: int | None = None
    order_id: int | None = None
    note: str = ""

    def as_row(self, place: int) -> dict[str, str | int | None]:
        """The posting as POST takes it."""
        return {"place": place, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger; `balance_minor` is the account's after it."""

    id: int
    kind: Kind
    amount_minor: int
    balance_minor: int
    order_number: str | None
    note: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """An entry that waits for somebody else's approval."""

    id: int
    customer_id: int
    amount_minor: int
    note: str
    state: Literal["waiting", "approved", "rejected"]
    asked_by: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Return:
    """Money of a payment that goes back as credit."""

    payment_id: int
    amount_minor: int
    currency: str
    external_id: str
    kind: Kind

    @property
    def movement(self) -> Movement:
        """Its entry in the payment's ledger."""
        return Movement("refund", self.external_id, -self.amount_minor, self.currency)

    def posting(self, order_id: int) -> Posting:
        """Its entry in the customer's ledger."""
        source = f"payment:{self.payment_id}:{self.external_id}"
        return Posting(self.kind, self.amount_minor, source, self.payment_id, order_id)


def spent_minor(*, asked_minor: int | None, balance_minor: int, open_minor: int) -> int:
    """What of a balance is spent on an order: what was asked for, else as much as there is and is needed.

    Raises MoreThanOpen, NotEnoughCredit, PaymentUnderWay where nothing is open.
    """
    if open_minor <= 0:
        raise PaymentUnderWay
    if asked_minor is not None and asked_minor > open_minor:
        raise MoreThanOpen
    wanted = min(balance_minor, open_minor) if asked_minor is None else asked_minor
    if wanted <= 0 or wanted > balance_minor:
        raise NotEnoughCredit
    return wanted


def returns_of(accounts: Sequence[Account], dues: Sequence[RefundDue], *, has_customer: bool) -> list[Return]:
    """Which dues go back as credit: all of store credit, of checks and cash where the buyer has an account.

    Named after what had been returned before, so that each is one movement of its own.
    """
    by_id = {account.payment.id: account for account in accounts}
    found = []
    for due in dues:
        account = by_id[due.payment_id]
        if due.amount_minor and has_customer and account.payment.provider in OWN_LEDGER:
            total = account.balance.refunded_minor + due.amount_minor
            currency, kind = account.payment.currency, _kind_of(account, due)
            found.append(Return(due.payment_id, due.amount_minor, currency, f"credit:{total}", kind))
    return found


def _kind_of(account: Account, due: RefundDue) -> Kind:
    if account.payment.provider == "store_credit":
        return "returned"
    return "overpayment" if due.reason == "paid_twice" else "refund"


def after_returns(accounts: Sequence[Account], returns: Sequence[Return]) -> list[Account]:
    """The accounts once these have gone back."""
    movements = {each.payment_id: each.movement for each in returns}
    return [
        replace(account, balance=account.balance.after(None, movements.get(account.payment.id))) for account in accounts
    ]


def alone_max(settings: Mapping[str, Any]) -> int:
    """What one person may issue alone, in minor units."""
    own = settings.get("store_credit_alone_minor")
    return own if isinstance(own, int) and own >= 0 else ALONE_MAX


def check_by_hand(amount_minor: int) -> None:
    """Bounds what is issued or deducted by hand. Raises TooMuchByHand."""
    if abs(amount_minor) > ISSUE_MAX:
        raise TooMuchByHand


def kind_by_hand(amount_minor: int) -> Kind:
    """A negative amount deducts."""
    return "issued" if amount_minor > 0 else "deducted"
