"""Moves that take away what orders hold: holds give way, the youngest first, and nothing under a pick is touched."""

from collections import Counter
from datetime import date

import pytest

from chalicelib import orders, places, stock
from tests.factories.floor import check_floor, held_for, make_floor, make_lot, place, put
from tests.factories.places import make_warehouse, make_zone
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together


def make_damage_bin(tenant: Tenant, warehouse_id: int | None = None) -> int:
    """The account of a bin whose stock is not sold."""
    zone_id = make_zone(tenant, kind="DAMAGE", warehouse_id=warehouse_id)
    new = places.NewBin(warehouse_id=warehouse_id or tenant.warehouse_id, code=f"D-{zone_id}", zone_id=zone_id)
    with tenant.uow() as uow:
        return places.create_bin(uow, new).account_id


def damage(tenant: Tenant, *taken: tuple[Shelf, int], to: int | None = None, lot_id: int | None = None) -> stock.Moved:
    """Moves units of shelves to a bin for damaged goods."""
    to = to or make_damage_bin(tenant)
    with tenant.uow() as uow:
        return stock.move_breaking(
            uow, [stock.Move(s.variant_id, n, s.account_id, to, "damage", "test:damage", lot_id) for s, n in taken]
        )


def flagged(tenant: Tenant) -> set[int]:
    """Orders that are short, once everybody has heard what happened."""
    tenant.work_off()
    return {row["id"] for row in tenant.rows("SELECT id FROM sales_order WHERE is_short")}


def test_the_youngest_order_loses_first_and_no_more_than_it_must(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=10)
    placed = [place(tenant, (shelf, 4)), place(tenant, (shelf, 3)), place(tenant, (shelf, 2))]
    moved = damage(tenant, (shelf, 5))
    assert [(h.order_line_id, h.quantity) for h in moved.broken] == [
        (placed[2].lines[0].id, -2),
        (placed[1].lines[0].id, -2),
    ]
    assert [held_for(tenant, order) for order in placed] == [[4], [1], [0]]
    assert (shelf.levels(), shelf.free()) == ((5, 0), 0)
    assert flagged(tenant) == {placed[1].id, placed[2].id}
    check_books(tenant)


def test_what_is_free_goes_before_any_hold(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=10)
    order = place(tenant, (shelf, 4))
    assert damage(tenant, (shelf, 6)).broken == []
    assert (held_for(tenant, order), flagged(tenant)) == ([4], set())
    assert tenant.value("SELECT count(*) FROM outbox WHERE topic = 'stock.holds_broken'") == 0
    check_books(tenant)


def test_several_variants_and_warehouses_in_three_statements(tenant: Tenant) -> None:
    other = make_warehouse(tenant)
    shelves = [make_shelf(tenant, free=5) for _ in range(3)] + [make_shelf(tenant, free=5, warehouse_id=other.id)]
    placed = [place(tenant, (shelf, 4)) for shelf in shelves]
    here, there = make_damage_bin(tenant), make_damage_bin(tenant, other.id)
    with tenant.uow() as uow:
        before = uow.statements
        moved = stock.move_breaking(
            uow,
            [
                stock.Move(
                    s.variant_id, 3, s.account_id, here if s.warehouse_id != other.id else there, "damage", "test:d"
                )
                for s in shelves
            ],
        )
        assert uow.statements - before == 3
    assert len(moved.broken) == 4
    assert moved.move_ids == sorted(moved.move_ids)
    assert [held_for(tenant, order) for order in placed] == [[2]] * 4
    assert flagged(tenant) == {order.id for order in placed}
    check_books(tenant)


def test_the_ids_are_those_of_the_moves_in_their_order(tenant: Tenant) -> None:
    shelves = [make_shelf(tenant, free=9) for _ in range(5)][::-1]
    moved = damage(tenant, *[(shelf, n + 1) for n, shelf in enumerate(shelves)])
    rows = tenant.rows("SELECT id, variant_id, quantity FROM stock_move WHERE document = 'test:damage' ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [
        (move_id, shelf.variant_id, n + 1)
        for n, (move_id, shelf) in enumerate(zip(moved.move_ids, shelves, strict=True))
    ]


def test_what_is_set_aside_for_a_pick_stays_and_keeps_its_hold(tenant: Tenant) -> None:
    shelf, floor = make_shelf(tenant, free=10), make_floor(tenant)
    picking, waiting = place(tenant, (shelf, 4)), place(tenant, (shelf, 4))
    assert floor.wave(picking).status == 200
    with pytest.raises(stock.Allocated, match="10 on hand, 4 of them allocated"):
        damage(tenant, (shelf, 7))
    assert (shelf.levels(), held_for(tenant, picking), held_for(tenant, waiting)) == ((10, 4), [4], [4])
    damage(tenant, (shelf, 6))
    assert (shelf.levels(), held_for(tenant, picking), held_for(tenant, waiting)) == ((4, 4), [4], [0])
    assert flagged(tenant) == {waiting.id}
    check_books(tenant)
    check_floor(tenant)


def test_a_pick_keeps_its_hold_although_its_order_is_the_youngest(tenant: Tenant) -> None:
    shelf, floor = make_shelf(tenant, free=10), make_floor(tenant)
    put(tenant, shelf, 2)
    waiting, picking = place(tenant, (shelf, 6)), place(tenant, (shelf, 6))
    wave = floor.wave(picking).json
    damage(tenant, (shelf, 4))
    assert [held_for(tenant, order) for order in (waiting, picking)] == [[2], [6]]
    for task in floor.tasks(wave["batch_id"]):
        assert floor.confirm(task["pick_task_id"], task["sku"], task["quantity_to_pick"]).status == 200
    assert flagged(tenant) == {waiting.id}
    check_books(tenant)
    check_floor(tenant)


def test_units_that_are_moved_between_available_bins_break_nothing(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=5)
    order, target = place(tenant, (shelf, 5)), put(tenant, shelf, 1)
    assert damage(tenant, (shelf, 5), to=target).broken == []
    assert (held_for(tenant, order), shelf.free()) == ([5], 1)
    check_books(tenant)


def test_units_of_a_lot(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=2)
    lot_id = make_lot(tenant, shelf, expires_on=date(2031, 1, 1))
    put(tenant, shelf, 5, account_id=shelf.account_id, lot_id=lot_id)
    order = place(tenant, (shelf, 7))
    assert sum(h.quantity for h in damage(tenant, (shelf, 4), lot_id=lot_id).broken) == -4
    assert (held_for(tenant, order), shelf.levels()) == ([3], (2, 0))
    assert flagged(tenant) == {order.id}
    with pytest.raises(stock.Allocated):
        damage(tenant, (shelf, 2), lot_id=lot_id)
    check_books(tenant)


def test_nothing_to_post_is_nothing(tenant: Tenant) -> None:
    with tenant.uow() as uow:
        before = uow.statements
        assert (stock.move_breaking(uow, []), stock.post_breaking(uow, [])) == (stock.Moved([], []), [])
        assert uow.statements == before


def test_breaking_and_planning_waves_at_once_never_meet(tenant: Tenant) -> None:
    """A wave allocates what an order holds; damage takes holds away. Whoever is first, a pick has its hold."""
    floors, to = [make_floor(tenant) for _ in range(6)], make_damage_bin(tenant)
    for _ in range(4):
        shelf = make_shelf(tenant, free=30)
        placed = [place(tenant, (shelf, 5)) for _ in range(6)]

        def work(n: int) -> int:
            if n % 2:
                return floors[n // 2].wave(placed[n // 2]).status  # noqa: B023  # called before the loop goes on
            try:
                damage(tenant, (shelf, 4), to=to)  # noqa: B023  # as above
            except stock.Allocated:
                return 409
            return 201

        statuses = Counter(together(12, work))
        assert (statuses[200], statuses[201] + statuses[409]) == (6, 6)
        for batch in tenant.rows("SELECT id FROM pick_batch WHERE status = 'IN_PROGRESS'"):
            for task in floors[0].tasks(batch["id"]):
                reply = floors[0].confirm(task["pick_task_id"], task["sku"], task["quantity_to_pick"])
                assert reply.status == 200, reply.json
            assert floors[0].complete(batch["id"]).status == 200
        tenant.work_off()
        check_books(tenant)
        check_floor(tenant)


def test_breaking_and_cancelling_at_once(tenant: Tenant) -> None:
    """Cancelling gives back what is held when its turn comes, not what it saw before."""
    to = make_damage_bin(tenant)
    for _ in range(4):
        shelf = make_shelf(tenant, free=20)
        placed = [place(tenant, (shelf, 5)) for _ in range(4)]

        def work(n: int) -> None:
            if n < 4:
                with tenant.uow() as uow:
                    orders.cancel(uow, placed[n].id, reason="test")  # noqa: B023  # called before the loop goes on
            else:
                damage(tenant, (shelf, 4), to=to)  # noqa: B023  # as above

        together(8, work)
        assert [held_for(tenant, order) for order in placed] == [[0]] * 4
        assert (shelf.levels(), shelf.free()) == ((4, 0), 4)
        check_books(tenant)
