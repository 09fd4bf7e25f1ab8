"""SQL of packing."""

from dataclasses import dataclass

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import State

# A barcode that is one order's number and another's barcode means the barcode.
SHOW_ORDER = """
    SELECT o.id AS order_id, o.number, o.barcode, o.state, o.warehouse_id, o.delivery_name, o.delivery_address,
           o.delivery_city, o.delivery_state, o.delivery_zip, o.ship_method, l.id AS line_id, l.position, l.variant_id,
           l.sku, l.name, l.quantity, l.picked, l.packed, coalesce(v.weight_g, 0) AS weight_g,
           (SELECT c.code FROM barcode c WHERE c.variant_id = v.id AND c.kind = 'gtin' ORDER BY c.id LIMIT 1) AS upc
      FROM sales_order o
      JOIN order_line l ON l.order_id = o.id
      JOIN variant v ON v.id = l.variant_id
     WHERE o.id = (SELECT id FROM sales_order WHERE number = %(code)s OR barcode = %(code)s
                    ORDER BY barcode IS NOT DISTINCT FROM %(code)s DESC LIMIT 1)
     ORDER BY l.position
"""
WEIGH = """
    SELECT coalesce(sum(l.picked * coalesce(v.weight_g, 0)), 0)::bigint AS grams
      FROM order_line l JOIN variant v ON v.id = l.variant_id
     WHERE l.order_id = %(order_id)s
"""


@dataclass(frozen=True)
class ShownLine:
    """A line of an order for the packing table, with its order's header."""

    order_id: int
    number: str
    barcode: str | None
    state: State
    warehouse_id: int
    delivery_name: str
    delivery_address: str
    delivery_city: str
    delivery_state: str
    delivery_zip: str
    ship_method: str | None
    line_id: int
    position: int
    variant_id: int
    sku: str
    name: str
    quantity: int
    picked: int
    packed: int
    weight_g: int
    upc: str | None


def show_order(uow: UnitOfWork, code: str) -> list[ShownLine]:
    """The lines of an order by barcode or number; none when there is no such order."""
    return uow.fetch_all(ShownLine, SHOW_ORDER, {"code": code})


def weigh(uow: UnitOfWork, order_id: int) -> int:
    """Grams of what was picked for an order, as far as weights are known."""
    grams: int = uow.value(WEIGH, {"order_id": order_id})
    return grams
