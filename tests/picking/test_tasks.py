"""One pick task: confirmed, in parts or wrongly; found short; handed out by a robot."""

from dataclasses import replace

import pytest

from chalicelib import catalogue, picking
from tests.factories.floor import check_floor, held_for, make_floor, make_storage, place, put, units_in
from tests.factories.identity import make_api_key
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant


def test_a_confirmed_pick_leaves_the_bin_for_the_way_out(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=10)
    order = place(tenant, (shelf, 4))
    wave = floor.wave(order).json
    reply = floor.confirm(wave["first_pick"]["pick_task_id"], shelf.barcode, 4)
    assert reply.status == 200
    assert reply.json == {
        "message": "Pick confirmed",
        "task": {
            "pick_task_id": wave["first_pick"]["pick_task_id"],
            "status": "PICKED",
            "sku": shelf.sku,
            "quantity_picked": 4,
            "quantity_remaining": 0,
            "bin_code": wave["first_pick"]["bin_code"],
            "tote_number": "TOTE-1",
        },
        "remaining_tasks": 0,
    }
    assert (shelf.levels(), units_in(tenant, shelf, "outbound"), held_for(tenant, order)) == ((6, 0), 4, [0])
    assert shelf.free() == 6
    check_books(tenant)
    check_floor(tenant)


def test_one_of_five_confirmed_for_two_orders_credits_one(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=10)
    first, second = place(tenant, (shelf, 2)), place(tenant, (shelf, 3))
    task_id = floor.wave(first, second).json["first_pick"]["pick_task_id"]
    reply = floor.confirm(task_id, shelf.sku, 1)
    assert (reply.json["task"]["status"], reply.json["task"]["quantity_remaining"]) == ("PENDING", 4)
    assert reply.json["remaining_tasks"] == 1
    assert [floor.now(o).lines[0].picked for o in (first, second)] == [1, 0]
    assert (held_for(tenant, first), held_for(tenant, second), shelf.levels()) == ([1], [3], (9, 4))
    assert floor.confirm(task_id, shelf.sku, 4).json["task"]["status"] == "PICKED"
    assert [floor.now(o).lines[0].picked for o in (first, second)] == [2, 3]
    check_books(tenant)
    check_floor(tenant)


def test_every_barcode_of_the_item_confirms(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=10)
    gtin = "012345678905"
    with tenant.uow() as uow:
        new = catalogue.NewProduct(sku="GTIN-1", name="Tape", unit_price_minor=100, barcodes=(gtin, "ALIAS-1"))
        variant_id = catalogue.create_product(uow, new).variant_id
    tape = replace(shelf, variant_id=variant_id, sku="GTIN-1")
    put(tenant, tape, 10, account_id=shelf.account_id)
    task_id = floor.wave(place(tenant, (tape, 5))).json["first_pick"]["pick_task_id"]
    codes = (gtin, f"0{gtin}", "ALIAS-1", "gtin-1", "GTIN-1")
    assert [floor.confirm(task_id, code, 1).status for code in codes] == [200] * 5


@pytest.mark.parametrize(
    ("_case", "code", "quantity", "status", "error"),
    [
        ("another item", "other", 1, 400, "Wrong item scanned. Expected SKU: {sku}"),
        ("an unknown code", "no such code", 1, 400, "Wrong item scanned. Expected SKU: {sku}"),
        ("more than the task wants", "own", 4, 400, "Cannot pick 4 - task only requires 3"),
        ("none", "own", 0, 400, "validation_error"),
    ],
)
def test_a_pick_that_is_refused_changes_nothing(
    _case: str, code: str, quantity: int, status: int, error: str, tenant: Tenant
) -> None:
    floor, shelf, other = make_floor(tenant), make_shelf(tenant, free=10), make_shelf(tenant)
    task_id = floor.wave(place(tenant, (shelf, 3))).json["first_pick"]["pick_task_id"]
    scanned = {"own": shelf.barcode, "other": other.barcode}.get(code, code)
    reply = floor.confirm(task_id, scanned, quantity)
    assert (reply.status, reply.json["error"]) == (status, error.format(sku=shelf.sku))
    assert (shelf.levels(), units_in(tenant, shelf, "outbound")) == ((10, 3), 0)


def test_a_task_is_done_once(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    task_id = floor.wave(place(tenant, (shelf, 1))).json["first_pick"]["pick_task_id"]
    assert floor.confirm(task_id, shelf.sku, 1).status == 200
    refused = [floor.confirm(task_id, shelf.sku, 1), floor.short(task_id, 0), floor.confirm(999_999, shelf.sku, 1)]
    assert [(r.status, r.json["error"]) for r in refused] == [
        (400, "Pick task is already PICKED"),
        (400, "Pick task is already PICKED"),
        (404, "Pick task not found"),
    ]


def test_a_short_pick_is_picked_elsewhere_when_there_is_more(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=5)
    elsewhere = put(tenant, shelf, 10)
    first, second = place(tenant, (shelf, 2)), place(tenant, (shelf, 3))
    batch_id = floor.wave(first, second).json["batch_id"]
    reply = floor.short(floor.tasks(batch_id)[0]["pick_task_id"], 3)
    assert reply.status == 200
    assert {k: reply.json["task"][k] for k in ("status", "quantity_to_pick", "quantity_picked", "shortage")} == {
        "status": "SHORT",
        "quantity_to_pick": 5,
        "quantity_picked": 3,
        "shortage": 2,
    }
    assert (reply.json["quantity_replanned"], reply.json["quantity_short"], reply.json["remaining_tasks"]) == (2, 0, 1)
    replanned = reply.json["replanned"][0]
    assert (replanned["quantity"], replanned["is_ready"]) == (2, True)
    assert tenant.value("SELECT allocated FROM stock_level WHERE account_id = %(a)s", a=elsewhere) == 2
    assert (shelf.levels(), units_in(tenant, shelf, "missing"), shelf.free()) == ((0, 0), 2, 8)
    assert [held_for(tenant, o) for o in (first, second)] == [[0], [2]]
    assert not floor.now(second).is_short
    check_books(tenant)
    check_floor(tenant)
    assert floor.confirm(replanned["pick_task_id"], shelf.sku, 2).json["remaining_tasks"] == 0
    assert floor.complete(batch_id).json["summary"]["total_shorts"] == 1
    assert [floor.now(o).lines[0].picked for o in (first, second)] == [2, 3]
    check_books(tenant)
    check_floor(tenant)


@pytest.mark.parametrize(
    ("_case", "elsewhere", "promised", "replanned", "short"),
    [
        ("nothing else is there", 0, 0, 0, 4),
        ("all of it is promised to others", 3, 3, 0, 4),
        ("some is", 5, 3, 2, 2),
    ],
)
def test_a_short_pick_takes_nothing_that_others_were_promised(
    _case: str, elsewhere: int, promised: int, replanned: int, short: int, tenant: Tenant
) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=4)
    order = place(tenant, (shelf, 4))
    batch_id = floor.wave(order).json["batch_id"]
    if elsewhere:
        put(tenant, shelf, elsewhere)
    if promised:
        place(tenant, (shelf, promised))
    reply = floor.short(floor.tasks(batch_id)[0]["pick_task_id"], 0)
    assert reply.status == 200
    assert (reply.json["quantity_replanned"], reply.json["quantity_short"]) == (replanned, short)
    now = floor.now(order)
    assert (now.is_short, now.lines[0].short, held_for(tenant, order)) == (short > 0, short, [replanned])
    assert units_in(tenant, shelf, "missing") == 4
    check_books(tenant)
    check_floor(tenant)


def test_a_short_pick_of_everything_is_a_pick(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    task_id = floor.wave(place(tenant, (shelf, 3))).json["first_pick"]["pick_task_id"]
    over = floor.short(task_id, 4)
    assert (over.status, over.json["error"]) == (
        400,
        "Available quantity 4 exceeds task requirement 3 - use confirm instead",
    )
    reply = floor.short(task_id, 3)
    assert (reply.json["task"]["status"], reply.json["task"]["shortage"]) == ("PICKED", 0)
    assert (shelf.levels(), units_in(tenant, shelf, "missing")) == ((7, 0), 0)


def test_a_short_pick_after_part_of_it_was_confirmed(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=5)
    order = place(tenant, (shelf, 5))
    task_id = floor.wave(order).json["first_pick"]["pick_task_id"]
    floor.confirm(task_id, shelf.sku, 2)
    reply = floor.short(task_id, 1)
    assert (reply.json["task"]["quantity_picked"], reply.json["task"]["shortage"]) == (3, 2)
    assert (floor.now(order).lines[0].picked, floor.now(order).lines[0].short) == (3, 2)
    check_books(tenant)
    check_floor(tenant)


def test_a_cancelled_batch_with_a_short_pick_leaves_the_missing_missing(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=5)
    order = place(tenant, (shelf, 5))
    wave = floor.wave(order).json
    floor.short(wave["first_pick"]["pick_task_id"], 3)
    assert floor.cancel(wave["batch_id"]).json["units_returned"] == 3
    assert (shelf.levels(), units_in(tenant, shelf, "missing"), held_for(tenant, order)) == ((3, 0), 2, [3])
    check_books(tenant)
    check_floor(tenant)
    assert floor.wave(order).json["total_units"] == 3


def test_units_in_a_robot_box_wait_until_they_are_handed_out(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=0)
    balcony, (box, _) = make_storage(tenant, pick_sequence=7)
    put(tenant, shelf, 5, account_id=box)
    wave = floor.wave(place(tenant, (shelf, 2)))
    assert (wave.status, wave.json["first_pick"], wave.statements) == (200, None, 14)
    batch_id = wave.json["batch_id"]
    task_id = floor.tasks(batch_id)[0]["pick_task_id"]
    assert asked_of_robots(tenant) == [(task_id, box, shelf.variant_id, 2)]
    waiting = floor.client.get(f"/api/picking/batch/{batch_id}/next")
    assert (waiting.status, waiting.json) == (200, {"message": "Waiting for robots", "waiting": 1})
    early = floor.confirm(task_id, shelf.sku, 2)
    assert (early.status, early.json["error"]) == (409, "Pick task is waiting for a robot")
    with tenant.uow() as uow:
        assert picking.hand_over(uow, task_id, balcony)
    with tenant.uow() as uow:
        assert not picking.hand_over(uow, task_id, balcony)
        assert not picking.hand_over(uow, 999_999, balcony)
    ready = floor.client.get(f"/api/picking/batch/{batch_id}/next").json
    assert (ready["pick_task_id"], ready["pick_sequence"], ready["is_ready"]) == (task_id, 7, True)
    check_books(tenant)
    check_floor(tenant)
    assert floor.confirm(task_id, shelf.sku, 2).status == 200
    levels = tenant.rows("SELECT account_id, on_hand FROM stock_level WHERE variant_id = %(v)s", v=shelf.variant_id)
    on_hand = {row["account_id"]: row["on_hand"] for row in levels}
    assert (on_hand[box], on_hand[balcony], shelf.free()) == (3, 0, 3)
    check_books(tenant)
    check_floor(tenant)


def test_an_empty_box_is_reported_short_and_another_one_asked_for(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=0)
    balcony, boxes = make_storage(tenant)
    for box in boxes:
        put(tenant, shelf, 2, account_id=box)
    task_id = floor.tasks(floor.wave(place(tenant, (shelf, 2))).json["batch_id"])[0]["pick_task_id"]
    assert floor.short(task_id, 1).status == 409
    reply = floor.short(task_id, 0)
    assert (reply.status, reply.json["quantity_replanned"]) == (200, 2)
    replanned = reply.json["replanned"][0]
    assert replanned["is_ready"] is False
    assert asked_of_robots(tenant) == [
        (task_id, boxes[0], shelf.variant_id, 2),
        (replanned["pick_task_id"], boxes[1], shelf.variant_id, 2),
    ]
    with tenant.uow() as uow:
        assert not picking.hand_over(uow, task_id, balcony)
    check_books(tenant)
    check_floor(tenant)


def test_a_batch_that_waits_for_robots_can_be_given_up(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=0)
    balcony, (box, _) = make_storage(tenant)
    put(tenant, shelf, 2, account_id=box)
    batch_id = floor.wave(place(tenant, (shelf, 2))).json["batch_id"]
    task_id = floor.tasks(batch_id)[0]["pick_task_id"]
    assert floor.cancel(batch_id).status == 200
    with tenant.uow() as uow:
        assert not picking.hand_over(uow, task_id, balcony)
    assert tenant.rows("SELECT on_hand, allocated FROM stock_level WHERE account_id = %(a)s", a=box) == [
        {"on_hand": 2, "allocated": 0}
    ]
    check_books(tenant)
    check_floor(tenant)


def asked_of_robots(tenant: Tenant) -> list[tuple[int, int, int, int]]:
    """(task, account of the box, variant, units) of every job for a pick."""
    rows = tenant.rows(
        "SELECT pick_task_id, from_account_id, variant_id, quantity FROM storage_job WHERE pick_task_id IS NOT NULL "
        "ORDER BY pick_task_id"
    )
    return [tuple(row.values()) for row in rows]


def test_stock_that_vanishes_elsewhere_leaves_a_planned_pick_alone(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=5)
    put(tenant, shelf, 5)
    older, younger = place(tenant, (shelf, 5)), place(tenant, (shelf, 5))
    task_id = floor.wave(younger).json["first_pick"]["pick_task_id"]
    key = floor.client.as_bearer(make_api_key(tenant))
    body = {"variant_id": shelf.variant_id, "location_id": tenant.warehouse_id, "quantity": -5, "reason": "damage"}
    reply = key.post("/api/v1/inventory_adjustments", body)
    assert reply.status == 201
    assert [held_for(tenant, o) for o in (older, younger)] == [[0], [5]]
    assert floor.confirm(task_id, shelf.sku, 5).status == 200
    tenant.work_off()
    assert (floor.now(older).is_short, floor.now(younger).is_short) == (True, False)
    check_books(tenant)
    check_floor(tenant)
