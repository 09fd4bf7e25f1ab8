"""SQL of the warehouse's sales orders: their list, one of them, writing many at once, writing one anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from chalicelib.kernel.paging import Window
from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.orders.rules import State

# Who placed it, by name where it was a member of staff.
_CREATOR = SQL("""
    coalesce((SELECT s.username FROM staff s
               WHERE o.placed_by ^@ 'staff:' AND s.id = split_part(o.placed_by, ':', 2)::int), o.placed_by) AS created_by
""")
_HEADER = (
    SQL("""
    SELECT o.id, o.number, o.barcode, o.state, o.channel, o.payment_state, o.warehouse_id, o.delivery_name, o.delivery_phone,
           o.billing_address, o.delivery_address, o.delivery_city, o.delivery_state, o.delivery_zip, o.ship_method,
           o.ordered_on, o.ship_by, o.priority, o.special_notes, o.tracking_number, o.carrier, o.total_minor, o.is_short,
           o.placed_at, o.updated_at, t.line_count, t.units, t.units_picked, t.units_shipped,
""")
    + _CREATOR
)
_TOTALS = SQL("""
     CROSS JOIN LATERAL (
         SELECT count(*) AS line_count, coalesce(sum(quantity), 0)::bigint AS units,
                coalesce(sum(picked), 0)::bigint AS units_picked, coalesce(sum(shipped), 0)::bigint AS units_shipped
           FROM order_line l WHERE l.order_id = o.id) t
""")
# A page past the end has no orders but still a total, hence the outer join.
_PAGE = SQL("""
    SELECT counted.total, shown.* FROM counted LEFT JOIN (
        {header} FROM page JOIN sales_order o ON o.id = page.id {totals}
    ) shown ON true ORDER BY shown.placed_at DESC, shown.id DESC
""").format(header=_HEADER, totals=_TOTALS)
LIST_RECENT = (
    SQL("""
    WITH counted AS (
        SELECT count(*) AS total FROM (SELECT FROM sales_order LIMIT %(count_max)s) matching
    ), page AS MATERIALIZED (
        SELECT id FROM sales_order ORDER BY placed_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
    )
""")
    + _PAGE
)
# Each state is read newest first from its index, and no further than the page reaches.
LIST_OF_STATES = (
    SQL("""
    WITH counted AS (
        SELECT count(*) AS total FROM (
            SELECT FROM unnest(%(states)s::text[]) AS wanted (state)
             CROSS JOIN LATERAL (SELECT FROM sales_order WHERE state = wanted.state LIMIT %(count_max)s) each
             LIMIT %(count_max)s) matching
    ), page AS MATERIALIZED (
        SELECT each.id FROM unnest(%(states)s::text[]) AS wanted (state)
         CROSS JOIN LATERAL (
             SELECT id, placed_at FROM sales_order WHERE state = wanted.state
              ORDER BY placed_at DESC, id DESC LIMIT %(limit)s::int + %(offset)s::int) each
         ORDER BY each.placed_at DESC, each.id DESC LIMIT %(limit)s OFFSET %(offset)s
    )
""")
    + _PAGE
)
LIST_OF_WAREHOUSE = (
    SQL("""
    WITH counted AS (
        SELECT count(*) AS total FROM (
            SELECT FROM unnest(%(states)s::text[]) AS wanted (state)
             CROSS JOIN LATERAL (
                 SELECT FROM sales_order WHERE warehouse_id = %(warehouse_id)s AND state = wanted.state
                  LIMIT %(count_max)s) each
             LIMIT %(count_max)s) matching
    ), page AS MATERIALIZED (
        SELECT each.id FROM unnest(%(states)s::text[]) AS wanted (state)
         CROSS JOIN LATERAL (
             SELECT id, placed_at FROM sales_order WHERE warehouse_id = %(warehouse_id)s AND state = wanted.state
              ORDER BY placed_at DESC, id DESC LIMIT %(limit)s::int + %(offset)s::int) each
         ORDER BY each.placed_at DESC, each.id DESC LIMIT %(limit)s OFFSET %(offset)s
    )
""")
    + _PAGE
)
LIST_OF_CODE = (
    SQL("""
    WITH matching AS MATERIALIZED (
        SELECT id, placed_at FROM sales_order
         WHERE (number = %(q)s OR barcode = %(q)s) AND state = ANY(%(states)s)
           AND (%(warehouse_id)s::int IS NULL OR warehouse_id = %(warehouse_id)s)
    ), counted AS (
        SELECT count(*) AS total FROM matching
    ), page AS MATERIALIZED (
        SELECT id FROM matching ORDER BY placed_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
    )
""")
    + _PAGE
)

SHOW = (
    _HEADER
    + SQL("""
           , (SELECT coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'position', l.position, 'variant_id', l.variant_id,
                     'sku', l.sku, 'name', l.name, 'quantity', l.quantity, 'picked', l.picked, 'packed', l.packed,
                     'shipped', l.shipped, 'short', l.short, 'unit_price_minor', l.unit_price_minor,
                     'line_total_minor', l.line_total_minor,
                     'upc', (SELECT c.code FROM barcode c WHERE c.variant_id = l.variant_id AND c.kind = 'gtin'
                              ORDER BY c.id LIMIT 1),
                     'held', (SELECT coalesce(sum(h.quantity), 0) FROM stock_hold h WHERE h.order_line_id = l.id),
                     'allocated', (SELECT coalesce(sum(s.quantity - s.picked), 0)
                                     FROM pick_task_share s JOIN pick_task k ON k.id = s.task_id
                                    WHERE s.order_line_id = l.id AND k.status = 'PENDING')) ORDER BY l.position), '[]')
                FROM order_line l WHERE l.order_id = o.id) AS lines
      FROM sales_order o
""")
    + _TOTALS
    + SQL(" WHERE o.id = %(order_id)s")
)

# Codes that are taken, warehouses that are open: for telling what is wrong with orders before any is written.
TAKEN = """
    SELECT 'number' AS kind, number AS code FROM sales_order WHERE number = ANY(%(numbers)s)
    UNION ALL
    SELECT 'barcode', barcode FROM sales_order WHERE barcode = ANY(%(barcodes)s)
    UNION ALL
    SELECT 'warehouse', id::text FROM warehouse WHERE id = ANY(%(warehouse_ids)s) AND is_active
"""

# An order of an unknown or closed warehouse has none, which the table refuses.
INSERT_MANY = """
    WITH wanted AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(orders)s) AS o (n int, number text, barcode text, warehouse_id int,
               is_short boolean, total_minor bigint, delivery_name text, delivery_phone text, billing_address text,
               delivery_address text, ship_method text, ordered_on date, ship_by date, priority int, special_notes text)
    ), placed AS (
        INSERT INTO sales_order (number, barcode, channel, state, payment_state, payment_method, placed_by, warehouse_id,
            is_short, currency, subtotal_minor, total_minor, delivery_name, delivery_phone, billing_address,
            delivery_address, ship_method, ordered_on, ship_by, priority, special_notes, placed_at, updated_at)
        SELECT number, barcode, 'wms', 'pending', 'unpaid', 'net30', %(placed_by)s,
               (SELECT id FROM warehouse w WHERE w.id = wanted.warehouse_id AND w.is_active), is_short, %(currency)s,
               total_minor, total_minor, delivery_name, delivery_phone, billing_address, delivery_address, ship_method,
               ordered_on, ship_by, priority, special_notes, %(now)s, %(now)s
          FROM wanted ORDER BY n
        RETURNING id, number
    ), written AS (
        INSERT INTO order_line (order_id, position, product_id, variant_id, sku, name, brand, unit_size, quantity,
            unit_price_minor, is_bulk_price, line_total_minor)
        SELECT placed.id, l.position, l.product_id, l.variant_id, l.sku, l.name, l.brand, l.unit_size, l.quantity,
               l.unit_price_minor, l.is_bulk_price, l.line_total_minor
          FROM jsonb_to_recordset(%(lines)s) AS l (n int, position int, product_id int, variant_id int, sku text, name text,
               brand text, unit_size text, quantity bigint, unit_price_minor bigint, is_bulk_price boolean,
               line_total_minor bigint)
          JOIN wanted USING (n)
          JOIN placed ON placed.number = wanted.number
         ORDER BY l.n, l.position
        RETURNING id, order_id, position, variant_id
    )
    SELECT wanted.n, written.order_id, written.id, written.position,
           (SELECT c.code FROM barcode c WHERE c.variant_id = written.variant_id AND c.kind = 'gtin'
             ORDER BY c.id LIMIT 1) AS upc
      FROM written
      JOIN placed ON placed.id = written.order_id
      JOIN wanted ON wanted.number = placed.number
     ORDER BY wanted.n, written.position
"""

CHANGE_HEADER = """
    UPDATE sales_order
       SET number = %(number)s, barcode = %(barcode)s, delivery_name = %(delivery_name)s,
           delivery_phone = %(delivery_phone)s, billing_address = %(billing_address)s,
           delivery_address = %(delivery_address)s, delivery_city = %(delivery_city)s,
           delivery_state = %(delivery_state)s, delivery_zip = %(delivery_zip)s, ship_method = %(ship_method)s,
           ordered_on = %(ordered_on)s, ship_by = %(ship_by)s, priority = %(priority)s,
           special_notes = %(special_notes)s, updated_at = %(now)s
     WHERE id = %(id)s
"""

# Lines keep their rows, position by position: what was once planned for one still refers to it. Lines beyond the new ones
# go, after what they held was given back.
REWRITE = (
    SQL("""
    WITH wanted AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(lines)s) AS l (position int, product_id int, variant_id int, sku text, name text,
               brand text, unit_size text, quantity bigint, unit_price_minor bigint, is_bulk_price boolean,
               line_total_minor bigint)
    ), o AS (
        UPDATE sales_order
           SET number = %(number)s, barcode = %(barcode)s, delivery_name = %(delivery_name)s,
               delivery_phone = %(delivery_phone)s, billing_address = %(billing_address)s,
               delivery_address = %(delivery_address)s, delivery_city = %(delivery_city)s,
               delivery_state = %(delivery_state)s, delivery_zip = %(delivery_zip)s, ship_method = %(ship_method)s,
               ordered_on = %(ordered_on)s, ship_by = %(ship_by)s, priority = %(priority)s,
               special_notes = %(special_notes)s, is_short = %(is_short)s,
               subtotal_minor = %(subtotal_minor)s,
               total_minor = %(subtotal_minor)s - discount_minor + delivery_fee_minor,
               warehouse_id = CASE WHEN warehouse_id = %(warehouse_id)s THEN warehouse_id
                                   ELSE (SELECT w.id FROM warehouse w WHERE w.id = %(warehouse_id)s AND w.is_active) END,
               updated_at = %(now)s
         WHERE id = %(id)s
        RETURNING placed_by
    ), changed AS (
        UPDATE order_line l
           SET product_id = w.product_id, variant_id = w.variant_id, sku = w.sku, name = w.name, brand = w.brand,
               unit_size = w.unit_size, quantity = w.quantity, unit_price_minor = w.unit_price_minor,
               is_bulk_price = w.is_bulk_price, line_total_minor = w.line_total_minor, short = 0
          FROM wanted w WHERE l.order_id = %(id)s AND l.position = w.position
        RETURNING l.id, l.position, l.variant_id
    ), removed AS (
        DELETE FROM order_line WHERE order_id = %(id)s AND position NOT IN (SELECT position FROM wanted)
    ), added AS (
        INSERT INTO order_line (order_id, position, product_id, variant_id, sku, name, brand, unit_size, quantity,
            unit_price_minor, is_bulk_price, line_total_minor)
        SELECT %(id)s, position, product_id, variant_id, sku, name, brand, unit_size, quantity, unit_price_minor,
               is_bulk_price, line_total_minor
          FROM wanted
         WHERE position NOT IN (SELECT position FROM order_line WHERE order_id = %(id)s)
         ORDER BY position
        RETURNING id, position, variant_id
    )
    SELECT written.id, written.position,
           (SELECT c.code FROM barcode c WHERE c.variant_id = written.variant_id AND c.kind = 'gtin'
             ORDER BY c.id LIMIT 1) AS upc,
""")
    + _CREATOR
    + SQL("""
      FROM (SELECT * FROM changed UNION ALL SELECT * FROM added) written, o
     ORDER BY written.position
""")
)

# The order's end, whatever of it was picked: that is back in its bins.
CALL_OFF = """
    WITH undone AS (
        UPDATE order_line SET picked = 0 WHERE order_id = %(id)s AND picked > 0
    )
    UPDATE sales_order
       SET state = %(state)s, is_reserved = false, hold_expires_at = NULL, updated_at = %(now)s
     WHERE id = %(id)s AND state = %(before)s
"""


@dataclass(frozen=True)
class Written:
    """A written line: which it is, and the code on its item."""

    id: int
    position: int
    upc: str | None


@dataclass(frozen=True)
class Taken:
    """Which of the numbers and barcodes asked about are taken, and which of the warehouses are there and open."""

    numbers: frozenset[str]
    barcodes: frozenset[str]
    warehouse_ids: frozenset[int]


def list_orders(
    uow: UnitOfWork, page: Window, *, states: Sequence[State] | None, warehouse_id: int | None, q: str | None
) -> tuple[list[Row], int]:
    """A page of orders, newest first, and how many there are; `states` None means all."""
    every: tuple[State, ...] = (
        "pending",
        "confirmed",
        "picking",
        "picked",
        "packed",
        "shipped",
        "delivered",
        "cancelled",
    )
    params = {**page, "states": list(every if states is None else states), "warehouse_id": warehouse_id, "q": q}
    if q is not None:
        rows = uow.rows(LIST_OF_CODE, params)
    elif warehouse_id is not None:
        rows = uow.rows(LIST_OF_WAREHOUSE, params)
    else:
        rows = uow.rows(LIST_RECENT if states is None else LIST_OF_STATES, params)
    return [row for row in rows if row["id"] is not None], rows[0]["total"]


def show(uow: UnitOfWork, order_id: int) -> Row | None:
    """One order with its lines, or None."""
    return uow.row(SHOW, {"order_id": order_id})


def taken(uow: UnitOfWork, numbers: Sequence[str], barcodes: Sequence[str], warehouse_ids: Sequence[int]) -> Taken:
    """What is taken and what is there, in one statement for any number."""
    found: dict[str, set[str]] = {"number": set(), "barcode": set(), "warehouse": set()}
    params = {"numbers": list(numbers), "barcodes": list(barcodes), "warehouse_ids": list(warehouse_ids)}
    for row in uow.rows(TAKEN, params):
        found[row["kind"]].add(row["code"])
    return Taken(frozenset(found["number"]), frozenset(found["barcode"]), frozenset(map(int, found["warehouse"])))


def insert_many(
    uow: UnitOfWork, orders: Sequence[Mapping[str, Any]], lines: Sequence[Mapping[str, Any]]
) -> dict[int, tuple[int, list[Written]]]:
    """Orders with their lines, by the `n` they carry: (order id, lines by position).

    Raises psycopg.errors.UniqueViolation for a number or barcode that is taken, NotNullViolation for a warehouse that is
    not there or closed; the transaction is then lost.
    """
    params = {
        "orders": Jsonb(
            [
                {**order, "ordered_on": _text(order["ordered_on"]), "ship_by": _text(order["ship_by"])}
                for order in orders
            ]
        ),
        "lines": Jsonb(list(lines)),
        "placed_by": uow.actor.label,
        "currency": uow.organization.currency,
        "now": uow.now,
    }
    made: dict[int, tuple[int, list[Written]]] = {}
    for row in uow.rows(INSERT_MANY, params):
        made.setdefault(row["n"], (row["order_id"], []))[1].append(Written(row["id"], row["position"], row["upc"]))
    return made


def _text(day: Any) -> str | None:
    return None if day is None else str(day)


def change_header(uow: UnitOfWork, order_id: int, columns: Mapping[str, Any]) -> None:
    """Writes the header of a locked order. Raises psycopg.errors.UniqueViolation."""
    uow.execute(CHANGE_HEADER, {**columns, "id": order_id, "now": uow.now})


def rewrite(
    uow: UnitOfWork, order_id: int, columns: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
) -> tuple[list[Written], str]:
    """Writes header and lines of a locked order anew: the lines by position, and who placed it.

    Lines beyond the new ones must hold nothing. Raises psycopg.errors.UniqueViolation, NotNullViolation as `insert_many`.
    """
    rows = uow.rows(REWRITE, {**columns, "id": order_id, "lines": Jsonb(list(lines)), "now": uow.now})
    return [Written(row["id"], row["position"], row["upc"]) for row in rows], rows[0]["created_by"]


def call_off(uow: UnitOfWork, order_id: int, before: State, following: State) -> bool:
    """Ends a locked order; False when it is no longer where it was read."""
    return uow.execute(CALL_OFF, {"id": order_id, "before": before, "state": following, "now": uow.now}) == 1
