"""Endpoints of receiving (wms contract)."""

from chalicelib.kernel.access import FLOOR
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import BadRequest, Forbidden, NotFound
from chalicelib.kernel.shapes import Barcode, NoBody
from chalicelib.receiving import service
from chalicelib.receiving.service import ReceiptGone
from chalicelib.receiving.shapes import CancelReceipts, Expected, ReceiptsCancelled, Receive, Received

RECEIVE = FLOOR("receive")


@endpoint("GET", "/api/receiving/po/{po_barcode}", allow=RECEIVE, errors=(BadRequest, NotFound))
def look_up_purchase_order(call: Call[NoBody], po_barcode: Barcode) -> Expected:
    """A purchase order with its lines, by barcode or number; one that is closed is refused."""
    return service.look_up(call.uow, po_barcode)


@endpoint("POST", "/api/receiving/receive", allow=RECEIVE, errors=(BadRequest, Forbidden, NotFound))
def receive_items(call: Call[Receive]) -> Received:
    """Takes goods in for a purchase order. More than was ordered is refused unless `allow_over_receiving` is set.

    Lines of one item are filled in their order. `warnings` name what was more than ordered, items that are tracked by lots
    and came without a lot number, and lots that are quarantined or recalled.
    """
    return service.receive(call.uow, call.body)


@endpoint("POST", "/api/receiving/cancel", allow=RECEIVE, errors=(Forbidden, ReceiptGone))
def cancel_receipts(call: Call[CancelReceipts]) -> ReceiptsCancelled:
    """Takes receipts back, all or none: their units leave the bins, the order's lines and status are as before them.

    Receipts that are unknown, of another warehouse or cancelled already are left out of `reversed`. Where orders hold more
    than is left, the youngest lose their hold and are flagged short.
    """
    return service.cancel(call.uow, call.body)
