"""Endpoints of the warehouses: the admin panel's ``/api/admin/warehouses``."""

from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody
from chalicelib.places.errors import CodeTaken, InUse
from chalicelib.places.warehouses import service
from chalicelib.places.warehouses.shapes import (
    ChangedWarehouse,
    Message,
    NewWarehouse,
    WarehouseDetail,
    WarehousePage,
    WarehouseQuery,
    WarehouseView,
)


@endpoint("GET", "/api/admin/warehouses", allow=WMS_ADMIN)
def browse_warehouses(call: Call[NoBody], query: WarehouseQuery) -> WarehousePage:
    """All warehouses by code, closed ones too."""
    return service.browse(call.uow, query)


@endpoint("GET", "/api/admin/warehouses/{warehouse_id}", allow=WMS_ADMIN, errors=(NotFound,))
def show_warehouse(call: Call[NoBody], warehouse_id: PathId) -> WarehouseDetail:
    """One warehouse with its zones and how many bins each has."""
    return service.show(call.uow, warehouse_id)


@endpoint("POST", "/api/admin/warehouses", allow=WMS_ADMIN, status=201, errors=(CodeTaken,))
def create_warehouse(call: Call[NewWarehouse]) -> WarehouseView:
    """Creates a warehouse; stock can move there at once."""
    return service.create(call.uow, call.body)


@endpoint("PUT", "/api/admin/warehouses/{warehouse_id}", allow=WMS_ADMIN, errors=(NotFound, CodeTaken))
def update_warehouse(call: Call[ChangedWarehouse], warehouse_id: PathId) -> WarehouseView:
    """Changes what the body names. Stock of a warehouse that is not active stays where it is and is not sold."""
    return service.update(call.uow, warehouse_id, call.body)


@endpoint("DELETE", "/api/admin/warehouses/{warehouse_id}", allow=WMS_ADMIN, errors=(NotFound, InUse))
def delete_warehouse(call: Call[NoBody], warehouse_id: PathId) -> Message:
    """Deletes a warehouse that nothing else names: one with bins, zones, stock, orders or people stays.

    One that was used can be closed instead: `is_active` false.
    """
    return service.delete(call.uow, warehouse_id)
