"""GET /api/products and its kin, through the API."""

from typing import Any

import pytest

from chalicelib import places
from tests.client import Client
from tests.factories.catalogue import integrator, make_category, make_product, make_products, new_product
from tests.factories.orders import make_order
from tests.factories.stock import make_shelf
from tests.tenant import Tenant


def names(reply: Any) -> list[str]:
    return names_in(reply.json)


def names_in(page: Any) -> list[str]:
    return [product["name"] for product in page["products"]]


def test_a_product_as_the_shop_shows_it(tenant: Tenant, api: Client) -> None:
    category = make_category(tenant)
    made = make_product(
        tenant,
        sku="Glove-9",
        name="Nitrile gloves",
        description="Powder free",
        brand="Harrow",
        unit_size="100 per box",
        category_id=category,
        unit_price_minor=1250,
        bulk_price_minor=1099,
        bulk_quantity=10,
        image_url="https://img.example.test/1.webp",
    )
    expected = {
        "id": made.product_id,
        "name": "Nitrile gloves",
        "description": "Powder free",
        "category_id": category,
        "sku": "Glove-9",
        "unit_price": 12.5,
        "bulk_price": 10.99,
        "bulk_quantity": 10,
        "unit_size": "100 per box",
        "brand": "Harrow",
        "image_url": "https://img.example.test/1.webp",
        "in_stock": True,
        "available": 0,
    }
    for path in (f"/api/products/{made.product_id}", "/api/products/sku/Glove-9", "/api/products/sku/GLOVE-9"):
        reply = api.get(path)
        assert (reply.status, reply.json, reply.statements) == (200, expected, 4)
    reply = api.get("/api/products")
    assert (reply.status, reply.statements) == (200, 4)
    around = {"total": 1, "pages": 1, "current_page": 1, "per_page": 100, "next": None}
    assert reply.json == {"products": [expected], **around}


@pytest.mark.parametrize(
    ("_case", "path"),
    [
        ("inactive by id", "/api/products/{inactive}"),
        ("inactive by SKU", "/api/products/sku/OLD"),
        ("another organization's by id", "/api/products/{foreign}"),
        ("another organization's by SKU", "/api/products/sku/THEIRS"),
        ("no such id", "/api/products/2147483647"),
        ("too large for an id", "/api/products/99999999999"),
        ("no number", "/api/products/abc"),
        ("zero", "/api/products/0"),
        ("no such SKU", "/api/products/sku/NOPE"),
    ],
)
def test_what_is_not_there(tenant: Tenant, other_tenant: Tenant, api: Client, _case: str, path: str) -> None:
    ids = {
        "inactive": make_product(tenant, sku="OLD", is_active=False).product_id,
        "foreign": make_product(other_tenant, sku="THEIRS").product_id,
    }
    reply = api.get(path.format(**ids))
    assert (reply.status, list(reply.json)) == (404, ["error"])


def test_pages_by_name(tenant: Tenant, api: Client) -> None:
    make_products(tenant, *(new_product(name=f"N{n:02d}", sku=f"N{n:02d}") for n in reversed(range(7))))
    make_product(tenant, name="N99", is_active=False)
    pages = [api.get(f"/api/products?page={page}&per_page=3") for page in (1, 2, 3, 4)]
    assert [names(p) for p in pages] == [["N00", "N01", "N02"], ["N03", "N04", "N05"], ["N06"], []]
    assert [(p.json["total"], p.json["pages"], p.json["current_page"]) for p in pages] == [
        (7, 3, page) for page in (1, 2, 3, 4)
    ]


def test_the_total_stops_counting_some_way_after_the_page(
    tenant: Tenant, api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.catalogue.store.COUNT_AHEAD", 2)
    make_products(tenant, *(new_product() for _ in range(9)))
    totals = [api.get(f"/api/products?page={page}&per_page=2").json["total"] for page in (1, 2, 3, 4, 5)]
    assert totals == [4, 6, 8, 9, 9]


@pytest.mark.parametrize("query", ["", "category=Tape&", "search=tape&"])
def test_next_goes_on_where_the_page_ended(tenant: Tenant, api: Client, query: str) -> None:
    """Whatever was added or taken away before that place meanwhile: no product comes twice, and none is left out."""
    tape = make_category(tenant, name="Tape")
    make_products(tenant, *(new_product(name=f"Tape {n:02d}", category_id=tape) for n in range(7)))
    first = api.get(f"/api/products?{query}per_page=3").json
    assert (names_in(first), first["total"], first["current_page"]) == (["Tape 00", "Tape 01", "Tape 02"], 7, 1)
    if "search" not in query:
        make_product(tenant, name="Tape 01 again", category_id=tape)
        tenant.rows("UPDATE product SET is_active = false WHERE name = 'Tape 02' RETURNING id")
    second = api.get(f"/api/products?{query}per_page=3&after={first['next']}")
    assert (second.status, second.statements, second.json["current_page"]) == (200, 4, 2)
    assert (names_in(second.json), second.json["total"]) == (["Tape 03", "Tape 04", "Tape 05"], 7)
    third = api.get(f"/api/products?{query}per_page=3&after={second.json['next']}").json
    assert (names_in(third), third["next"], third["current_page"]) == (["Tape 06"], None, 3)


@pytest.mark.parametrize(
    "after",
    [
        "",
        "x",
        "W10",
        "WzEsMiwzXQ",
        "e30",
        "WzEsLTIsImEiXQ",
        "WzEsMiwiXHUwMDAwIl0",
        "WzEsMiwiXHVkODAwIl0",
        "%FF",
        "x" * 3000,
    ],
)
def test_what_is_no_place(api: Client, after: str) -> None:
    reply = api.get(f"/api/products?after={after}")
    assert (reply.status, [d["loc"] for d in reply.json["details"]]) == (400, [["after"]])


def test_an_empty_shop(api: Client) -> None:
    assert api.get("/api/products").json == {
        "products": [],
        "total": 0,
        "pages": 0,
        "current_page": 1,
        "per_page": 100,
        "next": None,
    }


@pytest.mark.parametrize(
    ("_case", "query", "found"),
    [
        ("by id", "category_id={tape}", ["T1", "T2"]),
        ("by name in another case", "category=tape%20%26%20film", ["T1", "T2"]),
        ("the id counts if both are given", "category_id={tape}&category=Gloves", ["T1", "T2"]),
        ("unknown name", "category=nothing", []),
        ("unknown id", "category_id=2147483647", []),
        ("another organization's", "category_id={foreign}", []),
        ("with a search", "category=Gloves&search=g1", ["G1"]),
        ("with a search for what is elsewhere", "category=Gloves&search=T1", []),
    ],
)
def test_categories(
    tenant: Tenant, other_tenant: Tenant, api: Client, _case: str, query: str, found: list[str]
) -> None:
    tape, gloves = make_category(tenant, name="Tape & film"), make_category(tenant, name="Gloves")
    foreign = make_category(other_tenant, name="Foreign")
    make_product(other_tenant, category_id=foreign)
    make_products(
        tenant,
        new_product(name="T2", category_id=tape),
        new_product(name="T1", category_id=tape),
        new_product(name="G1", category_id=gloves),
        new_product(name="None"),
    )
    reply = api.get("/api/products?" + query.format(tape=tape, foreign=foreign))
    assert (reply.status, names(reply), reply.json["total"], reply.statements) == (200, found, len(found), 4)


@pytest.mark.parametrize(
    ("_case", "query", "loc"),
    [
        ("page 0", "page=0", "page"),
        ("page of text", "page=two", "page"),
        ("no products on a page", "per_page=0", "per_page"),
        ("too many on a page", "per_page=501", "per_page"),
        ("a page nobody reaches", "page=100001", "page"),
        ("an id of text", "category_id=tape", "category_id"),
        ("an id that no column holds", "category_id=2147483648", "category_id"),
        ("a long search", "search=" + "x" * 201, "search"),
        ("an unknown parameter", "sort=price", "sort"),
        ("a parameter twice", "page=1&page=2", "page"),
    ],
)
def test_wrong_queries_are_named(api: Client, _case: str, query: str, loc: str) -> None:
    reply = api.get("/api/products?" + query)
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert [d["loc"] for d in reply.json["details"]] == [[loc]]


def test_categories_by_name_and_of_this_organization(tenant: Tenant, other_tenant: Tenant, api: Client) -> None:
    tape, gloves = make_category(tenant, name="Tape"), make_category(tenant, name="Gloves")
    make_category(other_tenant, name="Foreign")
    expected = [
        {"id": gloves, "name": "Gloves", "description": ""},
        {"id": tape, "name": "Tape", "description": ""},
    ]
    reply = api.get("/api/categories")
    assert (reply.status, reply.json, reply.statements) == (200, expected, 4)
    reply = integrator(tenant).get("/api/v1/categories")
    assert (reply.status, reply.json, reply.statements) == (200, {"categories": expected}, 4)


def test_available_is_what_one_order_can_have(tenant: Tenant, api: Client) -> None:
    """An order ships from one warehouse; what is held is not available; a warehouse out of use has nothing to give."""
    shelf = make_shelf(tenant, free=7)
    with tenant.uow() as uow:
        second = places.create_warehouse(uow, code="W2", name="Second")
    path = f"/api/products/{shelf.product_id}"
    assert api.get(path).json["available"] == 7
    tenant.rows(
        "INSERT INTO availability (variant_id, warehouse_id, on_hand, held, updated_at)"
        " VALUES (%(variant)s, %(warehouse)s, 20, 11, now()) RETURNING 1",
        variant=shelf.variant_id,
        warehouse=second.id,
    )
    assert api.get(path).json["available"] == 9
    tenant.rows("UPDATE warehouse SET is_active = false WHERE id = %(id)s RETURNING id", id=second.id)
    assert api.get(path).json["available"] == 7
    make_order(tenant, (shelf.product_id, 3))
    assert [p["available"] for p in api.get("/api/products").json["products"]] == [4]
