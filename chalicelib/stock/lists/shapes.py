"""What the warehouse's panel sees of stock (wms contract)."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field

from chalicelib.kernel.ids import PathId
from chalicelib.kernel.paging import Paged, PageQuery
from chalicelib.kernel.shapes import Instant, Shape


class InventoryQuery(PageQuery):
    """Filters of the inventory."""

    warehouse_id: PathId | None = None
    item_id: PathId | None = None
    bin_id: PathId | None = None
    q: Annotated[str, Field(max_length=64)] | None = None
    """How an item's SKU begins, or its barcode."""


class InventoryView(Shape):
    """What lies of an item and lot in a bin."""

    inventory_id: int
    item_id: int
    sku: str
    item_name: str
    warehouse_id: int
    bin_id: int
    bin_code: str
    zone_name: str | None
    lot_number: str | None
    quantity_on_hand: int
    quantity_allocated: int
    """Set aside for picks."""
    quantity_available: int
    """In this bin. What of it orders hold is counted for the warehouse, not for a bin."""
    updated_at: Instant

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """From its row."""
        return cls(**row)


class InventoryPage(Paged):
    """A page of the inventory: warehouse by warehouse, bin by bin."""

    inventory: list[InventoryView]
