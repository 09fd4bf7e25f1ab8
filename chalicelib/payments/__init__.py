"""Payments: card payments through Stripe and the money ledger. The front door for other contexts."""

from chalicelib.payments.cash import record_cash
from chalicelib.payments.checks.closing import drop_stale as drop_stale_checks
from chalicelib.payments.credit.returns import credited_minor
from chalicelib.payments.credit.service import balance_minor as credit_balance_minor
from chalicelib.payments.events import CancellationSettled, CheckRejected, OrderPaid
from chalicelib.payments.reconciliation.rules import Seen as Difference
from chalicelib.payments.reconciliation.service import open_differences, start_nightly
from chalicelib.payments.rules import RefundDue
from chalicelib.payments.service import PaymentsCheck, check_books, paid_minor, refunds_due

__all__ = [
    "CancellationSettled",
    "CheckRejected",
    "Difference",
    "OrderPaid",
    "PaymentsCheck",
    "RefundDue",
    "check_books",
    "credit_balance_minor",
    "credited_minor",
    "drop_stale_checks",
    "open_differences",
    "paid_minor",
    "record_cash",
    "refunds_due",
    "start_nightly",
]
