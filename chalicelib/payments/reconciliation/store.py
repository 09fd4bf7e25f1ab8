"""SQL of the reconciliation: what is compared with what, and what differed."""

from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.payments.reconciliation.rules import Difference, OrderFigures, Reconciliation, Seen
from chalicelib.payments.rules import Balance

START = """
    INSERT INTO reconciliation (occasion, phase, since, until, started_at)
    VALUES (%(occasion)s, %(phase)s, %(since)s, %(until)s, %(now)s)
        ON CONFLICT (organization_id, occasion) DO NOTHING
    RETURNING id
"""
FIND_BOUNDS = """
    SELECT EXISTS (SELECT FROM reconciliation WHERE occasion = %(occasion)s) AS is_known,
           (SELECT max(until) FROM reconciliation WHERE phase <> 'statement' AND since IS NOT NULL) AS read_until,
           (SELECT min(created_at) FROM payment WHERE provider = 'stripe') AS first_payment_at
"""
LOCK = """
    SELECT id, phase, cursor, since, until FROM reconciliation WHERE id = %(id)s
       AND id = (SELECT max(id) FROM reconciliation) FOR UPDATE
"""
MOVE_ON = """
    UPDATE reconciliation
       SET phase = %(phase)s, cursor = %(cursor)s, lines = lines + %(lines)s,
           finished_at = CASE WHEN %(phase)s = 'done' THEN %(now)s::timestamptz END
     WHERE id = %(id)s
"""
# Lines of other organizations' payments stand on the same statement.
KEEP_LINES = """
    INSERT INTO provider_transaction (provider, external_id, provider_id, reference, type, amount_minor, currency, booked_at,
        read_at)
    SELECT 'stripe', l.id, l.intent_id, l.reference, l.type, l.amount_minor, l.currency, l.created_at, %(now)s
      FROM jsonb_to_recordset(%(lines)s) AS l (id text, intent_id text, reference uuid, type text, amount_minor bigint,
           currency text, created_at timestamptz, is_marked boolean)
     WHERE l.is_marked OR EXISTS (SELECT FROM payment p WHERE p.provider = 'stripe' AND p.provider_id = l.intent_id)
     ORDER BY l.id
        ON CONFLICT (organization_id, provider, external_id) DO NOTHING
"""
# Orders that say that money has moved, or have payments.
LIST_ORDERS = """
    SELECT o.id AS order_id, o.number, o.total_minor, o.state = 'cancelled' AS is_cancelled, o.payment_state, b.balances
      FROM (SELECT * FROM sales_order s
             WHERE s.id > %(after)s
               AND (s.payment_state NOT IN ('unpaid', 'overdue', 'authorized')
                OR EXISTS (SELECT FROM payment p WHERE p.order_id = s.id))
             ORDER BY s.id LIMIT %(limit)s) o
     CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_object('payment_id', p.id, 'state', p.state,
                   'charged_minor', e.charged, 'refunded_minor', e.refunded, 'disputed_minor', e.disputed,
                   'returned_minor', e.returned) ORDER BY p.id), '[]') AS balances
          FROM payment p
         CROSS JOIN LATERAL (
            SELECT coalesce(sum(amount_minor) FILTER (WHERE kind = 'charge'), 0)::bigint AS charged,
                   coalesce(-sum(amount_minor) FILTER (WHERE kind = 'refund'), 0)::bigint AS refunded,
                   coalesce(-sum(amount_minor) FILTER (WHERE kind = 'dispute'), 0)::bigint AS disputed,
                   coalesce(-sum(amount_minor) FILTER (WHERE kind = 'return'), 0)::bigint AS returned
              FROM payment_entry WHERE payment_id = p.id AND currency = p.currency) e
         WHERE p.order_id = o.id) b
     ORDER BY o.id
"""
LIST_ACCOUNTS = """
    SELECT a.customer_id, a.currency, a.balance_minor, coalesce(e.entries_minor, 0) AS entries_minor
      FROM (SELECT * FROM store_credit_account WHERE customer_id > %(after)s ORDER BY customer_id LIMIT %(limit)s) a
      LEFT JOIN LATERAL (SELECT sum(amount_minor)::bigint AS entries_minor
                           FROM store_credit_entry WHERE customer_id = a.customer_id) e ON true
     ORDER BY a.customer_id
"""
# What a payment has of store credit, or gave to it, must stand in the ledger of the credit with the opposite sign.
LIST_CREDIT_PAYMENTS = """
    SELECT p.id AS payment_id, p.currency, coalesce(m.moved_minor, 0) AS moved_minor,
           coalesce(c.credit_minor, 0) AS credit_minor
      FROM (SELECT * FROM payment
             WHERE id > %(after)s AND provider <> 'stripe' ORDER BY id LIMIT %(limit)s) p
      LEFT JOIN LATERAL (
        SELECT sum(amount_minor)::bigint AS moved_minor FROM payment_entry
         WHERE payment_id = p.id AND (p.provider = 'store_credit' OR starts_with(external_id, 'credit:'))) m ON true
      LEFT JOIN LATERAL (
        SELECT -sum(amount_minor)::bigint AS credit_minor FROM store_credit_entry WHERE payment_id = p.id) c ON true
     ORDER BY p.id
"""
# A payment on a link may have been tried with several intents. What was entered after the statement's end is not on it yet.
LIST_STRIPE_PAYMENTS = """
    WITH piece AS MATERIALIZED (
        SELECT id, provider_id, idempotency_key, currency FROM payment
         WHERE id > %(after)s AND provider = 'stripe' ORDER BY id LIMIT %(limit)s
    ), intent AS (
        SELECT id, provider_id FROM piece WHERE provider_id IS NOT NULL
        UNION
        SELECT piece.id, e.external_id FROM piece JOIN payment_entry e ON e.payment_id = piece.id AND e.kind = 'charge'
        UNION
        SELECT piece.id, t.provider_id FROM piece JOIN provider_transaction t ON t.reference = piece.idempotency_key
    ), theirs AS (
        SELECT i.id, sum(t.amount_minor)::bigint AS minor
          FROM intent i JOIN provider_transaction t ON t.provider_id = i.provider_id GROUP BY i.id
    ), ours AS (
        SELECT piece.id, sum(e.amount_minor)::bigint AS minor, max(e.recorded_at) AS latest_at
          FROM piece JOIN payment_entry e ON e.payment_id = piece.id GROUP BY piece.id
    )
    SELECT piece.id AS payment_id, piece.currency, coalesce(ours.minor, 0) AS ours_minor,
           coalesce(theirs.minor, 0) AS theirs_minor, coalesce(ours.latest_at <= %(until)s, true) AS is_settled
      FROM piece LEFT JOIN ours USING (id) LEFT JOIN theirs USING (id)
     ORDER BY piece.id
"""
LIST_UNKNOWN = """
    SELECT t.provider_id, t.currency, sum(t.amount_minor)::bigint AS theirs_minor
      FROM provider_transaction t
     WHERE t.provider_id > %(after)s
       AND NOT EXISTS (SELECT FROM payment p WHERE p.provider = 'stripe' AND p.provider_id = t.provider_id)
       AND NOT EXISTS (SELECT FROM provider_transaction r JOIN payment p ON p.idempotency_key = r.reference
                        WHERE r.provider_id = t.provider_id)
     GROUP BY t.provider_id, t.currency ORDER BY t.provider_id LIMIT %(limit)s
"""
KEEP = """
    INSERT INTO reconciliation_difference (kind, subject, ours, theirs, seen_by, first_seen_at, last_seen_at)
    SELECT d.kind, d.subject, d.ours, d.theirs, %(reconciliation_id)s, %(now)s, %(now)s
      FROM jsonb_to_recordset(%(differences)s) AS d (kind text, subject text, ours text, theirs text)
     ORDER BY d.kind, d.subject
        ON CONFLICT (organization_id, kind, subject) WHERE closed_at IS NULL DO UPDATE
       SET ours = EXCLUDED.ours, theirs = EXCLUDED.theirs, seen_by = EXCLUDED.seen_by, last_seen_at = EXCLUDED.last_seen_at
"""
CLOSE_UNSEEN = """
    UPDATE reconciliation_difference SET closed_at = %(now)s
     WHERE closed_at IS NULL AND seen_by <> %(reconciliation_id)s
"""
COUNT_OPEN = """
    SELECT kind, count(*)::int AS number FROM reconciliation_difference WHERE closed_at IS NULL GROUP BY kind ORDER BY kind
"""
LIST_OPEN = """
    SELECT id, kind, subject, ours, theirs, first_seen_at, last_seen_at
      FROM reconciliation_difference WHERE closed_at IS NULL ORDER BY first_seen_at, id LIMIT %(limit)s
"""


def find_bounds(uow: UnitOfWork, occasion: str) -> Row:
    """is_known, read_until, first_payment_at: whether it was begun, and what there is to read."""
    return uow.row(FIND_BOUNDS, {"occasion": occasion}) or {}


def start(uow: UnitOfWork, columns: dict[str, Any]) -> int | None:
    """The id of a new comparison; None when there is one for the occasion."""
    found: int | None = uow.value(START, {**columns, "now": uow.now})
    return found


def lock(uow: UnitOfWork, reconciliation_id: int) -> Reconciliation | None:
    """A comparison, locked; None when there is a later one."""
    return uow.fetch(Reconciliation, LOCK, {"id": reconciliation_id})


def move_on(uow: UnitOfWork, reconciliation_id: int, *, phase: str, cursor: str, lines: int) -> None:
    """Notes where a locked comparison is; `lines` were read."""
    uow.execute(MOVE_ON, {"id": reconciliation_id, "phase": phase, "cursor": cursor, "lines": lines, "now": uow.now})


def keep_lines(uow: UnitOfWork, lines: Sequence[dict[str, Any]]) -> None:
    """Writes lines of a statement that are about this organization, each once."""
    if lines:
        uow.execute(KEEP_LINES, {"lines": Jsonb(list(lines)), "now": uow.now})


def list_orders(uow: UnitOfWork, *, after: int, limit: int) -> list[OrderFigures]:
    """Orders with their payments' sums, by id."""
    rows = uow.rows(LIST_ORDERS, {"after": after, "limit": limit})
    return [OrderFigures(**{**row, "balances": [Balance(**each) for each in row["balances"]]}) for row in rows]


def list_accounts(uow: UnitOfWork, *, after: int, limit: int) -> list[Row]:
    """Store credit by customer: the account's balance and the sum of its entries."""
    return uow.rows(LIST_ACCOUNTS, {"after": after, "limit": limit})


def list_credit_payments(uow: UnitOfWork, *, after: int, limit: int) -> list[Row]:
    """Payments of our own, by id: what they moved from or to store credit by either ledger."""
    return uow.rows(LIST_CREDIT_PAYMENTS, {"after": after, "limit": limit})


def list_stripe_payments(uow: UnitOfWork, *, after: int, limit: int, until: object) -> list[Row]:
    """Payments at Stripe, by id: what we keep of them, and what Stripe says."""
    return uow.rows(LIST_STRIPE_PAYMENTS, {"after": after, "limit": limit, "until": until})


def list_unknown(uow: UnitOfWork, *, after: str, limit: int) -> list[Row]:
    """What Stripe says of intents with our mark that no payment knows, by intent."""
    return uow.rows(LIST_UNKNOWN, {"after": after, "limit": limit})


def keep(uow: UnitOfWork, reconciliation_id: int, differences: Sequence[Difference]) -> None:
    """Writes what differs; what was open stays the same difference."""
    if differences:
        rows = [difference.as_row() for difference in differences]
        uow.execute(KEEP, {"reconciliation_id": reconciliation_id, "differences": Jsonb(rows), "now": uow.now})


def close_unseen(uow: UnitOfWork, reconciliation_id: int) -> None:
    """Closes what this comparison did not find any more."""
    uow.execute(CLOSE_UNSEEN, {"reconciliation_id": reconciliation_id, "now": uow.now})


def count_open(uow: UnitOfWork) -> dict[str, int]:
    """How many differences are open, by kind."""
    return {row["kind"]: row["number"] for row in uow.rows(COUNT_OPEN)}


def list_open(uow: UnitOfWork, *, limit: int) -> list[Seen]:
    """Open differences, the oldest first."""
    return uow.fetch_all(Seen, LIST_OPEN, {"limit": limit})
