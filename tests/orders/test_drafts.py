"""Sales orders in bulk: what is wrong is told record by record, what is right is written in a few statements."""

from dataclasses import replace

import pytest

from chalicelib import orders
from chalicelib.kernel.errors import BadRequest
from chalicelib.orders import Draft, DraftLine
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant


def draft(tenant: Tenant, number: str, *lines: tuple[Shelf, int], barcode: str | None = None) -> Draft:
    cut = tuple(DraftLine(units, sku=shelf.sku) for shelf, units in lines)
    return Draft(number=number, warehouse_id=tenant.warehouse_id, lines=cut, barcode=barcode)


def test_every_draft_is_told_what_is_wrong_with_it(tenant: Tenant) -> None:
    shelf, archived = make_shelf(tenant), make_shelf(tenant)
    with tenant.uow() as uow:
        uow.execute("UPDATE variant SET is_active = false WHERE id = %(id)s", {"id": archived.variant_id})
        orders.place_drafts(uow, [draft(tenant, "TAKEN", (shelf, 1), barcode="BC")])
    drafts = [
        draft(tenant, "A", (shelf, 1), (shelf, 2)),
        draft(tenant, "TAKEN", (shelf, 1)),
        draft(tenant, "B", (shelf, 1), barcode="BC"),
        draft(tenant, "C", (archived, 1)),
        draft(tenant, "C", (shelf, 1)),
        replace(draft(tenant, "D"), lines=(DraftLine(1, sku="NOTHING"), DraftLine(1, variant_id=2_000_000))),
        replace(draft(tenant, "E", (shelf, 1)), warehouse_id=2_000_000),
    ]
    with tenant.uow() as uow:
        before = uow.statements
        found = orders.check_drafts(uow, drafts)
        assert uow.statements - before == 2
    assert found == [
        [],
        ["Duplicate SO number: TAKEN"],
        ["Duplicate SO barcode: BC"],
        ["Duplicate SO number: C", f"Item is archived: {archived.sku}"],
        ["Duplicate SO number: C"],
        ["Item not found: NOTHING", "Item not found: 2000000"],
        ["Warehouse not found: 2000000"],
    ]


@pytest.mark.parametrize("count", [1, 600])
def test_any_number_of_orders_takes_the_same_statements(tenant: Tenant, count: int) -> None:
    shelves = [make_shelf(tenant, free=100) for _ in range(3)]
    drafts = [draft(tenant, f"N-{n}", *[(shelf, 1) for shelf in shelves]) for n in range(count)]
    with tenant.uow() as uow:
        before = uow.statements
        placed = orders.place_drafts(uow, drafts)
        assert uow.statements - before == 4
    assert [p.number for p in placed] == [d.number for d in drafts]
    assert [p.held for p in placed] == [(1, 1, 1) if n < 100 else (0, 0, 0) for n in range(count)]
    assert [p.is_short for p in placed] == [n >= 100 for n in range(count)]
    with tenant.uow() as uow:
        last = orders.get(uow, placed[-1].order_id)
    assert ([line.sku for line in last.lines], last.is_short) == ([s.sku for s in shelves], count > 100)
    check_books(tenant)


def test_one_that_is_refused_takes_all_with_it(tenant: Tenant) -> None:
    shelf = make_shelf(tenant)
    with pytest.raises(BadRequest, match="Duplicate SO number or barcode"), tenant.uow() as uow:
        orders.place_drafts(uow, [draft(tenant, "A", (shelf, 1)), draft(tenant, "A", (shelf, 1))])
    assert (tenant.value("SELECT count(*) FROM sales_order"), shelf.free()) == (0, 10)
