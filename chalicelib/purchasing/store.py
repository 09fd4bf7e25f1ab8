"""SQL of purchasing: orders, their lines, and the receipts of what came."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from chalicelib.kernel.paging import Window
from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.purchasing.rules import Known, NewLine, NewOrder, Status

# Items may be named by SKU: its key is computed before the join (infra/decisions/0010).
CREATE_ORDERS = """
    WITH wanted AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(orders)s) AS o (n int, number text, barcode text, vendor_name text,
               warehouse_id int, expected_on date, notes text)
    ), wanted_line AS MATERIALIZED (
        SELECT n, position, variant_id, upper(sku) AS sku_key, quantity, unit_cost_minor
          FROM jsonb_to_recordset(%(lines)s) AS l (n int, position int, variant_id int, sku text, quantity bigint,
               unit_cost_minor bigint)
    ), made AS (
        INSERT INTO purchase_order (number, barcode, vendor_name, warehouse_id, expected_on, notes, created_by,
                                    created_at, updated_at)
        SELECT number, barcode, vendor_name, warehouse_id, expected_on, notes, %(actor)s, %(now)s, %(now)s
          FROM wanted ORDER BY n
        RETURNING id, number
    ), ordered AS (
        INSERT INTO purchase_order_line (purchase_order_id, position, variant_id, quantity, unit_cost_minor)
        SELECT made.id, l.position, coalesce(l.variant_id, v.id), l.quantity, l.unit_cost_minor
          FROM made
          JOIN wanted USING (number)
          JOIN wanted_line l USING (n)
          LEFT JOIN variant v ON l.variant_id IS NULL AND v.sku_key = l.sku_key
         ORDER BY made.id, l.position
    )
    SELECT made.id FROM made JOIN wanted USING (number) ORDER BY wanted.n
"""

FIND_KNOWN = """
    WITH named AS MATERIALIZED (
        SELECT sku, upper(sku) AS sku_key FROM unnest(%(skus)s::text[]) AS sku
    )
    SELECT ARRAY(SELECT number FROM purchase_order WHERE number = ANY(%(numbers)s)) AS numbers,
           ARRAY(SELECT barcode FROM purchase_order WHERE barcode = ANY(%(barcodes)s)) AS barcodes,
           ARRAY(SELECT id FROM warehouse WHERE id = ANY(%(warehouse_ids)s)) AS warehouse_ids,
           ARRAY(SELECT id FROM variant WHERE id = ANY(%(variant_ids)s)) AS variant_ids,
           ARRAY(SELECT named.sku FROM named JOIN variant v ON v.sku_key = named.sku_key) AS skus
"""

_HEADER = SQL("""
    SELECT o.id, o.number, o.barcode, o.vendor_name, o.status, o.warehouse_id, o.expected_on, o.notes FROM purchase_order o
""")
# The header alone: whoever changes lines or receipts locks it first, so that what is read after it is what is true.
LOCK_ORDER = _HEADER + SQL(" WHERE o.id = %(po_id)s FOR UPDATE")
LOCK_ORDERS_OF_RECEIPTS = _HEADER + SQL("""
     WHERE o.id IN (SELECT r.purchase_order_id FROM receipt r WHERE r.id = ANY(%(receipt_ids)s))
     ORDER BY o.id FOR UPDATE
""")

# With the name of the account that made it, and when its last units came.
_SHOWN = SQL("""
    SELECT o.id, o.number, o.barcode, o.vendor_name, o.status, o.warehouse_id, o.expected_on, o.notes, o.created_at,
           coalesce((SELECT s.username FROM staff s
                      WHERE s.id = CASE WHEN starts_with(o.created_by, 'staff:') THEN substr(o.created_by, 7)::int END),
                    o.created_by) AS created_by,
           (SELECT max(r.received_at) FROM receipt r
             WHERE r.purchase_order_id = o.id AND r.cancelled_at IS NULL) AS received_at
""")
_SHOWN_LINES = SQL("""
           , (SELECT jsonb_agg(jsonb_build_object('id', l.id, 'position', l.position, 'variant_id', l.variant_id, 'sku', v.sku,
                     'name', coalesce(nullif(v.name, ''), p.name), 'upc', (SELECT c.code FROM barcode c
                       WHERE c.variant_id = v.id AND c.kind = 'gtin' ORDER BY c.id LIMIT 1),
                     'quantity', l.quantity, 'received', l.received, 'unit_cost_minor', l.unit_cost_minor)
                     ORDER BY l.position)
                FROM purchase_order_line l
                JOIN variant v ON v.id = l.variant_id
                JOIN product p ON p.id = v.product_id
               WHERE l.purchase_order_id = o.id) AS lines
      FROM purchase_order o
""")
SHOW_ORDER = _SHOWN + _SHOWN_LINES + SQL(" WHERE o.id = %(po_id)s")
# A code that is one order's number and another's barcode means the barcode.
SHOW_BY_CODE = (
    _SHOWN
    + _SHOWN_LINES
    + SQL(" WHERE o.barcode = %(code)s OR o.number = %(code)s ORDER BY o.barcode IS NOT DISTINCT FROM %(code)s DESC")
)

_WANTED = SQL("""
     (%(status)s::text IS NULL OR o.status = %(status)s)
       AND (%(warehouse_id)s::int IS NULL OR o.warehouse_id = %(warehouse_id)s)
""")
# A page past the end has no orders but still a total, hence the outer join. The count stops at `count_max`.
_PAGE = SQL("""
    counted AS (
        SELECT count(*) AS total FROM (SELECT FROM {matching} LIMIT %(count_max)s) matching
    ), page AS MATERIALIZED (
        SELECT o.* FROM {matching} ORDER BY o.created_at DESC, o.id DESC LIMIT %(limit)s OFFSET %(offset)s
    )
    SELECT counted.total, shown.* FROM counted LEFT JOIN ({shown} FROM page o) shown ON true
     ORDER BY shown.created_at DESC, shown.id DESC
""")
LIST_ORDERS = SQL("WITH") + _PAGE.format(matching=SQL("purchase_order o WHERE ") + _WANTED, shown=_SHOWN)
SEARCH_ORDERS = SQL("""
    WITH hit AS MATERIALIZED (
        SELECT found.id FROM search_purchase_orders(%(pattern)s, %(hits_max)s) AS found (id)
    ),
""") + _PAGE.format(matching=SQL("hit JOIN purchase_order o USING (id) WHERE ") + _WANTED, shown=_SHOWN)

UPDATE_ORDER = """
    UPDATE purchase_order
       SET number = %(number)s, barcode = %(barcode)s, vendor_name = %(vendor_name)s, warehouse_id = %(warehouse_id)s,
           expected_on = %(expected_on)s, notes = %(notes)s, updated_at = %(now)s
     WHERE id = %(id)s
"""
DELETE_LINES = """
    DELETE FROM purchase_order_line WHERE purchase_order_id = %(po_id)s
    RETURNING position, variant_id, quantity, unit_cost_minor
"""
INSERT_LINES = """
    INSERT INTO purchase_order_line (purchase_order_id, position, variant_id, quantity, unit_cost_minor)
    SELECT %(po_id)s, position, variant_id, quantity, unit_cost_minor
      FROM jsonb_to_recordset(%(lines)s) AS l (position int, variant_id int, quantity bigint, unit_cost_minor bigint)
     ORDER BY position
"""
CLOSE_ORDER = """
    UPDATE purchase_order SET status = 'CLOSED', closed_at = %(now)s, updated_at = %(now)s WHERE id = %(po_id)s
"""

# What an order's lines say of it; `changed (id, received)` are lines whose quantities this statement changes.
_STANDING = SQL("""
    standing AS (
        SELECT l.purchase_order_id AS id,
               CASE WHEN bool_and(coalesce(c.received, l.received) >= l.quantity) THEN 'RECEIVED'
                    WHEN bool_or(coalesce(c.received, l.received) > 0) THEN 'PARTIAL'
                    ELSE 'OPEN' END AS status
          FROM purchase_order_line l LEFT JOIN changed c ON c.id = l.id
         WHERE l.purchase_order_id = ANY(%(po_ids)s)
         GROUP BY l.purchase_order_id
    )
""")
REOPEN_ORDERS = (
    SQL("WITH changed AS (SELECT NULL::int AS id, NULL::bigint AS received WHERE false), ")
    + _STANDING
    + SQL("""
    UPDATE purchase_order o SET status = standing.status, closed_at = NULL, updated_at = %(now)s
      FROM standing WHERE o.id = standing.id
    RETURNING o.status
""")
)
# A closed order stays closed, whatever becomes of its receipts.
_SETTLED = SQL("""
    settled AS (
        UPDATE purchase_order o SET status = standing.status, updated_at = %(now)s
          FROM standing WHERE o.id = standing.id AND o.status <> 'CLOSED'
        RETURNING o.id, o.status
    )
""")
RECORD_RECEIPTS = (
    SQL("""
    WITH entered AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(receipts)s) AS r (n int, line_id int, variant_id int, lot_id int, account_id int,
               quantity bigint, serial_number text, note text)
    ), added AS (
        INSERT INTO receipt (purchase_order_id, purchase_order_line_id, warehouse_id, variant_id, lot_id, account_id,
                             quantity, serial_number, note, received_by, received_at)
        SELECT %(po_id)s, line_id, %(warehouse_id)s, variant_id, lot_id, account_id, quantity, serial_number, note,
               %(actor)s, %(now)s
          FROM entered ORDER BY n
        RETURNING id
    ), changed AS (
        UPDATE purchase_order_line l SET received = l.received + e.quantity
          FROM (SELECT line_id, sum(quantity)::bigint AS quantity FROM entered GROUP BY line_id) e
         WHERE l.id = e.line_id
        RETURNING l.id, l.received
    ),
""")
    + _STANDING
    + SQL(", ")
    + _SETTLED
    + SQL("SELECT ARRAY(SELECT id FROM added ORDER BY id) AS receipt_ids, (SELECT status FROM settled) AS status")
)
LIST_RECEIPTS = """
    SELECT r.id, r.purchase_order_id, r.warehouse_id, r.variant_id, r.lot_id, r.account_id, r.quantity, v.sku,
           b.code AS bin_code
      FROM receipt r
      JOIN variant v ON v.id = r.variant_id
      JOIN bin b ON b.account_id = r.account_id
     WHERE r.id = ANY(%(receipt_ids)s) AND r.cancelled_at IS NULL
     ORDER BY r.id
"""
CANCEL_RECEIPTS = (
    SQL("""
    WITH taken AS (
        UPDATE receipt SET cancelled_by = %(actor)s, cancelled_at = %(now)s
         WHERE id = ANY(%(receipt_ids)s) AND cancelled_at IS NULL
        RETURNING purchase_order_line_id, quantity
    ), changed AS (
        UPDATE purchase_order_line l SET received = l.received - t.quantity
          FROM (SELECT purchase_order_line_id AS id, sum(quantity)::bigint AS quantity FROM taken GROUP BY 1) t
         WHERE l.id = t.id
        RETURNING l.id, l.received
    ),
""")
    + _STANDING
    + SQL(", ")
    + _SETTLED
    + SQL("SELECT id, status FROM settled")
)

HITS_MAX = 1000
"""A search finds so many orders, the newest."""


@dataclass(frozen=True)
class PurchaseOrder:
    """The header of an order."""

    id: int
    number: str
    barcode: str | None
    vendor_name: str
    status: Status
    warehouse_id: int
    expected_on: date | None
    notes: str

    @property
    def document(self) -> str:
        """How others name this order."""
        return f"purchase_order:{self.id}"


@dataclass(frozen=True)
class OrderLine:
    """A line, as taking goods in needs to know it."""

    id: int
    position: int
    variant_id: int
    sku: str
    is_lot_tracked: bool
    quantity: int
    received: int


@dataclass(frozen=True)
class ShownLine:
    """A line as people read it."""

    id: int
    position: int
    variant_id: int
    sku: str
    name: str
    upc: str | None
    quantity: int
    received: int
    unit_cost_minor: int | None


@dataclass(frozen=True)
class ShownOrder:
    """An order as people read it; lists leave the lines out."""

    id: int
    number: str
    barcode: str | None
    vendor_name: str
    status: Status
    warehouse_id: int
    expected_on: date | None
    notes: str
    created_at: datetime
    created_by: str
    received_at: datetime | None
    lines: tuple[ShownLine, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NewReceipt:
    """Units that came into a bin for an order line."""

    line_id: int
    variant_id: int
    lot_id: int | None
    account_id: int
    quantity: int
    serial_number: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Receipt:
    """A receipt that stands."""

    id: int
    purchase_order_id: int
    warehouse_id: int
    variant_id: int
    lot_id: int | None
    account_id: int
    quantity: int
    sku: str
    bin_code: str

    @property
    def document(self) -> str:
        """How the stock ledger names this receipt."""
        return f"receipt:{self.id}"


def create_orders(uow: UnitOfWork, orders: Sequence[NewOrder]) -> list[int]:
    """Orders with their lines, in one statement; their ids in the order given.

    Raises psycopg.errors.UniqueViolation, ForeignKeyViolation, NotNullViolation (an unknown SKU).
    """
    columns = [
        {
            "n": n,
            "number": order.number,
            "barcode": order.barcode,
            "vendor_name": order.vendor_name,
            "warehouse_id": order.warehouse_id,
            "expected_on": order.expected_on and order.expected_on.isoformat(),
            "notes": order.notes,
        }
        for n, order in enumerate(orders)
    ]
    lines = [{"n": n, **_line_row(line)} for n, order in enumerate(orders) for line in order.lines]
    params = {"orders": Jsonb(columns), "lines": Jsonb(lines), "actor": uow.actor.label, "now": uow.now}
    return [row["id"] for row in uow.rows(CREATE_ORDERS, params)]


def _line_row(line: NewLine) -> dict[str, Any]:
    return {
        "position": line.position,
        "variant_id": line.variant_id,
        "sku": line.sku,
        "quantity": line.quantity,
        "unit_cost_minor": line.unit_cost_minor,
    }


def find_known(uow: UnitOfWork, orders: Sequence[NewOrder]) -> Known:
    """Which numbers and barcodes of new orders are taken, and which of the records that they name exist."""
    lines = [line for order in orders for line in order.lines]
    row = uow.row(
        FIND_KNOWN,
        {
            "numbers": [order.number for order in orders],
            "barcodes": [order.barcode for order in orders if order.barcode is not None],
            "warehouse_ids": [order.warehouse_id for order in orders],
            "variant_ids": [line.variant_id for line in lines if line.variant_id is not None],
            "skus": [line.sku for line in lines if line.variant_id is None and line.sku is not None],
        },
    )
    assert row is not None  # a SELECT without FROM
    return Known(**{name: frozenset(found) for name, found in row.items()})


def lock_order(uow: UnitOfWork, po_id: int) -> PurchaseOrder | None:
    """An order's header, locked; None when there is none. Locked before stock and before other orders' lines."""
    return uow.fetch(PurchaseOrder, LOCK_ORDER, {"po_id": po_id})


def lock_orders_of_receipts(uow: UnitOfWork, receipt_ids: Iterable[int]) -> list[PurchaseOrder]:
    """The orders that receipts belong to, locked in id order, in one statement; receipts of nobody are left out."""
    return uow.fetch_all(PurchaseOrder, LOCK_ORDERS_OF_RECEIPTS, {"receipt_ids": sorted(set(receipt_ids))})


def show_order(uow: UnitOfWork, po_id: int) -> ShownOrder | None:
    """An order with its lines, or None."""
    return next(iter(_shown(uow.rows(SHOW_ORDER, {"po_id": po_id}))), None)


def list_by_code(uow: UnitOfWork, code: str) -> list[ShownOrder]:
    """The order with this barcode, then the one with this number, with their lines."""
    return _shown(uow.rows(SHOW_BY_CODE, {"code": code}))


def _shown(rows: Sequence[Row]) -> list[ShownOrder]:
    return [ShownOrder(**{**row, "lines": tuple(ShownLine(**line) for line in row.get("lines") or ())}) for row in rows]


def list_orders(
    uow: UnitOfWork, page: Window, *, status: Status | None, warehouse_id: int | None, pattern: str | None
) -> tuple[list[ShownOrder], int]:
    """A page of orders, newest first, and how many there are; `pattern` is for LIKE, in small letters."""
    params: dict[str, Any] = {**page, "status": status, "warehouse_id": warehouse_id}
    if pattern is not None:
        params |= {"pattern": pattern, "hits_max": HITS_MAX}
    rows = uow.rows(LIST_ORDERS if pattern is None else SEARCH_ORDERS, params)
    total: int = rows[0]["total"]
    found = [{name: value for name, value in row.items() if name != "total"} for row in rows if row["id"] is not None]
    return _shown(found), total


def update_order(uow: UnitOfWork, order: PurchaseOrder) -> None:
    """Writes the header of a locked order. Raises psycopg.errors.UniqueViolation, ForeignKeyViolation."""
    uow.execute(
        UPDATE_ORDER,
        {
            "id": order.id,
            "number": order.number,
            "barcode": order.barcode,
            "vendor_name": order.vendor_name,
            "warehouse_id": order.warehouse_id,
            "expected_on": order.expected_on,
            "notes": order.notes,
            "now": uow.now,
        },
    )


def delete_lines(uow: UnitOfWork, po_id: int) -> list[Row]:
    """Takes a locked order's lines away; what they were. Raises psycopg.errors.ForeignKeyViolation when a receipt names one."""
    return uow.rows(DELETE_LINES, {"po_id": po_id})


def insert_lines(uow: UnitOfWork, po_id: int, lines: Sequence[NewLine]) -> None:
    """Lines, by item id, for a locked order that has none. Raises psycopg.errors.ForeignKeyViolation."""
    uow.execute(INSERT_LINES, {"po_id": po_id, "lines": Jsonb([_line_row(line) for line in lines])})


def close_order(uow: UnitOfWork, po_id: int) -> None:
    """Closes a locked order."""
    uow.execute(CLOSE_ORDER, {"po_id": po_id, "now": uow.now})


def reopen_order(uow: UnitOfWork, po_id: int) -> Status:
    """Gives a locked, closed order the status that its lines say; which."""
    status: Status = uow.value(REOPEN_ORDERS, {"po_ids": [po_id], "now": uow.now})
    return status


def record_receipts(uow: UnitOfWork, order: PurchaseOrder, receipts: Sequence[NewReceipt]) -> tuple[list[int], Status]:
    """Writes receipts of a locked order that is not closed, adds them to its lines and settles its status.

    One statement for any number. The receipts' ids in the order given, and the order's status from now on.
    """
    rows = [
        {
            "n": n,
            "line_id": receipt.line_id,
            "variant_id": receipt.variant_id,
            "lot_id": receipt.lot_id,
            "account_id": receipt.account_id,
            "quantity": receipt.quantity,
            "serial_number": receipt.serial_number,
            "note": receipt.note,
        }
        for n, receipt in enumerate(receipts)
    ]
    row = uow.row(
        RECORD_RECEIPTS,
        {
            "po_id": order.id,
            "po_ids": [order.id],
            "warehouse_id": order.warehouse_id,
            "receipts": Jsonb(rows),
            "actor": uow.actor.label,
            "now": uow.now,
        },
    )
    assert row is not None  # a SELECT without FROM
    return row["receipt_ids"], row["status"]


def list_receipts(uow: UnitOfWork, receipt_ids: Iterable[int]) -> list[Receipt]:
    """Receipts that stand, in id order; those that are unknown or were cancelled are left out."""
    return uow.fetch_all(Receipt, LIST_RECEIPTS, {"receipt_ids": sorted(set(receipt_ids))})


def cancel_receipts(uow: UnitOfWork, receipts: Sequence[Receipt]) -> dict[int, Status]:
    """Takes receipts of locked orders back, lessens their lines and settles the orders' statuses, in one statement.

    The new status by order; closed orders stay closed and are left out.
    """
    params = {
        "receipt_ids": [receipt.id for receipt in receipts],
        "po_ids": sorted({receipt.purchase_order_id for receipt in receipts}),
        "actor": uow.actor.label,
        "now": uow.now,
    }
    return {row["id"]: row["status"] for row in uow.rows(CANCEL_RECEIPTS, params)}
