"""What the panel's purchase-order endpoints read and say."""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from chalicelib.kernel.ids import Id, PathId
from chalicelib.kernel.money import Amount, PriceIn
from chalicelib.kernel.paging import Paged, PageQuery
from chalicelib.kernel.shapes import Barcode, Day, Instant, Note, OptionalText, Quantity, Shape
from chalicelib.purchasing.rules import LineStatus, NewLine, NewOrder, Status, line_status, positions
from chalicelib.purchasing.store import ShownLine, ShownOrder

LINES_MAX = 2000
LineNumber = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class LineEntry(Shape):
    """A line of an order. Without a number it comes after the line before it."""

    item_id: Id
    quantity_ordered: Quantity
    unit_cost: PriceIn | None = None
    line_number: LineNumber | None = None


Lines = Annotated[list[LineEntry], Field(min_length=1, max_length=LINES_MAX)]


def _new_lines(lines: list[LineEntry]) -> list[NewLine]:
    numbers = positions([line.line_number for line in lines])
    return [
        NewLine(
            quantity=line.quantity_ordered,
            position=number,
            variant_id=line.item_id,
            unit_cost_minor=line.unit_cost,
        )
        for line, number in zip(lines, numbers, strict=True)
    ]


def _check_numbers(lines: list[LineEntry] | None) -> None:
    numbers = positions([line.line_number for line in lines or ()])
    if len(set(numbers)) != len(numbers):
        raise ValueError("Two lines have the same line_number")


class CreateOrder(Shape):
    """A new purchase order."""

    po_number: Barcode
    warehouse_id: Id
    lines: Lines
    po_barcode: Barcode | None = None
    vendor_name: OptionalText | None = None
    expected_date: Day | None = None
    notes: Note | None = None

    @model_validator(mode="after")
    def _numbered(self) -> Self:
        _check_numbers(self.lines)
        return self

    def new_order(self) -> NewOrder:
        """The order as the service takes it."""
        return NewOrder(
            number=self.po_number,
            warehouse_id=self.warehouse_id,
            lines=_new_lines(self.lines),
            barcode=self.po_barcode,
            vendor_name=self.vendor_name or "",
            expected_on=self.expected_date,
            notes=self.notes or "",
        )


class OrderChanges(Shape):
    """What is to be another way; what is left out stays.

    `null` empties barcode, vendor, date and notes; number, warehouse and lines cannot be empty, there it means that they
    stay. Lines replace all lines there are.
    """

    po_number: Barcode | None = None
    warehouse_id: Id | None = None
    lines: Lines | None = None
    po_barcode: Barcode | None = None
    vendor_name: OptionalText | None = None
    expected_date: Day | None = None
    notes: Note | None = None

    @model_validator(mode="after")
    def _numbered(self) -> Self:
        _check_numbers(self.lines)
        return self

    def fields(self) -> dict[str, Any]:
        """Fields of the header and their new values."""
        emptied: dict[str, Any] = {
            "barcode": ("po_barcode", self.po_barcode),
            "vendor_name": ("vendor_name", self.vendor_name or ""),
            "expected_on": ("expected_date", self.expected_date),
            "notes": ("notes", self.notes or ""),
        }
        given = {name: value for name, (sent, value) in emptied.items() if sent in self.model_fields_set}
        kept = {"number": self.po_number, "warehouse_id": self.warehouse_id}
        return given | {name: value for name, value in kept.items() if value is not None}

    def new_lines(self) -> list[NewLine] | None:
        """The lines to be, or None when they stay."""
        return None if self.lines is None else _new_lines(self.lines)


class OrderQuery(PageQuery):
    """Which purchase orders. `q` is part of a number or a vendor's name."""

    status: Status | None = None
    warehouse_id: PathId | None = None
    q: Annotated[str, StringConstraints(max_length=200)] | None = None


class OrderHeader(Shape):
    """A purchase order without its lines."""

    po_id: int
    po_number: str
    po_barcode: str | None
    vendor_name: str | None
    status: Status
    expected_date: date | None
    warehouse_id: int
    notes: str | None
    created_at: Instant
    received_at: Instant | None = Field(description="When the last of its units came")
    created_by: str

    @classmethod
    def of(cls, order: ShownOrder) -> "OrderHeader":
        """From the row."""
        return cls(**header_fields(order))


def header_fields(order: ShownOrder) -> dict[str, Any]:
    """The fields of a header in the contract's words."""
    return {
        "po_id": order.id,
        "po_number": order.number,
        "po_barcode": order.barcode,
        "vendor_name": order.vendor_name or None,
        "status": order.status,
        "expected_date": order.expected_on,
        "warehouse_id": order.warehouse_id,
        "notes": order.notes or None,
        "created_at": order.created_at,
        "received_at": order.received_at,
        "created_by": order.created_by,
    }


class LineView(Shape):
    """A line of a purchase order, and what has come of it."""

    po_line_id: int
    line_number: int
    item_id: int
    sku: str
    item_name: str
    upc: str | None
    quantity_ordered: int
    quantity_received: int
    quantity_remaining: int
    unit_cost: Amount | None
    status: LineStatus

    @classmethod
    def of(cls, line: ShownLine) -> "LineView":
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
            unit_cost=line.unit_cost_minor,
            status=line_status(line.quantity, line.received),
        )


class OrderView(Shape):
    """A purchase order with its lines."""

    purchase_order: OrderHeader
    lines: list[LineView]

    @classmethod
    def of(cls, order: ShownOrder) -> "OrderView":
        """From the row."""
        return cls(purchase_order=OrderHeader.of(order), lines=[LineView.of(line) for line in order.lines])


class ChangedOrder(OrderHeader):
    """A purchase order as it is after a change."""

    lines: list[LineView]

    @classmethod
    def of(cls, order: ShownOrder) -> "ChangedOrder":
        """From the row."""
        return cls(**header_fields(order), lines=[LineView.of(line) for line in order.lines])


class OrderPage(Paged):
    """A page of purchase orders. `total` stops counting 10,000 orders after the page, a search at its newest 1,000."""

    purchase_orders: list[OrderHeader]


class StatusChanged(Shape):
    """An order was closed or reopened."""

    message: str
    po_id: int
    status: Status
