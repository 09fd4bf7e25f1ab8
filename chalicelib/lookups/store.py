"""SQL of the look-ups. `warehouse_ids` are those that the caller sees; NULL: all of the organization."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.sql import SQL

from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.orders import State

# Units that a pick could take: none where the bin's or the lot's stock is barred.
_AVAILABLE = SQL("""
    CASE WHEN a.is_available AND coalesce(l.is_available, true) THEN s.on_hand - s.allocated ELSE 0 END AS available
""")
# Exact barcodes come first, then the same GTIN in another length, the SKU last. Archived items are found too: what lies on
# the floor has a label whether or not it is still sold.
FIND_ITEM = SQL("""
    WITH form AS MATERIALIZED (
        SELECT code, upper(code) AS sku_key, rank
          FROM unnest(%(codes)s::text[]) WITH ORDINALITY AS form (code, rank)
    ), hit AS (
        SELECT b.variant_id AS id, form.rank FROM form JOIN barcode b ON b.code = form.code
         UNION ALL
        SELECT v.id, 100 FROM form JOIN variant v ON v.sku_key = form.sku_key WHERE form.rank = 1
    ), best AS MATERIALIZED (
        SELECT id FROM hit ORDER BY rank, id LIMIT 1
    )
    SELECT v.id, v.sku, coalesce(nullif(v.name, ''), p.name) AS name, p.description, c.name AS category, v.weight_g,
           v.is_listed AS is_active, v.is_lot_tracked,
           (SELECT coalesce(array_agg(b.code ORDER BY b.kind = 'gtin' DESC, b.id), '{{}}')
              FROM barcode b WHERE b.variant_id = v.id) AS codes,
           EXISTS (SELECT FROM barcode b WHERE b.variant_id = v.id AND b.kind = 'gtin') AS has_upc,
           (SELECT coalesce(jsonb_agg(to_jsonb(location) ORDER BY warehouse_id, pick_sequence, bin_code, lot_number), '[]')
              FROM (SELECT b.id AS bin_id, b.code AS bin_code, z.name AS zone_name, b.warehouse_id, b.pick_sequence,
                           l.number AS lot_number, s.on_hand, s.allocated, {available}
                      FROM stock_level s
                      JOIN bin b ON b.account_id = s.account_id
                      JOIN account a ON a.id = s.account_id
                      LEFT JOIN zone z ON z.id = b.zone_id
                      LEFT JOIN lot l ON l.id = s.lot_id
                     WHERE s.variant_id = v.id AND s.on_hand > 0
                       AND (%(warehouse_ids)s::int[] IS NULL OR b.warehouse_id = ANY (%(warehouse_ids)s))
                     ORDER BY b.warehouse_id, b.pick_sequence, b.code, l.number LIMIT %(most)s) location) AS locations
      FROM best
      JOIN variant v ON v.id = best.id
      JOIN product p ON p.id = v.product_id
      LEFT JOIN category c ON c.id = p.category_id
""").format(available=_AVAILABLE)
# A barcode is one bin's; a code may be that of a bin in each warehouse: then the one where the caller works comes first.
FIND_BIN = SQL("""
    WITH hit AS (
        SELECT id, warehouse_id, 1 AS rank FROM bin WHERE barcode = %(code)s
         UNION ALL
        SELECT b.id, b.warehouse_id, 2 FROM warehouse w JOIN bin b ON b.warehouse_id = w.id AND b.code = %(code)s
    ), best AS MATERIALIZED (
        SELECT id FROM hit
         WHERE %(warehouse_ids)s::int[] IS NULL OR warehouse_id = ANY (%(warehouse_ids)s)
         ORDER BY rank, warehouse_id IS DISTINCT FROM %(warehouse_id)s::int, warehouse_id, id LIMIT 1
    )
    SELECT b.id, b.code, b.barcode, b.kind, b.warehouse_id, w.name AS warehouse_name, b.zone_id, z.name AS zone_name,
           z.kind AS zone_kind, b.aisle, b.row_num, b.level_num, b.position_num, b.is_active,
           (SELECT coalesce(jsonb_agg(to_jsonb(item) ORDER BY sku, lot_number), '[]')
              FROM (SELECT v.id AS item_id, v.sku, coalesce(nullif(v.name, ''), p.name) AS item_name,
                           (SELECT c.code FROM barcode c WHERE c.variant_id = v.id AND c.kind = 'gtin'
                             ORDER BY c.id LIMIT 1) AS upc,
                           l.number AS lot_number, s.on_hand, s.allocated, {available}
                      FROM stock_level s
                      JOIN variant v ON v.id = s.variant_id
                      JOIN product p ON p.id = v.product_id
                      JOIN account a ON a.id = s.account_id
                      LEFT JOIN lot l ON l.id = s.lot_id
                     WHERE s.account_id = b.account_id AND s.on_hand > 0
                     ORDER BY v.sku, l.number LIMIT %(most)s) item) AS items
      FROM best
      JOIN bin b ON b.id = best.id
      JOIN warehouse w ON w.id = b.warehouse_id
      LEFT JOIN zone z ON z.id = b.zone_id
""").format(available=_AVAILABLE)
# A barcode that is one order's number and another's barcode means the barcode.
FIND_ORDER = """
    WITH hit AS (
        SELECT id, warehouse_id, 1 AS rank FROM sales_order WHERE barcode = %(code)s
         UNION ALL
        SELECT id, warehouse_id, 2 FROM sales_order WHERE number = %(code)s
    ), best AS MATERIALIZED (
        SELECT id FROM hit
         WHERE %(warehouse_ids)s::int[] IS NULL OR warehouse_id = ANY (%(warehouse_ids)s)
         ORDER BY rank LIMIT 1
    )
    SELECT o.id AS order_id, o.number, o.barcode, o.state, o.warehouse_id, o.delivery_name, o.is_short, o.placed_at,
           o.tracking_number, o.carrier, l.id AS line_id, l.position, l.variant_id, l.sku, l.name,
           (SELECT c.code FROM barcode c WHERE c.variant_id = l.variant_id AND c.kind = 'gtin'
             ORDER BY c.id LIMIT 1) AS upc,
           l.quantity, l.picked, l.packed, l.shipped, l.short,
           (SELECT coalesce(sum(h.quantity), 0) FROM stock_hold h WHERE h.order_line_id = l.id)::bigint AS held
      FROM best
      JOIN sales_order o ON o.id = best.id
      JOIN order_line l ON l.order_id = o.id
     ORDER BY l.position
"""
SEARCH_ITEMS = """
    WITH hit AS MATERIALIZED (
        SELECT found.variant_id AS id, max(found.rank) AS rank
          FROM search_items(%(q)s, %(codes)s, NULL, NULL, %(hits_max)s, %(look_max)s) found
         GROUP BY found.variant_id
    ), best AS MATERIALIZED (
        SELECT v.id, hit.rank, v.sku_key
          FROM hit CROSS JOIN LATERAL (SELECT id, sku_key, is_listed FROM variant WHERE id = hit.id OFFSET 0) v
         ORDER BY hit.rank DESC, v.is_listed DESC, v.sku_key LIMIT %(most)s
    )
    SELECT v.id AS item_id, v.sku, coalesce(nullif(v.name, ''), p.name) AS item_name,
           (SELECT b.code FROM barcode b WHERE b.variant_id = v.id AND b.kind = 'gtin' ORDER BY b.id LIMIT 1) AS upc,
           c.name AS category, v.is_listed AS is_active
      FROM best
      JOIN variant v ON v.id = best.id
      JOIN product p ON p.id = v.product_id
      LEFT JOIN category c ON c.id = p.category_id
     ORDER BY best.rank DESC, v.is_listed DESC, v.sku_key
"""
# OFFSET 0, so that each bin that was found is looked up, and not all bins read: PostgreSQL thinks a function finds thousands.
SEARCH_BINS = """
    WITH best AS MATERIALIZED (
        SELECT b.*, hit.rank
          FROM search_bins(%(q)s, %(warehouse_ids)s, %(hits_max)s, %(look_max)s) hit
         CROSS JOIN LATERAL (
             SELECT id, code, barcode, kind, warehouse_id, zone_id, is_active FROM bin WHERE id = hit.bin_id OFFSET 0) b
         ORDER BY hit.rank DESC, b.code, b.id LIMIT %(most)s
    )
    SELECT b.id AS bin_id, b.code AS bin_code, b.barcode AS bin_barcode, b.kind AS bin_type, b.warehouse_id,
           z.name AS zone_name, b.is_active
      FROM best b
      LEFT JOIN zone z ON z.id = b.zone_id
     ORDER BY b.rank DESC, b.code, b.id
"""

PLACES_MAX = 1000
"""How many bins of an item, or items of a bin, are shown."""
FOUND_MAX = 50
HITS_MAX = 100
"""How many of each way of searching are compared for the best fifty."""
LOOK_MAX = 2000
"""Among how many rows a text of one or two signs is looked for anywhere; the index finds only where a word begins so."""


@dataclass(frozen=True)
class FoundItem:
    """An item and where it lies. `codes` are its barcodes, the UPC first if it has one."""

    id: int
    sku: str
    name: str
    description: str
    category: str | None
    weight_g: int | None
    is_active: bool
    is_lot_tracked: bool
    codes: list[str]
    has_upc: bool
    locations: list[Row]


@dataclass(frozen=True)
class FoundBin:
    """A bin and what lies in it."""

    id: int
    code: str
    barcode: str
    kind: str
    warehouse_id: int
    warehouse_name: str
    zone_id: int | None
    zone_name: str | None
    zone_kind: str | None
    aisle: str
    row_num: str
    level_num: str
    position_num: str
    is_active: bool
    items: list[Row]


@dataclass(frozen=True)
class FoundLine:
    """A line of an order with its order's header."""

    order_id: int
    number: str
    barcode: str | None
    state: State
    warehouse_id: int
    delivery_name: str
    is_short: bool
    placed_at: datetime
    tracking_number: str | None
    carrier: str | None
    line_id: int
    position: int
    variant_id: int
    sku: str
    name: str
    upc: str | None
    quantity: int
    picked: int
    packed: int
    shipped: int
    short: int
    held: int


def find_item(uow: UnitOfWork, codes: Sequence[str], warehouse_ids: Sequence[int] | None) -> FoundItem | None:
    """The item that one of the codes stands for, the first code being the text as it was scanned."""
    params = {"codes": list(codes), "warehouse_ids": _ids(warehouse_ids), "most": PLACES_MAX}
    return uow.fetch(FoundItem, FIND_ITEM, params)


def find_bin(
    uow: UnitOfWork, code: str, warehouse_ids: Sequence[int] | None, warehouse_id: int | None
) -> FoundBin | None:
    """The bin of a barcode or code, preferably in `warehouse_id`."""
    params = {"code": code, "warehouse_ids": _ids(warehouse_ids), "warehouse_id": warehouse_id, "most": PLACES_MAX}
    return uow.fetch(FoundBin, FIND_BIN, params)


def find_order(uow: UnitOfWork, code: str, warehouse_ids: Sequence[int] | None) -> list[FoundLine]:
    """The lines of an order by barcode or number; none when there is no such order."""
    return uow.fetch_all(FoundLine, FIND_ORDER, {"code": code, "warehouse_ids": _ids(warehouse_ids)})


def search_items(uow: UnitOfWork, q: str, codes: Sequence[str]) -> list[Row]:
    """The best fifty items for a text."""
    return uow.rows(SEARCH_ITEMS, {"q": q, "codes": list(codes), **_limits()})


def search_bins(uow: UnitOfWork, q: str, warehouse_ids: Sequence[int] | None) -> list[Row]:
    """The best fifty bins for a text."""
    return uow.rows(SEARCH_BINS, {"q": q, "warehouse_ids": _ids(warehouse_ids), **_limits()})


def _limits() -> dict[str, int]:
    return {"hits_max": HITS_MAX, "look_max": LOOK_MAX, "most": FOUND_MAX}


def _ids(ids: Sequence[int] | None) -> list[int] | None:
    return None if ids is None else list(ids)
