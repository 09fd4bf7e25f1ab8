"""What Stripe says, by webhook or in answer, ends here, in `converge`; what an order's payments mean, in `settle_order`."""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib import orders
from chalicelib.adapters import payments as stripe
from chalicelib.kernel import webhooks
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import Order
from chalicelib.payments import disputes, refunds, rules, store
from chalicelib.payments.checks import closing
from chalicelib.payments.credit import returns
from chalicelib.payments.events import AttemptObsolete, OrderPaid, OrderRevived, PaymentReturned, StripeEventArrived
from chalicelib.payments.events import RefundDue as RefundIsDue
from chalicelib.payments.facts import Paid
from chalicelib.payments.facts import PaymentReturned as Returned
from chalicelib.payments.rules import Account, Fact, Movement, Payment, RefundDue, Settlement, Told
from chalicelib.payments.shapes import StripeEvent


def told_by_intent(intent: stripe.Intent, *, at: datetime, is_whole: bool = False) -> Told:
    """What an intent, as fetched, says. Final states only count: its others have no time by the provider's clock.

    `is_whole`: they count as well, as of `at`; for intents whose webhooks should have come long ago.
    """
    state = rules.state_of_intent(intent.status, intent.failure_code)
    movement = Movement("charge", intent.id, intent.received_minor, intent.currency) if state == "succeeded" else None
    fact = Fact(state, at, intent.failure_code) if is_whole or state in rules.FINAL else None
    return Told(intent.id, rules.reference_of(intent.metadata.get("payment")), fact, movement)


def take_event(uow: UnitOfWork, event: StripeEvent) -> None:
    """Keeps an event, once, and queues it."""
    webhooks.receive(
        uow,
        StripeEventArrived,
        source="stripe",
        external_id=event.id,
        event_type=event.type,
        payload=event.kept(),
    )


def converge(uow: UnitOfWork, told: Told) -> bool:
    """Takes in what Stripe says about a payment: state, entries, and what they mean for its order. May be repeated.

    Webhooks, their repetitions and the answers to our questions all come here, in any order, and end alike. An intent
    that is none of ours changes nothing; whether it is one of ours.
    """
    found = store.find_by_provider(uow, told.provider_id, told.reference)
    if found is not None:
        take_in(uow, found, told)
        return True
    if told.reference is not None:
        count("PaymentUnknown")
        logger.warning("unknown payment", extra={"provider_id": told.provider_id})
    return False


def take_in(uow: UnitOfWork, payment: Payment, told: Told) -> Order | None:
    """As `converge`, for a payment that was found: its order as it is now. Locks the order, then its payments."""
    order = None if payment.order_id is None else orders.lock_order(uow, payment.order_id)
    accounts = store.lock_accounts(uow, payment_id=payment.id, order_id=payment.order_id)
    subject = next(account for account in accounts if account.payment.id == payment.id)
    changed = _record(uow, subject, told)
    if changed is None or order is None:
        return order
    now = [changed if account is subject else account for account in accounts]
    return settle_order(uow, order, now)[0]


def _record(uow: UnitOfWork, account: Account, told: Told) -> Account | None:
    """The account after what was told; None when it told nothing new."""
    payment = account.payment
    fact = rules.fact_of(payment, told.fact)
    fact = fact if fact is not None and rules.is_news(payment, fact) else None
    if told.refund is not None:
        refunds.take_in(uow, told.refund)
    if told.dispute is not None:
        disputes.take_in(uow, payment, told.dispute)
    if fact is None and not told.movements:
        return None
    new = store.record(uow, payment.id, provider_id=told.provider_id, fact=fact, movements=told.movements)
    if fact is None and not new:
        return None
    balance = account.balance.after(fact, None)
    for movement in new:
        _note_movement(uow, payment, movement)
        balance = balance.after(None, movement if movement.currency == payment.currency else None)
    return Account(payment if fact is None else replace(payment, state=fact.state), balance, account.due_minor)


def _note_movement(uow: UnitOfWork, payment: Payment, movement: Movement) -> None:
    uow.audit(f"payment.{movement.kind}", "payment", payment.id, after=movement.as_row())
    expected = (payment.amount_minor, payment.currency)
    if movement.kind == "charge" and (movement.amount_minor, movement.currency) != expected:
        count("PaymentMismatch")
        logger.error("a charge differs from its payment", extra={"payment_id": payment.id})


def settle_order(uow: UnitOfWork, order: Order, accounts: list[Account]) -> tuple[Order, int]:
    """Records what a locked order's payments mean: its payment state, whether it stands, what we hold and have to return.

    Surplus that can be returned by nobody but us becomes store credit at once; the rest is flagged, and sent back by whoever
    has it. `accounts` are all of the order's payments, locked. The order as it is now, and the sum still to be returned.
    """
    if order.state == "cancelled" and rules.may_revive(order.cancel_reason, order.total_minor, accounts):
        order = _revived(uow, order)
    accounts = closing.close_waiting(uow, order, accounts)
    settled = _settled(order, accounts)
    is_stopped = order.stopped_because is not None
    if rules.becomes_paid(payment_state=order.payment_state, is_stopped=is_stopped, settled=settled):
        order = _paid(uow, order)
    returned = returns.return_dues(uow, order, accounts, settled.dues)
    if returned is not accounts:
        accounts, settled = returned, _settled(order, returned)
    if settled.is_returned and order.stopped_because is None:
        order = _returned(uow, order, settled, accounts)
    elif rules.may_record(order.payment_state, settled.payment_state, is_returned=settled.is_returned):
        order = orders.record_payment(uow, order, settled.payment_state)
    known = {account.payment.id: account for account in accounts}
    _flag(uow, order, [(known[due.payment_id], due) for due in settled.dues])
    for account in accounts:
        if order.state != "cancelled" and rules.is_obsolete(account, settled.outstanding_minor):
            uow.publish(AttemptObsolete(payment_id=account.payment.id).message())
    return order, settled.due_minor


def _settled(order: Order, accounts: list[Account]) -> Settlement:
    balances = [account.balance for account in accounts]
    return rules.settle(total_minor=order.total_minor, is_cancelled=order.state == "cancelled", balances=balances)


def _revived(uow: UnitOfWork, order: Order) -> Order:
    """The order again, if its stock is there once more; else still cancelled, and its money goes back."""
    revived = orders.revive(uow, order)
    if revived is None:
        return order
    uow.publish(OrderRevived(order_id=order.id).message())
    return revived


def _paid(uow: UnitOfWork, order: Order) -> Order:
    """The order once it is paid, which it is first even when we hear of the refund before the charge."""
    if order.state != "cancelled":
        uow.publish(OrderPaid(order_id=order.id).message())
        uow.tell(Paid(order_id=order.id))
    return orders.record_payment(uow, order, "paid")


def _returned(uow: UnitOfWork, order: Order, settled: Settlement, accounts: list[Account]) -> Order:
    """The order once a bank took its payment back: it must be paid again, and nothing of it is shipped before.

    Of a check that bounced, whoever finds that out tells.
    """
    uow.tell(Returned(order_id=order.id))
    if any(account.payment.provider == "stripe" and account.balance.returned_minor > 0 for account in accounts):
        count("PaymentReturned")
        logger.error("a payment came back", extra={"order_id": order.id})
        if order.state != "cancelled":
            uow.publish(PaymentReturned(order_id=order.id, outstanding_minor=settled.outstanding_minor).message())
    return orders.record_payment(uow, order, settled.payment_state, is_returned=True)


def _flag(uow: UnitOfWork, order: Order, dues: list[tuple[Account, RefundDue]]) -> None:
    """Writes down what has to go back and, where Stripe has it, has it sent; others are returned by whoever took them."""
    changed = [(account, due) for account, due in dues if due.amount_minor != account.due_minor]
    if not changed:
        return
    store.set_dues(uow, [due for _, due in changed])
    for account, due in changed:
        after = {"order": order.number, "reason": due.reason, "amount_minor": due.amount_minor}
        uow.audit("payment.refund_due", "payment", due.payment_id, after=after)
        if due.amount_minor:
            count("RefundDue", reason=due.reason)
            logger.warning("a payment has to go back", extra={"payment_id": due.payment_id, "reason": due.reason})
        if due.amount_minor and account.payment.provider == "stripe":
            uow.publish(RefundIsDue(payment_id=due.payment_id).message())


def paid_minor(uow: UnitOfWork, order_id: int) -> int:
    """What an order has paid by card, in minor units: the sum of its entries."""
    return store.sum_paid(uow, order_id)


def refunds_due(uow: UnitOfWork) -> list[RefundDue]:
    """What we hold and have to return, oldest first."""
    return store.list_dues(uow)


@dataclass(frozen=True)
class PaymentsCheck:
    """Entries against the order book, store credit against its entries; `wrong_orders` and `wrong_accounts` must be 0.

    `differences` are what the last comparison with Stripe found.
    """

    orders: int
    entries_minor: int
    wrong_orders: int
    refunds_due_minor: int
    store_credit_minor: int = 0
    wrong_accounts: int = 0
    differences: int = 0


def check_books(uow: UnitOfWork) -> PaymentsCheck:
    """Compares the money ledger with the payment state of every order that paid by card. For checks, not for requests."""
    return PaymentsCheck(**store.check_orders(uow))
