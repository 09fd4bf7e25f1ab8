"""SQL of disputes."""

from collections.abc import Sequence
from datetime import datetime

from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.payments.disputes.rules import FREEZING, NO_BLAME, Dispute
from chalicelib.payments.rules import DisputeTold

_DISPUTE = """
    SELECT id, payment_id, provider_id, reason, status, status_at, amount_minor, currency, evidence_due_at,
           evidence_staged_at, forgiven_at
      FROM dispute
"""
GET_DISPUTE = _DISPUTE + " WHERE id = %(id)s"
FIND_DISPUTE = _DISPUTE + " WHERE provider_id = %(provider_id)s"
# The payment is locked, so that nobody else writes the same dispute between reading it and this.
WRITE_DISPUTE = """
    INSERT INTO dispute (payment_id, provider_id, reason, status, status_at, amount_minor, currency, evidence_due_at, look_at,
        created_at, updated_at)
    VALUES (%(payment_id)s, %(provider_id)s, %(reason)s, %(status)s, %(at)s, %(amount_minor)s, %(currency)s,
        %(evidence_due_at)s, %(look_at)s, %(now)s, %(now)s)
        ON CONFLICT (organization_id, provider_id) DO UPDATE
       SET status = EXCLUDED.status, status_at = EXCLUDED.status_at, reason = EXCLUDED.reason,
           amount_minor = EXCLUDED.amount_minor, evidence_due_at = coalesce(EXCLUDED.evidence_due_at, dispute.evidence_due_at),
           updated_at = EXCLUDED.updated_at
    RETURNING id
"""
STAGED = "UPDATE dispute SET evidence_staged_at = %(now)s, updated_at = %(now)s WHERE id = %(id)s"
FORGIVE = "UPDATE dispute SET forgiven_at = %(now)s, updated_at = %(now)s WHERE id = %(id)s AND forgiven_at IS NULL"
LIST_DISPUTED = "SELECT DISTINCT payment_id FROM dispute WHERE payment_id = ANY(%(payment_ids)s)"
HAS_FREEZING = """
    SELECT EXISTS (
        SELECT FROM sales_order o
          JOIN payment p ON p.order_id = o.id
          JOIN dispute d ON d.payment_id = p.id
         WHERE o.customer_id = %(customer_id)s AND d.status = ANY(%(statuses)s) AND d.forgiven_at IS NULL
           AND d.reason <> ALL(%(no_blame)s)) AS is_frozen
"""


def get_dispute(uow: UnitOfWork, dispute_id: int) -> Dispute:
    """A dispute. Raises NotFound."""
    found = uow.fetch(Dispute, GET_DISPUTE, {"id": dispute_id})
    if found is None:
        raise NotFound("Dispute not found")
    return found


def find_dispute(uow: UnitOfWork, provider_id: str) -> Dispute | None:
    """The dispute with Stripe's id, or None."""
    return uow.fetch(Dispute, FIND_DISPUTE, {"provider_id": provider_id})


def write(uow: UnitOfWork, payment_id: int, told: DisputeTold, *, look_at: datetime) -> int:
    """Writes a dispute as Stripe tells it; its id. The payment must be locked."""
    return int(
        uow.value(
            WRITE_DISPUTE,
            {
                "payment_id": payment_id,
                "provider_id": told.provider_id,
                "reason": told.reason,
                "status": told.status,
                "at": told.at,
                "amount_minor": told.amount_minor,
                "currency": told.currency,
                "evidence_due_at": told.evidence_due_at,
                "look_at": look_at,
                "now": uow.now,
            },
        )
    )


def note_staged(uow: UnitOfWork, dispute_id: int) -> None:
    """Notes that Stripe has our evidence."""
    uow.execute(STAGED, {"id": dispute_id, "now": uow.now})


def forgive(uow: UnitOfWork, dispute_id: int) -> bool:
    """Notes that a dispute freezes nobody's credit any more; whether it did."""
    return uow.execute(FORGIVE, {"id": dispute_id, "now": uow.now}) == 1


def list_disputed(uow: UnitOfWork, payment_ids: Sequence[int]) -> frozenset[int]:
    """Which of these payments were ever disputed or asked about."""
    return frozenset(row["payment_id"] for row in uow.rows(LIST_DISPUTED, {"payment_ids": list(payment_ids)}))


def has_freezing(uow: UnitOfWork, customer_id: int) -> bool:
    """Whether a dispute over one of a customer's orders freezes their credit."""
    return bool(
        uow.value(HAS_FREEZING, {"customer_id": customer_id, "statuses": list(FREEZING), "no_blame": list(NO_BLAME)})
    )
