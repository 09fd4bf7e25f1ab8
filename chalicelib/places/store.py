"""Every SQL statement of the places: warehouses, zones, bins and the accounts behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import Row, UnitOfWork

# A warehouse cannot be without its accounts: one statement makes them, and the organization's outside ones
# if need be.
CREATE_WAREHOUSE = """
    WITH made AS (
        INSERT INTO warehouse (code, name, address, preference, created_at)
        VALUES (%(code)s, %(name)s, %(address)s, %(preference)s, %(now)s)
            ON CONFLICT (organization_id, code) DO NOTHING
        RETURNING id, code, name, address, preference
    ), outside AS (
        INSERT INTO account (kind)
        SELECT kind FROM made, unnest(%(outside)s::text[]) AS kind
            ON CONFLICT (organization_id, kind, warehouse_id) WHERE kind <> 'bin' DO NOTHING
    ), inside AS (
        INSERT INTO account (kind, warehouse_id, is_available)
        SELECT kind, made.id, kind = 'bin' FROM made, unnest('{outbound,missing,bin}'::text[]) AS kind
        RETURNING id, kind
    ), hidden AS (
        INSERT INTO bin (account_id, warehouse_id, code, barcode, kind)
        SELECT inside.id, made.id, 'DEFAULT', made.code || '-DEFAULT', 'Default'
          FROM made, inside WHERE inside.kind = 'bin'
        RETURNING id
    )
    SELECT made.*, hidden.id AS default_bin_id FROM made, hidden
"""
ENSURE_OUTSIDE = """
    INSERT INTO account (kind)
    SELECT kind FROM unnest(%(outside)s::text[]) AS kind
        ON CONFLICT (organization_id, kind, warehouse_id) WHERE kind <> 'bin' DO NOTHING
"""

CREATE_ZONE = """
    INSERT INTO zone (warehouse_id, code, name, kind)
    SELECT id, %(code)s, %(name)s, %(kind)s FROM warehouse WHERE id = %(warehouse_id)s
    RETURNING id
"""

_WANTED_BINS = SQL("""
    WITH bin_row AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(bins)s) AS bin (
            line int, warehouse_id int, zone_id int, code text, barcode text, kind text, aisle text, row_num text,
            level_num text, position_num text, pick_sequence int, putaway_sequence int, description text)
    ), zone_row AS MATERIALIZED (
        SELECT id, warehouse_id, kind, is_active FROM zone
         WHERE id IN (SELECT zone_id FROM bin_row) ORDER BY id {lock}
    ), wanted AS MATERIALIZED (
        SELECT bin_row.*, w.id AS known_warehouse_id, z.id AS known_zone_id, z.warehouse_id AS zone_warehouse_id,
               z.kind AS zone_kind, z.is_active AS is_zone_active,
               coalesce(bin_row.barcode, w.code || '-' || bin_row.code) AS label
          FROM bin_row
          LEFT JOIN warehouse w ON w.id = bin_row.warehouse_id
          LEFT JOIN zone_row z ON z.id = bin_row.zone_id
    )
""")

# Zones are locked against a change of what they are for. A bin that cannot be is left out: CHECK_BINS says why. Nothing is
# joined to what was inserted: with no idea of how many rows there are, PostgreSQL would compare each with each.
CREATE_BINS = _WANTED_BINS.format(lock=SQL("FOR KEY SHARE")) + SQL(""", fit AS MATERIALIZED (
        SELECT wanted.*, zone_kind IS NULL OR zone_kind <> ALL (%(unavailable)s::text[]) AS is_available,
               nextval('account_id_seq')::int AS account_id
          FROM wanted
         WHERE known_warehouse_id IS NOT NULL
           AND (zone_id IS NULL OR (zone_warehouse_id = warehouse_id AND is_zone_active))
    ), opened AS (
        INSERT INTO account (id, kind, warehouse_id, is_available)
        SELECT account_id, 'bin', warehouse_id, is_available FROM fit
    )
    INSERT INTO bin (account_id, warehouse_id, zone_id, code, barcode, kind, aisle, row_num, level_num, position_num,
                     pick_sequence, putaway_sequence, description)
    SELECT account_id, warehouse_id, zone_id, code, label, kind, aisle, row_num, level_num, position_num, pick_sequence,
           putaway_sequence, description
      FROM fit ORDER BY label
        ON CONFLICT DO NOTHING
    RETURNING id, account_id, warehouse_id, zone_id, code, barcode, kind
""")

# `ours` are the bins that this transaction has just made of the same list.
CHECK_BINS = _WANTED_BINS.format(lock=SQL("")) + SQL(""", judged AS (
        SELECT line, warehouse_id, zone_id, code, label,
               known_warehouse_id IS NULL AS is_warehouse_unknown,
               zone_id IS NOT NULL AND known_zone_id IS NULL AS is_zone_unknown,
               coalesce(zone_warehouse_id <> warehouse_id, false) AS is_zone_elsewhere,
               NOT coalesce(is_zone_active, true) AS is_zone_closed,
               row_number() OVER (PARTITION BY warehouse_id, code ORDER BY line) > 1
                 OR EXISTS (SELECT FROM bin b WHERE b.warehouse_id = wanted.warehouse_id AND b.code = wanted.code
                                                AND b.id <> ALL (%(ours)s::int[])) AS is_code_taken,
               label IS NOT NULL AND (row_number() OVER (PARTITION BY label ORDER BY line) > 1
                 OR EXISTS (SELECT FROM bin b WHERE b.barcode = wanted.label
                                                AND b.id <> ALL (%(ours)s::int[]))) AS is_barcode_taken
          FROM wanted
    )
    SELECT * FROM judged
     WHERE is_warehouse_unknown OR is_zone_unknown OR is_zone_elsewhere OR is_zone_closed OR is_code_taken
        OR is_barcode_taken
     ORDER BY line
""")

# With the zone's kind, which says what may be done there.
FIND_BINS = """
    SELECT b.id, b.account_id, b.warehouse_id, b.zone_id, b.code, b.barcode, b.kind, b.is_active, z.kind AS zone_kind
      FROM bin b LEFT JOIN zone z ON z.id = b.zone_id
     WHERE b.id = ANY(%(ids)s)
"""

LIST_WAREHOUSES = """
    SELECT id, code, name, address, preference, is_active
      FROM warehouse
     WHERE (is_active OR %(with_inactive)s) AND (%(ids)s::int[] IS NULL OR id = ANY(%(ids)s))
     ORDER BY preference, id LIMIT %(limit)s
"""
LIST_WAREHOUSE_IDS = "SELECT id FROM warehouse WHERE is_active ORDER BY preference, id"

WAREHOUSES_MAX = 1000


@dataclass(frozen=True)
class Warehouse:
    """A warehouse; the lower its preference, the sooner orders are served from it."""

    id: int
    code: str
    name: str
    address: str
    preference: int
    default_bin_id: int


@dataclass(frozen=True)
class Location:
    """A warehouse as lists show it."""

    id: int
    code: str
    name: str
    address: str
    preference: int
    is_active: bool


@dataclass(frozen=True)
class Bin:
    """A bin and the account its stock is booked on."""

    id: int
    account_id: int
    warehouse_id: int
    zone_id: int | None
    code: str
    barcode: str
    kind: str


@dataclass(frozen=True)
class BinPlace:
    """A bin as the floor needs to know it: where its stock is booked, and what may be done there."""

    id: int
    account_id: int
    warehouse_id: int
    zone_id: int | None
    code: str
    barcode: str
    kind: str
    is_active: bool
    zone_kind: str | None


def create_warehouse(uow: UnitOfWork, fields: dict[str, Any], outside: Sequence[str]) -> Warehouse | None:
    """A warehouse with its accounts and its hidden bin, or None when the code is taken."""
    return uow.fetch(Warehouse, CREATE_WAREHOUSE, {**fields, "outside": list(outside), "now": uow.now})


def ensure_outside(uow: UnitOfWork, outside: Sequence[str]) -> None:
    """The organization's accounts outside of all warehouses; those that exist stay."""
    uow.execute(ENSURE_OUTSIDE, {"outside": list(outside)})


def create_zone(uow: UnitOfWork, fields: dict[str, Any]) -> int | None:
    """The new zone's id, or None when there is no such warehouse. Raises psycopg.errors.UniqueViolation."""
    made: int | None = uow.value(CREATE_ZONE, fields)
    return made


def create_bins(uow: UnitOfWork, bins: Sequence[dict[str, Any]], unavailable: Sequence[str]) -> list[Bin]:
    """Bins with their accounts in the order given; those that cannot be are left out, and the list is to be given up."""
    made = uow.fetch_all(Bin, CREATE_BINS, {"bins": Jsonb(bins), "unavailable": list(unavailable)})
    by_code = {(b.warehouse_id, b.code): b for b in made}
    keys = dict.fromkeys((row["warehouse_id"], row["code"]) for row in bins)
    return [by_code[key] for key in keys if key in by_code]


def check_bins(uow: UnitOfWork, bins: Sequence[dict[str, Any]], ours: Sequence[int] = ()) -> list[Row]:
    """What keeps bins from being made, one row per line that something does; `ours` are not in the way."""
    return uow.rows(CHECK_BINS, {"bins": Jsonb(bins), "ours": list(ours)})


def list_warehouse_ids(uow: UnitOfWork) -> list[int]:
    """Active warehouses, preferred ones first."""
    return [row["id"] for row in uow.rows(LIST_WAREHOUSE_IDS)]


def list_warehouses(uow: UnitOfWork, *, ids: Sequence[int] | None, with_inactive: bool) -> list[Location]:
    """Warehouses, preferred ones first; only those of `ids` unless it is None."""
    params = {"ids": None if ids is None else list(ids), "with_inactive": with_inactive, "limit": WAREHOUSES_MAX}
    return uow.fetch_all(Location, LIST_WAREHOUSES, params)


def find_bins(uow: UnitOfWork, ids: Sequence[int]) -> list[BinPlace]:
    """The bins of these ids that there are, in no order."""
    return uow.fetch_all(BinPlace, FIND_BINS, {"ids": list(ids)})
