"""SQL of the order book."""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.orders import facts
from chalicelib.orders.rules import Credit, Line, LineProgress, Order, State

# Orders come with their lines as one JSON array, so that reading any number of orders is one statement.
_ORDER_WITH = SQL("""
    SELECT o.id, o.number, o.barcode, o.channel, o.state, o.payment_state, o.payment_method, o.customer_id, o.warehouse_id,
           o.is_reserved, o.is_short, o.currency, o.subtotal_minor, o.discount_minor, o.delivery_fee_minor, o.total_minor,
           o.delivery_name, o.delivery_first_name, o.delivery_last_name, o.delivery_email, o.delivery_company,
           o.delivery_address, o.delivery_city, o.delivery_state, o.delivery_zip, o.delivery_phone, o.billing_address,
           o.special_notes, o.ship_method, o.ordered_on, o.ship_by, o.priority, o.tracking_number, o.carrier, o.placed_at,
           o.hold_expires_at, o.updated_at, o.cancel_reason, o.stopped_because,
           (SELECT jsonb_agg(jsonb_build_object('id', l.id, 'position', l.position, 'product_id', l.product_id,
                   'variant_id', l.variant_id, 'sku', l.sku, 'name', l.name, 'brand', l.brand, 'unit_size', l.unit_size,
                   'quantity', l.quantity, 'unit_price_minor', l.unit_price_minor, 'is_bulk_price', l.is_bulk_price,
                   'line_total_minor', l.line_total_minor, 'picked', l.picked, 'packed', l.packed, 'shipped', l.shipped,
                   'short', l.short) ORDER BY l.position)
""")
ORDERS = _ORDER_WITH + SQL(" FROM order_line l WHERE l.order_id = o.id) AS lines FROM sales_order o")
# Locking and reading in one statement. Its snapshot is older than the locks it waited for, but a row that is locked comes
# back as it is then; so the lines are locked as well, once their orders are ours. Lines that were added while it waited are
# not among them: an order that is not the one of the snapshot says so, and is read again.
_LOCKED = SQL("""
    WITH locked AS MATERIALIZED (
        SELECT *, xmin AS version FROM sales_order WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE
    ), locked_line AS MATERIALIZED (
        SELECT l.* FROM locked JOIN order_line l ON l.order_id = locked.id ORDER BY l.id FOR UPDATE OF l
    )
""")
LOCK_ORDERS = (
    _LOCKED
    + _ORDER_WITH
    + SQL("""
      FROM locked_line l WHERE l.order_id = o.id) AS lines,
           o.version IS DISTINCT FROM (SELECT s.xmin FROM sales_order s WHERE s.id = o.id) AS is_stale
      FROM locked o ORDER BY o.id
""")
)
LIST_BY_IDS = ORDERS + SQL(" WHERE o.id = ANY(%(ids)s) ORDER BY o.id")
FIND_BY_REFERENCES = ORDERS + SQL(
    " WHERE o.number = ANY(%(references)s) OR o.barcode = ANY(%(references)s) ORDER BY o.id"
)
GET_BY_NUMBER = ORDERS + SQL(" WHERE o.number = %(number)s")
LATEST_BY_PHONE = ORDERS + SQL(" WHERE o.delivery_phone = %(phone)s ORDER BY o.placed_at DESC, o.id DESC LIMIT 1")
LIST_INVENTORY = ORDERS + SQL("""
     WHERE (%(state)s::text[] IS NULL OR o.state = ANY(%(state)s))
       AND (%(is_reserved)s::boolean IS NULL OR o.state <> 'pending' OR o.is_reserved = %(is_reserved)s)
     ORDER BY o.placed_at DESC, o.id DESC LIMIT %(limit)s OFFSET %(offset)s
""")
HAS_UNSETTLED = """
    SELECT EXISTS (
        SELECT FROM sales_order
         WHERE customer_id = %(customer_id)s AND state <> 'cancelled'
           AND (state NOT IN ('shipped', 'delivered')
                OR payment_state IN ('unpaid', 'authorized', 'processing', 'overdue', 'failed', 'disputed')))
"""
LIST_EXPIRED = """
    SELECT id FROM sales_order
     WHERE hold_expires_at <= %(now)s AND state = 'pending' AND payment_state IN ('unpaid', 'failed')
     ORDER BY id LIMIT %(limit)s
"""
LOCK_ID_BY_NUMBER = "SELECT id FROM sales_order WHERE number = %(number)s FOR UPDATE"

# A customer's terms, locked so that two orders cannot both use the last of a limit, and what they owe already.
LOCK_CREDIT = """
    WITH locked AS MATERIALIZED (
        SELECT id, payment_terms, credit_limit_minor, credit_frozen_at
          FROM customer WHERE id = %(customer_id)s FOR UPDATE
    )
    SELECT payment_terms AS terms, credit_limit_minor AS limit_minor, credit_frozen_at IS NOT NULL AS is_frozen FROM locked
"""
FREEZE_CREDIT = """
    UPDATE customer
       SET credit_frozen_at = CASE WHEN %(is_frozen)s THEN %(now)s::timestamptz END, updated_at = %(now)s
     WHERE id = %(customer_id)s AND (credit_frozen_at IS NOT NULL) <> %(is_frozen)s
"""
GET_TERMS = "SELECT payment_terms FROM customer WHERE id = %(customer_id)s"
SUM_OWED = """
    SELECT coalesce(sum(total_minor), 0)::bigint AS owed_minor
      FROM sales_order
     WHERE customer_id = %(customer_id)s AND payment_method = 'net30' AND state <> 'cancelled'
       AND payment_state IN ('unpaid', 'processing', 'overdue', 'failed')
"""

MERGE_SETTINGS = "UPDATE organization SET settings = settings || %(values)s WHERE id = current_organization()"

INSERT_ORDER = """
    WITH placed AS (
        INSERT INTO sales_order (number, barcode, channel, state, payment_state, payment_method, customer_id, placed_by,
            warehouse_id, is_short, currency, subtotal_minor, discount_minor, delivery_fee_minor, total_minor, delivery_name,
            delivery_first_name, delivery_last_name, delivery_email, delivery_company, delivery_address, delivery_city,
            delivery_state, delivery_zip, delivery_phone, billing_address, special_notes, ship_method, placed_at,
            hold_expires_at, updated_at)
        VALUES (%(number)s, %(barcode)s, %(channel)s, %(state)s, 'unpaid', %(payment_method)s, %(customer_id)s,
            %(placed_by)s, %(warehouse_id)s, %(is_short)s, %(currency)s, %(subtotal_minor)s, %(discount_minor)s,
            %(delivery_fee_minor)s, %(total_minor)s, %(delivery_name)s, %(delivery_first_name)s, %(delivery_last_name)s,
            %(delivery_email)s, %(delivery_company)s, %(delivery_address)s, %(delivery_city)s, %(delivery_state)s,
            %(delivery_zip)s, %(delivery_phone)s, %(billing_address)s, %(special_notes)s, %(ship_method)s, %(now)s,
            %(hold_expires_at)s, %(now)s)
        RETURNING id
    )
    INSERT INTO order_line (order_id, position, product_id, variant_id, sku, name, brand, unit_size, quantity,
        unit_price_minor, is_bulk_price, line_total_minor)
    SELECT placed.id, l.position, l.product_id, l.variant_id, l.sku, l.name, l.brand, l.unit_size, l.quantity,
           l.unit_price_minor, l.is_bulk_price, l.line_total_minor
      FROM placed, jsonb_to_recordset(%(lines)s) AS l (position int, product_id int, variant_id int, sku text, name text,
           brand text, unit_size text, quantity bigint, unit_price_minor bigint, is_bulk_price boolean,
           line_total_minor bigint)
     ORDER BY l.position
    RETURNING order_id, id, position
"""

ADVANCE = """
    UPDATE sales_order
       SET state = n.state, updated_at = %(now)s,
           hold_expires_at = CASE WHEN n.state = 'pending' THEN hold_expires_at END,
           is_reserved = is_reserved AND n.state <> 'cancelled', is_short = is_short AND NOT n.is_covered,
           cancel_reason = CASE WHEN n.state = 'cancelled' THEN %(reason)s::text END
      FROM jsonb_to_recordset(%(next)s) AS n (id int, before text, state text, is_covered boolean)
     WHERE sales_order.id = n.id AND sales_order.state = n.before
"""
# Facts are told by the flush, but for this one: a short pick has nothing else to flush, and its statements are counted.
ADD_PROGRESS = """
    WITH moved AS (
        UPDATE order_line l
           SET picked = l.picked + d.picked, packed = l.packed + d.packed, shipped = l.shipped + d.shipped,
               short = l.short + d.short
          FROM jsonb_to_recordset(%(deltas)s)
            AS d (line_id int, picked bigint, packed bigint, shipped bigint, short bigint)
         WHERE l.id = d.line_id
        RETURNING l.order_id, d.short
    ), flagged AS (
        UPDATE sales_order SET is_short = true, updated_at = %(now)s
         WHERE id IN (SELECT order_id FROM moved WHERE short > 0) AND NOT is_short
        RETURNING id
    )
    INSERT INTO fact (type, record, data, occurred_at)
    SELECT %(short_type)s, 'order:' || id, jsonb_build_object('order_id', id), %(now)s FROM flagged ORDER BY id
"""
SET_RESERVED = """
    UPDATE sales_order SET is_reserved = true, warehouse_id = %(warehouse_id)s, updated_at = %(now)s,
           hold_expires_at = NULL
     WHERE id = %(id)s AND state = 'pending' AND NOT is_reserved
"""
SHIP = """
    WITH sent AS (
        UPDATE order_line SET packed = picked, shipped = picked WHERE order_id = %(id)s AND shipped < picked
    )
    UPDATE sales_order
       SET tracking_number = %(tracking_number)s, carrier = %(carrier)s, state = %(state)s, hold_expires_at = NULL,
           updated_at = %(now)s
     WHERE id = %(id)s AND state = %(before)s
"""
SET_SHORT = """
    UPDATE sales_order SET is_short = true, updated_at = %(now)s
     WHERE id IN (SELECT order_id FROM order_line WHERE id = ANY(%(line_ids)s))
       AND state IN ('pending', 'confirmed', 'picking') AND NOT is_short
    RETURNING id
"""
SET_WHOLE = "UPDATE sales_order SET is_short = false, updated_at = %(now)s WHERE id = ANY(%(ids)s)"
# Open orders that hold less than they want of these variants, oldest first, as far as what is free goes.
LIST_BACK_ORDERED = """
    WITH waiting AS (
        SELECT o.id, o.placed_at, l.position, l.variant_id,
               l.quantity - l.picked - l.short - coalesce(h.quantity, 0) AS missing
          FROM sales_order o
          JOIN order_line l ON l.order_id = o.id AND l.variant_id = ANY(%(variant_ids)s)
          LEFT JOIN stock_hold h ON h.order_line_id = l.id AND h.warehouse_id = o.warehouse_id
         WHERE o.is_short AND o.state IN ('pending', 'confirmed') AND o.warehouse_id = %(warehouse_id)s
           AND (o.channel <> 'inventory' OR o.is_reserved OR o.state <> 'pending')
    ), queued AS (
        SELECT id, placed_at, variant_id,
               sum(missing) OVER (PARTITION BY variant_id ORDER BY placed_at, id, position) - missing AS before_it
          FROM waiting WHERE missing > 0
    )
    SELECT q.id
      FROM queued q JOIN availability a ON a.variant_id = q.variant_id AND a.warehouse_id = %(warehouse_id)s
     WHERE q.before_it < a.on_hand - a.held
     GROUP BY q.id, q.placed_at
     ORDER BY q.placed_at, q.id
     LIMIT %(limit)s
"""
LIST_VARIANTS_OF_LINES = """
    SELECT o.warehouse_id, array_agg(DISTINCT l.variant_id) AS variant_ids
      FROM order_line l JOIN sales_order o ON o.id = l.order_id
     WHERE l.id = ANY(%(line_ids)s)
     GROUP BY o.warehouse_id ORDER BY o.warehouse_id
"""
KEEP_HELD = """
    UPDATE sales_order SET hold_expires_at = %(until)s, updated_at = %(now)s
     WHERE id = %(id)s AND state = 'pending' AND hold_expires_at < %(until)s
"""
SET_PAYMENT_STATE = """
    UPDATE sales_order
       SET payment_state = %(payment_state)s, state = %(state)s, hold_expires_at = %(hold_expires_at)s,
           stopped_because = %(stopped_because)s, updated_at = %(now)s
     WHERE id = %(id)s AND state = %(before)s
"""

# Holds must be exactly the units that open orders wait for, once their stock is held at all.
CHECK_HOLDS = """
    SELECT count(*) AS wrong
      FROM order_line l JOIN sales_order o ON o.id = l.order_id
      LEFT JOIN (SELECT order_line_id, sum(quantity) AS held FROM stock_hold GROUP BY order_line_id) h
        ON h.order_line_id = l.id
     WHERE coalesce(h.held, 0) > CASE WHEN o.state IN ('pending', 'confirmed', 'picking')
                                      THEN l.quantity - l.picked - l.short ELSE 0 END
        OR (coalesce(h.held, 0) < l.quantity - l.picked - l.short AND NOT o.is_short
            AND o.state IN ('pending', 'confirmed', 'picking')
            AND (o.channel <> 'inventory' OR o.is_reserved OR o.state <> 'pending'))
"""
SUM_OPEN_LINES = """
    SELECT coalesce(sum(l.quantity - l.picked - l.short), 0)::bigint AS open_units,
           coalesce((SELECT sum(quantity) FROM stock_hold), 0)::bigint AS held_units
      FROM order_line l JOIN sales_order o ON o.id = l.order_id
     WHERE o.state IN ('pending', 'confirmed', 'picking')
       AND (o.channel <> 'inventory' OR o.is_reserved OR o.state <> 'pending')
"""


def order_of(row: Row) -> Order:
    """An order from a row with its lines."""
    lines = tuple(Line(**line) for line in row.pop("lines") or ())
    return Order(**row, lines=lines)


def lock_orders(uow: UnitOfWork, order_ids: Sequence[int]) -> list[Order]:
    """Orders with their lines, locked in id order, in one statement; ids that do not exist are left out.

    Two statements where one of them was changed while this waited for it.
    """
    params = {"ids": sorted(set(order_ids))}
    rows = uow.rows(LOCK_ORDERS, params)
    if any(row["is_stale"] for row in rows):
        rows = uow.rows(LOCK_ORDERS, params)
    for row in rows:
        del row["is_stale"]
    return [order_of(row) for row in rows]


def list_orders(uow: UnitOfWork, order_ids: Sequence[int]) -> list[Order]:
    """Orders by id, in id order, not locked."""
    return [order_of(row) for row in uow.rows(LIST_BY_IDS, {"ids": list(order_ids)})]


def get_order(uow: UnitOfWork, order_id: int) -> Order:
    """One order. Raises NotFound."""
    found = list_orders(uow, [order_id])
    if not found:
        raise NotFound("Order not found")
    return found[0]


def lock_order(uow: UnitOfWork, order_id: int) -> Order:
    """One order, locked. Raises NotFound."""
    found = lock_orders(uow, [order_id])
    if not found:
        raise NotFound("Order not found")
    return found[0]


def find_by_references(uow: UnitOfWork, references: Sequence[str]) -> list[Order]:
    """Orders by number or barcode."""
    return [order_of(row) for row in uow.rows(FIND_BY_REFERENCES, {"references": list(references)})]


def find_by_code(uow: UnitOfWork, code: str) -> Order | None:
    """The order a scanner read: by barcode, else by number. A barcode that is another order's number means the barcode."""
    found = find_by_references(uow, [code])
    return next((order for order in found if order.barcode == code), found[0] if found else None)


def find_by_number(uow: UnitOfWork, number: str) -> Order | None:
    """One order by its number, or None."""
    row = uow.row(GET_BY_NUMBER, {"number": number})
    return None if row is None else order_of(row)


def lock_by_number(uow: UnitOfWork, number: str) -> Order:
    """One order by its number, locked. Raises NotFound."""
    order_id = uow.value(LOCK_ID_BY_NUMBER, {"number": number})
    if order_id is None:
        raise NotFound("Order not found")
    return get_order(uow, order_id)


def latest_by_phone(uow: UnitOfWork, phone: str) -> Order | None:
    """The most recent order with this delivery phone, or None."""
    row = uow.row(LATEST_BY_PHONE, {"phone": phone})
    return None if row is None else order_of(row)


def list_for_integrators(
    uow: UnitOfWork, states: Sequence[State] | None, *, is_reserved: bool | None, limit: int, offset: int
) -> list[Order]:
    """A page of orders, newest first."""
    params = {"state": states and list(states), "is_reserved": is_reserved, "limit": limit, "offset": offset}
    return [order_of(row) for row in uow.rows(LIST_INVENTORY, params)]


def lock_credit(uow: UnitOfWork, customer_id: int) -> Credit:
    """What a customer may owe and does; the customer's row stays locked. Raises NotFound."""
    row = uow.row(LOCK_CREDIT, {"customer_id": customer_id})
    if row is None:
        raise NotFound("Customer not found")
    return Credit(**row, owed_minor=uow.value(SUM_OWED, {"customer_id": customer_id}))


def get_terms(uow: UnitOfWork, customer_id: int) -> str:
    """A customer's terms. Raises NotFound."""
    terms: str | None = uow.value(GET_TERMS, {"customer_id": customer_id})
    if terms is None:
        raise NotFound("Customer not found")
    return terms


def merge_settings(uow: UnitOfWork, values: Mapping[str, Any]) -> None:
    """Sets settings of the organization; others stay as they are."""
    uow.execute(MERGE_SETTINGS, {"values": Jsonb(dict(values))})


def insert_order(uow: UnitOfWork, columns: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> Order:
    """Inserts an order with its lines, in one statement; the order as it stands now, lines by position."""
    rows = uow.rows(INSERT_ORDER, {**columns, "lines": Jsonb(list(lines)), "now": uow.now})
    line_ids = {row["position"]: row["id"] for row in rows}
    known = {name: value for name, value in columns.items() if name != "placed_by"}
    return Order(
        **known,
        id=rows[0]["order_id"],
        payment_state="unpaid",
        is_reserved=False,
        tracking_number=None,
        carrier=None,
        placed_at=uow.now,
        updated_at=uow.now,
        lines=tuple(_line_of(line, line_ids) for line in lines),
    )


def _line_of(written: Mapping[str, Any], line_ids: Mapping[int, int]) -> Line:
    columns = {name: written[name] for name in _LINE_COLUMNS}
    return Line(id=line_ids[written["position"]], **columns)


_LINE_COLUMNS = (
    "position",
    "product_id",
    "variant_id",
    "sku",
    "name",
    "brand",
    "unit_size",
    "quantity",
    "unit_price_minor",
    "is_bulk_price",
    "line_total_minor",
)


def advance(
    uow: UnitOfWork,
    following: Sequence[tuple[Order, State]],
    *,
    covered: Container[int] = (),
    reason: str | None = None,
) -> None:
    """Moves orders to their next states; those `covered` are short no longer. `reason`: why they are cancelled.

    Raises Conflict when one is no longer where it was read.
    """
    steps = [
        {"id": order.id, "before": order.state, "state": state, "is_covered": order.id in covered}
        for order, state in following
    ]
    if uow.execute(ADVANCE, {"next": Jsonb(steps), "reason": reason, "now": uow.now}) != len(steps):
        raise Conflict("The order was changed by somebody else; please try again")


def set_payment(uow: UnitOfWork, order: Order, before: State) -> None:
    """Writes what payments changed of a locked order that was in the state `before`."""
    columns = ("id", "payment_state", "state", "hold_expires_at", "stopped_because")
    uow.execute(
        SET_PAYMENT_STATE, {**{name: getattr(order, name) for name in columns}, "before": before, "now": uow.now}
    )


def keep_held(uow: UnitOfWork, order_id: int, until: datetime) -> None:
    """Lets an unpaid order keep its stock until a later time; one that does not expire is left alone."""
    uow.execute(KEEP_HELD, {"id": order_id, "until": until, "now": uow.now})


def lock_customer(uow: UnitOfWork, customer_id: int) -> None:
    """Locks a customer's row."""
    uow.execute(LOCK_CREDIT, {"customer_id": customer_id})


def freeze_credit(uow: UnitOfWork, customer_id: int, *, is_frozen: bool) -> bool:
    """Freezes or thaws a customer's credit; whether that changed anything."""
    return uow.execute(FREEZE_CREDIT, {"customer_id": customer_id, "is_frozen": is_frozen, "now": uow.now}) == 1


def ship(uow: UnitOfWork, order: Order, following: State, *, tracking_number: str, carrier: str) -> None:
    """Moves an order to its next state and notes how it left, with everything that was picked.

    Raises Conflict when it is no longer where it was read.
    """
    params = {"id": order.id, "before": order.state, "state": following, "now": uow.now}
    if uow.execute(SHIP, {**params, "tracking_number": tracking_number, "carrier": carrier}) != 1:
        raise Conflict("The order was changed by somebody else; please try again")


def add_progress(uow: UnitOfWork, progress: Sequence[LineProgress]) -> None:
    """Adds signed deltas to lines; flags orders that became short and tells so (facts.Short). All in one statement."""
    deltas = [
        {"line_id": p.line_id, "picked": p.picked, "packed": p.packed, "shipped": p.shipped, "short": p.short}
        for p in sorted(progress, key=lambda p: p.line_id)
    ]
    uow.execute(ADD_PROGRESS, {"deltas": Jsonb(deltas), "short_type": facts.Short.type, "now": uow.now})


def set_reserved(uow: UnitOfWork, order_id: int, warehouse_id: int) -> None:
    """Marks an order as held on request. Raises Conflict when somebody else was quicker."""
    if uow.execute(SET_RESERVED, {"id": order_id, "warehouse_id": warehouse_id, "now": uow.now}) != 1:
        raise Conflict("The order was changed by somebody else; please try again")


def list_back_ordered(uow: UnitOfWork, variant_ids: Sequence[int], warehouse_id: int, limit: int) -> list[int]:
    """Open orders of a warehouse that lack some of these variants and can have some now, the oldest first."""
    params = {"variant_ids": list(variant_ids), "warehouse_id": warehouse_id, "limit": limit}
    return [row["id"] for row in uow.rows(LIST_BACK_ORDERED, params)]


def list_variants_of_lines(uow: UnitOfWork, line_ids: Sequence[int]) -> dict[int, list[int]]:
    """What these lines want, by their orders' warehouse."""
    rows = uow.rows(LIST_VARIANTS_OF_LINES, {"line_ids": list(line_ids)})
    return {row["warehouse_id"]: row["variant_ids"] for row in rows}


def set_whole(uow: UnitOfWork, order_ids: Sequence[int]) -> None:
    """Takes the flag from locked orders that are short no longer."""
    uow.execute(SET_WHOLE, {"ids": list(order_ids), "now": uow.now})


def list_expired(uow: UnitOfWork, limit: int) -> list[int]:
    """Orders whose unpaid hold is over."""
    return [row["id"] for row in uow.rows(LIST_EXPIRED, {"now": uow.now, "limit": limit})]


def has_unsettled(uow: UnitOfWork, customer_id: int) -> bool:
    """Whether a customer has orders that are still to be shipped or to be paid."""
    return bool(uow.value(HAS_UNSETTLED, {"customer_id": customer_id}))
