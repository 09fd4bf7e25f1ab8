"""SQL of items: variants with their products, barcodes, stock and preferred bins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from chalicelib.catalogue.store import WRITE_CHANGES, Change
from chalicelib.kernel.paging import Window
from chalicelib.kernel.uow import Row, UnitOfWork

# What every item is shown from; the selection `page (id, place)` comes before it. Its UPC is its first `gtin`.
_ITEM = SQL("""
    SELECT page.place, v.id, v.product_id, v.is_default, v.sku, v.name AS own_name, p.name AS product_name, p.description,
           coded.codes, coded.has_upc, c.name AS category, p.category_id, v.weight_g, p.unit_price_minor,
           p.bulk_price_minor, v.cost_minor, p.in_stock, v.is_listed, v.is_lot_tracked, v.reorder_point, v.created_at,
           p.updated_at
      FROM page
      JOIN variant v ON v.id = page.id
      JOIN product p ON p.id = v.product_id
      LEFT JOIN category c ON c.id = p.category_id
     CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(b.code ORDER BY b.kind = 'gtin' DESC, b.id), '{}') AS codes,
               coalesce(bool_or(b.kind = 'gtin'), false) AS has_upc
          FROM barcode b WHERE b.variant_id = v.id) coded
""")
# A page past the end has no items but still a total, hence the outer join. The count stops at `count_max`.
_PAGE_OF_ITEMS = SQL("""
    SELECT counted.total, item.* FROM counted LEFT JOIN ({item}) item ON true ORDER BY item.place
""").format(item=_ITEM)
_CATEGORY = SQL("""
    WITH wanted AS MATERIALIZED (
        SELECT coalesce((SELECT id FROM category WHERE lower(name) = lower(%(category)s)
                          ORDER BY name = %(category)s DESC, id LIMIT 1), 0) AS id
    )""")
LIST_ITEMS = (
    _CATEGORY
    + SQL(""", counted AS (
        SELECT count(*) AS total FROM (
            SELECT FROM variant
             WHERE (%(category)s::text IS NULL OR category_id = (SELECT id FROM wanted))
               AND (%(active)s::boolean IS NULL OR is_listed = %(active)s)
             LIMIT %(count_max)s) matching
    ), page AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY sku_key) AS place FROM variant
         WHERE (%(category)s::text IS NULL OR category_id = (SELECT id FROM wanted))
           AND (%(active)s::boolean IS NULL OR is_listed = %(active)s)
         ORDER BY sku_key LIMIT %(limit)s OFFSET %(offset)s
    )
""")
    + _PAGE_OF_ITEMS
)
SEARCH_ITEMS = (
    _CATEGORY
    + SQL(""", hit AS MATERIALIZED (
        SELECT found.variant_id AS id, max(found.rank) AS rank
          FROM search_items(%(q)s, %(codes)s, CASE WHEN %(category)s::text IS NOT NULL THEN (SELECT id FROM wanted) END,
                            %(active)s, %(hits_max)s, %(look_max)s) found
         GROUP BY found.variant_id
    ), found AS MATERIALIZED (
        SELECT v.id, row_number() OVER (ORDER BY hit.rank DESC, v.sku_key) AS place
          FROM hit CROSS JOIN LATERAL (SELECT id, sku_key FROM variant WHERE id = hit.id OFFSET 0) v
    ), counted AS (
        SELECT count(*) AS total FROM found
    ), page AS (
        SELECT id, place FROM found ORDER BY place LIMIT %(limit)s OFFSET %(offset)s
    )
""")
    + _PAGE_OF_ITEMS
)
_ONE = SQL("WITH page AS (SELECT %(item_id)s::int AS id, 1 AS place)")
FIND_ITEM = _ONE + _ITEM
SHOW_ITEM = _ONE + SQL("""
    SELECT item.*,
           (SELECT coalesce(jsonb_agg(to_jsonb(level) ORDER BY warehouse_id, pick_sequence, bin_code, lot_number), '[]')
              FROM (SELECT b.id AS bin_id, b.code AS bin_code, b.warehouse_id, z.name AS zone_name, b.pick_sequence,
                           l.number AS lot_number, s.on_hand, s.allocated,
                           CASE WHEN a.is_available AND coalesce(l.is_available, true)
                                THEN s.on_hand - s.allocated ELSE 0 END AS available
                      FROM stock_level s
                      JOIN bin b ON b.account_id = s.account_id
                      JOIN account a ON a.id = s.account_id
                      LEFT JOIN zone z ON z.id = b.zone_id
                      LEFT JOIN lot l ON l.id = s.lot_id
                     WHERE s.variant_id = item.id AND s.on_hand > 0
                     ORDER BY b.warehouse_id, b.pick_sequence, b.code, l.number LIMIT %(most)s) level) AS levels,
           (SELECT coalesce(jsonb_agg(to_jsonb(preferred) ORDER BY warehouse_id, priority, id), '[]')
              FROM (SELECT f.id, f.bin_id, b.code AS bin_code, b.barcode AS bin_barcode, b.warehouse_id,
                           z.name AS zone_name, f.priority
                      FROM preferred_bin f
                      JOIN bin b ON b.id = f.bin_id
                      LEFT JOIN zone z ON z.id = b.zone_id
                     WHERE f.variant_id = item.id
                     ORDER BY b.warehouse_id, f.priority, f.id LIMIT %(most)s) preferred) AS preferred_bins
      FROM ({item}) item
""").format(item=_ITEM)

# The product first, as an order's line refers to both in this order.
LOCK_ITEM = """
    SELECT v.id FROM product p JOIN variant v ON v.product_id = p.id WHERE v.id = %(item_id)s FOR NO KEY UPDATE OF p, v
"""
LOCK_ITEM_TO_DELETE = """
    SELECT v.id FROM product p JOIN variant v ON v.product_id = p.id WHERE v.id = %(item_id)s FOR UPDATE OF p, v
"""
# A product stays active while one of its items is. Barcodes are compared with what the item has; one that another item took
# meanwhile raises.
UPDATE_ITEM = (
    SQL("""
    WITH change AS MATERIALIZED (
        SELECT %(product_id)s::int AS product_id, %(id)s::int AS variant_id, %(variant)s::jsonb AS variant,
               %(product)s::jsonb || CASE
                   WHEN %(active)s::boolean IS NULL THEN '{}'
                   ELSE jsonb_build_object('is_active', %(active)s OR EXISTS (
                            SELECT FROM variant o WHERE o.product_id = %(product_id)s AND o.id <> %(id)s AND o.is_active))
               END AS product
    ), code AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(codes)s) AS code (place int, code text, kind text)
    ), gone AS (
        DELETE FROM barcode WHERE variant_id = %(id)s AND %(with_codes)s AND code NOT IN (SELECT code FROM code)
    ), rekinded AS (
        UPDATE barcode SET kind = code.kind FROM code
         WHERE barcode.variant_id = %(id)s AND barcode.code = code.code AND barcode.kind <> code.kind
    ), coded AS (
        INSERT INTO barcode (variant_id, code, kind)
        SELECT %(id)s, code, kind FROM code
         WHERE code NOT IN (SELECT b.code FROM barcode b WHERE b.variant_id = %(id)s)
         ORDER BY place
    )""")
    + WRITE_CHANGES
)
FIND_USES = """
    SELECT array_remove(ARRAY[
        CASE WHEN EXISTS (SELECT FROM stock_level WHERE variant_id = %(item_id)s AND on_hand > 0) THEN 'stock' END,
        CASE WHEN EXISTS (SELECT FROM stock_move WHERE variant_id = %(item_id)s) THEN 'stock movements' END,
        CASE WHEN EXISTS (SELECT FROM order_line WHERE variant_id = %(item_id)s) THEN 'sales orders' END,
        CASE WHEN EXISTS (SELECT FROM purchase_order_line WHERE variant_id = %(item_id)s) THEN 'purchase orders' END,
        CASE WHEN EXISTS (SELECT FROM lot WHERE variant_id = %(item_id)s) THEN 'lots' END], NULL) AS uses
"""
DELETE_ITEM = """
    WITH gone AS (
        DELETE FROM variant WHERE id = %(item_id)s RETURNING product_id
    )
    DELETE FROM product
     WHERE id = (SELECT product_id FROM gone)
       AND NOT EXISTS (SELECT FROM variant v WHERE v.product_id = product.id AND v.id <> %(item_id)s)
"""

HITS_MAX = 1000
"""How many items each way of searching may find."""
LOOK_MAX = 2000
"""Among how many rows a text of one or two signs is looked for anywhere; the index finds only where a word begins so."""
PLACES_MAX = 1000
"""How many bins an item's page shows."""


@dataclass(frozen=True)
class Item:
    """A stock-keeping unit with what its product says of it. `codes` are its barcodes, the UPC first if it has one."""

    id: int
    product_id: int
    is_default: bool
    sku: str
    own_name: str
    product_name: str
    description: str
    codes: Sequence[str]
    has_upc: bool
    category: str | None
    category_id: int | None
    weight_g: int | None
    unit_price_minor: int
    bulk_price_minor: int | None
    cost_minor: int | None
    in_stock: bool
    is_listed: bool
    is_lot_tracked: bool
    reorder_point: int | None
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        """Its own name, else the product's."""
        return self.own_name or self.product_name

    @property
    def upc(self) -> str | None:
        """The code that scanners show."""
        return self.codes[0] if self.has_upc else None

    @property
    def aliases(self) -> list[str]:
        """Its other barcodes."""
        return list(self.codes[1:] if self.has_upc else self.codes)


@dataclass(frozen=True)
class Wanted:
    """Which items; `codes` are the ways to write what is searched for, the text itself first."""

    category: str | None
    active: bool | None
    q: str
    codes: Sequence[str]


def list_items(uow: UnitOfWork, wanted: Wanted, page: Window) -> tuple[list[Item], int]:
    """A page of items and how many there are: by SKU or, with a text, best match first."""
    params: dict[str, Any] = {**page, "category": wanted.category, "active": wanted.active}
    if wanted.q:
        search = {"q": wanted.q, "codes": list(wanted.codes), "hits_max": HITS_MAX, "look_max": LOOK_MAX}
        rows = uow.rows(SEARCH_ITEMS, {**params, **search})
    else:
        rows = uow.rows(LIST_ITEMS, params)
    return [_item(row) for row in rows if row["id"] is not None], rows[0]["total"]


def find_item(uow: UnitOfWork, item_id: int) -> Item | None:
    """An item, or None."""
    row = uow.row(FIND_ITEM, {"item_id": item_id})
    return None if row is None else _item(row)


def show_item(uow: UnitOfWork, item_id: int) -> tuple[Item, list[Row], list[Row]] | None:
    """An item with the bins where it lies and those where it belongs; at most `PLACES_MAX` of each."""
    row = uow.row(SHOW_ITEM, {"item_id": item_id, "most": PLACES_MAX})
    return None if row is None else (_item(row), row["levels"], row["preferred_bins"])


def lock_item(uow: UnitOfWork, item_id: int, *, to_delete: bool = False) -> bool:
    """Waits for whoever changes the item or its product. False when there is no such item."""
    return uow.value(LOCK_ITEM_TO_DELETE if to_delete else LOCK_ITEM, {"item_id": item_id}) is not None


def update_item(
    uow: UnitOfWork, change: Change, *, codes: Sequence[tuple[str, str]] | None, active: bool | None
) -> None:
    """Writes an item. `codes` and `active` None: they stay. Raises psycopg.errors.UniqueViolation."""
    rows = [{"place": place, "code": code, "kind": kind} for place, (code, kind) in enumerate(codes or ())]
    variant = change.variant if active is None else {**change.variant, "is_active": active}
    params = {
        "id": change.variant_id,
        "product_id": change.product_id,
        "product": Jsonb(change.product),
        "variant": Jsonb(variant),
        "codes": Jsonb(rows),
        "with_codes": codes is not None,
        "active": active,
        "now": uow.now,
    }
    uow.execute(UPDATE_ITEM, params)


def find_uses(uow: UnitOfWork, item_id: int) -> list[str]:
    """What refers to an item, in words."""
    uses: list[str] = uow.value(FIND_USES, {"item_id": item_id})
    return uses


def delete_item(uow: UnitOfWork, item_id: int) -> None:
    """Removes an item with its barcodes and preferred bins, and its product with the last one.

    Raises psycopg.errors.ForeignKeyViolation when something refers to it.
    """
    uow.execute(DELETE_ITEM, {"item_id": item_id})


def _item(row: Row) -> Item:
    return Item(**{name: row[name] for name in Item.__dataclass_fields__})
