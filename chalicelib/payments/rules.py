"""Payments: what counts as news, what an order's payments add up to, what has to go back. No I/O, no clock.

Everything here is a function of the set of facts, not of the order in which they arrived: that is why a webhook, its
repetition and the answer to `confirm` end in the same state.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from chalicelib.kernel.errors import BadRequest, Conflict, NotFound

State = Literal["created", "requires_payment", "processing", "succeeded", "failed", "canceled"]
Provider = Literal["stripe", "check", "store_credit", "cash"]
"""Who moves the money: Stripe, or we ourselves, who write down what people brought."""
EntryKind = Literal["charge", "refund", "dispute", "return"]
"""A return is money that was charged and turned out not to be there: a bank debit that came back, a check that bounced."""
DueReason = Literal["order_cancelled", "paid_twice"]
RefundState = Literal["asked", "pending", "requires_action", "succeeded", "canceled", "failed"]

STATES: tuple[State, ...] = ("created", "requires_payment", "processing", "failed", "canceled", "succeeded")
"""Ascending where two facts carry the same time, which Stripe tells in whole seconds: a debit may bounce at once, nobody
tries another card within a second."""
FINAL: frozenset[State] = frozenset({"succeeded", "canceled"})
LOOSE_AMOUNT_MAX = 500_000
"""Of an intent without an order, in minor units: 5,000.00."""
ABANDONED_AFTER = timedelta(minutes=2)
"""After this, an intent whose creation was never answered is given up: Stripe repeats a kept 500 for a key forever
(API reference, Idempotent requests), and nobody holds the client secret of an intent we never heard of."""

_OF_INTENT: dict[str, State] = {
    "requires_payment_method": "requires_payment",
    "requires_confirmation": "requires_payment",
    "requires_action": "requires_payment",
    "requires_capture": "processing",
    "processing": "processing",
    "succeeded": "succeeded",
    "canceled": "canceled",
}
"""Stripe, The Payment Intents API, lifecycle. A failed try is back at requires_payment_method with an error."""

RETURN_REASONS = frozenset(
    {"bank_cannot_process", "debit_not_authorized", "incorrect_account_details", "insufficient_funds"}
)
"""Reasons of disputes that are bank debits coming back (Stripe, ACH Direct Debit, Disputed payments: a failure that the bank
reports after a payment has succeeded is made a dispute; all of final)."""

MONEY_STATES = frozenset({"paid", "part-refunded", "refunded", "disputed"})
"""Payment states of an order that say that money has moved."""
CARD_STATES = frozenset({"unpaid", "processing", "failed"})
"""Payment states of an order that an unfinished card payment may change; overdue or authorized are others' business."""


class AlreadyPaid(Conflict):
    """The order needs no payment any more."""

    code = "already_paid"
    sentence = "This order is already paid"


class NotPayable(Conflict):
    """The order's state forbids a payment."""

    code = "not_payable"
    sentence = "This order cannot be paid"


class WrongAmount(BadRequest):
    """The caller's amount is not what the order costs."""

    code = "wrong_amount"
    sentence = "The amount differs from the order's total"


class NoSuchPayment(NotFound):
    """No intent, or not this order's: the two look alike."""

    sentence = "This order has no such payment"


class NotSucceeded(Conflict):
    """The provider does not say that this payment has succeeded."""

    code = "payment_not_succeeded"
    sentence = "The payment has not succeeded"


class PaymentRefused(BadRequest):
    """The provider understood and said no."""

    code = "payment_refused"
    sentence = "The payment provider refused this payment"


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to collect an amount."""

    id: int
    order_id: int | None
    provider: Provider
    provider_id: str | None
    idempotency_key: str
    amount_minor: int
    currency: str
    state: State
    state_at: datetime | None
    created_at: datetime
    is_link: bool = False
    """Whether it is paid on a page of Stripe's, which makes an intent of its own for whoever tries."""

    @property
    def is_open(self) -> bool:
        """Whether it may still collect money."""
        return self.state not in FINAL


@dataclass(frozen=True, slots=True)
class Fact:
    """What the provider says a payment's state is, and since when by the provider's clock."""

    state: State
    at: datetime
    failure_code: str | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that moved. `amount_minor` is signed as we see it: charges come in, refunds, disputes and returns go out.

    What comes back to us after all, of a refund that failed or a dispute that was won, is a movement of the same kind.
    """

    kind: EntryKind
    external_id: str
    amount_minor: int
    currency: str

    def as_row(self) -> dict[str, str | int]:
        """The movement as RECORD takes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RefundTold:
    """What the provider says about money on its way back. `reference`: the key of our row, when it is one of ours."""

    provider_id: str
    reference: str | None
    state: RefundState
    failure_reason: str | None = None


@dataclass(frozen=True, slots=True)
class DisputeTold:
    """What the provider says about a dispute: its words for reason and status, and since when by its clock."""

    provider_id: str
    reason: str
    status: str
    at: datetime
    amount_minor: int
    currency: str
    evidence_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a webhook or an answer of the provider says about one payment."""

    provider_id: str
    reference: str | None = None
    """Our key from the intent's metadata."""
    fact: Fact | None = None
    movement: Movement | None = None
    reversal: Movement | None = None
    """What undoes the movement, told with it: between the two nothing must look as if money were missing."""
    refund: RefundTold | None = None
    dispute: DisputeTold | None = None

    @property
    def movements(self) -> list[Movement]:
        """What moved, and what moved back."""
        return [movement for movement in (self.movement, self.reversal) if movement is not None]


@dataclass(frozen=True, slots=True)
class Balance:
    """What one payment's entries add up to, in its own currency; refunded, disputed and returned are positive."""

    payment_id: int
    state: State
    charged_minor: int
    refunded_minor: int
    disputed_minor: int
    returned_minor: int = 0

    @property
    def collected_minor(self) -> int:
        """What was charged and did not come back from the bank; what we refunded or lost in a dispute was collected."""
        return self.charged_minor - self.returned_minor

    @property
    def kept_minor(self) -> int:
        """What we hold of it now."""
        return self.collected_minor - self.refunded_minor - self.disputed_minor

    def after(self, fact: Fact | None, movement: Movement | None) -> "Balance":
        """The balance once a fact and a new entry are recorded."""
        state = self.state if fact is None else fact.state
        if movement is None:
            return replace(self, state=state)
        field_of = _FIELD_OF[movement.kind]
        sign = 1 if movement.kind == "charge" else -1
        return replace(self, state=state, **{field_of: getattr(self, field_of) + sign * movement.amount_minor})


_FIELD_OF = {
    "charge": "charged_minor",
    "refund": "refunded_minor",
    "dispute": "disputed_minor",
    "return": "returned_minor",
}


@dataclass(frozen=True, slots=True)
class Account:
    """A payment, what its entries add up to, and what of it is flagged for refund."""

    payment: Payment
    balance: Balance
    due_minor: int


@dataclass(frozen=True, slots=True)
class RefundDue:
    """Money of a payment that has to go back; 0 when nothing has to any more."""

    payment_id: int
    reason: DueReason
    amount_minor: int


@dataclass(frozen=True, slots=True)
class LookedAt:
    """Something unfinished that Stripe is to be asked about, and since when there is it."""

    kind: Literal["payment", "refund", "dispute"]
    id: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an order's payments mean."""

    payment_state: str
    is_covered: bool
    """Whether charges cover the order, or did once; refunds and disputes come after that, whenever we hear of them."""
    is_returned: bool = False
    """Whether a bank took back so much that the order is not covered any more."""
    outstanding_minor: int = 0
    """What has still to be paid."""
    dues: Sequence[RefundDue] = field(default=())

    @property
    def due_minor(self) -> int:
        """What has to go back in all."""
        return sum(due.amount_minor for due in self.dues)


def state_of_intent(status: str, failure_code: str | None = None) -> State:
    """Our state for an intent's status."""
    if status == "requires_payment_method" and failure_code is not None:
        return "failed"
    return _OF_INTENT[status]


def reference_of(value: object) -> str | None:
    """Our key from an intent's metadata, or None when there is none that could be ours."""
    try:
        return str(UUID(str(value)))
    except ValueError:
        return None


def is_abandoned(payment: Payment, now: datetime) -> bool:
    """Whether the creation of this intent was never answered and never will be."""
    return payment.provider_id is None and now - payment.created_at > ABANDONED_AFTER


def is_obsolete(account: Account, outstanding_minor: int) -> bool:
    """Whether an open attempt at Stripe asks for another sum than what has still to be paid, nothing included."""
    payment = account.payment
    return payment.provider == "stripe" and payment.is_open and payment.amount_minor != outstanding_minor


def may_revive(cancel_reason: str | None, total_minor: int, accounts: Sequence[Account]) -> bool:
    """Whether an order that was cancelled may stand after all: it only expired, all of it is paid, nothing goes back yet."""
    balances = [account.balance for account in accounts]
    is_whole = all(b.kept_minor == b.charged_minor for b in balances) and not any(a.due_minor for a in accounts)
    return cancel_reason == "expired" and is_whole and sum(b.kept_minor for b in balances) >= total_minor > 0


def fact_of(payment: Payment, told: Fact | None) -> Fact | None:
    """What of a fact is about the payment: a link outlives the intents of those who tried to pay on it."""
    return None if told is not None and payment.is_link and told.state == "canceled" else told


def is_news(known: Payment, told: Fact) -> bool:
    """Whether a fact is later than what we know. Final states stay, and success beats all.

    Facts are compared by (final, time, state), a total order: whatever arrives, in whatever order, the greatest stays.
    """
    return _key(told.state, told.at) > _key(known.state, known.state_at)


def _key(state: State, at: datetime | None) -> tuple[int, datetime, int]:
    beginning = datetime.min.replace(tzinfo=UTC)
    if state in FINAL:
        return (STATES.index(state), beginning, 0)
    return (0, at or beginning, STATES.index(state))


def settle(*, total_minor: int, is_cancelled: bool, balances: Sequence[Balance]) -> Settlement:
    """Adds up an order's payments: what state it is in, and what we hold too much, the latest payments first."""
    kept = sum(balance.kept_minor for balance in balances)
    surplus = kept if is_cancelled else kept - total_minor
    reason: DueReason = "order_cancelled" if is_cancelled else "paid_twice"
    dues = []
    for balance in sorted(balances, key=lambda b: b.payment_id, reverse=True):
        due = max(0, min(surplus, balance.kept_minor))
        surplus -= due
        dues.append(RefundDue(balance.payment_id, reason, due))
    ever_charged = sum(balance.charged_minor for balance in balances)
    refunded = sum(balance.refunded_minor for balance in balances)
    # What was given back because it was too much is no payment of this order; what was given back of its price stays paid.
    surplus_refunded = min(refunded, max(0, ever_charged - total_minor))
    collected = sum(balance.collected_minor for balance in balances) - surplus_refunded
    is_returned = any(balance.returned_minor > 0 for balance in balances) and collected < total_minor
    return Settlement(
        payment_state=_payment_state(total_minor, balances, is_returned=is_returned),
        is_covered=ever_charged >= total_minor,
        is_returned=is_returned and ever_charged >= total_minor,
        outstanding_minor=max(0, total_minor - collected),
        dues=dues,
    )


def _payment_state(total_minor: int, balances: Sequence[Balance], *, is_returned: bool) -> str:
    charged = sum(balance.collected_minor for balance in balances)
    refunded = sum(balance.refunded_minor for balance in balances)
    if is_returned:
        return "processing" if any(balance.state == "processing" for balance in balances) else "failed"
    if charged <= 0:
        return _unfinished_state(balances)
    if sum(balance.disputed_minor for balance in balances) > 0:
        return "disputed"
    if refunded >= charged:
        return "refunded"
    if charged < total_minor:
        return "processing" if any(balance.state == "processing" for balance in balances) else "unpaid"
    return "part-refunded" if charged - refunded < total_minor else "paid"


def _unfinished_state(balances: Sequence[Balance]) -> str:
    states = {balance.state for balance in balances}
    return "processing" if "processing" in states else "failed" if "failed" in states else "unpaid"


def open_minor(total_minor: int, accounts: Sequence[Account]) -> int:
    """What is left to pay of an order once the payments in processing have arrived; 0 or less: nothing."""
    kept = sum(account.balance.kept_minor for account in accounts)
    return total_minor - kept - sum(a.payment.amount_minor for a in accounts if a.balance.state == "processing")


def may_record(known: str, following: str, *, is_returned: bool = False) -> bool:
    """Whether an order's payment state should become `following`; what was paid is undone by a return only."""
    return following != known and (following in MONEY_STATES or known in CARD_STATES or is_returned)


def becomes_paid(*, payment_state: str, is_stopped: bool, settled: Settlement) -> bool:
    """Whether an order is to be recorded as paid, before anything that came after the payment is.

    Paid anew after a return too. Where we hear of a payment only when it has come back already, the order was paid as well,
    and is stopped then.
    """
    if not settled.is_covered or payment_state in MONEY_STATES:
        return False
    return not (settled.is_returned and is_stopped)


def check_payable(*, is_cancelled: bool, payment_state: str) -> None:
    """Raises NotPayable, AlreadyPaid."""
    if payment_state in MONEY_STATES:
        raise AlreadyPaid
    if is_cancelled:
        raise NotPayable("This order is cancelled")


def check_loose_amount(amount_minor: int) -> None:
    """Bounds an intent without an order, for which nobody but the caller names the amount. Raises WrongAmount."""
    if amount_minor > LOOSE_AMOUNT_MAX:
        raise WrongAmount("The amount is too large without an order")
