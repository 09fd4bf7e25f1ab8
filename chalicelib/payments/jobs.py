"""What payments do by themselves: take in Stripe's events, and see to it that cancelled orders are not charged."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from chalicelib import orders
from chalicelib.adapters.payments import Intent
from chalicelib.kernel import webhooks
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Job, consumer
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders.events import OrderCancelled
from chalicelib.payments import rules, service, store
from chalicelib.payments.events import CancellationSettled, StripeEventArrived
from chalicelib.payments.rules import Fact, Movement, Payment, Told

Payload = dict[str, Any]


def _intent(payload: Payload) -> Told | None:
    """Any ``payment_intent.*``: its state at the event's time, and the charge once it has succeeded."""
    intent = payload["object"]
    state = rules.state_of_intent(intent["status"], intent["failure_code"])
    fact = Fact(state, datetime.fromtimestamp(payload["created"], UTC), intent["failure_code"])
    charge = Movement("charge", intent["id"], intent.get("amount_received", 0), intent["currency"].upper())
    return Told(intent["id"], rules.reference_of(intent["reference"]), fact, charge if state == "succeeded" else None)


def _refund(payload: Payload) -> Told | None:
    """``charge.refunded`` tells the running total; what it was before makes each event one movement of its own."""
    charge = payload["object"]
    total, before = charge["amount_refunded"], payload["before"]["amount_refunded"]
    refund = Movement("refund", f"{charge['id']}:{total}", before - total, charge["currency"].upper())
    return _about(charge, refund)


def _dispute(payload: Payload) -> Told | None:
    """``charge.dispute.created``: the bank takes the money at once, but not for a mere inquiry (status ``warning_...``)."""
    dispute = payload["object"]
    if dispute["status"].startswith("warning_"):
        return None
    return _about(dispute, Movement("dispute", dispute["id"], -dispute["amount"], dispute["currency"].upper()))


def _dispute_closed(payload: Payload) -> Told | None:
    """``charge.dispute.closed``: a dispute that was won brings the money back."""
    dispute = payload["object"]
    if dispute["status"] != "won":
        return None
    back = Movement("dispute", f"{dispute['id']}:won", dispute["amount"], dispute["currency"].upper())
    return _about(dispute, back)


def _about(record: Payload, movement: Movement) -> Told | None:
    intent_id = record.get("payment_intent")
    return None if intent_id is None else Told(intent_id, movement=movement)


READERS: dict[str, Callable[[Payload], Told | None]] = {
    "payment_intent.created": _intent,
    "payment_intent.requires_action": _intent,
    "payment_intent.processing": _intent,
    "payment_intent.payment_failed": _intent,
    "payment_intent.succeeded": _intent,
    "payment_intent.canceled": _intent,
    "charge.refunded": _refund,
    "charge.dispute.created": _dispute,
    "charge.dispute.closed": _dispute_closed,
}
"""Event type -> what it tells. Other types are kept and change nothing."""


@consumer(StripeEventArrived)
def take_in_event(job: Job[StripeEventArrived]) -> None:
    """Reads an event and lets `service.converge` do the rest."""
    delivery = webhooks.delivery(job.uow, job.event.delivery_id)
    reader = READERS.get(delivery["event_type"])
    told = None if reader is None else reader(delivery["payload"])
    if told is not None:
        service.converge(job.uow, told)


@consumer(OrderCancelled)
def settle_cancellation(job: Job[OrderCancelled]) -> Outside[Intent | None, None] | None:
    """Cancels the open intent of a cancelled order at Stripe, and flags what was paid already."""
    order = orders.lock_order(job.uow, job.event.order_id)
    payment = store.lock_open(job.uow, order.id)
    finish = partial(_finish_cancellation, job.event, payment)
    if payment is None:
        return finish(job.uow, None)
    return Outside(partial(service.cancel_at_provider, payment), finish)


def _finish_cancellation(
    event: OrderCancelled, payment: Payment | None, uow: UnitOfWork, intent: Intent | None
) -> None:
    orders.lock_order(uow, event.order_id)
    if intent is not None:
        service.converge(uow, service.told_by_intent(intent, at=uow.now))
    elif payment is not None:
        store.give_up(uow, payment.id)
    order = orders.get(uow, event.order_id)
    accounts = store.lock_accounts(uow, payment_id=None, order_id=order.id)
    order, due_minor = service.settle_order(uow, order, accounts)
    uow.publish(CancellationSettled(order_id=order.id, reason=event.reason, refund_due_minor=due_minor).message())
