"""SQL of the lists of stock: levels, the ledger, what lies in which bin."""

from typing import Any

from psycopg.sql import SQL

from chalicelib.kernel.uow import Row, UnitOfWork

# One statement: availability of every variant at every warehouse, with what was picked and waits to be shipped.
LIST_LEVELS = """
    SELECT v.id AS variant_id, v.sku, v.product_id, p.name AS product_name, w.id AS location_id, w.name AS location_name,
           inside.on_hand, a.on_hand - a.held AS available, a.held + inside.outbound AS reserved, a.updated_at
      FROM availability a
      JOIN variant v ON v.id = a.variant_id
      JOIN product p ON p.id = v.product_id
      JOIN warehouse w ON w.id = a.warehouse_id
      CROSS JOIN LATERAL (
          SELECT coalesce(sum(s.on_hand), 0)::bigint AS on_hand,
                 coalesce(sum(s.on_hand) FILTER (WHERE c.kind = 'outbound'), 0)::bigint AS outbound
            FROM stock_level s JOIN account c ON c.id = s.account_id
           WHERE s.variant_id = a.variant_id AND c.warehouse_id = a.warehouse_id AND c.kind IN ('bin', 'outbound')) inside
     WHERE (%(variant_id)s::int IS NULL OR a.variant_id = %(variant_id)s)
       AND (%(sku)s::text IS NULL OR v.sku_key = upper(%(sku)s))
       AND (%(location_id)s::int IS NULL OR a.warehouse_id = %(location_id)s)
     ORDER BY a.variant_id, a.warehouse_id
     LIMIT %(limit)s OFFSET %(offset)s
"""

# What lay there at an instant: what lies there now, less what has moved since.
LIST_LEVELS_AS_OF = """
    SELECT v.id AS variant_id, v.sku, v.product_id, p.name AS product_name, w.id AS location_id, w.name AS location_name,
           (inside.on_hand - coalesce(since.moved, 0))::bigint AS on_hand, NULL::bigint AS available,
           NULL::bigint AS reserved, %(as_of)s AS updated_at
      FROM availability a
      JOIN variant v ON v.id = a.variant_id
      JOIN product p ON p.id = v.product_id
      JOIN warehouse w ON w.id = a.warehouse_id
      CROSS JOIN LATERAL (
          SELECT coalesce(sum(s.on_hand), 0)::bigint AS on_hand
            FROM stock_level s JOIN account c ON c.id = s.account_id
           WHERE s.variant_id = a.variant_id AND c.warehouse_id = a.warehouse_id AND c.kind IN ('bin', 'outbound')) inside
      LEFT JOIN LATERAL (
          SELECT sum(CASE WHEN t.warehouse_id = a.warehouse_id AND t.kind IN ('bin', 'outbound') THEN m.quantity ELSE 0 END
                   - CASE WHEN f.warehouse_id = a.warehouse_id AND f.kind IN ('bin', 'outbound') THEN m.quantity ELSE 0 END
                 ) AS moved
            FROM stock_move m
            JOIN account f ON f.id = m.from_account_id
            JOIN account t ON t.id = m.to_account_id
           WHERE m.variant_id = a.variant_id AND m.occurred_at > %(as_of)s) since ON true
     WHERE (%(variant_id)s::int IS NULL OR a.variant_id = %(variant_id)s)
       AND (%(sku)s::text IS NULL OR v.sku_key = upper(%(sku)s))
       AND (%(location_id)s::int IS NULL OR a.warehouse_id = %(location_id)s)
     ORDER BY a.variant_id, a.warehouse_id
     LIMIT %(limit)s OFFSET %(offset)s
"""

# OFFSET 0 keeps the look-ups of names out of the join search: planning six joins took ten times as long as running them.
LIST_MOVES = """
    SELECT m.id, m.variant_id, (SELECT v.sku FROM variant v WHERE v.id = m.variant_id) AS sku, m.lot_id,
           (SELECT lot.number FROM lot WHERE lot.id = m.lot_id) AS lot_number, m.quantity, m.reason AS entry_type,
           m.document AS reference, m.note, m.actor, m.occurred_at AS created_at,
           f.kind AS from_kind, f.warehouse_id AS from_location_id, f.bin AS from_bin,
           t.kind AS to_kind, t.warehouse_id AS to_location_id, t.bin AS to_bin
      FROM stock_move m
     CROSS JOIN LATERAL (
         SELECT a.kind, a.warehouse_id, (SELECT b.code FROM bin b WHERE b.account_id = a.id) AS bin
           FROM account a WHERE a.id = m.from_account_id OFFSET 0) f
     CROSS JOIN LATERAL (
         SELECT a.kind, a.warehouse_id, (SELECT b.code FROM bin b WHERE b.account_id = a.id) AS bin
           FROM account a WHERE a.id = m.to_account_id OFFSET 0) t
     WHERE (%(variant_id)s::int IS NULL OR m.variant_id = %(variant_id)s)
       AND (%(location_id)s::int IS NULL OR f.warehouse_id = %(location_id)s OR t.warehouse_id = %(location_id)s)
       AND (%(entry_type)s::text IS NULL OR m.reason = %(entry_type)s)
       AND (%(reference)s::text IS NULL OR m.document = %(reference)s)
       AND (%(created_after)s::timestamptz IS NULL OR m.occurred_at >= %(created_after)s)
       AND (%(created_before)s::timestamptz IS NULL OR m.occurred_at < %(created_before)s)
     ORDER BY m.occurred_at DESC, m.id DESC
     LIMIT %(limit)s OFFSET %(offset)s
"""

# What the panel lists, bin by bin and item by item. A page past the end has no rows but still a total, hence the outer join.
_PAGE_OF_INVENTORY = SQL("""
    , counted AS (
        SELECT count(*) AS total FROM (SELECT FROM chosen LIMIT %(count_max)s) matching
    ), page AS MATERIALIZED (
        SELECT chosen.* FROM chosen
         ORDER BY warehouse_id, bin_code, item_id, lot_id NULLS LAST LIMIT %(limit)s OFFSET %(offset)s
    )
    SELECT counted.total, shown.*
      FROM counted LEFT JOIN (
          SELECT page.inventory_id, page.item_id, v.sku, coalesce(nullif(v.name, ''), p.name) AS item_name, page.warehouse_id,
                 page.bin_id, page.bin_code, coalesce(nullif(z.name, ''), z.code) AS zone_name,
                 (SELECT lot.number FROM lot WHERE lot.id = page.lot_id) AS lot_number, page.on_hand AS quantity_on_hand,
                 page.allocated AS quantity_allocated, page.on_hand - page.allocated AS quantity_available, page.updated_at,
                 page.lot_id
            FROM page
            JOIN variant v ON v.id = page.item_id
            JOIN product p ON p.id = v.product_id
            LEFT JOIN zone z ON z.id = page.zone_id) shown ON true
     ORDER BY shown.warehouse_id, shown.bin_code, shown.item_id, shown.lot_id NULLS LAST
""")
# OFFSET 0 keeps the order of the join: bins in the order of their index and what lies in each, however many are skipped.
LIST_INVENTORY = (
    SQL("""
    WITH chosen AS NOT MATERIALIZED (
        SELECT s.id AS inventory_id, s.variant_id AS item_id, b.warehouse_id, b.id AS bin_id, b.code AS bin_code, b.zone_id,
               s.lot_id, s.on_hand, s.allocated, s.updated_at
          FROM bin b
         CROSS JOIN LATERAL (
             SELECT id, variant_id, lot_id, on_hand, allocated, updated_at FROM stock_level
              WHERE account_id = b.account_id AND on_hand > 0 OFFSET 0) s
         WHERE (%(warehouse_id)s::int IS NULL OR b.warehouse_id = %(warehouse_id)s)
           AND (%(bin_id)s::int IS NULL OR b.id = %(bin_id)s)
    )
""")
    + _PAGE_OF_INVENTORY
)
_OF_ITEMS = SQL("""
    , chosen AS MATERIALIZED (
        SELECT s.id AS inventory_id, s.variant_id AS item_id, b.warehouse_id, b.id AS bin_id, b.code AS bin_code, b.zone_id,
               s.lot_id, s.on_hand, s.allocated, s.updated_at
          FROM item
          JOIN stock_level s ON s.variant_id = item.id
          JOIN bin b ON b.account_id = s.account_id
         WHERE s.on_hand > 0
           AND (%(warehouse_id)s::int IS NULL OR b.warehouse_id = %(warehouse_id)s)
           AND (%(bin_id)s::int IS NULL OR b.id = %(bin_id)s)
           AND (%(item_id)s::int IS NULL OR s.variant_id = %(item_id)s)
    )
""")
LIST_INVENTORY_OF_ITEM = SQL("WITH item AS (SELECT %(item_id)s::int AS id)") + _OF_ITEMS + _PAGE_OF_INVENTORY
SEARCH_INVENTORY = (
    SQL("""
    WITH item AS MATERIALIZED (
        (SELECT id FROM variant
          WHERE sku_key >= upper(%(text)s::text) AND sku_key < upper(%(text)s::text) || U&'\\+10FFFF'
          ORDER BY sku_key LIMIT %(hits_max)s)
         UNION
        SELECT variant_id FROM barcode WHERE code = %(text)s
    )
""")
    + _OF_ITEMS
    + _PAGE_OF_INVENTORY
)
HITS_MAX = 1000
"""How many items a search text may find."""
_SORTED_BY = ("total", "lot_id")


def list_levels(uow: UnitOfWork, filters: dict[str, Any]) -> list[Row]:
    """A page of levels, now or as of an instant."""
    params = {**filters, "limit": filters["per_page"], "offset": (filters["page"] - 1) * filters["per_page"]}
    return uow.rows(LIST_LEVELS if filters["as_of"] is None else LIST_LEVELS_AS_OF, params)


def list_moves(uow: UnitOfWork, filters: dict[str, Any]) -> list[Row]:
    """A page of the ledger, newest first."""
    params = {**filters, "limit": filters["per_page"], "offset": (filters["page"] - 1) * filters["per_page"]}
    return uow.rows(LIST_MOVES, params)


def list_inventory(uow: UnitOfWork, text: str | None, params: dict[str, Any]) -> tuple[list[Row], int]:
    """A page of levels in bins and how many there are; with a text only of items whose SKU begins so or barcode is it."""
    text = (text or "").strip()
    if text:
        rows = uow.rows(SEARCH_INVENTORY, {**params, "text": text, "hits_max": HITS_MAX})
    else:
        rows = uow.rows(LIST_INVENTORY if params["item_id"] is None else LIST_INVENTORY_OF_ITEM, params)
    shown = [{k: v for k, v in row.items() if k not in _SORTED_BY} for row in rows if row["inventory_id"] is not None]
    return shown, rows[0]["total"]
