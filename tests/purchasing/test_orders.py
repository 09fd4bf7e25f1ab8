"""The panel's purchase orders."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from tests.client import Client
from tests.factories.identity import make_staff, make_warehouse_user
from tests.factories.places import make_warehouse
from tests.factories.purchasing import make_admin, make_dock, make_purchase_order
from tests.factories.stock import Shelf, make_shelf
from tests.tenant import Tenant
from tests.threads import together

PATH = "/api/admin/purchase-orders"
LINE = {"item_id": 1, "quantity_ordered": 1}


def body(tenant: Tenant, *lines: tuple[Shelf, int], **more: Any) -> dict[str, Any]:
    entries = [{"item_id": shelf.variant_id, "quantity_ordered": units} for shelf, units in lines]
    return {"po_number": "PO-1", "warehouse_id": tenant.warehouse_id, "lines": entries, **more}


def refused(reply: Any) -> tuple[int, str]:
    return reply.status, reply.json["error"]


def said(tenant: Tenant, po_id: int) -> list[tuple[str, Any, Any]]:
    """The audit log of an order."""
    rows = tenant.rows(
        "SELECT action, before, after FROM audit_entry WHERE entity = 'purchase_order' AND entity_id = %(id)s ORDER BY id",
        id=str(po_id),
    )
    return [(row["action"].removeprefix("purchase_order."), row["before"], row["after"]) for row in rows]


# Making.


def test_an_order_is_made_and_shown(tenant: Tenant) -> None:
    bolts, nuts = make_shelf(tenant, free=0), make_shelf(tenant, free=0)
    somebody = make_staff(tenant, wms_role="ADMIN")
    admin = somebody.client()
    sent = body(tenant, (bolts, 10), (nuts, 3), vendor_name="Harbor Supply", expected_date="2026-12-24", notes="dock 2")
    sent["lines"][0]["unit_cost"] = 12.5
    made = admin.post(PATH, sent)
    assert (made.status, made.statements) == (200, 6)
    order = made.json["purchase_order"]
    assert {k: v for k, v in order.items() if k not in ("po_id", "created_at")} == {
        "po_number": "PO-1",
        "po_barcode": None,
        "vendor_name": "Harbor Supply",
        "status": "OPEN",
        "expected_date": "2026-12-24",
        "warehouse_id": tenant.warehouse_id,
        "notes": "dock 2",
        "received_at": None,
        "created_by": somebody.username,
    }
    lines = [(li["line_number"], li["sku"], li["quantity_ordered"], li["unit_cost"]) for li in made.json["lines"]]
    assert lines == [(1, bolts.sku, 10, 12.5), (2, nuts.sku, 3, None)]
    shown = admin.get(f"{PATH}/{order['po_id']}")
    assert (shown.status, shown.statements, shown.json) == (200, 4, made.json)
    assert tenant.value("SELECT unit_cost_minor FROM purchase_order_line WHERE position = 1") == 1250
    [(action, before, after)] = said(tenant, order["po_id"])
    assert (action, before, after["number"], len(after["lines"])) == ("created", None, "PO-1", 2)


def test_many_lines_cost_no_more_statements(tenant: Tenant) -> None:
    shelves = [make_shelf(tenant, free=0) for _ in range(30)]
    made = make_admin(tenant).post(PATH, body(tenant, *[(shelf, 1) for shelf in shelves]))
    assert (made.statements, len(made.json["lines"])) == (6, 30)


def test_numbers_and_barcodes_are_taken_once(tenant: Tenant, other_tenant: Tenant) -> None:
    shelf, admin = make_shelf(tenant, free=0), make_admin(tenant)
    assert admin.post(PATH, body(tenant, (shelf, 1), po_barcode="B-1")).status == 200
    assert refused(admin.post(PATH, body(tenant, (shelf, 1)))) == (400, "Duplicate PO number: PO-1")
    again = admin.post(PATH, body(tenant, (shelf, 1), po_number="PO-2", po_barcode="B-1"))
    assert refused(again) == (400, "Duplicate PO barcode: B-1")
    assert tenant.value("SELECT count(*) FROM purchase_order") == 1
    foreign = body(other_tenant, (make_shelf(other_tenant), 1), po_barcode="B-1")
    assert make_admin(other_tenant).post(PATH, foreign).status == 200


def test_records_that_nobody_knows_are_a_broken_reference(tenant: Tenant, other_tenant: Tenant) -> None:
    shelf, foreign, admin = make_shelf(tenant, free=0), make_shelf(other_tenant), make_admin(tenant)
    replies = [
        admin.post(PATH, body(tenant, (shelf, 1), warehouse_id=999_999)),
        admin.post(PATH, body(tenant, (shelf, 1), warehouse_id=other_tenant.warehouse_id)),
        admin.post(PATH, body(tenant, (shelf, 1), (foreign, 1))),
    ]
    assert [refused(r) for r in replies] == [(409, "integrity_constraint_violation")] * 3
    assert tenant.value("SELECT count(*) FROM purchase_order") == 0


@pytest.mark.parametrize(
    ("_case", "change", "wrong"),
    [
        ("no lines", {"lines": []}, [["lines"]]),
        ("no number", {"po_number": " "}, [["po_number"]]),
        ("a number as number", {"po_number": 7}, [["po_number"]]),
        ("a time for a date", {"expected_date": "2026-12-24T00:00:00"}, [["expected_date"]]),
        ("days for a date", {"expected_date": 20000}, [["expected_date"]]),
        ("no such day", {"expected_date": "2026-02-30"}, [["expected_date"]]),
        ("a warehouse as text", {"warehouse_id": "1"}, [["warehouse_id"]]),
        ("unknown fields", {"vendor_address": "x"}, [["vendor_address"]]),
        ("nothing ordered", {"lines": [{"item_id": 1, "quantity_ordered": 0}]}, [["lines", 0, "quantity_ordered"]]),
        ("a negative cost", {"lines": [{**LINE, "unit_cost": -0.01}]}, [["lines", 0, "unit_cost"]]),
        ("a fraction of a cent", {"lines": [{**LINE, "unit_cost": 0.001}]}, [["lines", 0, "unit_cost"]]),
        ("one number twice", {"lines": [{**LINE, "line_number": 2}] * 2}, [[]]),
    ],
)  # fmt: skip
def test_wrong_fields_are_named(_case: str, change: dict[str, Any], wrong: list[Any], tenant: Tenant) -> None:
    admin = make_admin(tenant)
    replies = [admin.post(PATH, {**body(tenant, (make_shelf(tenant, free=0), 1)), **change})]
    if not _case.startswith("no lines"):
        replies.append(admin.put(f"{PATH}/999999", change))
    for reply in replies:
        assert (reply.status, reply.json["error"]) == (400, "validation_error")
        assert [detail["loc"] for detail in reply.json["details"]] == wrong
    assert tenant.value("SELECT count(*) FROM purchase_order") == 0


def test_lines_are_numbered_as_they_were_sent(tenant: Tenant) -> None:
    shelf, admin = make_shelf(tenant, free=0), make_admin(tenant)
    entry = {"item_id": shelf.variant_id, "quantity_ordered": 1, "unit_cost": 0}
    lines = [{**entry, "line_number": 10}, entry, {**entry, "line_number": 1}]
    made = admin.post(PATH, {**body(tenant), "lines": lines})
    assert [(li["line_number"], li["unit_cost"]) for li in made.json["lines"]] == [(1, 0), (10, 0), (11, 0)]


# Changing.


def test_an_open_order_is_changed(tenant: Tenant) -> None:
    bolts, nuts, admin, elsewhere = make_shelf(tenant), make_shelf(tenant), make_admin(tenant), make_warehouse(tenant)
    ordered = make_purchase_order(tenant, (bolts, 5), barcode="B-1", notes="dock 2")
    path = f"{PATH}/{ordered.id}"
    header = admin.put(path, {"po_number": "PO-9", "vendor_name": None, "notes": None, "expected_date": "2027-01-02"})
    assert (header.status, header.statements) == (200, 7)
    shown = header.json
    assert [shown[k] for k in ("po_number", "vendor_name", "notes", "expected_date", "po_barcode")] == [
        "PO-9", None, None, "2027-01-02", "B-1",
    ]  # fmt: skip
    lines = [{"item_id": s.variant_id, "quantity_ordered": 7, "unit_cost": 1.25} for s in (nuts, bolts)]
    changed = admin.put(path, {"po_barcode": None, "warehouse_id": elsewhere.id, "lines": lines})
    assert (changed.status, changed.statements) == (200, 9)
    assert (changed.json["po_barcode"], changed.json["warehouse_id"]) == (None, elsewhere.id)
    assert [(li["sku"], li["quantity_ordered"]) for li in changed.json["lines"]] == [(nuts.sku, 7), (bolts.sku, 7)]
    assert changed.json["po_number"] == "PO-9"
    first, second = said(tenant, ordered.id)[1:]
    assert (first[1]["number"], first[2]["number"], "lines" in first[1]) == (ordered.number, "PO-9", False)
    assert [line["quantity"] for line in second[1]["lines"]] == [5]
    assert [line["unit_cost_minor"] for line in second[2]["lines"]] == [125, 125]


def test_what_cannot_be_changed_stays(tenant: Tenant, other_tenant: Tenant) -> None:
    shelf, admin = make_shelf(tenant, free=0), make_admin(tenant)
    other, ordered = make_purchase_order(tenant, (shelf, 5), barcode="B-1"), make_purchase_order(tenant, (shelf, 5))
    foreign, path = make_purchase_order(other_tenant, (make_shelf(other_tenant), 1)), f"{PATH}/{ordered.id}"
    before = admin.get(path).json
    line = {"item_id": 999_999, "quantity_ordered": 1}
    assert [
        refused(admin.put(path, {"po_number": other.number})),
        refused(admin.put(path, {"po_barcode": "B-1", "notes": "x"})),
        refused(admin.put(path, {"warehouse_id": other_tenant.warehouse_id, "notes": "x"})),
        refused(admin.put(path, {"notes": "x", "lines": [line]})),
        refused(admin.put(path, {})),
        refused(admin.put(path, {"po_number": None, "lines": None})),
        refused(admin.put(f"{PATH}/{foreign.id}", {"notes": "x"})),
    ] == [
        (400, f"Duplicate PO number: {other.number}"),
        (400, "Duplicate PO barcode: B-1"),
        (409, "integrity_constraint_violation"),
        (409, "integrity_constraint_violation"),
        (400, "No fields to change"),
        (400, "No fields to change"),
        (404, "Purchase order not found"),
    ]
    assert admin.get(path).json == before


def test_only_open_orders_are_changed_and_received_lines_stay(tenant: Tenant) -> None:
    shelf, admin, dock = make_shelf(tenant, free=0), make_admin(tenant), make_dock(tenant)
    ordered = make_purchase_order(tenant, (shelf, 5))
    path = f"{PATH}/{ordered.id}"
    receipt_ids = dock.receive(ordered, (shelf, 2)).json["receipt_ids"]
    assert refused(admin.put(path, {"notes": "x"})) == (
        400,
        "Can only change purchase orders that are OPEN. Current status: PARTIAL",
    )
    dock.cancel(*receipt_ids)
    lines = [{"item_id": shelf.variant_id, "quantity_ordered": 1}]
    assert refused(admin.put(path, {"lines": lines})) == (
        409,
        f"Lines of purchase order {ordered.number} cannot be replaced: units were received against them",
    )
    assert admin.put(path, {"notes": "x"}).status == 200
    assert admin.get(path).json["lines"][0]["quantity_ordered"] == 5


def test_two_changes_at_once_come_one_after_the_other(tenant: Tenant) -> None:
    shelf, admin = make_shelf(tenant, free=0), make_admin(tenant)
    ordered = make_purchase_order(tenant, (shelf, 5))

    def work(n: int) -> int:
        lines = [{"item_id": shelf.variant_id, "quantity_ordered": n + 1}] * (n % 3 + 1)
        return admin.put(f"{PATH}/{ordered.id}", {"notes": str(n), "lines": lines}).status

    assert together(20, work) == [200] * 20
    shown = admin.get(f"{PATH}/{ordered.id}").json
    n = int(shown["purchase_order"]["notes"])
    assert [li["quantity_ordered"] for li in shown["lines"]] == [n + 1] * (n % 3 + 1)


# Closing and reopening.


@pytest.mark.parametrize(("received", "status"), [(0, "OPEN"), (2, "PARTIAL"), (5, "RECEIVED")])
def test_an_order_is_closed_and_reopened_as_its_lines_say(received: int, status: str, tenant: Tenant) -> None:
    shelf, admin, dock = make_shelf(tenant, free=0), make_admin(tenant), make_dock(tenant)
    ordered = make_purchase_order(tenant, (shelf, 5))
    if received:
        dock.receive(ordered, (shelf, received))
    path = f"{PATH}/{ordered.id}"
    assert refused(admin.post(f"{path}/reopen")) == (
        409,
        f"Only CLOSED purchase orders can be reopened. Current status: {status}",
    )
    closed = admin.post(f"{path}/close", {})
    assert (closed.status, closed.statements) == (200, 6)
    assert closed.json == {"message": "Purchase order closed", "po_id": ordered.id, "status": "CLOSED"}
    assert refused(admin.post(f"{path}/close")) == (409, "Purchase order is already CLOSED")
    assert refused(dock.receive(ordered, (shelf, 1))) == (400, "Purchase order status is CLOSED, cannot receive")
    assert refused(admin.put(path, {"notes": "x"}))[0] == 400
    reopened = admin.post(f"{path}/reopen", {})
    assert (reopened.status, reopened.statements) == (200, 6)
    assert reopened.json == {"message": "Purchase order reopened", "po_id": ordered.id, "status": status}
    assert [(a, b, c) for a, b, c in said(tenant, ordered.id) if a in ("closed", "reopened")] == [
        ("closed", {"status": status}, {"status": "CLOSED"}),
        ("reopened", {"status": "CLOSED"}, {"status": status}),
    ]
    received_at = admin.get(path).json["purchase_order"]["received_at"]
    assert (received_at is not None) == (received > 0)


def test_closed_by_many_it_is_closed_once(tenant: Tenant) -> None:
    admin, ordered = make_admin(tenant), make_purchase_order(tenant, (make_shelf(tenant, free=0), 5))
    replies = together(20, lambda _: admin.post(f"{PATH}/{ordered.id}/close").status)
    assert Counter(replies) == {200: 1, 409: 19}


def test_made_by_many_with_one_number_it_is_made_once(tenant: Tenant) -> None:
    admin, shelf = make_admin(tenant), make_shelf(tenant, free=0)
    replies = together(20, lambda _: admin.post(PATH, body(tenant, (shelf, 1))).status)
    assert Counter(replies) == {200: 1, 400: 19}
    keyed = [admin.post(PATH, body(tenant, (shelf, 1), po_number="PO-2"), idempotency_key="po-2") for _ in range(2)]
    assert keyed[0].json == keyed[1].json
    assert tenant.value("SELECT count(*) FROM purchase_order") == 2


# Lists.


def test_a_list_has_pages_and_filters(tenant: Tenant) -> None:
    shelf, admin, dock, elsewhere = make_shelf(tenant), make_admin(tenant), make_dock(tenant), make_warehouse(tenant)
    made = [make_purchase_order(tenant, (shelf, 2)) for _ in range(3)]
    far = make_purchase_order(tenant, (shelf, 2), warehouse_id=elsewhere.id, vendor_name="50% Off_Line")
    dock.receive(made[0], (shelf, 1))

    def listed(query: str) -> tuple[list[str], int, int]:
        reply = admin.get(f"{PATH}?{query}")
        assert (reply.status, reply.statements) == (200, 4)
        return [o["po_number"] for o in reply.json["purchase_orders"]], reply.json["total"], reply.json["pages"]

    numbers = [o.number for o in made]
    assert listed("") == ([far.number, *numbers[::-1]], 4, 1)
    assert listed("per_page=3") == ([far.number, *numbers[:0:-1]], 4, 2)
    assert listed("per_page=3&page=2") == ([numbers[0]], 4, 2)
    assert listed("page=9") == ([], 4, 1)
    assert listed("status=PARTIAL") == ([numbers[0]], 1, 1)
    assert listed(f"status=OPEN&warehouse_id={tenant.warehouse_id}") == (numbers[:0:-1], 2, 1)
    assert listed(f"warehouse_id={elsewhere.id}") == ([far.number], 1, 1)
    assert listed("warehouse_id=999999") == ([], 0, 0)
    assert listed("q=harbor") == (numbers[::-1], 3, 1)
    assert listed(f"q={numbers[1].lower()}") == ([numbers[1]], 1, 1)
    assert listed("q=harbor&status=PARTIAL&per_page=1") == ([numbers[0]], 1, 1)
    assert listed("q=%25%20off_") == ([far.number], 1, 1)
    assert listed("q=o_f") == ([], 0, 0)
    assert listed("q=%20") == ([far.number, *numbers[::-1]], 4, 1)
    wrong = [
        "page=0",
        "per_page=1001",
        "per_page=-1",
        "page=x",
        "status=open",
        "status=LOST",
        "warehouse_id=x",
        "color=1",
    ]
    assert [admin.get(f"{PATH}?{query}").status for query in wrong] == [400] * len(wrong)


def test_a_search_stays_in_the_organization(tenant: Tenant, other_tenant: Tenant) -> None:
    make_purchase_order(other_tenant, (make_shelf(other_tenant), 1), number="SECRET-1")
    assert make_admin(tenant).get(f"{PATH}?q=secret").json["purchase_orders"] == []


# Who may.


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", PATH, 200),
        ("GET", f"{PATH}/999999", 404),
        ("POST", PATH, 400),
        ("PUT", f"{PATH}/999999", 404),
        ("POST", f"{PATH}/999999/close", 404),
        ("POST", f"{PATH}/999999/reopen", 404),
    ],
)
def test_access(method: str, path: str, expected: int, tenant: Tenant) -> None:
    user = make_warehouse_user(tenant, "receive", "putaway").client()
    sent = {"notes": "x"} if method == "PUT" else {} if method == "POST" else None
    callers = [Client(tenant.host), user, make_admin(tenant)]
    assert [c.call(method, path, sent, {}).status for c in callers] == [401, 403, expected]


def test_money_is_exact(tenant: Tenant) -> None:
    shelf, admin = make_shelf(tenant, free=0), make_admin(tenant)
    raw = (
        f'{{"po_number": "PO-1", "warehouse_id": {tenant.warehouse_id},'
        f' "lines": [{{"item_id": {shelf.variant_id}, "quantity_ordered": 1, "unit_cost": 1234567.89}}]}}'
    )
    made = admin.post(PATH, raw.encode(), content_type="application/json")
    assert Decimal(str(made.json["lines"][0]["unit_cost"])) == Decimal("1234567.89")
