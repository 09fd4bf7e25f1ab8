"""Put-away: what waits, where it goes, that it went there."""

from datetime import date
from typing import Any

import pytest

from chalicelib import places
from chalicelib.putaway import store
from tests.client import Client
from tests.factories.floor import make_floor, make_lot, make_storage, place, put
from tests.factories.identity import make_staff
from tests.factories.movement import (
    Carrier,
    bin_at,
    bin_of,
    body_of,
    default_bin,
    lay,
    lying,
    make_bin,
    make_carrier,
    make_manager,
)
from tests.factories.places import make_warehouse
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together

PATHS = [
    ("GET", "/api/putaway/pending/{warehouse}", None),
    ("GET", "/api/putaway/suggest/999999", None),
    ("POST", "/api/putaway/confirm", {"item_id": 999999, "from_bin_id": 1, "to_bin_id": 2, "quantity": 1}),
    ("POST", "/api/putaway/update-preferred", {"item_id": 999999, "bin_id": 1}),
    ("POST", "/api/transfers/move", {"item_id": 999999, "from_bin_id": 1, "to_bin_id": 2, "quantity": 1}),
]


@pytest.fixture
def carrier(tenant: Tenant) -> Carrier:
    return make_carrier(tenant)


def suggest(carrier: Carrier, shelf: Shelf, query: str = "") -> dict[str, Any]:
    reply = carrier.client.get(f"/api/putaway/suggest/{shelf.variant_id}{query}")
    assert (reply.status, reply.statements) == (200, 4), reply.json
    found: dict[str, Any] = reply.json
    return found


@pytest.mark.parametrize(("method", "path", "body"), PATHS, ids=[p[1] for p in PATHS])
def test_who_may(method: str, path: str, body: dict[str, Any] | None, tenant: Tenant) -> None:
    path = path.format(warehouse=tenant.warehouse_id)
    function = "transfer" if "transfers" in path else "putaway"
    every = ("pick", "pack", "ship", "receive", "putaway", "count", "transfer")
    callers = [
        Client(tenant.host),
        make_staff(tenant, commerce_role="admin").client("commerce"),
        make_carrier(tenant, *(f for f in every if f != function)).client,
        make_carrier(tenant, function).client,
        make_manager(tenant).client,
    ]
    statuses = [c.call(method, path, body, {}).status for c in callers]
    assert statuses[:3] == [401, 401, 403]
    assert statuses[3] == statuses[4]
    assert statuses[3] in (200, 404)


# What waits.


def test_what_waits_lies_in_staging_bins_and_in_the_hidden_one(tenant: Tenant, carrier: Carrier) -> None:
    shelf = make_shelf(tenant, free=7)
    lot_id = make_lot(tenant, shelf, expires_on=date(2031, 1, 1))
    waiting = [
        make_bin(tenant, kind="Staging"),
        make_bin(tenant, kind="PickableStaging"),
        make_bin(tenant, zone="RECEIVING"),
        make_bin(tenant, zone="STAGING"),
    ]
    for n, each in enumerate([*waiting, default_bin(tenant)], 1):
        lay(tenant, shelf, each, n, lot_id=lot_id if n == 2 else None)
    lay(tenant, shelf, make_bin(tenant, zone="STORAGE"), 9)
    reply = carrier.client.get(f"/api/putaway/pending/{tenant.warehouse_id}")
    assert (reply.status, reply.statements) == (200, 4)
    items = reply.json["pending_items"]
    assert [(i["bin_code"], i["quantity"], i["lot_number"] is not None) for i in items] == [
        *((each.code, n, n == 2) for n, each in enumerate(waiting, 1)),
        ("DEFAULT", 5, False),
    ]
    assert len({i["inventory_id"] for i in items}) == 5
    assert items[0] == {
        "inventory_id": items[0]["inventory_id"],
        "item_id": shelf.variant_id,
        "sku": shelf.sku,
        "item_name": tenant.value("SELECT name FROM product"),
        "quantity": 1,
        "bin_id": waiting[0].id,
        "bin_code": waiting[0].code,
        "lot_number": None,
    }
    assert len(carrier.client.get(f"/api/putaway/pending/{tenant.warehouse_id}?limit=2").json["pending_items"]) == 2


def test_an_inventory_keeps_its_number(tenant: Tenant, carrier: Carrier) -> None:
    shelf, staging = make_shelf(tenant, free=0), make_bin(tenant, kind="Staging")
    lay(tenant, shelf, staging, 5)
    before = carrier.pending()[0]["inventory_id"]
    assert carrier.put_away(shelf, staging, bin_of(shelf), 5).status == 200
    assert carrier.pending() == []
    lay(tenant, shelf, staging, 2)
    assert [(i["inventory_id"], i["quantity"]) for i in carrier.pending()] == [(before, 2)]


def test_what_a_pick_has_set_aside_does_not_wait(tenant: Tenant, carrier: Carrier) -> None:
    shelf, floor = make_shelf(tenant, free=0), make_floor(tenant)
    staging = bin_at(tenant, put(tenant, shelf, 5, kind="PickableStaging"))
    assert floor.wave(place(tenant, (shelf, 3))).status == 200
    assert [i["quantity"] for i in carrier.pending()] == [2]
    refused = carrier.put_away(shelf, staging, bin_of(shelf), 3)
    assert (refused.status, "2 available, 3 more are allocated" in refused.json["error"]) == (400, True)


@pytest.mark.parametrize("limit", ["0", "5001", "x"])
def test_limits_that_are_wrong(limit: str, tenant: Tenant, carrier: Carrier) -> None:
    assert carrier.client.get(f"/api/putaway/pending/{tenant.warehouse_id}?limit={limit}").status == 400


def test_another_warehouse(tenant: Tenant, other_tenant: Tenant, carrier: Carrier) -> None:
    other = make_warehouse(tenant)
    shelf, staging = make_shelf(tenant), make_bin(tenant, kind="Staging", warehouse_id=other.id)
    lay(tenant, shelf, staging, 1)
    for warehouse_id in (other.id, other_tenant.warehouse_id, 2_000_000_000):
        for path in (f"pending/{warehouse_id}", f"suggest/{shelf.variant_id}?warehouse_id={warehouse_id}"):
            reply = carrier.client.get(f"/api/putaway/{path}")
            assert (reply.status, reply.json["error"]) == (403, "Access denied for this warehouse")
    assert len(make_manager(tenant).pending(other.id)) == 1
    assert make_manager(tenant).pending(2_000_000_000) == []


# Where it goes.


def test_preferred_bins_come_first_then_the_fullest_then_an_empty_one(tenant: Tenant, carrier: Carrier) -> None:
    shelf = make_shelf(tenant, free=0)
    first, second = make_bin(tenant, pick_sequence=0, zone="STORAGE"), make_bin(tenant, pick_sequence=0)
    lay(tenant, make_shelf(tenant), first, 1)
    found = suggest(carrier, shelf)
    assert (found["item_id"], found["sku"], found["preferred_bin"]) == (shelf.variant_id, shelf.sku, None)
    assert found["suggested_bin"] == {
        "bin_id": second.id,
        "bin_code": second.code,
        "bin_barcode": second.barcode,
        "zone_name": None,
        "priority": None,
    }
    lay(tenant, shelf, first, 1)
    lay(tenant, shelf, make_bin(tenant, zone="QUALITY"), 9)
    lay(tenant, shelf, make_bin(tenant, zone="RECEIVING"), 9)
    found = suggest(carrier, shelf)
    assert (found["preferred_bin"], found["suggested_bin"]["bin_id"]) == (None, first.id)
    assert carrier.client.post(
        "/api/putaway/update-preferred", {"item_id": shelf.variant_id, "bin_id": second.id}
    ).json == {
        "message": f"Preferred bin for {shelf.sku} set to {second.code}",
        "item_id": shelf.variant_id,
        "bin_id": second.id,
        "bin_code": second.code,
    }
    found = suggest(carrier, shelf)
    assert found["preferred_bin"] == found["suggested_bin"]
    assert (found["preferred_bin"]["bin_id"], found["preferred_bin"]["priority"]) == (second.id, 1)


def test_nothing_is_suggested_where_nothing_is_free(tenant: Tenant, carrier: Carrier) -> None:
    shelf = make_shelf(tenant, free=0)
    tenant.rows("UPDATE bin SET is_active = false WHERE kind = 'Pickable' RETURNING id")
    found = suggest(carrier, shelf)
    assert (found["preferred_bin"], found["suggested_bin"]) == (None, None)


def test_where_the_near_end_is_full_the_far_end_is_proposed(tenant: Tenant) -> None:
    shelf, other = make_shelf(tenant, free=0), make_shelf(tenant, free=0)
    tenant.rows("UPDATE bin SET is_active = false WHERE kind = 'Pickable' RETURNING id")
    near = make_bin(tenant, pick_sequence=1)
    make_bin(tenant, pick_sequence=8)
    far = make_bin(tenant, pick_sequence=9)
    params: dict[str, Any] = {
        "item_id": shelf.variant_id,
        "warehouse_ids": None,
        "home_id": tenant.warehouse_id,
        "zone_kinds": [],
    }
    proposed = []
    for taken in (None, near, far):
        if taken:
            lay(tenant, other, taken, 1)
        with tenant.uow() as uow:
            row = uow.row(store.SUGGEST, {**params, "bins_max": 1})
        assert row is not None
        proposed.append(row["suggested_bin"] and row["suggested_bin"]["bin_id"])
    assert proposed == [near.id, far.id, None]


def test_a_preferred_bin_that_is_closed_is_passed_over(tenant: Tenant, carrier: Carrier) -> None:
    shelf = make_shelf(tenant, free=0)
    bins = [make_bin(tenant) for _ in range(2)]
    for each in bins:
        carrier.client.post("/api/putaway/update-preferred", {"item_id": shelf.variant_id, "bin_id": each.id})
    assert suggest(carrier, shelf)["preferred_bin"]["bin_id"] == bins[1].id
    tenant.rows("UPDATE bin SET is_active = false WHERE id = %(id)s RETURNING id", id=bins[1].id)
    found = suggest(carrier, shelf)["preferred_bin"]
    assert (found["bin_id"], found["priority"]) == (bins[0].id, 2)


def test_bins_of_ones_own_warehouses_only_and_of_the_one_at_hand_first(tenant: Tenant, carrier: Carrier) -> None:
    other, shelf = make_warehouse(tenant), make_shelf(tenant, free=0)
    here, there = make_bin(tenant), make_bin(tenant, warehouse_id=other.id)
    manager = make_manager(tenant)
    for each, priority in ((here, 5), (there, 1)):
        body = {"item_id": shelf.variant_id, "bin_id": each.id, "priority": priority}
        assert manager.client.post("/api/admin/preferred-bins", body).status == 200
    both = make_carrier(tenant, warehouse_ids=[tenant.warehouse_id, other.id])
    assert suggest(carrier, shelf)["preferred_bin"]["bin_id"] == here.id
    assert suggest(both, shelf)["preferred_bin"]["bin_id"] == here.id
    assert suggest(both, shelf, f"?warehouse_id={other.id}")["preferred_bin"]["bin_id"] == there.id
    assert suggest(manager, shelf)["preferred_bin"]["bin_id"] == there.id


def test_an_unknown_item(tenant: Tenant, other_tenant: Tenant, carrier: Carrier) -> None:
    for item_id in (2_000_000_000, make_shelf(other_tenant).variant_id):
        reply = carrier.client.get(f"/api/putaway/suggest/{item_id}")
        assert (reply.status, reply.json["error"]) == (404, "Item not found")


# That it went there.


def test_put_away(tenant: Tenant, carrier: Carrier) -> None:
    shelf, staging = make_shelf(tenant, free=0), make_bin(tenant, kind="Staging")
    lay(tenant, shelf, staging, 10)
    reply = carrier.put_away(shelf, staging, bin_of(shelf), 4)
    move = tenant.rows("SELECT id, reason, document FROM stock_move ORDER BY id DESC LIMIT 1")[0]
    assert reply.json == {
        "message": "Put-away confirmed",
        "transfer_id": move["id"],
        "item": shelf.sku,
        "from_bin": staging.code,
        "to_bin": bin_of(shelf).code,
        "quantity": 4,
    }
    assert (reply.status, reply.statements) == (200, 8)
    assert (move["reason"], move["document"].startswith("putaway:")) == ("putaway", True)
    assert (shelf.levels(), lying(shelf, staging)) == ((4, 0), {None: (6, 0)})
    check_books(tenant)


def test_damaged_goods_are_put_away_where_they_belong_in_nine_statements(tenant: Tenant, carrier: Carrier) -> None:
    shelf, damaged = make_shelf(tenant, free=0), make_bin(tenant, zone="DAMAGE")
    lay(tenant, shelf, default_bin(tenant), 5)
    place(tenant, (shelf, 5))
    reply = carrier.put_away(shelf, default_bin(tenant), damaged, 2)
    assert (reply.status, reply.statements, shelf.free()) == (200, 9, 0)
    tenant.work_off()
    assert tenant.value("SELECT count(*) FROM sales_order WHERE is_short") == 1
    check_books(tenant)


def test_bins_between_which_nothing_is_put_away(tenant: Tenant, carrier: Carrier) -> None:
    shelf, staging, stored = make_shelf(tenant), make_bin(tenant, kind="Staging"), make_bin(tenant)
    _, (box, _) = make_storage(tenant)
    lay(tenant, shelf, staging, 5)
    closed = make_bin(tenant)
    tenant.rows("UPDATE bin SET is_active = false WHERE id = %(id)s RETURNING id", id=closed.id)
    wrong: list[tuple[places.Bin, places.Bin, str]] = [
        (bin_of(shelf), stored, "is not a staging bin"),
        (staging, make_bin(tenant, kind="Staging"), "is a Staging bin"),
        (staging, bin_at(tenant, box), "is a RobotBox bin"),
        (staging, default_bin(tenant), "is a Default bin"),
        (staging, closed, "is closed"),
        (closed, stored, "is closed"),
    ]
    for source, target, words in wrong:
        reply = carrier.put_away(shelf, source, target)
        assert (reply.status, words in reply.json["error"]) == (400, True), reply.json
    assert (shelf.levels(), lying(shelf, staging)) == ((10, 0), {None: (5, 0)})
    other = make_bin(tenant, warehouse_id=make_warehouse(tenant).id)
    assert carrier.put_away(shelf, staging, other).status == 404
    reply = make_manager(tenant).put_away(shelf, staging, other)
    assert (reply.status, reply.json["error"]) == (400, "Bins are in different warehouses")


def test_one_put_away_by_many(tenant: Tenant, carrier: Carrier) -> None:
    shelf, staging = make_shelf(tenant, free=0), make_bin(tenant, kind="Staging")
    lay(tenant, shelf, staging, 3)
    replies = together(50, lambda _: carrier.put_away(shelf, staging, bin_of(shelf), 3))
    assert sorted(r.status for r in replies) == [200] + [400] * 49
    assert (shelf.levels(), lying(shelf, staging)) == ((3, 0), {})
    check_books(tenant)


def test_a_repeated_key_has_one_effect(tenant: Tenant, carrier: Carrier) -> None:
    shelf, staging = make_shelf(tenant, free=0), make_bin(tenant, kind="Staging")
    lay(tenant, shelf, staging, 9)
    body = body_of(shelf, staging, bin_of(shelf), 3)
    replies = [carrier.client.post("/api/putaway/confirm", body, idempotency_key="scan") for _ in range(3)]
    assert [r.json for r in replies] == [replies[0].json] * 3
    assert shelf.levels() == (3, 0)
