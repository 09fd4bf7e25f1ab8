"""Sales orders as the warehouse's admin panel writes and reads them."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, StrictInt, StringConstraints
from pydantic_core import PydanticCustomError

from chalicelib.kernel.ids import Id, PathId
from chalicelib.kernel.money import Amount, PriceIn
from chalicelib.kernel.paging import Paged, PageQuery
from chalicelib.kernel.shapes import Barcode, Instant, Note, OptionalText, Quantity, Shape, Text
from chalicelib.orders.rules import ship_address, wms_word
from chalicelib.orders.warehouse.rules import Status, line_status

LINES_MAX = 2000
PRIORITY_MAX = 10
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)([T ].*)?", re.ASCII | re.DOTALL)


def _day_of(value: Any) -> Any:
    """The day of a date or a time in ISO 8601: panels send either. Numbers, which pydantic takes for seconds, are neither."""
    found = _DAY.fullmatch(value) if isinstance(value, str) else None
    if value is None or found is None:
        raise PydanticCustomError("date_parsing", "Input should be a date in ISO 8601")
    return found.group(1)


def _refuse_nothing(value: Any) -> Any:
    """A field that must have a value may be left out, not emptied."""
    if value is None:
        raise PydanticCustomError("missing", "Input should not be null")
    return value


Day = Annotated[date, BeforeValidator(_day_of)]
Number = Barcode
"""What people call an order: up to 128 characters, blanks around it taken off."""
Address = Annotated[Note, StringConstraints(max_length=512)]
Priority = Annotated[StrictInt, Field(ge=0, le=PRIORITY_MAX)]
Kept = BeforeValidator(_refuse_nothing)


class SalesLine(Shape):
    """A line of a sales order: an item and how many. Without `unit_price` it costs what the catalogue says."""

    item_id: Id
    quantity_ordered: Quantity
    unit_price: PriceIn | None = None
    line_number: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = None
    """Lines are sorted by it, those without one last, and numbered from 1."""


SalesLines = Annotated[list[SalesLine], Field(min_length=1, max_length=LINES_MAX)]


class _Header(Shape):
    so_barcode: Barcode | None = None
    """What a scanner reads; unique. It stays null when it is left out: look-ups also match the number."""
    customer_name: OptionalText | None = None
    customer_phone: OptionalText | None = None
    customer_address: Address | None = None
    ship_address: Address | None = None
    ship_method: OptionalText | None = None
    order_date: Day | None = None
    ship_by_date: Day | None = None
    notes: Note | None = None


class NewSalesOrder(_Header):
    """A sales order entered at the warehouse."""

    so_number: Number
    warehouse_id: Id
    lines: SalesLines
    priority: Priority = 0


class ChangedSalesOrder(_Header):
    """What to change of an OPEN sales order. Fields that are left out stay, null empties what may be empty."""

    so_number: Annotated[Number | None, Kept] = None
    warehouse_id: Annotated[Id | None, Kept] = None
    lines: Annotated[SalesLines | None, Kept] = None
    """All lines anew; what they hold follows in the same transaction."""
    priority: Annotated[Priority | None, Kept] = None


class SalesOrderQuery(PageQuery):
    """Filters of the list."""

    status: Status | None = None
    warehouse_id: PathId | None = None
    q: Annotated[Text, StringConstraints(max_length=128)] | None = None
    """A number or barcode, in full."""


class SalesOrderHeader(Shape):
    """A sales order without its lines."""

    so_id: int
    so_number: str
    so_barcode: str | None
    status: str
    channel: str
    """Where it came from: shop, staff, sales, voice, subscription, wms, inventory."""
    payment_status: str
    warehouse_id: int
    customer_name: str
    customer_phone: str | None
    customer_address: str | None
    ship_address: str
    ship_method: str | None
    order_date: date
    ship_by_date: date | None
    priority: int
    notes: str | None
    tracking_number: str | None
    carrier: str | None
    total_amount: Amount
    is_short: bool
    """Whether it holds, or will get, less than was ordered."""
    line_count: int
    total_units: int
    units_picked: int
    units_shipped: int
    created_at: Instant
    created_by: str
    updated_at: Instant

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """From a row of store.LIST_... or store.SHOW."""
        return cls(
            so_id=row["id"],
            so_number=row["number"],
            so_barcode=row["barcode"],
            status=wms_word(row["state"]),
            channel=row["channel"],
            payment_status=row["payment_state"],
            warehouse_id=row["warehouse_id"],
            customer_name=row["delivery_name"],
            customer_phone=row["delivery_phone"],
            customer_address=row["billing_address"],
            ship_address=ship_address(row),
            ship_method=row["ship_method"],
            order_date=row["ordered_on"] or row["placed_at"].date(),
            ship_by_date=row["ship_by"],
            priority=row["priority"],
            notes=row["special_notes"],
            tracking_number=row["tracking_number"],
            carrier=row["carrier"],
            total_amount=row["total_minor"],
            is_short=row["is_short"],
            line_count=row["line_count"],
            total_units=row["units"],
            units_picked=row["units_picked"],
            units_shipped=row["units_shipped"],
            created_at=row["placed_at"],
            created_by=row["created_by"],
            updated_at=row["updated_at"],
        )


class SalesOrderLine(Shape):
    """A line and how far it is. `quantity_held` is set aside in the warehouse, `quantity_allocated` in bins, for picks."""

    so_line_id: int
    line_number: int
    item_id: int
    sku: str
    item_name: str
    upc: str | None
    quantity_ordered: int
    quantity_held: int
    quantity_allocated: int
    quantity_picked: int
    quantity_packed: int
    quantity_shipped: int
    quantity_short: int
    unit_price: Amount
    line_total: Amount
    status: str

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Self:
        """From an element of the row's lines."""
        same = {name: line[name] for name in ("picked", "packed", "shipped", "short")}
        return cls(
            so_line_id=line["id"],
            line_number=line["position"],
            item_id=line["variant_id"],
            sku=line["sku"],
            item_name=line["name"],
            upc=line["upc"],
            quantity_ordered=line["quantity"],
            quantity_held=line["held"],
            quantity_allocated=line["allocated"],
            **{f"quantity_{name}": units for name, units in same.items()},
            unit_price=line["unit_price_minor"],
            line_total=line["line_total_minor"],
            status=line_status(ordered=line["quantity"], **same),
        )


class SalesOrderView(Shape):
    """A sales order with its lines."""

    sales_order: SalesOrderHeader
    lines: list[SalesOrderLine]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """From a row of store.SHOW."""
        return cls(sales_order=SalesOrderHeader.of(row), lines=[SalesOrderLine.of(line) for line in row["lines"]])


class SalesOrderPage(Paged):
    """A page of sales orders, newest first."""

    sales_orders: list[SalesOrderHeader]


class SalesOrderCancelled(Shape):
    """The end of a sales order."""

    message: str
    so_id: int
    so_number: str
    status: str
    units_returned: int
    """Picked units that go back to their bins."""
    payment_status: str
    """What was paid is not paid back by this: it is noted as due and told to the customer."""
