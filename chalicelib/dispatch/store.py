"""SQL of dispatch."""

from collections.abc import Sequence
from dataclasses import asdict

import psycopg
from psycopg.types.json import Jsonb

from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.uow import UnitOfWork
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


class AlreadyShipped(Conflict):
    """The order has left."""

    code = "already_shipped"
    sentence = "Order has been shipped already"


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
