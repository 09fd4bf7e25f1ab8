"""What has still to be paid of an order, and the one way at Stripe on which it can be: an intent or a link, never both.

An attempt is closed at Stripe before another is made, and believed to be closed only when Stripe says so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from chalicelib import orders
from chalicelib.adapters import payments as stripe
from chalicelib.adapters.errors import ProviderRefused
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import Order
from chalicelib.payments import links, rules, service, store
from chalicelib.payments.patience import patiently
from chalicelib.payments.rules import Account, Payment

Reply = TypeVar("Reply")


@dataclass(frozen=True)
class Closed:
    """What Stripe said when an attempt was to be closed: the intents that were paid on it, or are being paid."""

    is_closed: bool
    """Whether nothing can be paid on it any more."""
    intents: list[stripe.Intent] = field(default_factory=list)


def outstanding(order: Order, accounts: list[Account]) -> int:
    """What has still to be paid of a locked order, in minor units. Raises NotPayable, AlreadyPaid."""
    rules.check_payable(is_cancelled=order.state == "cancelled", payment_state=order.payment_state)
    balances = [account.balance for account in accounts]
    left = rules.settle(total_minor=order.total_minor, is_cancelled=False, balances=balances).outstanding_minor
    if left <= 0:
        raise rules.AlreadyPaid
    return left


def lock_outstanding(uow: UnitOfWork, order: Order) -> tuple[int, Payment | None]:
    """What has still to be paid of a locked order, and the open attempt at Stripe. Locks the payments.

    Raises NotPayable, AlreadyPaid.
    """
    accounts = store.lock_accounts(uow, payment_id=None, order_id=order.id)
    payments = (account.payment for account in accounts)
    known = next((payment for payment in payments if payment.provider == "stripe" and payment.is_open), None)
    return outstanding(order, accounts), known


def close_at_stripe(payment: Payment, link_id: str | None) -> Closed:
    """Closes an intent, or the page of a link with the visits that are open. May be repeated. Runs outside a transaction.

    What was never answered was handed out to nobody.
    """
    if payment.is_link:
        return Closed(is_closed=True) if link_id is None else _close_link(link_id)
    if payment.provider_id is None:
        return Closed(is_closed=True)
    try:
        intent = stripe.gateway().cancel_intent(
            payment.provider_id, idempotency_key=f"cancel-{payment.idempotency_key}"
        )
    except ProviderRefused:
        intent = stripe.gateway().get_intent(payment.provider_id)
    return Closed(intent.status == "canceled", [intent])


def _close_link(link_id: str) -> Closed:
    gateway = stripe.gateway()
    gateway.deactivate_link(link_id)
    for session in gateway.list_sessions(link_id):
        if session.status == "open":
            try:
                gateway.expire_session(session.id)
            except ProviderRefused:  # completed or expired meanwhile: the list below says which
                continue
    paid = [s.intent_id for s in gateway.list_sessions(link_id) if s.status == "complete" and s.intent_id is not None]
    intents = [gateway.get_intent(intent_id) for intent_id in paid]
    is_closed = all(intent.status in ("canceled", "requires_payment_method") for intent in intents)
    return Closed(is_closed, intents)


def record_closed(uow: UnitOfWork, payment: Payment, closed: Closed) -> None:
    """Takes in what Stripe said, and gives the payment up if nothing can be paid on it any more. Locks order, then payments."""
    for intent in closed.intents:
        service.take_in(uow, payment, service.told_by_intent(intent, at=uow.now))
    if payment.order_id is not None:
        orders.lock_order(uow, payment.order_id)
    if payment.is_link:
        links.close(uow, payment.id)
    if closed.is_closed:
        store.give_up(uow, payment.id)


def replace(
    uow: UnitOfWork, outdated: Payment, again: Callable[[UnitOfWork], Reply | Outside[Any, Reply]]
) -> Outside[Closed, Reply]:
    """Closes an attempt in favour of another, which `again` makes. Raises NotPayable when it is being paid just now."""
    link_id = links.provider_id(uow, outdated.id) if outdated.is_link else None

    def then(uow: UnitOfWork, closed: Closed) -> Reply | Outside[Any, Reply]:
        record_closed(uow, outdated, closed)
        if not closed.is_closed and not any(intent.status == "succeeded" for intent in closed.intents):
            raise rules.NotPayable("A payment of this order is being processed")
        return again(uow)

    return Outside(partial(patiently, partial(close_at_stripe, outdated, link_id)), then)
