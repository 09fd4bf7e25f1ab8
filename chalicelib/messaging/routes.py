"""Endpoints of messaging."""

from chalicelib.kernel.access import SIGNED_BY
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.messaging import service
from chalicelib.messaging.shapes import StatusCallback


@endpoint("POST", "/api/sms/status-callback", allow=SIGNED_BY("twilio"), status=204, content="form")
def take_sms_status(call: Call[StatusCallback]) -> None:
    """Twilio says what became of a text message. Any order and any number of reports end in the same state."""
    service.take_report(call.uow, call.body)
