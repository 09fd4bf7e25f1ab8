"""What the look-ups read and say."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from chalicelib import catalogue, orders
from chalicelib.kernel.shapes import Instant, Shape
from chalicelib.lookups.store import FoundBin, FoundItem, FoundLine

Search = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class SearchQuery(Shape):
    """What to look for."""

    q: Search = Field("", description="A part of a name or code, in any case; nothing finds nothing")


class ItemCard(Shape):
    """An item as scanners show it."""

    item_id: int
    sku: str
    item_name: str
    description: str
    upc: str | None
    barcode_aliases: list[str]
    category: str | None
    weight_lbs: float | None
    is_active: bool
    is_lot_tracked: bool


class Units(Shape):
    """How many units."""

    quantity_on_hand: int
    quantity_allocated: int
    quantity_available: int = Field(
        description="Neither allocated to a pick, nor in quality control, damaged or barred"
    )


class ItemLocation(Units):
    """Units of the item in one bin."""

    bin_id: int
    bin_code: str
    zone_name: str | None
    warehouse_id: int
    lot_number: str | None


class ItemLookup(Shape):
    """An item and the bins of the caller's warehouses where it lies, 1,000 at most."""

    item: ItemCard
    locations: list[ItemLocation]

    @classmethod
    def of(cls, found: FoundItem) -> "ItemLookup":
        """From the row."""
        return cls(
            item=ItemCard(
                item_id=found.id,
                sku=found.sku,
                item_name=found.name,
                description=found.description,
                upc=found.codes[0] if found.has_upc else None,
                barcode_aliases=found.codes[1:] if found.has_upc else found.codes,
                category=found.category,
                weight_lbs=None if found.weight_g is None else catalogue.pounds(found.weight_g),
                is_active=found.is_active,
                is_lot_tracked=found.is_lot_tracked,
            ),
            locations=[
                ItemLocation(
                    **_same(row, "bin_id", "bin_code", "zone_name", "warehouse_id", "lot_number"), **_units(row)
                )
                for row in found.locations
            ],
        )


class BinCard(Shape):
    """A bin as scanners show it."""

    bin_id: int
    bin_code: str
    bin_barcode: str
    bin_type: str
    warehouse_id: int
    warehouse_name: str
    zone_id: int | None
    zone_name: str | None
    zone_type: str | None
    aisle: str
    row_num: str
    level_num: str
    position_num: str
    is_active: bool


class BinItem(Units):
    """Units of one item in the bin."""

    item_id: int
    sku: str
    item_name: str
    upc: str | None
    lot_number: str | None


class BinLookup(Shape):
    """A bin and what lies in it, 1,000 items at most."""

    bin: BinCard
    items: list[BinItem]

    @classmethod
    def of(cls, found: FoundBin) -> "BinLookup":
        """From the row."""
        return cls(
            bin=BinCard(
                bin_id=found.id,
                bin_code=found.code,
                bin_barcode=found.barcode,
                bin_type=found.kind,
                warehouse_id=found.warehouse_id,
                warehouse_name=found.warehouse_name,
                zone_id=found.zone_id,
                zone_name=found.zone_name,
                zone_type=found.zone_kind,
                aisle=found.aisle,
                row_num=found.row_num,
                level_num=found.level_num,
                position_num=found.position_num,
                is_active=found.is_active,
            ),
            items=[
                BinItem(**_same(row, "item_id", "sku", "item_name", "upc", "lot_number"), **_units(row))
                for row in found.items
            ],
        )


class OrderCard(Shape):
    """An order, without what only those need who pack it."""

    so_id: int
    so_number: str
    so_barcode: str | None
    customer_name: str
    status: str
    warehouse_id: int
    is_short: bool
    created_at: Instant
    tracking_number: str | None
    carrier: str | None


class OrderLineProgress(Shape):
    """How far a line is."""

    so_line_id: int
    line_number: int
    item_id: int
    sku: str
    item_name: str
    upc: str | None
    quantity_ordered: int
    quantity_allocated: int = Field(description="Units that are held for the line and not picked yet")
    quantity_picked: int
    quantity_packed: int
    quantity_shipped: int
    quantity_short: int


class OrderLookup(Shape):
    """An order and how far it is."""

    sales_order: OrderCard
    lines: list[OrderLineProgress]

    @classmethod
    def of(cls, lines: list[FoundLine]) -> "OrderLookup":
        """From its lines, of which there is at least one."""
        first = lines[0]
        return cls(
            sales_order=OrderCard(
                so_id=first.order_id,
                so_number=first.number,
                so_barcode=first.barcode,
                customer_name=first.delivery_name,
                status=orders.wms_status(first),
                warehouse_id=first.warehouse_id,
                is_short=first.is_short,
                created_at=first.placed_at,
                tracking_number=first.tracking_number,
                carrier=first.carrier,
            ),
            lines=[_progress(line) for line in lines],
        )


class ItemHit(Shape):
    """An item that a text finds."""

    item_id: int
    sku: str
    item_name: str
    upc: str | None
    category: str | None
    is_active: bool


class BinHit(Shape):
    """A bin that a text finds."""

    bin_id: int
    bin_code: str
    bin_barcode: str
    bin_type: str
    warehouse_id: int
    zone_name: str | None
    is_active: bool


def _progress(line: FoundLine) -> OrderLineProgress:
    return OrderLineProgress(
        so_line_id=line.line_id,
        line_number=line.position,
        item_id=line.variant_id,
        sku=line.sku,
        item_name=line.name,
        upc=line.upc,
        quantity_ordered=line.quantity,
        quantity_allocated=line.held,
        quantity_picked=line.picked,
        quantity_packed=line.packed,
        quantity_shipped=line.shipped,
        quantity_short=line.short,
    )


def _same(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _units(row: dict[str, Any]) -> dict[str, int]:
    return {f"quantity_{name}": row[name] for name in ("on_hand", "allocated", "available")}
