"""SQL of store credit: accounts, their entries, what waits for a second person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.payments.credit.rules import Entry, Posting, Request

# Made when it is first needed, and locked: the balance is as new as the lock.
LOCK_ACCOUNT = """
    INSERT INTO store_credit_account (customer_id, currency, balance_minor, updated_at)
    VALUES (%(customer_id)s, %(currency)s, 0, %(now)s)
        ON CONFLICT (organization_id, customer_id) DO UPDATE SET balance_minor = store_credit_account.balance_minor
    RETURNING currency, balance_minor
"""
FIND_BALANCE = "SELECT balance_minor FROM store_credit_account WHERE customer_id = %(customer_id)s"
POST = """
    WITH posting AS (
        SELECT p.*, sum(p.amount_minor) OVER (ORDER BY p.place) AS upto_minor, sum(p.amount_minor) OVER () AS all_minor
          FROM jsonb_to_recordset(%(postings)s) AS p (place int, kind text, amount_minor bigint, source text,
               payment_id int, order_id int, note text)
    ), moved AS (
        UPDATE store_credit_account
           SET balance_minor = balance_minor + (SELECT sum(amount_minor) FROM posting)::bigint, updated_at = %(now)s
         WHERE customer_id = %(customer_id)s
        RETURNING balance_minor
    )
    INSERT INTO store_credit_entry (customer_id, kind, amount_minor, balance_minor, payment_id, order_id, note, source,
        made_by, recorded_at)
    SELECT %(customer_id)s, p.kind, p.amount_minor, moved.balance_minor - p.all_minor + p.upto_minor, p.payment_id,
           p.order_id, p.note, p.source, %(made_by)s, %(now)s
      FROM posting p, moved
     ORDER BY p.place
    RETURNING id, kind, amount_minor, balance_minor, NULL AS order_number, note, recorded_at
"""
IS_CUSTOMER = "SELECT true AS is_there FROM customer WHERE id = %(customer_id)s"
# A customer without entries is one row whose entry is null.
LIST_ENTRIES = """
    SELECT c.id AS customer_id, c.username, c.company_name, a.currency, coalesce(a.balance_minor, 0) AS account_minor, e.*
      FROM customer c
      LEFT JOIN store_credit_account a ON a.customer_id = c.id
      LEFT JOIN LATERAL (
        SELECT s.id, s.kind, s.amount_minor, s.balance_minor, o.number AS order_number, s.note, s.recorded_at
          FROM store_credit_entry s LEFT JOIN sales_order o ON o.id = s.order_id
         WHERE s.customer_id = c.id AND (%(before_id)s::bigint IS NULL OR s.id < %(before_id)s)
         ORDER BY s.id DESC LIMIT %(limit)s) e ON true
     WHERE c.id = %(customer_id)s
     ORDER BY e.id DESC
"""
SUM_RETURNED = """
    SELECT coalesce(sum(amount_minor), 0)::bigint AS returned_minor
      FROM store_credit_entry WHERE order_id = %(order_id)s AND kind IN ('returned', 'refund', 'overpayment')
"""
# Who issues twice at once, even to two customers, is looked at in turn. What two have decided on is nobody's alone.
LOCK_STAFF = "SELECT id FROM staff WHERE id = %(staff_id)s FOR NO KEY UPDATE"
SUM_BY_HAND = """
    SELECT coalesce(sum(abs(amount_minor)), 0)::bigint AS issued_minor
      FROM store_credit_entry
     WHERE made_by = %(made_by)s AND recorded_at > %(since)s AND kind IN ('issued', 'deducted')
       AND starts_with(source, 'issue:')
"""
ASK = """
    INSERT INTO store_credit_request (customer_id, amount_minor, note, asked_by, asked_at)
    VALUES (%(customer_id)s, %(amount_minor)s, %(note)s, %(asked_by)s, %(now)s)
    RETURNING id, customer_id, amount_minor, note, state, asked_by, asked_at
"""
LOCK_REQUEST = """
    SELECT id, customer_id, amount_minor, note, state, asked_by, asked_at
      FROM store_credit_request WHERE id = %(id)s FOR UPDATE
"""
LIST_WAITING = """
    SELECT r.id, r.customer_id, r.amount_minor, r.note, r.state, r.asked_by, r.asked_at
      FROM store_credit_request r WHERE r.state = 'waiting' ORDER BY r.id LIMIT %(limit)s
"""
DECIDE = """
    UPDATE store_credit_request SET state = %(state)s, decided_by = %(decided_by)s, decided_at = %(now)s
     WHERE id = %(id)s AND state = 'waiting'
"""


@dataclass(frozen=True)
class Holder:
    """A customer and what they may spend. `currency` is None before the first entry."""

    id: int
    username: str
    company_name: str
    currency: str | None
    balance_minor: int


def lock_account(uow: UnitOfWork, customer_id: int, currency: str) -> int | None:
    """The balance of a customer's account, locked and made if there is none; None when it is in another currency."""
    row = uow.row(LOCK_ACCOUNT, {"customer_id": customer_id, "currency": currency, "now": uow.now})
    assert row is not None
    return int(row["balance_minor"]) if row["currency"] == currency else None


def find_balance(uow: UnitOfWork, customer_id: int) -> int | None:
    """The balance of a customer's account; None where there is none."""
    balance_minor: int | None = uow.value(FIND_BALANCE, {"customer_id": customer_id})
    return balance_minor


def post(uow: UnitOfWork, customer_id: int, postings: Sequence[Posting]) -> list[Entry]:
    """Writes entries to a locked account and moves its balance, in one statement.

    Raises UniqueViolation for a source that was posted before, CheckViolation where the balance would fall below 0.
    """
    rows = [posting.as_row(place) for place, posting in enumerate(postings)]
    params = {"customer_id": customer_id, "postings": Jsonb(rows), "made_by": uow.actor.label, "now": uow.now}
    return uow.fetch_all(Entry, POST, params)


def is_customer(uow: UnitOfWork, customer_id: int) -> bool:
    """Whether there is such a customer."""
    return uow.value(IS_CUSTOMER, {"customer_id": customer_id}) is not None


def list_entries(
    uow: UnitOfWork, customer_id: int, *, before_id: int | None, limit: int
) -> tuple[Holder, list[Entry]] | None:
    """A customer and entries of theirs, the newest first, older than `before_id`; None where there is no customer."""
    rows = uow.rows(LIST_ENTRIES, {"customer_id": customer_id, "before_id": before_id, "limit": limit})
    if not rows:
        return None
    holder = Holder(*(rows[0][name] for name in _HOLDER))
    entries = [{name: value for name, value in row.items() if name not in _HOLDER} for row in rows]
    return holder, [Entry(**entry) for entry in entries if entry["id"] is not None]


_HOLDER = ("customer_id", "username", "company_name", "currency", "account_minor")


def sum_returned(uow: UnitOfWork, order_id: int) -> int:
    """What of an order's money became credit."""
    return int(uow.value(SUM_RETURNED, {"order_id": order_id}))


def issued_by(uow: UnitOfWork, staff_id: int, *, since: datetime) -> int:
    """What the member of staff who is calling has issued and deducted since; their row stays locked."""
    uow.execute(LOCK_STAFF, {"staff_id": staff_id})
    return int(uow.value(SUM_BY_HAND, {"made_by": uow.actor.label, "since": since}))


def ask(uow: UnitOfWork, customer_id: int, *, amount_minor: int, note: str) -> Request:
    """Writes down what somebody else must decide on."""
    params = {"customer_id": customer_id, "amount_minor": amount_minor, "note": note}
    found = uow.fetch(Request, ASK, {**params, "asked_by": uow.actor.id, "now": uow.now})
    assert found is not None
    return found


def lock_request(uow: UnitOfWork, request_id: int) -> Request | None:
    """A request, locked, or None."""
    return uow.fetch(Request, LOCK_REQUEST, {"id": request_id})


def list_waiting(uow: UnitOfWork, *, limit: int) -> list[Request]:
    """Requests that nobody has decided on, the oldest first."""
    return uow.fetch_all(Request, LIST_WAITING, {"limit": limit})


def decide(uow: UnitOfWork, request_id: int, state: str) -> None:
    """Ends a locked request that is waiting."""
    uow.execute(DECIDE, {"id": request_id, "state": state, "decided_by": uow.actor.id, "now": uow.now})
