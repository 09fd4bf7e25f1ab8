"""SQL of the overview: every figure from an index, or from the tally of items and bins."""

from datetime import datetime, timedelta
from typing import Any

from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.overview.shapes import COUNT_MAX

# Each figure is a subquery of its own over the index made for it. Orders are counted state by state, for an index serves one
# state at a time; goods wait in staging bins, in zones where goods arrive, and in the hidden bin of surfaces without bins.
FIGURES = """
    WITH place AS MATERIALIZED (
        SELECT b.account_id FROM bin b
         WHERE b.is_active AND b.kind IN ('Staging', 'PickableStaging', 'Default')
           AND (%(warehouse_id)s::int IS NULL OR b.warehouse_id = %(warehouse_id)s)
         UNION
        SELECT b.account_id FROM zone z JOIN bin b ON b.zone_id = z.id
         WHERE z.kind IN ('RECEIVING', 'STAGING') AND b.is_active AND b.kind <> 'RobotBox'
           AND (%(warehouse_id)s::int IS NULL OR z.warehouse_id = %(warehouse_id)s)
    )
    SELECT (SELECT count(*) FROM purchase_order
             WHERE status = 'OPEN' AND (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s)) AS open_pos,
           (SELECT count(*) FROM purchase_order
             WHERE status IN ('OPEN', 'PARTIAL')
               AND (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s)) AS pending_receipts,
           (SELECT count(*) FROM (
               SELECT FROM place CROSS JOIN LATERAL (
                   SELECT FROM stock_level WHERE account_id = place.account_id AND on_hand > allocated OFFSET 0) s
                LIMIT %(most)s) waiting) AS items_awaiting_putaway,
           (SELECT count(*) FROM (
               SELECT FROM sales_order WHERE state = 'pending'
                  AND (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s) LIMIT %(most)s) o) AS pending,
           (SELECT count(*) FROM (
               SELECT FROM sales_order WHERE state = 'pending' AND (channel IN ('wms', 'staff') OR is_reserved)
                  AND (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s) LIMIT %(most)s) o) AS released,
           (SELECT count(*) FROM (
               SELECT FROM sales_order WHERE state = 'confirmed'
                  AND (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s) LIMIT %(most)s) o) AS confirmed,
           (SELECT count(*) FROM (
               SELECT FROM sales_order WHERE state = 'picking'
                  AND (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s) LIMIT %(most)s) o) AS picking,
           (SELECT count(*) FROM (
               SELECT FROM sales_order WHERE state = 'picked'
                  AND (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s) LIMIT %(most)s) o) AS picked,
           (SELECT count(*) FROM (
               SELECT FROM sales_order WHERE state = 'packed'
                  AND (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s) LIMIT %(most)s) o) AS packed,
           (SELECT coalesce(sum(number), 0)::bigint FROM tally WHERE kind = 'item') AS total_skus,
           (SELECT coalesce(sum(number), 0)::bigint FROM tally
             WHERE kind = 'bin' AND (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s)) AS total_bins,
           (SELECT count(*) FROM variant v
             WHERE v.reorder_point IS NOT NULL AND v.is_listed AND v.reorder_point > coalesce((
                   SELECT sum(a.on_hand - a.held) FROM availability a
                    WHERE a.variant_id = v.id
                      AND (%(warehouse_id)s::int IS NULL OR a.warehouse_id = %(warehouse_id)s)), 0)) AS low_stock_items,
           (SELECT count(*) FROM pick_task t JOIN pick_batch b ON b.id = t.batch_id
             WHERE t.status = 'SHORT' AND t.worked_at >= %(short_since)s
               AND (%(warehouse_id)s::int IS NULL OR b.warehouse_id = %(warehouse_id)s)) AS short_picks_7d,
           (SELECT count(*) FROM stock_adjustment
             WHERE status = 'PENDING'
               AND (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s)) AS pending_adjustments,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('at', e.at, 'actor', e.actor, 'action', e.action,
                       'entity', e.entity, 'entity_id', e.entity_id, 'username', (
                           SELECT s.username FROM staff s
                            WHERE e.actor LIKE 'staff:%%' AND s.id = split_part(e.actor, ':', 2)::int))
                       ORDER BY e.at DESC, e.id DESC), '[]')
              FROM (SELECT * FROM audit_entry ORDER BY at DESC, id DESC LIMIT %(activities)s) e) AS recent_activity
"""

SHORT_PICKS = """
    WITH short AS MATERIALIZED (
        SELECT t.*, b.warehouse_id, b.is_wave, b.created_at AS batch_created_at
          FROM pick_task t JOIN pick_batch b ON b.id = t.batch_id
         WHERE t.status = 'SHORT' AND t.worked_at >= %(since)s
           AND (%(warehouse_id)s::int IS NULL OR b.warehouse_id = %(warehouse_id)s)
         ORDER BY t.worked_at DESC, t.id DESC LIMIT %(count_max)s
    )
    SELECT (SELECT count(*) FROM short) AS total, t.id AS pick_task_id, t.batch_id, t.is_wave, t.batch_created_at,
           t.warehouse_id, t.variant_id AS item_id, v.sku, coalesce(nullif(v.name, ''), p.name) AS item_name,
           bin.id AS bin_id, bin.code AS bin_code, lot.number AS lot_number, t.quantity AS quantity_to_pick,
           t.picked AS quantity_picked, t.worked_by, s.username, t.worked_at AS reported_at,
           (SELECT array_agg(DISTINCT o.number) FROM pick_task_share share
              JOIN order_line l ON l.id = share.order_line_id JOIN sales_order o ON o.id = l.order_id
             WHERE share.task_id = t.id) AS so_numbers
      FROM (SELECT * FROM short ORDER BY worked_at DESC, id DESC LIMIT %(limit)s) t
      JOIN variant v ON v.id = t.variant_id
      JOIN product p ON p.id = v.product_id
      JOIN bin ON bin.account_id = t.account_id
      LEFT JOIN lot ON lot.id = t.lot_id
      LEFT JOIN staff s ON s.id = CASE WHEN t.worked_by LIKE 'staff:%%' THEN split_part(t.worked_by, ':', 2)::int END
     ORDER BY t.worked_at DESC, t.id DESC
"""

ACTIVITIES = 20
SHORT_PICKS_MAX = 500
WEEK = timedelta(days=7)


def figures(uow: UnitOfWork, warehouse_id: int | None) -> dict[str, Any]:
    """Every figure of the dashboard, in one statement."""
    row = uow.row(
        FIGURES,
        {
            "warehouse_id": warehouse_id,
            "most": COUNT_MAX,
            "short_since": uow.now - WEEK,
            "activities": ACTIVITIES,
        },
    )
    assert row is not None  # a SELECT without FROM
    return row


def list_short_picks(uow: UnitOfWork, since: datetime, warehouse_id: int | None) -> list[Row]:
    """Short picks since an instant, the latest first, each with the total."""
    params = {"since": since, "warehouse_id": warehouse_id, "count_max": COUNT_MAX, "limit": SHORT_PICKS_MAX}
    return uow.rows(SHORT_PICKS, params)
