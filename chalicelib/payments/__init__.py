"""Payments: card payments through Stripe and the money ledger. The front door for other contexts."""

from chalicelib.payments.credit.returns import credited_minor
from chalicelib.payments.events import CancellationSettled, OrderPaid
from chalicelib.payments.reconciliation.rules import Seen as Difference
from chalicelib.payments.reconciliation.service import open_differences, start_nightly
from chalicelib.payments.rules import RefundDue
from chalicelib.payments.service import PaymentsCheck, check_books, paid_minor, refunds_due

__all__ = [
    "CancellationSettled",
    "Difference",
    "OrderPaid",
    "PaymentsCheck",
    "RefundDue",
    "check_books",
    "credited_minor",
    "open_differences",
    "paid_minor",
    "refunds_due",
    "start_nightly",
]
