"""What is kept only for a while goes, and nothing else."""

from chalicelib.kernel import schedules
from tests.client import Client
from tests.factories.identity import make_staff
from tests.factories.orders import order_body
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Clock, Tenant

COUNTS = """
    SELECT (SELECT count(*) FROM idempotency_key) AS keys, (SELECT count(*) FROM outbox) AS outbox,
           (SELECT count(*) FROM session) AS sessions
"""
DAY_S = 86_400


def _purged(tenant: Tenant) -> tuple[int, int, int]:
    schedules.purge_expired({}, None)
    [row] = tenant.rows(COUNTS)
    return row["keys"], row["outbox"], row["sessions"]


def test_keys_go_after_a_day_closed_rows_and_ended_sessions_after_a_month(
    tenant: Tenant, api: Client, clock: Clock
) -> None:
    shelf = make_shelf(tenant)
    make_staff(tenant, wms_role="ADMIN").client()
    first, second = order_body((shelf.product_id, 1)), order_body((shelf.product_id, 2))
    assert api.post("/api/orders", first, idempotency_key="a").status == 201
    tenant.work_off()
    assert api.post("/api/orders", second, idempotency_key="b").status == 201
    assert _purged(tenant) == (2, 2, 1)
    clock.advance(seconds=DAY_S + 60)
    assert _purged(tenant) == (0, 2, 1)
    clock.advance(seconds=30 * DAY_S)
    assert _purged(tenant) == (0, 1, 0), "open rows stay"
    check_books(tenant)
