"""Looking for ourselves: what we have not heard of for long is asked at Stripe, until it has come to an end.

Webhooks tell us sooner. But one may be lost, an answer too, and a link ends only because we end it.
"""

from functools import partial

from chalicelib import orders
from chalicelib.adapters import payments as stripe
from chalicelib.adapters.errors import ProviderRefused
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.payments import attempts, links, readers, rules, service, store
from chalicelib.payments.disputes import store as disputes
from chalicelib.payments.events import AttemptObsolete, LookDue, RefundDue
from chalicelib.payments.intervals import GIVEN_UP_AFTER
from chalicelib.payments.refunds import sending
from chalicelib.payments.refunds import store as refunds
from chalicelib.payments.rules import DisputeTold, Payment, Told

BATCH = 50


def queue_looks(uow: UnitOfWork) -> int:
    """Queues what it is time to look at, `BATCH` of each kind at most; how much. A schedule's work; may be repeated.

    The older something is, the less often: after a quarter of an hour, then each time it is as old again, at least daily.
    Links that have had their time are closed, and intents that nobody has paid for a month.
    """
    due = store.list_looks(uow, BATCH)
    for found in due:
        if found.kind == "payment" and uow.now - found.created_at > GIVEN_UP_AFTER:
            uow.publish(AttemptObsolete(payment_id=found.id).message())
        else:
            uow.publish(LookDue(kind=found.kind, id=found.id).message())
    expired = store.list_expired_links(uow, BATCH)
    for payment_id in expired:
        uow.publish(AttemptObsolete(payment_id=payment_id).message())
    return len(due) + len(expired)


def look_at_payment(uow: UnitOfWork, payment_id: int) -> Outside[list[stripe.Intent], None] | None:
    """Asks Stripe how an unfinished payment stands. One whose creation was never answered is given up."""
    payment = store.get_payment(uow, payment_id)
    if not payment.is_open or payment.provider != "stripe":
        return None
    link_id = links.provider_id(uow, payment.id) if payment.is_link else None
    if payment.provider_id is None and link_id is None:
        if rules.is_abandoned(payment, uow.now):
            _give_up(uow, payment)
        return None
    return Outside(partial(_intents_of, payment, link_id), partial(_looked, payment))


def _give_up(uow: UnitOfWork, payment: Payment) -> None:
    if payment.order_id is not None:
        orders.lock_order(uow, payment.order_id)
    if payment.is_link:
        links.close(uow, payment.id)
    store.give_up(uow, payment.id)


def _intents_of(payment: Payment, link_id: str | None) -> list[stripe.Intent]:
    gateway = stripe.gateway()
    known = [payment.provider_id] if payment.provider_id else []
    paid = [] if link_id is None else [s.intent_id for s in gateway.list_sessions(link_id) if s.status == "complete"]
    try:
        return [gateway.get_intent(intent_id) for intent_id in dict.fromkeys([*known, *paid]) if intent_id]
    except ProviderRefused as refused:
        count("PaymentUnknown")
        logger.error("Stripe does not know an intent", extra={"payment_id": payment.id, "code": refused.code})
        return []


def _looked(payment: Payment, uow: UnitOfWork, intents: list[stripe.Intent]) -> None:
    for intent in intents:
        service.take_in(uow, payment, service.told_by_intent(intent, at=uow.now, is_whole=True))


def look_at_refund(uow: UnitOfWork, refund_id: int) -> Outside[Told | None, None] | None:
    """Asks Stripe how a refund stands; one that it has not answered is asked for again, under the same key."""
    refund = refunds.get_refund(uow, refund_id)
    payment = store.get_payment(uow, refund.payment_id)
    if refund.provider_id is None:
        if refund.state == "asked":
            uow.publish(RefundDue(payment_id=payment.id).message())
        return None
    fetch = partial(_refund_told, payment, refund.provider_id)
    return Outside(fetch, partial(_take_in, payment))


def _refund_told(payment: Payment, refund_id: str) -> Told:
    return sending.told_by(payment, stripe.gateway().get_refund(refund_id))


def look_at_dispute(uow: UnitOfWork, dispute_id: int) -> Outside[Told | None, None] | None:
    """Asks Stripe how a dispute stands."""
    known = disputes.get_dispute(uow, dispute_id)
    payment = store.get_payment(uow, known.payment_id)
    asked_at = uow.now

    def fetch() -> Told:
        found = stripe.gateway().get_dispute(known.provider_id)
        told = DisputeTold(
            provider_id=found.id,
            reason=found.reason,
            status=found.status,
            at=asked_at,
            amount_minor=found.amount_minor,
            currency=found.currency,
            evidence_due_at=found.evidence_due_at,
        )
        return readers.told_by_dispute(told, intent_id=payment.provider_id or "")

    return Outside(fetch, partial(_take_in, payment))


def _take_in(payment: Payment, uow: UnitOfWork, told: Told | None) -> None:
    if told is not None:
        service.take_in(uow, payment, told)


def close_obsolete(uow: UnitOfWork, payment_id: int) -> Outside[attempts.Closed, None] | None:
    """Closes an intent or link at Stripe that asks for what is not to be paid any more, or has had its time.

    What is being paid just now is left alone: what comes of it is returned, or revives its order.
    """
    payment = store.get_payment(uow, payment_id)
    if payment.provider != "stripe":
        return None
    link = links.find_link(uow, payment.id) if payment.is_link else None
    if not _is_obsolete(uow, payment, link):
        return None
    close = partial(attempts.close_at_stripe, payment, None if link is None else link.provider_id)
    return Outside(close, partial(_closed, payment))


def _is_obsolete(uow: UnitOfWork, payment: Payment, link: links.PaymentLink | None) -> bool:
    if link is not None and link.closed_at is None and (not payment.is_open or link.expires_at <= uow.now):
        return True
    if not payment.is_open:
        return False
    if payment.order_id is None:
        return uow.now - payment.created_at > GIVEN_UP_AFTER
    order = orders.lock_order(uow, payment.order_id)
    accounts = store.lock_accounts(uow, payment_id=payment.id, order_id=order.id)
    balances = [account.balance for account in accounts]
    settled = rules.settle(total_minor=order.total_minor, is_cancelled=False, balances=balances)
    is_changed = payment.amount_minor != settled.outstanding_minor
    return order.state == "cancelled" or is_changed or uow.now - payment.created_at > GIVEN_UP_AFTER


def _closed(payment: Payment, uow: UnitOfWork, closed: attempts.Closed) -> None:
    attempts.record_closed(uow, payment, closed)
