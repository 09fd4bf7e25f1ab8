"""PUT and PATCH of one product by API key."""

from typing import Any

import pytest

from chalicelib import catalogue
from tests.client import Client
from tests.factories.catalogue import integrator, keeper, make_category, make_product
from tests.factories.orders import make_order
from tests.factories.stock import make_shelf
from tests.tenant import Tenant
from tests.threads import together


def audited(tenant: Tenant) -> list[dict[str, Any]]:
    """What the audit log says about changed products, oldest first."""
    return tenant.rows(
        "SELECT before, after FROM audit_entry WHERE entity = 'product' AND action = 'update' ORDER BY id"
    )


def told(tenant: Tenant) -> list[Any]:
    """What integrators will hear about changed items."""
    return [row["data"] for row in tenant.rows("SELECT data FROM fact WHERE type = 'item.updated' ORDER BY id")]


def test_everything_at_once(tenant: Tenant, api: Client) -> None:
    made = make_product(tenant, sku="OLD-1", name="Old name")
    category = make_category(tenant, name="Gloves")
    sent = {
        "name": "  Nitrile gloves ",
        "description": "Powder free\nLatex free",
        "category_id": category,
        "sku": "GLO-1",
        "unit_price": 12.5,
        "bulk_price": 11.25,
        "bulk_quantity": 10,
        "unit_size": "Box of 100",
        "brand": "Harrow",
        "in_stock": False,
    }
    reply = keeper(tenant).put(f"/api/v1/products/{made.product_id}", sent)
    assert (reply.status, reply.json["success"]) == (200, True)
    product = reply.json["product"]
    assert {name: product[name] for name in sent} == {**sent, "name": "Nitrile gloves"}
    assert reply.statements <= 10
    assert keeper(tenant).get("/api/v1/products/glo-1").json["product"] == product
    assert api.get("/api/products/sku/OLD-1").status == 404
    (entry,) = audited(tenant)
    assert (entry["before"]["sku"], entry["after"]["sku"], entry["after"]["unit_price"]) == ("OLD-1", "GLO-1", 12.5)
    assert "image_url" not in entry["after"]
    assert told(tenant) == [{"variant_id": made.variant_id, "is_active": True}]


@pytest.mark.parametrize(
    ("_case", "sent", "expected"),
    [
        ("nothing", {}, {}),
        ("a name", {"name": "Gloves"}, {"name": "Gloves"}),
        ("a price", {"unit_price": 25}, {"unit_price": 25.0}),
        ("texts taken away", {"brand": None, "description": None}, {"brand": "", "description": ""}),
        ("an empty text", {"unit_size": ""}, {"unit_size": ""}),
        ("no category", {"category_id": None}, {"category_id": None, "category": None}),
        ("the bulk price ends by its price", {"bulk_price": None}, {"bulk_price": None, "bulk_quantity": None}),
        ("and by its quantity", {"bulk_quantity": None}, {"bulk_price": None, "bulk_quantity": None}),
        ("another bulk price", {"bulk_price": 18}, {"bulk_price": 18.0}),
        ("another bulk quantity", {"bulk_quantity": 2}, {"bulk_quantity": 2}),
        ("a lower price with its bulk price", {"unit_price": 5, "bulk_price": 5}, {"unit_price": 5.0, "bulk_price": 5.0}),
        ("off sale", {"in_stock": False}, {"in_stock": False}),
        ("without a price", {"unit_price": 0}, {"unit_price": 0.0, "in_stock": False}),
        ("its SKU in another case", {"sku": "GLO-1"}, {"sku": "GLO-1"}),
        ("its picture", {"image_url": None}, {"image_url": None}),
    ],
)  # fmt: skip
def test_what_is_not_sent_stays(tenant: Tenant, _case: str, sent: dict[str, Any], expected: dict[str, Any]) -> None:
    fields = {"description": "d", "brand": "b", "unit_size": "u", "bulk_price_minor": 1500, "bulk_quantity": 6}
    category = make_category(tenant)
    made = make_product(tenant, sku="glo-1", category_id=category, image_url="https://img.example.test/1", **fields)
    ours = keeper(tenant)
    before = ours.get("/api/v1/products/glo-1").json["product"]
    reply = ours.put("/api/v1/products/glo-1", sent)
    after = {**reply.json["product"], "updated_at": before["updated_at"]}
    assert (reply.status, after) == (200, {**before, **expected})
    assert bool(told(tenant)) == bool(sent)
    assert len(audited(tenant)) == len(told(tenant)) == bool(sent)
    assert before["id"] == made.product_id


@pytest.mark.parametrize(
    ("_case", "sent", "loc"),
    [
        ("a bulk price above the unit price", {"bulk_price": 20.01}, "bulk_price"),
        ("a unit price below the bulk price", {"unit_price": 14.99}, "bulk_price"),
        ("half a bulk price", {"bulk_price": None, "bulk_quantity": 5}, "bulk_price"),
        ("a bulk price for one", {"bulk_quantity": 1}, "bulk_quantity"),
        ("a bulk price of nothing", {"bulk_price": 0}, "bulk_price"),
        ("a price below nothing", {"unit_price": -1}, "unit_price"),
        ("parts of a cent", {"unit_price": 1.005}, "unit_price"),
        ("a price as text", {"unit_price": "9.99"}, "unit_price"),
        ("no price", {"unit_price": None}, "unit_price"),
        ("for sale without a price", {"unit_price": 0, "in_stock": True}, "in_stock"),
        ("no name", {"name": None}, "name"),
        ("a blank name", {"name": "  "}, "name"),
        ("no SKU", {"sku": None}, "sku"),
        ("a SKU that is a path", {"sku": "Bulk-Update"}, "sku"),
        ("another path", {"sku": "sales-catalog"}, "sku"),
        ("a switch of text", {"in_stock": "false"}, "in_stock"),
        ("a category that is not there", {"category_id": 2_147_483_647}, "category_id"),
        ("an unknown field", {"is_active": False}, "is_active"),
        ("no picture", {"image_url": ""}, "image_url"),
    ],
)  # fmt: skip
def test_what_cannot_be(tenant: Tenant, _case: str, sent: dict[str, Any], loc: str) -> None:
    make_product(tenant, sku="GLO-1", unit_price_minor=2000, bulk_price_minor=1500, bulk_quantity=6)
    ours = keeper(tenant)
    before = ours.get("/api/v1/products/glo-1").json
    reply = ours.put("/api/v1/products/glo-1", {"brand": "Other", **sent})
    assert (reply.status, [detail["loc"] for detail in reply.json["details"]]) == (422, [[loc]])
    assert ours.get("/api/v1/products/glo-1").json == before
    assert audited(tenant) == told(tenant) == []


def test_a_category_of_another_organization_is_unknown(tenant: Tenant, other_tenant: Tenant) -> None:
    make_product(tenant, sku="GLO-1")
    theirs = make_category(other_tenant)
    assert keeper(tenant).put("/api/v1/products/GLO-1", {"category_id": theirs}).status == 422


def test_a_sku_of_another_product_is_taken(tenant: Tenant, other_tenant: Tenant) -> None:
    make_product(tenant, sku="A-1")
    make_product(tenant, sku="B-1")
    make_product(other_tenant, sku="C-1")
    ours = keeper(tenant)
    reply = ours.put("/api/v1/products/A-1", {"sku": "b-1"})
    assert (reply.status, reply.json["code"]) == (409, "sku_taken")
    assert ours.put("/api/v1/products/A-1", {"sku": "c-1"}).json["product"]["sku"] == "c-1"


@pytest.mark.parametrize("path", ["", "/inventory", "/price"])
def test_who_is_not_there(tenant: Tenant, other_tenant: Tenant, path: str) -> None:
    theirs = make_product(other_tenant, sku="THEIRS")
    body = {"": {"name": "x"}, "/inventory": {"in_stock": False}, "/price": {"unit_price": 1}}[path]
    for identifier in (str(theirs.product_id), "THEIRS", "nope", "2147483648", "0"):
        reply = keeper(tenant).call("PATCH" if path else "PUT", f"/api/v1/products/{identifier}{path}", body, {})
        assert (reply.status, reply.json) == (404, {"error": "Product not found", "code": "not_found"})


def test_a_number_is_an_id_first_and_then_a_sku(tenant: Tenant) -> None:
    first = make_product(tenant, sku="FIRST")
    make_product(tenant, sku=str(first.product_id))
    make_product(tenant, sku="99999999999")
    ours = keeper(tenant)
    assert ours.put(f"/api/v1/products/{first.product_id}", {"name": "By id"}).json["product"]["sku"] == "FIRST"
    assert ours.put("/api/v1/products/99999999999", {"name": "By SKU"}).json["product"]["sku"] == "99999999999"


def test_the_switch_is_the_sellers_and_leaves_the_stock_alone(tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant, free=5)
    path = f"/api/v1/products/{shelf.product_id}/inventory"
    reply = keeper(tenant).patch(path, {"in_stock": False})
    assert (reply.status, reply.json["product"]["in_stock"], reply.json["product"]["available"]) == (200, False, 5)
    order = {"product_id": shelf.product_id, "quantity": 1}
    with tenant.uow() as uow, pytest.raises(catalogue.NotForSale):
        catalogue.priced(uow, [catalogue.Item(order["quantity"], product_id=order["product_id"])])
    assert keeper(tenant).patch(path, {"in_stock": True}).json["product"]["in_stock"] is True


@pytest.mark.parametrize("body", [{}, {"in_stock": None}, {"in_stock": 1}, {"in_stock": True, "quantity": 3}])
def test_a_switch_is_true_or_false(tenant: Tenant, body: dict[str, Any]) -> None:
    make_product(tenant, sku="A")
    assert keeper(tenant).patch("/api/v1/products/A/inventory", body).status == 422


def test_what_has_no_price_cannot_be_switched_on(tenant: Tenant) -> None:
    make_product(tenant, sku="A", unit_price_minor=0, in_stock=False)
    ours = keeper(tenant)
    assert ours.patch("/api/v1/products/A/inventory", {"in_stock": True}).status == 422
    assert ours.patch("/api/v1/products/A/price", {"unit_price": 3}).json["product"]["in_stock"] is True
    assert ours.patch("/api/v1/products/A/price", {"unit_price": 0}).json["product"]["in_stock"] is False


def test_prices(tenant: Tenant) -> None:
    make_product(tenant, sku="A", unit_price_minor=1000)
    ours = keeper(tenant)

    def priced(**body: Any) -> tuple[Any, ...]:
        reply = ours.patch("/api/v1/products/A/price", body)
        assert (reply.status, reply.statements) == (200, 7)
        return tuple(reply.json["product"][name] for name in ("unit_price", "bulk_price", "bulk_quantity"))

    assert priced(unit_price=9.99) == (9.99, None, None)
    assert priced(unit_price=9.99, bulk_price=8.5, bulk_quantity=12) == (9.99, 8.5, 12)
    assert priced(unit_price=9.5) == (9.5, 8.5, 12)
    assert priced(unit_price=8.5, bulk_price=None) == (8.5, None, None)
    for body in ({}, {"bulk_price": 1}, {"unit_price": None}, {"unit_price": 1, "bulk_quantity": 5}):
        assert ours.patch("/api/v1/products/A/price", body).status == 422


def test_orders_keep_their_prices(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=5)
    order = make_order(tenant, (shelf.product_id, 2))
    lines = "SELECT unit_price_minor, line_total_minor FROM order_line ORDER BY id"
    before = tenant.rows(lines)
    keeper(tenant).patch(f"/api/v1/products/{shelf.product_id}/price", {"unit_price": 1234.56})
    assert tenant.rows(lines) == before
    total = "SELECT total_minor FROM sales_order WHERE number = %(number)s"
    assert tenant.value(total, number=order["order_number"]) == sum(line["line_total_minor"] for line in before)


def test_who_may(tenant: Tenant, api: Client) -> None:
    make_product(tenant, sku="A")
    for client, status in ((api, 401), (integrator(tenant), 403), (integrator(tenant, "inventory:write"), 403)):
        assert client.put("/api/v1/products/A", {"name": "x"}).status == status
        assert client.patch("/api/v1/products/A/price", {"unit_price": 1}).status == status
        assert client.patch("/api/v1/products/A/inventory", {"in_stock": False}).status == status
        assert client.post("/api/v1/products/bulk-update", {"products": [{"sku": "A"}]}).status == status


def test_two_writers_of_different_fields_lose_nothing(tenant: Tenant) -> None:
    make_product(tenant, sku="A", unit_price_minor=10_000)
    ours, path = keeper(tenant), "/api/v1/products/A"

    def work(n: int) -> int:
        bodies: list[tuple[str, str, Any]] = [
            ("PUT", "", {"name": "New name"}),
            ("PUT", "", {"brand": "New brand"}),
            ("PATCH", "/inventory", {"in_stock": False}),
            ("PATCH", "/price", {"unit_price": 77}),
            ("PUT", "", {"description": "New words", "unit_size": "New size"}),
        ]
        method, end, body = bodies[n % len(bodies)]
        return ours.call(method, path + end, body, {}).status

    assert together(20, work) == [200] * 20
    product = ours.get(path).json["product"]
    named = ("name", "brand", "in_stock", "unit_price", "description", "unit_size")
    assert [product[n] for n in named] == ["New name", "New brand", False, 77.0, "New words", "New size"]
    assert len(audited(tenant)) == len(told(tenant)) == 5


def test_of_two_products_that_want_one_sku_one_gets_it(tenant: Tenant) -> None:
    for n in range(10):
        make_product(tenant, sku=f"P-{n}")
    ours = keeper(tenant)
    statuses = together(10, lambda n: ours.put(f"/api/v1/products/P-{n}", {"sku": "WANTED"}).status)
    assert sorted(statuses) == [200] + [409] * 9


def test_the_warehouse_and_the_integrator_write_the_same_rows(tenant: Tenant) -> None:
    """Both lock the product first and write what they were sent."""
    from tests.factories.identity import make_staff

    made = make_product(tenant, sku="A", unit_price_minor=1000)
    ours, admin = keeper(tenant), make_staff(tenant, wms_role="ADMIN").client()

    def work(n: int) -> int:
        if n % 2:
            return admin.put(f"/api/admin/items/{made.variant_id}", {"weight_lbs": 2, "item_name": "Crate"}).status
        return ours.put("/api/v1/products/A", {"brand": "Harrow", "unit_price": 12}).status

    assert together(12, work) == [200] * 12
    product = ours.get("/api/v1/products/A").json["product"]
    assert (product["name"], product["brand"], product["unit_price"], product["weight_g"]) == (
        "Crate",
        "Harrow",
        12.0,
        907,
    )


def test_the_warehouse_cannot_price_below_the_bulk_price(tenant: Tenant) -> None:
    from tests.factories.identity import make_staff

    made = make_product(tenant, unit_price_minor=1000, bulk_price_minor=900, bulk_quantity=5)
    admin = make_staff(tenant, wms_role="ADMIN").client()
    path = f"/api/admin/items/{made.variant_id}"
    reply = admin.put(path, {"unit_price": 8.5})
    assert (reply.status, reply.json) == (400, {"error": "The bulk price 9.00 is above the unit price 8.50"})
    assert [admin.put(path, {"unit_price": price}).status for price in (9, None)] == [200, 200]
