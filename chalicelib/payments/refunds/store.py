"""SQL of refunds."""

from datetime import datetime

from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.payments.refunds.rules import STATES, Refund
from chalicelib.payments.rules import DueReason, RefundTold

_REFUND = """
    SELECT id, payment_id, reason, amount_minor, currency, idempotency_key::text, provider_id, state, failure_reason, retried_at
      FROM refund
"""
GET_REFUND = _REFUND + " WHERE id = %(id)s"
LIST_REFUNDS = _REFUND + " WHERE payment_id = %(payment_id)s ORDER BY id"
INSERT_REFUND = """
    INSERT INTO refund (payment_id, reason, amount_minor, currency, look_at, created_at, updated_at)
    VALUES (%(payment_id)s, %(reason)s, %(amount_minor)s, %(currency)s, %(look_at)s, %(now)s, %(now)s)
    RETURNING id, payment_id, reason, amount_minor, currency, idempotency_key::text, provider_id, state, failure_reason,
              retried_at
"""
# A refund's state only ever moves to the right; only ours are known here, those of Stripe's dashboard are not.
TAKE_IN_REFUND = """
    UPDATE refund
       SET state = %(state)s, provider_id = coalesce(provider_id, %(provider_id)s), failure_reason = %(failure_reason)s,
           updated_at = %(now)s
     WHERE (provider_id = %(provider_id)s OR idempotency_key = %(reference)s::uuid)
       AND array_position(%(states)s::text[], state) < array_position(%(states)s::text[], %(state)s)
    RETURNING id
"""
FAIL_REFUND = """
    UPDATE refund SET state = 'failed', failure_reason = %(failure_reason)s, updated_at = %(now)s
     WHERE id = %(id)s AND state = 'asked'
"""
RETRY_REFUND = """
    UPDATE refund SET retried_at = %(now)s, updated_at = %(now)s
     WHERE id = %(id)s AND state IN ('failed', 'canceled') AND retried_at IS NULL
"""


def get_refund(uow: UnitOfWork, refund_id: int) -> Refund:
    """A refund. Raises NotFound."""
    found = uow.fetch(Refund, GET_REFUND, {"id": refund_id})
    if found is None:
        raise NotFound("Refund not found")
    return found


def list_refunds(uow: UnitOfWork, payment_id: int) -> list[Refund]:
    """The refunds of a payment, oldest first."""
    return uow.fetch_all(Refund, LIST_REFUNDS, {"payment_id": payment_id})


def insert(
    uow: UnitOfWork, payment_id: int, *, reason: DueReason, amount_minor: int, currency: str, look_at: datetime
) -> Refund:
    """A refund that Stripe is about to be asked for. Raises UniqueViolation when one of its payment waits for an answer."""
    params = {"payment_id": payment_id, "reason": reason, "amount_minor": amount_minor, "currency": currency}
    row = uow.row(INSERT_REFUND, {**params, "look_at": look_at, "now": uow.now})
    assert row is not None
    return Refund(**row)


def take_in(uow: UnitOfWork, told: RefundTold) -> int | None:
    """Writes a later state of a refund of ours; its id, None when that is no news."""
    return uow.value(  # type: ignore[no-any-return]  # a column of int
        TAKE_IN_REFUND,
        {
            "state": told.state,
            "provider_id": told.provider_id,
            "reference": told.reference,
            "failure_reason": told.failure_reason,
            "states": list(STATES),
            "now": uow.now,
        },
    )


def fail(uow: UnitOfWork, refund_id: int, *, failure_reason: str) -> bool:
    """Notes that Stripe refused a refund; whether it was still waiting."""
    return uow.execute(FAIL_REFUND, {"id": refund_id, "failure_reason": failure_reason, "now": uow.now}) == 1


def retry(uow: UnitOfWork, refund_id: int) -> bool:
    """Notes that somebody looked into a refund that failed; whether that was needed."""
    return uow.execute(RETRY_REFUND, {"id": refund_id, "now": uow.now}) == 1
