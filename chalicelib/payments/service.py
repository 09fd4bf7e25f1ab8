"""Use cases of payments. Whatever Stripe says, by webhook or in answer, ends in `converge`."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from chalicelib import orders
from chalicelib.adapters import payments as stripe
from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable
from chalicelib.kernel import webhooks
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import Order
from chalicelib.payments import rules, store
from chalicelib.payments.checks import closing
from chalicelib.payments.credit import returns
from chalicelib.payments.events import OrderPaid, StripeEventArrived
from chalicelib.payments.facts import Paid
from chalicelib.payments.rules import Account, Fact, Movement, Payment, RefundDue, Told
from chalicelib.payments.shapes import ConfirmPayment, CreateIntent, IntentCreated, PaymentConfirmed, StripeEvent

Answer = TypeVar("Answer")
Asking = Outside[Any, IntentCreated]
PAUSES_S = (0.2, 0.6)
PATIENCE_S = 4.0
"""We ask again only while an answer still fits into the gateway's 29 seconds."""


def create_order_intent(uow: UnitOfWork, asked: CreateIntent) -> Asking:
    """The intent that pays an order: the open one if there is one, else a new one. Locks the order.

    Raises NotFound, NotPayable, AlreadyPaid, WrongAmount; between the transactions PaymentRefused, Unavailable.
    """
    order = orders.lock_by_number(uow, asked.order_number or "")
    rules.check_payable(is_cancelled=order.state == "cancelled", payment_state=order.payment_state)
    if asked.amount != order.total_minor:
        raise rules.WrongAmount
    known = store.lock_open(uow, order.id)
    if known is not None and known.amount_minor != order.total_minor:
        return _replace(known, asked)
    if known is not None and rules.is_abandoned(known, uow.now):
        store.give_up(uow, known.id)
        known = None
    payment = known or _open(uow, asked, order_id=order.id, amount_minor=order.total_minor, currency=order.currency)
    return _ask(payment, asked, f"Order {order.number}", organization_id=uow.organization.id)


def create_loose_intent(uow: UnitOfWork, asked: CreateIntent) -> Asking:
    """An intent for a checkout that has no order yet; bounded, and it never settles an order. Raises WrongAmount."""
    rules.check_loose_amount(asked.amount)
    payment = _open(uow, asked, order_id=None, amount_minor=asked.amount, currency=uow.organization.currency)
    return _ask(payment, asked, uow.organization.name, organization_id=uow.organization.id)


def _open(uow: UnitOfWork, asked: CreateIntent, *, order_id: int | None, amount_minor: int, currency: str) -> Payment:
    payer = {"payer_name": asked.customer_name, "payer_email": asked.customer_email}
    return store.insert_payment(
        uow, {"order_id": order_id, "amount_minor": amount_minor, "currency": currency, **payer}
    )


def _ask(payment: Payment, asked: CreateIntent, description: str, *, organization_id: int) -> Asking:
    """Creates the intent at Stripe under the row's key, or fetches the one that the row has; the secret is never stored."""

    def fetch_or_create() -> stripe.Intent:
        if payment.provider_id is not None:
            return _checked(payment, stripe.gateway().get_intent(payment.provider_id))
        made = stripe.gateway().create_intent(
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            idempotency_key=f"intent-{payment.idempotency_key}",
            metadata={
                "payment": payment.idempotency_key,
                "order_number": asked.order_number or "",
                "organization": str(organization_id),
            },
            description=description,
        )
        return _checked(payment, made)

    return Outside(partial(_patiently, fetch_or_create), partial(_created, payment, asked))


def _checked(payment: Payment, intent: stripe.Intent) -> stripe.Intent:
    """An answer about another sum than ours is not acted on, whatever Stripe says; somebody must look into it.

    Should money have moved all the same, the webhook tells, and is recorded for what it says.
    """
    told_minor = intent.received_minor if intent.status == "succeeded" else intent.amount_minor
    if (told_minor, intent.currency) != (payment.amount_minor, payment.currency):
        count("PaymentMismatch")
        logger.error("an intent differs from its payment", extra={"payment_id": payment.id})
        raise ProviderUnavailable("stripe", "another amount than asked for", maybe_done=True)
    return intent


def _created(payment: Payment, asked: CreateIntent, uow: UnitOfWork, intent: stripe.Intent) -> IntentCreated | Asking:
    if intent.status == "succeeded":
        raise rules.AlreadyPaid
    if intent.status == "canceled":
        return _again(uow, payment, asked)
    if not store.attach(uow, payment.id, intent.id):
        raise rules.NotPayable
    return IntentCreated(client_secret=intent.client_secret, payment_intent_id=intent.id)


def _again(uow: UnitOfWork, closed: Payment, asked: CreateIntent) -> Asking:
    """Another intent in place of one that is closed at Stripe. Locks the order before the payment, as everybody does."""
    if asked.order_number is None:
        store.give_up(uow, closed.id)
        return create_loose_intent(uow, asked)
    orders.lock_by_number(uow, asked.order_number)
    store.give_up(uow, closed.id)
    return create_order_intent(uow, asked)


def _replace(outdated: Payment, asked: CreateIntent) -> Asking:
    """The order costs something else now: the old intent is cancelled at Stripe before another is made."""

    def cancelled(uow: UnitOfWork, intent: stripe.Intent | None) -> Asking:
        if intent is not None and intent.status != "canceled":
            raise rules.NotPayable("A payment of this order is being processed")
        return _again(uow, outdated, asked)

    return Outside(partial(cancel_at_provider, outdated), cancelled)


def cancel_at_provider(payment: Payment) -> stripe.Intent | None:
    """Cancels a payment's intent; the intent as it is then, also when it is too late. None when there is none."""
    if payment.provider_id is None:
        return None
    provider_id = payment.provider_id
    try:
        return stripe.gateway().cancel_intent(provider_id, idempotency_key=f"cancel-{payment.idempotency_key}")
    except ProviderRefused:
        return stripe.gateway().get_intent(provider_id)


def _patiently(ask: Callable[[], Answer]) -> Answer:
    """Asks Stripe; again after a moment while another request runs under the same key, or after a mishap.

    Raises PaymentRefused; Unavailable at once when Stripe is known to be away, with the time to come back.
    """
    started = time.monotonic()
    for pause_s in (*PAUSES_S, None):
        try:
            return ask()
        except ProviderRefused as refused:
            logger.warning("payment refused", extra={"code": refused.code})
            raise rules.PaymentRefused from refused
        except ProviderUnavailable as error:
            if pause_s is None or error.retry_after_s or time.monotonic() - started > PATIENCE_S:
                sentence, retry_after_s = (
                    "The payment provider cannot be reached; please try again",
                    error.retry_after_s,
                )
                raise Unavailable(sentence, retry_after_s=math.ceil(retry_after_s or 2)) from error
            time.sleep(pause_s)
    raise AssertionError("unreachable")


def confirm(uow: UnitOfWork, asked: ConfirmPayment) -> PaymentConfirmed | Outside[Any, PaymentConfirmed]:
    """Whether an intent has paid an order. Raises NotFound when it is not this order's, NotSucceeded, Unavailable.

    Ten statements in the transaction that records a success, four before it.
    """
    payment = store.find_by_provider(uow, asked.payment_intent_id)
    if payment is None or payment.order_id is None:
        raise rules.NoSuchPayment
    if payment.state == "succeeded":
        return _confirmation(orders.get(uow, payment.order_id), asked)

    def fetch() -> stripe.Intent:
        return _checked(payment, stripe.gateway().get_intent(asked.payment_intent_id))

    return Outside(partial(_patiently, fetch), partial(_confirmed, payment, asked))


def _confirmed(payment: Payment, asked: ConfirmPayment, uow: UnitOfWork, intent: stripe.Intent) -> PaymentConfirmed:
    if intent.status != "succeeded":
        raise rules.NotSucceeded(status=rules.state_of_intent(intent.status, intent.failure_code))
    order = take_in(uow, payment, told_by_intent(intent, at=uow.now))
    assert order is not None
    return _confirmation(order, asked)


def _confirmation(order: Order, asked: ConfirmPayment) -> PaymentConfirmed:
    if order.number != asked.order_number:
        raise rules.NoSuchPayment
    if order.state == "cancelled":
        return PaymentConfirmed(success=False, message="The order was cancelled; the payment will be returned")
    if order.payment_state == "paid":
        return PaymentConfirmed(success=True, message="Payment confirmed")
    return PaymentConfirmed(success=False, message=f"The order's payment is {order.payment_state}")


def told_by_intent(intent: stripe.Intent, *, at: datetime) -> Told:
    """What an intent, as fetched, says. Final states only count: its others have no time by the provider's clock."""
    state = rules.state_of_intent(intent.status, intent.failure_code)
    movement = Movement("charge", intent.id, intent.received_minor, intent.currency) if state == "succeeded" else None
    fact = Fact(state, at) if state in rules.FINAL else None
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


def converge(uow: UnitOfWork, told: Told) -> None:
    """Takes in what Stripe says about a payment: state, entry, and what they mean for its order. May be repeated.

    Webhooks, their repetitions and the answers to our questions all come here, in any order, and end alike. An intent
    that is none of ours changes nothing.
    """
    found = store.find_by_provider(uow, told.provider_id, told.reference)
    if found is not None:
        take_in(uow, found, told)
    elif told.reference is not None:
        count("PaymentUnknown")
        logger.warning("unknown payment", extra={"provider_id": told.provider_id})


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
    fact = told.fact if told.fact is not None and rules.is_news(payment, told.fact) else None
    if fact is None and told.movement is None:
        return None
    is_new = store.record(uow, payment.id, provider_id=told.provider_id, fact=fact, movement=told.movement)
    movement = told.movement if is_new else None
    if fact is None and movement is None:
        return None
    if movement is not None:
        _note_movement(uow, payment, movement)
    counts = movement if movement is not None and movement.currency == payment.currency else None
    return Account(payment, account.balance.after(fact, counts), account.due_minor)


def _note_movement(uow: UnitOfWork, payment: Payment, movement: Movement) -> None:
    uow.audit(f"payment.{movement.kind}", "payment", payment.id, after=movement.as_row())
    expected = (payment.amount_minor, payment.currency)
    if movement.kind == "charge" and (movement.amount_minor, movement.currency) != expected:
        count("PaymentMismatch")
        logger.error("a charge differs from its payment", extra={"payment_id": payment.id})


def settle_order(uow: UnitOfWork, order: Order, accounts: list[Account]) -> tuple[Order, int]:
    """Records what a locked order's payments mean: its payment state, and what we hold and have to return.

    Surplus that can be returned by nobody but us becomes store credit at once; the rest is flagged. The order as it is now,
    and the sum still to be returned.
    """
    accounts = closing.close_waiting(uow, order, accounts)
    settled = _settled(order, accounts)
    is_stopped = order.stopped_because is not None
    if rules.becomes_paid(payment_state=order.payment_state, is_stopped=is_stopped, settled=settled):
        order = _paid(uow, order)
    returned = returns.return_dues(uow, order, accounts, settled.dues)
    if returned is not accounts:
        accounts, settled = returned, _settled(order, returned)
    if settled.is_returned and order.stopped_because is None:
        order = orders.record_payment(uow, order, settled.payment_state, is_returned=True)
    elif rules.may_record(order.payment_state, settled.payment_state, is_returned=settled.is_returned):
        order = orders.record_payment(uow, order, settled.payment_state)
    known = {account.payment.id: account.due_minor for account in accounts}
    _flag(uow, order, [due for due in settled.dues if due.amount_minor != known[due.payment_id]])
    return order, settled.due_minor


def _settled(order: Order, accounts: list[Account]) -> rules.Settlement:
    balances = [account.balance for account in accounts]
    return rules.settle(total_minor=order.total_minor, is_cancelled=order.state == "cancelled", balances=balances)


def _paid(uow: UnitOfWork, order: Order) -> Order:
    """The order once it is paid, which it is first even when we hear of the refund before the charge."""
    orders.record_payment(uow, order, "paid")
    if order.state != "cancelled":
        uow.publish(OrderPaid(order_id=order.id).message())
        uow.tell(Paid(order_id=order.id))
    return orders.get(uow, order.id)


def _flag(uow: UnitOfWork, order: Order, dues: list[RefundDue]) -> None:
    """Writes down what has to go back; staff and the alarm see it, the money is not lost sight of."""
    if not dues:
        return
    store.set_dues(uow, dues)
    for due in dues:
        after = {"order": order.number, "reason": due.reason, "amount_minor": due.amount_minor}
        uow.audit("payment.refund_due", "payment", due.payment_id, after=after)
        if due.amount_minor:
            count("RefundDue", reason=due.reason)
            logger.warning("a payment has to go back", extra={"payment_id": due.payment_id, "reason": due.reason})


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
