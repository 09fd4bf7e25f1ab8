"""What the packing endpoints read and say."""

from chalicelib.kernel.ids import Id
from chalicelib.kernel.shapes import Barcode, Quantity, Shape


class Scan(Shape):
    """An item that goes into the parcel."""

    so_id: Id
    scanned_barcode: Barcode
    quantity: Quantity = 1


class OrderReference(Shape):
    """An order."""

    so_id: Id


class PackOrder(Shape):
    """The order on the packing table."""

    so_id: int
    so_number: str
    so_barcode: str | None
    customer_name: str
    status: str
    ship_method: str | None
    ship_address: str
    warehouse_id: int


class PackLine(Shape):
    """A line on the packing table."""

    so_line_id: int
    line_number: int
    item_id: int
    sku: str
    item_name: str
    upc: str | None
    weight_lbs: float
    quantity_ordered: int
    quantity_picked: int
    quantity_packed: int
    pack_verified: bool


class PackView(Shape):
    """An order with what was picked for it and how much of it is verified."""

    sales_order: PackOrder
    lines: list[PackLine]
    calculated_weight_lbs: float
    total_items: int
    items_verified: int


class VerifiedItem(Shape):
    """What a scan counted for."""

    sku: str
    item_name: str
    quantity_verified: int
    line_complete: bool


class Progress(Shape):
    """How far an order is."""

    total_lines: int
    lines_verified: int
    all_verified: bool


class ItemVerified(Shape):
    """A scan that fits."""

    message: str
    item: VerifiedItem
    order_progress: Progress


class OrderPacked(Shape):
    """The parcel is closed."""

    message: str
    so_number: str
    status: str
    total_items: int
    calculated_weight_lbs: float
