"""Endpoints of the "save me money" page."""

from chalicelib.kernel.access import PUBLIC, STAFF
from chalicelib.kernel.endpoint import Call, Outside, Redirect, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody
from chalicelib.kernel.throttle import Limit
from chalicelib.messaging.savings import rules, service
from chalicelib.messaging.savings.service import BadInvoice
from chalicelib.messaging.savings.shapes import SavingsAnswer, SavingsForm


@endpoint(
    "POST",
    "/api/save-me-money",
    allow=PUBLIC,
    content="multipart",
    max_bytes=rules.BODY_BYTES_MAX,
    errors=(BadInvoice,),
    limit=Limit("save-me-money", calls=6, window_s=600),
)
def ask_to_save_money(call: Call[SavingsForm]) -> SavingsAnswer | Outside[None, SavingsAnswer]:
    """Keep who asks and the invoice he would like to see beaten (PDF or picture, 4 MB), and tell the organization by mail."""
    return service.send_in(call.uow, call.body, address=call.request.address)


@endpoint("GET", "/api/staff/savings-requests/{savings_request_id}/invoice", allow=STAFF(), errors=(NotFound,))
def open_savings_invoice(call: Call[NoBody], savings_request_id: PathId) -> Redirect:
    """Go to the file that came with a form, by a link that works for five minutes."""
    return Redirect(service.invoice_link(call.uow, savings_request_id))
