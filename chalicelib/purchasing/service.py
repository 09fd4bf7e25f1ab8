"""Use cases of purchasing. What other contexts may call stands in ``__init__``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg

from chalicelib.kernel.errors import BadRequest, Conflict, IntegrityViolation, NotFound
from chalicelib.kernel.paging import window
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.purchasing import facts, rules, store
from chalicelib.purchasing.rules import CLOSING, NewLine, NewOrder, Status
from chalicelib.purchasing.shapes import OrderChanges, OrderQuery
from chalicelib.purchasing.store import PurchaseOrder, ShownOrder


class NumberTaken(BadRequest):
    """Numbers and barcodes of purchase orders are unique in the organization."""

    code = "duplicate_number"
    sentence = "Duplicate PO number or barcode"


@contextmanager
def _refused(orders: Sequence[NewOrder | PurchaseOrder]) -> Iterator[None]:
    """Says in our words what the database refuses: NumberTaken, IntegrityViolation. The transaction is lost then."""
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        is_barcode = error.diag.constraint_name == "purchase_order_barcode"
        named = (
            f"Duplicate PO barcode: {orders[0].barcode}" if is_barcode else f"Duplicate PO number: {orders[0].number}"
        )
        raise NumberTaken(named if len(orders) == 1 else None) from None
    except (psycopg.errors.ForeignKeyViolation, psycopg.errors.NotNullViolation):
        raise IntegrityViolation from None


def check_orders(uow: UnitOfWork, orders: Sequence[NewOrder]) -> list[list[str]]:
    """What is wrong with each of these new orders, as sentences; nothing is written.

    Taken numbers and barcodes, in the books or earlier in the list, and unknown warehouses and items. One statement for
    any number of orders.
    """
    return rules.problems(orders, store.find_known(uow, orders))


def create_orders(uow: UnitOfWork, orders: Sequence[NewOrder]) -> list[int]:
    """Makes purchase orders, in one statement for any number; their ids in the order given. All or none.

    Raises NumberTaken, IntegrityViolation for a warehouse or item that is not there: ask `check_orders` which.
    """
    with _refused(orders):
        made = store.create_orders(uow, orders)
    for po_id, order in zip(made, orders, strict=True):
        uow.audit("purchase_order.created", "purchase_order", po_id, after=_said(order, order.lines))
        uow.tell(facts.Created(purchase_order_id=po_id, warehouse_id=order.warehouse_id))
    return made


def _said(order: NewOrder | PurchaseOrder, lines: Sequence[NewLine] | None = None) -> dict[str, Any]:
    """An order as the audit log keeps it."""
    said: dict[str, Any] = {
        "number": order.number,
        "barcode": order.barcode,
        "vendor_name": order.vendor_name,
        "warehouse_id": order.warehouse_id,
        "expected_on": order.expected_on and order.expected_on.isoformat(),
        "notes": order.notes,
    }
    if lines is not None:
        said["lines"] = [
            {"position": n.position, "item_id": n.variant_id, "sku": n.sku, "quantity": n.quantity}
            | {"unit_cost_minor": n.unit_cost_minor}
            for n in lines
        ]
    return said


def create_order(uow: UnitOfWork, order: NewOrder) -> ShownOrder:
    """Makes one purchase order and shows it. Raises as `create_orders` does."""
    [po_id] = create_orders(uow, [order])
    return get_order(uow, po_id)


def get_order(uow: UnitOfWork, po_id: int) -> ShownOrder:
    """An order with its lines. Raises NotFound."""
    shown = store.show_order(uow, po_id)
    if shown is None:
        raise NotFound("Purchase order not found")
    return shown


def find_by_code(uow: UnitOfWork, code: str) -> ShownOrder:
    """The order that a barcode, else a number names, of those at the caller's warehouses. Raises NotFound."""
    found = next((o for o in store.list_by_code(uow, code) if uow.actor.sees_warehouse(o.warehouse_id)), None)
    if found is None:
        raise NotFound("Purchase order not found")
    return found


def list_orders(uow: UnitOfWork, query: OrderQuery) -> tuple[list[ShownOrder], int]:
    """A page of orders without their lines, newest first, and how many there are. A search finds the newest 1,000."""
    text = (query.q or "").strip()
    return store.list_orders(
        uow,
        window(query),
        status=query.status,
        warehouse_id=query.warehouse_id,
        pattern=rules.like_pattern(text) if text else None,
    )


def update_order(uow: UnitOfWork, po_id: int, changes: OrderChanges) -> ShownOrder:
    """Changes an order that is OPEN; lines that are given replace all there are.

    Two at once: one after the other. Raises NotFound, BadRequest unless it is OPEN, NumberTaken, IntegrityViolation,
    Conflict when lines are to be replaced against which units were received, even if that was cancelled.
    """
    before = _lock(uow, po_id)
    if before.status != "OPEN":
        raise BadRequest(f"Can only change purchase orders that are OPEN. Current status: {before.status}")
    given = changes.fields()
    lines = changes.new_lines()
    if not given and lines is None:
        raise BadRequest("No fields to change")
    after = replace(before, **given)
    with _refused([after]):
        if given:
            store.update_order(uow, after)
        replaced = None if lines is None else _delete_lines(uow, before)
        if lines is not None:
            store.insert_lines(uow, po_id, lines)
    uow.audit(
        "purchase_order.updated",
        "purchase_order",
        po_id,
        before=_said(before, replaced),
        after=_said(after, lines),
    )
    return get_order(uow, po_id)


def _delete_lines(uow: UnitOfWork, order: PurchaseOrder) -> list[NewLine]:
    try:
        return [NewLine(**line) for line in store.delete_lines(uow, order.id)]
    except psycopg.errors.ForeignKeyViolation:
        raise Conflict(
            f"Lines of purchase order {order.number} cannot be replaced: units were received against them"
        ) from None


def close_order(uow: UnitOfWork, po_id: int) -> Status:
    """Closes an order, whatever has come of it; its status now. Raises NotFound, Conflict when it is closed already."""
    order = _lock(uow, po_id)
    following = CLOSING.next(order.status, "close", "Purchase order is already CLOSED")
    store.close_order(uow, po_id)
    _audit_status(uow, order, following, "purchase_order.closed")
    return following


def reopen_order(uow: UnitOfWork, po_id: int) -> Status:
    """Opens a closed order again; its status is what its lines say: OPEN, PARTIAL or RECEIVED.

    Raises NotFound, Conflict unless it is closed.
    """
    order = _lock(uow, po_id)
    if order.status != "CLOSED":
        raise Conflict(f"Only CLOSED purchase orders can be reopened. Current status: {order.status}")
    following = store.reopen_order(uow, po_id)
    _audit_status(uow, order, following, "purchase_order.reopened")
    return following


def _lock(uow: UnitOfWork, po_id: int) -> PurchaseOrder:
    order = store.lock_order(uow, po_id)
    if order is None:
        raise NotFound("Purchase order not found")
    return order


def _audit_status(uow: UnitOfWork, order: PurchaseOrder, following: Status, action: str) -> None:
    uow.audit(action, "purchase_order", order.id, before={"status": order.status}, after={"status": following})
    tell_status(uow, order, following)


def tell_status(uow: UnitOfWork, order: PurchaseOrder, following: Status) -> None:
    """Tells of a status that is another one now."""
    if following != order.status:
        told = facts.StatusChanged(purchase_order_id=order.id, warehouse_id=order.warehouse_id, status=following)
        uow.tell(told)
