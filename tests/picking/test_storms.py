"""Many scanners at once on the real database. Nothing is made, lost or done twice, and nobody sees a 5xx."""

from collections import Counter
from datetime import date

import pytest

from tests.factories.floor import check_floor, make_floor, make_lot, place, put, units_in
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together

CLIENTS = 50


def test_the_same_order_into_many_waves_is_in_one(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=10)
    order = place(tenant, (shelf, 3))
    replies = together(CLIENTS, lambda _: floor.wave(order))
    assert Counter(r.status for r in replies) == {200: 1, 400: CLIENTS - 1}
    assert tenant.value("SELECT count(*) FROM pick_batch") == 1
    assert shelf.levels() == (10, 3)
    check_books(tenant)
    check_floor(tenant)


def test_ten_unrelated_waves_at_once_are_all_made(tenant: Tenant) -> None:
    floors, shelves = [make_floor(tenant) for _ in range(10)], [make_shelf(tenant, free=20) for _ in range(3)]
    placed = [place(tenant, *[(shelf, 2) for shelf in (shelves if n % 2 else shelves[::-1])]) for n in range(10)]
    replies = together(10, lambda n: floors[n].wave(placed[n]))
    assert Counter(r.status for r in replies) == {200: 10}
    assert len({r.json["batch_number"] for r in replies}) == 10
    assert [r.json["warnings"] for r in replies] == [None] * 10
    assert [shelf.levels() for shelf in shelves] == [(20, 20)] * 3
    check_books(tenant)
    check_floor(tenant)


def test_overlapping_waves_take_every_order_once(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=40)
    placed = [place(tenant, (shelf, 1)) for _ in range(8)]
    replies = together(16, lambda n: floor.wave(*[placed[(n + k) % 8] for k in range(2)]))
    made = [r for r in replies if r.status == 200]
    assert {r.status for r in replies} == {200, 400}
    members = tenant.rows("SELECT order_id FROM pick_batch_order")
    assert len(members) == len({m["order_id"] for m in members}) == 2 * len(made)
    assert shelf.levels() == (40, len(members))
    check_floor(tenant)


def test_two_waves_over_the_last_units(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=8)
    placed = [place(tenant, (shelf, 4)), place(tenant, (shelf, 4))]
    replies = together(2, lambda n: floor.wave(placed[n]))
    assert [(r.status, r.json["total_units"]) for r in replies] == [(200, 4), (200, 4)]
    assert shelf.levels() == (8, 8)
    check_books(tenant)
    check_floor(tenant)


def test_one_pick_confirmed_by_many_is_one_pick(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=10)
    order = place(tenant, (shelf, 1))
    task_id = floor.wave(order).json["first_pick"]["pick_task_id"]
    replies = together(CLIENTS, lambda _: floor.confirm(task_id, shelf.barcode, 1))
    assert Counter(r.status for r in replies) == {200: 1, 400: CLIENTS - 1}
    assert (shelf.levels(), units_in(tenant, shelf, "outbound"), floor.now(order).lines[0].picked) == ((9, 0), 1, 1)
    check_books(tenant)
    check_floor(tenant)


def test_parts_of_one_pick_confirmed_by_many_add_up(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=30)
    placed = [place(tenant, (shelf, 4)), place(tenant, (shelf, 6))]
    task_id = floor.wave(*placed).json["first_pick"]["pick_task_id"]
    replies = together(20, lambda _: floor.confirm(task_id, shelf.barcode, 1))
    assert Counter(r.status for r in replies) == {200: 10, 400: 10}
    assert (shelf.levels(), [floor.now(o).lines[0].picked for o in placed]) == ((20, 0), [4, 6])
    check_books(tenant)
    check_floor(tenant)


def test_confirming_and_cancelling_at_once_leaves_all_or_nothing_picked(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=10)
    for _ in range(5):
        order = place(tenant, (shelf, 2))
        wave = floor.wave(order).json
        task_id = wave["first_pick"]["pick_task_id"]
        replies = together(
            6,
            lambda n: floor.cancel(wave["batch_id"]) if n == 0 else floor.confirm(task_id, shelf.sku, 1),  # noqa: B023  # called before the loop goes on
        )
        assert replies[0].status == 200
        assert {r.status for r in replies[1:]} <= {200, 400}
        assert (floor.state(order), floor.now(order).lines[0].picked) == ("confirmed", 0)
        assert units_in(tenant, shelf, "outbound") == 0
        check_books(tenant)
        check_floor(tenant)


def test_short_picks_and_waves_over_the_same_item_at_once(tenant: Tenant) -> None:
    floor, shelves = make_floor(tenant), [make_shelf(tenant, free=30) for _ in range(2)]
    tasks = [floor.wave(place(tenant, *[(s, 2) for s in shelves])).json for _ in range(4)]
    placed = [place(tenant, *[(s, 1) for s in shelves]) for _ in range(4)]

    def work(n: int) -> int:
        return (
            floor.wave(placed[n // 2]).status
            if n % 2
            else floor.short(tasks[n // 2]["first_pick"]["pick_task_id"], 1).status
        )

    assert together(8, work) == [200] * 8
    assert units_in(tenant, shelves[0], "missing") == 4
    check_books(tenant)
    check_floor(tenant)


def test_a_parcel_fulfilled_by_many_leaves_once(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=10)
    order = place(tenant, (shelf, 3))
    floor.pick_all(order)
    floor.verify(order, shelf.barcode, 3)
    assert floor.pack(order).status == 200
    replies = together(CLIENTS, lambda _: floor.fulfil(order))
    assert Counter(r.status for r in replies) == {200: 1, 400: CLIENTS - 1}
    assert (units_in(tenant, shelf, "customer"), units_in(tenant, shelf, "outbound")) == (3, 0)
    assert tenant.value("SELECT count(*) FROM shipment") == 1
    check_books(tenant)


def test_an_item_verified_by_many_is_never_over_packed(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=10)
    order = place(tenant, (shelf, 5))
    floor.pick_all(order)
    replies = together(20, lambda _: floor.verify(order, shelf.barcode))
    assert Counter(r.status for r in replies) == {200: 5, 400: 15}
    assert floor.now(order).lines[0].packed == 5


def test_two_waves_in_one_second_are_two(tenant: Tenant) -> None:
    """Of one person as well: their numbers come from ids, not from the clock."""
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=10)
    placed = [place(tenant, (shelf, 1)), place(tenant, (shelf, 2))]
    replies = together(2, lambda n: floor.wave(placed[n]))
    assert [r.status for r in replies] == [200, 200]
    assert len({r.json["batch_number"] for r in replies}) == len({r.json["batch_id"] for r in replies}) == 2


def test_one_wave_completed_and_cancelled_by_many_ends_once(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=10)
    batch_id = floor.wave(place(tenant, (shelf, 2))).json["batch_id"]
    floor.confirm(floor.tasks(batch_id)[0]["pick_task_id"], shelf.sku, 2)
    replies = together(CLIENTS, lambda n: floor.complete(batch_id) if n % 2 else floor.cancel(batch_id))
    assert Counter(r.status for r in replies) == {200: 1, 409: CLIENTS - 1}
    check_books(tenant)
    check_floor(tenant)


def test_two_lots_in_one_bin_picked_by_many_leave_first_expired_first(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=0)
    late, soon = (make_lot(tenant, shelf, expires_on=day) for day in (date(2099, 9, 1), date(2099, 1, 1)))
    for lot_id in (late, soon):
        put(tenant, shelf, 10, account_id=shelf.account_id, lot_id=lot_id)
    placed = [place(tenant, (shelf, 3)) for _ in range(4)]
    batch_id = floor.wave(*placed).json["batch_id"]
    tasks = floor.tasks(batch_id)
    assert [(t["lot_number"] is not None, t["quantity_to_pick"]) for t in tasks] == [(True, 10), (True, 2)]
    replies = together(24, lambda n: floor.confirm(tasks[n % 2]["pick_task_id"], shelf.sku, 1))
    assert Counter(r.status for r in replies) == {200: 12, 400: 12}
    levels = tenant.rows("SELECT lot_id, on_hand FROM stock_level WHERE account_id = %(a)s", a=shelf.account_id)
    left = {row["lot_id"]: row["on_hand"] for row in levels}
    assert (left[late], left[soon]) == (8, 0)
    check_books(tenant)
    check_floor(tenant)


@pytest.mark.parametrize("call", ["wave", "confirm", "short", "complete", "cancel"])
def test_a_repeated_key_has_one_effect(call: str, tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=10)
    order, waiting = place(tenant, (shelf, 2)), place(tenant, (shelf, 1))
    wave = floor.wave(order).json
    task_id, batch_id = wave["first_pick"]["pick_task_id"], wave["batch_id"]
    if call == "complete":
        floor.confirm(task_id, shelf.sku, 2)
    path, body = {
        "wave": ("wave-create", {"so_ids": [waiting.id], "warehouse_id": tenant.warehouse_id}),
        "confirm": ("confirm", {"pick_task_id": task_id, "scanned_barcode": shelf.sku, "quantity_picked": 1}),
        "short": ("short", {"pick_task_id": task_id, "quantity_available": 1}),
        "complete": ("complete-batch", {"batch_id": batch_id}),
        "cancel": ("cancel-batch", {"batch_id": batch_id}),
    }[call]
    replies = together(10, lambda _: floor.client.post(f"/api/picking/{path}", body, idempotency_key="once"))
    assert {r.status for r in replies} <= {200, 409}
    moves = tenant.value("SELECT count(*) FROM stock_move")
    again = floor.client.post(f"/api/picking/{path}", body, idempotency_key="once")
    first = next(r for r in replies if r.status == 200)
    assert (again.status, again.json, again.headers["Idempotent-Replay"]) == (200, first.json, "true")
    assert tenant.value("SELECT count(*) FROM stock_move") == moves
    check_books(tenant)
    check_floor(tenant)
