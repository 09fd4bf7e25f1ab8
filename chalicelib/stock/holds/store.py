"""SQL of the holds: one look at what may be held and what is."""

from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.stock.rules import AvailabilityKey, Books, HoldChange

# An uncorrelated subquery runs before the rows of its query are looked at: availability is locked before the holds, which
# come back as they are then.
LOCK_STANDING = """
    WITH wanted AS (
        SELECT variant_id, warehouse_id FROM jsonb_to_recordset(%(pairs)s) AS p (variant_id int, warehouse_id int)
        UNION
        SELECT variant_id, warehouse_id FROM stock_hold WHERE order_line_id = ANY(%(order_line_ids)s)
    ), locked_availability AS MATERIALIZED (
        SELECT a.variant_id, a.warehouse_id, a.on_hand, a.held
          FROM availability a JOIN wanted USING (variant_id, warehouse_id)
         ORDER BY a.variant_id, a.warehouse_id FOR UPDATE OF a
    ), locked_hold AS MATERIALIZED (
        SELECT order_line_id, variant_id, warehouse_id, quantity
          FROM stock_hold
         WHERE order_line_id = ANY(%(order_line_ids)s) AND (SELECT count(*) FROM locked_availability) >= 0
         ORDER BY order_line_id, warehouse_id FOR UPDATE
    )
    SELECT NULL::int AS order_line_id, variant_id, warehouse_id, on_hand AS quantity, held FROM locked_availability
    UNION ALL
    SELECT order_line_id, variant_id, warehouse_id, quantity, NULL FROM locked_hold
"""


def lock_standing(
    uow: UnitOfWork, pairs: list[AvailabilityKey], order_line_ids: list[int]
) -> tuple[Books, list[HoldChange]]:
    """Availability of (variant, warehouse) pairs and of what order lines hold, and these holds; all locked."""
    keys = [{"variant_id": variant, "warehouse_id": warehouse} for variant, warehouse in pairs]
    books, held = Books(), []
    for row in uow.rows(LOCK_STANDING, {"pairs": Jsonb(keys), "order_line_ids": order_line_ids}):
        line, variant, warehouse = row["order_line_id"], row["variant_id"], row["warehouse_id"]
        if line is None:
            books.availability[variant, warehouse] = (row["quantity"], row["held"])
        else:
            books.holds[line, warehouse] = row["quantity"]
            held.append(HoldChange(line, variant, warehouse, row["quantity"]))
    return books, held
