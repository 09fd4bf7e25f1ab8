"""Many at once after the last units, through the API, on the real database."""

from collections import Counter
from uuid import uuid4

from chalicelib import identity
from tests.client import Client
from tests.factories.customers import make_customer
from tests.factories.floor import check_floor, make_floor, place, put
from tests.factories.orders import order_body
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together

THREADS = 50


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


def test_the_last_units_through_shop_reserve_and_wave_at_once(tenant: Tenant, api: Client) -> None:
    """Ten units are free. Twenty guests and twenty integrators' orders want one each; ten waves are started over orders that
    hold two units each, or lack two and take what they find."""
    shelf, floors = make_shelf(tenant, free=10), [make_floor(tenant) for _ in range(10)]
    entered = [place(tenant, (shelf, 2)) for _ in range(10)]
    put(tenant, shelf, 10)
    assert (shelf.free(), [order.is_short for order in entered]) == (10, [False] * 5 + [True] * 5)
    key = api.as_key(_key(tenant, "inventory:read", "inventory:write"))
    body = {"line_items": [{"sku": shelf.sku, "quantity": 1}]}
    pending = [key.post("/api/v1/orders", body).json["id"] for _ in range(20)]

    def work(n: int) -> tuple[str, int]:
        if n < 10:
            return "wave", floors[n].wave(entered[n]).status
        if n % 2:
            return "shop", api.post("/api/orders", order_body((shelf.product_id, 1))).status
        return "reserve", key.post(f"/api/v1/orders/{pending[n // 2 - 5]}/reserve").status

    statuses = Counter(together(THREADS, work))
    assert [of for of in statuses if of[1] not in (200, 201, 400, 409, 422)] == []
    sold, reserved = statuses["shop", 201], statuses["reserve", 200]
    assert (statuses["shop", 409], statuses["reserve", 422]) == (20 - sold, 20 - reserved)
    picked = tenant.value("SELECT sum(quantity)::int FROM pick_task WHERE status = 'PENDING'")
    held = tenant.value("SELECT sum(quantity)::int FROM stock_hold")
    assert (picked >= 10, held, shelf.free()) == (True, 20, 0)
    assert picked + sold + reserved == 20
    check_books(tenant)
    check_floor(tenant)


def test_the_last_of_a_credit_limit_is_used_once(tenant: Tenant) -> None:
    """A limit of 500.00 with 125.00 owed already, and fifty orders of 62.50 at once: six of them fit."""
    shelf = make_shelf(tenant, free=1000, price_minor=6250)
    shopper = make_customer(tenant, payment_terms="net30", credit_limit_minor=50_000)
    client, body = shopper.client(), order_body((shelf.product_id, 1), payment_method="net30")
    assert client.post("/api/orders", order_body((shelf.product_id, 2), payment_method="net30")).status == 201
    replies = together(THREADS, lambda _: client.post("/api/orders", body))
    assert Counter((r.status, r.json.get("error")) for r in replies) == {
        (201, None): 6,
        (409, "This order exceeds the credit limit"): THREADS - 6,
    }
    owed = tenant.value("SELECT sum(total_minor)::int FROM sales_order WHERE customer_id = %(id)s", id=shopper.id)
    assert (owed, shelf.free()) == (50_000, 1000 - 8)
    check_books(tenant)


def test_customers_on_terms_who_want_the_last_units_do_not_wait_in_a_circle(tenant: Tenant) -> None:
    """Credit is locked before stock, whoever comes: two customers, two products, each in both orders."""
    left, right = make_shelf(tenant, free=30), make_shelf(tenant, free=30)
    buyers = [make_customer(tenant, payment_terms="net30", credit_limit_minor=10**9).client() for _ in range(2)]
    pairs = [(left.product_id, 1), (right.product_id, 1)]
    bodies = [order_body(*some, payment_method="net30") for some in (pairs, pairs[::-1])]
    replies = together(THREADS, lambda n: buyers[n % 2].post("/api/orders", bodies[n // 2 % 2]))
    assert Counter(r.status for r in replies) == {201: 30, 409: THREADS - 30}
    assert (left.free(), right.free()) == (0, 0)
    check_books(tenant)


def test_one_idempotency_key_sent_by_many_orders_once(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant, free=50)
    body = order_body((shelf.product_id, 2))
    replies = together(THREADS, lambda _: api.post("/api/orders", body, idempotency_key="storm-1"))
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


def test_a_guest_who_loses_the_network_orders_once_from_everywhere(tenant: Tenant) -> None:
    """One random key, fifty addresses: whoever is told of the order is told of the same one, with the same token."""
    shelf, key = make_shelf(tenant, free=50), str(uuid4())
    body = order_body((shelf.product_id, 2))
    guests = [Client(tenant.host, address=f"203.0.113.{n}") for n in range(THREADS)]
    replies = together(THREADS, lambda n: guests[n].post("/api/orders", body, idempotency_key=key))
    assert set(Counter(r.status for r in replies)) <= {201, 409}
    assert len({(r.json["order"]["order_number"], r.json["order_token"]) for r in replies if r.status == 201}) == 1
    assert shelf.free() == 48
    check_books(tenant)
