"""Goods come in for a purchase order."""

from typing import Any

import pytest

from chalicelib import places
from tests.client import Client
from tests.factories.floor import held_for, make_floor, make_lot, make_storage, place
from tests.factories.identity import make_warehouse_user
from tests.factories.places import make_bins, make_warehouse, make_zone
from tests.factories.purchasing import Dock, Ordered, make_admin, make_dock, make_purchase_order
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant


def allow_over_receiving(tenant: Tenant) -> None:
    allow = """UPDATE organization SET settings = settings || '{"allow_over_receiving": true}' WHERE id = %(id)s"""
    tenant.as_owner(allow, id=tenant.id)


def refused(reply: Any) -> tuple[int, str]:
    return reply.status, reply.json["error"]


def footprint(tenant: Tenant, ordered: Ordered) -> tuple[Any, ...]:
    moves = tenant.value("SELECT count(*) FROM stock_move")
    return ordered.status(), ordered.received(), ordered.receipts(), moves, tenant.value("SELECT count(*) FROM lot")


# Looking up.


def test_an_order_is_looked_up_with_its_lines(tenant: Tenant) -> None:
    bolts, nuts, dock = make_shelf(tenant, free=0), make_shelf(tenant, free=0), make_dock(tenant)
    tenant.as_owner("UPDATE barcode SET kind = 'gtin' WHERE variant_id = %(v)s", v=bolts.variant_id)
    ordered = make_purchase_order(tenant, (bolts, 10), (nuts, 4), barcode="PO-BAR-1", notes="by rail")
    reply = dock.look_up("PO-BAR-1")
    assert (reply.status, reply.statements) == (200, 4)
    shown = reply.json["purchase_order"]
    assert shown.pop("created_at").endswith("Z")
    assert shown == {
        "po_id": ordered.id,
        "po_number": ordered.number,
        "po_barcode": "PO-BAR-1",
        "vendor_name": "Harbor Supply",
        "status": "OPEN",
        "expected_date": None,
        "warehouse_id": tenant.warehouse_id,
        "notes": "by rail",
    }
    [first, second] = reply.json["lines"]
    assert {k: v for k, v in first.items() if k not in ("po_line_id", "item_name")} == {
        "line_number": 1,
        "item_id": bolts.variant_id,
        "sku": bolts.sku,
        "upc": bolts.barcode,
        "quantity_ordered": 10,
        "quantity_received": 0,
        "quantity_remaining": 10,
        "status": "PENDING",
    }
    assert (second["line_number"], second["item_name"][:7], second["upc"]) == (2, "Product", None)
    assert dock.look_up(ordered.number).json["purchase_order"]["po_id"] == ordered.id


def test_a_code_that_is_a_number_and_a_barcode_means_the_barcode(tenant: Tenant) -> None:
    shelf, dock = make_shelf(tenant, free=0), make_dock(tenant)
    by_number = make_purchase_order(tenant, (shelf, 1), number="4711")
    by_barcode = make_purchase_order(tenant, (shelf, 1), barcode="4711")
    assert dock.look_up("4711").json["purchase_order"]["po_id"] == by_barcode.id != by_number.id


def test_a_closed_order_is_refused_a_received_one_is_shown(tenant: Tenant) -> None:
    shelf, dock, admin = make_shelf(tenant, free=0), make_dock(tenant), make_admin(tenant)
    ordered = make_purchase_order(tenant, (shelf, 1))
    assert dock.receive(ordered, (shelf, 1)).json["po_status"] == "RECEIVED"
    shown = dock.look_up(ordered.number)
    assert (shown.status, shown.json["purchase_order"]["status"], shown.json["lines"][0]["status"]) == (
        200,
        "RECEIVED",
        "RECEIVED",
    )
    assert admin.post(f"/api/admin/purchase-orders/{ordered.id}/close").status == 200
    assert refused(dock.look_up(ordered.number)) == (400, "Purchase order is closed")
    assert refused(dock.look_up("nothing")) == (404, "Purchase order not found")


# Receiving.


def test_goods_come_in_and_the_order_follows(tenant: Tenant) -> None:
    bolts, nuts, dock = make_shelf(tenant, free=3), make_shelf(tenant, free=0), make_dock(tenant)
    ordered = make_purchase_order(tenant, (bolts, 10), (nuts, 4))
    first = dock.receive(ordered, (bolts, 6))
    assert (first.status, first.statements) == (200, 9)
    assert first.json == {
        "message": "Receipt submitted successfully",
        "receipt_ids": first.json["receipt_ids"],
        "po_status": "PARTIAL",
        "warnings": [],
    }
    assert (ordered.status(), ordered.received(), bolts.levels()) == ("PARTIAL", [6, 0], (9, 0))
    second = dock.receive(ordered, (nuts, 4), (bolts, 4))
    assert (second.json["po_status"], len(second.json["receipt_ids"])) == ("RECEIVED", 2)
    assert (ordered.received(), ordered.receipts(), nuts.levels()) == ([10, 4], (3, 0), (4, 0))
    by_id = tenant.rows("SELECT id, variant_id FROM receipt WHERE id = ANY(%(ids)s)", ids=second.json["receipt_ids"])
    assert {r["id"]: r["variant_id"] for r in by_id} == dict(
        zip(second.json["receipt_ids"], [nuts.variant_id, bolts.variant_id], strict=True)
    )
    moves = tenant.rows("SELECT reason, document FROM stock_move WHERE document LIKE 'receipt:%%' ORDER BY id")
    documents = [f"receipt:{n}" for n in first.json["receipt_ids"] + second.json["receipt_ids"]]
    assert [(m["reason"], m["document"]) for m in moves] == [("purchase_received", d) for d in documents]
    assert refused(dock.receive(ordered, (bolts, 1))) == (400, "Purchase order status is RECEIVED, cannot receive")
    check_books(tenant)


def test_many_lines_with_lots_cost_no_more_than_one(tenant: Tenant) -> None:
    shelves, dock = [make_shelf(tenant, free=0) for _ in range(30)], make_dock(tenant)
    ordered = make_purchase_order(tenant, *[(shelf, 5) for shelf in shelves])
    items = [
        {"item_id": s.variant_id, "quantity": 2, "bin_id": s.bin_id, "lot_number": f"L-{n % 2}"}
        for s in shelves
        for n in range(2)
    ]
    reply = dock.receive(ordered, *items)
    assert (reply.status, reply.statements, len(reply.json["receipt_ids"])) == (200, 10, 60)
    assert ordered.received() == [4] * 30
    assert tenant.value("SELECT count(*) FROM lot") == 60
    one = dock.receive(ordered, {**items[0], "quantity": 1})
    assert (one.status, one.statements) == (200, 10)
    cancelled = dock.cancel(*reply.json["receipt_ids"])
    assert (cancelled.json["reversed"], cancelled.statements) == (60, 9)
    check_books(tenant)


def test_items_of_one_kind_add_up_and_fill_lines_in_their_order(tenant: Tenant) -> None:
    shelf, other, dock = make_shelf(tenant, free=0), make_shelf(tenant, free=0), make_dock(tenant)
    ordered = make_purchase_order(tenant, (shelf, 3), (other, 1), (shelf, 5))
    over = dock.receive(ordered, (shelf, 5), (shelf, 4))
    assert refused(over) == (
        400,
        f"More than ordered of {shelf.sku}: 9 received but only 8 remaining. Over-receiving is not allowed",
    )
    reply = dock.receive(ordered, (shelf, 2), (shelf, 4))
    assert reply.status == 200
    assert ordered.received() == [3, 0, 3]
    units = tenant.rows("SELECT quantity FROM receipt WHERE id = ANY(%(i)s) ORDER BY id", i=reply.json["receipt_ids"])
    assert [row["quantity"] for row in units] == [2, 1, 3]
    assert shelf.levels() == (6, 0)


def test_more_than_ordered_is_taken_where_that_is_allowed(tenant: Tenant) -> None:
    shelf, dock = make_shelf(tenant, free=0), make_dock(tenant)
    ordered = make_purchase_order(tenant, (shelf, 3), (shelf, 2))
    before = footprint(tenant, ordered)
    assert dock.receive(ordered, (shelf, 6)).status == 400
    assert footprint(tenant, ordered) == before
    allow_over_receiving(tenant)
    reply = dock.receive(ordered, (shelf, 6))
    assert (reply.status, reply.json["po_status"]) == (200, "RECEIVED")
    assert reply.json["warnings"] == [f"More than ordered of {shelf.sku}: 6 received but only 5 remaining"]
    assert (ordered.received(), shelf.levels()) == ([3, 3], (6, 0))
    assert [line["quantity_remaining"] for line in dock.look_up(ordered.number).json["lines"]] == [0, 0]
    check_books(tenant)


def test_wrong_goods_change_nothing(tenant: Tenant) -> None:
    shelf, foreign, dock = make_shelf(tenant, free=0), make_shelf(tenant, free=0), make_dock(tenant)
    elsewhere = make_warehouse(tenant)
    far = make_bins(tenant, places.NewBin(warehouse_id=elsewhere.id, code="FAR"))[0]
    closed = make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="SHUT"))[0]
    tenant.as_owner("UPDATE bin SET is_active = false WHERE id = %(id)s", id=closed.id)
    make_storage(tenant)
    box = tenant.rows("SELECT id, code FROM bin WHERE kind = 'RobotBox' LIMIT 1")[0]
    ordered = make_purchase_order(tenant, (shelf, 10))
    admin = Dock(make_admin(tenant))

    def into(bin_id: int) -> dict[str, int]:
        return {"item_id": shelf.variant_id, "quantity": 1, "bin_id": bin_id}

    before = footprint(tenant, ordered)
    assert [
        refused(dock.receive(ordered, (shelf, 1), (foreign, 1))),
        refused(dock.receive(ordered, (shelf, 1), into(999_999))),
        refused(dock.receive(ordered, (shelf, 1), into(far.id))),
        refused(admin.receive(ordered, (shelf, 1), into(far.id))),
        refused(dock.receive(ordered, (shelf, 1), into(closed.id))),
        refused(dock.receive(ordered, (shelf, 1), into(box["id"]))),
        refused(dock.receive(Ordered(tenant, 999_999, "x"), (shelf, 1))),
        refused(dock.receive(ordered, (shelf, 1), warehouse_id=elsewhere.id)),
        refused(admin.receive(ordered, (shelf, 1), warehouse_id=elsewhere.id)),
    ] == [
        (400, f"Item {foreign.variant_id} is not on purchase order {ordered.number}"),
        (404, "Bin 999999 not found"),
        (404, f"Bin {far.id} not found"),
        (400, "Bin FAR does not belong to the purchase order's warehouse"),
        (400, "Bin SHUT is not active"),
        (400, f"Bin {box['code']} is a robot's box, which robots fill"),
        (404, "Purchase order not found"),
        (403, "Access denied for this warehouse"),
        (400, "Purchase order is for another warehouse"),
    ]
    assert footprint(tenant, ordered) == before
    assert dock.receive(ordered, (shelf, 1), warehouse_id=tenant.warehouse_id).status == 200


@pytest.mark.parametrize(
    ("_case", "change", "wrong"),
    [
        ("nothing", {"items": []}, [["items"]]),
        ("no items", {"items": None}, [["items"]]),
        ("zero", {"quantity": 0}, [["items", 0, "quantity"]]),
        ("text", {"quantity": "1"}, [["items", 0, "quantity"]]),
        ("a fraction", {"quantity": 1.5}, [["items", 0, "quantity"]]),
        ("unknown fields", {"x": 1, "colour": 2}, [["items", 0, "colour"], ["x"]]),
        ("a lot's number that is too long", {"lot_number": "x" * 101}, [["items", 0, "lot_number"]]),
        ("no bin", {"bin_id": None}, [["items", 0, "bin_id"]]),
        ("no order", {"po_id": "1"}, [["po_id"]]),
    ],
)
def test_wrong_fields_are_named(_case: str, change: dict[str, Any], wrong: list[Any], tenant: Tenant) -> None:
    entry = {"item_id": 1, "quantity": 1, "bin_id": 1}
    of_entry = {k: v for k, v in change.items() if k in (*entry, "lot_number", "colour")}
    body = {"po_id": 1, "items": [{**entry, **of_entry}], **{k: v for k, v in change.items() if k not in of_entry}}
    reply = make_dock(tenant).client.post("/api/receiving/receive", body)
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert sorted(detail["loc"] for detail in reply.json["details"]) == wrong


# Lots.


def test_lots_are_made_once_and_found_again(tenant: Tenant) -> None:
    shelf, dock = make_shelf(tenant, free=0), make_dock(tenant)
    tenant.as_owner("UPDATE variant SET is_lot_tracked = true WHERE id = %(v)s", v=shelf.variant_id)
    ordered = make_purchase_order(tenant, (shelf, 20))
    entry = {"item_id": shelf.variant_id, "bin_id": shelf.bin_id}
    first = dock.receive(ordered, {**entry, "quantity": 2, "lot_number": " L-1 "}, {**entry, "quantity": 3})
    assert first.json["warnings"] == [f"{shelf.sku} is tracked by lots, but no lot number was given"]
    assert dock.receive(ordered, {**entry, "quantity": 4, "lot_number": "L-1"}).json["warnings"] == []
    assert dock.receive(ordered, {**entry, "quantity": 1, "lot_number": ""}).status == 200
    levels = tenant.rows(
        "SELECT lot.number, s.on_hand FROM stock_level s LEFT JOIN lot ON lot.id = s.lot_id"
        " WHERE s.variant_id = %(v)s ORDER BY number",
        v=shelf.variant_id,
    )
    assert [(r["number"], r["on_hand"]) for r in levels] == [("L-1", 6), (None, 4)]
    check_books(tenant)


@pytest.mark.parametrize(
    ("status", "free", "warnings", "becomes"),
    [
        ("active", 5, [], "active"),
        ("exhausted", 5, [], "active"),
        ("quarantine", 0, ["Lot {lot} of {sku} is in quarantine: its units cannot be sold"], "quarantine"),
        ("recalled", 0, ["Lot {lot} of {sku} is recalled: its units cannot be sold"], "recalled"),
    ],
)
def test_units_of_a_lot_are_as_available_as_the_lot(
    status: str, free: int, warnings: list[str], becomes: str, tenant: Tenant
) -> None:
    shelf, dock = make_shelf(tenant, free=0), make_dock(tenant)
    lot_id = make_lot(tenant, shelf, expires_on=None, status=status)
    is_available = status in ("active", "exhausted")
    tenant.as_owner("UPDATE lot SET is_available = %(a)s WHERE id = %(id)s", a=is_available, id=lot_id)
    number = tenant.value("SELECT number FROM lot WHERE id = %(id)s", id=lot_id)
    ordered = make_purchase_order(tenant, (shelf, 5))
    reply = dock.receive(
        ordered, {"item_id": shelf.variant_id, "bin_id": shelf.bin_id, "quantity": 5, "lot_number": number}
    )
    assert reply.json["warnings"] == [w.format(lot=number, sku=shelf.sku) for w in warnings]
    assert (shelf.free(), tenant.value("SELECT status FROM lot WHERE id = %(id)s", id=lot_id)) == (free, becomes)
    check_books(tenant)


def test_serial_numbers_and_notes_are_kept(tenant: Tenant) -> None:
    shelf, dock = make_shelf(tenant, free=0), make_dock(tenant)
    ordered = make_purchase_order(tenant, (shelf, 1))
    entry = {"item_id": shelf.variant_id, "bin_id": shelf.bin_id, "quantity": 1}
    assert dock.receive(ordered, {**entry, "serial_number": "SN-9", "notes": "box torn\non one side"}).status == 200
    kept = tenant.rows("SELECT serial_number, note FROM receipt")
    assert kept == [{"serial_number": "SN-9", "note": "box torn\non one side"}]


def test_goods_in_a_damage_zone_are_on_hand_but_not_available(tenant: Tenant) -> None:
    shelf, dock = make_shelf(tenant, free=0), make_dock(tenant)
    zone_id = make_zone(tenant, kind="DAMAGE")
    bad = make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="BAD", zone_id=zone_id))[0]
    ordered = make_purchase_order(tenant, (shelf, 5))
    entry = {"item_id": shelf.variant_id, "bin_id": bad.id, "quantity": 5}
    assert dock.receive(ordered, entry).status == 200
    assert shelf.free() == 0
    assert tenant.value("SELECT count(*) FROM outbox WHERE topic = 'stock.arrived'") == 0
    check_books(tenant)


# Who may.


ENDPOINTS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "/api/receiving/po/x", None),
    ("POST", "/api/receiving/receive", {"po_id": 999_999, "items": [{"item_id": 1, "quantity": 1, "bin_id": 1}]}),
    ("POST", "/api/receiving/cancel", {"receipt_ids": [999_999]}),
]


@pytest.mark.parametrize(("method", "path", "body"), ENDPOINTS, ids=[e[1] for e in ENDPOINTS])
def test_access(method: str, path: str, body: dict[str, Any] | None, tenant: Tenant) -> None:
    without = make_warehouse_user(tenant, "pick", "pack", "ship", "putaway", "count", "transfer").client()
    callers = [Client(tenant.host), without, make_dock(tenant).client, make_admin(tenant)]
    expected = 200 if path.endswith("cancel") else 404
    assert [c.call(method, path, body, {}).status for c in callers] == [401, 403, expected, expected]


def test_orders_of_other_warehouses_are_not_there(tenant: Tenant) -> None:
    elsewhere = make_warehouse(tenant)
    shelf, dock = make_shelf(tenant, free=0, warehouse_id=elsewhere.id), make_dock(tenant)
    ordered = make_purchase_order(tenant, (shelf, 2), warehouse_id=elsewhere.id)
    there = make_dock(tenant, warehouse_ids=[elsewhere.id])
    receipt_ids = there.receive(ordered, (shelf, 1)).json["receipt_ids"]
    assert refused(dock.look_up(ordered.number)) == (404, "Purchase order not found")
    assert refused(dock.receive(ordered, (shelf, 1))) == (404, "Purchase order not found")
    assert dock.cancel(*receipt_ids).json == {"message": "Cancelled 0 receipt(s)", "reversed": 0}
    assert refused(dock.cancel(*receipt_ids, warehouse_id=elsewhere.id)) == (403, "Access denied for this warehouse")
    assert (ordered.received(), ordered.receipts()) == ([1], (1, 0))
    mine = make_purchase_order(tenant, (shelf, 2), number="SHARED", warehouse_id=tenant.warehouse_id)
    make_purchase_order(tenant, (shelf, 2), barcode="SHARED", warehouse_id=elsewhere.id)
    assert dock.look_up("SHARED").json["purchase_order"]["po_id"] == mine.id


# Taking receipts back.


def test_receipts_are_taken_back_and_the_order_follows(tenant: Tenant) -> None:
    bolts, nuts, dock = make_shelf(tenant, free=3), make_shelf(tenant, free=0), make_dock(tenant)
    ordered = make_purchase_order(tenant, (bolts, 10), (nuts, 4))
    first, second = (dock.receive(ordered, *i).json["receipt_ids"] for i in ([(bolts, 6), (nuts, 4)], [(bolts, 4)]))
    assert ordered.status() == "RECEIVED"
    reply = dock.cancel(second[0], second[0], 999_999, po_id=ordered.id, warehouse_id=tenant.warehouse_id)
    assert (reply.status, reply.statements) == (200, 9)
    assert reply.json == {"message": "Cancelled 1 receipt(s)", "reversed": 1}
    assert (ordered.status(), ordered.received(), bolts.levels()) == ("PARTIAL", [6, 4], (9, 0))
    assert dock.cancel(*second).json["reversed"] == 0
    assert dock.cancel(*first).json["reversed"] == 2
    assert (ordered.status(), ordered.received(), ordered.receipts()) == ("OPEN", [0, 0], (0, 3))
    assert (bolts.levels(), nuts.levels()) == ((3, 0), (0, 0))
    moves = tenant.rows("SELECT document FROM stock_move WHERE reason = 'receipt_cancelled' ORDER BY id")
    assert [m["document"] for m in moves] == [f"receipt:{n}" for n in (*second, *first)]
    check_books(tenant)
    assert dock.receive(ordered, (bolts, 10)).json["po_status"] == "PARTIAL"


def test_nothing_to_cancel_is_fine(tenant: Tenant) -> None:
    dock = make_dock(tenant)
    empty, unknown = dock.cancel(), dock.cancel(999_999)
    assert (empty.status, empty.json) == (200, {"message": "Nothing to cancel", "reversed": 0})
    assert (unknown.status, unknown.json) == (200, {"message": "Cancelled 0 receipt(s)", "reversed": 0})
    assert dock.client.post("/api/receiving/cancel", {"receipt_ids": ["1"]}).status == 400
    assert dock.client.post("/api/receiving/cancel", {}).status == 400


def test_a_closed_order_stays_closed_when_its_receipts_are_cancelled(tenant: Tenant) -> None:
    shelf, dock, admin = make_shelf(tenant, free=0), make_dock(tenant), make_admin(tenant)
    ordered = make_purchase_order(tenant, (shelf, 5))
    receipt_ids = dock.receive(ordered, (shelf, 5)).json["receipt_ids"]
    admin.post(f"/api/admin/purchase-orders/{ordered.id}/close")
    assert dock.cancel(*receipt_ids).json["reversed"] == 1
    assert (ordered.status(), ordered.received(), shelf.levels()) == ("CLOSED", [0], (0, 0))
    assert admin.post(f"/api/admin/purchase-orders/{ordered.id}/reopen").json["status"] == "OPEN"


def test_units_that_are_set_aside_for_a_pick_are_not_taken_back(tenant: Tenant) -> None:
    shelf, other, dock, floor = (
        make_shelf(tenant, free=0),
        make_shelf(tenant, free=0),
        make_dock(tenant),
        make_floor(tenant),
    )
    ordered = make_purchase_order(tenant, (other, 5), (shelf, 5))
    first, second = dock.receive(ordered, (other, 5), (shelf, 5)).json["receipt_ids"]
    assert floor.wave(place(tenant, (shelf, 2))).status == 200
    before = footprint(tenant, ordered)
    reply = dock.cancel(first, second)
    assert refused(reply) == (
        409,
        f"Receipt {second} cannot be cancelled: units of {shelf.sku} have left bin"
        f" {tenant.value('SELECT code FROM bin WHERE id = %(b)s', b=shelf.bin_id)} or are set aside for a pick",
    )
    assert footprint(tenant, ordered) == before
    assert dock.cancel(first).json["reversed"] == 1
    check_books(tenant)


def test_the_youngest_order_loses_what_is_taken_back(tenant: Tenant) -> None:
    shelf, dock = make_shelf(tenant, free=1), make_dock(tenant)
    ordered = make_purchase_order(tenant, (shelf, 6))
    receipt_ids = [dock.receive(ordered, (shelf, 3)).json["receipt_ids"][0] for _ in range(2)]
    old, young = place(tenant, (shelf, 3)), place(tenant, (shelf, 4))
    reply = dock.cancel(receipt_ids[0])
    assert (reply.status, reply.json["reversed"], reply.statements) == (200, 1, 10)
    assert (held_for(tenant, old), held_for(tenant, young), shelf.levels()) == ([3], [1], (4, 0))
    tenant.work_off()
    short = tenant.rows("SELECT id FROM sales_order WHERE is_short")
    assert [row["id"] for row in short] == [young.id]
    check_books(tenant)
    assert dock.receive(ordered, (shelf, 3)).status == 200
    tenant.work_off()
    assert (held_for(tenant, young), tenant.rows("SELECT id FROM sales_order WHERE is_short")) == ([4], [])
    check_books(tenant)


# What is written down.


def test_the_log_says_what_came_and_what_went_back(tenant: Tenant) -> None:
    shelf, dock = make_shelf(tenant, free=0), make_dock(tenant)
    ordered = make_purchase_order(tenant, (shelf, 5))
    receipt_ids = dock.receive(ordered, (shelf, 2)).json["receipt_ids"]
    dock.cancel(*receipt_ids)
    entries = tenant.rows(
        "SELECT action, before, after FROM audit_entry WHERE entity = 'purchase_order' AND entity_id = %(id)s ORDER BY id",
        id=str(ordered.id),
    )
    assert [(e["action"], e["before"], e["after"]) for e in entries[1:]] == [
        (
            "purchase_order.received",
            {"status": "OPEN"},
            {"status": "PARTIAL", "receipt_ids": receipt_ids, "units": 2},
        ),
        (
            "purchase_order.receipts_cancelled",
            {"status": "PARTIAL", "receipt_ids": receipt_ids},
            {"status": "OPEN", "units": 2},
        ),
    ]


def shelf_in_two(tenant: Tenant) -> tuple[Shelf, int]:
    """A product, and a second bin for it."""
    shelf = make_shelf(tenant, free=0)
    second = make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code=f"B-{shelf.variant_id}"))[0]
    return shelf, second.id


def test_one_item_into_two_bins(tenant: Tenant) -> None:
    (shelf, second), dock = shelf_in_two(tenant), make_dock(tenant)
    ordered = make_purchase_order(tenant, (shelf, 5))
    reply = dock.receive(ordered, (shelf, 2), {"item_id": shelf.variant_id, "quantity": 3, "bin_id": second})
    assert reply.json["po_status"] == "RECEIVED"
    assert (shelf.levels(), shelf.free()) == ((2, 0), 5)
    assert dock.cancel(reply.json["receipt_ids"][1]).status == 200
    assert (shelf.levels(), shelf.free()) == ((2, 0), 2)
    check_books(tenant)
