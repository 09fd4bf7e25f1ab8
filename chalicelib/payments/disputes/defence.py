"""Our side of a dispute, and what follows from it for the customer's credit."""

from functools import partial

from chalicelib import orders
from chalicelib.adapters import payments as stripe
from chalicelib.adapters.errors import ProviderRefused
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.log import logger
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.payments import store as payments
from chalicelib.payments.disputes import rules, store
from chalicelib.payments.disputes.rules import Dispute, Said
from chalicelib.payments.events import CreditReviewDue


def stage(uow: UnitOfWork, dispute_id: int, *, is_final: bool = False) -> Outside[bool, None] | None:
    """Gives Stripe what we know about a disputed order, as evidence that waits for somebody's decision. May be repeated.

    `is_final` sends it to the bank, once and for all; an operator's decision, never ours.
    """
    dispute = store.get_dispute(uow, dispute_id)
    payment = payments.get_payment(uow, dispute.payment_id)
    if payment.order_id is None or dispute.status not in rules.ANSWERABLE:
        return None
    order = orders.get(uow, payment.order_id)
    evidence = rules.evidence(order, _said(uow, order.id))
    return Outside(partial(_submit, dispute, evidence, is_final=is_final), partial(_staged, dispute, is_final=is_final))


def _said(uow: UnitOfWork, order_id: int) -> list[Said]:
    from chalicelib import messaging

    return [
        Said(message.created_at, message.channel, message.subject or message.kind, message.state)
        for message in messaging.messages_of_order(uow, order_id)
    ]


def _submit(dispute: Dispute, evidence: rules.Evidence, *, is_final: bool) -> bool:
    """Whether Stripe took it; a dispute that was decided meanwhile takes none."""
    key = f"evidence-{dispute.provider_id}-{'final' if is_final else rules.digest(evidence)}"
    try:
        stripe.gateway().stage_evidence(dispute.provider_id, evidence, is_final=is_final, idempotency_key=key)
    except ProviderRefused as refused:
        logger.warning("evidence refused", extra={"dispute_id": dispute.id, "code": refused.code})
        return False
    return True


def _staged(dispute: Dispute, uow: UnitOfWork, is_taken: bool, *, is_final: bool) -> None:
    if is_taken:
        store.note_staged(uow, dispute.id)
        uow.audit("dispute.evidence", "dispute", dispute.id, after={"is_final": is_final})


def review_credit(uow: UnitOfWork, order_id: int) -> None:
    """Freezes the credit of an order's customer, or lifts the freeze, as their disputes are now. Locks the customer."""
    customer_id = orders.get(uow, order_id).customer_id
    if customer_id is not None:
        orders.review_credit(uow, customer_id, is_frozen=partial(store.has_freezing, uow, customer_id))


def forgive(uow: UnitOfWork, dispute_id: int) -> bool:
    """Lets a dispute that was lost freeze its customer's credit no longer; whether it did. Raises NotFound, Conflict."""
    dispute = store.get_dispute(uow, dispute_id)
    if dispute.status != "lost":
        raise Conflict(f"The dispute is {dispute.status}")
    if not store.forgive(uow, dispute.id):
        return False
    uow.audit("dispute.forgiven", "dispute", dispute.id)
    payment = payments.get_payment(uow, dispute.payment_id)
    if payment.order_id is not None:
        uow.publish(CreditReviewDue(order_id=payment.order_id).message())
    return True
