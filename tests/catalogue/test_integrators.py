"""GET /api/v1/products, for API keys."""

import pytest

from chalicelib import identity
from tests.client import Client
from tests.factories.catalogue import integrator, make_category, make_product, make_products, new_product
from tests.tenant import Tenant


def test_a_product_as_integrators_see_it(tenant: Tenant) -> None:
    category = make_category(tenant, name="Gloves")
    made = make_product(
        tenant, sku="G-1", name="Gloves", category_id=category, weight_g=450, barcodes=("036000291452", "shelf-1")
    )
    reply = integrator(tenant).get("/api/v1/products/G-1")
    product = reply.json["product"]
    assert (reply.status, reply.statements) == (200, 4)
    assert (product["id"], product["variant_id"], product["sku"]) == (made.product_id, made.variant_id, "G-1")
    assert (product["category"], product["weight_g"], product["unit_price"], product["bulk_price"]) == (
        "Gloves",
        450,
        19.99,
        None,
    )
    assert (product["barcodes"], product["is_active"], product["is_lot_tracked"]) == (
        ["036000291452", "shelf-1"],
        True,
        False,
    )
    assert product["created_at"].endswith("Z")
    page = integrator(tenant).get("/api/v1/products").json
    assert page == {"products": [product], "total": 1, "page": 1, "per_page": 50, "pages": 1, "next": None}


def test_a_number_is_an_id_first_and_then_a_sku(tenant: Tenant) -> None:
    first = make_product(tenant, sku="FIRST")
    make_product(tenant, sku=str(first.product_id))
    make_product(tenant, sku="99999999999")
    inactive = make_product(tenant, sku="OLD", is_active=False)
    ours = integrator(tenant)
    found = {
        identifier: ours.get(f"/api/v1/products/{identifier}").json["product"]["sku"]
        for identifier in (str(first.product_id), "99999999999", "first", str(inactive.product_id), "old")
    }
    assert list(found.values()) == ["FIRST", "99999999999", "FIRST", "OLD", "OLD"]


def test_what_is_not_there(tenant: Tenant, other_tenant: Tenant) -> None:
    foreign = make_product(other_tenant, sku="THEIRS")
    ours = integrator(tenant)
    for identifier in ("nope", str(foreign.product_id), "THEIRS", "0", "٣"):
        reply = ours.get(f"/api/v1/products/{identifier}")
        assert (reply.status, reply.json) == (404, {"error": "Product not found", "code": "not_found"})


@pytest.mark.parametrize(
    ("query", "found"),
    [("in_stock=true", ["A", "C"]), ("in_stock=false", ["B"]), ("in_stock=true&search=item", ["A", "C"])],
)
def test_the_stock_flag(tenant: Tenant, query: str, found: list[str]) -> None:
    make_products(
        tenant,
        new_product(sku="A", name="Item a"),
        new_product(sku="B", name="Item b", in_stock=False),
        new_product(sku="C", name="Item c"),
    )
    reply = integrator(tenant).get(f"/api/v1/products?{query}")
    assert ([p["sku"] for p in reply.json["products"]], reply.json["total"]) == (found, len(found))


def test_wrong_queries_are_422_here(tenant: Tenant) -> None:
    reply = integrator(tenant).get("/api/v1/products?page=0&per_page=x")
    assert (reply.status, reply.json["error"]) == (422, "validation_error")
    assert [d["loc"] for d in reply.json["details"]] == [["page"], ["per_page"]]


def test_who_may_call(tenant: Tenant, api: Client) -> None:
    with tenant.uow() as uow:
        voice = identity.create_api_key(uow, "Voice", ["voice"])
    for path in ("/api/v1/products", "/api/v1/products/1", "/api/v1/locations"):
        assert api.get(path).status == 401
        assert api.as_key(voice).get(path).status == 403
        assert api.as_key("qmk_unknown").get(path).status == 401
