"""What payments announce, and what arrives from Stripe."""

from chalicelib.kernel.outbox import Event
from chalicelib.kernel.webhooks import WebhookArrived


class StripeEventArrived(WebhookArrived, topic="payments.stripe_event", queue="webhooks"):
    """Stripe told us something."""


class OrderPaid(Event, topic="payments.order_paid", queue="messages"):
    """An order that is not cancelled has been paid in full."""

    order_id: int


class CancellationSettled(Event, topic="payments.cancellation_settled", queue="messages"):
    """An order was cancelled and nothing more can be charged for it; `refund_due_minor` is owed to the customer."""

    order_id: int
    reason: str
    refund_due_minor: int


class CheckRejected(Event, topic="payments.check_rejected", queue="messages"):
    """A check was no good: it was rejected, or bounced after it had been approved."""

    order_id: int
    is_bounced: bool
    open_minor: int
    """What is left to pay."""


class PicturesDropped(Event, topic="payments.pictures_dropped", queue="work"):
    """Pictures of checks that nobody needs: `object_ids` are their keys in the object store."""

    object_ids: list[str]
