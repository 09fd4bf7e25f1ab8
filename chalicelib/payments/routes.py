"""Endpoints of payments."""

from chalicelib.kernel.access import PUBLIC, SIGNED_BY
from chalicelib.kernel.endpoint import Call, Outside, endpoint
from chalicelib.kernel.errors import NotFound, TooManyRequests, Unavailable
from chalicelib.kernel.throttle import Limit, check_limit
from chalicelib.payments import service
from chalicelib.payments.rules import AlreadyPaid, NotPayable, NotSucceeded, PaymentRefused, WrongAmount
from chalicelib.payments.shapes import (
    ConfirmPayment,
    CreateIntent,
    EventReceived,
    IntentCreated,
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
    """Prepares a card payment. For an unpaid order every call answers with the same intent, at the order's total."""
    if call.body.order_number is None:
        check_limit(LOOSE, call.request.address)
        return service.create_loose_intent(call.uow, call.body)
    return service.create_order_intent(call.uow, call.body)


@endpoint(
    "POST",
    "/api/payments/confirm",
    allow=PUBLIC,
    errors=(NotFound, NotSucceeded, PaymentRefused, TooManyRequests, Unavailable),
    limit=Limit("confirm_payment", calls=30),
)
def confirm_payment(call: Call[ConfirmPayment]) -> PaymentConfirmed | Outside[object, PaymentConfirmed]:
    """Asks Stripe whether the intent has paid this order. The caller's word changes nothing; may be repeated."""
    return service.confirm(call.uow, call.body)


@endpoint("POST", "/api/webhooks/stripe", allow=SIGNED_BY("stripe"))
def take_stripe_event(call: Call[StripeEvent]) -> EventReceived:
    """Keeps a Stripe event, once, and queues it. Any order and any number of deliveries end in the same state."""
    service.take_event(call.uow, call.body)
    return EventReceived()
