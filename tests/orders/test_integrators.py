"""Orders over the inventory contract: create, reserve, fulfil, cancel."""

import pytest

from chalicelib import identity
from tests.client import Client
from tests.factories.orders import make_order
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together


@pytest.fixture
def key(tenant: Tenant, api: Client) -> Client:
    """An integrator's key that may read and write."""
    with tenant.uow() as uow:
        return api.as_bearer(identity.create_api_key(uow, name="erp", scopes=["inventory:read", "inventory:write"]))


def _order(key: Client, *lines: tuple[Shelf, int]) -> int:
    body = {"line_items": [{"sku": shelf.sku, "quantity": quantity} for shelf, quantity in lines]}
    reply = key.post("/api/v1/orders", body)
    assert (reply.status, reply.json["status"]) == (201, "pending")
    created: int = reply.json["id"]
    return created


@pytest.mark.parametrize(
    ("_case", "free", "asked", "status", "left"),
    [
        ("the very last units", 10, [4, 6], 200, 0),
        ("each line fits, both do not", 10, [6, 5], 422, 10),
    ],
)
def test_reserving_an_order(
    _case: str, free: int, asked: list[int], status: int, left: int, tenant: Tenant, key: Client
) -> None:
    shelf = make_shelf(tenant, free=free)
    order = _order(key, *((shelf, units) for units in asked))
    reply = key.post(f"/api/v1/orders/{order}/reserve")
    assert (reply.status, shelf.free()) == (status, left)
    assert reply.statements <= 10
    check_books(tenant)


def test_reserving_an_order_that_holds_its_stock_since_it_was_placed_holds_nothing_twice(
    tenant: Tenant, key: Client
) -> None:
    shelf, other = make_shelf(tenant, free=10), make_shelf(tenant, free=10)
    order = make_order(tenant, (shelf.product_id, 4), (other.product_id, 3))["id"]
    assert (shelf.free(), other.free()) == (6, 7)
    assert key.post(f"/api/v1/orders/{order}/reserve").json["status"] == "reserved"
    assert (shelf.free(), other.free()) == (6, 7)
    check_books(tenant)
    assert key.post(f"/api/v1/orders/{order}/cancel").status == 200
    assert (shelf.free(), other.free()) == (10, 10)
    check_books(tenant)


@pytest.mark.parametrize(("_case", "found", "status", "left"), [("enough", 3, 200, 0), ("too little", 2, 422, 2)])
def test_reserving_an_order_that_lost_a_part_of_its_hold_holds_the_rest(
    _case: str, found: int, status: int, left: int, tenant: Tenant, key: Client
) -> None:
    shelf = make_shelf(tenant, free=4)
    order = make_order(tenant, (shelf.product_id, 4))["id"]
    for units in (-3, found):
        change = {"sku": shelf.sku, "location_id": shelf.warehouse_id, "quantity": units}
        assert key.post("/api/v1/inventory_adjustments", change).status == 201
    assert (key.post(f"/api/v1/orders/{order}/reserve").status, shelf.free()) == (status, left)
    tenant.work_off()  # whose hold was broken is flagged
    check_books(tenant)


def test_an_order_walks_from_pending_to_fulfilled_once(tenant: Tenant, key: Client) -> None:
    shelf, other = make_shelf(tenant, free=10), make_shelf(tenant, free=5)
    order = _order(key, (shelf, 4), (other, 5))
    assert key.post(f"/api/v1/orders/{order}/fulfill").status == 409
    assert key.post(f"/api/v1/orders/{order}/reserve").json["status"] == "reserved"
    assert key.post(f"/api/v1/orders/{order}/reserve").status == 409
    fulfilled = key.post(f"/api/v1/orders/{order}/fulfill")
    assert (fulfilled.status, fulfilled.json["status"]) == (200, "fulfilled")
    assert [line["fulfilled_quantity"] for line in fulfilled.json["line_items"]] == [4, 5]
    assert key.post(f"/api/v1/orders/{order}/fulfill").status == 409
    assert key.post(f"/api/v1/orders/{order}/cancel").status == 409
    assert (shelf.levels(), other.levels()) == ((6, 0), (0, 0))
    check_books(tenant)


def test_cancelling_gives_the_stock_back(tenant: Tenant, key: Client) -> None:
    shelf = make_shelf(tenant, free=10)
    order = _order(key, (shelf, 4))
    key.post(f"/api/v1/orders/{order}/reserve")
    assert shelf.free() == 6
    assert key.post(f"/api/v1/orders/{order}/cancel").json["status"] == "cancelled"
    assert (shelf.free(), key.post(f"/api/v1/orders/{order}/cancel").status) == (10, 409)
    assert [o["id"] for o in key.get("/api/v1/orders?status=cancelled").json["orders"]] == [order]
    assert key.get("/api/v1/orders?status=reserved").json["orders"] == []
    check_books(tenant)


@pytest.mark.parametrize("action", ["reserve", "fulfill", "cancel"])
def test_one_action_many_times_at_once_happens_once(action: str, tenant: Tenant, key: Client) -> None:
    shelf = make_shelf(tenant, free=10)
    order = _order(key, (shelf, 4))
    if action == "fulfill":
        key.post(f"/api/v1/orders/{order}/reserve")
    statuses = sorted(r.status for r in together(16, lambda _: key.post(f"/api/v1/orders/{order}/{action}")))
    assert statuses == [200] + [409] * 15
    assert shelf.free() == {"reserve": 6, "fulfill": 6, "cancel": 10}[action]
    check_books(tenant)


def test_other_organizations_orders_do_not_exist(
    tenant: Tenant, other_tenant: Tenant, api: Client, key: Client
) -> None:
    order = _order(key, (make_shelf(tenant), 1))
    with other_tenant.uow() as uow:
        foreign = api.as_bearer(identity.create_api_key(uow, name="x", scopes=["inventory:read", "inventory:write"]))
    assert foreign.get(f"/api/v1/orders/{order}").json == {"error": "Order not found", "code": "not_found"}
    assert {foreign.post(f"/api/v1/orders/{order}/{a}").status for a in ("reserve", "fulfill", "cancel")} == {404}
    assert key.get("/api/v1/orders/0").status == 404
    assert key.get("/api/v1/orders/x%00").status == 404


def test_a_reference_is_used_once(tenant: Tenant, key: Client) -> None:
    shelf = make_shelf(tenant)
    body = {"line_items": [{"variant_id": shelf.variant_id, "quantity": 1}], "reference": "ERP-1"}
    statuses = sorted(r.status for r in together(8, lambda _: key.post("/api/v1/orders", body)))
    assert statuses == [201] + [409] * 7
