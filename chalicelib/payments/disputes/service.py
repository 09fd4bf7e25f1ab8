"""Taking disputes in: what is news is written down, and those who have to do something are told."""

from chalicelib.kernel.log import count, logger
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.payments.disputes import rules, store
from chalicelib.payments.events import CreditReviewDue, DisputeOpened
from chalicelib.payments.intervals import FIRST
from chalicelib.payments.rules import DisputeTold, Payment


def take_in(uow: UnitOfWork, payment: Payment, told: DisputeTold) -> None:
    """Takes in what Stripe says about a dispute over a locked payment. May be repeated, in any order.

    The money itself moves in the ledger. A dispute that was lost is booked there already, and stays.
    """
    known = store.find_dispute(uow, told.provider_id)
    if not rules.is_news(known, told):
        return
    dispute_id = store.write(uow, payment.id, told, look_at=uow.now + FIRST)
    before = None if known is None else {"status": known.status}
    after = {"status": told.status, "reason": told.reason, "amount_minor": told.amount_minor, "payment_id": payment.id}
    uow.audit("payment.dispute_status", "dispute", dispute_id, before=before, after=after)
    if known is None:
        count("PaymentDisputed")
        logger.warning("a payment is disputed", extra={"payment_id": payment.id, "dispute_id": dispute_id})
    if rules.wants_evidence(told, known):
        uow.publish(DisputeOpened(dispute_id=dispute_id).message())
    if payment.order_id is not None:
        uow.publish(CreditReviewDue(order_id=payment.order_id).message())
