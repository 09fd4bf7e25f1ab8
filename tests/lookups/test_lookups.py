"""What a scanner shows for a code, and what a typed text finds."""

from typing import Any
from urllib.parse import quote

import pytest

from chalicelib import places, stock
from tests.client import Client
from tests.factories.catalogue import make_category, make_products, new_product
from tests.factories.floor import make_floor, make_lot, make_storage, place, put
from tests.factories.identity import make_staff, make_warehouse_user
from tests.factories.places import make_bins, make_warehouse, make_zone
from tests.factories.stock import make_shelf
from tests.tenant import Tenant


@pytest.fixture
def scanner(tenant: Tenant) -> Client:
    """A user of the tenant's warehouse without any function: everybody may look things up."""
    return make_warehouse_user(tenant).client()


# Items.


def test_an_item_and_where_it_lies(scanner: Client, tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=7)
    zone_id = make_zone(tenant, kind="DAMAGE")
    (broken,) = make_bins(
        tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="DMG", zone_id=zone_id, pick_sequence=9999)
    )
    put(tenant, shelf, 2, account_id=broken.account_id)
    put(tenant, shelf, 3, account_id=shelf.account_id, lot_id=make_lot(tenant, shelf, expires_on=None))
    with tenant.uow() as uow:
        stock.post(uow, allocations=[stock.AllocationChange(shelf.variant_id, shelf.account_id, None, 4)])
    reply = scanner.get(f"/api/lookup/item/{shelf.barcode}")
    assert (reply.status, reply.statements) == (200, 4)
    assert reply.json["item"] == {
        "item_id": shelf.variant_id,
        "sku": shelf.sku,
        "item_name": reply.json["item"]["item_name"],
        "description": "",
        "upc": None,
        "barcode_aliases": [shelf.barcode],
        "category": None,
        "weight_lbs": None,
        "is_active": True,
        "is_lot_tracked": False,
    }
    lots = [location.pop("lot_number") for location in reply.json["locations"]]
    assert [lot is None for lot in lots] == [False, True, True]
    counted = ("quantity_on_hand", "quantity_allocated", "quantity_available")
    assert [[location[name] for name in counted] for location in reply.json["locations"]] == [
        [3, 0, 3],
        [7, 4, 3],
        [2, 0, 0],
    ]
    assert reply.json["locations"][2]["bin_code"] == "DMG"
    assert reply.json["locations"][2]["bin_id"] == broken.id
    assert reply.json["locations"][2]["warehouse_id"] == tenant.warehouse_id


@pytest.mark.parametrize(
    ("_case", "code", "found"),
    [
        ("the UPC", "036000291452", "A"),
        ("the UPC with 13 digits", "0036000291452", "A"),
        ("the UPC with 14 digits", "00036000291452", "A"),
        ("an alias", "ALIAS-A", "A"),
        ("an alias with blanks around", " ALIAS-A ", "A"),
        ("the SKU", "B/7", "B/7"),
        ("the SKU in another case", "b/7", "B/7"),
        ("the barcode of one and the SKU of another", "B", "C"),
        ("an archived item", "OLD", "OLD"),
    ],
)
def test_codes_of_items(_case: str, code: str, found: str, scanner: Client, tenant: Tenant) -> None:
    category_id = make_category(tenant, name="Things")
    make_products(
        tenant,
        new_product(sku="A", upc="036000291452", barcodes=("ALIAS-A",), category_id=category_id, weight_g=1134),
        new_product(sku="B/7"),
        new_product(sku="B"),
        new_product(sku="C", barcodes=("B",)),
        new_product(sku="OLD", is_active=False),
    )
    reply = scanner.get(f"/api/lookup/item/{quote(code, safe='')}")
    assert (reply.status, reply.json["item"]["sku"], reply.json["locations"]) == (200, found, [])
    if found == "A":
        card = reply.json["item"]
        assert (card["upc"], card["barcode_aliases"]) == ("036000291452", ["ALIAS-A"])
        assert (card["category"], card["weight_lbs"]) == ("Things", 2.5)


@pytest.mark.parametrize("kind", ["item", "bin", "so"])
def test_what_is_not_there_is_404(kind: str, scanner: Client, other_tenant: Tenant) -> None:
    theirs = make_shelf(other_tenant)
    order = place(other_tenant, (theirs, 1), barcode="SO-THEIRS")
    sentence = {"item": "Item not found", "bin": "Bin not found", "so": "Sales order not found"}[kind]
    code = other_tenant.value("SELECT barcode FROM bin WHERE id = %(id)s", id=theirs.bin_id)
    foreign = {"item": [theirs.barcode, theirs.sku], "bin": [code], "so": ["SO-THEIRS", order.number]}[kind]
    for code in ("unknown", *foreign):
        reply = scanner.get(f"/api/lookup/{kind}/{code}")
        assert (reply.status, reply.json) == (404, {"error": sentence})


def test_locations_of_other_warehouses_are_an_administrators(scanner: Client, tenant: Tenant) -> None:
    shelf, elsewhere = make_shelf(tenant, free=1), make_warehouse(tenant)
    (bin_,) = make_bins(tenant, places.NewBin(warehouse_id=elsewhere.id, code="X"))
    put(tenant, shelf, 5, account_id=bin_.account_id)
    seen = [location["bin_id"] for location in scanner.get(f"/api/lookup/item/{shelf.sku}").json["locations"]]
    assert seen == [shelf.bin_id]
    all_of_them = make_staff(tenant).client().get(f"/api/lookup/item/{shelf.sku}").json["locations"]
    assert [location["bin_id"] for location in all_of_them] == [shelf.bin_id, bin_.id]
    nowhere = make_warehouse_user(tenant, warehouse_ids=[], warehouse_id=None).client()
    reply = nowhere.get(f"/api/lookup/item/{shelf.sku}")
    assert (reply.status, reply.json["locations"]) == (200, [])


# Bins.


def test_a_bin_and_what_lies_in_it(scanner: Client, tenant: Tenant) -> None:
    zone_id = make_zone(tenant)
    new = places.NewBin(
        warehouse_id=tenant.warehouse_id, code="A-01", barcode="BIN-A-01", zone_id=zone_id, row_num="01", level_num="02"
    )
    (bin_,) = make_bins(tenant, new)
    first, second = make_shelf(tenant, free=0), make_shelf(tenant, free=0)
    put(tenant, first, 3, account_id=bin_.account_id)
    put(tenant, second, 4, account_id=bin_.account_id)
    for code in ("BIN-A-01", "A-01"):
        reply = scanner.get(f"/api/lookup/bin/{code}")
        assert (reply.status, reply.statements) == (200, 4)
        shown = reply.json["bin"]
        assert (shown["bin_id"], shown["bin_code"], shown["bin_barcode"]) == (bin_.id, "A-01", "BIN-A-01")
        assert (shown["bin_type"], shown["zone_type"], shown["row_num"], shown["level_num"]) == (
            "Pickable", "STORAGE", "01", "02",
        )  # fmt: skip
        items = [
            (item["item_id"], item["quantity_on_hand"], item["quantity_available"]) for item in reply.json["items"]
        ]
        assert items == [(first.variant_id, 3, 3), (second.variant_id, 4, 4)]


def test_an_empty_bin_is_there(scanner: Client, tenant: Tenant) -> None:
    make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="EMPTY"))
    assert scanner.get("/api/lookup/bin/EMPTY").json["items"] == []


def test_a_code_of_several_warehouses_is_that_of_the_callers_own(tenant: Tenant) -> None:
    second, third = make_warehouse(tenant), make_warehouse(tenant)
    bins = make_bins(
        tenant, *(places.NewBin(warehouse_id=w, code="A-01") for w in (tenant.warehouse_id, second.id, third.id))
    )
    ids = [tenant.warehouse_id, second.id]
    user = make_warehouse_user(tenant, warehouse_ids=ids, warehouse_id=second.id).client()
    assert user.get("/api/lookup/bin/A-01").json["bin"]["bin_id"] == bins[1].id
    assert user.get(f"/api/lookup/bin/{bins[0].barcode}").json["bin"]["bin_id"] == bins[0].id
    assert user.get(f"/api/lookup/bin/{bins[2].barcode}").status == 404
    admin = make_staff(tenant, wms_role="ADMIN", warehouse_ids=[], warehouse_id=third.id).client()
    assert admin.get("/api/lookup/bin/A-01").json["bin"]["bin_id"] == bins[2].id


def test_a_barcode_wins_over_a_code(scanner: Client, tenant: Tenant) -> None:
    make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="X-1"))
    (other,) = make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="Y-1", barcode="X-1"))
    assert scanner.get("/api/lookup/bin/X-1").json["bin"]["bin_id"] == other.id


def test_boxes_of_the_robots_are_bins(scanner: Client, tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=0)
    _, accounts = make_storage(tenant)
    put(tenant, shelf, 6, account_id=accounts[0])
    code = tenant.value("SELECT code FROM bin WHERE account_id = %(a)s", a=accounts[0])
    reply = scanner.get(f"/api/lookup/bin/{code}")
    assert (reply.json["bin"]["bin_type"], reply.json["items"][0]["quantity_on_hand"]) == ("RobotBox", 6)
    assert [hit["bin_type"] for hit in scanner.get(f"/api/lookup/bin/search?q={code}").json] == ["RobotBox"]
    assert scanner.get(f"/api/lookup/item/{shelf.sku}").json["locations"][0]["bin_code"] == code


# Orders.


def test_how_far_an_order_is(tenant: Tenant) -> None:
    floor, first, second = make_floor(tenant), make_shelf(tenant), make_shelf(tenant)
    order = place(tenant, (first, 3), (second, 2), barcode="SO-BC-1")

    def progress() -> list[Any]:
        reply = floor.client.get("/api/lookup/so/SO-BC-1")
        assert (reply.status, reply.statements) == (200, 4)
        names = ("ordered", "allocated", "picked", "packed", "shipped", "short")
        lines = [[line[f"quantity_{name}"] for name in names] for line in reply.json["lines"]]
        return [reply.json["sales_order"]["status"], *lines]

    assert progress() == ["OPEN", [3, 3, 0, 0, 0, 0], [2, 2, 0, 0, 0, 0]]
    batch_id = floor.wave(order).json["batch_id"]
    task = next(task for task in floor.tasks(batch_id) if task["sku"] == first.sku)
    floor.confirm(task["pick_task_id"], first.sku, 3)
    assert progress() == ["PICKING", [3, 0, 3, 0, 0, 0], [2, 2, 0, 0, 0, 0]]
    task = next(task for task in floor.tasks(batch_id) if task["sku"] == second.sku)
    floor.confirm(task["pick_task_id"], second.sku, 2)
    floor.complete(batch_id)
    floor.verify(order, first.barcode, 3)
    assert progress() == ["PICKED", [3, 0, 3, 3, 0, 0], [2, 0, 2, 0, 0, 0]]
    floor.verify(order, second.barcode, 2)
    floor.pack(order)
    floor.fulfil(order)
    assert progress() == ["SHIPPED", [3, 0, 3, 3, 3, 0], [2, 0, 2, 2, 2, 0]]
    by_number = floor.client.get(f"/api/lookup/so/{order.number}").json["sales_order"]
    assert (by_number["so_id"], by_number["so_barcode"], by_number["customer_name"]) == (
        order.id,
        "SO-BC-1",
        "Ana Reyes",
    )
    assert by_number["tracking_number"] == "1Z999AA10123456784"


def test_an_order_of_another_warehouse_is_not_there(scanner: Client, tenant: Tenant) -> None:
    elsewhere = make_shelf(tenant, warehouse_id=make_warehouse(tenant).id)
    order = place(tenant, (elsewhere, 1), barcode="FAR")
    assert [scanner.get(f"/api/lookup/so/{code}").status for code in ("FAR", order.number)] == [404, 404]
    assert make_staff(tenant).client().get("/api/lookup/so/FAR").status == 200
    near = make_shelf(tenant)
    own = place(tenant, (near, 1), barcode=order.number)
    assert scanner.get(f"/api/lookup/so/{order.number}").json["sales_order"]["so_id"] == own.id


# Searching.


@pytest.mark.parametrize(
    ("_case", "q", "found"),
    [
        ("nothing", "", []),
        ("blanks", "  ", []),
        ("a part of a SKU", "up-", ["CUP-1", "CUP-2"]),
        ("a part of a name", "PAPER", ["CUP-1", "LID-1"]),
        ("four signs of a UPC", "0291", ["LID-1"]),
        ("a part of a UPC", "00291", ["LID-1"]),
        ("most of a UPC", "360002914", ["LID-1"]),
        ("four signs of a SKU", "Id-1", ["LID-1"]),
        ("most of a SKU", "ape-2", ["TAPE-2"]),
        ("pieces of a UPC in another order", "002912910", []),
        ("the UPC in another length", "0036000291452", ["LID-1"]),
        ("the very SKU first", "CUP-2", ["CUP-2", "X-CUP-2"]),
        ("two letters", "pA", ["CUP-1", "LID-1"]),
        ("archived ones last", "tape", ["TAPE-2", "TAPE-1"]),
        ("a sign of LIKE", "%", ["CUP-2"]),
        ("quotes", "'; --", []),
        ("nothing alike", "zzzz", []),
    ],
)
def test_searching_items(_case: str, q: str, found: list[str], scanner: Client, tenant: Tenant) -> None:
    make_products(
        tenant,
        new_product(sku="CUP-1", name="Paper cup"),
        new_product(sku="CUP-2", name="Glass 100%"),
        new_product(sku="LID-1", name="Paper lid", upc="036000291452"),
        new_product(sku="TAPE-1", name="Sticky", is_active=False),
        new_product(sku="TAPE-2", name="Sticky"),
        *([new_product(sku="X-CUP-2", name="Other")] if q == "CUP-2" else []),
    )
    reply = scanner.get(f"/api/lookup/item/search?q={quote(q)}")
    assert (reply.status, [hit["sku"] for hit in reply.json]) == (200, found)
    assert reply.statements <= 4
    if found == ["LID-1"]:
        item_id = tenant.value("SELECT id FROM variant WHERE sku = 'LID-1'")
        assert reply.json == [
            {
                "item_id": item_id, "sku": "LID-1", "item_name": "Paper lid", "upc": "036000291452",
                "category": None, "is_active": True,
            }
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("_case", "q", "found"),
    [
        ("nothing", "", []),
        ("a part of a code", "-0", ["A-01", "A-02", "B-01"]),
        ("another case", "a-0", ["A-01", "A-02"]),
        ("a part of a barcode", "shelf", ["B-01"]),
        ("the very code first", "A-02", ["A-02"]),
        ("one letter", "b", ["B-01"]),
        ("a sign of LIKE", "_", []),
        ("hidden ones are not found", "DEFAULT", []),
        ("nor others'", "FAR", []),
    ],
)
def test_searching_bins(
    _case: str, q: str, found: list[str], scanner: Client, tenant: Tenant, other_tenant: Tenant
) -> None:
    here, far = tenant.warehouse_id, make_warehouse(tenant).id
    bins = [("A-01", "1"), ("A-02", "2"), ("B-01", "SHELF-3")]
    make_bins(tenant, *(places.NewBin(warehouse_id=here, code=code, barcode=barcode) for code, barcode in bins))
    make_bins(tenant, places.NewBin(warehouse_id=far, code="FAR-A-01"))
    make_bins(other_tenant, places.NewBin(warehouse_id=other_tenant.warehouse_id, code="FAR-A-01"))
    reply = scanner.get(f"/api/lookup/bin/search?q={quote(q)}")
    assert (reply.status, [hit["bin_code"] for hit in reply.json]) == (200, found)
    assert reply.statements <= 4


@pytest.mark.parametrize("kind", ["item", "bin"])
def test_a_search_shows_fifty_at_most_and_needs_no_text(kind: str, scanner: Client, tenant: Tenant) -> None:
    if kind == "item":
        make_products(tenant, *(new_product(sku=f"MANY-{n:02d}") for n in range(60)))
    else:
        here = tenant.warehouse_id
        make_bins(tenant, *(places.NewBin(warehouse_id=here, code=f"MANY-{n:02d}") for n in range(60)))
    for q in ("MANY", "any", "-"):
        assert len(scanner.get(f"/api/lookup/{kind}/search?q={q}").json) == 50
    assert scanner.get(f"/api/lookup/{kind}/search").json == []
    assert scanner.get(f"/api/lookup/{kind}/search?q={'x' * 201}").status == 400


def test_a_search_stays_in_the_organization(scanner: Client, other_tenant: Tenant) -> None:
    make_shelf(other_tenant, sku="SECRET-1")
    for q in ("SECRET-1", "ECRET", "1"):
        assert scanner.get(f"/api/lookup/item/search?q={q}").json == []


def test_who_may_look_things_up(api: Client, tenant: Tenant) -> None:
    for path in ("item/x", "bin/x", "so/x", "item/search?q=x", "bin/search?q=x"):
        assert api.get(f"/api/lookup/{path}").status == 401
        other = make_staff(tenant, commerce_role="admin").client()
        assert other.get(f"/api/lookup/{path}").status == 401
