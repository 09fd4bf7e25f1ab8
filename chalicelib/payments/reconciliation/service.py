"""The nightly comparison, in pieces. Each piece ends in one transaction that also names the next: it goes on where it died."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from chalicelib.adapters.stripe_statement import StatementLine, StatementPage
from chalicelib.kernel.log import count, logger
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.payments.reconciliation import rules, store
from chalicelib.payments.reconciliation.events import Phase, ReconcileDue
from chalicelib.payments.reconciliation.rules import Difference, Reconciliation, Seen
from chalicelib.payments.rules import reference_of

Piece = tuple[list[Difference], str | None]
"""What differs, and where the next piece begins; None: this was the last."""
LISTED_MAX = 500


def start_nightly(uow: UnitOfWork) -> int | None:
    """Begins tonight's comparison, once a night. A schedule's work; may be run by several at once."""
    occasion = rules.night_of(uow.now, uow.organization.time_zone)
    return None if occasion is None else _start(uow, occasion)


def start_now(uow: UnitOfWork) -> int:
    """Begins one at once, which takes the place of one that is under way."""
    started = _start(uow, f"by-hand:{uuid4()}")
    assert started is not None
    return started


def _start(uow: UnitOfWork, occasion: str) -> int | None:
    bounds = store.find_bounds(uow, occasion)
    if bounds.pop("is_known"):
        return None
    since, until = rules.since_of(**bounds), uow.now - rules.SETTLED_AFTER
    phase: Phase = "orders" if since is None else "statement"
    columns = {"occasion": occasion, "phase": phase, "since": since, "until": until}
    started = store.start(uow, columns)
    if started is not None:
        uow.publish(ReconcileDue(reconciliation_id=started, phase=phase).message())
    return started


def find_due(uow: UnitOfWork, event: ReconcileDue) -> Reconciliation | None:
    """The comparison that an event is about, locked; None when it has gone on meanwhile or a later one has begun."""
    found = store.lock(uow, event.reconciliation_id)
    return found if found is not None and (found.phase, found.cursor) == (event.phase, event.cursor) else None


def keep_page(uow: UnitOfWork, found: Reconciliation, page: StatementPage) -> None:
    """Keeps a page of Stripe's statement and goes on."""
    mark = str(uow.organization.id)
    store.keep_lines(uow, [_row(line, mark) for line in page.lines])
    _go_on(uow, found, page.next_after, lines=len(page.lines))


def _row(line: StatementLine, mark: str) -> dict[str, Any]:
    """A line as KEEP_LINES takes it; `is_marked`: its metadata names this organization."""
    row = asdict(line)
    is_marked = row.pop("organization") == mark
    return {
        **row,
        "reference": reference_of(line.reference),
        "created_at": line.created_at.isoformat(),
        "is_marked": is_marked,
    }


def compare_piece(uow: UnitOfWork, found: Reconciliation) -> None:
    """Compares the next so many orders, customers or payments, keeps what differs, and goes on. Mends nothing."""
    differences, following = _COMPARE[found.phase](uow, found)
    store.keep(uow, found.id, differences)
    _go_on(uow, found, following)


def _go_on(uow: UnitOfWork, found: Reconciliation, cursor: str | None, *, lines: int = 0) -> None:
    assert found.phase != "done"
    phase: Phase | None = found.phase if cursor is not None else rules.FOLLOWING[found.phase]
    store.move_on(uow, found.id, phase=phase or "done", cursor=cursor or "", lines=lines)
    if phase is not None:
        uow.publish(ReconcileDue(reconciliation_id=found.id, phase=phase, cursor=cursor or "").message())
    else:
        _finish(uow, found)


def _finish(uow: UnitOfWork, found: Reconciliation) -> None:
    store.close_unseen(uow, found.id)
    still_open = store.count_open(uow)
    for kind, number in still_open.items():
        count("ReconciliationDifference", number, kind=kind)
    logger.info("reconciled", extra={"reconciliation_id": found.id, "differences": sum(still_open.values())})


def _orders(uow: UnitOfWork, found: Reconciliation) -> Piece:
    rows = store.list_orders(uow, after=int(found.cursor or 0), limit=rules.PIECE)
    differing = [difference for difference in map(rules.order_difference, rows) if difference is not None]
    return differing, _next([row.order_id for row in rows])


def _credit(uow: UnitOfWork, found: Reconciliation) -> Piece:
    rows = store.list_accounts(uow, after=int(found.cursor or 0), limit=rules.PIECE)
    differing = [
        _amounts(
            "credit_balance", f"customer:{r['customer_id']}", r["balance_minor"], r["entries_minor"], r["currency"]
        )
        for r in rows
        if r["balance_minor"] != r["entries_minor"]
    ]
    return differing, _next([row["customer_id"] for row in rows])


def _credit_payments(uow: UnitOfWork, found: Reconciliation) -> Piece:
    rows = store.list_credit_payments(uow, after=int(found.cursor or 0), limit=rules.PIECE)
    differing = [
        _amounts("credit_payment", f"payment:{r['payment_id']}", r["moved_minor"], r["credit_minor"], r["currency"])
        for r in rows
        if r["moved_minor"] != r["credit_minor"]
    ]
    return differing, _next([row["payment_id"] for row in rows])


def _stripe(uow: UnitOfWork, found: Reconciliation) -> Piece:
    rows = store.list_stripe_payments(uow, after=int(found.cursor or 0), limit=rules.PIECE, until=found.until)
    differing = [
        _amounts("stripe_amount", f"payment:{r['payment_id']}", r["ours_minor"], r["theirs_minor"], r["currency"])
        for r in rows
        if r["is_settled"] and r["ours_minor"] != r["theirs_minor"]
    ]
    return differing, _next([row["payment_id"] for row in rows])


def _unknown(uow: UnitOfWork, found: Reconciliation) -> Piece:
    rows = store.list_unknown(uow, after=found.cursor, limit=rules.PIECE)
    differing = [
        _amounts("stripe_unknown", f"intent:{r['provider_id']}", 0, r["theirs_minor"], r["currency"]) for r in rows
    ]
    return differing, str(rows[-1]["provider_id"]) if len(rows) == rules.PIECE else None


def _amounts(kind: rules.Kind, subject: str, ours: int, theirs: int, currency: str) -> Difference:
    return Difference(kind, subject, rules.amount(ours, currency), rules.amount(theirs, currency))


def _next(ids: list[int]) -> str | None:
    return str(ids[-1]) if len(ids) == rules.PIECE else None


_COMPARE: dict[str, Callable[[UnitOfWork, Reconciliation], Piece]] = {
    "orders": _orders,
    "credit": _credit,
    "credit_payments": _credit_payments,
    "stripe": _stripe,
    "unknown": _unknown,
}


def open_differences(uow: UnitOfWork) -> list[Seen]:
    """What differed when it was last compared, the oldest first; at most 500."""
    return store.list_open(uow, limit=LISTED_MAX)
