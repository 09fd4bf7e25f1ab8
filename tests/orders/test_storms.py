"""Many at once after the last units, through the API, on the real database."""

from collections import Counter

from chalicelib import identity
from tests.client import Client
from tests.factories.orders import order_body
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together

THREADS = 40


def _key(tenant: Tenant, *scopes: identity.Scope) -> str:
    with tenant.uow() as uow:
        return identity.create_api_key(uow, name="test", scopes=list(scopes))


def test_the_last_units_through_the_shop_are_sold_once(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant, free=10)
    replies = together(THREADS, lambda _: api.post("/api/orders", order_body((shelf.product_id, 1))))
    assert Counter(r.status for r in replies) == {201: 10, 409: THREADS - 10}
    assert shelf.free() == 0
    check_books(tenant)


def test_two_hundred_after_the_last_fifty_units_get_exactly_fifty(tenant: Tenant, api: Client) -> None:
    """Through the shop and through reserve at once: nobody sees a deadlock or a 5xx."""
    shelf = make_shelf(tenant, free=50)
    key = api.as_key(_key(tenant, "inventory:read", "inventory:write"))
    body = {"line_items": [{"sku": shelf.sku, "quantity": 1}]}
    orders = [key.post("/api/v1/orders", body).json["id"] for _ in range(100)]

    def work(n: int) -> int:
        if n % 2:
            return api.post("/api/orders", order_body((shelf.product_id, 1))).status
        return key.post(f"/api/v1/orders/{orders[n // 2]}/reserve").status

    statuses = Counter(together(200, work))
    assert statuses[200] + statuses[201] == 50
    assert statuses[409] + statuses[422] == 150
    assert shelf.free() == 0
    check_books(tenant)


def test_orders_over_the_same_products_in_opposite_order_do_not_deadlock(tenant: Tenant, api: Client) -> None:
    left, right = make_shelf(tenant, free=1000), make_shelf(tenant, free=1000)
    pairs = [(left.product_id, 1), (right.product_id, 1)]
    replies = together(THREADS, lambda n: api.post("/api/orders", order_body(*(pairs if n % 2 else pairs[::-1]))))
    assert Counter(r.status for r in replies) == {201: THREADS}
    assert (left.free(), right.free()) == (1000 - THREADS, 1000 - THREADS)
    check_books(tenant)


def test_one_idempotency_key_sent_by_many_orders_once(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant, free=50)
    body = order_body((shelf.product_id, 2))
    replies = together(20, lambda _: api.post("/api/orders", body, idempotency_key="storm-1"))
    statuses = Counter(r.status for r in replies)
    assert set(statuses) <= {201, 409}
    numbers = {r.json["order"]["order_number"] for r in replies if r.status == 201}
    assert (len(numbers), shelf.free()) == (1, 48)
    again = api.post("/api/orders", body, idempotency_key="storm-1")
    assert (again.status, again.headers.get("Idempotent-Replay"), again.json["order"]["order_number"]) == (
        201,
        "true",
        numbers.pop(),
    )
    check_books(tenant)
