"""SQL of zones and bins as the admin panel manages them."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.sql import SQL

from chalicelib.kernel.paging import window
from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.places.bins.shapes import BinQuery, ZoneQuery
from chalicelib.places.errors import CodeTaken
from chalicelib.places.rules import RECEIVING_BIN

SEARCH_MAX = 1000
"""So many bins a search finds."""
CONTENTS_MAX = 1000
"""So many items of a bin are shown."""

# Zones.

# An optional filter on a number is a range, so that the index on (warehouse, code) serves with and without it.
LIST_ZONES = """
    WITH counted AS (
        SELECT count(*) AS total FROM (
            SELECT FROM zone WHERE warehouse_id BETWEEN %(first_warehouse)s AND %(last_warehouse)s
             LIMIT %(count_max)s) matching
    )
    SELECT counted.total, z.*
      FROM counted LEFT JOIN (
          SELECT id, warehouse_id, code, name, kind, is_active FROM zone
           WHERE warehouse_id BETWEEN %(first_warehouse)s AND %(last_warehouse)s
           ORDER BY warehouse_id, code LIMIT %(limit)s OFFSET %(offset)s) z ON true
     ORDER BY z.warehouse_id, z.code
"""
# Bins are made and moved under a lock of their zone that this one excludes.
LOCK_ZONE = """
    SELECT id, warehouse_id, code, name, kind, is_active FROM zone WHERE id = %(zone_id)s FOR UPDATE
"""
LOOK_INTO_ZONE = """
    SELECT EXISTS (SELECT FROM warehouse WHERE id = %(warehouse_id)s) AS is_warehouse_known,
           (SELECT count(*) FROM bin WHERE zone_id = %(zone_id)s AND is_active) AS open_bins,
           ARRAY(SELECT account_id FROM bin WHERE zone_id = %(zone_id)s) AS account_ids
"""
UPDATE_ZONE = """
    UPDATE zone SET warehouse_id = %(warehouse_id)s, code = %(code)s, name = %(name)s, kind = %(kind)s,
           is_active = %(is_active)s
     WHERE id = %(id)s
"""

# Bins. Every list is a page of ids, in the order of an index, to which the rest is joined. They are counted in this order as
# well, or PostgreSQL reads other organizations' bins until it has met enough of these.

_BIN = SQL("""
    b.id, b.account_id, b.warehouse_id, b.zone_id, coalesce(nullif(z.name, ''), z.code, '') AS zone_name,
    z.kind AS zone_kind, b.code, b.barcode, b.kind, b.aisle, b.row_num, b.level_num, b.position_num, b.pick_sequence,
    b.putaway_sequence, b.description, b.is_active
""")
_PAGE_OF_BINS = SQL("""
    WITH counted AS (
        SELECT count(*) AS total FROM (SELECT FROM {matching} ORDER BY {order} LIMIT %(count_max)s) matching
    ), page AS MATERIALIZED (
        SELECT bin.id, row_number() OVER (ORDER BY {order}) AS place FROM {matching}
         ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s
    )
    SELECT counted.total, shown.*
      FROM counted LEFT JOIN (
          SELECT page.place, {bin} FROM page JOIN bin b ON b.id = page.id LEFT JOIN zone z ON z.id = b.zone_id) shown ON true
     ORDER BY shown.place
""")
LIST_SHELVES = _PAGE_OF_BINS.format(
    bin=_BIN,
    order=SQL("bin.warehouse_id, bin.code"),
    matching=SQL("""
        bin WHERE bin.kind IN ('Pickable', 'PickableStaging', 'Staging')
              AND bin.warehouse_id BETWEEN %(first_warehouse)s AND %(last_warehouse)s"""),
)
LIST_BINS_OF_KIND = _PAGE_OF_BINS.format(
    bin=_BIN,
    order=SQL("bin.warehouse_id, bin.code"),
    matching=SQL("""
        bin WHERE bin.kind = %(kind)s AND bin.warehouse_id BETWEEN %(first_warehouse)s AND %(last_warehouse)s"""),
)
LIST_BINS_OF_ZONE = _PAGE_OF_BINS.format(
    bin=_BIN,
    order=SQL("bin.code"),
    matching=SQL("""
        bin WHERE bin.zone_id = %(zone_id)s AND bin.kind = ANY (%(kinds)s)
              AND bin.warehouse_id BETWEEN %(first_warehouse)s AND %(last_warehouse)s"""),
)
SEARCH_BINS = _PAGE_OF_BINS.format(
    bin=_BIN,
    order=SQL("bin.warehouse_id, bin.code"),
    matching=SQL("""
        search_shelves(%(pattern)s, %(warehouse_id)s, %(zone_id)s, %(kinds)s, %(most)s) AS found (id)
        CROSS JOIN LATERAL (SELECT id, warehouse_id, code FROM bin WHERE id = found.id OFFSET 0) bin"""),
)

SHOW_BIN = SQL("""
    SELECT {bin}, content.item_id, content.sku, content.item_name, content.lot_number, content.on_hand, content.allocated
      FROM bin b
      LEFT JOIN zone z ON z.id = b.zone_id
      LEFT JOIN LATERAL (
          SELECT s.variant_id AS item_id, v.sku, coalesce(nullif(v.name, ''), p.name) AS item_name,
                 lot.number AS lot_number, s.on_hand, s.allocated, v.sku_key, s.lot_id
            FROM stock_level s
            JOIN variant v ON v.id = s.variant_id
            JOIN product p ON p.id = v.product_id
            LEFT JOIN lot ON lot.id = s.lot_id
           WHERE s.account_id = b.account_id AND s.on_hand > 0
           ORDER BY v.sku_key, s.lot_id LIMIT %(contents_max)s) content ON true
     WHERE b.id = %(bin_id)s
     ORDER BY content.sku_key, content.lot_id
""").format(bin=_BIN)

# The bin, then its zone and the one it is to go to, which must not change what they are for meanwhile.
LOCK_BIN = """
    WITH locked AS MATERIALIZED (
        SELECT id, account_id, warehouse_id, zone_id, code, barcode, kind, aisle, row_num, level_num, position_num,
               pick_sequence, putaway_sequence, description, is_active
          FROM bin WHERE id = %(bin_id)s FOR UPDATE
    ), zones AS MATERIALIZED (
        SELECT id, warehouse_id, coalesce(nullif(name, ''), code) AS label, kind, is_active FROM zone
         WHERE id IN ((SELECT zone_id FROM locked), %(zone_id)s) ORDER BY id FOR KEY SHARE
    )
    SELECT locked.*, coalesce(old.label, '') AS zone_name, old.kind AS zone_kind,
           old.warehouse_id AS zone_warehouse_id, old.is_active AS is_zone_active, new.label AS new_zone_name,
           new.kind AS new_zone_kind, new.warehouse_id AS new_zone_warehouse_id, new.is_active AS is_new_zone_active,
           EXISTS (SELECT FROM warehouse WHERE id = %(warehouse_id)s) AS is_new_warehouse_known
      FROM locked
      LEFT JOIN zones old ON old.id = locked.zone_id
      LEFT JOIN zones new ON new.id = %(zone_id)s
"""

# What relies on a bin besides its stock: units on the way from it may come back, robots bring units to it, it is counted.
WHAT_RELIES_ON_BIN = """
    SELECT EXISTS (SELECT FROM pick_batch b JOIN pick_task t ON t.batch_id = b.id
                    WHERE b.status = 'IN_PROGRESS' AND b.warehouse_id = %(warehouse_id)s
                      AND t.account_id = %(account_id)s) AS a_pick_in_progress,
           EXISTS (SELECT FROM balcony y WHERE y.staging_account_id = %(account_id)s) AS a_balcony,
           EXISTS (SELECT FROM cycle_count c
                    WHERE c.account_id = %(account_id)s AND c.status = 'PENDING') AS a_pending_count,
           EXISTS (SELECT FROM stock_adjustment a JOIN account c ON c.id = a.account_id
                    WHERE a.status = 'PENDING' AND a.warehouse_id = %(warehouse_id)s
                      AND a.account_id = %(account_id)s) AS a_pending_adjustment
"""

IS_RECEIVING_BIN = """
    SELECT coalesce(settings ->> %(setting)s, '') = %(bin_id)s::int::text AS is_proposed
      FROM organization WHERE id = current_organization()
"""

UPDATE_BIN = """
    WITH kept AS (
        UPDATE account SET warehouse_id = %(warehouse_id)s, is_available = %(is_available)s, is_open = %(is_active)s
         WHERE id = %(account_id)s
           AND (warehouse_id, is_available, is_open) <> (%(warehouse_id)s, %(is_available)s, %(is_active)s)
    )
    UPDATE bin
       SET warehouse_id = %(warehouse_id)s, zone_id = %(zone_id)s, code = %(code)s, barcode = %(barcode)s, kind = %(kind)s,
           aisle = %(aisle)s, row_num = %(row_num)s, level_num = %(level_num)s, position_num = %(position_num)s,
           pick_sequence = %(pick_sequence)s, putaway_sequence = %(putaway_sequence)s, description = %(description)s,
           is_active = %(is_active)s
     WHERE id = %(id)s
"""


def list_zones(uow: UnitOfWork, query: ZoneQuery) -> tuple[list[Row], int]:
    """A page of zones by warehouse and code, and how many there are."""
    rows = uow.rows(LIST_ZONES, {**window(query), **_warehouses(query.warehouse_id)})
    return [row for row in rows if row["id"] is not None], rows[0]["total"]


def lock_zone(uow: UnitOfWork, zone_id: int) -> Row | None:
    """A zone that is about to change, or None; bins neither come nor go meanwhile."""
    return uow.row(LOCK_ZONE, {"zone_id": zone_id})


def look_into_zone(uow: UnitOfWork, zone_id: int, warehouse_id: int) -> Row:
    """A locked zone's bins: how many are open, and all their accounts; and whether a warehouse is known."""
    row = uow.row(LOOK_INTO_ZONE, {"zone_id": zone_id, "warehouse_id": warehouse_id})
    assert row is not None  # a SELECT without FROM
    return row


def update_zone(uow: UnitOfWork, row: Mapping[str, Any]) -> None:
    """Writes a locked zone. Raises CodeTaken."""
    try:
        uow.execute(UPDATE_ZONE, row)
    except psycopg.errors.UniqueViolation:
        raise CodeTaken("zone code", row["code"]) from None


def list_bins(uow: UnitOfWork, query: BinQuery, kinds: Sequence[str]) -> tuple[list[Row], int]:
    """A page of bins, and how many there are; those of `kinds` unless the query names one."""
    params = {
        **window(query),
        **_warehouses(query.warehouse_id),
        "warehouse_id": query.warehouse_id,
        "zone_id": query.zone_id,
        "kind": query.bin_type,
        "kinds": list(kinds) if query.bin_type is None else [query.bin_type],
        "pattern": _pattern(query.q or ""),
        "most": SEARCH_MAX,
    }
    if (query.q or "").strip():
        statement = SEARCH_BINS
    elif query.zone_id is not None:
        statement = LIST_BINS_OF_ZONE
    else:
        statement = LIST_SHELVES if query.bin_type is None else LIST_BINS_OF_KIND
    rows = uow.rows(statement, params)
    return [row for row in rows if row["id"] is not None], rows[0]["total"]


def show_bin(uow: UnitOfWork, bin_id: int) -> list[Row]:
    """A bin as rows, one for each item and lot in it (one without when it is empty); no rows for an unknown bin."""
    return uow.rows(SHOW_BIN, {"bin_id": bin_id, "contents_max": CONTENTS_MAX})


def lock_bin(uow: UnitOfWork, bin_id: int, *, zone_id: int | None, warehouse_id: int | None) -> Row | None:
    """A bin that is about to change, with its zone and the zone and warehouse it may go to; None when there is none."""
    return uow.row(LOCK_BIN, {"bin_id": bin_id, "zone_id": zone_id, "warehouse_id": warehouse_id})


def what_relies_on_bin(uow: UnitOfWork, row: Mapping[str, Any]) -> list[str]:
    """What would miss a bin that is closed or moved away, in words."""
    params = {"account_id": row["account_id"], "warehouse_id": row["warehouse_id"]}
    found = uow.row(WHAT_RELIES_ON_BIN, params) or {}
    return [what.replace("_", " ") for what, is_there in found.items() if is_there]


def is_receiving_bin(uow: UnitOfWork, bin_id: int) -> bool:
    """Whether scanners propose a locked bin for what arrives, read afresh: settings are made under a lock of the bin."""
    is_proposed: bool = uow.value(IS_RECEIVING_BIN, {"bin_id": bin_id, "setting": RECEIVING_BIN})
    return is_proposed


def update_bin(uow: UnitOfWork, row: Mapping[str, Any], *, is_available: bool) -> None:
    """Writes a locked bin and what its account says of it. Raises CodeTaken."""
    try:
        uow.execute(UPDATE_BIN, {**row, "is_available": is_available})
    except psycopg.errors.UniqueViolation as error:
        if "barcode" in (error.diag.constraint_name or ""):
            raise CodeTaken("bin barcode", row["barcode"]) from None
        raise CodeTaken("bin code", row["code"]) from None


def _warehouses(warehouse_id: int | None) -> dict[str, int]:
    first, last = (0, 2**31 - 1) if warehouse_id is None else (warehouse_id, warehouse_id)
    return {"first_warehouse": first, "last_warehouse": last}


def _pattern(text: str) -> str:
    """Contains; a text of fewer than three signs has no trigram, so it counts at the beginning of a code or barcode."""
    said = text.strip().upper().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"% {said}%" if len(text.strip()) < 3 else f"%{said}%"  # a trigram has three signs
