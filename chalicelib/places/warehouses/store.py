"""SQL of the warehouses as the admin panel manages them."""

from collections.abc import Mapping
from typing import Any

import psycopg

from chalicelib.kernel.paging import PageQuery, window
from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.places.errors import CodeTaken, InUse
from chalicelib.places.rules import default_barcode

# A page past the end has no rows but still a total, hence the outer join.
LIST_WAREHOUSES = """
    WITH counted AS (
        SELECT count(*) AS total FROM (SELECT FROM warehouse LIMIT %(count_max)s) matching
    )
    SELECT counted.total, w.*
      FROM counted LEFT JOIN (
          SELECT id, code, name, address, preference, is_active, created_at FROM warehouse
           ORDER BY code, id LIMIT %(limit)s OFFSET %(offset)s) w ON true
     ORDER BY w.code, w.id
"""

SHOW_WAREHOUSE = """
    WITH counted AS MATERIALIZED (
        SELECT zone_id, count(*) AS bins FROM bin
         WHERE warehouse_id = %(warehouse_id)s AND is_active AND kind <> 'Default'
         GROUP BY zone_id
    )
    SELECT w.id, w.code, w.name, w.address, w.preference, w.is_active, w.created_at,
           coalesce((SELECT sum(bins) FROM counted), 0)::bigint AS bin_count,
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'id', z.id, 'zone_id', z.id, 'warehouse_id', z.warehouse_id, 'zone_code', z.code,
                       'zone_name', z.name, 'zone_type', z.kind, 'is_active', z.is_active,
                       'bin_count', coalesce(c.bins, 0)) ORDER BY z.code, z.id), '[]')
              FROM zone z LEFT JOIN counted c ON c.zone_id = z.id WHERE z.warehouse_id = w.id) AS zones
      FROM warehouse w WHERE w.id = %(warehouse_id)s
"""

LOCK_WAREHOUSE = """
    SELECT id, code, name, address, preference, is_active, created_at FROM warehouse
     WHERE id = %(warehouse_id)s FOR NO KEY UPDATE
"""
# The hidden bin's label follows the code, so that the code is free again for another warehouse.
UPDATE_WAREHOUSE = """
    WITH relabelled AS (
        UPDATE bin SET barcode = %(default_barcode)s
         WHERE warehouse_id = %(id)s AND kind = 'Default' AND barcode <> %(default_barcode)s
    )
    UPDATE warehouse
       SET code = %(code)s, name = %(name)s, address = %(address)s, preference = %(preference)s, is_active = %(is_active)s
     WHERE id = %(id)s
"""

# What would be left hanging, the nearest first.
WHAT_IS_IN_THE_WAY = """
    SELECT EXISTS (SELECT FROM stock_level s JOIN account a ON a.id = s.account_id
                    WHERE a.warehouse_id = w.id AND s.on_hand > 0) AS inventory,
           EXISTS (SELECT FROM bin b WHERE b.warehouse_id = w.id AND b.kind <> 'Default') AS bins,
           EXISTS (SELECT FROM zone z WHERE z.warehouse_id = w.id) AS zones,
           EXISTS (SELECT FROM robot_level r WHERE r.warehouse_id = w.id)
             OR EXISTS (SELECT FROM bot r WHERE r.warehouse_id = w.id)
             OR EXISTS (SELECT FROM storage_request r WHERE r.warehouse_id = w.id) AS robots,
           EXISTS (SELECT FROM sales_order o WHERE o.warehouse_id = w.id) AS sales_orders,
           EXISTS (SELECT FROM purchase_order o WHERE o.warehouse_id = w.id) AS purchase_orders,
           EXISTS (SELECT FROM staff u WHERE u.warehouse_id = w.id OR w.id = ANY (u.warehouse_ids)) AS users,
           EXISTS (SELECT FROM stock_level s JOIN account a ON a.id = s.account_id
                    WHERE a.warehouse_id = w.id) AS stock_history,
           ARRAY(SELECT a.id FROM account a WHERE a.warehouse_id = w.id ORDER BY a.id) AS account_ids
      FROM warehouse w WHERE w.id = %(warehouse_id)s
"""
LOCK_FOR_DELETION = "SELECT code, name, address FROM warehouse WHERE id = %(warehouse_id)s FOR UPDATE"
DELETE_WAREHOUSE = """
    WITH hidden AS (
        DELETE FROM bin WHERE warehouse_id = %(warehouse_id)s AND kind = 'Default'
    ), inside AS (
        DELETE FROM account WHERE warehouse_id = %(warehouse_id)s
    )
    DELETE FROM warehouse WHERE id = %(warehouse_id)s
"""


def list_warehouses(uow: UnitOfWork, query: PageQuery) -> tuple[list[Row], int]:
    """A page of warehouses by code, and how many there are."""
    rows = uow.rows(LIST_WAREHOUSES, window(query))
    return [row for row in rows if row["id"] is not None], rows[0]["total"]


def show_warehouse(uow: UnitOfWork, warehouse_id: int) -> Row | None:
    """A warehouse with its zones, or None."""
    return uow.row(SHOW_WAREHOUSE, {"warehouse_id": warehouse_id})


def lock_warehouse(uow: UnitOfWork, warehouse_id: int) -> Row | None:
    """A warehouse that is about to change, or None."""
    return uow.row(LOCK_WAREHOUSE, {"warehouse_id": warehouse_id})


def update_warehouse(uow: UnitOfWork, row: Mapping[str, Any]) -> None:
    """Writes a locked warehouse. Raises CodeTaken."""
    label = default_barcode(row["code"])
    try:
        uow.execute(UPDATE_WAREHOUSE, {**row, "default_barcode": label})
    except psycopg.errors.UniqueViolation as error:
        if error.diag.table_name == "bin":
            raise CodeTaken("bin barcode", label) from None
        raise CodeTaken("warehouse code", row["code"]) from None


def what_is_in_the_way(uow: UnitOfWork, warehouse_id: int) -> tuple[list[str], list[int]] | None:
    """What names a warehouse, in words, and the warehouse's accounts; None when there is no such warehouse."""
    row = uow.row(WHAT_IS_IN_THE_WAY, {"warehouse_id": warehouse_id})
    if row is None:
        return None
    account_ids: list[int] = row.pop("account_ids")
    return [what.replace("_", " ") for what, is_there in row.items() if is_there], account_ids


def lock_for_deletion(uow: UnitOfWork, warehouse_id: int) -> Row | None:
    """Waits for whoever is about to name the warehouse, and keeps others from it. None: it is gone."""
    return uow.row(LOCK_FOR_DELETION, {"warehouse_id": warehouse_id})


def delete_warehouse(uow: UnitOfWork, warehouse_id: int) -> None:
    """Removes a warehouse with its hidden bin and its accounts. Raises InUse when something still names one of them."""
    try:
        uow.execute(DELETE_WAREHOUSE, {"warehouse_id": warehouse_id})
    except psycopg.errors.ForeignKeyViolation as error:
        what = (error.diag.table_name or "record").replace("_", " ")
        raise InUse(f"Cannot delete warehouse: a {what} names it") from None
