"""Waves: which orders may join, what becomes a task, how a batch ends."""

from datetime import date

import pytest

from tests.client import Reply
from tests.factories.floor import check_floor, held_for, make_floor, make_lot, place, put, units_in
from tests.factories.identity import make_staff
from tests.factories.orders import make_order
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant


def test_a_wave_picks_equal_items_of_several_orders_once(tenant: Tenant) -> None:
    floor, bolts, nuts = make_floor(tenant), make_shelf(tenant, free=10), make_shelf(tenant, free=10)
    first, second = place(tenant, (bolts, 2), (nuts, 1)), place(tenant, (bolts, 3))
    reply = floor.wave(first, second)
    assert reply.status == 200
    wave = reply.json
    assert (wave["batch_status"], wave["total_orders"], wave["total_picks"], wave["total_units"]) == (
        "IN_PROGRESS",
        2,
        2,
        6,
    )
    assert wave["warnings"] is None
    assert [(o["so_number"], o["tote_number"], o["line_count"]) for o in wave["orders"]] == [
        (first.number, "TOTE-1", 2),
        (second.number, "TOTE-2", 1),
    ]
    task = wave["first_pick"]
    assert (task["sku"], task["quantity_to_pick"], task["tote_number"], task["pick_number"]) == (
        bolts.sku,
        5,
        "WAVE",
        1,
    )
    assert [(c["so_number"], c["quantity"]) for c in task["contributing_orders"]] == [
        (first.number, 2),
        (second.number, 3),
    ]
    assert (bolts.levels(), nuts.levels()) == ((10, 5), (10, 1))
    assert [floor.state(o) for o in (first, second)] == ["picking", "picking"]
    check_books(tenant)
    check_floor(tenant)


def test_a_batch_by_number_or_barcode_keeps_orders_apart(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    first, second = place(tenant, (shelf, 2), barcode="SO-BC-1"), place(tenant, (shelf, 3))
    body = {"so_identifiers": ["SO-BC-1", second.number], "warehouse_id": tenant.warehouse_id}
    reply = floor.client.post("/api/picking/create-batch", body)
    assert (reply.status, reply.json["total_picks"], reply.json["batch_number"][:6]) == (200, 2, "BATCH-")
    tasks = floor.tasks(reply.json["batch_id"])
    assert [(t["so_number"], t["tote_number"], t["quantity_to_pick"]) for t in tasks] == [
        (first.number, "TOTE-1", 2),
        (second.number, "TOTE-2", 3),
    ]
    check_floor(tenant)


def test_statement_budgets(tenant: Tenant) -> None:
    floor, shelves = make_floor(tenant), [make_shelf(tenant, free=50) for _ in range(3)]
    placed = [place(tenant, *[(shelf, 1) for shelf in shelves]) for _ in range(8)]
    wave = floor.wave(*placed)
    batch_id = wave.json["batch_id"]
    shown = floor.client.get(f"/api/picking/batch/{batch_id}")
    following = floor.client.get(f"/api/picking/batch/{batch_id}/next")
    confirmed = floor.confirm(following.json["pick_task_id"], following.json["sku"], 1)
    short = floor.short(floor.tasks(batch_id)[1]["pick_task_id"], 1)
    active = floor.client.get("/api/picking/active-batch")
    assert [r.status for r in (wave, shown, following, confirmed, short, active)] == [200] * 6
    assert wave.statements <= 14
    assert (confirmed.statements, short.statements) == (9, 10)
    assert max(shown.statements, following.statements, active.statements) <= 4
    assert floor.cancel(batch_id).statements <= 14


@pytest.mark.parametrize(
    ("_case", "expiries", "wanted", "taken"),
    [
        ("first expired first", [date(2099, 3, 1), date(2099, 1, 1)], 5, [(1, 3), (0, 2)]),
        ("expired is never proposed", [date(2020, 1, 1), date(2099, 1, 1)], 3, [(1, 3)]),
        ("without a date last", [None, date(2099, 1, 1)], 4, [(1, 3), (0, 1)]),
    ],
)
def test_lots_leave_first_expired_first(
    _case: str, expiries: list[date | None], wanted: int, taken: list[tuple[int, int]], tenant: Tenant
) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=0)
    lots = [make_lot(tenant, shelf, expires_on=expires_on) for expires_on in expiries]
    for lot_id in lots:
        put(tenant, shelf, 3, account_id=shelf.account_id, lot_id=lot_id)
    floor.pick_all(place(tenant, (shelf, wanted)))
    left = {
        r["lot_id"]: r["on_hand"]
        for r in tenant.rows("SELECT lot_id, on_hand FROM stock_level WHERE account_id = %(a)s", a=shelf.account_id)
    }
    assert left == {lot: 3 - dict(taken).get(n, 0) for n, lot in enumerate(lots)}
    check_books(tenant)
    check_floor(tenant)


def test_two_lots_in_one_bin_are_two_tasks_and_the_picked_lot_leaves(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=0)
    late, soon = (make_lot(tenant, shelf, expires_on=day) for day in (date(2099, 9, 1), date(2099, 1, 1)))
    for lot_id in (late, soon):
        put(tenant, shelf, 3, account_id=shelf.account_id, lot_id=lot_id)
    floor.pick_all(place(tenant, (shelf, 3)))
    levels = tenant.rows("SELECT lot_id, on_hand FROM stock_level WHERE account_id = %(a)s", a=shelf.account_id)
    assert {r["lot_id"]: r["on_hand"] for r in levels} == {late: 3, soon: 0}


def test_staging_bins_are_never_picked_and_a_shortage_still_makes_the_batch(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=3)
    put(tenant, shelf, 5, kind="Staging")
    order = place(tenant, (shelf, 6))
    reply = floor.wave(order)
    assert reply.status == 200
    assert reply.json["warnings"] == [{"sku": shelf.sku, "needed": 6, "available": 3}]
    assert [(t["quantity_to_pick"], t["bin_id"]) for t in floor.tasks(reply.json["batch_id"])] == [(3, shelf.bin_id)]
    check_books(tenant)


def test_what_a_batch_did_not_pick_is_short_and_gives_its_hold_back(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=3)
    put(tenant, shelf, 5, kind="Staging")
    order = place(tenant, (shelf, 6))
    floor.pick_all(order)
    now = floor.now(order)
    assert (now.state, now.is_short, now.lines[0].picked, now.lines[0].short) == ("picked", True, 3, 3)
    assert (held_for(tenant, order), shelf.free()) == ([0], 5)
    check_books(tenant)


def test_an_order_that_got_nothing_is_open_again_and_keeps_its_hold(tenant: Tenant) -> None:
    floor, shelf, other = make_floor(tenant), make_shelf(tenant, free=0), make_shelf(tenant)
    put(tenant, shelf, 5, kind="Staging")
    waiting, picked = place(tenant, (shelf, 2)), place(tenant, (other, 1))
    batch_id = floor.wave(waiting, picked).json["batch_id"]
    task = floor.tasks(batch_id)[0]
    floor.confirm(task["pick_task_id"], other.barcode, 1)
    reply = floor.complete(batch_id)
    assert [(o["so_number"], o["status"]) for o in reply.json["summary"]["orders"]] == [
        (waiting.number, "OPEN"),
        (picked.number, "PICKED"),
    ]
    assert (floor.state(waiting), held_for(tenant, waiting)) == ("confirmed", [2])
    assert floor.wave(waiting).status == 200
    check_books(tenant)


def test_the_path_follows_the_pick_sequence(tenant: Tenant) -> None:
    floor = make_floor(tenant)
    shelves = [make_shelf(tenant, free=0) for _ in range(4)]
    for shelf, sequence in zip(shelves, (40, 10, 30, 20), strict=True):
        put(tenant, shelf, 5, pick_sequence=sequence)
    batch_id = floor.wave(place(tenant, *[(shelf, 1) for shelf in shelves])).json["batch_id"]
    assert [t["pick_sequence"] for t in floor.tasks(batch_id)] == [10, 20, 30, 40]
    walked = []
    while "pick_task_id" in (task := floor.client.get(f"/api/picking/batch/{batch_id}/next").json):
        walked.append((task["pick_sequence"], task["pick_number"]))
        floor.confirm(task["pick_task_id"], task["sku"], task["quantity_to_pick"])
    assert walked == [(10, 1), (20, 2), (30, 3), (40, 4)]
    assert task == {"message": "All tasks complete"}


def test_orders_that_cannot_be_waved(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    order, unpaid = place(tenant, (shelf, 1)), make_order(tenant, (shelf.product_id, 1))
    unpaid_id = tenant.value("SELECT id FROM sales_order WHERE number = %(n)s", n=unpaid["order_number"])
    assert floor.wave(order).status == 200

    def post(ids: list[int]) -> Reply:
        return floor.client.post("/api/picking/wave-create", {"so_ids": ids, "warehouse_id": tenant.warehouse_id})

    refused = [post([order.id]), post([unpaid_id]), post([999_999]), post([order.id, order.id])]
    assert [(r.status, r.json["error"]) for r in refused] == [
        (400, f"SO {order.number} status is PICKING, must be OPEN"),
        (400, f"SO {unpaid['order_number']} is not released for picking: payment is unpaid"),
        (400, "SO not found: 999999"),
        (400, "Duplicate SO IDs in request"),
    ]
    assert tenant.value("SELECT count(*) FROM pick_batch") == 1
    assert shelf.levels() == (10, 1)


def test_validating_an_order_for_a_wave(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    order, waved = place(tenant, (shelf, 2), barcode="SO-77"), place(tenant, (shelf, 1))
    done = place(tenant, (shelf, 1))
    floor.pick_all(done)
    batch_id = floor.wave(waved).json["batch_id"]

    def check(code: str) -> Reply:
        body = {"so_barcode": code, "warehouse_id": tenant.warehouse_id}
        return floor.client.post("/api/picking/wave-validate", body)

    good = {"valid": True, "so_id": order.id, "so_number": order.number, "line_count": 1, "total_units": 2}
    assert [(r.status, r.json) for r in (check("SO-77"), check(order.number))] == [(200, good), (200, good)]
    assert check("SO-77").statements <= 4
    refused = [check("nothing"), check(waved.number), check(done.number)]
    assert [(r.status, r.json) for r in refused] == [
        (404, {"error": "Order not found", "valid": False, "batch_id": None}),
        (409, {"error": "Order already in active pick batch", "valid": False, "batch_id": batch_id}),
        (400, {"error": "Order status is PICKED, must be OPEN", "valid": False, "batch_id": None}),
    ]


def test_the_active_batch_is_the_callers_latest(tenant: Tenant) -> None:
    floor, other, shelf = make_floor(tenant), make_floor(tenant), make_shelf(tenant)
    assert floor.client.get("/api/picking/active-batch").json == {"active": False}
    batch_id = floor.wave(place(tenant, (shelf, 1)), place(tenant, (shelf, 1))).json["batch_id"]
    active = floor.client.get("/api/picking/active-batch").json
    assert {k: active[k] for k in ("active", "batch_id", "total_picks", "completed_picks", "total_orders")} == {
        "active": True,
        "batch_id": batch_id,
        "total_picks": 1,
        "completed_picks": 0,
        "total_orders": 2,
    }
    assert other.client.get("/api/picking/active-batch").json == {"active": False}


def test_a_cancelled_batch_puts_everything_back(tenant: Tenant) -> None:
    floor, shelf, other = make_floor(tenant), make_shelf(tenant), make_shelf(tenant)
    first, second = place(tenant, (shelf, 2), (other, 1)), place(tenant, (shelf, 3))
    batch_id = floor.wave(first, second).json["batch_id"]
    task = floor.tasks(batch_id)[0]
    assert floor.confirm(task["pick_task_id"], shelf.barcode, 4).status == 200
    assert (shelf.levels(), units_in(tenant, shelf, "outbound")) == ((6, 1), 4)
    reply = floor.cancel(batch_id)
    assert (reply.status, reply.json) == (
        200,
        {"message": "Batch cancelled", "batch_id": batch_id, "units_returned": 4},
    )
    assert (shelf.levels(), other.levels(), units_in(tenant, shelf, "outbound")) == ((10, 0), (10, 0), 0)
    assert [held_for(tenant, o) for o in (first, second)] == [[2, 1], [3]]
    assert [(floor.now(o).state, floor.now(o).lines[0].picked) for o in (first, second)] == [("confirmed", 0)] * 2
    assert {t["status"] for t in floor.tasks(batch_id)} == {"SKIPPED"}
    check_books(tenant)
    check_floor(tenant)
    assert floor.wave(first, second).status == 200
    check_floor(tenant)


def test_how_a_batch_may_not_end(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    batch_id = floor.wave(place(tenant, (shelf, 1))).json["batch_id"]
    pending = floor.complete(batch_id)
    assert (pending.status, pending.json["error"]) == (400, "Cannot complete batch - 1 tasks still pending")
    floor.confirm(floor.tasks(batch_id)[0]["pick_task_id"], shelf.sku, 1)
    assert floor.complete(batch_id).json["summary"]["total_items_picked"] == 1
    refused = [floor.complete(batch_id), floor.cancel(batch_id), floor.complete(999_999), floor.cancel(999_999)]
    assert [(r.status, r.json["error"]) for r in refused] == [
        (409, "Batch is already COMPLETED"),
        (409, "Batch is already COMPLETED"),
        (400, "Batch not found"),
        (404, "Batch not found"),
    ]
    check_books(tenant)


def test_a_batch_that_nobody_knows_has_nothing_to_pick(tenant: Tenant) -> None:
    floor = make_floor(tenant)
    reply = floor.client.get("/api/picking/batch/999999/next")
    assert (reply.status, reply.json) == (200, {"message": "All tasks complete"})
    assert floor.client.get("/api/picking/batch/999999").status == 404


def test_a_user_of_another_warehouse_sees_nothing_and_an_administrator_all(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    elsewhere = make_floor(tenant, warehouse_ids=[])
    order, waved = place(tenant, (shelf, 1)), place(tenant, (shelf, 1))
    batch_id = floor.wave(waved).json["batch_id"]
    task = floor.tasks(batch_id)[0]
    refused = [
        elsewhere.wave(order),
        elsewhere.client.get(f"/api/picking/batch/{batch_id}"),
        elsewhere.client.get(f"/api/picking/batch/{batch_id}/next"),
        elsewhere.confirm(task["pick_task_id"], shelf.sku, 1),
        elsewhere.short(task["pick_task_id"], 0),
        elsewhere.complete(batch_id),
        elsewhere.cancel(batch_id),
    ]
    assert [r.status for r in refused] == [403, 404, 404, 404, 404, 404, 404]
    administrator = make_staff(tenant, warehouse_ids=[]).client()
    assert administrator.get(f"/api/picking/batch/{batch_id}").status == 200
    assert shelf.levels() == (10, 1)


def test_the_database_has_the_last_word_on_an_order_in_two_batches(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    order = place(tenant, (shelf, 2))
    assert floor.wave(order).status == 200
    tenant.as_owner("UPDATE sales_order SET state = 'confirmed' WHERE id = %(id)s", id=order.id)
    reply = floor.wave(order)
    assert (reply.status, reply.json["error"]) == (409, "Order already in active pick batch")
    assert shelf.levels() == (10, 2)
