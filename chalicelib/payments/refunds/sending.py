"""Sending money back: what is flagged as due leaves once, whatever dies on the way and whoever asks again."""

from collections.abc import Sequence
from functools import partial

from chalicelib import orders
from chalicelib.adapters import payments as stripe
from chalicelib.adapters.errors import ProviderRefused
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.payments import disputes, readers, service
from chalicelib.payments import store as payments
from chalicelib.payments.events import RefundDue
from chalicelib.payments.intervals import FIRST
from chalicelib.payments.refunds import rules, store
from chalicelib.payments.refunds import service as refunds
from chalicelib.payments.refunds.rules import Collected, Refund
from chalicelib.payments.rules import DueReason, Payment, RefundTold, Told

Answer = stripe.Refund | ProviderRefused


class BooksApart(Unavailable):
    """Stripe knows of movements that we have not heard of yet: nothing goes back before the two agree."""

    sentence = "Stripe's figures differ from ours"


def send_due(uow: UnitOfWork, payment_id: int) -> Outside[Answer, None] | None:
    """Sends what of a payment has to go back as of now. Locks its order, then the payments. May be repeated.

    The row with its key is committed before Stripe is asked. A refund that Stripe did not answer is asked for again under
    the same key; after one that failed, nothing is sent until somebody has looked into it.
    """
    payment = payments.get_payment(uow, payment_id)
    if payment.order_id is None:
        return None
    orders.lock_order(uow, payment.order_id)
    accounts = payments.lock_accounts(uow, payment_id=payment.id, order_id=payment.order_id)
    account = next(account for account in accounts if account.payment.id == payment.id)
    known = store.list_refunds(uow, payment.id)
    refund, is_repeat = rules.waiting(known), True
    if refund is None:
        if account.due_minor <= 0 or account.payment.provider_id is None or rules.is_blocked(known):
            return None
        refund, is_repeat = _insert(uow, payment, account.due_minor, payments.due_reason(uow, payment.id)), False
    disputed_ids = disputes.list_disputed(uow, [each.payment.id for each in accounts])
    asking = partial(_send, account.payment, refund, rules.collected(accounts, disputed_ids), is_repeat=is_repeat)
    return Outside(asking, partial(_sent, account.payment, refund))


def _insert(uow: UnitOfWork, payment: Payment, amount_minor: int, reason: DueReason) -> Refund:
    refund = store.insert(
        uow,
        payment.id,
        reason=reason,
        amount_minor=amount_minor,
        currency=payment.currency,
        look_at=uow.now + FIRST,
    )
    after = {"payment_id": payment.id, "amount_minor": amount_minor, "reason": reason}
    uow.audit("refund.asked", "refund", refund.id, after=after)
    return refund


def _send(payment: Payment, refund: Refund, collected: Sequence[Collected], *, is_repeat: bool) -> Answer:
    """Runs outside a transaction. Raises ProviderUnavailable, BooksApart: try again later.

    Stripe forgets keys after a day; so a repeat looks for the refund that carries our key before it asks for another.
    """
    gateway = stripe.gateway()
    assert payment.provider_id is not None
    try:
        if is_repeat:
            made = [
                r
                for r in gateway.list_refunds(payment.provider_id)
                if r.metadata.get("refund") == refund.idempotency_key
            ]
            if made:
                return made[0]
        for ours in collected:
            _check_agreed(ours, gateway.get_charge(ours.provider_id))
        return gateway.create_refund(
            intent_id=payment.provider_id,
            amount_minor=refund.amount_minor,
            idempotency_key=f"refund-{refund.idempotency_key}",
            metadata={"refund": refund.idempotency_key, "payment": payment.idempotency_key},
        )
    except ProviderRefused as refused:
        return refused


def _check_agreed(ours: Collected, theirs: stripe.Charge) -> None:
    if not rules.agrees(
        ours,
        captured_minor=theirs.captured_minor,
        refunded_minor=theirs.refunded_minor,
        is_disputed=theirs.is_disputed,
    ):
        raise BooksApart(retry_after_s=60)


def _sent(payment: Payment, refund: Refund, uow: UnitOfWork, answer: Answer) -> None:
    if isinstance(answer, ProviderRefused):
        if store.fail(uow, refund.id, failure_reason=answer.code):
            refunds.announce(uow, refund.id, is_failed=True)
        return
    service.take_in(uow, payment, told_by(payment, answer, reference=refund.idempotency_key))


def told_by(payment: Payment, refund: stripe.Refund, *, reference: str | None = None) -> Told:
    """What a refund, as fetched, says about a payment."""
    told = RefundTold(refund.id, reference, rules.state_of(refund.status), refund.failure_reason)
    return readers.told_by_refund(
        told, intent_id=payment.provider_id or "", amount_minor=refund.amount_minor, currency=refund.currency
    )


def try_again(uow: UnitOfWork, refund_id: int) -> bool:
    """After somebody has looked into a refund that failed: what is still due of its payment is sent anew.

    False when it has not failed, or was tried again before. Raises NotFound.
    """
    refund = store.get_refund(uow, refund_id)
    if not store.retry(uow, refund.id):
        return False
    uow.audit("refund.retried", "refund", refund.id)
    uow.publish(RefundDue(payment_id=refund.payment_id).message())
    return True
