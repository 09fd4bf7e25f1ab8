"""What messaging does by itself: hands messages over, takes in reports, tells customers about their orders."""

from functools import partial

from chalicelib import orders, payments
from chalicelib.kernel import webhooks
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Job, consumer
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.messaging import announcements, rules, service, store
from chalicelib.messaging.consent import rules as consent_rules
from chalicelib.messaging.consent import service as consent
from chalicelib.messaging.consent import store as consent_store
from chalicelib.messaging.events import MailDue, SmsDue, SmsReported
from chalicelib.messaging.rules import Draft, Outcome
from chalicelib.orders.events import OrderPlaced, OrderShipped
from chalicelib.payments.events import (
    CancellationSettled,
    CheckRejected,
    LinkMade,
    OrderPaid,
    OrderRevived,
    PaymentReturned,
    RefundEnded,
)


@consumer(SmsDue)
def send_sms(job: Job[SmsDue]) -> Outside[Outcome, None] | None:
    """Marks the try, asks Twilio between the transactions, records its answer. A message Twilio has is left alone.

    So is a number that said STOP, or that has not consented where consent is needed (consent/rules.py).
    """
    draft = store.begin_try(job.uow, job.event.message_id)
    if draft is None:
        return None
    return Outside(partial(service.hand_over_sms, draft), partial(_record_sms, draft))


@consumer(MailDue)
def send_mail(job: Job[MailDue]) -> Outside[Outcome, None] | None:
    """As `send_sms`, through the mail server."""
    draft = store.begin_try(job.uow, job.event.message_id)
    if draft is None:
        return None
    return Outside(partial(service.hand_over_mail, draft), partial(_record_mail, draft))


def _record_sms(draft: Draft, uow: UnitOfWork, outcome: Outcome) -> None:
    store.record_outcome(uow, draft.id, outcome)
    if outcome.error_code == consent_rules.OPTED_OUT_AT_TWILIO:
        consent.refused_by_recipient(uow, draft.recipient, outcome.provider_id or f"message {draft.id}")


def _record_mail(draft: Draft, uow: UnitOfWork, outcome: Outcome) -> None:
    store.record_outcome(uow, draft.id, outcome)
    if outcome.error_code is not None and rules.is_dead_address(outcome.error_code):
        store.suppress(uow, draft.recipient, outcome.error_code)


@consumer(SmsReported)
def take_in_report(job: Job[SmsReported]) -> None:
    """Moves the message forward. A report about a message we do not know (yet) is kept."""
    report = webhooks.delivery(job.uow, job.event.delivery_id)["payload"]
    state = rules.state_of_twilio(report["status"])
    if state is not None:
        store.record_report(job.uow, report["sid"], state, report["error_code"])
    if report["error_code"] == consent_rules.OPTED_OUT_AT_TWILIO:
        recipient = consent_store.find_recipient(job.uow, report["sid"])
        if recipient is not None:
            consent.refused_by_recipient(job.uow, recipient, report["sid"])


@consumer(OrderPlaced)
def announce_placed(job: Job[OrderPlaced]) -> None:
    """Confirms the order by mail."""
    announcements.order_placed(job.uow, orders.get(job.uow, job.event.order_id))


@consumer(OrderPaid)
def announce_paid(job: Job[OrderPaid]) -> None:
    """Thanks for the payment by mail."""
    announcements.order_paid(job.uow, orders.get(job.uow, job.event.order_id))


@consumer(OrderShipped)
def announce_shipped(job: Job[OrderShipped]) -> None:
    """Says by text message and mail that the parcel is on its way."""
    announcements.order_shipped(job.uow, orders.get(job.uow, job.event.order_id))


@consumer(CancellationSettled)
def announce_cancelled(job: Job[CancellationSettled]) -> None:
    """Says by mail that the order is cancelled and what happens to money that was paid."""
    order = orders.get(job.uow, job.event.order_id)
    announcements.order_cancelled(
        job.uow,
        order,
        reason=job.event.reason,
        refund_due_minor=job.event.refund_due_minor,
        credited_minor=payments.credited_minor(job.uow, order.id),
    )


@consumer(LinkMade)
def announce_link(job: Job[LinkMade]) -> None:
    """Sends the page on which an order can be paid; not one that was closed meanwhile."""
    payment, link = (
        payments.get_payment(job.uow, job.event.payment_id),
        payments.find_link(job.uow, job.event.payment_id),
    )
    if payment.order_id is None or link is None or link.url is None or link.closed_at is not None:
        return
    order = orders.get(job.uow, payment.order_id)
    announcements.payment_link(
        job.uow, order, amount_minor=payment.amount_minor, link=link.url, expires_at=link.expires_at
    )


@consumer(RefundEnded)
def announce_refund(job: Job[RefundEnded]) -> None:
    """Says to the customer that money is on its way back, or to staff that it did not arrive."""
    refund = payments.get_refund(job.uow, job.event.refund_id)
    payment = payments.get_payment(job.uow, refund.payment_id)
    if payment.order_id is None:
        return
    order = orders.get(job.uow, payment.order_id)
    if refund.state == "succeeded":
        announcements.refund_sent(job.uow, order, amount_minor=refund.amount_minor, reason=refund.reason)
    else:
        announcements.refund_failed(job.uow, order, amount_minor=refund.amount_minor, why=refund.failure_reason)


@consumer(PaymentReturned)
def announce_returned(job: Job[PaymentReturned]) -> None:
    """Says that a bank took a payment back."""
    order = orders.get(job.uow, job.event.order_id)
    announcements.payment_returned(
        job.uow, order, outstanding_minor=job.event.outstanding_minor, link=payments.pay_page(order.number)
    )


@consumer(OrderRevived)
def announce_revived(job: Job[OrderRevived]) -> None:
    """Says that an order that had expired stands after all."""
    announcements.order_revived(job.uow, orders.get(job.uow, job.event.order_id))


@consumer(CheckRejected)
def announce_check_rejected(job: Job[CheckRejected]) -> None:
    """Says by mail that a check was no good and the order has to be paid in another way."""
    order = orders.get(job.uow, job.event.order_id)
    announcements.check_rejected(job.uow, order, is_bounced=job.event.is_bounced, open_minor=job.event.open_minor)
