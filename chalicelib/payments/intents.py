"""Card payments that a page of ours takes: the intent that pays an order, and what the page says when it is done."""

from functools import partial
from typing import Any

from chalicelib import orders
from chalicelib.adapters import payments as stripe
from chalicelib.adapters.errors import ProviderUnavailable
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import Order
from chalicelib.payments import attempts, rules, service, store
from chalicelib.payments.patience import patiently
from chalicelib.payments.rules import Payment
from chalicelib.payments.shapes import ConfirmPayment, CreateIntent, IntentCreated, PaymentConfirmed

Asking = Outside[Any, IntentCreated]


def create_order_intent(uow: UnitOfWork, asked: CreateIntent) -> Asking:
    """The intent that pays what is outstanding of an order: the open one if there is one, else a new one. Locks the order.

    A link that is open is closed at Stripe first: an order is never to be paid on two ways at once.

    Raises NotFound, NotPayable, AlreadyPaid, WrongAmount; between the transactions PaymentRefused, Unavailable.
    """
    order = orders.lock_by_number(uow, asked.order_number or "")
    outstanding_minor, known = attempts.lock_outstanding(uow, order)
    if asked.amount != outstanding_minor:
        raise rules.WrongAmount
    if known is not None and (known.is_link or known.amount_minor != outstanding_minor):
        return attempts.replace(uow, known, lambda uow: create_order_intent(uow, asked))
    if known is not None and rules.is_abandoned(known, uow.now):
        store.give_up(uow, known.id)
        known = None
    payment = known or _open(uow, asked, order_id=order.id, amount_minor=outstanding_minor, currency=order.currency)
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
            return checked(payment, stripe.gateway().get_intent(payment.provider_id))
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
        return checked(payment, made)

    return Outside(partial(patiently, fetch_or_create), partial(_created, payment, asked))


def checked(payment: Payment, intent: stripe.Intent) -> stripe.Intent:
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


def confirm(uow: UnitOfWork, asked: ConfirmPayment) -> PaymentConfirmed | Outside[Any, PaymentConfirmed]:
    """Whether an intent has paid an order. Raises NotFound when it is not this order's, NotSucceeded, Unavailable.

    Eight statements in the transaction that records a success, four before it.
    """
    payment = store.find_by_provider(uow, asked.payment_intent_id)
    if payment is None or payment.order_id is None:
        raise rules.NoSuchPayment
    if payment.state == "succeeded":
        return _confirmation(orders.get(uow, payment.order_id), asked)

    def fetch() -> stripe.Intent:
        return checked(payment, stripe.gateway().get_intent(asked.payment_intent_id))

    return Outside(partial(patiently, fetch), partial(_confirmed, payment, asked))


def _confirmed(payment: Payment, asked: ConfirmPayment, uow: UnitOfWork, intent: stripe.Intent) -> PaymentConfirmed:
    if intent.status != "succeeded":
        raise rules.NotSucceeded(status=rules.state_of_intent(intent.status, intent.failure_code))
    order = service.take_in(uow, payment, service.told_by_intent(intent, at=uow.now))
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
