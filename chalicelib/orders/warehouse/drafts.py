"""Sales orders as the warehouse enters them: one by one, or thousands at once, in the same few statements.

They hold what there is, in the order given, and are back-ordered for the rest. Nobody waits for their payment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

import psycopg

from chalicelib import catalogue, stock
from chalicelib.catalogue import PricedItem, Quote
from chalicelib.kernel.errors import BadRequest, IntegrityViolation, Invalid
from chalicelib.kernel.money import AMOUNT_MAX
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import facts
from chalicelib.orders.events import OrderPlaced
from chalicelib.orders.warehouse import store
from chalicelib.orders.warehouse.store import Written


@dataclass(frozen=True)
class DraftLine:
    """An item by id or SKU and how many. Without a price it costs what the catalogue says."""

    quantity: int
    variant_id: int | None = None
    sku: str | None = None
    unit_price_minor: int | None = None


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A sales order not yet written."""

    number: str
    warehouse_id: int
    lines: tuple[DraftLine, ...]
    barcode: str | None = None
    delivery_name: str = ""
    delivery_phone: str | None = None
    delivery_address: str = ""
    billing_address: str | None = None
    ship_method: str | None = None
    ordered_on: date | None = None
    ship_by: date | None = None
    priority: int = 0
    special_notes: str | None = None

    def header(self) -> dict[str, Any]:
        """Its columns, without number, warehouse and lines."""
        left_out = ("number", "warehouse_id", "lines")
        return {name: value for name, value in vars(self).items() if name not in left_out}


@dataclass(frozen=True)
class Placed:
    """A draft that was written; `lines` and `held` in the order of its lines."""

    order_id: int
    number: str
    lines: tuple[Written, ...]
    priced: tuple[PricedItem, ...]
    held: tuple[int, ...]

    @property
    def is_short(self) -> bool:
        """Whether it holds less than it wants."""
        return sum(self.held) < sum(item.quantity for item in self.priced)


@dataclass
class _Work:
    """A draft on its way."""

    draft: Draft
    priced: list[PricedItem]
    held: list[int] = field(default_factory=list)


def check_drafts(uow: UnitOfWork, drafts: Sequence[Draft]) -> list[list[str]]:
    """What is wrong with each draft, in sentences; an empty list where nothing is. Two statements for any number.

    Numbers and barcodes that are taken or given twice, warehouses that are not there or closed, items that are not there
    or archived. What passes can only be refused for what others do meanwhile.
    """
    numbers, barcodes = _counted(d.number for d in drafts), _counted(d.barcode for d in drafts if d.barcode)
    there = store.taken(uow, list(numbers), list(barcodes), sorted({d.warehouse_id for d in drafts}))
    quotes = iter(_quotes(uow, drafts))
    found = []
    for draft in drafts:
        wrong = []
        if draft.number in there.numbers or numbers[draft.number] > 1:
            wrong.append(f"Duplicate SO number: {draft.number}")
        if draft.barcode is not None and (draft.barcode in there.barcodes or barcodes[draft.barcode] > 1):
            wrong.append(f"Duplicate SO barcode: {draft.barcode}")
        if draft.warehouse_id not in there.warehouse_ids:
            wrong.append(f"Warehouse not found: {draft.warehouse_id}")
        wrong += [sentence for line in draft.lines if (sentence := _why_not(line, next(quotes)))]
        found.append(wrong)
    return found


def _counted(codes: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for code in codes:
        counts[code] = counts.get(code, 0) + 1
    return counts


def _quotes(uow: UnitOfWork, drafts: Sequence[Draft]) -> list[Quote | None]:
    lines = [line for draft in drafts for line in draft.lines]
    return catalogue.quoted(
        uow, [catalogue.Item(line.quantity, variant_id=line.variant_id, sku=line.sku) for line in lines]
    )


def _why_not(line: DraftLine, quote: Quote | None) -> str | None:
    if quote is None:
        return f"Item not found: {line.sku if line.variant_id is None else line.variant_id}"
    return None if quote.is_active else f"Item is archived: {quote.item.sku}"


def place_drafts(uow: UnitOfWork, drafts: Sequence[Draft]) -> list[Placed]:
    """Writes sales orders with what they hold: all or none, in four statements for any number of them.

    Raises IntegrityViolation for a warehouse or item that is not there, BadRequest for an archived item and for a number or
    barcode that is taken, Invalid for a line that costs more than an amount can hold. Locks availability in key order.
    """
    quotes = iter(_quotes(uow, drafts))
    works = [_Work(draft, _priced(draft.lines, [next(quotes) for _ in draft.lines])) for draft in drafts]
    claims = [
        stock.Claim(n, item.variant_id, work.draft.warehouse_id, item.quantity)
        for n, (work, item) in enumerate((w, item) for w in works for item in w.priced)
    ]
    there = stock.standing(uow, claims)
    granted = {hold.order_line_id: hold.quantity for hold in there.grants(claims)}
    units = iter(range(len(claims)))
    for work in works:
        work.held = [granted.get(next(units), 0) for _ in work.priced]
    placed = _write(uow, works)
    holds = [
        stock.HoldChange(line.id, item.variant_id, work.draft.warehouse_id, held)
        for work, done in zip(works, placed, strict=True)
        for line, item, held in zip(done.lines, work.priced, work.held, strict=True)
        if held
    ]
    stock.rehold(uow, there, holds)
    for work, done in zip(works, placed, strict=True):
        _tell(uow, work, done)
    return placed


def priced_lines(uow: UnitOfWork, lines: Sequence[DraftLine]) -> list[PricedItem]:
    """Lines with their prices. Raises IntegrityViolation, BadRequest, Invalid as `place_drafts` does."""
    items = [catalogue.Item(line.quantity, variant_id=line.variant_id, sku=line.sku) for line in lines]
    return _priced(lines, catalogue.quoted(uow, items))


def _priced(lines: Sequence[DraftLine], quotes: Sequence[Quote | None]) -> list[PricedItem]:
    priced = []
    for n, (line, quote) in enumerate(zip(lines, quotes, strict=True)):
        if quote is None:
            raise IntegrityViolation
        if not quote.is_active:
            raise BadRequest(_why_not(line, quote))
        item = quote.item
        if line.unit_price_minor is not None:
            item = replace(item, unit_price_minor=line.unit_price_minor, is_bulk_price=False)
        if item.line_total_minor > AMOUNT_MAX:
            sentence = "The line costs more than an order can hold"
            raise Invalid.field("lines", n, "quantity_ordered", message=sentence, type="amount_range")
        priced.append(item)
    return priced


def line_rows(priced: Sequence[PricedItem]) -> list[dict[str, Any]]:
    """Lines as the store writes them, numbered from 1."""
    return [
        {"position": n, **asdict(item), "line_total_minor": item.line_total_minor} for n, item in enumerate(priced, 1)
    ]


def _write(uow: UnitOfWork, works: Sequence[_Work]) -> list[Placed]:
    orders = [
        {
            "n": n,
            "number": work.draft.number,
            "warehouse_id": work.draft.warehouse_id,
            "is_short": sum(work.held) < sum(item.quantity for item in work.priced),
            "total_minor": sum(item.line_total_minor for item in work.priced),
            **work.draft.header(),
        }
        for n, work in enumerate(works)
    ]
    lines = [{"n": n, **row} for n, work in enumerate(works) for row in line_rows(work.priced)]
    with duplicates_refused(works[0].draft.number, works[0].draft.barcode, is_only=len(works) == 1):
        made = store.insert_many(uow, orders, lines)
    return [
        Placed(made[n][0], w.draft.number, tuple(made[n][1]), tuple(w.priced), tuple(w.held))
        for n, w in enumerate(works)
    ]


class duplicates_refused:  # noqa: N801  # reads as the function it is: with duplicates_refused(...)
    """Turns what the table refuses into what the caller reads. With several orders it cannot say which one it was."""

    def __init__(self, number: str, barcode: str | None, *, is_only: bool = True) -> None:
        self._number, self._barcode, self._is_only = number, barcode, is_only

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, psycopg.errors.NotNullViolation):
            raise IntegrityViolation from None
        if isinstance(error, psycopg.errors.UniqueViolation):
            if not self._is_only:
                raise BadRequest("Duplicate SO number or barcode") from None
            is_barcode = error.diag.constraint_name == "sales_order_barcode"
            raise BadRequest(
                f"Duplicate SO barcode: {self._barcode}" if is_barcode else f"Duplicate SO number: {self._number}"
            ) from None


def _tell(uow: UnitOfWork, work: _Work, done: Placed) -> None:
    uow.publish(OrderPlaced(order_id=done.order_id).message())
    warehouse_id = work.draft.warehouse_id
    uow.tell(facts.Placed(order_id=done.order_id, channel="wms", status="pending", warehouse_id=warehouse_id))
    total = sum(item.line_total_minor for item in work.priced)
    after: Mapping[str, Any] = {
        "number": done.number,
        "channel": "wms",
        "warehouse_id": warehouse_id,
        "total_minor": total,
        "lines": [{"sku": item.sku, "quantity": item.quantity} for item in work.priced],
        "is_short": done.is_short,
    }
    uow.audit("order.placed", "order", done.order_id, after=dict(after))
