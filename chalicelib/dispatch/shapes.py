"""What the floor's shipping endpoints read and say."""

from typing import Annotated

from pydantic import StringConstraints

from chalicelib.kernel.ids import Id
from chalicelib.kernel.shapes import OptionalText, Shape, Text

Carrier = Annotated[Text, StringConstraints(max_length=100)]


class NewShipment(Shape):
    """A parcel that leaves."""

    so_id: Id
    tracking_number: Text
    carrier: Carrier
    ship_method: OptionalText | None = None


class ShipOrder(Shape):
    """The order at the door."""

    so_id: int
    so_number: str
    so_barcode: str | None
    customer_name: str
    status: str
    ship_method: str | None
    ship_address: str
    warehouse_id: int


class ShipLine(Shape):
    """A line of the parcel."""

    so_line_id: int
    line_number: int
    item_id: int
    sku: str
    item_name: str
    quantity_ordered: int
    quantity_picked: int
    quantity_packed: int


class ShipView(Shape):
    """An order that may leave."""

    sales_order: ShipOrder
    lines: list[ShipLine]
    total_items: int
    total_lines: int


class ShipmentFulfilled(Shape):
    """A parcel that left."""

    message: str
    fulfillment_id: int
    so_number: str
    tracking_number: str
    carrier: str
    ship_method: str | None
    lines_shipped: int
    total_quantity: int
