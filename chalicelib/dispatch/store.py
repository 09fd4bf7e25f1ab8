"""SQL of dispatch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import psycopg
from psycopg.types.json import Jsonb

from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import State
from chalicelib.picking import PickedUnits

INSERT_SHIPMENT = """
    WITH sent AS (
        INSERT INTO shipment (order_id, warehouse_id, tracking_number, carrier, ship_method, shipped_by, shipped_at)
        VALUES (%(order_id)s, %(warehouse_id)s, %(tracking_number)s, %(carrier)s, %(ship_method)s, %(shipped_by)s, %(now)s)
        RETURNING id
    ), line AS (
        INSERT INTO shipment_line (shipment_id, order_line_id, variant_id, lot_id, quantity)
        SELECT sent.id, l.order_line_id, l.variant_id, l.lot_id, l.quantity
          FROM sent, jsonb_to_recordset(%(lines)s) AS l (order_line_id int, variant_id int, lot_id int, quantity bigint)
    )
    SELECT id FROM sent
"""

# A barcode that is one order's number and another's barcode means the barcode.
SHOW_ORDER = """
    SELECT o.id AS order_id, o.number, o.barcode, o.state, o.warehouse_id, o.delivery_name, o.delivery_address,
           o.delivery_city, o.delivery_state, o.delivery_zip, l.id AS line_id, l.position, l.variant_id, l.sku, l.name,
           l.quantity, l.picked, l.packed
      FROM sales_order o JOIN order_line l ON l.order_id = o.id
     WHERE o.id = (SELECT id FROM sales_order WHERE number = %(code)s OR barcode = %(code)s
                    ORDER BY barcode IS NOT DISTINCT FROM %(code)s DESC LIMIT 1)
     ORDER BY l.position
"""


class AlreadyShipped(Conflict):
    """The order has left."""

    code = "already_shipped"
    sentence = "Order has been shipped already"


@dataclass(frozen=True)
class ShownLine:
    """A line of an order at the door, with its order's header."""

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
    line_id: int
    position: int
    variant_id: int
    sku: str
    name: str
    quantity: int
    picked: int
    packed: int


def show_order(uow: UnitOfWork, code: str) -> list[ShownLine]:
    """The lines of an order by barcode or number; none when there is no such order."""
    return uow.fetch_all(ShownLine, SHOW_ORDER, {"code": code})


def insert_shipment(
    uow: UnitOfWork,
    *,
    order_id: int,
    warehouse_id: int,
    tracking_number: str,
    carrier: str,
    ship_method: str | None,
    units: Sequence[PickedUnits],
) -> int:
    """A shipment with its lines; its id. Raises AlreadyShipped when there is one."""
    params = {
        "order_id": order_id,
        "warehouse_id": warehouse_id,
        "tracking_number": tracking_number,
        "carrier": carrier,
        "ship_method": ship_method,
        "shipped_by": uow.actor.label,
        "lines": Jsonb([asdict(u) for u in units]),
        "now": uow.now,
    }
    try:
        shipment_id: int = uow.value(INSERT_SHIPMENT, params)
    except psycopg.errors.UniqueViolation:
        raise AlreadyShipped from None
    return shipment_id
