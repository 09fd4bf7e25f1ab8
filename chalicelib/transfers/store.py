"""SQL of the transfers: the bins they join, and what went from warehouse to warehouse."""

from collections.abc import Iterable

from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.transfers.rules import Bin

# A robot box can be reached by hand while its carrier stands at a balcony.
FIND_BINS = """
    SELECT b.id, b.account_id, b.warehouse_id, b.code, b.kind, z.kind AS zone_kind, b.is_active AND w.is_active AS is_open,
           b.kind <> 'RobotBox' OR EXISTS (
               SELECT FROM carrier_space s JOIN carrier c ON c.id = s.carrier_id
                WHERE s.bin_id = b.id AND c.balcony_id IS NOT NULL) AS is_in_reach
      FROM bin b
      JOIN warehouse w ON w.id = b.warehouse_id
      LEFT JOIN zone z ON z.id = b.zone_id
     WHERE b.id = ANY(%(ids)s)
"""

# The reason as a constant, so that the index of these moves alone is used.
LIST_BETWEEN_WAREHOUSES = """
    SELECT m.id AS transfer_id, m.variant_id AS item_id, v.sku, coalesce(nullif(v.name, ''), p.name) AS item_name,
           f.bin_id AS from_bin_id, f.bin_code AS from_bin_code, f.warehouse_id AS from_warehouse_id,
           f.warehouse_code AS from_warehouse_code, f.warehouse_name AS from_warehouse_name,
           t.bin_id AS to_bin_id, t.bin_code AS to_bin_code, t.warehouse_id AS to_warehouse_id,
           t.warehouse_code AS to_warehouse_code, t.warehouse_name AS to_warehouse_name,
           m.quantity, (SELECT lot.number FROM lot WHERE lot.id = m.lot_id) AS lot_number, m.note AS reason,
           coalesce((SELECT s.username FROM staff s
                      WHERE s.id = CASE WHEN m.actor LIKE 'staff:%%' THEN split_part(m.actor, ':', 2)::int END),
                    m.actor) AS transferred_by,
           m.occurred_at AS transferred_at
      FROM (SELECT id, variant_id, lot_id, from_account_id, to_account_id, quantity, note, actor, occurred_at
              FROM stock_move WHERE reason = 'inter_warehouse_transfer'
             ORDER BY occurred_at DESC, id DESC LIMIT %(limit)s) m
      JOIN variant v ON v.id = m.variant_id
      JOIN product p ON p.id = v.product_id
     CROSS JOIN LATERAL (
         SELECT b.id AS bin_id, b.code AS bin_code, w.id AS warehouse_id, w.code AS warehouse_code, w.name AS warehouse_name
           FROM bin b JOIN warehouse w ON w.id = b.warehouse_id WHERE b.account_id = m.from_account_id OFFSET 0) f
     CROSS JOIN LATERAL (
         SELECT b.id AS bin_id, b.code AS bin_code, w.id AS warehouse_id, w.code AS warehouse_code, w.name AS warehouse_name
           FROM bin b JOIN warehouse w ON w.id = b.warehouse_id WHERE b.account_id = m.to_account_id OFFSET 0) t
     ORDER BY m.occurred_at DESC, m.id DESC
"""


def find_bins(uow: UnitOfWork, ids: Iterable[int]) -> dict[int, Bin]:
    """Bins by id, closed ones too; those that are not there are left out."""
    return {found.id: found for found in uow.fetch_all(Bin, FIND_BINS, {"ids": sorted(set(ids))})}


def list_between_warehouses(uow: UnitOfWork, limit: int) -> list[Row]:
    """The latest moves from one warehouse to another, the newest first."""
    return uow.rows(LIST_BETWEEN_WAREHOUSES, {"limit": limit})
