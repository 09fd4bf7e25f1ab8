"""Endpoints of packing."""

from chalicelib.kernel.access import FLOOR
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import BadRequest, NotFound
from chalicelib.kernel.shapes import Barcode, NoBody
from chalicelib.packing import service
from chalicelib.packing.shapes import ItemVerified, OrderPacked, OrderReference, PackView, Scan

PACK = FLOOR("pack")


@endpoint("GET", "/api/packing/order/{barcode}", allow=PACK, errors=(BadRequest, NotFound))
def show_order_to_pack(call: Call[NoBody], barcode: Barcode) -> PackView:
    """An order for the packing table, by barcode or number; it must be PICKED."""
    return service.show_order(call.uow, barcode)


@endpoint("POST", "/api/packing/verify", allow=PACK, errors=(BadRequest, NotFound))
def verify_packed_item(call: Call[Scan]) -> ItemVerified:
    """Verifies an item that goes into the parcel."""
    return service.verify(call.uow, call.body.so_id, call.body.scanned_barcode, call.body.quantity)


@endpoint("POST", "/api/packing/complete", allow=PACK, errors=(BadRequest, NotFound))
def complete_packing(call: Call[OrderReference]) -> OrderPacked:
    """Marks an order as packed; everything picked must have been verified."""
    return service.complete(call.uow, call.body.so_id)
