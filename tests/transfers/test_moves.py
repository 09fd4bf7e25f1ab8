"""Moves between bins of a warehouse: which units go, what is refused, what is written down."""

from datetime import date
from typing import Any

import pytest

from tests.factories.floor import check_floor, held_for, make_floor, make_lot, make_storage, place, put
from tests.factories.movement import (
    Carrier,
    bin_at,
    bin_of,
    body_of,
    default_bin,
    lay,
    lying,
    make_bin,
    make_carrier,
    make_manager,
)
from tests.factories.places import make_warehouse
from tests.factories.robots import make_storage as make_robot_storage
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant


@pytest.fixture
def carrier(tenant: Tenant) -> Carrier:
    return make_carrier(tenant)


def test_units_lie_elsewhere_afterwards(tenant: Tenant, carrier: Carrier) -> None:
    shelf, target = make_shelf(tenant, free=10), make_bin(tenant)
    reply = carrier.move(shelf, bin_of(shelf), target, 4, reason="nearer to the door")
    move = tenant.rows("SELECT id, reason, document, note, actor FROM stock_move ORDER BY id DESC LIMIT 1")[0]
    assert reply.json == {
        "message": "Transfer completed",
        "transfer_id": move["id"],
        "item": shelf.sku,
        "from_bin": bin_of(shelf).code,
        "to_bin": target.code,
        "quantity": 4,
        "lots": [{"transfer_id": move["id"], "lot_number": None, "quantity": 4}],
    }
    assert (reply.status, reply.statements) == (200, 8)
    assert (move["reason"], move["note"]) == ("bin_transfer", "nearer to the door")
    assert move["document"].startswith("bin_transfer:")
    assert move["actor"].startswith("staff:")
    assert (shelf.levels(), lying(shelf, target), shelf.free()) == ((6, 0), {None: (4, 0)}, 10)
    entry = tenant.rows("SELECT action, before, after FROM audit_entry ORDER BY id DESC LIMIT 1")[0]
    assert (entry["action"], entry["before"]["bin"], entry["after"]["bin"], entry["after"]["quantity"]) == (
        "stock.bin_transfer",
        bin_of(shelf).code,
        target.code,
        4,
    )
    check_books(tenant)


def test_what_nobody_asked_about_is_moved_first_expired_first_and_told_per_lot(
    tenant: Tenant, carrier: Carrier
) -> None:
    shelf, target = make_shelf(tenant, free=2), make_bin(tenant)
    source = bin_of(shelf)
    late, soon = (make_lot(tenant, shelf, expires_on=date(year, 1, 1)) for year in (2032, 2031))
    lay(tenant, shelf, source, 3, lot_id=late)
    lay(tenant, shelf, source, 3, lot_id=soon)
    numbers = {row["id"]: row["number"] for row in tenant.rows("SELECT id, number FROM lot")}
    reply = carrier.move(shelf, source, target, 7)
    assert [(lot["lot_number"], lot["quantity"]) for lot in reply.json["lots"]] == [
        (numbers[soon], 3),
        (numbers[late], 3),
        (None, 1),
    ]
    assert reply.json["transfer_id"] == min(lot["transfer_id"] for lot in reply.json["lots"])
    assert reply.statements == 8
    assert tenant.value("SELECT count(DISTINCT document) FROM stock_move WHERE reason = 'bin_transfer'") == 1
    assert lying(shelf, source) == {None: (1, 0)}
    check_books(tenant)


def test_a_lot_that_is_named_goes_alone(tenant: Tenant, carrier: Carrier) -> None:
    shelf, target = make_shelf(tenant, free=5), make_bin(tenant)
    lot_id = make_lot(tenant, shelf, expires_on=date(2031, 1, 1))
    lay(tenant, shelf, bin_of(shelf), 3, lot_id=lot_id)
    number = tenant.value("SELECT number FROM lot WHERE id = %(id)s", id=lot_id)
    unknown = carrier.move(shelf, bin_of(shelf), target, 1, lot_number="NO-SUCH")
    assert (unknown.status, unknown.json["error"]) == (400, f"Lot NO-SUCH is not in bin {bin_of(shelf).code}")
    too_many = carrier.move(shelf, bin_of(shelf), target, 4, lot_number=number)
    assert (too_many.status, "3 available" in too_many.json["error"]) == (400, True)
    assert carrier.move(shelf, bin_of(shelf), target, 3, lot_number=number).status == 200
    assert (lying(shelf, bin_of(shelf)), lying(shelf, target)) == ({None: (5, 0)}, {number: (3, 0)})
    check_books(tenant)


def test_what_a_pick_set_aside_stays_under_it(tenant: Tenant, carrier: Carrier) -> None:
    shelf, floor, target = make_shelf(tenant, free=10), make_floor(tenant), make_bin(tenant)
    order = place(tenant, (shelf, 6))
    batch_id = floor.wave(order).json["batch_id"]
    refused = carrier.move(shelf, bin_of(shelf), target, 5)
    assert (refused.status, refused.json["error"]) == (
        400,
        f"Not enough stock in bin {bin_of(shelf).code}: 4 available, 6 more are allocated to picks, 5 asked",
    )
    assert carrier.move(shelf, bin_of(shelf), target, 4).status == 200
    for task in floor.tasks(batch_id):
        assert floor.confirm(task["pick_task_id"], task["sku"], task["quantity_to_pick"]).status == 200
    assert shelf.levels() == (0, 0)
    check_books(tenant)
    check_floor(tenant)


def test_damaged_units_may_go_although_an_order_holds_them(tenant: Tenant, carrier: Carrier) -> None:
    shelf, damaged = make_shelf(tenant, free=5), make_bin(tenant, zone="DAMAGE")
    older, younger = place(tenant, (shelf, 3)), place(tenant, (shelf, 2))
    reply = carrier.move(shelf, bin_of(shelf), damaged, 3, reason="wet")
    assert (reply.status, reply.statements) == (200, 9)
    assert (held_for(tenant, older), held_for(tenant, younger), shelf.free()) == ([2], [0], 0)
    tenant.work_off()
    assert {r["id"] for r in tenant.rows("SELECT id FROM sales_order WHERE is_short")} == {older.id, younger.id}
    check_books(tenant)
    assert carrier.move(shelf, damaged, bin_of(shelf), 3).status == 200
    assert shelf.free() == 3
    check_books(tenant)


@pytest.mark.parametrize(
    ("change", "type_", "loc"),
    [
        ({"quantity": 0}, "greater_than", ["quantity"]),
        ({"quantity": -1}, "greater_than", ["quantity"]),
        ({"quantity": 1.5}, "int_type", ["quantity"]),
        ({"quantity": "2"}, "int_type", ["quantity"]),
        ({"quantity": True}, "int_type", ["quantity"]),
        ({"quantity": 10**12}, "less_than_equal", ["quantity"]),
        ({"item_id": "1"}, "int_type", ["item_id"]),
        ({"lot_number": "L" * 256}, "string_too_long", ["lot_number"]),
        ({"lot_number": 7}, "string_type", ["lot_number"]),
        ({"surplus": 1}, "extra_forbidden", ["surplus"]),
    ],
)
@pytest.mark.parametrize("path", ["/api/transfers/move", "/api/putaway/confirm", "/api/admin/inter-warehouse-transfer"])
def test_bodies_that_are_wrong(path: str, change: dict[str, Any], type_: str, loc: list[str], tenant: Tenant) -> None:
    shelf = make_shelf(tenant)
    body = {**body_of(shelf, bin_of(shelf), make_bin(tenant), 1), **change}
    reply = make_manager(tenant).client.post(path, body)
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert [(d["type"], d["loc"]) for d in reply.json["details"]] == [(type_, loc)]
    assert shelf.levels() == (10, 0)


@pytest.mark.parametrize("path", ["/api/transfers/move", "/api/putaway/confirm", "/api/admin/inter-warehouse-transfer"])
def test_a_bin_to_itself(path: str, tenant: Tenant) -> None:
    shelf = make_shelf(tenant)
    reply = make_manager(tenant).client.post(path, body_of(shelf, bin_of(shelf), bin_of(shelf), 1))
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert [(d["type"], d["loc"]) for d in reply.json["details"]] == [("value_error", [])]


def test_bins_of_two_warehouses(tenant: Tenant) -> None:
    shelf, there = make_shelf(tenant), make_bin(tenant, warehouse_id=make_warehouse(tenant).id)
    reply = make_manager(tenant).move(shelf, bin_of(shelf), there)
    assert (reply.status, reply.json["error"], shelf.levels()) == (400, "Bins are in different warehouses", (10, 0))


def test_what_is_not_there_or_not_ones_own(tenant: Tenant, other_tenant: Tenant, carrier: Carrier) -> None:
    shelf, target = make_shelf(tenant), make_bin(tenant)
    elsewhere, foreign = make_bin(tenant, warehouse_id=make_warehouse(tenant).id), make_shelf(other_tenant)
    body = body_of(shelf, bin_of(shelf), target, 1)
    wrong: list[tuple[dict[str, int], str]] = [
        ({"item_id": 2_000_000_000}, "Item not found"),
        ({"item_id": foreign.variant_id}, "Item not found"),
        ({"from_bin_id": foreign.bin_id}, "Source bin not found"),
        ({"from_bin_id": elsewhere.id}, "Source bin not found"),
        ({"to_bin_id": 2_000_000_000}, "Destination bin not found"),
        ({"to_bin_id": elsewhere.id}, "Destination bin not found"),
    ]
    for change, sentence in wrong:
        reply = carrier.client.post("/api/transfers/move", {**body, **change})
        assert (reply.status, reply.json["error"]) == (404, sentence)
    assert shelf.levels() == (10, 0)
    assert tenant.value("SELECT count(*) FROM stock_move WHERE reason = 'bin_transfer'") == 0


def test_a_closed_bin_may_be_emptied_but_not_filled(tenant: Tenant, carrier: Carrier) -> None:
    shelf, target = make_shelf(tenant), make_bin(tenant)
    close = "UPDATE bin SET is_active = %(open)s WHERE id = %(id)s RETURNING id"
    tenant.rows(close, id=target.id, open=False)
    reply = carrier.move(shelf, bin_of(shelf), target)
    assert (reply.status, reply.json["error"]) == (400, f"Bin {target.code} is closed")
    tenant.rows(close, id=target.id, open=True)
    tenant.rows(close, id=shelf.bin_id, open=False)
    assert carrier.move(shelf, bin_of(shelf), target, 10).status == 200
    check_books(tenant)


def test_the_hidden_bin_is_a_bin_like_others(tenant: Tenant, carrier: Carrier) -> None:
    shelf, hidden = make_shelf(tenant, free=0), default_bin(tenant)
    lay(tenant, shelf, hidden, 5)
    assert carrier.move(shelf, hidden, bin_of(shelf), 5).status == 200
    assert carrier.move(shelf, bin_of(shelf), hidden, 1).status == 200
    assert (shelf.levels(), lying(shelf, hidden)) == ((4, 0), {None: (1, 0)})


def test_robot_boxes_are_reached_at_a_balcony_only_and_filled_by_request_only(tenant: Tenant, carrier: Carrier) -> None:
    shelf, (staging, (account_id, _)) = make_shelf(tenant), make_storage(tenant)
    put(tenant, shelf, 5, account_id=account_id)
    box = bin_at(tenant, account_id)
    away = carrier.move(shelf, box, bin_of(shelf))
    assert (away.status, away.json["error"]) == (400, f"Bin {box.code} is a robot box that is not at a balcony")
    tenant.rows(
        "UPDATE carrier SET balcony_id = (SELECT id FROM balcony WHERE staging_account_id = %(a)s) RETURNING id",
        a=staging,
    )
    assert carrier.move(shelf, box, bin_of(shelf), 2).status == 200
    filled = carrier.move(shelf, bin_of(shelf), box)
    assert (filled.status, filled.json["error"]) == (400, f"Bin {box.code} is a robot box; a storage request fills it")
    assert lying(shelf, box) == {None: (3, 0)}
    check_books(tenant)


def test_what_a_robot_is_to_bring_is_not_taken_out_before(tenant: Tenant, carrier: Carrier) -> None:
    storage = make_robot_storage(tenant)
    loaded = storage.load(5)
    assert storage.ask((loaded, 4)).status == 200
    boxes = tenant.rows("SELECT account_id FROM stock_level WHERE variant_id = %(v)s", v=loaded.variant_id)
    tenant.rows("UPDATE carrier SET balcony_id = (SELECT min(id) FROM balcony) RETURNING id")
    reply = carrier.move(loaded, bin_at(tenant, boxes[0]["account_id"]), make_bin(tenant), 2)
    assert (reply.status, "1 available, 4 more are allocated" in reply.json["error"]) == (400, True)


def test_a_repeated_key_has_one_effect(tenant: Tenant, carrier: Carrier) -> None:
    shelf, target = make_shelf(tenant), make_bin(tenant)
    body = body_of(shelf, bin_of(shelf), target, 3)
    replies = [carrier.client.post("/api/transfers/move", body, idempotency_key="once") for _ in range(3)]
    assert [r.json for r in replies] == [replies[0].json] * 3
    assert (replies[0].status, shelf.levels()) == (200, (7, 0))
