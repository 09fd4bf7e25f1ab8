"""Endpoints of dispatch: the floor's half of ``/api/shipping``."""

from chalicelib.dispatch import service
from chalicelib.dispatch.shapes import NewShipment, ShipmentFulfilled, ShipView
from chalicelib.dispatch.store import AlreadyShipped
from chalicelib.kernel.access import FLOOR
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import BadRequest, NotFound
from chalicelib.kernel.shapes import Barcode, NoBody

SHIP = FLOOR("ship")


@endpoint("GET", "/api/shipping/order/{barcode}", allow=SHIP, errors=(BadRequest, NotFound))
def show_order_to_ship(call: Call[NoBody], barcode: Barcode) -> ShipView:
    """An order at the door, by barcode or number; packed, unless the organization ships without packing."""
    return service.show_order(call.uow, barcode)


@endpoint("POST", "/api/shipping/fulfill", allow=SHIP, errors=(BadRequest, NotFound, AlreadyShipped))
def fulfill_shipment(call: Call[NewShipment]) -> ShipmentFulfilled:
    """Records a shipment; the order is SHIPPED and its stock gone."""
    return service.fulfil(call.uow, call.body)
