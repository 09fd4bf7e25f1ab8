"""POST /api/orders and tracking, through the API."""

from typing import Any

import pytest

from tests.client import Client
from tests.factories.orders import order_body
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Clock, Tenant, create_tenant


def test_an_order_is_priced_here_and_holds_its_stock(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant, free=20, price_minor=1250, bulk_price_minor=1100, bulk_quantity=10)
    reply = api.post("/api/orders", order_body((shelf.product_id, 12), delivery_phone="(312) 555-0142"))
    order = reply.json["order"]
    assert (reply.status, reply.json["success"], order["status"], order["payment_status"]) == (
        201,
        True,
        "pending",
        "unpaid",
    )
    assert order["items"] == [
        {
            "product_id": shelf.product_id,
            "product_name": order["items"][0]["product_name"],
            "product_sku": shelf.sku,
            "product_brand": "",
            "product_unit_size": "",
            "quantity": 12,
            "unit_price": 11.0,
            "is_bulk_price": True,
            "line_total": 132.0,
        }
    ]
    assert (order["subtotal"], order["delivery_fee"], order["total_amount"]) == (132.0, 0.0, 132.0)
    assert (order["delivery_phone"], shelf.free()) == ("+13125550142", 8)
    check_books(tenant)


@pytest.mark.parametrize("lines", [1, 60])
def test_an_order_of_any_number_of_lines_takes_the_same_statements(tenant: Tenant, api: Client, lines: int) -> None:
    shelves = [make_shelf(tenant) for _ in range(lines)]
    reply = api.post("/api/orders", order_body(*((s.product_id, 1) for s in shelves)), idempotency_key=f"n{lines}")
    assert (reply.status, reply.statements) == (201, 10)


@pytest.mark.parametrize(
    ("_case", "change", "status", "loc"),
    [
        ("no lines", {"items": []}, 400, ["items"]),
        ("quantity 0", {"items": [{"product_id": 1, "quantity": 0}]}, 400, ["items", 0, "quantity"]),
        ("negative", {"items": [{"product_id": 1, "quantity": -1}]}, 400, ["items", 0, "quantity"]),
        ("text", {"items": [{"product_id": 1, "quantity": "1"}]}, 400, ["items", 0, "quantity"]),
        ("boolean", {"items": [{"product_id": 1, "quantity": True}]}, 400, ["items", 0, "quantity"]),
        ("beyond bigint", {"items": [{"product_id": 2**70, "quantity": 1}]}, 400, ["items", 0, "product_id"]),
        ("unknown product", {"items": [{"product_id": 999999, "quantity": 1}]}, 400, ["items", 0, "product_id"]),
        ("no name", {"delivery_name": ""}, 400, ["delivery_name"]),
        ("unknown field", {"total_amount": 0.01}, 400, ["total_amount"]),
        ("odd method", {"payment_method": "goodwill"}, 400, ["payment_method"]),
        ("control characters", {"delivery_city": "Chi\x07cago"}, 400, ["delivery_city"]),
    ],
)
def test_bad_orders_are_named_and_change_nothing(
    _case: str, change: dict[str, Any], status: int, loc: list[Any], tenant: Tenant, api: Client
) -> None:
    shelf = make_shelf(tenant)
    reply = api.post("/api/orders", {**order_body((shelf.product_id, 1)), **change})
    assert (reply.status, reply.json["error"]) == (status, "validation_error")
    assert loc in [d["loc"] for d in reply.json["details"]]
    assert (shelf.free(), tenant.value("SELECT count(*) FROM sales_order")) == (10, 0)


def test_a_short_line_is_refused_with_what_there_is(tenant: Tenant, api: Client) -> None:
    plenty, scarce = make_shelf(tenant, free=10), make_shelf(tenant, free=4)
    reply = api.post("/api/orders", order_body((plenty.product_id, 1), (scarce.product_id, 3), (scarce.product_id, 2)))
    assert (reply.status, reply.json["lines"]) == (
        409,
        [
            {
                "variant_id": scarce.variant_id,
                "warehouse_id": tenant.warehouse_id,
                "available": 4,
                "sku": scarce.sku,
                "asked": 5,
            }
        ],
    )
    assert (plenty.free(), scarce.free()) == (10, 4)


def test_a_price_that_is_not_todays_is_refused(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant, price_minor=1250)
    body = order_body((shelf.product_id, 1))
    body["items"][0]["unit_price"] = 12.49
    reply = api.post("/api/orders", body)
    assert (reply.status, reply.json["lines"], shelf.free()) == (409, [{"sku": shelf.sku, "unit_price": 12.5}], 10)
    body["items"][0]["unit_price"] = 12.5
    assert api.post("/api/orders", body).status == 201


def test_another_organizations_product_does_not_exist(tenant: Tenant, other_tenant: Tenant, api: Client) -> None:
    foreign = make_shelf(other_tenant)
    reply = api.post("/api/orders", order_body((foreign.product_id, 1)))
    assert (reply.status, reply.json["details"][0]["type"]) == (400, "unknown_product")
    assert foreign.free() == 10


def test_an_unpaid_card_order_gives_its_stock_back(tenant: Tenant, api: Client, clock: Clock) -> None:
    from chalicelib import orders

    shelf = make_shelf(tenant)
    number = api.post("/api/orders", order_body((shelf.product_id, 4))).json["order"]["order_number"]
    clock.advance(seconds=29 * 60)
    with tenant.uow() as uow:
        assert orders.expire_unpaid(uow) == 0
    clock.advance(seconds=2 * 60)
    with tenant.uow() as uow:
        assert orders.expire_unpaid(uow) == 1
    assert (shelf.free(), api.get(f"/api/orders/{number}").json["order"]["status"]) == (10, "cancelled")
    check_books(tenant)


def test_tracking_shows_a_guests_name_only_with_a_second_fact(
    tenant: Tenant, other_tenant: Tenant, api: Client
) -> None:
    shelf = make_shelf(tenant)
    placed = api.post("/api/orders", order_body((shelf.product_id, 2), delivery_email="Ana@Reyes.example")).json[
        "order"
    ]
    path = f"/api/orders/{placed['order_number']}"
    slim, full = api.get(path), api.get(f"{path}?email=ana@reyes.example")
    wrong = api.get(f"{path}?email=eve@reyes.example")
    assert [r.json["order"]["delivery_name"] for r in (slim, full, wrong)] == [None, "Ana Reyes", None]
    assert (slim.json["order"]["item_count"], slim.statements) == (2, 4)
    assert Client(other_tenant.host).get(path).status == 404


def test_a_delivery_fee_is_the_organizations(database: Any, aws: None) -> None:
    paying = create_tenant(database.owner_url(), "fee", delivery_fee_minor=1500, free_delivery_from_minor=10000)
    shelf = make_shelf(paying, price_minor=2500)
    api = Client(paying.host)
    small = api.post("/api/orders", order_body((shelf.product_id, 1))).json["order"]
    large = api.post("/api/orders", order_body((shelf.product_id, 4))).json["order"]
    assert (small["delivery_fee"], small["total_amount"]) == (15.0, 40.0)
    assert (large["delivery_fee"], large["total_amount"]) == (0.0, 100.0)
