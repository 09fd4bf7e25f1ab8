"""Stock that stops or starts to be sold: the books move with it, and so do the holds that no longer fit."""

from typing import Any

import pytest

from chalicelib import stock
from tests.factories.floor import check_floor, held_for, make_floor, make_lot, place, put
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together


def bar(tenant: Tenant, *account_ids: int, is_available: bool = False) -> tuple[list[int], int]:
    """The order lines that lost their hold, and the statements it took."""
    with tenant.uow() as uow:
        before = uow.statements
        lost = stock.set_availability(uow, account_ids, is_available=is_available, document="test:bar")
        return lost, uow.statements - before


def told(tenant: Tenant) -> list[dict[str, Any]]:
    rows = tenant.rows("SELECT payload FROM outbox WHERE topic = 'stock.holds_broken' AND queue = 'work' ORDER BY id")
    return [row["payload"] for row in rows]


def available(shelf: Shelf) -> tuple[int, int]:
    row = shelf.tenant.rows(
        "SELECT on_hand, held FROM availability WHERE variant_id = %(v)s AND warehouse_id = %(w)s",
        v=shelf.variant_id,
        w=shelf.warehouse_id,
    )[0]
    return row["on_hand"], row["held"]


def test_barred_stock_is_on_hand_and_not_available(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=10)
    elsewhere = put(tenant, shelf, 5)
    assert bar(tenant, shelf.account_id) == ([], 3)
    assert (shelf.levels(), available(shelf)) == ((10, 0), (5, 0))
    check_books(tenant)
    assert bar(tenant, shelf.account_id) == ([], 3)
    assert available(shelf) == (5, 0)
    assert bar(tenant, shelf.account_id, elsewhere, is_available=True) == ([], 3)
    assert available(shelf) == (15, 0)
    check_books(tenant)
    assert told(tenant) == []


def test_what_was_never_available_becomes_so(tenant: Tenant) -> None:
    """There is no availability row yet."""
    shelf = make_shelf(tenant, free=0)
    bar(tenant, shelf.account_id)
    put(tenant, shelf, 4, account_id=shelf.account_id)
    assert tenant.value("SELECT count(*) FROM availability") == 0
    bar(tenant, shelf.account_id, is_available=True)
    assert available(shelf) == (4, 0)
    check_books(tenant)


def test_holds_that_do_not_fit_any_more_are_broken_youngest_first(tenant: Tenant) -> None:
    shelf, other = make_shelf(tenant, free=6), make_shelf(tenant, free=10)
    put(tenant, shelf, 5)
    oldest, middle, youngest = (
        place(tenant, (shelf, 4), (other, 1)),
        place(tenant, (shelf, 3)),
        place(tenant, (shelf, 4)),
    )
    lost, statements = bar(tenant, shelf.account_id, other.account_id)
    assert statements == 3
    assert [held_for(tenant, order) for order in (oldest, middle, youngest)] == [[4, 0], [1], [0]]
    assert sorted(lost) == sorted([oldest.lines[1].id, middle.lines[0].id, youngest.lines[0].id])
    assert told(tenant) == [{"order_line_ids": lost, "document": "test:bar"}]
    assert (available(shelf), available(other)) == ((5, 5), (0, 0))
    tenant.work_off()
    check_books(tenant)
    flagged = "SELECT id FROM sales_order WHERE is_short ORDER BY id"
    assert [row["id"] for row in tenant.rows(flagged)] == [oldest.id, middle.id, youngest.id]


def test_units_that_are_allocated_to_a_pick_are_not_barred(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=10)
    batch_id = floor.wave(place(tenant, (shelf, 3))).json["batch_id"]
    with pytest.raises(stock.SetAside, match="3 units there are allocated"):
        bar(tenant, shelf.account_id)
    assert (available(shelf), told(tenant)) == ((10, 3), [])
    assert floor.cancel(batch_id).status == 200
    bar(tenant, shelf.account_id)
    tenant.work_off()
    check_books(tenant)


def test_a_hold_whose_units_are_allocated_elsewhere_stays(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=3)
    barred = put(tenant, shelf, 4, pick_sequence=9000)
    waiting, picked = place(tenant, (shelf, 3)), place(tenant, (shelf, 3))
    floor.wave(picked)
    bar(tenant, barred)
    assert (held_for(tenant, waiting), held_for(tenant, picked)) == ([0], [3])
    tenant.work_off()
    check_books(tenant)
    check_floor(tenant)


def test_lots_that_are_not_sold_do_not_count(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=2)
    lot_id = make_lot(tenant, shelf, expires_on=None)
    tenant.rows("UPDATE lot SET is_available = false WHERE id = %(id)s RETURNING id", id=lot_id)
    put(tenant, shelf, 7, account_id=shelf.account_id, lot_id=lot_id)
    bar(tenant, shelf.account_id)
    assert available(shelf) == (0, 0)
    bar(tenant, shelf.account_id, is_available=True)
    assert available(shelf) == (2, 0)
    check_books(tenant)


def test_nothing_costs_nothing(tenant: Tenant) -> None:
    assert bar(tenant) == ([], 0)


def test_nothing_goes_into_a_closed_account(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=5)
    tenant.rows("UPDATE account SET is_open = false WHERE id = %(id)s RETURNING id", id=shelf.account_id)
    with pytest.raises(stock.BinClosed):
        put(tenant, shelf, 1, account_id=shelf.account_id)
    with tenant.uow() as uow:
        stock.post(uow, moves=[stock.Move(shelf.variant_id, 5, shelf.account_id, "waste", "damage", "test:out")])
    assert shelf.levels() == (0, 0)


def test_barring_while_units_come_go_and_are_ordered(tenant: Tenant) -> None:
    """A posting that read what a bin is before the change and writes after it would make or lose available units."""
    shelf = make_shelf(tenant, free=100)
    elsewhere = put(tenant, shelf, 20)
    product = make_shelf(tenant, free=0)

    def move(from_id: int, to_id: int, units: int) -> None:
        with tenant.uow() as uow:
            stock.post(uow, moves=[stock.Move(shelf.variant_id, units, from_id, to_id, "transfer", "test:move")])

    def work(n: int) -> None:
        if n % 5 == 0:
            bar(tenant, shelf.account_id, is_available=n % 2 == 0)
        elif n % 5 == 1:
            move(shelf.account_id, elsewhere, 1)
        elif n % 5 == 2:
            put(tenant, shelf, 2, account_id=shelf.account_id)
        elif n % 5 == 3:
            put(tenant, product, 1, account_id=shelf.account_id)
        else:
            place(tenant, (shelf, 1))

    together(50, lambda n: repeated(work, n))
    tenant.work_off()
    check_books(tenant)


def repeated(work: Any, n: int) -> None:
    """As the kernel does it: again, when the database asks for it."""
    from chalicelib.kernel.pipeline import Trace, repeating

    repeating(lambda: work(n), Trace())


def test_waves_over_stock_that_is_barred_pick_only_what_is_held(tenant: Tenant) -> None:
    """Either the wave is first, then its units refuse; or the barring is, then it leaves a hold that the bins can serve."""
    floors = [make_floor(tenant) for _ in range(4)]
    for _ in range(3):
        shelf = make_shelf(tenant, free=8)
        barred = put(tenant, shelf, 8, pick_sequence=1)
        placed = [place(tenant, (shelf, 4)) for _ in range(4)]

        def work(n: int, barred: int = barred, placed: Any = placed) -> int:
            if n < 4:
                return floors[n].wave(placed[n]).status
            try:
                repeated(lambda _: bar(tenant, barred), n)
            except stock.SetAside:
                return 409
            return 200

        statuses = together(5, work)
        assert set(statuses[:4]) == {200}
        tenant.work_off()
        check_books(tenant)
        check_floor(tenant)
        tasks = tenant.rows(
            "SELECT t.id, t.quantity FROM pick_task t WHERE t.status = 'PENDING' AND t.variant_id = %(v)s",
            v=shelf.variant_id,
        )
        for task in tasks:
            reply = floors[0].confirm(task["id"], shelf.sku, task["quantity"])
            assert reply.status == 200, reply.json
        check_books(tenant)
        check_floor(tenant)
