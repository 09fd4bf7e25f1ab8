"""Payments: money through Stripe and the money ledger. The front door for other contexts."""

from chalicelib.payments.cash import record_cash
from chalicelib.payments.checks.closing import drop_stale as drop_stale_checks
from chalicelib.payments.credit.returns import credited_minor
from chalicelib.payments.credit.service import balance_minor as credit_balance_minor
from chalicelib.payments.events import (
    CancellationSettled,
    CheckRejected,
    LinkMade,
    OrderPaid,
    OrderRevived,
    PaymentReturned,
    RefundEnded,
)
from chalicelib.payments.links import PaymentLink, find_link
from chalicelib.payments.looks import queue_looks
from chalicelib.payments.pages import pay_page
from chalicelib.payments.reconciliation.rules import Seen as Difference
from chalicelib.payments.reconciliation.service import open_differences, start_nightly
from chalicelib.payments.refunds import get_refund
from chalicelib.payments.rules import RefundDue
from chalicelib.payments.saved import SavedMethod, SavingStarted
from chalicelib.payments.saved import list_methods as list_saved_methods
from chalicelib.payments.saved import prepare as prepare_saving
from chalicelib.payments.saved import remove as remove_saved_method
from chalicelib.payments.service import PaymentsCheck, check_books, paid_minor, refunds_due
from chalicelib.payments.store import get_payment

__all__ = [
    "CancellationSettled",
    "CheckRejected",
    "Difference",
    "LinkMade",
    "OrderPaid",
    "OrderRevived",
    "PaymentLink",
    "PaymentReturned",
    "PaymentsCheck",
    "RefundDue",
    "RefundEnded",
    "SavedMethod",
    "SavingStarted",
    "check_books",
    "credit_balance_minor",
    "credited_minor",
    "drop_stale_checks",
    "find_link",
    "get_payment",
    "get_refund",
    "list_saved_methods",
    "open_differences",
    "paid_minor",
    "pay_page",
    "prepare_saving",
    "queue_looks",
    "record_cash",
    "refunds_due",
    "remove_saved_method",
    "start_nightly",
]
