"""Paper checks, for staff only: the pictures show whose account it is."""

from chalicelib.kernel.access import STAFF
from chalicelib.kernel.endpoint import Binary, Call, Outside, endpoint
from chalicelib.kernel.errors import NotFound, Unavailable
from chalicelib.kernel.images import BadImage
from chalicelib.kernel.shapes import NoBody
from chalicelib.payments.checks import rules, service
from chalicelib.payments.checks.shapes import CheckDecision, CheckUploaded, RejectCheck, UploadCheck
from chalicelib.payments.credit.rules import PaymentUnderWay
from chalicelib.payments.rules import AlreadyPaid, NotPayable
from chalicelib.payments.shapes import OrderNumber

BYTES_MAX = 6_000_000
"""What one call of Lambda takes (AWS Lambda quotas), both pictures and base64 included: about 4.4 MB of files."""


@endpoint(
    "POST",
    "/api/payments/upload-check",
    allow=STAFF(),
    errors=(
        NotFound,
        AlreadyPaid,
        NotPayable,
        rules.CheckWaiting,
        rules.UploadOvertaken,
        PaymentUnderWay,
        BadImage,
        Unavailable,
    ),
    content="multipart",
    max_bytes=BYTES_MAX,
)
def upload_check(call: Call[UploadCheck]) -> CheckUploaded | Outside[object, CheckUploaded]:
    """Upload both sides of a check that is to pay an order. It waits for approval, and keeps the order's stock meanwhile."""
    return service.upload(call.uow, call.body.new(), CheckUploaded.of)


@endpoint(
    "GET",
    "/api/staff/checks/{order_number}",
    allow=STAFF(),
    errors=(rules.NoSuchCheck, Unavailable),
    media_type="image/jpeg",
)
def show_check_front(call: Call[NoBody], order_number: OrderNumber) -> Binary | Outside[bytes, Binary]:
    """The front of an order's latest check."""
    return service.picture(call.uow, order_number, "front")


@endpoint(
    "GET",
    "/api/staff/checks/{order_number}/back",
    allow=STAFF(),
    errors=(rules.NoSuchCheck, Unavailable),
    media_type="image/jpeg",
)
def show_check_back(call: Call[NoBody], order_number: OrderNumber) -> Binary | Outside[bytes, Binary]:
    """The back of an order's latest check."""
    return service.picture(call.uow, order_number, "back")


@endpoint(
    "POST",
    "/api/staff/checks/{order_number}/approve",
    allow=STAFF(),
    errors=(NotFound, NotPayable, rules.CheckDecided),
)
def approve_check(call: Call[NoBody], order_number: OrderNumber) -> CheckDecision:
    """Approve the check that waits: the order is paid and confirmed. What is paid too much becomes store credit."""
    return CheckDecision.approved(service.approve(call.uow, order_number))


@endpoint(
    "POST",
    "/api/staff/checks/{order_number}/reject",
    allow=STAFF(),
    errors=(NotFound, rules.CheckDecided),
)
def reject_check(call: Call[RejectCheck], order_number: OrderNumber) -> CheckDecision:
    """Reject the check that waits: the order is to be paid in another way, and the customer is told.

    One that was approved has bounced: the order is unpaid again and nothing of it may be shipped. Within a minute of the
    approval that has to be said (`bounced`), so that nobody undoes what somebody else decides at the same moment.
    """
    decided = service.reject(call.uow, order_number, reason=call.body.reason or "", is_bounced=call.body.bounced)
    return CheckDecision.rejected(decided)
