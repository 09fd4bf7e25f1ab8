"""Items as lists, searches and their own pages show them."""

import pytest

from chalicelib import places, stock
from tests.client import Client, Reply
from tests.factories.catalogue import make_category, make_product, make_products, new_product
from tests.factories.floor import make_lot, put
from tests.factories.identity import make_staff
from tests.factories.places import make_bins, make_warehouse, make_zone
from tests.factories.stock import make_shelf
from tests.tenant import Tenant

ITEMS = "/api/admin/items"


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    """An administrator of the warehouse."""
    return make_staff(tenant).client()


def skus(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.json
    return [item["sku"] for item in reply.json["items"]]


def test_an_item_shows_where_it_lies_and_where_it_belongs(admin: Client, tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=7)
    damage = make_zone(tenant, kind="DAMAGE")
    (broken,) = make_bins(
        tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="Z-DMG", zone_id=damage, pick_sequence=9999)
    )
    lot_id = make_lot(tenant, shelf, expires_on=None)
    put(tenant, shelf, 3, account_id=shelf.account_id, lot_id=lot_id)
    put(tenant, shelf, 2, account_id=broken.account_id)
    with tenant.uow() as uow:
        held = stock.AllocationChange(shelf.variant_id, shelf.account_id, None, 4)
        stock.post(uow, allocations=[held])
    sql = """
        INSERT INTO preferred_bin (variant_id, bin_id, priority, created_at, updated_at)
        VALUES (%(v)s, %(b)s, 1, now(), now()) RETURNING id
    """
    preferred = tenant.value(sql, v=shelf.variant_id, b=shelf.bin_id)
    reply = admin.get(f"{ITEMS}/{shelf.variant_id}")
    assert reply.statements == 4
    shown = [
        (
            row["bin_id"],
            row["lot_number"] is None,
            row["quantity_on_hand"],
            row["quantity_allocated"],
            row["quantity_available"],
        )
        for row in reply.json["inventory"]
    ]
    assert shown == [(shelf.bin_id, False, 3, 0, 3), (shelf.bin_id, True, 7, 4, 3), (broken.id, True, 2, 0, 0)]
    assert reply.json["inventory"][2]["warehouse_id"] == tenant.warehouse_id
    assert [(p["preferred_bin_id"], p["bin_id"], p["priority"]) for p in reply.json["preferred_bins"]] == [
        (preferred, shelf.bin_id, 1)
    ]


def test_items_are_listed_by_sku_page_by_page(admin: Client, tenant: Tenant) -> None:
    make_products(tenant, *(new_product(sku=sku) for sku in ("b-2", "A-1", "C-3")))
    reply = admin.get(f"{ITEMS}?per_page=2")
    assert (skus(reply), reply.statements) == (["A-1", "b-2"], 4)
    assert [reply.json[name] for name in ("total", "page", "per_page", "pages")] == [3, 1, 2, 2]
    assert skus(admin.get(f"{ITEMS}?per_page=2&page=2")) == ["C-3"]
    beyond = admin.get(f"{ITEMS}?page=9").json
    assert (beyond["items"], beyond["total"]) == ([], 3)


@pytest.mark.parametrize(
    ("_case", "query", "found"),
    [
        ("all", "", ["CUP-1", "CUP-2", "LID-1", "OLD-1"]),
        ("active", "active=true", ["CUP-1", "CUP-2", "LID-1"]),
        ("archived", "active=false", ["OLD-1"]),
        ("a category", "category=cups", ["CUP-1", "CUP-2", "OLD-1"]),
        ("a category, active", "category=Cups&active=true", ["CUP-1", "CUP-2"]),
        ("an unknown category", "category=Spoons", []),
        ("an empty category", "category=", ["CUP-1", "CUP-2", "LID-1", "OLD-1"]),
        ("a SKU in another case", "q=cup-2", ["CUP-2"]),
        ("the beginning of SKUs", "q=CUP", ["CUP-1", "CUP-2", "OLD-1"]),
        ("the inside of a SKU", "q=ID-1", ["LID-1"]),
        ("the inside of a name", "q=APER", ["CUP-1", "LID-1"]),
        ("a UPC", "q=036000291452", ["LID-1"]),
        ("a UPC in another length", "q=00036000291452", ["LID-1"]),
        ("a part of a UPC", "q=60002", ["LID-1"]),
        ("two letters", "q=ap", ["CUP-1", "LID-1"]),
        ("one sign", "q=2", ["CUP-2", "LID-1"]),
        ("an archived one", "q=china", ["OLD-1"]),
        ("a text and archived only", "q=cup&active=false", ["OLD-1"]),
        ("a text and a category", "q=paper&category=cups", ["CUP-1"]),
        ("a text and an unknown category", "q=paper&category=spoons", []),
        ("signs of LIKE", "q=%25", ["CUP-2"]),
        ("another", "q=_", []),
        ("a backslash", "q=%5C", []),
        ("nothing alike", "q=zzzzz", []),
    ],
)
def test_filters(_case: str, query: str, found: list[str], admin: Client, tenant: Tenant) -> None:
    category_id = make_category(tenant, name="Cups")
    make_products(
        tenant,
        new_product(sku="CUP-1", name="Paper cup", category_id=category_id),
        new_product(sku="CUP-2", name="Glass 100%", category_id=category_id),
        new_product(sku="LID-1", name="Paper lid", barcodes=("036000291452",)),
        new_product(sku="OLD-1", name="China cup", category_id=category_id, is_active=False),
    )
    reply = admin.get(f"{ITEMS}?{query}")
    assert skus(reply) == found
    assert (reply.json["total"], reply.statements) == (len(found), 4)


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "per_page=1001", "per_page=-1", "active=perhaps", "q=" + "x" * 201, "no=1"]
)
def test_wrong_queries(query: str, admin: Client) -> None:
    reply = admin.get(f"{ITEMS}?{query}")
    assert (reply.status, reply.json["error"]) == (400, "validation_error")


def test_search_stays_in_the_organization(admin: Client, other_tenant: Tenant) -> None:
    make_product(other_tenant, sku="SECRET-1", name="Secret sauce", barcodes=("036000291452",))
    for text in ("SECRET-1", "secret", "et", "036000291452", "6000", "0"):
        assert skus(admin.get(f"{ITEMS}?q={text}")) == []


def test_a_product_that_is_changed_elsewhere_changes_its_items(admin: Client, tenant: Tenant) -> None:
    made, category_id = make_product(tenant, sku="A"), make_category(tenant, name="Moved")
    tenant.rows(
        "UPDATE product SET is_active = false, category_id = %(c)s WHERE id = %(id)s RETURNING id",
        c=category_id,
        id=made.product_id,
    )
    assert skus(admin.get(f"{ITEMS}?active=false&category=moved")) == ["A"]
    tenant.rows("UPDATE product SET is_active = true RETURNING id")
    assert skus(admin.get(f"{ITEMS}?active=true")) == ["A"]


def test_other_warehouses_do_not_matter_to_an_administrator(admin: Client, tenant: Tenant) -> None:
    shelf = make_shelf(tenant, warehouse_id=make_warehouse(tenant).id)
    assert len(admin.get(f"{ITEMS}/{shelf.variant_id}").json["inventory"]) == 1
