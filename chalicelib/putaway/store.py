"""SQL of put-away: what waits, where it may go, and which bins items prefer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.putaway.rules import STAGING_ZONES, Rank

# Kinds of bins as constants, so that the index of staging bins is used; OFFSET 0, so that each of them is looked into, for
# they are few, and not all levels.
LIST_PENDING = """
    WITH place AS MATERIALIZED (
        SELECT b.id, b.account_id, b.code, b.kind FROM bin b
         WHERE b.warehouse_id = %(warehouse_id)s AND b.is_active AND b.kind IN ('Staging', 'PickableStaging', 'Default')
         UNION
        SELECT b.id, b.account_id, b.code, b.kind FROM zone z JOIN bin b ON b.zone_id = z.id
         WHERE z.warehouse_id = %(warehouse_id)s AND z.kind = ANY(%(zone_kinds)s) AND b.is_active AND b.kind <> 'RobotBox'
    )
    SELECT s.id AS inventory_id, v.id AS item_id, v.sku, coalesce(nullif(v.name, ''), p.name) AS item_name,
           s.on_hand - s.allocated AS quantity, place.id AS bin_id, place.code AS bin_code, lot.number AS lot_number
      FROM place
     CROSS JOIN LATERAL (
         SELECT id, variant_id, lot_id, on_hand, allocated FROM stock_level
          WHERE account_id = place.account_id AND on_hand > allocated OFFSET 0) s
      JOIN variant v ON v.id = s.variant_id
      JOIN product p ON p.id = v.product_id
      LEFT JOIN lot ON lot.id = s.lot_id
     ORDER BY place.kind = 'Default', place.code, v.sku_key, lot.expires_on NULLS LAST, s.lot_id
     LIMIT %(limit)s
"""

# An empty bin, one of so many in this order.
_EMPTY = SQL("""
      LEFT JOIN LATERAL (
          SELECT jsonb_build_object('bin_id', b.id, 'bin_code', b.code, 'bin_barcode', b.barcode,
                                    'zone_name', coalesce(nullif(z.name, ''), z.code), 'priority', NULL) AS bin
            FROM (SELECT id, account_id, zone_id, code, barcode, pick_sequence FROM bin b
                   WHERE warehouse_id = %(home_id)s AND kind = 'Pickable' AND is_active
                   ORDER BY {order} LIMIT %(bins_max)s) b
            JOIN account a ON a.id = b.account_id
            LEFT JOIN zone z ON z.id = b.zone_id
           WHERE preferred.bin IS NULL AND stocked.bin IS NULL {before} AND a.is_available
             AND (z.kind IS NULL OR z.kind = 'STORAGE')
             AND NOT EXISTS (SELECT FROM stock_level s WHERE s.account_id = b.account_id AND s.on_hand > 0)
           ORDER BY {order} LIMIT 1
      ) {name} ON true""")
# One statement: the item, its best preferred bin, the bin that holds most of it, and an empty bin: the first one in picking
# order, else the last one. `home_id` is where somebody works, whose bins come first. Where all of the first and all of the
# last bins are taken, none is proposed: there is no index of empty bins, which every posting would have to keep.
SUGGEST = SQL("""
    SELECT v.id AS item_id, v.sku, coalesce(nullif(v.name, ''), p.name) AS item_name, preferred.bin AS preferred_bin,
           coalesce(preferred.bin, stocked.bin, first.bin, last.bin) AS suggested_bin
      FROM variant v
      JOIN product p ON p.id = v.product_id
      LEFT JOIN LATERAL (
          SELECT jsonb_build_object('bin_id', b.id, 'bin_code', b.code, 'bin_barcode', b.barcode,
                                    'zone_name', coalesce(nullif(z.name, ''), z.code), 'priority', f.priority) AS bin
            FROM preferred_bin f
            JOIN bin b ON b.id = f.bin_id
            LEFT JOIN zone z ON z.id = b.zone_id
           WHERE f.variant_id = v.id AND b.is_active AND b.kind = 'Pickable'
             AND (%(warehouse_ids)s::int[] IS NULL OR b.warehouse_id = ANY(%(warehouse_ids)s))
           ORDER BY b.warehouse_id = %(home_id)s::int DESC NULLS LAST, f.priority, b.warehouse_id, b.id LIMIT 1
      ) preferred ON true
      LEFT JOIN LATERAL (
          SELECT jsonb_build_object('bin_id', b.id, 'bin_code', b.code, 'bin_barcode', b.barcode,
                                    'zone_name', coalesce(nullif(z.name, ''), z.code), 'priority', NULL) AS bin
            FROM stock_level s
            JOIN bin b ON b.account_id = s.account_id
            JOIN account a ON a.id = s.account_id
            LEFT JOIN zone z ON z.id = b.zone_id
           WHERE preferred.bin IS NULL AND s.variant_id = v.id AND s.on_hand > 0 AND a.is_available
             AND b.is_active AND b.kind = 'Pickable' AND (z.kind IS NULL OR z.kind <> ALL (%(zone_kinds)s))
             AND (%(warehouse_ids)s::int[] IS NULL OR b.warehouse_id = ANY(%(warehouse_ids)s))
           ORDER BY b.warehouse_id = %(home_id)s::int DESC NULLS LAST, s.on_hand DESC, b.pick_sequence, b.id LIMIT 1
      ) stocked ON true
{first}{last}
     WHERE v.id = %(item_id)s
""").format(
    first=_EMPTY.format(name=SQL("first"), before=SQL(""), order=SQL("b.pick_sequence, b.id")),
    last=_EMPTY.format(
        name=SQL("last"), before=SQL("AND first.bin IS NULL"), order=SQL("b.pick_sequence DESC, b.id DESC")
    ),
)
BINS_MAX = 1000
"""So many bins are looked into from either end. A warehouse is filled from its near end, so the far one is often empty."""

# The item's row stands for all of its preferred bins: who ranks them has locked it.
LOCK_ITEM = """
    SELECT v.id AS item_id, v.sku, b.id AS bin_id, b.code AS bin_code, b.kind AS bin_kind, b.warehouse_id
      FROM variant v LEFT JOIN bin b ON b.id = %(bin_id)s
     WHERE v.id = %(item_id)s FOR NO KEY UPDATE OF v
"""
LIST_RANKS = """
    SELECT f.id, f.bin_id, f.priority, f.notes
      FROM preferred_bin f JOIN bin b ON b.id = f.bin_id
     WHERE f.variant_id = %(item_id)s AND b.warehouse_id = %(warehouse_id)s
     ORDER BY f.priority, f.bin_id
"""
SAVE_RANKS = """
    WITH saved AS (
        INSERT INTO preferred_bin AS f (variant_id, bin_id, priority, notes, created_at, updated_at)
        SELECT %(item_id)s, r.bin_id, r.priority, coalesce(r.notes, ''), %(now)s, %(now)s
          FROM jsonb_to_recordset(%(ranks)s) AS r (bin_id int, priority int, notes text)
         ORDER BY r.bin_id
            ON CONFLICT (organization_id, variant_id, bin_id) DO UPDATE
           SET priority = EXCLUDED.priority, notes = EXCLUDED.notes, updated_at = EXCLUDED.updated_at
        RETURNING f.id, f.bin_id
    )
    SELECT id FROM saved WHERE bin_id = %(bin_id)s
"""
FIND_PREFERRED = "SELECT variant_id AS item_id, bin_id FROM preferred_bin WHERE id = %(id)s"
DELETE_PREFERRED = """
    DELETE FROM preferred_bin WHERE id = %(id)s RETURNING variant_id AS item_id, bin_id, priority
"""

_SHOWN = SQL("""
    SELECT f.id AS preferred_bin_id, f.variant_id AS item_id, v.sku, coalesce(nullif(v.name, ''), p.name) AS item_name,
           f.bin_id, b.code AS bin_code, b.barcode AS bin_barcode, coalesce(nullif(z.name, ''), z.code) AS zone_name,
           b.warehouse_id, f.priority, f.notes, f.created_at, f.updated_at
      FROM {rows} f
      JOIN bin b ON b.id = f.bin_id
      JOIN variant v ON v.id = f.variant_id
      JOIN product p ON p.id = v.product_id
      LEFT JOIN zone z ON z.id = b.zone_id
""")
SHOW_PREFERRED = _SHOWN.format(rows=SQL("preferred_bin")) + SQL(" WHERE f.id = %(id)s")

# A page past the end has no rows but still a total, hence the outer join. The order of items is the order of an index.
_PAGE = SQL("""
    , counted AS (
        SELECT count(*) AS total FROM (SELECT FROM chosen LIMIT %(count_max)s) matching
    ), page AS MATERIALIZED (
        SELECT chosen.* FROM chosen ORDER BY variant_id, priority, id LIMIT %(limit)s OFFSET %(offset)s
    )
    SELECT counted.total, shown.* FROM counted LEFT JOIN ({shown}) shown ON true
     ORDER BY shown.item_id, shown.priority, shown.preferred_bin_id
""").format(shown=_SHOWN.format(rows=SQL("page")))
LIST_PREFERRED = (
    SQL("""
    WITH chosen AS NOT MATERIALIZED (
        SELECT id, variant_id, bin_id, priority, notes, created_at, updated_at FROM preferred_bin
         WHERE (%(item_id)s::int IS NULL OR variant_id = %(item_id)s)
           AND (%(bin_id)s::int IS NULL OR bin_id = %(bin_id)s)
    )
""")
    + _PAGE
)
# What is searched for by item (by name, by how its SKU begins, by barcode) and by how the bin's code begins. Every way finds a
# bounded number, of which each is looked up by its index.
SEARCH_PREFERRED = (
    SQL("""
    WITH item AS MATERIALIZED (
        SELECT v.id FROM search_products(%(words)s, %(codes)s, NULL, %(hits_max)s) hit
         CROSS JOIN LATERAL (SELECT id FROM variant WHERE product_id = hit.product_id AND is_default OFFSET 0) v
         UNION
        (SELECT id FROM variant
          WHERE sku_key >= upper(%(text)s::text) AND sku_key < upper(%(text)s::text) || U&'\\+10FFFF'
          ORDER BY sku_key LIMIT %(hits_max)s)
         UNION
        SELECT variant_id FROM barcode WHERE code = ANY(%(codes)s)
    ), place AS MATERIALIZED (
        SELECT id FROM bin
         WHERE (code COLLATE "C" >= %(text)s::text AND code COLLATE "C" < %(text)s::text || U&'\\+10FFFF')
            OR (code COLLATE "C" >= upper(%(text)s::text) AND code COLLATE "C" < upper(%(text)s::text) || U&'\\+10FFFF')
         LIMIT %(hits_max)s
    ), hit AS MATERIALIZED (
        SELECT f.id FROM item CROSS JOIN LATERAL (SELECT id FROM preferred_bin WHERE variant_id = item.id OFFSET 0) f
         UNION
        SELECT f.id FROM place CROSS JOIN LATERAL (SELECT id FROM preferred_bin WHERE bin_id = place.id OFFSET 0) f
    ), chosen AS MATERIALIZED (
        SELECT f.id, f.variant_id, f.bin_id, f.priority, f.notes, f.created_at, f.updated_at FROM hit
         CROSS JOIN LATERAL (
             SELECT id, variant_id, bin_id, priority, notes, created_at, updated_at FROM preferred_bin
              WHERE id = hit.id OFFSET 0) f
         WHERE (%(item_id)s::int IS NULL OR variant_id = %(item_id)s)
           AND (%(bin_id)s::int IS NULL OR bin_id = %(bin_id)s)
    )
""")
    + _PAGE
)
HITS_MAX = 1000


@dataclass(frozen=True)
class LockedItem:
    """An item whose preferred bins nobody else ranks now, and the bin that is to be ranked, if there is one."""

    item_id: int
    sku: str
    bin_id: int | None
    bin_code: str | None
    bin_kind: str | None
    warehouse_id: int | None


@dataclass(frozen=True)
class Ranked:
    """A preferred bin as it is stored."""

    id: int
    bin_id: int
    priority: int
    notes: str

    @property
    def rank(self) -> Rank:
        """Without what does not matter for the order."""
        return Rank(self.bin_id, self.priority)


def list_pending(uow: UnitOfWork, warehouse_id: int, limit: int) -> list[Row]:
    """Free units in the staging bins of a warehouse, at most `limit` levels."""
    return uow.rows(LIST_PENDING, {"warehouse_id": warehouse_id, "zone_kinds": list(STAGING_ZONES), "limit": limit})


def suggest(uow: UnitOfWork, item_id: int, *, warehouse_ids: Sequence[int] | None, home_id: int | None) -> Row | None:
    """An item with its preferred and its suggested bin, in these warehouses (None: in all); None for no such item."""
    ids = None if warehouse_ids is None else list(warehouse_ids)
    params = {"item_id": item_id, "warehouse_ids": ids, "home_id": home_id}
    return uow.row(SUGGEST, {**params, "zone_kinds": list(STAGING_ZONES), "bins_max": BINS_MAX})


def lock_item(uow: UnitOfWork, item_id: int, bin_id: int) -> LockedItem | None:
    """Locks an item against others who rank its bins; None when there is no such item."""
    return uow.fetch(LockedItem, LOCK_ITEM, {"item_id": item_id, "bin_id": bin_id})


def list_ranks(uow: UnitOfWork, item_id: int, warehouse_id: int) -> list[Ranked]:
    """The preferred bins of a locked item in a warehouse, best first."""
    return uow.fetch_all(Ranked, LIST_RANKS, {"item_id": item_id, "warehouse_id": warehouse_id})


def save_ranks(uow: UnitOfWork, item_id: int, ranks: Mapping[Rank, str], bin_id: int) -> int:
    """Writes ranks of a locked item with their notes; the id of the one that is `bin_id`'s."""
    rows = [{"bin_id": rank.bin_id, "priority": rank.priority, "notes": notes} for rank, notes in ranks.items()]
    saved: int = uow.value(SAVE_RANKS, {"item_id": item_id, "ranks": Jsonb(rows), "bin_id": bin_id, "now": uow.now})
    return saved


def find_preferred(uow: UnitOfWork, preferred_bin_id: int) -> Row | None:
    """Item and bin of a preferred bin, or None."""
    return uow.row(FIND_PREFERRED, {"id": preferred_bin_id})


def show_preferred(uow: UnitOfWork, preferred_bin_id: int) -> Row | None:
    """A preferred bin with its names, or None."""
    return uow.row(SHOW_PREFERRED, {"id": preferred_bin_id})


def delete_preferred(uow: UnitOfWork, preferred_bin_id: int) -> Row | None:
    """Removes a preferred bin; what it was, or None."""
    return uow.row(DELETE_PREFERRED, {"id": preferred_bin_id})


def list_preferred(uow: UnitOfWork, params: Mapping[str, Any]) -> tuple[list[Row], int]:
    """A page of preferred bins and how many there are; with ``words`` and ``codes`` only those found by them."""
    statement = SEARCH_PREFERRED if "words" in params else LIST_PREFERRED
    rows = uow.rows(statement, {**params, "hits_max": HITS_MAX})
    total: int = rows[0]["total"]
    return [
        {k: v for k, v in row.items() if k != "total"} for row in rows if row["preferred_bin_id"] is not None
    ], total
