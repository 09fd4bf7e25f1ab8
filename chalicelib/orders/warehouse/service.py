"""Use cases of the admin panel's sales orders."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib import stock
from chalicelib.catalogue import PricedItem
from chalicelib.kernel.errors import BadRequest, Conflict, NotFound
from chalicelib.kernel.paging import paged, window
from chalicelib.kernel.phones import e164
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import facts
from chalicelib.orders import store as book
from chalicelib.orders.events import OrderCancelled
from chalicelib.orders.rules import OPEN_STATES, ORDER, Line, Order, ship_address, wms_status, wms_word
from chalicelib.orders.warehouse import drafts, rules, store
from chalicelib.orders.warehouse.drafts import Draft, DraftLine
from chalicelib.orders.warehouse.shapes import (
    ChangedSalesOrder,
    NewSalesOrder,
    SalesLine,
    SalesOrderCancelled,
    SalesOrderHeader,
    SalesOrderPage,
    SalesOrderQuery,
    SalesOrderView,
)

CHANGED_MEANWHILE = "The order was changed by somebody else; please try again"
NAMES = {
    "so_number": "number",
    "so_barcode": "barcode",
    "customer_name": "delivery_name",
    "customer_phone": "delivery_phone",
    "customer_address": "billing_address",
    "ship_address": "delivery_address",
    "ship_method": "ship_method",
    "order_date": "ordered_on",
    "ship_by_date": "ship_by",
    "priority": "priority",
    "notes": "special_notes",
}
"""The panel's names of what stands in an order's header -> ours."""
NEVER_NULL = ("delivery_name", "delivery_address")
CITY = ("delivery_city", "delivery_state", "delivery_zip")
PERSONAL = frozenset({"customer_name", "customer_phone", "customer_address", "ship_address", "notes"})
"""What the audit log does not repeat: that it was changed is enough."""


def list_orders(uow: UnitOfWork, query: SalesOrderQuery) -> SalesOrderPage:
    """A page of sales orders of every channel, newest first."""
    states = None if query.status is None else rules.STATES[query.status]
    rows, total = store.list_orders(
        uow, window(query), states=states, warehouse_id=query.warehouse_id, q=query.q and query.q.strip()
    )
    return SalesOrderPage(sales_orders=[SalesOrderHeader.of(row) for row in rows], **paged(query, total))


def show(uow: UnitOfWork, order_id: int) -> SalesOrderView:
    """One sales order with its lines. Raises NotFound."""
    row = store.show(uow, order_id)
    if row is None:
        raise NotFound("Sales order not found")
    return SalesOrderView.of(row)


def create(uow: UnitOfWork, wanted: NewSalesOrder) -> SalesOrderView:
    """Writes a sales order that holds what there is; nine statements for any number of lines. Raises as `place_drafts`."""
    header = _columns(wanted, wanted.model_fields_set)
    draft = Draft(warehouse_id=wanted.warehouse_id, lines=_draft_lines(wanted.lines), **header)
    (placed,) = drafts.place_drafts(uow, [draft])
    return show(uow, placed.order_id)


def _columns(wanted: NewSalesOrder | ChangedSalesOrder, given: set[str]) -> dict[str, Any]:
    """The columns of the header that the caller gave."""
    columns = {NAMES[name]: getattr(wanted, name) for name in given if name in NAMES}
    for name in NEVER_NULL:
        if name in columns:
            columns[name] = columns[name] or ""
    if columns.get("delivery_phone"):
        columns["delivery_phone"] = _normal_phone(columns["delivery_phone"])
    return columns


def _normal_phone(text: str) -> str:
    try:
        return e164(text)
    except ValueError:
        return text


def _draft_lines(lines: Sequence[SalesLine]) -> tuple[DraftLine, ...]:
    """Sorted by their numbers, those without one last."""
    last = max((line.line_number or 0 for line in lines), default=0) + 1
    return tuple(
        DraftLine(line.quantity_ordered, variant_id=line.item_id, unit_price_minor=line.unit_price)
        for line in sorted(lines, key=lambda line: line.line_number or last)
    )


def update(uow: UnitOfWork, order_id: int, wanted: ChangedSalesOrder) -> SalesOrderView:
    """Changes an OPEN sales order; its lines, where given, are replaced and what they hold follows.

    Ten statements for any number of lines; one more when lines go for which a batch had planned picks. Raises NotFound,
    BadRequest unless it is OPEN and for duplicates, Conflict when lines or warehouse of an order that was not entered
    here are to change, and what `place_drafts` raises for lines.
    """
    order = _lock(uow, order_id)
    if order.state not in OPEN_STATES:
        raise BadRequest(f"Sales order status is {wms_status(order)}, must be OPEN to be changed")
    changed = _changed_header(order, wanted)
    moves = wanted.warehouse_id is not None and wanted.warehouse_id != order.warehouse_id
    if wanted.lines is not None or moves:
        if order.channel != "wms":
            raise Conflict(f"Order {order.number} was not entered at the warehouse; its lines are changed where it was")
        view = _rewrite(uow, order, changed, wanted)
    elif wanted.model_fields_set:
        with drafts.duplicates_refused(changed["number"], changed["barcode"]):
            store.change_header(uow, order.id, changed)
        view = show(uow, order.id)
    else:
        return show(uow, order.id)
    _note_change(uow, order, wanted, view)
    return view


def _changed_header(order: Order, wanted: ChangedSalesOrder) -> dict[str, Any]:
    """All columns of the header, changed or not. A new address replaces street, city, state and code together."""
    columns = _columns(wanted, wanted.model_fields_set)
    if columns.get("delivery_address") == ship_address(vars(order)):
        del columns["delivery_address"]
    parts = dict.fromkeys(CITY, "") if "delivery_address" in columns else {name: getattr(order, name) for name in CITY}
    return {**{name: getattr(order, name) for name in NAMES.values()}, **parts, **columns}


def _lock(uow: UnitOfWork, order_id: int) -> Order:
    found = book.lock_orders(uow, [order_id])
    if not found:
        raise NotFound("Sales order not found")
    return found[0]


def _rewrite(uow: UnitOfWork, order: Order, header: dict[str, Any], wanted: ChangedSalesOrder) -> SalesOrderView:
    warehouse_id = wanted.warehouse_id or order.warehouse_id
    priced = _new_lines(uow, order, wanted)
    rows = drafts.line_rows(priced)
    claims = [stock.Claim(-n, item.variant_id, warehouse_id, item.quantity) for n, item in enumerate(priced, 1)]
    there = stock.standing(uow, claims, [line.id for line in order.lines])
    stock.rehold(uow, there, there.given_back())
    granted = {-hold.order_line_id: hold.quantity for hold in there.grants(claims)}
    _forget(uow, order, kept=len(rows))
    columns = {
        **header,
        "warehouse_id": warehouse_id,
        "subtotal_minor": sum(item.line_total_minor for item in priced),
        "is_short": any(granted.get(n, 0) < item.quantity for n, item in enumerate(priced, 1)),
    }
    with drafts.duplicates_refused(header["number"], header["barcode"]):
        written, creator = store.rewrite(uow, order.id, columns, rows)
    stock.rehold(
        uow,
        there,
        [
            stock.HoldChange(line.id, item.variant_id, warehouse_id, granted[line.position])
            for line, item in zip(written, priced, strict=True)
            if line.position in granted
        ],
    )
    total = columns["subtotal_minor"] - order.discount_minor + order.delivery_fee_minor
    known = {**vars(order), **columns, "total_minor": total, "updated_at": uow.now, "created_by": creator}
    return SalesOrderView.of(_row_of(known, rows, written, granted))


def _new_lines(uow: UnitOfWork, order: Order, wanted: ChangedSalesOrder) -> list[PricedItem]:
    """The lines as they will be; the old ones, at their prices, when only the warehouse changes."""
    if wanted.lines is not None:
        return drafts.priced_lines(uow, _draft_lines(wanted.lines))
    names = ("product_id", "variant_id", "sku", "name", "brand", "unit_size", "quantity", "unit_price_minor")
    return [
        PricedItem(
            line=line.position, is_bulk_price=line.is_bulk_price, **{name: getattr(line, name) for name in names}
        )
        for line in order.lines
    ]


def _forget(uow: UnitOfWork, order: Order, *, kept: int) -> None:
    """Lets lines go for which a batch that is over had planned picks; only an order that was in one is asked about."""
    surplus = [line.id for line in order.lines if line.position > kept]
    if surplus and order.state == "confirmed":
        from chalicelib import picking  # which calls orders for everything else

        picking.move_shares(uow, surplus, order.lines[0].id)


def _row_of(
    known: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    written: Sequence[store.Written],
    granted: Mapping[int, int],
) -> dict[str, Any]:
    """The order as `store.show` would read it, from what was just written."""
    fresh = {"picked": 0, "packed": 0, "shipped": 0, "short": 0, "allocated": 0}
    lines = [
        {**row, **fresh, "id": line.id, "upc": line.upc, "held": granted.get(line.position, 0)}
        for row, line in zip(rows, written, strict=True)
    ]
    units = sum(row["quantity"] for row in rows)
    return {**known, "line_count": len(rows), "units": units, "units_picked": 0, "units_shipped": 0, "lines": lines}


def _note_change(uow: UnitOfWork, order: Order, wanted: ChangedSalesOrder, view: SalesOrderView) -> None:
    """Before and after of every field that was given; of personal ones that they were."""
    given = [name for name in NAMES if name in wanted.model_fields_set]
    before: dict[str, Any] = {name: _told(name, getattr(order, NAMES[name])) for name in given}
    after: dict[str, Any] = {name: _told(name, getattr(view.sales_order, name)) for name in given}
    if wanted.warehouse_id is not None:
        before["warehouse_id"], after["warehouse_id"] = order.warehouse_id, view.sales_order.warehouse_id
    if wanted.lines is not None:
        before["lines"] = [_line_told(line) for line in order.lines]
        after["lines"] = [{"sku": line.sku, "quantity": line.quantity_ordered} for line in view.lines]
    if after:
        uow.tell(facts.Changed(order_id=order.id, warehouse_id=view.sales_order.warehouse_id))
        uow.audit("order.changed", "order", order.id, before=before, after=after)


def _line_told(line: Line) -> dict[str, Any]:
    return {"sku": line.sku, "quantity": line.quantity}


def _told(name: str, value: Any) -> Any:
    return "***" if name in PERSONAL and value else value


def cancel(uow: UnitOfWork, order_id: int) -> SalesOrderCancelled:
    """Cancels a sales order that is OPEN or PICKING and gives its stock back; of its batch the other orders go on.

    What lies picked goes back to its bins. What its buyer paid is found due and told to them by payments, as with every
    cancelled order. Nine statements, twelve in picking. Raises NotFound, BadRequest in any other state, Conflict when
    somebody starts or ends its batch at this moment.
    """
    from chalicelib import picking  # which calls orders for everything else

    picks = picking.lock_picks(uow, order_id)
    order = _lock(uow, order_id)
    if not ORDER.allows(order.state, "call_off"):
        raise BadRequest(f"Cannot cancel a sales order with status {wms_status(order)}")
    if (order.state == "picking") != (picks is not None):
        raise Conflict(CHANGED_MEANWHILE)
    there = stock.standing(uow, (), [line.id for line in order.lines])
    returned = 0
    if picks is None:
        stock.rehold(uow, there, there.given_back())
    else:
        stock.post(uow, moves=picks.moves, holds=there.given_back(), allocations=picks.allocations)
        returned = picking.drop(uow, picks)
    following = ORDER.next(order.state, "call_off")
    if not store.call_off(uow, order.id, order.state, following):
        raise Conflict(CHANGED_MEANWHILE)
    uow.publish(OrderCancelled(order_id=order.id, reason="staff").message())
    uow.tell(facts.Cancelled(order_id=order.id, reason="staff"))
    after = {"reason": "staff", "state": following, "units_returned": returned}
    uow.audit("order.cancelled", "order", order.id, before={"state": order.state}, after=after)
    return SalesOrderCancelled(
        message="Sales order cancelled",
        so_id=order.id,
        so_number=order.number,
        status=wms_word(following),
        units_returned=returned,
        payment_status=order.payment_state,
    )
