"""Endpoints of the admin panel's sales orders."""

from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import BadRequest, Conflict, IntegrityViolation, NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody
from chalicelib.orders.warehouse import service
from chalicelib.orders.warehouse.shapes import (
    ChangedSalesOrder,
    NewSalesOrder,
    SalesOrderCancelled,
    SalesOrderPage,
    SalesOrderQuery,
    SalesOrderView,
)


@endpoint("GET", "/api/admin/sales-orders", allow=WMS_ADMIN)
def list_sales_orders(call: Call[NoBody], query: SalesOrderQuery) -> SalesOrderPage:
    """Sales orders of every channel, newest first."""
    return service.list_orders(call.uow, query)


@endpoint("POST", "/api/admin/sales-orders", allow=WMS_ADMIN, errors=(BadRequest, IntegrityViolation))
def create_sales_order(call: Call[NewSalesOrder]) -> SalesOrderView:
    """Enters a sales order. It holds what there is of its items and waits for the rest."""
    return service.create(call.uow, call.body)


@endpoint("GET", "/api/admin/sales-orders/{order_id}", allow=WMS_ADMIN, errors=(NotFound,))
def show_sales_order(call: Call[NoBody], order_id: PathId) -> SalesOrderView:
    """A sales order with its lines: what they hold, and how far they are."""
    return service.show(call.uow, order_id)


@endpoint(
    "PUT",
    "/api/admin/sales-orders/{order_id}",
    allow=WMS_ADMIN,
    errors=(BadRequest, NotFound, Conflict, IntegrityViolation),
)
def change_sales_order(call: Call[ChangedSalesOrder], order_id: PathId) -> SalesOrderView:
    """Changes a sales order while it is OPEN. Lines that are given replace all lines."""
    return service.update(call.uow, order_id, call.body)


@endpoint("POST", "/api/admin/sales-orders/{order_id}/cancel", allow=WMS_ADMIN, errors=(BadRequest, NotFound, Conflict))
def cancel_sales_order(call: Call[NoBody], order_id: PathId) -> SalesOrderCancelled:
    """Cancels a sales order while it is OPEN or PICKING; its stock is free again, and picked units return to their bins."""
    return service.cancel(call.uow, order_id)
