"""Payments: card payments through Stripe and the money ledger. The front door for other contexts."""

from chalicelib.payments.credit.returns import credited_minor
from chalicelib.payments.events import CancellationSettled, OrderPaid
from chalicelib.payments.rules import RefundDue
from chalicelib.payments.service import PaymentsCheck, check_books, paid_minor, refunds_due

__all__ = [
    "CancellationSettled",
    "OrderPaid",
    "PaymentsCheck",
    "RefundDue",
    "check_books",
    "credited_minor",
    "paid_minor",
    "refunds_due",
]
