"""Every SQL statement of scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.sql import SQL, Composed
from psycopg.types.json import Jsonb

from chalicelib.insights.scores.rules import RUN_LASTS_MAX
from chalicelib.kernel.uow import UnitOfWork

BATCH = 20_000
"""Scores that one statement writes."""
HITS_MAX = 1_000
"""Customers that a search finds at most."""


@dataclass(frozen=True)
class Histories:
    """When customers have ordered, an entry each; days are counted from 1970-01-01."""

    customer_ids: Sequence[int]
    order_days: Sequence[int]
    first_days: Sequence[int]
    last_days: Sequence[int]


# A run may begin when no other is under way. `before`: and only if none was asked for since then, and the organization is
# older and has customers; of what the clock does by itself, there is one a night.
CLAIM_RUN = """
    INSERT INTO score_run (run_id, requested_by, requested_at, busy_until)
    SELECT %(run_id)s, %(actor)s, %(now)s, %(busy_until)s
      FROM organization o
     WHERE %(before)s::timestamptz IS NULL OR (o.created_at < %(before)s AND EXISTS (SELECT FROM customer))
        ON CONFLICT (organization_id) DO UPDATE
       SET run_id = EXCLUDED.run_id, requested_by = EXCLUDED.requested_by, requested_at = EXCLUDED.requested_at,
           busy_until = EXCLUDED.busy_until, started_at = NULL
     WHERE (score_run.busy_until IS NULL OR score_run.busy_until <= %(now)s)
       AND (%(before)s::timestamptz IS NULL OR score_run.requested_at < %(before)s)
    RETURNING run_id
"""
START_RUN = """
    UPDATE score_run SET started_at = %(now)s, busy_until = %(busy_until)s
     WHERE run_id = %(run_id)s AND busy_until IS NOT NULL
"""
LOCK_RUN = "SELECT run_id FROM score_run WHERE run_id = %(run_id)s AND busy_until IS NOT NULL FOR UPDATE"

# Orders of one day are one order to the models. What was called off or taken back altogether was none; guests are nobody
# who could return. What is dated later than now has not happened.
READ_HISTORIES = """
    WITH day AS (
        SELECT DISTINCT o.customer_id, (o.placed_at AT TIME ZONE %(time_zone)s)::date - date '1970-01-01' AS number
          FROM sales_order o
         WHERE o.customer_id IS NOT NULL AND o.state <> 'cancelled' AND o.payment_state <> 'refunded'
           AND o.placed_at <= %(now)s
    ), history AS (
        SELECT customer_id, count(*)::int AS days, min(number) AS first, max(number) AS last FROM day GROUP BY customer_id
    )
    SELECT coalesce(array_agg(h.customer_id ORDER BY h.customer_id), '{}') AS customer_ids,
           coalesce(array_agg(h.days ORDER BY h.customer_id), '{}') AS order_days,
           coalesce(array_agg(h.first ORDER BY h.customer_id), '{}') AS first_days,
           coalesce(array_agg(h.last ORDER BY h.customer_id), '{}') AS last_days
      FROM history h JOIN customer c ON c.id = h.customer_id
     WHERE c.is_active
"""
# Customers who are gone since their histories were read are left out.
WRITE_SCORES = """
    INSERT INTO customer_score (customer_id, order_days, first_order_on, last_order_on, tier, p_alive, expected_orders_90d,
                                bg_nbd_p_alive, bg_nbd_expected_orders_90d, computed_at)
    SELECT s.customer_id, s.order_days, date '1970-01-01' + s.first_day, date '1970-01-01' + s.last_day, s.tier, s.p_alive,
           s.expected_orders_90d, s.bg_nbd_p_alive, s.bg_nbd_expected_orders_90d, %(now)s
      FROM unnest(%(customer_id)s::int[], %(order_days)s::int[], %(first_day)s::int[], %(last_day)s::int[],
                  %(tier)s::text[], %(p_alive)s::float8[], %(expected_orders_90d)s::float8[],
                  %(bg_nbd_p_alive)s::float8[], %(bg_nbd_expected_orders_90d)s::float8[])
        AS s (customer_id, order_days, first_day, last_day, tier, p_alive, expected_orders_90d, bg_nbd_p_alive,
              bg_nbd_expected_orders_90d)
      JOIN customer c ON c.id = s.customer_id
     ORDER BY s.customer_id
        ON CONFLICT (organization_id, customer_id) DO UPDATE
       SET order_days = EXCLUDED.order_days, first_order_on = EXCLUDED.first_order_on,
           last_order_on = EXCLUDED.last_order_on, tier = EXCLUDED.tier, p_alive = EXCLUDED.p_alive,
           expected_orders_90d = EXCLUDED.expected_orders_90d, bg_nbd_p_alive = EXCLUDED.bg_nbd_p_alive,
           bg_nbd_expected_orders_90d = EXCLUDED.bg_nbd_expected_orders_90d, computed_at = EXCLUDED.computed_at
"""
DELETE_OTHER_SCORES = "DELETE FROM customer_score WHERE computed_at <> %(now)s"
FINISH_RUN = """
    UPDATE score_run
       SET busy_until = NULL, computed_at = %(now)s, as_of = %(as_of)s, customers = %(customers)s,
           tier_counts = %(tier_counts)s, models = %(models)s
     WHERE run_id = %(run_id)s
"""

_RUN = SQL("""
    (SELECT run_id, requested_by, requested_at, started_at, busy_until, computed_at AS last_computed, as_of, customers,
            tier_counts, models
       FROM score_run)
""")
_SHOWN = SQL("""
    c.id AS customer_id, c.username, c.company_name, c.first_name, c.last_name, c.email, c.phone, s.order_days,
    s.first_order_on, s.last_order_on, s.tier, s.p_alive, s.expected_orders_90d, s.bg_nbd_p_alive,
    s.bg_nbd_expected_orders_90d
""")
# A page past the end has no customers but still a total, and there may be no run yet, hence the outer joins.
_LIST = SQL("""
    WITH matching AS NOT MATERIALIZED (
        SELECT s.customer_id, s.expected_orders_90d, s.p_alive
          FROM {found} JOIN customer c ON c.id = s.customer_id
         WHERE c.is_active AND (%(tier)s::text IS NULL OR s.tier = %(tier)s)
           AND (%(min_p_alive)s::float8 IS NULL OR s.p_alive >= %(min_p_alive)s)
           AND (%(max_p_alive)s::float8 IS NULL OR s.p_alive <= %(max_p_alive)s)
    ), counted AS (
        SELECT count(*) AS total FROM (SELECT FROM matching LIMIT %(count_max)s) seen
    ), page AS MATERIALIZED (
        SELECT * FROM matching s ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s
    ), shown AS (
        SELECT {shown} FROM page JOIN customer_score s USING (customer_id) JOIN customer c ON c.id = s.customer_id
    )
    SELECT counted.total, run.*, s.*
      FROM counted LEFT JOIN {run} run ON true LEFT JOIN shown s ON true
     ORDER BY {order}
""")
_EVERYBODY = SQL("customer_score s")
_HITS = SQL("""
    customers_with_text(%(search)s, %(hits_max)s) AS hit (customer_id) JOIN customer_score s ON s.customer_id = hit.customer_id
""")
_ORDERS: Mapping[str, SQL] = {
    "expected_orders_90d": SQL("s.expected_orders_90d, s.customer_id"),
    "-expected_orders_90d": SQL("s.expected_orders_90d DESC, s.customer_id DESC"),
    "p_alive": SQL("s.p_alive, s.customer_id"),
    "-p_alive": SQL("s.p_alive DESC, s.customer_id DESC"),
    "customer_id": SQL("s.customer_id"),
    "-customer_id": SQL("s.customer_id DESC"),
}


def _lists(found: SQL) -> Mapping[str, Composed]:
    return {name: _LIST.format(found=found, order=order, shown=_SHOWN, run=_RUN) for name, order in _ORDERS.items()}


LIST_ALL = _lists(_EVERYBODY)
LIST_HITS = _lists(_HITS)

# One customer, whoever it is, with the score there may be.
FIND_SCORE = SQL("""
    SELECT {shown}, run.*
      FROM customer c
      LEFT JOIN customer_score s ON s.customer_id = c.id AND c.is_active
      LEFT JOIN {run} run ON true
     WHERE c.id = %(customer_id)s
""").format(shown=_SHOWN, run=_RUN)


def claim_run(uow: UnitOfWork, run_id: UUID, *, before: datetime | None = None) -> bool:
    """Whether this run may begin: none is under way and, where `before` is given, none was asked for since then."""
    fields = {"run_id": run_id, "actor": uow.actor.label, "busy_until": uow.now + RUN_LASTS_MAX, "before": before}
    return uow.row(CLAIM_RUN, {**fields, "now": uow.now}) is not None


def start_run(uow: UnitOfWork, run_id: UUID) -> bool:
    """False for a run that is over, or that another one has replaced."""
    fields = {"run_id": run_id, "busy_until": uow.now + RUN_LASTS_MAX, "now": uow.now}
    return uow.execute(START_RUN, fields) == 1


def lock_run(uow: UnitOfWork, run_id: UUID) -> bool:
    """The same, and nobody changes it until the transaction ends."""
    return uow.row(LOCK_RUN, {"run_id": run_id}) is not None


def read_histories(uow: UnitOfWork) -> Histories:
    """Of every active customer who has ordered, by days as they are where the organization is."""
    found = uow.fetch(Histories, READ_HISTORIES, {"time_zone": uow.organization.time_zone, "now": uow.now})
    assert found is not None
    return found


def write_scores(uow: UnitOfWork, scores: Mapping[str, Sequence[Any]]) -> None:
    """Replaces all scores by these: columns of equal length, named as in WRITE_SCORES."""
    for start in range(0, len(scores["customer_id"]), BATCH):
        batch = {name: list(values[start : start + BATCH]) for name, values in scores.items()}
        uow.execute(WRITE_SCORES, {**batch, "now": uow.now})
    uow.execute(DELETE_OTHER_SCORES, {"now": uow.now})


def finish_run(
    uow: UnitOfWork, run_id: UUID, as_of: date, tier_counts: Mapping[str, int], models: Sequence[Mapping[str, Any]]
) -> None:
    """Says of which day the scores are, how many there are of each tier, and which models are behind them."""
    fields = {"run_id": run_id, "as_of": as_of, "customers": sum(tier_counts.values()), "now": uow.now}
    uow.execute(FINISH_RUN, {**fields, "tier_counts": Jsonb(tier_counts), "models": Jsonb(models)})


def list_scores(uow: UnitOfWork, ordering: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A page, at least one row: each with the total and the run, and with a customer unless the page is empty."""
    lists = LIST_HITS if params["search"] else LIST_ALL
    return uow.rows(lists[ordering], {**params, "hits_max": HITS_MAX})


def find_score(uow: UnitOfWork, customer_id: int) -> dict[str, Any] | None:
    """A customer with score and run, both of which may be missing; None where there is no such customer."""
    return uow.row(FIND_SCORE, {"customer_id": customer_id})
