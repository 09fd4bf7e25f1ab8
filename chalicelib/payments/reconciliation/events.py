"""What the comparison tells itself."""

from typing import Literal

from chalicelib.kernel.outbox import Event

Phase = Literal["statement", "orders", "credit", "credit_payments", "stripe", "unknown"]


class ReconcileDue(Event, topic="payments.reconcile", queue="work"):
    """A piece of a comparison is due: where it begins says `cursor`, which is of the phase's own kind."""

    reconciliation_id: int
    phase: Phase
    cursor: str = ""
