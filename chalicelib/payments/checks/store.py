"""SQL of paper checks."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.payments.checks.rules import Check
from chalicelib.payments.rules import Movement

RESERVE = """
    INSERT INTO bank_check (payment_id, front_key, back_key, number, sealed, account_last4, uploaded_by, reserved_at)
    VALUES (%(payment_id)s, %(front_key)s, %(back_key)s, %(number)s, %(sealed)s, %(account_last4)s, %(uploaded_by)s, %(now)s)
"""
FINISH = """
    WITH uploaded AS (
        UPDATE bank_check SET uploaded_at = %(now)s WHERE payment_id = %(payment_id)s AND uploaded_at IS NULL
        RETURNING payment_id
    )
    UPDATE payment SET state = 'processing', state_at = %(now)s, updated_at = %(now)s
     WHERE id = (SELECT payment_id FROM uploaded) AND state = 'created'
"""
FIND_LATEST = """
    SELECT c.payment_id, c.front_key, c.back_key, c.uploaded_at, c.approved_at, c.rejected_at
      FROM sales_order o
      JOIN payment p ON p.order_id = o.id AND p.provider = 'check'
      JOIN bank_check c ON c.payment_id = p.id
     WHERE o.number = %(number)s AND c.uploaded_at IS NOT NULL
     ORDER BY c.payment_id DESC LIMIT 1
"""
GET = """
    SELECT payment_id, front_key, back_key, uploaded_at, approved_at, rejected_at
      FROM bank_check WHERE payment_id = %(payment_id)s
"""
APPROVE = """
    WITH decided AS (
        UPDATE bank_check SET approved_by = %(by)s, approved_at = %(now)s WHERE payment_id = %(payment_id)s
    ), paid AS (
        UPDATE payment SET state = 'succeeded', state_at = %(now)s, updated_at = %(now)s WHERE id = %(payment_id)s
    )
    INSERT INTO payment_entry (payment_id, kind, external_id, amount_minor, currency, recorded_at)
    VALUES (%(payment_id)s, %(kind)s, %(external_id)s, %(amount_minor)s, %(currency)s, %(now)s)
"""
# A check that was approved stays succeeded: its entries say what became of it.
REJECT = """
    WITH decided AS (
        UPDATE bank_check SET rejected_by = %(by)s, rejected_at = %(now)s, reason = %(reason)s
         WHERE payment_id = %(payment_id)s
    )
    UPDATE payment
       SET state = CASE WHEN state = 'processing' THEN 'failed' ELSE state END, failure_code = %(failure_code)s,
           updated_at = %(now)s
     WHERE id = %(payment_id)s
"""
GIVE_UP = """
    UPDATE payment SET state = 'canceled', updated_at = %(now)s
     WHERE id = ANY(%(payment_ids)s) AND state NOT IN ('succeeded', 'canceled')
"""
# Keys of uploads that never ended, of these payments or of all that are older than a time.
TAKE_UNFINISHED = """
    WITH stale AS (
        UPDATE payment SET state = 'canceled', updated_at = %(now)s
         WHERE provider = 'check' AND state = 'created' AND created_at < %(before)s
        RETURNING id
    )
    SELECT c.front_key, c.back_key FROM stale JOIN bank_check c ON c.payment_id = stale.id
"""
LIST_UNFINISHED = """
    SELECT front_key, back_key FROM bank_check WHERE payment_id = ANY(%(payment_ids)s) AND uploaded_at IS NULL
"""


def reserve(uow: UnitOfWork, payment_id: int, columns: Mapping[str, Any]) -> None:
    """Notes which keys a check's pictures will have, before they are written."""
    sealed = Jsonb(dict(columns["sealed"]))
    by = uow.actor.label
    uow.execute(RESERVE, {**columns, "payment_id": payment_id, "sealed": sealed, "uploaded_by": by, "now": uow.now})


def finish(uow: UnitOfWork, payment_id: int) -> bool:
    """The pictures are there: the payment is in processing. False when it was given up meanwhile."""
    return uow.execute(FINISH, {"payment_id": payment_id, "now": uow.now}) == 1


def find_latest(uow: UnitOfWork, number: str) -> Check | None:
    """The check of an order that was uploaded last, whatever became of it, or None."""
    return uow.fetch(Check, FIND_LATEST, {"number": number})


def get(uow: UnitOfWork, payment_id: int) -> Check:
    """The check of a payment."""
    found = uow.fetch(Check, GET, {"payment_id": payment_id})
    assert found is not None
    return found


def approve(uow: UnitOfWork, payment_id: int, charge: Movement) -> None:
    """Records who approved a check, and its charge."""
    uow.execute(APPROVE, {**charge.as_row(), "payment_id": payment_id, "by": uow.actor.label, "now": uow.now})


def reject(uow: UnitOfWork, payment_id: int, *, failure_code: str, reason: str) -> None:
    """Records who rejected a check and why."""
    params = {"payment_id": payment_id, "failure_code": failure_code, "reason": reason or None}
    uow.execute(REJECT, {**params, "by": uow.actor.label, "now": uow.now})


def give_up(uow: UnitOfWork, payment_ids: list[int]) -> list[str]:
    """Closes payments by check that are open; the keys of pictures whose upload has not ended."""
    uow.execute(GIVE_UP, {"payment_ids": payment_ids, "now": uow.now})
    return _keys(uow.rows(LIST_UNFINISHED, {"payment_ids": payment_ids}))


def take_unfinished(uow: UnitOfWork, before: object) -> list[str]:
    """Closes uploads that began before a time and never ended; the keys of their pictures."""
    return _keys(uow.rows(TAKE_UNFINISHED, {"before": before, "now": uow.now}))


def _keys(rows: list[Row]) -> list[str]:
    return [key for row in rows for key in (row["front_key"], row["back_key"]) if key]
