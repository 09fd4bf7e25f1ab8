"""The admin panel's sales orders: entered, shown, changed, cancelled; what they hold follows."""

from typing import Any

import pytest

from chalicelib import orders
from tests.factories.floor import check_floor, held_for, make_floor, place, put, units_in
from tests.factories.identity import make_warehouse_user
from tests.factories.orders import make_order
from tests.factories.places import make_warehouse
from tests.factories.sales_orders import PATH, line, make_panel
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant


def test_an_order_is_entered_and_shown(tenant: Tenant) -> None:
    panel, bolts, nuts = make_panel(tenant), make_shelf(tenant, price_minor=1250), make_shelf(tenant, price_minor=99)
    reply = panel.create(
        (bolts, 2),
        (nuts, 3),
        so_number="SO-1001",
        customer_name="Ana Reyes",
        customer_phone="(312) 555-0100",
        ship_address="12 Harbor Street\nChicago",
        ship_method="Ground",
        order_date="2026-02-01",
        ship_by_date="2026-03-01T00:00:00",
        priority=3,
        notes="Ring twice",
    )
    assert (reply.status, reply.statements) == (200, 9)
    header = reply.json["sales_order"]
    assert {name: header[name] for name in list(header)[1:20]} == {
        "so_number": "SO-1001",
        "so_barcode": None,
        "status": "OPEN",
        "channel": "wms",
        "payment_status": "unpaid",
        "warehouse_id": tenant.warehouse_id,
        "customer_name": "Ana Reyes",
        "customer_phone": "+13125550100",
        "customer_address": None,
        "ship_address": "12 Harbor Street\nChicago",
        "ship_method": "Ground",
        "order_date": "2026-02-01",
        "ship_by_date": "2026-03-01",
        "priority": 3,
        "notes": "Ring twice",
        "tracking_number": None,
        "carrier": None,
        "total_amount": 27.97,
        "is_short": False,
    }
    assert header["created_by"].startswith("staff")
    shown = panel.client.get(f"{PATH}/{header['so_id']}")
    assert (shown.status, shown.json, shown.statements) == (200, reply.json, 4)
    assert panel.lines(header["so_id"], "line_number", "sku", "ordered", "held", "allocated", "status") == [
        (1, bolts.sku, 2, 2, 0, "PENDING"),
        (2, nuts.sku, 3, 3, 0, "PENDING"),
    ]
    assert (bolts.free(), nuts.free()) == (8, 7)
    check_books(tenant)


def test_an_order_holds_what_there_is_and_waits_for_the_rest(tenant: Tenant) -> None:
    panel, floor, shelf, gone = make_panel(tenant), make_floor(tenant), make_shelf(tenant, free=3), make_shelf(tenant)
    with tenant.uow() as uow:
        uow.execute("UPDATE product SET in_stock = false WHERE id = %(id)s", {"id": gone.product_id})
    order_id = panel.place((shelf, 5), (gone, 1))
    assert panel.lines(order_id, "ordered", "held") == [(5, 3), (1, 1)]
    assert panel.get(order_id)["sales_order"]["is_short"] is True
    check_books(tenant)
    put(tenant, shelf, 4)
    with tenant.uow() as uow:
        order = orders.get(uow, order_id)
    wave = floor.wave(order)
    assert (wave.status, wave.json["warnings"], wave.json["total_units"]) == (200, None, 6)
    assert panel.get(order_id)["sales_order"]["is_short"] is False
    assert panel.lines(order_id, "held", "allocated") == [(5, 5), (1, 1)]
    check_books(tenant)
    check_floor(tenant)


def test_a_wave_takes_what_is_free_for_its_orders_in_turn(tenant: Tenant) -> None:
    panel, floor, shelf = make_panel(tenant), make_floor(tenant), make_shelf(tenant, free=0)
    ids = [panel.place((shelf, 4)) for _ in range(3)]
    put(tenant, shelf, 6)
    body = {"so_ids": ids, "warehouse_id": tenant.warehouse_id}
    wave = floor.client.post("/api/picking/wave-create", body)
    assert wave.json["warnings"] == [{"sku": shelf.sku, "needed": 12, "available": 6}]
    assert [panel.lines(i, "held") for i in ids] == [[(4,)], [(2,)], [(0,)]]
    assert [panel.get(i)["sales_order"]["is_short"] for i in ids] == [False, True, True]
    check_books(tenant)
    check_floor(tenant)


@pytest.mark.parametrize(
    ("_case", "fields", "status", "error"),
    [
        ("a number twice", {"so_number": "TAKEN"}, 400, "Duplicate SO number: TAKEN"),
        ("a barcode twice", {"so_barcode": "BC-TAKEN"}, 400, "Duplicate SO barcode: BC-TAKEN"),
        ("no such warehouse", {"warehouse_id": 2_000_000}, 409, "integrity_constraint_violation"),
        (
            "no such item",
            {"lines": [{"item_id": 2_000_000, "quantity_ordered": 1}]},
            409,
            "integrity_constraint_violation",
        ),
        ("no lines", {"lines": []}, 400, "validation_error"),
        ("a blank number", {"so_number": "  "}, 400, "validation_error"),
        ("a number with a line break", {"so_number": "a\nb"}, 400, "validation_error"),
        ("an unknown field", {"colour": "red"}, 400, "validation_error"),
        ("a date that is none", {"ship_by_date": "soon"}, 400, "validation_error"),
        ("a date as seconds", {"order_date": 0}, 400, "validation_error"),
        ("a day that does not exist", {"order_date": "2026-02-30"}, 400, "validation_error"),
        ("a priority beyond the last", {"priority": 11}, 400, "validation_error"),
        ("a number as text", {"warehouse_id": "1"}, 400, "validation_error"),
    ],
)
def test_an_order_that_is_refused_leaves_nothing(
    _case: str, fields: dict[str, Any], status: int, error: str, tenant: Tenant
) -> None:
    panel, shelf = make_panel(tenant), make_shelf(tenant)
    panel.place((shelf, 1), so_number="TAKEN", so_barcode="BC-TAKEN")
    reply = panel.create((shelf, 2), **fields)
    assert (reply.status, reply.json["error"]) == (status, error)
    assert (tenant.value("SELECT count(*) FROM sales_order"), shelf.free()) == (1, 9)


@pytest.mark.parametrize(
    ("_case", "changes", "type_"),
    [
        ("nothing of it", {"quantity_ordered": 0}, "greater_than"),
        ("half of one", {"quantity_ordered": 1.5}, "int_type"),
        ("a price below nothing", {"unit_price": -1}, "greater_than_equal"),
        ("a price with three decimals", {"unit_price": 1.005}, "decimal_max_places"),
        ("a total beyond measure", {"unit_price": 9_999_999_999, "quantity_ordered": 1_000_000_000}, "amount_range"),
    ],
)
def test_a_line_that_is_refused(_case: str, changes: dict[str, Any], type_: str, tenant: Tenant) -> None:
    panel, shelf = make_panel(tenant), make_shelf(tenant)
    reply = panel.create(lines=[{**line(shelf, 1), **changes}])
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert [d["type"] for d in reply.json["details"]] == [type_]
    assert tenant.value("SELECT count(*) FROM sales_order") == 0


def test_an_archived_item_and_a_closed_warehouse_are_refused(tenant: Tenant) -> None:
    panel, shelf = make_panel(tenant), make_shelf(tenant)
    closed = make_warehouse(tenant)
    with tenant.uow() as uow:
        uow.execute("UPDATE warehouse SET is_active = false WHERE id = %(id)s", {"id": closed.id})
    assert panel.create((shelf, 1), warehouse_id=closed.id).status == 409
    with tenant.uow() as uow:
        uow.execute("UPDATE variant SET is_active = false WHERE id = %(id)s", {"id": shelf.variant_id})
    reply = panel.create((shelf, 1))
    assert (reply.status, reply.json["error"]) == (400, f"Item is archived: {shelf.sku}")


def test_prices_are_the_catalogues_or_the_given_ones(tenant: Tenant) -> None:
    panel = make_panel(tenant)
    shelf = make_shelf(tenant, price_minor=1000, bulk_price_minor=800, bulk_quantity=10, free=100)
    order_id = panel.place(
        lines=[line(shelf, 1), line(shelf, 10), line(shelf, 2, unit_price=7.25), line(shelf, 1, unit_price=0)]
    )
    assert panel.lines(order_id, "unit_price", "line_total") == [(10.0, 10.0), (8.0, 80.0), (7.25, 14.5), (0.0, 0.0)]
    assert panel.get(order_id)["sales_order"]["total_amount"] == 104.5


def test_lines_are_sorted_by_their_numbers(tenant: Tenant) -> None:
    panel, a, b, c = make_panel(tenant), *[make_shelf(tenant) for _ in range(3)]
    order_id = panel.place(lines=[line(a, 1), line(b, 1, line_number=20), line(c, 1, line_number=10)])
    assert panel.lines(order_id, "line_number", "sku") == [(1, c.sku), (2, b.sku), (3, a.sku)]


def test_a_repeated_key_enters_one_order(tenant: Tenant) -> None:
    panel, shelf = make_panel(tenant), make_shelf(tenant)
    body = {"so_number": "ONCE", "warehouse_id": tenant.warehouse_id, "lines": [line(shelf, 2)]}
    first, second = (panel.client.post(PATH, body, idempotency_key="k1") for _ in range(2))
    assert (first.status, second.status, first.json) == (200, 200, second.json)
    assert (tenant.value("SELECT count(*) FROM sales_order"), shelf.free()) == (1, 8)


# Changing.


def test_lines_are_replaced_and_their_holds_follow(tenant: Tenant) -> None:
    panel, a, b, c = make_panel(tenant), *[make_shelf(tenant, free=10) for _ in range(3)]
    order_id = panel.place((a, 2), (b, 3), (c, 1))
    reply = panel.change(order_id, lines=[line(b, 4), line(a, 12)])
    assert (reply.status, reply.statements) == (200, 10)
    assert reply.json == panel.get(order_id)
    assert panel.lines(order_id, "line_number", "sku", "ordered", "held") == [(1, b.sku, 4, 4), (2, a.sku, 12, 10)]
    assert [shelf.free() for shelf in (a, b, c)] == [0, 6, 10]
    assert panel.get(order_id)["sales_order"]["is_short"] is True
    assert panel.change(order_id, lines=[line(c, 1)]).json["sales_order"]["is_short"] is False
    assert [shelf.free() for shelf in (a, b, c)] == [10, 10, 9]
    check_books(tenant)


def test_changing_the_header_leaves_the_lines_alone(tenant: Tenant) -> None:
    panel, shelf = make_panel(tenant), make_shelf(tenant)
    order_id = panel.place((shelf, 2), so_barcode="OLD", customer_name="Ana Reyes", ship_method="Air")
    reply = panel.change(order_id, so_number="NEW-1", so_barcode=None, ship_method="Ground", customer_name=None)
    assert (reply.status, reply.statements) == (200, 7)
    header = reply.json["sales_order"]
    assert [header[n] for n in ("so_number", "so_barcode", "ship_method", "customer_name")] == [
        "NEW-1",
        None,
        "Ground",
        "",
    ]
    assert panel.lines(order_id, "ordered", "held") == [(2, 2)]
    before = panel.get(order_id)
    assert panel.change(order_id).json == before
    assert panel.change(order_id, so_number=None).status == 400
    (entry,) = tenant.rows("SELECT before, after FROM audit_entry WHERE action = 'order.changed'")
    assert entry["after"] == {"so_number": "NEW-1", "so_barcode": None, "ship_method": "Ground", "customer_name": ""}
    assert entry["before"]["customer_name"] == "***"


def test_an_order_moves_to_another_warehouse_with_what_it_holds(tenant: Tenant) -> None:
    panel, shelf, other = make_panel(tenant), make_shelf(tenant, free=10), make_warehouse(tenant)
    order_id = panel.place(lines=[line(shelf, 4, unit_price=3)])
    reply = panel.change(order_id, warehouse_id=other.id)
    assert (reply.status, reply.json["sales_order"]["warehouse_id"]) == (200, other.id)
    assert (panel.lines(order_id, "ordered", "held", "unit_price"), shelf.free()) == ([(4, 0, 3.0)], 10)
    assert panel.change(order_id, warehouse_id=2_000_000).status == 409
    assert panel.change(order_id, warehouse_id=tenant.warehouse_id).status == 200
    assert (panel.lines(order_id, "held"), shelf.free()) == ([(4,)], 6)
    check_books(tenant)


def test_only_an_open_order_is_changed(tenant: Tenant) -> None:
    panel, floor, shelf = make_panel(tenant), make_floor(tenant), make_shelf(tenant)
    order = place(tenant, (shelf, 1))
    floor.wave(order)
    reply = panel.change(order.id, lines=[line(shelf, 2)])
    assert (reply.status, reply.json["error"]) == (400, "Sales order status is PICKING, must be OPEN to be changed")
    assert panel.change(2_000_000, priority=1).status == 404
    assert held_for(tenant, order) == [1]


def test_what_is_wrong_with_a_change_changes_nothing(tenant: Tenant) -> None:
    panel, shelf = make_panel(tenant), make_shelf(tenant)
    panel.place((shelf, 1), so_number="TAKEN", so_barcode="BC-TAKEN")
    order_id = panel.place((shelf, 2))
    before = panel.get(order_id)
    refused = [
        panel.change(order_id, so_number="TAKEN"),
        panel.change(order_id, so_barcode="BC-TAKEN", lines=[line(shelf, 1)]),
        panel.change(order_id, lines=[{"item_id": 2_000_000, "quantity_ordered": 1}]),
        panel.change(order_id, lines=[]),
    ]
    assert [(r.status, r.json["error"]) for r in refused] == [
        (400, "Duplicate SO number: TAKEN"),
        (400, "Duplicate SO barcode: BC-TAKEN"),
        (409, "integrity_constraint_violation"),
        (400, "validation_error"),
    ]
    assert (panel.get(order_id), shelf.free()) == (before, 7)


def test_an_order_of_the_shop_is_delivered_otherwise_but_keeps_its_lines(tenant: Tenant) -> None:
    panel, shelf = make_panel(tenant), make_shelf(tenant)
    made = make_order(tenant, (shelf.product_id, 2))
    shown = panel.get(made["id"])["sales_order"]
    assert (shown["channel"], shown["ship_address"]) == ("shop", "12 Harbor Street, Chicago, IL, 60601")
    refused = panel.change(made["id"], lines=[line(shelf, 1)])
    assert (refused.status, "was not entered at the warehouse" in refused.json["error"]) == (409, True)
    same = panel.change(made["id"], ship_method="Ground", ship_address=shown["ship_address"])
    assert same.json["sales_order"]["ship_address"] == shown["ship_address"]
    assert tenant.value("SELECT delivery_city FROM sales_order") == "Chicago"
    moved = panel.change(made["id"], ship_address="9 Quay Road, Evanston")
    assert moved.json["sales_order"]["ship_address"] == "9 Quay Road, Evanston"


def test_lines_of_a_batch_that_was_given_up_can_be_replaced(tenant: Tenant) -> None:
    """Its tasks still name them."""
    panel, floor, a, b = make_panel(tenant), make_floor(tenant), make_shelf(tenant), make_shelf(tenant)
    order_id = panel.place((a, 2), (b, 1), (b, 2))
    with tenant.uow() as uow:
        batch_id = floor.wave(orders.get(uow, order_id)).json["batch_id"]
    assert floor.cancel(batch_id).status == 200
    reply = panel.change(order_id, lines=[line(b, 5)])
    assert (reply.status, reply.statements) == (200, 11)
    assert panel.lines(order_id, "sku", "ordered", "held") == [(b.sku, 5, 5)]
    assert [len(t["contributing_orders"]) for t in floor.tasks(batch_id)] == [1, 1]
    check_books(tenant)
    check_floor(tenant)
    with tenant.uow() as uow:
        floor.pick_all(orders.get(uow, order_id))
    assert panel.lines(order_id, "picked") == [(5,)]
    check_floor(tenant)


# Cancelling.


def test_an_open_order_is_cancelled_and_its_stock_is_free(tenant: Tenant) -> None:
    panel, shelf = make_panel(tenant), make_shelf(tenant)
    order_id = panel.place((shelf, 4), so_number="SO-9")
    reply = panel.cancel(order_id)
    assert (reply.status, reply.statements) == (200, 9)
    assert reply.json == {
        "message": "Sales order cancelled",
        "so_id": order_id,
        "so_number": "SO-9",
        "status": "CANCELLED",
        "units_returned": 0,
        "payment_status": "unpaid",
    }
    assert (shelf.free(), panel.get(order_id)["sales_order"]["status"]) == (10, "CANCELLED")
    again = panel.cancel(order_id)
    assert (again.status, again.json["error"]) == (400, "Cannot cancel a sales order with status CANCELLED")
    assert panel.cancel(2_000_000).status == 404
    check_books(tenant)


def test_an_order_is_cancelled_while_it_is_picked_and_the_others_go_on(tenant: Tenant) -> None:
    panel, floor = make_panel(tenant), make_floor(tenant)
    bolts, nuts = make_shelf(tenant, free=20), make_shelf(tenant, free=20)
    first, second = place(tenant, (bolts, 2), (nuts, 1)), place(tenant, (bolts, 3))
    batch_id = floor.wave(first, second).json["batch_id"]
    task = next(t for t in floor.tasks(batch_id) if t["sku"] == bolts.sku)
    assert floor.confirm(task["pick_task_id"], bolts.sku, 3).status == 200
    reply = panel.cancel(first.id)
    assert (reply.status, reply.json["units_returned"], reply.statements) == (200, 2, 12)
    assert (bolts.levels(), nuts.levels(), units_in(tenant, bolts, "outbound")) == ((19, 2), (20, 0), 1)
    assert (held_for(tenant, first), held_for(tenant, second)) == ([0, 0], [2])
    check_books(tenant)
    check_floor(tenant)
    assert [(t["sku"], t["quantity_to_pick"], t["quantity_picked"], t["status"]) for t in floor.tasks(batch_id)] == [
        (bolts.sku, 3, 1, "PENDING"),
        (nuts.sku, 1, 0, "SKIPPED"),
    ]
    assert floor.client.get("/api/picking/active-batch").json["total_orders"] == 1
    assert floor.confirm(task["pick_task_id"], bolts.sku, 2).status == 200
    assert [o["so_number"] for o in floor.complete(batch_id).json["summary"]["orders"]] == [second.number]
    assert [floor.state(o) for o in (first, second)] == ["cancelled", "picked"]
    check_books(tenant)
    check_floor(tenant)


def test_what_is_left_of_a_pick_may_be_done_already(tenant: Tenant) -> None:
    panel, floor, shelf = make_panel(tenant), make_floor(tenant), make_shelf(tenant, free=20)
    first, second = place(tenant, (shelf, 2)), place(tenant, (shelf, 3))
    batch_id = floor.wave(first, second).json["batch_id"]
    floor.confirm(floor.tasks(batch_id)[0]["pick_task_id"], shelf.sku, 2)
    assert panel.cancel(second.id).json["units_returned"] == 0
    assert [(t["quantity_to_pick"], t["status"]) for t in floor.tasks(batch_id)] == [(2, "PICKED")]
    assert floor.complete(batch_id).status == 200
    check_books(tenant)
    check_floor(tenant)


def test_a_batch_without_orders_ends(tenant: Tenant) -> None:
    panel, floor, shelf = make_panel(tenant), make_floor(tenant), make_shelf(tenant, free=5)
    order = place(tenant, (shelf, 5))
    batch_id = floor.wave(order).json["batch_id"]
    task_id = floor.tasks(batch_id)[0]["pick_task_id"]
    floor.short(task_id, 3)
    assert panel.cancel(order.id).json["units_returned"] == 3
    assert floor.client.get(f"/api/picking/batch/{batch_id}").json["status"] == "CANCELLED"
    assert floor.client.get("/api/picking/active-batch").json == {"active": False}
    assert [r.status for r in (floor.complete(batch_id), floor.cancel(batch_id))] == [409, 409]
    assert (shelf.levels(), units_in(tenant, shelf, "missing"), shelf.free()) == ((3, 0), 2, 3)
    check_books(tenant)
    check_floor(tenant)


@pytest.mark.parametrize("status", ["PICKED", "PACKED", "SHIPPED"])
def test_an_order_that_is_further_is_not_cancelled(status: str, tenant: Tenant) -> None:
    panel, floor, shelf = make_panel(tenant), make_floor(tenant), make_shelf(tenant)
    order = place(tenant, (shelf, 1))
    floor.pick_all(order)
    if status != "PICKED":
        floor.verify(order, shelf.sku)
        floor.pack(order)
    if status == "SHIPPED":
        floor.fulfil(order)
    reply = panel.cancel(order.id)
    assert (reply.status, reply.json["error"]) == (400, f"Cannot cancel a sales order with status {status}")


def test_cancelling_a_paid_order_leaves_a_refund_due(tenant: Tenant) -> None:
    """The money is neither kept in silence nor sent back unasked: payments note it as due, and its buyer hears of it."""
    panel, shelf = make_panel(tenant), make_shelf(tenant)
    made = make_order(tenant, (shelf.product_id, 2), delivery_email="ana@example.com")
    with tenant.uow() as uow:
        orders.record_payment(uow, orders.lock_order(uow, made["id"]), "paid")
    assert panel.cancel(made["id"]).json["payment_status"] == "paid"
    assert tenant.rows("SELECT payload FROM outbox WHERE topic = 'orders.cancelled' AND queue <> 'bus'") == [
        {"payload": {"order_id": made["id"], "reason": "staff"}}
    ]
    assert shelf.free() == 10


def test_what_an_order_gives_back_goes_to_those_that_wait(tenant: Tenant) -> None:
    panel, shelf = make_panel(tenant), make_shelf(tenant, free=5)
    first, second, third = (panel.place((shelf, units)) for units in (5, 2, 2))
    assert panel.change(first, lines=[line(shelf, 2)]).status == 200
    tenant.work_off()
    assert [panel.lines(i, "held") for i in (first, second, third)] == [[(2,)], [(2,)], [(1,)]]
    assert panel.cancel(second).status == 200
    tenant.work_off()
    assert panel.lines(third, "held") == [(2,)]
    assert panel.get(third)["sales_order"]["is_short"] is False
    check_books(tenant)


# Lists.


def test_the_list_is_filtered_and_paged_newest_first(tenant: Tenant) -> None:
    panel, floor, shelf = make_panel(tenant), make_floor(tenant), make_shelf(tenant, free=50)
    other = make_warehouse(tenant)
    ids = [panel.place((shelf, n), so_number=f"N-{n}", so_barcode=f"B-{n}") for n in (1, 2, 3)]
    elsewhere = panel.place((shelf, 1), warehouse_id=other.id)
    with tenant.uow() as uow:
        floor.wave(orders.get(uow, ids[0]))

    def listed(query: str) -> tuple[list[int], int, int]:
        reply = panel.client.get(f"{PATH}?{query}")
        assert (reply.status, reply.statements) == (200, 4), reply.json
        return [o["so_id"] for o in reply.json["sales_orders"]], reply.json["total"], reply.json["pages"]

    assert listed("") == ([elsewhere, *ids[::-1]], 4, 1)
    assert listed("per_page=3&page=2") == ([ids[0]], 4, 2)
    assert listed("page=9") == ([], 4, 1)
    assert listed("status=OPEN") == ([elsewhere, *ids[:0:-1]], 3, 1)
    assert listed("status=OPEN&per_page=2&page=2") == ([ids[1]], 3, 2)
    assert listed("status=PICKING") == ([ids[0]], 1, 1)
    assert listed("status=ALLOCATED") == ([], 0, 0)
    assert listed(f"warehouse_id={tenant.warehouse_id}") == (ids[::-1], 3, 1)
    assert listed(f"warehouse_id={other.id}&status=OPEN") == ([elsewhere], 1, 1)
    assert listed("warehouse_id=2000000") == ([], 0, 0)
    assert listed("q=N-2") == ([ids[1]], 1, 1)
    assert listed("q=B-3&status=OPEN") == ([ids[2]], 1, 1)
    assert listed("q=B-3&status=SHIPPED") == ([], 0, 0)
    units = panel.client.get(f"{PATH}?q=N-3").json["sales_orders"][0]
    assert (units["line_count"], units["total_units"], units["units_picked"]) == (1, 3, 0)


@pytest.mark.parametrize("query", ["status=open", "status=LOST", "warehouse_id=x", "page=0", "per_page=1001", "sort=1"])
def test_a_filter_that_is_wrong_is_refused(query: str, tenant: Tenant) -> None:
    reply = make_panel(tenant).client.get(f"{PATH}?{query}")
    assert (reply.status, reply.json["error"]) == (400, "validation_error")


def test_sales_orders_are_for_administrators(tenant: Tenant) -> None:
    user = make_warehouse_user(tenant, "pick", "pack", "ship").client()
    assert [user.get(PATH).status, user.post(f"{PATH}/1/cancel").status] == [403, 403]


def test_the_floor_sees_the_ship_method(tenant: Tenant) -> None:
    panel, floor, shelf = make_panel(tenant), make_floor(tenant), make_shelf(tenant)
    order_id = panel.place((shelf, 1), ship_method="Freight", so_barcode="SO-FRT")
    with tenant.uow() as uow:
        order = orders.get(uow, order_id)
    floor.pick_all(order)
    assert floor.client.get("/api/packing/order/SO-FRT").json["sales_order"]["ship_method"] == "Freight"
    floor.verify(order, shelf.sku)
    floor.pack(order)
    assert floor.client.get("/api/shipping/order/SO-FRT").json["sales_order"]["ship_method"] == "Freight"
    assert floor.fulfil(order).json["ship_method"] == "Freight"
    assert tenant.value("SELECT ship_method FROM shipment") == "Freight"


def test_an_order_of_the_warehouse_does_not_expire(tenant: Tenant) -> None:
    order = place(tenant, (make_shelf(tenant), 1))
    assert order.hold_expires_at is None


def test_integrators_hear_of_an_order_of_the_warehouse(tenant: Tenant) -> None:
    panel, shelf = make_panel(tenant), make_shelf(tenant)
    order_id = panel.place((shelf, 1))
    panel.change(order_id, priority=1)
    panel.cancel(order_id)
    told = tenant.rows("SELECT type FROM fact WHERE record = %(r)s ORDER BY id", r=f"order:{order_id}")
    assert [row["type"] for row in told] == ["order.placed", "order.changed", "order.cancelled"]
