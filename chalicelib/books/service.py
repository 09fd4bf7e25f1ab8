"""Checks all books of an organization from the beginning."""

from dataclasses import asdict

from chalicelib import orders, stock
from chalicelib.books import store
from chalicelib.books.shapes import AuditBooks, Books, HoldBooks, OutboxBooks, StockBooks
from chalicelib.kernel import audit
from chalicelib.kernel.uow import UnitOfWork


def check(uow: UnitOfWork) -> Books:
    """Replays the ledger, compares holds with order lines, counts the outbox, walks the audit chain. Changes nothing.

    Takes time in proportion to the history: for operators and tests, not for a request of the floor.
    """
    moves, holds, chain = stock.check_books(uow), orders.check_holds(uow), audit.verify(uow)
    rows, open_rows, dead = store.count_outbox(uow)
    return Books(
        is_whole=moves.is_whole and holds.wrong_lines == 0 and dead == 0 and chain.is_whole,
        stock=StockBooks(**asdict(moves)),
        holds=HoldBooks(**asdict(holds)),
        outbox=OutboxBooks(rows=rows, open=open_rows, dead=dead),
        audit=AuditBooks(**asdict(chain)),
    )
