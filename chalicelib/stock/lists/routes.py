"""Stock as the warehouse's panel lists it."""

from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.paging import paged, window
from chalicelib.kernel.shapes import NoBody
from chalicelib.stock.lists import store
from chalicelib.stock.lists.shapes import InventoryPage, InventoryQuery, InventoryView


@endpoint("GET", "/api/admin/inventory", allow=WMS_ADMIN)
def list_inventory(call: Call[NoBody], query: InventoryQuery) -> InventoryPage:
    """What lies in every bin, by item and lot; what is nowhere is left out."""
    rows, total = store.list_inventory(
        call.uow,
        query.q,
        {
            **window(query),
            "warehouse_id": query.warehouse_id,
            "item_id": query.item_id,
            "bin_id": query.bin_id,
        },
    )
    return InventoryPage(inventory=[InventoryView.of(row) for row in rows], **paged(query, total))
