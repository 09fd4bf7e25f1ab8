"""Endpoints of consent to text messages."""

from chalicelib.kernel.access import PUBLIC, SIGNED_BY
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import Invalid, TooManyRequests
from chalicelib.kernel.shapes import NoBody
from chalicelib.kernel.throttle import Limit
from chalicelib.messaging.consent import rules, service
from chalicelib.messaging.consent.shapes import IncomingText, OptIn, OptInAnswer, WordingView

ASKED = "Thank you. Unless the number is confirmed already, it gets a text message: reply YES to confirm"


@endpoint("GET", "/api/sms-optin", allow=PUBLIC)
def get_sms_wording(call: Call[NoBody]) -> WordingView:
    """What the consent form must show; the form sends the version back, and both become part of the proof."""
    version = rules.CURRENT_WORDING
    return WordingView(version=version, wording=service.wording(call.uow, version))


@endpoint(
    "POST",
    "/api/sms-optin",
    allow=PUBLIC,
    errors=(service.ConsentMissing, Invalid, TooManyRequests),
    limit=Limit("sms-optin", calls=10),
)
def opt_in_to_sms(call: Call[OptIn]) -> OptInAnswer:
    """Keep a consent form and text the number a question; only its own YES subscribes it."""
    service.ask(call.uow, call.body, address=call.request.address)
    return OptInAnswer(success=True, message=ASKED)


@endpoint("POST", "/api/sms/inbound", allow=SIGNED_BY("twilio"), status=204, content="form")
def take_incoming_sms(call: Call[IncomingText]) -> None:
    """Twilio passes on what somebody texted us: STOP, YES and their like. Twilio itself answers them."""
    service.take_text(call.uow, call.body)
