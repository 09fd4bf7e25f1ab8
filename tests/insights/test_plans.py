"""A page of scores costs the same among thousands of customers and among millions: indexes serve it."""

from typing import Any

import pytest
from psycopg.sql import SQL

from chalicelib.insights.scores import store
from tests.tenant import Tenant

FILL = (
    """
    INSERT INTO customer (username, company_name, password_hash, password_changed_at, created_at, updated_at)
    SELECT 'c' || n, 'Company ' || n, '!', %(now)s, %(now)s, %(now)s FROM generate_series(1, 5000) AS n
    """,
    """
    INSERT INTO customer_score (customer_id, order_days, first_order_on, last_order_on, tier, p_alive, expected_orders_90d,
                                bg_nbd_p_alive, bg_nbd_expected_orders_90d, computed_at)
    SELECT id, 1, '2026-01-01', '2026-01-01', (ARRAY['loyal', 'regular', 'lost'])[1 + id %% 3], (id %% 997) / 1000.0,
           (id %% 1013) / 10.0, 1, 1, %(now)s
      FROM customer
    """,
)
NONE: dict[str, Any] = {"tier": None, "min_p_alive": None, "max_p_alive": None, "search": ""}
PAGE: dict[str, Any] = {"limit": 50, "offset": 0, "count_max": 1050, "hits_max": store.HITS_MAX}


@pytest.mark.parametrize(
    ("ordering", "filters", "index"),
    [
        ("-expected_orders_90d", {}, "customer_score_expected"),
        ("expected_orders_90d", {}, "customer_score_expected"),
        ("-p_alive", {}, "customer_score_alive"),
        ("p_alive", {"min_p_alive": 0.9}, "customer_score_alive"),
        ("customer_id", {}, "customer_score_pkey"),
        ("-expected_orders_90d", {"tier": "loyal"}, "customer_score_tier"),
    ],
)
def test_an_index_finds_a_page(ordering: str, filters: dict[str, Any], index: str, tenant: Tenant) -> None:
    with tenant.uow() as uow:
        for fill in FILL:
            uow.execute(fill, {"now": uow.now})
    tenant.as_owner("ANALYZE customer, customer_score")
    with tenant.uow() as uow:
        params = {**NONE, **PAGE, **filters}
        plan = [str(next(iter(row.values()))) for row in uow.rows(SQL("EXPLAIN ") + store.LIST_ALL[ordering], params)]
    page = "\n".join(plan).partition("CTE page")[2]
    assert index in page.partition("CTE shown")[0].partition("CTE counted")[0], "\n".join(plan)
    assert "Sort Key" not in page.partition("->")[0]


def test_an_index_finds_parts_of_names(tenant: Tenant) -> None:
    """As the function sees it, which runs as the owner: a trigram index, and no look at every customer."""
    with tenant.uow() as uow:
        uow.execute(FILL[0], {"now": uow.now})
    tenant.as_owner("VACUUM ANALYZE customer")
    sql = """
        EXPLAIN SELECT id FROM customer
         WHERE organization_id = %(id)s AND lower(username || ' ' || company_name || ' ' || first_name || ' ' || last_name
               || ' ' || coalesce(email, '') || ' ' || coalesce(phone, '')) LIKE '%%company 4711%%'
    """
    plan = "\n".join(str(row["QUERY PLAN"]) for row in tenant.as_owner(sql, id=tenant.id))
    assert "customer_inside" in plan, plan
