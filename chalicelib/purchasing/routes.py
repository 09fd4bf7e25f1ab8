"""Endpoints of purchasing: the panel's purchase orders (wms contract)."""

from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import BadRequest, Conflict, IntegrityViolation, NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.paging import paged
from chalicelib.kernel.shapes import NoBody
from chalicelib.purchasing import service
from chalicelib.purchasing.service import NumberTaken
from chalicelib.purchasing.shapes import (
    ChangedOrder,
    CreateOrder,
    OrderChanges,
    OrderHeader,
    OrderPage,
    OrderQuery,
    OrderView,
    StatusChanged,
)


@endpoint("GET", "/api/admin/purchase-orders", allow=WMS_ADMIN)
def list_purchase_orders(call: Call[NoBody], query: OrderQuery) -> OrderPage:
    """Purchase orders, newest first."""
    orders, total = service.list_orders(call.uow, query)
    return OrderPage(purchase_orders=[OrderHeader.of(order) for order in orders], **paged(query, total))


@endpoint("GET", "/api/admin/purchase-orders/{po_id}", allow=WMS_ADMIN, errors=(NotFound,))
def show_purchase_order(call: Call[NoBody], po_id: PathId) -> OrderView:
    """One purchase order with its lines."""
    return OrderView.of(service.get_order(call.uow, po_id))


@endpoint("POST", "/api/admin/purchase-orders", allow=WMS_ADMIN, errors=(NumberTaken, IntegrityViolation))
def create_purchase_order(call: Call[CreateOrder]) -> OrderView:
    """Creates a purchase order with its lines. Without a barcode it is found by its number."""
    return OrderView.of(service.create_order(call.uow, call.body.new_order()))


@endpoint(
    "PUT",
    "/api/admin/purchase-orders/{po_id}",
    allow=WMS_ADMIN,
    errors=(BadRequest, NotFound, NumberTaken, Conflict, IntegrityViolation),
)
def update_purchase_order(call: Call[OrderChanges], po_id: PathId) -> ChangedOrder:
    """Changes a purchase order while it is OPEN. Lines that are given replace all there are."""
    return ChangedOrder.of(service.update_order(call.uow, po_id, call.body))


@endpoint("POST", "/api/admin/purchase-orders/{po_id}/close", allow=WMS_ADMIN, errors=(NotFound, Conflict))
def close_purchase_order(call: Call[NoBody], po_id: PathId) -> StatusChanged:
    """Closes a purchase order: nothing is received for it any more."""
    status = service.close_order(call.uow, po_id)
    return StatusChanged(message="Purchase order closed", po_id=po_id, status=status)


@endpoint("POST", "/api/admin/purchase-orders/{po_id}/reopen", allow=WMS_ADMIN, errors=(NotFound, Conflict))
def reopen_purchase_order(call: Call[NoBody], po_id: PathId) -> StatusChanged:
    """Opens a closed purchase order again. Its status is what was received of it: OPEN, PARTIAL or RECEIVED."""
    status = service.reopen_order(call.uow, po_id)
    return StatusChanged(message="Purchase order reopened", po_id=po_id, status=status)
