"""Use cases of the packing table."""

from collections.abc import Sequence

from chalicelib import catalogue, orders
from chalicelib.kernel.errors import BadRequest, NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import LineProgress, Order
from chalicelib.packing import rules, store
from chalicelib.packing.shapes import (
    ItemVerified,
    OrderPacked,
    PackLine,
    PackOrder,
    PackView,
    Progress,
    VerifiedItem,
)

NOT_READY = "Order is not ready for packing. Current status: {}"


def show_order(uow: UnitOfWork, code: str) -> PackView:
    """An order by barcode or number. Raises NotFound, BadRequest unless it is PICKED."""
    lines = store.show_order(uow, code)
    if not lines or not uow.actor.sees_warehouse(lines[0].warehouse_id):
        raise NotFound("Order not found")
    if lines[0].state != "picked":
        raise BadRequest(NOT_READY.format(orders.wms_status(lines[0])))
    return PackView(
        sales_order=_header(lines[0]),
        lines=[_line(line) for line in lines],
        calculated_weight_lbs=catalogue.pounds(sum(line.weight_g * line.picked for line in lines)),
        total_items=sum(line.picked for line in lines),
        items_verified=sum(line.packed for line in lines),
    )


def _header(line: store.ShownLine) -> PackOrder:
    address = (line.delivery_address, line.delivery_city, line.delivery_state, line.delivery_zip)
    return PackOrder(
        so_id=line.order_id,
        so_number=line.number,
        so_barcode=line.barcode,
        customer_name=line.delivery_name,
        status="PICKED",
        ship_method=line.ship_method,
        ship_address=", ".join(part for part in address if part),
        warehouse_id=line.warehouse_id,
    )


def _line(line: store.ShownLine) -> PackLine:
    return PackLine(
        so_line_id=line.line_id,
        line_number=line.position,
        item_id=line.variant_id,
        sku=line.sku,
        item_name=line.name,
        upc=line.upc,
        weight_lbs=catalogue.pounds(line.weight_g),
        quantity_ordered=line.quantity,
        quantity_picked=line.picked,
        quantity_packed=line.packed,
        pack_verified=line.packed >= line.picked,
    )


def verify(uow: UnitOfWork, order_id: int, scanned: str, quantity: int) -> ItemVerified:
    """Counts scanned units as verified, in six statements.

    Raises NotFound for an unknown order or barcode, BadRequest when the item is not on the order, when more is scanned
    than was picked, and unless the order is PICKED.
    """
    order = _lock_picked(uow, order_id)
    variant_ids = [v.id for v in catalogue.variants_by_barcode(uow, scanned)]
    if not variant_ids:
        raise NotFound("Item not found")
    lines = [line for line in order.lines if line.variant_id in variant_ids]
    given = rules.spread(lines, quantity)
    _check_fits(lines, given, quantity)
    orders.add_progress(uow, [LineProgress(line_id, packed=units) for line_id, units in given.items()])
    left = {line.id: rules.to_verify(line) - given.get(line.id, 0) for line in order.lines}
    verified = sum(units == 0 for units in left.values())
    last = [line for line in lines if line.id in given][-1]
    return ItemVerified(
        message="Item verified",
        item=VerifiedItem(
            sku=last.sku, item_name=last.name, quantity_verified=quantity, line_complete=left[last.id] == 0
        ),
        order_progress=Progress(total_lines=len(left), lines_verified=verified, all_verified=verified == len(left)),
    )


def _check_fits(lines: Sequence[orders.Line], given: dict[int, int], quantity: int) -> None:
    if not lines:
        raise BadRequest("Item not found on this order")
    if not given:
        raise BadRequest("Item already fully verified on this order")
    if (remaining := sum(given.values())) < quantity:
        raise BadRequest(f"Over-pack: only {remaining} items remaining to verify")


def complete(uow: UnitOfWork, order_id: int) -> OrderPacked:
    """Closes the parcel, in seven statements. Raises NotFound, BadRequest while picked units are not verified."""
    order = _lock_picked(uow, order_id)
    unverified = sum(rules.to_verify(line) for line in order.lines)
    if unverified:
        raise BadRequest(f"Cannot complete packing - {unverified} items not yet verified")
    total = sum(line.picked for line in order.lines)
    weight = catalogue.pounds(store.weigh(uow, order.id))
    orders.advance(uow, [order], "pack")
    uow.audit("order.packed", "order", order.id, before={"state": order.state}, after={"items": total})
    return OrderPacked(
        message="Order packed successfully",
        so_number=order.number,
        status="PACKED",
        total_items=total,
        calculated_weight_lbs=weight,
    )


def _lock_picked(uow: UnitOfWork, order_id: int) -> Order:
    order = orders.lock_order(uow, order_id)
    if not uow.actor.sees_warehouse(order.warehouse_id):
        raise NotFound("Order not found")
    if order.state != "picked":
        raise BadRequest(NOT_READY.format(orders.wms_status(order)))
    return order
