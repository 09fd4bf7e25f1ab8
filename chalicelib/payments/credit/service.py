"""Use cases of store credit."""

from dataclasses import dataclass
from typing import Literal

from chalicelib import orders
from chalicelib.kernel import ids
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import Order
from chalicelib.payments import rules as payment_rules
from chalicelib.payments import service as payments
from chalicelib.payments import store as payments_store
from chalicelib.payments.credit import rules, store
from chalicelib.payments.credit.rules import Entry, Posting, Request
from chalicelib.payments.credit.store import Holder

WAITING_MAX = 200


@dataclass(frozen=True)
class Spent:
    """What a customer's credit has paid of an order."""

    order: Order
    spent_minor: int
    open_minor: int
    balance_minor: int


@dataclass(frozen=True)
class Statement:
    """A customer's balance and entries, the newest first."""

    holder: Holder
    currency: str
    entries: list[Entry]


@dataclass(frozen=True)
class Issued:
    """What came of issuing by hand: an entry, or a request that waits for somebody else."""

    balance_minor: int
    entry: Entry | None = None
    request: Request | None = None


def pay_order(uow: UnitOfWork, number: str, *, amount_minor: int | None = None) -> Spent:
    """Spends the signed-in customer's credit on an order of theirs: an amount, else as much as there is and is needed.

    Of several at once, one spends what there is. Locks the order, its payments, then the credit. Raises NotFound for other
    customers' orders, NotPayable, AlreadyPaid, PaymentUnderWay, MoreThanOpen, NotEnoughCredit, OtherCurrency.
    """
    order = orders.lock_by_number(uow, number)
    if order.customer_id != uow.actor.id:
        raise NotFound("Order not found")
    return spend(uow, order, amount_minor=amount_minor)


def spend(uow: UnitOfWork, order: Order, *, amount_minor: int | None) -> Spent:
    """As `pay_order`, for a locked order of any customer's."""
    payment_rules.check_payable(is_cancelled=order.state == "cancelled", payment_state=order.payment_state)
    if order.customer_id is None:
        raise rules.NotEnoughCredit("The order belongs to no customer")
    accounts = payments_store.lock_accounts(uow, payment_id=None, order_id=order.id)
    balance_minor = store.lock_account(uow, order.customer_id, order.currency)
    if balance_minor is None:
        raise rules.OtherCurrency
    open_minor = payment_rules.open_minor(order.total_minor, accounts)
    spent_minor = rules.spent_minor(asked_minor=amount_minor, balance_minor=balance_minor, open_minor=open_minor)
    taken = payments_store.take(
        uow, order_id=order.id, provider="store_credit", amount_minor=spent_minor, currency=order.currency
    )
    source = f"payment:{taken.payment.id}:spent"
    store.post(uow, order.customer_id, [Posting("spent", -spent_minor, source, taken.payment.id, order.id)])
    uow.audit("credit.spent", "customer", order.customer_id, after={"order": order.number, "amount_minor": spent_minor})
    settled, _ = payments.settle_order(uow, order, [*accounts, taken])
    return Spent(settled, spent_minor, open_minor - spent_minor, balance_minor - spent_minor)


def balance_minor(uow: UnitOfWork, customer_id: int) -> int:
    """What a customer may spend, in minor units; nothing is locked."""
    return store.find_balance(uow, customer_id) or 0


def statement(uow: UnitOfWork, customer_id: int, *, before_id: int | None, limit: int) -> Statement:
    """A customer's balance and entries. Raises NotFound."""
    found = store.list_entries(uow, customer_id, before_id=before_id, limit=limit)
    if found is None:
        raise NotFound("User not found")
    holder, entries = found
    return Statement(holder, holder.currency or uow.organization.currency, entries)


def issue(uow: UnitOfWork, customer_id: int, *, amount_minor: int, note: str) -> Issued:
    """Issues credit by hand, or deducts a negative amount. What one person may not do alone waits for another.

    Repeating it issues again; an Idempotency-Key makes it repeatable. Locks the caller's row, then the customer's credit.
    Raises NotFound, TooMuchByHand, NotEnoughCredit where less is there than is deducted, OtherCurrency.
    """
    rules.check_by_hand(amount_minor)
    if not store.is_customer(uow, customer_id):
        raise NotFound("User not found")
    issued_minor = store.issued_by(uow, uow.actor.id, since=uow.now - rules.ALONE_PERIOD)
    balance_minor = _locked(uow, customer_id, amount_minor)
    if issued_minor + abs(amount_minor) > rules.alone_max(uow.organization.settings):
        request = store.ask(uow, customer_id, amount_minor=amount_minor, note=note)
        uow.audit("credit.asked", "customer", customer_id, after={"request": request.id, "amount_minor": amount_minor})
        return Issued(balance_minor, request=request)
    return _issued(uow, customer_id, amount_minor, note, source=f"issue:{ids.token()}")


def list_waiting(uow: UnitOfWork) -> list[Request]:
    """What waits for a second person, the oldest first."""
    return store.list_waiting(uow, limit=WAITING_MAX)


def decide(uow: UnitOfWork, request_id: int, decision: Literal["approved", "rejected"]) -> Issued:
    """Approves or rejects what somebody else has asked for. Of several at once, the first decides.

    Raises NoSuchRequest, OwnRequest, AlreadyDecided, NotEnoughCredit.
    """
    request = store.lock_request(uow, request_id)
    if request is None:
        raise rules.NoSuchRequest
    if request.asked_by == uow.actor.id and decision == "approved":
        raise rules.OwnRequest
    if request.state != "waiting":
        raise rules.AlreadyDecided
    store.decide(uow, request_id, decision)
    uow.audit(f"credit.{decision}", "customer", request.customer_id, after={"request": request_id})
    balance_minor = _locked(uow, request.customer_id, request.amount_minor if decision == "approved" else 0)
    if decision == "rejected":
        return Issued(balance_minor)
    return _issued(uow, request.customer_id, request.amount_minor, request.note, source=f"request:{request_id}")


def _locked(uow: UnitOfWork, customer_id: int, amount_minor: int) -> int:
    """The locked balance, which bears the amount. Raises NotEnoughCredit, OtherCurrency."""
    balance_minor = store.lock_account(uow, customer_id, uow.organization.currency)
    if balance_minor is None:
        raise rules.OtherCurrency
    if balance_minor + amount_minor < 0:
        raise rules.NotEnoughCredit
    return balance_minor


def _issued(uow: UnitOfWork, customer_id: int, amount_minor: int, note: str, *, source: str) -> Issued:
    kind = rules.kind_by_hand(amount_minor)
    (entry,) = store.post(uow, customer_id, [Posting(kind, amount_minor, source, note=note)])
    uow.audit(f"credit.{kind}", "customer", customer_id, after={"amount_minor": amount_minor, "note": note})
    return Issued(entry.balance_minor, entry=entry)
