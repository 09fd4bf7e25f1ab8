"""SQL of what buyers see, and of the claims on guests' orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.sql import SQL

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders.rules import Order, State
from chalicelib.orders.store import ORDERS, order_of

# Newest first, from where the answer before ended. The lines are counted before they are read: an answer has an end.
LIST_OWN = (
    SQL("""
    WITH page AS MATERIALIZED (
        SELECT id, placed_at FROM sales_order
         WHERE customer_id = %(customer_id)s
           AND (%(before)s::int IS NULL OR (placed_at, id) < (
                SELECT placed_at, id FROM sales_order WHERE id = %(before)s AND customer_id = %(customer_id)s))
         ORDER BY placed_at DESC, id DESC LIMIT %(limit)s
    ), counted AS MATERIALIZED (
        SELECT id, row_number() OVER newest AS place, sum(line_count) OVER newest AS lines_so_far
          FROM page CROSS JOIN LATERAL (SELECT count(*) AS line_count FROM order_line l WHERE l.order_id = page.id) lines
        WINDOW newest AS (ORDER BY placed_at DESC, id DESC)
    )
""")
    + ORDERS
    + SQL("""
      JOIN counted ON counted.id = o.id
     WHERE counted.place = 1 OR counted.lines_so_far <= %(lines_max)s
     ORDER BY counted.place
""")
)
# Guests' orders with this number, all or the one that is named, and those of these customers.
LIST_BY_PHONE = """
    SELECT o.number, o.state, o.customer_id, o.placed_at, o.total_minor, o.delivery_name, o.tracking_number, o.carrier,
           (SELECT coalesce(sum(l.quantity), 0)::bigint FROM order_line l WHERE l.order_id = o.id) AS units
      FROM sales_order o
     WHERE o.delivery_phone = %(phone)s AND o.channel = ANY(%(channels)s)
       AND (o.customer_id = ANY(%(customer_ids)s)
            OR (o.customer_id IS NULL AND (%(has_phone)s OR o.number = %(number)s::text)))
     ORDER BY o.placed_at DESC, o.id DESC LIMIT %(limit)s
"""
CLAIM = """
    INSERT INTO order_claim (customer_id, order_id, is_proven, claimed_at)
    SELECT %(customer_id)s, id, %(is_proven)s, %(now)s
      FROM sales_order
     WHERE number = %(number)s AND customer_id IS NULL AND channel = ANY(%(channels)s)
"""
# An order that somebody else's claim has won meanwhile is looked at anew once its lock is free, and left alone.
LINK_CLAIMED = """
    WITH due AS MATERIALIZED (
        SELECT o.id
          FROM order_claim k
          JOIN customer c ON c.id = k.customer_id AND c.email_verified_at IS NOT NULL
          JOIN sales_order o ON o.id = k.order_id
         WHERE k.customer_id = %(customer_id)s AND o.customer_id IS NULL
           AND (k.is_proven OR lower(o.delivery_email) = c.email_key)
         ORDER BY o.id FOR UPDATE OF o
    ), linked AS (
        UPDATE sales_order SET customer_id = %(customer_id)s, updated_at = %(now)s
          FROM due WHERE sales_order.id = due.id
        RETURNING sales_order.id, warehouse_id
    ), settled AS (
        DELETE FROM order_claim WHERE customer_id = %(customer_id)s
    )
    SELECT id, warehouse_id FROM linked ORDER BY id
"""


@dataclass(frozen=True)
class PhoneOrder:
    """An order as it is found by its telephone number."""

    number: str
    state: State
    customer_id: int | None
    placed_at: datetime
    total_minor: int
    delivery_name: str
    tracking_number: str | None
    carrier: str | None
    units: int


@dataclass(frozen=True)
class Linked:
    """An order that has become a customer's."""

    id: int
    warehouse_id: int


def list_own(uow: UnitOfWork, customer_id: int, *, before: int | None, limit: int, lines_max: int) -> list[Order]:
    """A customer's orders, newest first, after the one with the id `before`: one at least, others up to `lines_max` lines."""
    params = {"customer_id": customer_id, "before": before, "limit": limit, "lines_max": lines_max}
    return [order_of(row) for row in uow.rows(LIST_OWN, params)]


def list_by_phone(
    uow: UnitOfWork,
    phone: str,
    *,
    channels: Sequence[str],
    customer_ids: Sequence[int],
    has_phone: bool,
    number: str | None,
    limit: int,
) -> list[PhoneOrder]:
    """Orders with this delivery phone, newest first: of these customers, of guests all (`has_phone`) or one by its number."""
    params = {
        "phone": phone,
        "channels": list(channels),
        "customer_ids": list(customer_ids),
        "has_phone": has_phone,
        "number": number,
        "limit": limit,
    }
    return uow.fetch_all(PhoneOrder, LIST_BY_PHONE, params)


def claim(uow: UnitOfWork, customer_id: int, number: str, *, channels: Sequence[str], is_proven: bool) -> None:
    """Notes that an account claims a guest's order; nothing for an order that is somebody's, or not there."""
    params = {"customer_id": customer_id, "number": number, "channels": list(channels), "is_proven": is_proven}
    uow.execute(CLAIM, {**params, "now": uow.now})


def link_claimed(uow: UnitOfWork, customer_id: int) -> list[Linked]:
    """Gives a verified customer the claimed orders that are theirs; the claims are settled. Locks the orders in id order."""
    return uow.fetch_all(Linked, LINK_CLAIMED, {"customer_id": customer_id, "now": uow.now})
