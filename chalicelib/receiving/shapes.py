"""What the receiving endpoints read and say."""

from datetime import date
from typing import Annotated

from pydantic import Field

from chalicelib.kernel.ids import Id
from chalicelib.kernel.shapes import Instant, LotNumber, Note, Quantity, Shape
from chalicelib.purchasing import ShownLine, ShownOrder, Status, line_status

ITEMS_MAX = 2000


class ReceivedItem(Shape):
    """Units of an item that were put into a bin."""

    item_id: Id
    quantity: Quantity
    bin_id: Id
    lot_number: LotNumber | None = None
    serial_number: LotNumber | None = None
    notes: Note | None = None


class Receive(Shape):
    """Goods that came for a purchase order. A `warehouse_id` must be the order's."""

    po_id: Id
    items: Annotated[list[ReceivedItem], Field(min_length=1, max_length=ITEMS_MAX)]
    warehouse_id: Id | None = None


class CancelReceipts(Shape):
    """Receipts to be taken back. Scanners say as well where they are working; receipts of elsewhere are left alone."""

    receipt_ids: Annotated[list[Id], Field(max_length=ITEMS_MAX)]
    po_id: Id | None = None
    warehouse_id: Id | None = None


class ExpectedOrder(Shape):
    """A purchase order as the dock sees it."""

    po_id: int
    po_number: str
    po_barcode: str | None
    vendor_name: str | None
    status: Status
    expected_date: date | None
    warehouse_id: int
    notes: str | None
    created_at: Instant


class ExpectedLine(Shape):
    """A line of it, and what has come already."""

    po_line_id: int
    line_number: int
    item_id: int
    sku: str
    item_name: str
    upc: str | None
    quantity_ordered: int
    quantity_received: int
    quantity_remaining: int
    status: str

    @classmethod
    def of(cls, line: ShownLine) -> "ExpectedLine":
        """From the row."""
        return cls(
            po_line_id=line.id,
            line_number=line.position,
            item_id=line.variant_id,
            sku=line.sku,
            item_name=line.name,
            upc=line.upc,
            quantity_ordered=line.quantity,
            quantity_received=line.received,
            quantity_remaining=max(0, line.quantity - line.received),
            status=line_status(line.quantity, line.received),
        )


class Expected(Shape):
    """What is to come for a purchase order."""

    purchase_order: ExpectedOrder
    lines: list[ExpectedLine]

    @classmethod
    def of(cls, order: ShownOrder) -> "Expected":
        """From the row."""
        return cls(
            purchase_order=ExpectedOrder(
                po_id=order.id,
                po_number=order.number,
                po_barcode=order.barcode,
                vendor_name=order.vendor_name or None,
                status=order.status,
                expected_date=order.expected_on,
                warehouse_id=order.warehouse_id,
                notes=order.notes or None,
                created_at=order.created_at,
            ),
            lines=[ExpectedLine.of(line) for line in order.lines],
        )


class Received(Shape):
    """Goods are in. One receipt for each item that was sent, or more where it fills several lines of the order."""

    message: str
    receipt_ids: list[int]
    po_status: Status
    warnings: list[str]


class ReceiptsCancelled(Shape):
    """Receipts were taken back."""

    message: str
    reversed: int
