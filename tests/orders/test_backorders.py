"""Stock arrives, and orders that wait for it get their share: the oldest first, nobody more than they want."""

from typing import Any

import pytest

from chalicelib import orders, stock
from chalicelib.orders import backorders
from chalicelib.stock.events import StockArrived
from tests.client import Client
from tests.factories.floor import held_for, make_floor, place
from tests.factories.identity import make_api_key
from tests.factories.places import make_warehouse
from tests.factories.purchasing import make_dock, make_purchase_order
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together


def back_order(tenant: Tenant, *lines: tuple[Shelf, int, int]) -> orders.Order:
    """An order that lacks stock: (shelf, wanted, held) per line; the shelf ends up with nothing that is free."""
    for shelf, wanted, _ in lines:
        arrive(tenant, shelf, wanted)
    placed = place(tenant, *[(shelf, wanted) for shelf, wanted, _ in lines])
    lost = [
        (ln, shelf, wanted - held)
        for ln, (shelf, wanted, held) in zip(placed.lines, lines, strict=True)
        if wanted > held
    ]
    with tenant.uow() as uow:
        stock.post(
            uow,
            moves=[
                stock.Move(shelf.variant_id, units, shelf.account_id, "adjustment", "shrinkage", "test:lost")
                for _, shelf, units in lost
            ],
            holds=[stock.HoldChange(ln.id, ln.variant_id, tenant.warehouse_id, -units) for ln, _, units in lost],
        )
        orders.flag_short(uow, [ln.id for ln, _, _ in lost], document="test:lost")
    return placed


def arrive(tenant: Tenant, shelf: Shelf, units: int) -> None:
    """Units come in, and nobody is told."""
    with tenant.uow() as uow:
        move = stock.Move(shelf.variant_id, units, "supplier", shelf.account_id, "purchase_received", "test:arrived")
        stock.post(uow, moves=[move])


def fill(tenant: Tenant, *shelves: Shelf) -> int:
    """Fills back orders; how many units were held."""
    with tenant.uow() as uow:
        held = orders.fill_backorders(uow, [s.variant_id for s in shelves], tenant.warehouse_id)
        assert uow.statements <= 9
    return sum(held.values())


def is_short(tenant: Tenant, order: orders.Order) -> bool:
    with tenant.uow() as uow:
        return orders.get(uow, order.id).is_short


def test_what_is_received_goes_to_whoever_waits_longest(tenant: Tenant) -> None:
    shelf, other, dock = make_shelf(tenant, free=0), make_shelf(tenant, free=0), make_dock(tenant)
    first, second = back_order(tenant, (shelf, 5, 2)), back_order(tenant, (shelf, 4, 0), (other, 1, 1))
    ordered = make_purchase_order(tenant, (shelf, 20))
    assert dock.receive(ordered, (shelf, 5)).status == 200
    assert (held_for(tenant, first), held_for(tenant, second)) == ([2], [0, 1])
    tenant.work_off()
    assert (held_for(tenant, first), held_for(tenant, second)) == ([5], [2, 1])
    assert [is_short(tenant, o) for o in (first, second)] == [False, True]
    assert dock.receive(ordered, (shelf, 15)).status == 200
    tenant.work_off()
    assert (held_for(tenant, second), shelf.free(), is_short(tenant, second)) == ([4, 1], 13, False)
    check_books(tenant)
    batch = make_floor(tenant).wave(first, second)
    assert (batch.status, batch.json["total_units"], batch.json["warnings"]) == (200, 10, None)


def test_each_filled_order_is_written_down(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=0)
    placed = back_order(tenant, (shelf, 5, 0))
    arrive(tenant, shelf, 3)
    assert fill(tenant, shelf) == 3
    arrive(tenant, shelf, 3)
    assert (fill(tenant, shelf), fill(tenant, shelf)) == (2, 0)
    entries = tenant.rows("SELECT entity_id, after FROM audit_entry WHERE action = 'order.filled' ORDER BY id")
    assert [(e["entity_id"], e["after"]) for e in entries] == [
        (str(placed.id), {"is_short": True, "units": 3}),
        (str(placed.id), {"is_short": False, "units": 2}),
    ]


@pytest.mark.parametrize(
    ("_case", "change"),
    [
        ("cancelled", "state = 'cancelled'"),
        ("in picking", "state = 'picking'"),
        ("not short", "is_short = false"),
        ("an integrator's, not reserved", "channel = 'inventory'"),
    ],
)
def test_orders_that_do_not_wait_get_nothing(_case: str, change: str, tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=0)
    placed = back_order(tenant, (shelf, 5, 0))
    tenant.as_owner(f"UPDATE sales_order SET {change} WHERE id = %(id)s", id=placed.id)  # a test's own constants
    arrive(tenant, shelf, 5)
    assert (fill(tenant, shelf), held_for(tenant, placed)) == (0, [0])


def test_an_integrators_order_that_was_reserved_gets_its_stock_back(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=0)
    placed = back_order(tenant, (shelf, 5, 1))
    tenant.as_owner("UPDATE sales_order SET channel = 'inventory', is_reserved = true WHERE id = %(id)s", id=placed.id)
    arrive(tenant, shelf, 9)
    assert (fill(tenant, shelf), held_for(tenant, placed), shelf.free()) == (4, [5], 5)
    check_books(tenant)


def test_units_that_were_given_up_leave_an_order_short(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=0)
    placed = back_order(tenant, (shelf, 5, 0))
    with tenant.uow() as uow:
        orders.lock(uow, [placed.id])
        orders.add_progress(uow, [orders.LineProgress(placed.lines[0].id, short=2)])
    arrive(tenant, shelf, 5)
    assert (fill(tenant, shelf), held_for(tenant, placed), is_short(tenant, placed)) == (3, [3], True)
    check_books(tenant)


def test_other_warehouses_and_other_items_stay_as_they_are(tenant: Tenant) -> None:
    shelf, other = make_shelf(tenant, free=0), make_shelf(tenant, free=0)
    placed = back_order(tenant, (shelf, 2, 0), (other, 2, 0))
    arrive(tenant, other, 2)
    assert fill(tenant, shelf) == 0
    with tenant.uow() as uow:
        assert orders.fill_backorders(uow, [other.variant_id], tenant.warehouse_id + 1000) == {}
    assert (fill(tenant, shelf, other), held_for(tenant, placed)) == (2, [0, 2])


def test_a_closed_warehouse_promises_nothing(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=0)
    back_order(tenant, (shelf, 2, 0))
    arrive(tenant, shelf, 2)
    tenant.as_owner("UPDATE warehouse SET is_active = false WHERE id = %(id)s", id=tenant.warehouse_id)
    assert fill(tenant, shelf) == 0


def test_more_orders_than_one_run_takes_follow_in_the_next(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backorders, "FILL_BATCH", 2)
    shelf = make_shelf(tenant, free=0)
    placed = [back_order(tenant, (shelf, 2, 0)) for _ in range(5)]
    arrive(tenant, shelf, 9)
    with tenant.uow() as uow:
        uow.publish(StockArrived(variant_ids=[shelf.variant_id], warehouse_id=tenant.warehouse_id).message())
    tenant.work_off()
    assert [held_for(tenant, o) for o in placed] == [[2], [2], [2], [2], [1]]
    check_books(tenant)


def told(tenant: Tenant) -> int:
    """How often somebody was told that stock arrived."""
    return int(tenant.value("SELECT count(*) FROM outbox WHERE topic = 'stock.arrived'"))


def test_nobody_is_told_where_nobody_waits(tenant: Tenant) -> None:
    shelf, elsewhere = make_shelf(tenant, free=0), make_warehouse(tenant)
    far = make_shelf(tenant, free=0, warehouse_id=elsewhere.id)
    arrive(tenant, shelf, 5)
    back_order(tenant, (shelf, 2, 0))
    before = told(tenant)
    arrive(tenant, far, 5)
    floor = make_floor(tenant)
    assert floor.client.get("/api/picking/active-batch").status == 200
    assert told(tenant) == before
    arrive(tenant, shelf, 1)
    assert told(tenant) == before + 1


@pytest.mark.parametrize("way", ["found", "cancelled", "admitted"])
def test_stock_may_come_in_any_way(way: str, tenant: Tenant) -> None:
    """Found on a shelf, given back by another order, or let out of a bin whose stock was not sold."""
    shelf = make_shelf(tenant, free=0)
    placed = back_order(tenant, (shelf, 5, 0))
    if way == "found":
        key = Client(tenant.host).as_key(make_api_key(tenant, "inventory:write"))
        body = {"sku": shelf.sku, "location_id": tenant.warehouse_id, "quantity": 3, "reason": "found"}
        assert key.post("/api/v1/inventory_adjustments", body).status == 201
    elif way == "cancelled":
        arrive(tenant, shelf, 3)
        other = place(tenant, (shelf, 3))
        with tenant.uow() as uow:
            orders.cancel(uow, other.id, reason="staff")
    else:
        with tenant.uow() as uow:
            stock.set_availability(uow, [shelf.account_id], is_available=False, document="test:barred")
        arrive(tenant, shelf, 3)
        with tenant.uow() as uow:
            stock.set_availability(uow, [shelf.account_id], is_available=True, document="test:admitted")
    tenant.work_off()
    assert (held_for(tenant, placed), shelf.free()) == ([3], 0)
    check_books(tenant)


def test_stock_that_comes_before_an_order_is_known_to_be_short_is_not_missed(tenant: Tenant) -> None:
    shelf = make_shelf(tenant, free=5)
    placed = place(tenant, (shelf, 5))
    gone = stock.Move(shelf.variant_id, 2, shelf.account_id, "adjustment", "shrinkage", "test:gone")
    with tenant.uow() as uow:
        assert len(stock.post_breaking(uow, [gone])) == 1
    arrive(tenant, shelf, 4)
    assert (told(tenant), held_for(tenant, placed)) == (0, [3])
    tenant.work_off()
    assert (held_for(tenant, placed), is_short(tenant, placed), shelf.free()) == ([5], False, 2)
    check_books(tenant)


def test_filling_while_others_order_and_receive(tenant: Tenant) -> None:
    shelves, dock = [make_shelf(tenant, free=0) for _ in range(2)], make_dock(tenant)
    waiting = [back_order(tenant, *[(s, 2, 0) for s in (shelves if n % 2 else shelves[::-1])]) for n in range(6)]
    bought = make_purchase_order(tenant, *[(shelf, 100) for shelf in shelves])

    def work(n: int) -> Any:
        if n % 3 == 0:
            return fill(tenant, *shelves)
        if n % 3 == 1:
            return dock.receive(bought, *[(s, 2) for s in (shelves if n % 2 else shelves[::-1])]).status
        return _order(tenant, shelves[n % 2])

    together(24, work)
    check_books(tenant)
    tenant.work_off()
    fill(tenant, *shelves)
    held = sum(sum(held_for(tenant, order)) for order in waiting)
    assert held == 24 or min(shelf.free() for shelf in shelves) == 0
    check_books(tenant)


def _order(tenant: Tenant, shelf: Shelf) -> str:
    try:
        place(tenant, (shelf, 1))
    except stock.OutOfStock:
        return "out of stock"
    return "placed"
