"""What payments do by themselves: take in Stripe's events, send money back, close what is not to be paid any more."""

from functools import partial

from chalicelib import orders
from chalicelib.adapters import payments as stripe
from chalicelib.adapters.errors import ProviderRefused
from chalicelib.kernel import webhooks
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Job, consumer
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders.events import OrderCancelled
from chalicelib.payments import attempts, links, looks, readers, saved, service, store
from chalicelib.payments.attempts import Closed
from chalicelib.payments.disputes import defence
from chalicelib.payments.events import (
    AttemptObsolete,
    CancellationSettled,
    CreditReviewDue,
    DisputeOpened,
    LookDue,
    RefundDue,
    StripeEventArrived,
)
from chalicelib.payments.refunds import sending
from chalicelib.payments.rules import Payment, Told


@consumer(StripeEventArrived)
def take_in_event(
    job: Job[StripeEventArrived],
) -> Outside[stripe.Intent | None, None] | Outside[stripe.Method, None] | None:
    """Reads an event and lets `service.converge` do the rest.

    Refunds and disputes name the intent alone. One that we have not heard of yet, because somebody has just paid on a link,
    is asked for: it says whose it is.
    """
    delivery = webhooks.delivery(job.uow, job.event.delivery_id)
    if delivery["event_type"] in saved.EVENTS:
        return saved.take_in(job.uow, delivery["event_type"], delivery["payload"])
    told = readers.read(delivery["event_type"], delivery["payload"])
    if told is None:
        return None
    if service.converge(job.uow, told) or told.reference is not None:
        return None
    return Outside(partial(_find_intent, told.provider_id), partial(_found, told))


def _find_intent(intent_id: str) -> stripe.Intent | None:
    try:
        return stripe.gateway().get_intent(intent_id)
    except ProviderRefused:
        return None


def _found(told: Told, uow: UnitOfWork, intent: stripe.Intent | None) -> None:
    if intent is None or intent.metadata.get("payment") is None:
        return
    now = service.told_by_intent(intent, at=uow.now, is_whole=True)
    if service.converge(uow, now):
        service.converge(uow, told)


@consumer(OrderCancelled)
def settle_cancellation(job: Job[OrderCancelled]) -> Outside[Closed, None] | None:
    """Closes at Stripe whatever a cancelled order can still be paid on, and flags what was paid already.

    Does nothing for an order that was revived meanwhile.
    """
    order = orders.lock_order(job.uow, job.event.order_id)
    if order.state != "cancelled":
        return None
    payment = store.lock_open(job.uow, order.id)
    if payment is None:
        _finish_cancellation(job.event, None, job.uow, Closed(is_closed=True))
        return None
    link_id = links.provider_id(job.uow, payment.id) if payment.is_link else None
    close = partial(attempts.close_at_stripe, payment, link_id)
    return Outside(close, partial(_finish_cancellation, job.event, payment))


def _finish_cancellation(event: OrderCancelled, payment: Payment | None, uow: UnitOfWork, closed: Closed) -> None:
    orders.lock_order(uow, event.order_id)
    if payment is not None:
        attempts.record_closed(uow, payment, closed)
    order = orders.get(uow, event.order_id)
    if order.state != "cancelled":
        return
    accounts = store.lock_accounts(uow, payment_id=None, order_id=order.id)
    order, due_minor = service.settle_order(uow, order, accounts)
    if order.state == "cancelled":
        uow.publish(CancellationSettled(order_id=order.id, reason=event.reason, refund_due_minor=due_minor).message())


@consumer(AttemptObsolete)
def close_obsolete(job: Job[AttemptObsolete]) -> Outside[Closed, None] | None:
    """Closes an intent or link at Stripe. May be repeated."""
    return looks.close_obsolete(job.uow, job.event.payment_id)


@consumer(RefundDue)
def send_refund(job: Job[RefundDue]) -> Outside[sending.Answer, None] | None:
    """Sends back what is due of a payment. May be repeated."""
    return sending.send_due(job.uow, job.event.payment_id)


@consumer(DisputeOpened)
def stage_evidence(job: Job[DisputeOpened]) -> Outside[bool, None] | None:
    """Gives Stripe what we know, for somebody to decide on. May be repeated."""
    return defence.stage(job.uow, job.event.dispute_id)


@consumer(CreditReviewDue)
def review_credit(job: Job[CreditReviewDue]) -> None:
    """Freezes a customer's credit, or lifts the freeze. May be repeated."""
    defence.review_credit(job.uow, job.event.order_id)


@consumer(LookDue)
def look(job: Job[LookDue]) -> Outside[list[stripe.Intent], None] | Outside[Told | None, None] | None:
    """Asks Stripe about what we have not heard of for long. May be repeated."""
    if job.event.kind == "payment":
        return looks.look_at_payment(job.uow, job.event.id)
    if job.event.kind == "refund":
        return looks.look_at_refund(job.uow, job.event.id)
    return looks.look_at_dispute(job.uow, job.event.id)
