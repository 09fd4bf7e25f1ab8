"""An order of as many lines as one may have: the same statements, in the order's own time."""

from dataclasses import dataclass

import pytest

from chalicelib import stock
from chalicelib.messaging import rendering
from chalicelib.orders import find_by_number
from chalicelib.orders.shapes import LINES_MAX
from tests.client import Client
from tests.factories.catalogue import make_products, new_product
from tests.factories.customers import Shopper, make_customer
from tests.factories.orders import DELIVERY
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant

UNITS = 5


@dataclass(frozen=True)
class Large:
    """A customer on terms, and an order of the greatest length."""

    shopper: Shopper
    number: str
    statements: int


def _items(tenant: Tenant) -> list[dict[str, object]]:
    """A line for each of so many products, which lie in one bin."""
    bin_ = make_shelf(tenant)
    products = make_products(
        tenant, *(new_product(name=f"Item {n}", unit_price_minor=100 + n) for n in range(LINES_MAX))
    )
    with tenant.uow() as uow:
        moves = [
            stock.Move(p.variant_id, UNITS, "supplier", bin_.account_id, "purchase_received", "test:large")
            for p in products
        ]
        stock.post(uow, moves=moves)
    return [{"product_sku": p.sku, "product_id": p.product_id, "quantity": 2, "unit_price": 1e4} for p in products]


@pytest.fixture
def large(tenant: Tenant) -> Large:
    shopper = make_customer(tenant, payment_terms="net30", credit_limit_minor=10**9)
    body = {"items": _items(tenant), "payment_method": "net30", "delivery_email": "ana@example.com", **DELIVERY}
    reply = shopper.client().post("/api/orders", body, idempotency_key="large-1")
    assert reply.status == 201, reply.json
    order = reply.json["order"]
    assert (order["status"], len(order["items"])) == ("confirmed", LINES_MAX)
    assert order["total_amount"] == sum(2 * (100 + n) for n in range(LINES_MAX)) / 100
    return Large(shopper, order["order_number"], reply.statements)


def test_two_thousand_lines_are_one_order(large: Large, tenant: Tenant) -> None:
    assert large.statements == 12
    assert tenant.value("SELECT sum(quantity)::int FROM stock_hold") == 2 * LINES_MAX
    client = large.shopper.client()
    shown, listed = client.get(f"/api/orders/{large.number}"), client.get("/api/orders")
    cart = client.post(f"/api/orders/{large.number}/reorder")
    assert [len(o) for o in (shown.json["order"]["items"], listed.json[0]["items"], cart.json["items"])] == [
        LINES_MAX
    ] * 3
    assert [r.statements for r in (shown, listed, cart)] == [4, 4, 5]
    check_books(tenant)


def test_one_line_more_is_refused(tenant: Tenant, api: Client) -> None:
    items = [{"product_id": 1, "quantity": 1}] * (LINES_MAX + 1)
    reply = api.post("/api/orders", {"items": items, **DELIVERY})
    assert (reply.status, reply.json["details"][0]["loc"]) == (400, ["items"])


def test_the_mail_about_it_stays_a_mail(large: Large, tenant: Tenant) -> None:
    with tenant.uow() as uow:
        order = find_by_number(uow, large.number)
    mail = rendering.render("order_placed", {"order": order, "organization": "Tillerby"})
    assert len(mail.html.encode()) < 100_000, "Gmail cuts what is longer than 102 KB"
    assert "and 1,900 more lines" in mail.text
    assert "and 1,900 more lines" in mail.html
