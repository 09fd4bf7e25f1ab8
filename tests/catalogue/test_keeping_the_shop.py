"""POST /api/admin/products and /api/admin/categories."""

from typing import Any

import pytest

from tests.client import Client
from tests.factories.catalogue import make_category, make_product
from tests.factories.customers import make_customer
from tests.factories.identity import make_staff
from tests.tenant import Tenant
from tests.threads import together

PRODUCTS, CATEGORIES = "/api/admin/products", "/api/admin/categories"


def staff(tenant: Tenant, role: str = "manager") -> Client:
    return make_staff(tenant, commerce_role=role).client("commerce")


def wanted(tenant: Tenant, **fields: Any) -> dict[str, Any]:
    return {"name": "Gloves", "category_id": make_category(tenant), "sku": "G-1", "unit_price": 12.5, **fields}


def test_a_new_product_is_the_shops_and_the_warehouses(tenant: Tenant, api: Client) -> None:
    sent = wanted(
        tenant, description="Powder\nfree", bulk_price=11, bulk_quantity=6, unit_size="Box of 100", brand="Harrow"
    )
    reply = staff(tenant).post(PRODUCTS, sent)
    assert (reply.status, reply.statements) == (200, 8)
    more = {"id": reply.json["id"], "image_url": None, "in_stock": True, "available": 0}
    assert reply.json == {**sent, **more, "bulk_price": 11.0}
    assert api.get("/api/products/sku/g-1").json == reply.json
    items = make_staff(tenant, wms_role="ADMIN").client().get("/api/admin/items?q=G-1").json["items"]
    assert [(item["sku"], item["item_name"], item["unit_price"], item["is_for_sale"]) for item in items] == [
        ("G-1", "Gloves", 12.5, True)
    ]
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE entity = 'product' AND action = 'create'") == 1
    assert tenant.value("SELECT count(*) FROM fact WHERE type = 'item.created'") == 1


def test_without_a_price_it_is_not_for_sale(tenant: Tenant) -> None:
    reply = staff(tenant).post(PRODUCTS, wanted(tenant, unit_price=0))
    assert (reply.status, reply.json["in_stock"]) == (200, False)


@pytest.mark.parametrize(
    ("_case", "sent", "loc"),
    [
        ("no name", {"name": " "}, "name"),
        ("no SKU", {"sku": ""}, "sku"),
        ("a SKU that is a path", {"sku": "search"}, "sku"),
        ("a price below nothing", {"unit_price": -0.01}, "unit_price"),
        ("a price as text", {"unit_price": "1"}, "unit_price"),
        ("half a bulk price", {"bulk_price": 1}, "bulk_quantity"),
        ("the other half", {"bulk_quantity": 2}, "bulk_price"),
        ("a bulk price above the unit price", {"bulk_price": 13, "bulk_quantity": 2}, "bulk_price"),
        ("a category that is not there", {"category_id": 2_147_483_647}, "category_id"),
        ("no category", {"category_id": None}, "category_id"),
        ("an unknown field", {"in_stock": True}, "in_stock"),
    ],
)  # fmt: skip
def test_what_cannot_be(tenant: Tenant, _case: str, sent: dict[str, Any], loc: str) -> None:
    reply = staff(tenant).post(PRODUCTS, wanted(tenant, **sent))
    assert (reply.status, [detail["loc"] for detail in reply.json["details"]]) == (400, [[loc]])
    assert tenant.value("SELECT count(*) FROM product") == 0


def test_a_category_of_another_organization_is_unknown(tenant: Tenant, other_tenant: Tenant) -> None:
    assert staff(tenant).post(PRODUCTS, wanted(tenant, category_id=make_category(other_tenant))).status == 400


def test_a_sku_is_taken_once(tenant: Tenant) -> None:
    make_product(tenant, sku="g-1")
    body, client = wanted(tenant), staff(tenant)
    assert client.post(PRODUCTS, body).status == 409
    assert sorted(together(10, lambda _: client.post(PRODUCTS, {**body, "sku": "G-2"}).status)) == [200] + [409] * 9


def test_categories(tenant: Tenant, other_tenant: Tenant, api: Client) -> None:
    make_category(other_tenant, name="Gloves")
    client = staff(tenant, "admin")
    reply = client.post(CATEGORIES, {"name": " Gloves ", "description": "For hands"})
    assert (reply.status, reply.statements) == (200, 5)
    assert reply.json == {"id": reply.json["id"], "name": "Gloves", "description": "For hands"}
    assert api.get("/api/categories").json == [reply.json]
    for name in ("Gloves", "GLOVES"):
        again = client.post(CATEGORIES, {"name": name})
        assert (again.status, again.json) == (409, {"error": "A category of this name exists"})
    statuses = together(10, lambda _: client.post(CATEGORIES, {"name": "Tape"}).status)
    assert sorted(statuses) == [200] + [409] * 9
    for body in ({}, {"name": ""}, {"name": None}, {"name": "x", "description": None}, {"name": "x" * 256}):
        assert client.post(CATEGORIES, body).status == 400


def test_who_may(tenant: Tenant, other_tenant: Tenant, api: Client) -> None:
    """The contract says session; a customer's is known, and refused."""
    callers = {
        401: [api, make_staff(tenant, wms_role="ADMIN").client("wms"), make_staff(other_tenant).client("commerce")],
        403: [make_customer(tenant).client(), staff(tenant, "sales_rep"), staff(tenant, "staff")],
        200: [staff(tenant, "admin"), staff(tenant, "manager")],
    }
    found = {
        status: [client.post(CATEGORIES, {"name": f"C{status}{n}"}).status for n, client in enumerate(clients)]
        for status, clients in callers.items()
    }
    assert found == {401: [401, 401, 200], 403: [403] * 3, 200: [200, 200]}
