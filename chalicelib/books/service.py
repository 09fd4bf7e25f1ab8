"""Checks all books of an organization from the beginning."""

from dataclasses import asdict

from chalicelib import orders, payments, stock
from chalicelib.books import store
from chalicelib.books.shapes import (
    AuditBooks,
    Books,
    Differences,
    DifferenceView,
    HoldBooks,
    OutboxBooks,
    PaymentBooks,
    StockBooks,
)
from chalicelib.kernel import audit
from chalicelib.kernel.uow import UnitOfWork


def check(uow: UnitOfWork) -> Books:
    """Replays the ledger, compares holds and payments with orders, counts the outbox, walks the audit chain. Changes nothing.

    Takes time in proportion to the history: for operators and tests, not for a request of the floor.
    """
    moves, holds, chain = stock.check_books(uow), orders.check_holds(uow), audit.verify(uow)
    money = payments.check_books(uow)
    outbox = OutboxBooks(**store.count_outbox(uow))
    wrong = holds.wrong_lines + money.wrong_orders + money.wrong_accounts + outbox.dead
    return Books(
        is_whole=moves.is_whole and wrong == 0 and chain.is_whole,
        stock=StockBooks(**asdict(moves)),
        holds=HoldBooks(**asdict(holds)),
        payments=PaymentBooks(**asdict(money)),
        outbox=outbox,
        audit=AuditBooks(
            sealed=chain.sealed, unchained=chain.unchained, broken_at=chain.broken_at, reason=chain.reason
        ),
    )


def differences(uow: UnitOfWork) -> Differences:
    """What differed when the books of money were last compared."""
    return Differences(differences=[DifferenceView(**asdict(each)) for each in payments.open_differences(uow)])
