"""Orders that were placed short, or lost what they held, get their share when stock arrives: the oldest first."""

from collections.abc import Sequence

from chalicelib import stock
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import rules, store
from chalicelib.orders.rules import Order
from chalicelib.stock.events import StockArrived

FILL_BATCH = 100


def fill_backorders(uow: UnitOfWork, variant_ids: Sequence[int], warehouse_id: int) -> dict[int, int]:
    """Holds what is free of these variants for the open orders of a warehouse that lack it, the oldest first.

    An order that lacks nothing any more is short no longer. Units that were held, by order line. May be repeated; looks at
    `FILL_BATCH` orders, and publishes StockArrived again where there are more. Nine statements for any number of lines;
    locks the orders with their lines, then availability.
    """
    wanted = sorted(set(variant_ids))
    due = store.list_back_ordered(uow, wanted, warehouse_id, FILL_BATCH)
    if not due:
        return {}
    orders = [o for o in store.lock_orders(uow, due) if o.is_short and rules.may_hold(o)]
    orders.sort(key=lambda order: (order.placed_at, order.id))
    wants = [
        stock.Want(line.id, line.variant_id, line.sku, line.open)
        for order in orders
        for line in order.lines
        if line.variant_id in wanted and line.open > 0
    ]
    held = stock.top_up(uow, wants, warehouse_id=warehouse_id) if wants else {}
    if not held:
        return {}
    _note(uow, orders, held)
    if len(due) == FILL_BATCH:
        uow.publish(StockArrived(variant_ids=wanted, warehouse_id=warehouse_id).message())
    return held


def refill(uow: UnitOfWork, line_ids: Sequence[int]) -> None:
    """Fills what these lines' warehouses lack of their variants: stock that came before their orders were flagged short.

    May be repeated.
    """
    for warehouse_id, variant_ids in store.list_variants_of_lines(uow, line_ids).items():
        fill_backorders(uow, variant_ids, warehouse_id)


def _note(uow: UnitOfWork, orders: Sequence[Order], held: dict[int, int]) -> None:
    there: dict[int, int] = {}
    for hold in stock.held_for(uow, [line.id for order in orders for line in order.lines]):
        there[hold.order_line_id] = there.get(hold.order_line_id, 0) + hold.quantity
    whole = [order.id for order in orders if rules.is_whole(order, there)]
    if whole:
        store.set_whole(uow, whole)
    for order in orders:
        units = sum(held.get(line.id, 0) for line in order.lines)
        if units:
            uow.audit(
                "order.filled",
                "order",
                order.id,
                before={"is_short": True},
                after={"is_short": order.id not in whole, "units": units},
            )
