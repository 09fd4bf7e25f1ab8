"""Purchase orders: states, numbers of lines, what is wrong with a new order. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from chalicelib.kernel.states import Machine

Status = Literal["OPEN", "PARTIAL", "RECEIVED", "CLOSED"]
LineStatus = Literal["PENDING", "PARTIAL", "RECEIVED"]
Closing = Literal["close"]

CLOSING: Machine[Status, Closing] = Machine(
    "purchase order",
    {("OPEN", "close"): "CLOSED", ("PARTIAL", "close"): "CLOSED", ("RECEIVED", "close"): "CLOSED"},
)
"""The other states follow from the lines: what was received of them says OPEN, PARTIAL or RECEIVED, in the statement that
changes it (store.py)."""

RECEIVABLE: tuple[Status, ...] = ("OPEN", "PARTIAL")
"""States in which goods are taken in."""


@dataclass(frozen=True, kw_only=True)
class NewLine:
    """A line to be ordered, its item named by id or by SKU."""

    quantity: int
    position: int
    variant_id: int | None = None
    sku: str | None = None
    unit_cost_minor: int | None = None


@dataclass(frozen=True, kw_only=True)
class NewOrder:
    """A purchase order to be made. It has at least one line, and no two with one position."""

    number: str
    warehouse_id: int
    lines: Sequence[NewLine]
    barcode: str | None = None
    vendor_name: str = ""
    expected_on: date | None = None
    notes: str = ""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the database knows of what new orders name."""

    numbers: Collection[str] = field(default_factory=frozenset)
    barcodes: Collection[str] = field(default_factory=frozenset)
    warehouse_ids: Collection[int] = field(default_factory=frozenset)
    variant_ids: Collection[int] = field(default_factory=frozenset)
    skus: Collection[str] = field(default_factory=frozenset)


def line_status(ordered: int, received: int) -> LineStatus:
    """PENDING, PARTIAL or RECEIVED."""
    if received >= ordered:
        return "RECEIVED"
    return "PARTIAL" if received else "PENDING"


def positions(given: Sequence[int | None]) -> list[int]:
    """Numbers of lines: as given, and where none is given the one after the line before."""
    numbers: list[int] = []
    for number in given:
        numbers.append(number if number is not None else (numbers[-1] if numbers else 0) + 1)
    return numbers


def like_pattern(text: str) -> str:
    """A LIKE pattern, in small letters, for texts that contain this one."""
    escaped = "".join(f"\\{sign}" if sign in "\\%_" else sign for sign in text.lower())
    return f"%{escaped}%"


def problems(orders: Sequence[NewOrder], known: Known) -> list[list[str]]:
    """What is wrong with each order: numbers and barcodes that are taken (in the list, too), records that nobody knows."""
    numbers, barcodes = set(known.numbers), set(known.barcodes)
    found = []
    for order in orders:
        found.append(list(_problems(order, numbers, barcodes, known)))
        numbers.add(order.number)
        if order.barcode is not None:
            barcodes.add(order.barcode)
    return found


def _problems(order: NewOrder, numbers: Collection[str], barcodes: Collection[str], known: Known) -> Iterator[str]:
    if order.number in numbers:
        yield f"Duplicate PO number: {order.number}"
    if order.barcode is not None and order.barcode in barcodes:
        yield f"Duplicate PO barcode: {order.barcode}"
    if order.warehouse_id not in known.warehouse_ids:
        yield f"Unknown warehouse: {order.warehouse_id}"
    for line in order.lines:
        if line.variant_id is not None and line.variant_id not in known.variant_ids:
            yield f"Unknown item: {line.variant_id}"
        elif line.variant_id is None and line.sku not in known.skus:
            yield f"Unknown SKU: {line.sku}"
