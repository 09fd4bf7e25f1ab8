"""Many people who carry at once, on the real database. Nothing is made or lost, and nobody sees a 5xx."""

from collections import Counter
from datetime import date

from tests.factories.floor import check_floor, make_floor, make_lot, place
from tests.factories.movement import bin_of, body_of, lay, lying, make_bin, make_carrier, make_manager
from tests.factories.places import make_warehouse
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together

CLIENTS = 50


def test_to_and_fro_all_succeed(tenant: Tenant) -> None:
    shelf, carrier = make_shelf(tenant, free=100), make_carrier(tenant)
    here, there = bin_of(shelf), make_bin(tenant)
    lay(tenant, shelf, there, 100)
    ends = [(here, there), (there, here)]
    replies = together(CLIENTS, lambda n: carrier.move(shelf, *ends[n % 2], 1 + n % 3))
    assert Counter(r.status for r in replies) == {200: CLIENTS}
    gone, come = (sum(1 + n % 3 for n in range(start, CLIENTS, 2)) for start in (0, 1))
    assert (shelf.levels(), lying(shelf, there)) == ((100 - gone + come, 0), {None: (100 + gone - come, 0)})
    assert len({r.json["transfer_id"] for r in replies}) == CLIENTS
    check_books(tenant)


def test_to_and_fro_between_warehouses_all_succeed(tenant: Tenant) -> None:
    shelf, manager = make_shelf(tenant, free=100), make_manager(tenant)
    here, there = bin_of(shelf), make_bin(tenant, warehouse_id=make_warehouse(tenant).id)
    lay(tenant, shelf, there, 100)
    ends = [(here, there), (there, here)]
    replies = together(CLIENTS, lambda n: manager.send(shelf, *ends[n % 2], 1))
    assert Counter(r.status for r in replies) == {201: CLIENTS}
    assert (shelf.levels(), lying(shelf, there)) == ((100, 0), {None: (100, 0)})
    check_books(tenant)


def test_around_in_a_circle_with_lots_all_succeed(tenant: Tenant) -> None:
    shelf, carrier = make_shelf(tenant, free=20), make_carrier(tenant)
    bins = [bin_of(shelf), *(make_bin(tenant) for _ in range(4))]
    lots = [make_lot(tenant, shelf, expires_on=date(2031, month, 1)) for month in (1, 2)]
    for each in bins:
        for lot_id in lots:
            lay(tenant, shelf, each, 20, lot_id=lot_id)
    replies = together(CLIENTS, lambda n: carrier.move(shelf, bins[n % 5], bins[(n + 1) % 5], 3))
    assert Counter(r.status for r in replies) == {200: CLIENTS}
    assert tenant.value("SELECT sum(on_hand) FROM stock_level") == 220
    check_books(tenant)


def test_the_last_unit_is_carried_once(tenant: Tenant) -> None:
    shelf, carrier = make_shelf(tenant, free=1), make_carrier(tenant)
    targets = [make_bin(tenant) for _ in range(5)]
    replies = together(CLIENTS, lambda n: carrier.move(shelf, bin_of(shelf), targets[n % 5]))
    assert Counter(r.status for r in replies) == {200: 1, 400: CLIENTS - 1}
    assert [lying(shelf, target) for target in targets].count({None: (1, 0)}) == 1
    check_books(tenant)


def test_the_last_units_of_several_lots_are_shared_out_exactly(tenant: Tenant) -> None:
    shelf, carrier, target = make_shelf(tenant, free=3), make_carrier(tenant), make_bin(tenant)
    for month in (1, 2, 3):
        lot_id = make_lot(tenant, shelf, expires_on=date(2031, month, 1))
        lay(tenant, shelf, bin_of(shelf), 3, lot_id=lot_id)
    replies = together(20, lambda _: carrier.move(shelf, bin_of(shelf), target, 2))
    assert Counter(r.status for r in replies) == {200: 6, 400: 14}
    assert (shelf.levels(), sum(units for units, _ in lying(shelf, target).values())) == ((0, 0), 12)
    check_books(tenant)


def test_one_key_by_many_is_one_move(tenant: Tenant) -> None:
    shelf, carrier, target = make_shelf(tenant, free=10), make_carrier(tenant), make_bin(tenant)
    body = body_of(shelf, bin_of(shelf), target, 1)
    replies = together(
        CLIENTS, lambda _: carrier.client.post("/api/transfers/move", body, idempotency_key="the same scan")
    )
    assert {r.status for r in replies} <= {200, 409}
    assert len({r.json["transfer_id"] for r in replies if r.status == 200}) == 1
    assert (shelf.levels(), lying(shelf, target)) == ((9, 0), {None: (1, 0)})
    check_books(tenant)


def test_moves_and_waves_at_once_leave_every_pick_its_units(tenant: Tenant) -> None:
    carrier, target, damaged = make_carrier(tenant), make_bin(tenant), make_bin(tenant, zone="DAMAGE")
    floors = [make_floor(tenant) for _ in range(5)]
    for _ in range(3):
        shelf = make_shelf(tenant, free=20)
        placed = [place(tenant, (shelf, 3)) for _ in range(5)]

        def work(n: int) -> int:
            if n < 5:
                return floors[n].wave(placed[n]).status  # noqa: B023  # called before the loop goes on
            return carrier.move(shelf, bin_of(shelf), damaged if n % 2 else target, 2).status  # noqa: B023  # as above

        statuses = together(15, work)
        assert statuses[:5] == [200] * 5
        assert set(statuses[5:]) <= {200, 400}
        tenant.work_off()
        check_books(tenant)
        check_floor(tenant)
        for batch in tenant.rows("SELECT id FROM pick_batch WHERE status = 'IN_PROGRESS'"):
            for task in floors[0].tasks(batch["id"]):
                assert floors[0].confirm(task["pick_task_id"], task["sku"], task["quantity_to_pick"]).status == 200
            assert floors[0].complete(batch["id"]).status == 200
        check_books(tenant)
        check_floor(tenant)
