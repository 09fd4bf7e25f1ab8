"""Thousands of records in one call: what is right is made, what is wrong is said row by row."""

from typing import Any

import pytest

from tests.client import Client, Reply
from tests.factories.identity import make_staff
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    return make_staff(tenant, wms_role="ADMIN").client()


def send(admin: Client, entity_type: str, records: list[Any], **more: Any) -> Reply:
    return admin.post(f"/api/admin/import/{entity_type}", {"records": records, **more})


def counts(reply: Reply) -> tuple[int, int, int]:
    assert reply.status == 200, reply.json
    return reply.json["total"], reply.json["imported"], reply.json["skipped"]


def items(tenant: Tenant) -> set[str]:
    return {row["sku"] for row in tenant.rows("SELECT sku FROM variant")}


def test_items_with_everything_that_an_item_has(tenant: Tenant, admin: Client) -> None:
    record = {
        "sku": "NEW-001",
        "item_name": "New Item",
        "upc": "036000291452",
        "barcode_aliases": ["CASE-1"],
        "category": "Pantry",
        "weight_lbs": 1.5,
        "unit_price": 12.5,
        "unit_cost": 8,
        "reorder_point": 3,
        "is_lot_tracked": True,
    }
    assert counts(send(admin, "items", [record, {"sku": "NEW-002", "item_name": "Another Item"}])) == (2, 2, 0)
    shown = admin.get("/api/admin/items?q=NEW-001").json["items"][0]
    assert {name: shown[name] for name in record} == record
    assert not admin.get("/api/admin/items?q=NEW-002").json["items"][0]["is_for_sale"]


def test_wrong_records_are_named_and_the_rest_is_imported(tenant: Tenant, admin: Client) -> None:
    shelf = make_shelf(tenant)
    records: list[Any] = [
        {"sku": "GOOD", "item_name": "Good"},
        {"sku": shelf.sku.lower(), "item_name": "Taken"},
        {"sku": "TWICE", "item_name": "First"},
        {"sku": "twice", "item_name": "Second"},
        {"item_name": "No SKU"},
        {"sku": "X", "item_name": "X", "colour": "red"},
        {"sku": "=1+1", "item_name": "Formula as a code"},
        {"sku": "P", "item_name": "P", "unit_price": -1},
        {"sku": "Q", "item_name": "Q", "upc": shelf.barcode},
        {"sku": "search", "item_name": "A word of a path"},
    ]
    reply = send(admin, "items", records)
    assert counts(reply) == (10, 2, 8)
    assert {detail["row"] for detail in reply.json["details"]} == {2, 4, 5, 6, 7, 8, 9, 10}
    assert reply.json["errors"][0] == f"Row 2: sku: Duplicate SKU: {shelf.sku.lower()}"
    assert {"GOOD", "TWICE"} <= items(tenant)
    assert not {"X", "P", "Q", "=1+1"} & items(tenant)


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\uff1d"])
def test_formulas_of_spreadsheets_become_text(sign: str, tenant: Tenant, admin: Client) -> None:
    record = {"sku": "F-1", "item_name": "x", "description": f"{sign}cmd|' /C calc'!A0"}
    assert counts(send(admin, "items", [record])) == (1, 1, 0)
    assert tenant.value("SELECT description FROM product WHERE name = 'x'") == f"'{record['description']}"


def test_bins_by_codes_and_by_ids(tenant: Tenant, admin: Client) -> None:
    code = tenant.value("SELECT code FROM warehouse WHERE id = %(id)s", id=tenant.warehouse_id)
    zone = {"warehouse_id": tenant.warehouse_id, "zone_code": "A", "zone_name": "A", "zone_type": "STORAGE"}
    zone_id = admin.post("/api/admin/zones", zone).json["zone_id"]
    by_code = {"warehouse_code": code, "zone_code": "A", "bin_code": "01-02", "bin_barcode": "BC-1", "row_num": "01"}
    by_id = {"warehouse_id": tenant.warehouse_id, "zone_id": zone_id, "bin_code": "01-03", "bin_barcode": "BC-2"}
    wrong = [
        {**by_id, "bin_code": "01-04"},
        {**by_code, "zone_code": "NONE", "bin_code": "5", "bin_barcode": "BC-5"},
        {**by_code, "warehouse_code": "NONE", "bin_code": "6", "bin_barcode": "BC-6"},
        {**by_id, "zone_code": "A", "bin_code": "7", "bin_barcode": "BC-7"},
    ]
    reply = send(admin, "bins", [by_code, by_id, *wrong])
    assert counts(reply) == (6, 2, 4), reply.json
    shown = admin.get("/api/admin/bins?q=01-02").json["bins"][0]
    assert (shown["row_num"], shown["bin_type"]) == ("01", "Pickable")


def test_purchase_orders_whole_and_line_by_line(tenant: Tenant, admin: Client) -> None:
    shelf, other = make_shelf(tenant), make_shelf(tenant)
    whole = {
        "po_number": "PO-1",
        "warehouse_id": tenant.warehouse_id,
        "vendor_name": "Acme",
        "lines": [{"item_id": shelf.variant_id, "quantity_ordered": 5, "unit_cost": 1.25}],
    }
    rows = [
        {"po_number": "PO-2", "warehouse_id": tenant.warehouse_id, "sku": each.sku, "quantity_ordered": 2}
        for each in (shelf, other)
    ]
    broken = [
        {"po_number": "PO-3", "warehouse_id": tenant.warehouse_id, "sku": shelf.sku, "quantity_ordered": 1},
        {"po_number": "PO-3", "warehouse_id": tenant.warehouse_id, "sku": "NONE", "quantity_ordered": 1},
        {"po_number": "PO-4", "warehouse_id": tenant.warehouse_id, "sku": shelf.sku, "quantity_ordered": 0},
        {"po_number": "PO-4", "warehouse_id": tenant.warehouse_id, "sku": other.sku, "quantity_ordered": 1},
        {**rows[0], "po_number": "PO-5", "unit_price": 9},
    ]
    reply = send(admin, "purchase-orders", [whole, *rows, *broken])
    assert counts(reply) == (8, 3, 5), reply.json
    made = tenant.rows(
        "SELECT o.number, count(*) AS lines FROM purchase_order o JOIN purchase_order_line l ON l.purchase_order_id = o.id"
        " GROUP BY o.number ORDER BY o.number"
    )
    assert [(row["number"], row["lines"]) for row in made] == [("PO-1", 1), ("PO-2", 2)]
    assert counts(send(admin, "purchase-orders", [whole])) == (1, 0, 1)


def test_sales_orders_hold_what_there_is_in_the_order_of_the_file(tenant: Tenant, admin: Client) -> None:
    shelf = make_shelf(tenant, free=5)
    records = [
        {"so_number": f"SO-{n}", "warehouse_id": tenant.warehouse_id, "sku": shelf.sku, "quantity_ordered": 3}
        for n in range(3)
    ]
    assert counts(send(admin, "sales-orders", records)) == (3, 3, 0)
    held = tenant.rows("SELECT quantity FROM stock_hold ORDER BY order_line_id")
    assert [row["quantity"] for row in held] == [3, 2]
    check_books(tenant)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"records": [{}] * 5001}, 400),
        ({"records": "all"}, 400),
        ({}, 400),
        ({"records": [1]}, 400),
        ({"records": [], "piece": 2, "pieces": 1}, 400),
        ({"records": [], "import_id": "no blanks"}, 400),
        ({"records": []}, 200),
    ],
)
def test_what_is_no_import(body: dict[str, Any], status: int, admin: Client) -> None:
    assert admin.post("/api/admin/import/items", body).status == status
    assert admin.post("/api/admin/import/people", {"records": []}).status == 400


def test_five_thousand_records_are_as_few_statements_as_one(tenant: Tenant, admin: Client) -> None:
    shelf = make_shelf(tenant)
    made: dict[str, list[int]] = {}
    for number, size in enumerate((2, 5000)):
        records: dict[str, list[Any]] = {
            "items": [{"sku": f"I{number}-{n}", "item_name": "Item", "category": "Pantry"} for n in range(size)],
            "purchase-orders": [
                {
                    "po_number": f"P{number}-{n}",
                    "warehouse_id": tenant.warehouse_id,
                    "sku": shelf.sku,
                    "quantity_ordered": 1,
                }
                for n in range(size)
            ],
            "sales-orders": [
                {
                    "so_number": f"S{number}-{n}",
                    "warehouse_id": tenant.warehouse_id,
                    "sku": shelf.sku,
                    "quantity_ordered": 1,
                }
                for n in range(size)
            ],
        }
        for entity_type, each in records.items():
            reply = send(admin, entity_type, each)
            assert counts(reply) == (size, size, 0), reply.json["errors"][:3]
            made.setdefault(entity_type, []).append(reply.statements)
    assert all(few == many <= 13 for few, many in made.values()), made


def test_a_large_file_comes_in_pieces(tenant: Tenant, admin: Client) -> None:
    pieces = [[{"sku": f"PIECE-{p}-{n}", "item_name": "Item"} for n in range(3)] for p in range(3)]
    first = send(admin, "items", pieces[0], import_id="spring", piece=1, pieces=3).json["progress"]
    assert (first["percent"], first["imported"], first["is_complete"]) == (33, 3, False)
    again = send(admin, "items", pieces[0], import_id="spring", piece=1, pieces=3)
    assert (counts(again), again.json["progress"]["pieces_done"]) == ((3, 3, 0), 1)
    send(admin, "items", pieces[2], import_id="spring", piece=3, pieces=3)
    send(admin, "items", [*pieces[1], {"sku": "BAD"}], import_id="spring", piece=2, pieces=3)
    (shown,) = admin.get("/api/admin/imports/spring").json
    assert (shown["percent"], shown["total"], shown["imported"], shown["skipped"]) == (100, 10, 9, 1)
    assert admin.get("/api/admin/imports/autumn").status == 404


def test_one_piece_sent_by_many_at_once_is_imported_once(tenant: Tenant, admin: Client) -> None:
    records = [{"sku": f"ONCE-{n}", "item_name": "Item"} for n in range(20)]
    replies = together(20, lambda _: send(admin, "items", records, import_id="once"))
    assert {counts(reply) for reply in replies} == {(20, 20, 0)}
    assert tenant.value("SELECT count(*) FROM variant WHERE sku LIKE 'ONCE-%%'") == 20
    assert tenant.value("SELECT count(*) FROM import_piece") == 1


def test_many_files_with_the_same_codes_at_once(tenant: Tenant, admin: Client) -> None:
    records = [{"sku": f"SAME-{n}", "item_name": "Item"} for n in range(20)]
    replies = together(10, lambda n: send(admin, "items", records[n:] + records[:n]))
    assert sorted(counts(reply)[1] for reply in replies) == [0] * 9 + [20]
