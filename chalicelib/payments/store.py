"""SQL of payments: intents, the money ledger, what has to go back."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.payments.intervals import FIRST, SELDOM
from chalicelib.payments.rules import (
    Account,
    Balance,
    DueReason,
    Fact,
    LookedAt,
    Movement,
    Payment,
    Provider,
    RefundDue,
)

_PAYMENT = """
    SELECT id, order_id, provider, provider_id, idempotency_key::text, amount_minor, currency, state, state_at, created_at,
           is_link
      FROM payment
"""
INSERT_PAYMENT = """
    INSERT INTO payment (order_id, provider, amount_minor, currency, payer_name, payer_email, is_link, created_at, updated_at)
    VALUES (%(order_id)s, %(provider)s, %(amount_minor)s, %(currency)s, %(payer_name)s, %(payer_email)s, %(is_link)s, %(now)s,
        %(now)s)
    RETURNING id, order_id, provider, provider_id, idempotency_key::text, amount_minor, currency, state, state_at, created_at,
              is_link
"""
FIND_OPEN = (
    _PAYMENT
    + """
     WHERE order_id = %(order_id)s AND provider = %(provider)s AND state NOT IN ('succeeded', 'canceled') FOR UPDATE
"""
)
GET_PAYMENT = _PAYMENT + " WHERE id = %(id)s"
# By the key that we put into its metadata is found an intent whose creation was never answered, and who pays on a link.
FIND_BY_PROVIDER = (
    _PAYMENT
    + """
     WHERE provider = 'stripe'
       AND (provider_id = %(provider_id)s OR idempotency_key = %(reference)s::uuid)
     ORDER BY (provider_id = %(provider_id)s) DESC NULLS LAST LIMIT 1
"""
)
ATTACH = """
    UPDATE payment
       SET provider_id = %(provider_id)s, updated_at = %(now)s,
           state = CASE WHEN state = 'created' THEN 'requires_payment' ELSE state END
     WHERE id = %(id)s AND state <> 'canceled' AND (provider_id IS NULL OR provider_id = %(provider_id)s)
"""
GIVE_UP = "UPDATE payment SET state = 'canceled', updated_at = %(now)s WHERE id = %(id)s AND state <> 'succeeded'"

# A payment with all others of its order, locked in id order, and what their entries add up to. The order is locked before,
# by a statement of its own, so these sums are as new as the lock.
LOCK_ACCOUNTS = """
    SELECT p.id, p.order_id, p.provider, p.provider_id, p.idempotency_key::text, p.amount_minor, p.currency, p.state,
           p.state_at, p.created_at, p.is_link, coalesce(r.amount_minor, 0) AS due_minor,
           e.charged_minor, e.refunded_minor, e.disputed_minor, e.returned_minor
      FROM payment p
      LEFT JOIN refund_due r ON r.payment_id = p.id
     CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount_minor) FILTER (WHERE kind = 'charge'), 0)::bigint AS charged_minor,
               coalesce(-sum(amount_minor) FILTER (WHERE kind = 'refund'), 0)::bigint AS refunded_minor,
               coalesce(-sum(amount_minor) FILTER (WHERE kind = 'dispute'), 0)::bigint AS disputed_minor,
               coalesce(-sum(amount_minor) FILTER (WHERE kind = 'return'), 0)::bigint AS returned_minor
          FROM payment_entry WHERE payment_id = p.id AND currency = p.currency) e
     WHERE p.id = %(payment_id)s OR p.order_id = %(order_id)s
     ORDER BY p.id
       FOR UPDATE OF p
"""
RECORD = """
    WITH moved AS (
        UPDATE payment
           SET state = %(state)s, state_at = %(state_at)s, failure_code = %(failure_code)s,
               provider_id = CASE WHEN %(state)s = 'succeeded' OR provider_id IS NULL THEN %(provider_id)s ELSE provider_id END,
               updated_at = %(now)s
         WHERE id = %(id)s AND %(is_news)s
    )
    INSERT INTO payment_entry (payment_id, kind, external_id, amount_minor, currency, recorded_at)
    SELECT %(id)s, m.kind, m.external_id, m.amount_minor, m.currency, %(now)s
      FROM jsonb_to_recordset(%(movements)s) AS m (kind text, external_id text, amount_minor bigint, currency text)
        ON CONFLICT (payment_id, kind, external_id) DO NOTHING
    RETURNING kind, external_id
"""
# A payment that has succeeded by being written down: nobody else has to be asked.
TAKE = """
    WITH taken AS (
        INSERT INTO payment (order_id, provider, amount_minor, currency, state, state_at, created_at, updated_at)
        VALUES (%(order_id)s, %(provider)s, %(amount_minor)s, %(currency)s, 'succeeded', %(now)s, %(now)s, %(now)s)
        RETURNING id, order_id, provider, provider_id, idempotency_key::text, amount_minor, currency, state, state_at,
                  created_at
    ), entered AS (
        INSERT INTO payment_entry (payment_id, kind, external_id, amount_minor, currency, recorded_at)
        SELECT id, 'charge', 'taken', amount_minor, currency, created_at FROM taken
    )
    SELECT * FROM taken
"""
RECORD_EACH = """
    INSERT INTO payment_entry (payment_id, kind, external_id, amount_minor, currency, recorded_at)
    SELECT m.payment_id, m.kind, m.external_id, m.amount_minor, m.currency, %(now)s
      FROM jsonb_to_recordset(%(movements)s)
        AS m (payment_id int, kind text, external_id text, amount_minor bigint, currency text)
"""
SET_DUES = """
    INSERT INTO refund_due (payment_id, reason, amount_minor, flagged_at, updated_at)
    SELECT d.payment_id, d.reason, d.amount_minor, %(now)s, %(now)s
      FROM jsonb_to_recordset(%(dues)s) AS d (payment_id int, reason text, amount_minor bigint)
        ON CONFLICT (payment_id) DO UPDATE
       SET amount_minor = EXCLUDED.amount_minor, updated_at = EXCLUDED.updated_at,
           reason = CASE WHEN EXCLUDED.amount_minor > 0 THEN EXCLUDED.reason ELSE refund_due.reason END
"""
LIST_DUES = """
    SELECT payment_id, reason, amount_minor FROM refund_due WHERE amount_minor > 0 ORDER BY flagged_at, payment_id
"""
DUE_REASON = "SELECT reason FROM refund_due WHERE payment_id = %(payment_id)s"
# What has not been heard of for long is marked as looked at, and looked at; the next time is as far away as it is old.
LIST_LOOKS = """
    WITH payments AS (
        UPDATE payment SET look_at = %(now)s + greatest(%(first)s, least(%(now)s - created_at, %(seldom)s))
         WHERE id IN (SELECT id FROM payment
                       WHERE provider = 'stripe' AND state NOT IN ('succeeded', 'canceled')
                         AND (look_at <= %(now)s OR (look_at IS NULL AND created_at <= %(now)s - %(first)s::interval))
                       ORDER BY look_at NULLS FIRST, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        RETURNING id, created_at
    ), refunds AS (
        UPDATE refund SET look_at = %(now)s + greatest(%(first)s, least(%(now)s - created_at, %(seldom)s))
         WHERE id IN (SELECT id FROM refund
                       WHERE state IN ('asked', 'pending', 'requires_action') AND look_at <= %(now)s
                       ORDER BY look_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        RETURNING id, created_at
    ), disputes AS (
        UPDATE dispute SET look_at = %(now)s + greatest(%(first)s, least(%(now)s - created_at, %(seldom)s))
         WHERE id IN (SELECT id FROM dispute
                       WHERE status NOT IN ('won', 'lost', 'prevented', 'warning_closed') AND look_at <= %(now)s
                       ORDER BY look_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        RETURNING id, created_at
    )
    SELECT 'payment' AS kind, id, created_at FROM payments
     UNION ALL SELECT 'refund', id, created_at FROM refunds
     UNION ALL SELECT 'dispute', id, created_at FROM disputes
"""
LIST_EXPIRED_LINKS = """
    SELECT payment_id FROM payment_link
     WHERE closed_at IS NULL AND expires_at <= %(now)s
     ORDER BY expires_at LIMIT %(limit)s
"""
SUM_PAID = """
    SELECT coalesce(sum(e.amount_minor), 0)::bigint AS paid_minor
      FROM payment p JOIN payment_entry e ON e.payment_id = p.id AND e.currency = p.currency
     WHERE p.order_id = %(order_id)s
"""
CHECK_ORDERS = """
    SELECT count(*) AS orders, coalesce(sum(kept_minor), 0)::bigint AS entries_minor,
           count(*) FILTER (WHERE (payment_state = 'paid') <> (kept_minor >= total_minor)) AS wrong_orders,
           (SELECT coalesce(sum(amount_minor), 0)::bigint FROM refund_due) AS refunds_due_minor,
           (SELECT coalesce(sum(balance_minor), 0)::bigint FROM store_credit_account) AS store_credit_minor,
           (SELECT count(*) FROM store_credit_account a
             WHERE a.balance_minor <> (SELECT coalesce(sum(e.amount_minor), 0)
                                         FROM store_credit_entry e WHERE e.customer_id = a.customer_id)) AS wrong_accounts,
           (SELECT count(*) FROM reconciliation_difference WHERE closed_at IS NULL) AS differences
      FROM (SELECT o.id, o.payment_state, o.total_minor, sum(e.amount_minor) AS kept_minor
              FROM sales_order o
              JOIN payment p ON p.order_id = o.id
              JOIN payment_entry e ON e.payment_id = p.id AND e.currency = p.currency
             GROUP BY o.id) paid
"""


def insert_payment(uow: UnitOfWork, columns: Mapping[str, Any]) -> Payment:
    """A new attempt, with an idempotency key of its own. Raises UniqueViolation when its order has an open one of its kind."""
    usual = {"provider": "stripe", "is_link": False, "payer_name": None, "payer_email": None}
    row = uow.row(INSERT_PAYMENT, {**usual, **columns, "now": uow.now})
    assert row is not None
    return Payment(**row)


def get_payment(uow: UnitOfWork, payment_id: int) -> Payment:
    """A payment, not locked. Raises NotFound."""
    found = uow.fetch(Payment, GET_PAYMENT, {"id": payment_id})
    if found is None:
        raise NotFound("Payment not found")
    return found


def lock_open(uow: UnitOfWork, order_id: int, provider: Provider = "stripe") -> Payment | None:
    """The open attempt of an order to be paid in this way, locked, or None."""
    return uow.fetch(Payment, FIND_OPEN, {"order_id": order_id, "provider": provider})


def find_by_provider(uow: UnitOfWork, provider_id: str, reference: str | None = None) -> Payment | None:
    """The payment of an intent: by its id, else by our key in its metadata. Not locked."""
    return uow.fetch(Payment, FIND_BY_PROVIDER, {"provider_id": provider_id, "reference": reference})


def attach(uow: UnitOfWork, payment_id: int, provider_id: str) -> bool:
    """Notes which intent belongs to a payment; False when it was given up meanwhile. May be repeated."""
    return uow.execute(ATTACH, {"id": payment_id, "provider_id": provider_id, "now": uow.now}) == 1


def give_up(uow: UnitOfWork, payment_id: int) -> None:
    """Closes an attempt that will never succeed."""
    uow.execute(GIVE_UP, {"id": payment_id, "now": uow.now})


def lock_accounts(uow: UnitOfWork, *, payment_id: int | None, order_id: int | None) -> list[Account]:
    """A payment and all of its order's, locked, with their sums. Lock the order first."""
    rows = uow.rows(LOCK_ACCOUNTS, {"payment_id": payment_id, "order_id": order_id})
    return [_account(row) for row in rows]


def _account(row: Row) -> Account:
    due_minor = row.pop("due_minor")
    sums = {name: row.pop(name) for name in ("charged_minor", "refunded_minor", "disputed_minor", "returned_minor")}
    return Account(Payment(**row), Balance(row["id"], row["state"], **sums), due_minor)


def record(
    uow: UnitOfWork, payment_id: int, *, provider_id: str, fact: Fact | None, movements: Sequence[Movement]
) -> list[Movement]:
    """Writes a new state and entries; those entries that were new. `fact` None leaves the state."""
    written = uow.rows(
        RECORD,
        {
            "id": payment_id,
            "provider_id": provider_id,
            "is_news": fact is not None,
            "state": fact and fact.state,
            "state_at": fact and fact.at,
            "failure_code": fact and fact.failure_code,
            "movements": Jsonb([movement.as_row() for movement in movements]),
            "now": uow.now,
        },
    )
    new = {(row["kind"], row["external_id"]) for row in written}
    return [movement for movement in movements if (movement.kind, movement.external_id) in new]


def take(uow: UnitOfWork, *, order_id: int, provider: Provider, amount_minor: int, currency: str) -> Account:
    """A payment that is there with its charge: cash, or store credit that was spent. Its account as it is now."""
    row = uow.row(
        TAKE,
        {
            "order_id": order_id,
            "provider": provider,
            "amount_minor": amount_minor,
            "currency": currency,
            "now": uow.now,
        },
    )
    assert row is not None
    payment = Payment(**row)
    return Account(payment, Balance(payment.id, payment.state, amount_minor, 0, 0), 0)


def record_each(uow: UnitOfWork, movements: Mapping[int, Movement]) -> None:
    """Writes an entry for each of these payments. Raises UniqueViolation for one that is there already."""
    rows = [{"payment_id": payment_id, **movement.as_row()} for payment_id, movement in movements.items()]
    uow.execute(RECORD_EACH, {"movements": Jsonb(rows), "now": uow.now})


def set_dues(uow: UnitOfWork, dues: Sequence[RefundDue]) -> None:
    """Writes what has to go back per payment, in one statement."""
    rows = [{"payment_id": d.payment_id, "reason": d.reason, "amount_minor": d.amount_minor} for d in dues]
    uow.execute(SET_DUES, {"dues": Jsonb(rows), "now": uow.now})


def list_dues(uow: UnitOfWork) -> list[RefundDue]:
    """What has to go back, oldest first."""
    return uow.fetch_all(RefundDue, LIST_DUES)


def due_reason(uow: UnitOfWork, payment_id: int) -> DueReason:
    """Why a payment that is flagged has to go back."""
    reason: DueReason = uow.value(DUE_REASON, {"payment_id": payment_id})
    return reason


def list_looks(uow: UnitOfWork, limit: int) -> list[LookedAt]:
    """Unfinished payments, refunds and disputes whose time to be looked at has come, marked until the next time."""
    params = {"now": uow.now, "first": FIRST, "seldom": SELDOM, "limit": limit}
    return uow.fetch_all(LookedAt, LIST_LOOKS, params)


def list_expired_links(uow: UnitOfWork, limit: int) -> list[int]:
    """Payments whose links have had their time and are not closed."""
    return [row["payment_id"] for row in uow.rows(LIST_EXPIRED_LINKS, {"now": uow.now, "limit": limit})]


def sum_paid(uow: UnitOfWork, order_id: int) -> int:
    """What an order has paid, in minor units of its currency."""
    return int(uow.value(SUM_PAID, {"order_id": order_id}))


def check_orders(uow: UnitOfWork) -> Row:
    """The figures of `PaymentsCheck`."""
    return uow.row(CHECK_ORDERS) or {}
