"""Endpoints of payments."""

from chalicelib.kernel.access import PAYMENT_LINKS, PUBLIC, SIGNED_BY
from chalicelib.kernel.endpoint import Call, Outside, endpoint
from chalicelib.kernel.errors import NotFound, TooManyRequests, Unavailable
from chalicelib.kernel.throttle import Limit, check_limit
from chalicelib.payments import intents, service
from chalicelib.payments.links import service as links
from chalicelib.payments.rules import AlreadyPaid, NotPayable, NotSucceeded, PaymentRefused, WrongAmount
from chalicelib.payments.shapes import (
    ConfirmPayment,
    CreateIntent,
    CreateLink,
    EventReceived,
    IntentCreated,
    LinkCreated,
    PaymentConfirmed,
    StripeEvent,
)

LOOSE = Limit("loose_intent", calls=5, window_s=3600)
"""Intents without an order: nobody needs many."""


@endpoint(
    "POST",
    "/api/payments/create-intent",
    allow=PUBLIC,
    errors=(WrongAmount, NotFound, AlreadyPaid, NotPayable, PaymentRefused, TooManyRequests, Unavailable),
    limit=Limit("create_intent", calls=30),
    keeps_replies=False,
)
def create_intent(call: Call[CreateIntent]) -> IntentCreated | Outside[object, IntentCreated]:
    """Prepares a card payment. For an order every call answers with the same intent, at what has still to be paid of it.

    A payment link that was made before is closed.
    """
    if call.body.order_number is None:
        check_limit(LOOSE, call.request.address)
        return intents.create_loose_intent(call.uow, call.body)
    return intents.create_order_intent(call.uow, call.body)


@endpoint(
    "POST",
    "/api/payments/confirm",
    allow=PUBLIC,
    errors=(NotFound, NotSucceeded, PaymentRefused, TooManyRequests, Unavailable),
    limit=Limit("confirm_payment", calls=30),
)
def confirm_payment(call: Call[ConfirmPayment]) -> PaymentConfirmed | Outside[object, PaymentConfirmed]:
    """Asks Stripe whether the intent has paid this order. The caller's word changes nothing; may be repeated."""
    return intents.confirm(call.uow, call.body)


@endpoint(
    "POST",
    "/api/payments/create-link",
    allow=PAYMENT_LINKS,
    errors=(NotFound, AlreadyPaid, NotPayable, TooManyRequests),
    limit=Limit("create_link", calls=30),
    keeps_replies=False,
)
def create_link(call: Call[CreateLink]) -> LinkCreated | Outside[object, LinkCreated]:
    """Makes a page at Stripe on which an order can be paid once, for a day unless said otherwise; the same one every time.

    At what has still to be paid of the order; a card payment that was prepared before is cancelled. Customers have links for
    their own orders only. When Stripe cannot be reached, `success` is false and `fallback_url` says where else to pay.
    """
    return links.create(call.uow, call.actor, call.body)


@endpoint("POST", "/api/webhooks/stripe", allow=SIGNED_BY("stripe"))
def take_stripe_event(call: Call[StripeEvent]) -> EventReceived:
    """Keeps a Stripe event, once, and queues it. Any order and any number of deliveries end in the same state."""
    service.take_event(call.uow, call.body)
    return EventReceived()
