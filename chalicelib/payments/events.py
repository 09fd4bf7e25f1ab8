"""What payments announce, and what arrives from Stripe."""

from typing import Literal

from chalicelib.kernel.outbox import Event
from chalicelib.kernel.webhooks import WebhookArrived


class StripeEventArrived(WebhookArrived, topic="payments.stripe_event", queue="webhooks"):
    """Stripe told us something."""


class OrderPaid(Event, topic="payments.order_paid", queue="messages"):
    """An order that is not cancelled has been paid in full."""

    order_id: int


class OrderRevived(Event, topic="payments.order_revived", queue="messages"):
    """An order that had expired unpaid stands again: its payment came after all, and its stock was there."""

    order_id: int


class PaymentReturned(Event, topic="payments.returned", queue="messages"):
    """The bank took an order's payment back after it had succeeded; so much has to be paid again."""

    order_id: int
    outstanding_minor: int


class CancellationSettled(Event, topic="payments.cancellation_settled", queue="messages"):
    """An order was cancelled and nothing more can be charged for it; `refund_due_minor` is owed to the customer."""

    order_id: int
    reason: str
    refund_due_minor: int


class LinkMade(Event, topic="payments.link_made", queue="messages"):
    """Somebody of ours made a link on which the customer can pay their order."""

    payment_id: int


class AttemptObsolete(Event, topic="payments.attempt_obsolete", queue="work"):
    """An intent or link asks for what is not to be paid any more, or has had its time: to be closed at Stripe."""

    payment_id: int


class RefundDue(Event, topic="payments.refund_due", queue="work"):
    """Money of a payment at Stripe has to go back."""

    payment_id: int


class RefundEnded(Event, topic="payments.refund_ended", queue="messages"):
    """A refund of ours has arrived, or will not arrive."""

    refund_id: int


class DisputeOpened(Event, topic="payments.dispute_opened", queue="work"):
    """A customer's bank asks about a payment or takes it back, and wants to hear our side."""

    dispute_id: int


class CreditReviewDue(Event, topic="payments.credit_review", queue="work"):
    """A dispute over an order has changed: its customer's credit may have to be frozen, or not any more."""

    order_id: int


class LookDue(Event, topic="payments.look", queue="work"):
    """We have not heard of an unfinished record for so long that we ask Stripe."""

    kind: Literal["payment", "refund", "dispute"]
    id: int


class CheckRejected(Event, topic="payments.check_rejected", queue="messages"):
    """A check was no good: it was rejected, or bounced after it had been approved."""

    order_id: int
    is_bounced: bool
    open_minor: int
    """What is left to pay."""


class PicturesDropped(Event, topic="payments.pictures_dropped", queue="work"):
    """Pictures of checks that nobody needs: `object_ids` are their keys in the object store."""

    object_ids: list[str]
