"""Transfers from one warehouse to another, and the list of them."""

from datetime import date

import pytest

from chalicelib import places
from tests.factories.floor import make_lot, place
from tests.factories.movement import Carrier, bin_of, default_bin, lay, lying, make_bin, make_manager
from tests.factories.places import make_warehouse
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant


@pytest.fixture
def manager(tenant: Tenant) -> Carrier:
    return make_manager(tenant)


@pytest.fixture
def there(tenant: Tenant) -> places.Bin:
    """A bin of another warehouse."""
    return make_bin(tenant, warehouse_id=make_warehouse(tenant).id)


def test_units_are_in_another_warehouse_at_once(tenant: Tenant, manager: Carrier, there: places.Bin) -> None:
    shelf = make_shelf(tenant)
    source = bin_of(shelf)
    named = {"from_warehouse_id": source.warehouse_id, "to_warehouse_id": there.warehouse_id}
    reply = manager.send(shelf, source, there, 4, reason="for the fair", **named)
    assert (reply.status, reply.statements) == (201, 8)
    transfer_id = tenant.value("SELECT max(id) FROM stock_move")
    assert {k: v for k, v in reply.json.items() if k != "transferred_at"} == {
        "message": "Transfer completed",
        "transfer_id": transfer_id,
        "item_id": shelf.variant_id,
        "sku": shelf.sku,
        "from_bin_id": source.id,
        "from_bin_code": source.code,
        "from_warehouse_id": source.warehouse_id,
        "to_bin_id": there.id,
        "to_bin_code": there.code,
        "to_warehouse_id": there.warehouse_id,
        "quantity": 4,
        "reason": "for the fair",
        "lots": [{"transfer_id": transfer_id, "lot_number": None, "quantity": 4}],
    }
    available = tenant.rows("SELECT warehouse_id, on_hand FROM availability ORDER BY on_hand DESC")
    assert [tuple(row.values()) for row in available] == [(source.warehouse_id, 6), (there.warehouse_id, 4)]
    check_books(tenant)


def test_what_orders_hold_stays(tenant: Tenant, manager: Carrier, there: places.Bin) -> None:
    shelf = make_shelf(tenant)
    place(tenant, (shelf, 7))
    reply = manager.send(shelf, bin_of(shelf), there, 4)
    sentence = "Not enough stock in the source warehouse: 3 available, the rest is held for orders"
    assert (reply.status, reply.json["error"], shelf.levels()) == (400, sentence, (10, 0))
    assert manager.send(shelf, bin_of(shelf), there, 3).status == 201
    check_books(tenant)


def test_what_is_not_sold_is_not_held(tenant: Tenant, manager: Carrier, there: places.Bin) -> None:
    shelf, damaged = make_shelf(tenant, free=5), make_bin(tenant, zone="DAMAGE")
    lay(tenant, shelf, damaged, 2)
    place(tenant, (shelf, 5))
    assert manager.send(shelf, damaged, there, 2).status == 201
    assert manager.send(shelf, bin_of(shelf), there, 1).status == 400
    check_books(tenant)


def test_a_warehouse_without_bins_of_its_own_has_its_hidden_one(tenant: Tenant, manager: Carrier) -> None:
    shelf, hidden = make_shelf(tenant), default_bin(tenant, make_warehouse(tenant).id)
    assert manager.send(shelf, bin_of(shelf), hidden, 4, notes="shop window").json["reason"] == "shop window"
    assert lying(shelf, hidden) == {None: (4, 0)}


def test_warehouses_that_are_not_the_bins(tenant: Tenant, manager: Carrier, there: places.Bin) -> None:
    shelf = make_shelf(tenant)
    source, beside = bin_of(shelf), make_bin(tenant)
    wrong = [
        (
            there,
            {"from_warehouse_id": there.warehouse_id},
            f"Bin {source.code} is not in warehouse {there.warehouse_id}",
        ),
        (
            there,
            {"to_warehouse_id": source.warehouse_id},
            f"Bin {there.code} is not in warehouse {source.warehouse_id}",
        ),
        (beside, {}, "Source and destination warehouse must be different"),
    ]
    for target, named, sentence in wrong:
        reply = manager.send(shelf, source, target, 1, **named)
        assert (reply.status, reply.json["error"]) == (400, sentence)
    assert shelf.levels() == (10, 0)


def test_what_is_not_there(tenant: Tenant, other_tenant: Tenant, manager: Carrier, there: places.Bin) -> None:
    shelf, foreign = make_shelf(tenant), make_shelf(other_tenant)
    assert manager.send(foreign, bin_of(shelf), there).json["error"] == "Item not found"
    assert manager.send(shelf, bin_of(foreign), there).json["error"] == "Source bin not found"
    reply = manager.send(shelf, bin_of(shelf), bin_of(foreign))
    assert (reply.status, reply.json["error"]) == (404, "Destination bin not found")


def test_the_list_shows_the_latest_first_and_one_line_per_lot(
    tenant: Tenant, manager: Carrier, there: places.Bin
) -> None:
    shelf, beside = make_shelf(tenant), make_bin(tenant)
    source = bin_of(shelf)
    lot_id = make_lot(tenant, shelf, expires_on=date(2031, 1, 1))
    lay(tenant, shelf, source, 1, lot_id=lot_id)
    assert manager.send(shelf, source, there, 2, reason="first").status == 201
    assert manager.move(shelf, source, beside, 1).status == 200
    assert manager.send(shelf, there, beside, 1, reason="back").status == 201
    reply = manager.client.get("/api/admin/inter-warehouse-transfers")
    assert (reply.status, reply.statements) == (200, 4)
    transfers = reply.json["transfers"]
    number = tenant.value("SELECT number FROM lot")
    assert [(t["reason"], t["lot_number"], t["quantity"]) for t in transfers] == [
        ("back", number, 1),
        ("first", None, 1),
        ("first", number, 1),
    ]
    newest = transfers[0]
    assert (newest["sku"], newest["item_id"]) == (shelf.sku, shelf.variant_id)
    assert newest["transferred_by"].startswith("staff")
    assert ":" not in newest["transferred_by"]
    assert (newest["from_bin_code"], newest["to_bin_code"]) == (there.code, beside.code)
    assert (newest["from_warehouse_id"], newest["to_warehouse_code"]) == (there.warehouse_id, "W1")
    assert len(manager.client.get("/api/admin/inter-warehouse-transfers?limit=2").json["transfers"]) == 2


@pytest.mark.parametrize("limit", ["0", "501", "-1", "many", "1.5"])
def test_limits_that_are_wrong(limit: str, manager: Carrier) -> None:
    reply = manager.client.get(f"/api/admin/inter-warehouse-transfers?limit={limit}")
    assert (reply.status, reply.json["error"]) == (400, "validation_error")


def test_another_organization_sees_none_of_it(
    tenant: Tenant, other_tenant: Tenant, manager: Carrier, there: places.Bin
) -> None:
    shelf = make_shelf(tenant)
    assert manager.send(shelf, bin_of(shelf), there).status == 201
    assert make_manager(other_tenant).client.get("/api/admin/inter-warehouse-transfers").json == {"transfers": []}


def test_the_latest_are_found_without_reading_the_ledger(tenant: Tenant, manager: Carrier, there: places.Bin) -> None:
    from chalicelib.transfers import store

    shelf = make_shelf(tenant)
    assert manager.send(shelf, bin_of(shelf), there).status == 201
    with tenant.uow() as uow:
        uow.execute("SET LOCAL enable_seqscan = off")
        plan = uow.rows("EXPLAIN " + store.LIST_BETWEEN_WAREHOUSES, {"limit": 50})
    assert any("stock_move_between_warehouses" in next(iter(row.values())) for row in plan)
