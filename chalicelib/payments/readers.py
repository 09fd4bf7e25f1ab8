"""What Stripe's events say, as facts and movements of ours. Pure: the same payload is read alike, whenever it comes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chalicelib.payments import rules
from chalicelib.payments.refunds import rules as refunds
from chalicelib.payments.rules import DisputeTold, Fact, Movement, RefundTold, State, Told

Payload = dict[str, Any]

NOTHING_TAKEN = frozenset({"prevented", "warning_closed", "warning_needs_response", "warning_under_review"})
"""Statuses of disputes under which no money is taken: mere inquiries, and what was settled before it became a dispute."""


def read(event_type: str, payload: Payload) -> Told | None:
    """What an event tells about a payment; None for one of another type, and for one that tells nothing."""
    reader = READERS.get(event_type)
    return None if reader is None else reader(payload)


def _intent(payload: Payload) -> Told | None:
    """Any ``payment_intent.*``: its state at the event's time, and the charge once it has succeeded."""
    intent = payload["object"]
    state = rules.state_of_intent(intent["status"], intent["failure_code"])
    fact = Fact(state, _at(payload["created"]), intent["failure_code"])
    charge = Movement("charge", intent["id"], intent.get("amount_received", 0), intent["currency"].upper())
    return Told(intent["id"], rules.reference_of(intent["reference"]), fact, charge if state == "succeeded" else None)


def _session(payload: Payload) -> Told | None:
    """``checkout.session.*`` of a payment link: whoever paid there made an intent, and the session says whether it is paid.

    That a debit failed is told by its intent, with the reason.
    """
    session = payload["object"]
    intent_id, reference = session.get("payment_intent"), rules.reference_of(session["reference"])
    if intent_id is None or reference is None:
        return None
    state: State = "succeeded" if session.get("payment_status") == "paid" else "processing"
    charge = Movement("charge", intent_id, session.get("amount_total", 0), session["currency"].upper())
    return Told(intent_id, reference, Fact(state, _at(payload["created"])), charge if state == "succeeded" else None)


def _refund(payload: Payload) -> Told | None:
    """Any ``refund.*``; a refund that is pending has left our balance at Stripe already, one that failed is back there."""
    refund = payload["object"]
    if refund.get("payment_intent") is None:
        return None
    return told_by_refund(
        RefundTold(
            refund["id"],
            rules.reference_of(refund.get("refund_reference")),
            refunds.state_of(refund["status"]),
            refund.get("failure_reason"),
        ),
        intent_id=refund["payment_intent"],
        amount_minor=refund["amount"],
        currency=refund["currency"].upper(),
    )


def told_by_refund(told: RefundTold, *, intent_id: str, amount_minor: int, currency: str) -> Told:
    """A refund as a movement, with what undoes it once it has failed or was cancelled."""
    gone = Movement("refund", told.provider_id, -amount_minor, currency)
    back = Movement("refund", f"{told.provider_id}:failed", amount_minor, currency)
    return Told(intent_id, movement=gone, reversal=back if told.state in ("failed", "canceled") else None, refund=told)


def _dispute(payload: Payload) -> Told | None:
    """Any ``charge.dispute.*``."""
    dispute = payload["object"]
    if dispute.get("payment_intent") is None:
        return None
    due_by = dispute.get("evidence_due_by")
    told = DisputeTold(
        provider_id=dispute["id"],
        reason=dispute.get("reason", "general"),
        status=dispute["status"],
        at=_at(payload["created"]),
        amount_minor=dispute["amount"],
        currency=dispute["currency"].upper(),
        evidence_due_at=None if due_by is None else _at(due_by),
    )
    return told_by_dispute(told, intent_id=dispute["payment_intent"])


def told_by_dispute(told: DisputeTold, *, intent_id: str) -> Told:
    """A dispute as the money that the bank took, with what brings it back once it is won."""
    if told.status in NOTHING_TAKEN:
        return Told(intent_id, dispute=told)
    kind: rules.EntryKind = "return" if told.reason in rules.RETURN_REASONS else "dispute"
    taken = Movement(kind, told.provider_id, -told.amount_minor, told.currency)
    back = Movement(kind, f"{told.provider_id}:won", told.amount_minor, told.currency)
    return Told(intent_id, movement=taken, reversal=back if told.status == "won" else None, dispute=told)


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


READERS: dict[str, Callable[[Payload], Told | None]] = {
    **dict.fromkeys(
        (
            "payment_intent.created",
            "payment_intent.requires_action",
            "payment_intent.processing",
            "payment_intent.payment_failed",
            "payment_intent.succeeded",
            "payment_intent.canceled",
        ),
        _intent,
    ),
    **dict.fromkeys(
        (
            "checkout.session.completed",
            "checkout.session.async_payment_succeeded",
        ),
        _session,
    ),
    **dict.fromkeys(("refund.created", "refund.updated", "refund.failed"), _refund),
    **dict.fromkeys(
        (
            "charge.dispute.created",
            "charge.dispute.updated",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
            "charge.dispute.closed",
        ),
        _dispute,
    ),
}
"""Event type -> what it tells. Other types are kept and change nothing."""
