"""Lots that must not leave are never proposed: not by a wave, and not in place of what was not there."""

from datetime import date

import pytest

from tests.factories.floor import check_floor, make_floor, make_lot, place, put
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant

BARRED = [
    ("expired", {"expires_on": date(2020, 1, 1)}),
    ("expires today", {"expires_on": None}),
    ("in quarantine", {"expires_on": None, "status": "quarantine"}),
    ("recalled", {"expires_on": None, "status": "recalled"}),
    ("exhausted", {"expires_on": None, "status": "exhausted"}),
]


def barred_lot(tenant: Tenant, shelf: Shelf, case: str, fields: dict[str, object]) -> int:
    """A lot that must not leave; what lies of it counts as available, as if nobody had told the books yet."""
    if case == "expires today":
        with tenant.uow() as uow:
            fields = {"expires_on": uow.now.date()}
    return make_lot(tenant, shelf, **fields)  # type: ignore[arg-type]  # a table of keyword arguments


@pytest.mark.parametrize(("case", "fields"), BARRED)
def test_a_wave_leaves_the_lot_alone(case: str, fields: dict[str, object], tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=2)
    put(tenant, shelf, 5, account_id=shelf.account_id, lot_id=barred_lot(tenant, shelf, case, fields))
    order = place(tenant, (shelf, 4))
    wave = floor.wave(order).json
    assert wave["warnings"] == [{"sku": shelf.sku, "needed": 4, "available": 2}]
    assert [(t["lot_number"], t["quantity_to_pick"]) for t in floor.tasks(wave["batch_id"])] == [(None, 2)]
    check_books(tenant)
    check_floor(tenant)


@pytest.mark.parametrize(("case", "fields"), BARRED)
def test_what_was_not_there_is_not_replaced_by_it(case: str, fields: dict[str, object], tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=3)
    order = place(tenant, (shelf, 3))
    task_id = floor.wave(order).json["first_pick"]["pick_task_id"]
    put(tenant, shelf, 5, lot_id=barred_lot(tenant, shelf, case, fields))
    reply = floor.short(task_id, 1)
    assert (reply.status, reply.json["replanned"], reply.json["quantity_short"]) == (200, [], 2)
    check_books(tenant)
    check_floor(tenant)


def test_a_wave_is_not_completed_once_its_order_has_left(tenant: Tenant) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant)
    order = place(tenant, (shelf, 2))
    batch_id = floor.pick_all(order)
    floor.verify(order, shelf.sku, 2)
    floor.pack(order)
    assert floor.fulfil(order).status == 200
    refused = [floor.complete(batch_id), floor.cancel(batch_id)]
    assert [(r.status, r.json["error"]) for r in refused] == [(409, "Batch is already COMPLETED")] * 2
    assert floor.state(order) == "shipped"
    check_books(tenant)


def test_a_wave_stops_at_the_bin_where_it_has_to_stop_anyway(tenant: Tenant) -> None:
    floor, bolts, nuts = make_floor(tenant), make_shelf(tenant, free=5), make_shelf(tenant, free=0)
    far = put(tenant, bolts, 5, pick_sequence=9000)
    put(tenant, nuts, 5, account_id=far)
    wave = floor.wave(place(tenant, (bolts, 3), (nuts, 2))).json
    assert {(t["sku"], t["pick_sequence"]) for t in floor.tasks(wave["batch_id"])} == {
        (bolts.sku, 9000),
        (nuts.sku, 9000),
    }
    check_floor(tenant)
