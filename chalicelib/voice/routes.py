"""Endpoints of the voice agents."""

from chalicelib.kernel.access import KEY, SIGNED_BY
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import TooManyRequests
from chalicelib.kernel.throttle import Limit
from chalicelib.voice import service
from chalicelib.voice.rules import NoSuchOrder
from chalicelib.voice.shapes import CallComplete, CallLogged, OrderStatusAnswer, OrderStatusQuestion


@endpoint(
    "POST",
    "/api/voice/check_order_status",
    allow=KEY("voice"),
    errors=(NoSuchOrder, TooManyRequests),
    limit=Limit("voice_order_status", calls=120),
)
def check_order_status(call: Call[OrderStatusQuestion]) -> OrderStatusAnswer:
    """Says how an order stands, by its number or by the telephone number it was placed with."""
    return service.order_status(call.uow, call.body)


@endpoint("POST", "/api/voice/webhook/call-complete", allow=SIGNED_BY("elevenlabs"))
def complete_voice_call(call: Call[CallComplete]) -> CallLogged:
    """Logs a call that has ended, once per call id; its transcript goes to the object store."""
    service.log_call(call.uow, call.body)
    return CallLogged()
