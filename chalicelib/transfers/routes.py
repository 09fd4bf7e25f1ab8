"""Endpoints of transfers: the scanners' ``/api/transfers`` and the panel's transfers between warehouses."""

from chalicelib.kernel.access import FLOOR, WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import BadRequest, NotFound
from chalicelib.kernel.shapes import NoBody
from chalicelib.transfers import service
from chalicelib.transfers.shapes import (
    RecentQuery,
    Transfer,
    Transferred,
    WarehouseTransfer,
    WarehouseTransferred,
    WarehouseTransfers,
)


@endpoint("POST", "/api/transfers/move", allow=FLOOR("transfer"), errors=(BadRequest, NotFound))
def move_between_bins(call: Call[Transfer]) -> Transferred:
    """Moves units of an item to another bin of the same warehouse.

    Units that are set aside for picks stay. Without `lot_number` the first to expire go, and units without a lot last.
    """
    return service.move(call.uow, call.body)


@endpoint(
    "POST",
    "/api/admin/inter-warehouse-transfer",
    allow=WMS_ADMIN,
    status=201,
    errors=(BadRequest, NotFound),
)
def move_between_warehouses(call: Call[WarehouseTransfer]) -> WarehouseTransferred:
    """Moves units of an item to a bin of another warehouse, at once. What orders hold at the source stays there."""
    return service.move_between_warehouses(call.uow, call.body)


@endpoint("GET", "/api/admin/inter-warehouse-transfers", allow=WMS_ADMIN)
def list_warehouse_transfers(call: Call[NoBody], query: RecentQuery) -> WarehouseTransfers:
    """The latest transfers between warehouses, the newest first."""
    return service.list_between_warehouses(call.uow, query.limit)
