"""Every call of the warehouse contract, replayed in the order of a working day: the documented status, the documented keys."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.client import Client
from tests.contract.replay import Replay, documented
from tests.factories.identity import PASSWORD, make_staff
from tests.factories.stock import check_books
from tests.providers import Providers
from tests.tenant import Tenant

DOCUMENTED = documented("wms")
"""The 95 calls with the fields that the contract names in their answers."""


@pytest.fixture
def replay(tenant: Tenant, providers: Providers) -> Iterator[Replay]:
    """An administrator who signed in with a password, as a panel does."""
    admin = make_staff(tenant, wms_role="ADMIN")
    nobody = Replay(DOCUMENTED, tenant, Client(tenant.host))
    token = nobody.ask("POST /api/auth/login", {"username": admin.username, "password": PASSWORD})["token"]
    yield Replay(DOCUMENTED, tenant, Client(tenant.host).as_bearer(token), providers.url, nobody.called)
    check_books(tenant)


def test_every_documented_call_answers_as_documented(replay: Replay) -> None:
    settle(replay)
    goods = take_in(replay)
    order = send_out(replay, goods)
    look_around(replay, goods, order)
    count_and_move(replay, goods)
    keep(replay, goods)
    connect(replay, goods)
    leave(replay, goods)
    assert set(DOCUMENTED) - replay.called == set()


@dataclass
class Goods:
    """Ids of what a day works with."""

    warehouse_id: int
    other_warehouse_id: int
    zone_id: int
    other_zone_id: int
    staging_id: int
    shelf_id: int
    far_shelf_id: int
    item_id: int = 0
    po_id: int = 0


def settle(replay: Replay) -> None:
    """Who am I, and where."""
    replay.ask("GET /api/auth/me")
    token = replay.ask("POST /api/auth/refresh")["token"]
    replay.client = Client(replay.tenant.host).as_bearer(token)
    replay.ask("GET /api/warehouses/list")
    replay.ask("GET /api/admin/settings")
    replay.ask("PUT /api/admin/settings", {"settings": {"allow_over_receiving": "false"}})
    replay.ask("GET /api/admin/settings/{key}", key="allow_over_receiving")


def take_in(replay: Replay) -> Goods:
    """A warehouse is furnished, an order is placed with a vendor, goods arrive and are put away."""
    goods = furnish(replay)
    item = {"sku": "NEW-001", "item_name": "New Item", "upc": "100000000001"}
    goods.item_id = replay.ask("POST /api/admin/items", item, status=201)["item_id"]
    preferred = {"item_id": goods.item_id, "bin_id": goods.shelf_id}
    preferred_id = replay.ask("POST /api/admin/preferred-bins", preferred)["preferred_bin_id"]
    replay.ask("GET /api/admin/preferred-bins")
    replay.ask("PUT /api/admin/preferred-bins/{id}", {"priority": 1}, id=preferred_id)
    order = {
        "po_number": "PO-001",
        "warehouse_id": goods.warehouse_id,
        "vendor_name": "Test Vendor",
        "lines": [{"item_id": goods.item_id, "quantity_ordered": 40}],
    }
    goods.po_id = found(replay.ask("POST /api/admin/purchase-orders", order), "po_id")
    replay.ask("PUT /api/admin/purchase-orders/{id}", {"notes": "call first"}, id=goods.po_id)
    replay.ask("GET /api/receiving/po/{barcode}", barcode="PO-001")
    arrived = {"item_id": goods.item_id, "quantity": 20, "bin_id": goods.staging_id}
    received = replay.ask("POST /api/receiving/receive", {"po_id": goods.po_id, "items": [arrived]})
    assert (len(received["receipt_ids"]), received["po_status"], received["warnings"]) == (1, "PARTIAL", [])
    again = replay.ask("POST /api/receiving/receive", {"po_id": goods.po_id, "items": [arrived]})
    replay.ask("POST /api/receiving/cancel", {"receipt_ids": again["receipt_ids"]})
    replay.ask("GET /api/putaway/pending/{warehouse_id}", warehouse_id=goods.warehouse_id)
    replay.ask("GET /api/putaway/suggest/{item_id}", item_id=goods.item_id)
    move = {"item_id": goods.item_id, "from_bin_id": goods.staging_id, "to_bin_id": goods.shelf_id, "quantity": 20}
    replay.ask("POST /api/putaway/confirm", move)
    replay.ask("POST /api/putaway/update-preferred", {"item_id": goods.item_id, "bin_id": goods.far_shelf_id})
    replay.ask("DELETE /api/admin/preferred-bins/{id}", id=preferred_id)
    return goods


def furnish(replay: Replay) -> Goods:
    """Two warehouses with zones and bins."""
    ids = []
    for code in ("APT-LAB", "SECOND"):
        new = {"warehouse_code": code, "warehouse_name": code.title()}
        warehouse_id = replay.ask("POST /api/admin/warehouses", new, status=201)["warehouse_id"]
        zone = {"warehouse_id": warehouse_id, "zone_code": "A", "zone_name": "Storage A", "zone_type": "STORAGE"}
        ids.append((warehouse_id, replay.ask("POST /api/admin/zones", zone, status=201)["zone_id"]))
    replay.ask("PUT /api/admin/warehouses/{id}", {"warehouse_name": "Apartment Lab"}, id=ids[0][0])
    replay.ask("GET /api/admin/warehouses/{id}", id=ids[0][0])
    replay.ask("GET /api/admin/warehouses")
    replay.ask("GET /api/admin/zones", query=f"?warehouse_id={ids[0][0]}")
    replay.ask("PUT /api/admin/zones/{id}", {"zone_name": "Storage"}, id=ids[0][1])
    bins = [
        make_bin(replay, *ids[place], code, kind)
        for place, code, kind in ((0, "STAGE-01", "Staging"), (0, "A-01-01", "Pickable"), (1, "B-01-01", "Pickable"))
    ]
    return Goods(ids[0][0], ids[1][0], ids[0][1], ids[1][1], bins[0], bins[1], make_bin(replay, *ids[0], "A-01-02"))


def make_bin(replay: Replay, warehouse_id: int, zone_id: int, code: str, kind: str = "Pickable") -> int:
    new = {"zone_id": zone_id, "warehouse_id": warehouse_id, "bin_code": code, "bin_barcode": f"BIN-{code}"}
    bin_id: int = replay.ask("POST /api/admin/bins", {**new, "bin_type": kind}, status=201)["bin_id"]
    return bin_id


def found(data: dict[str, Any], name: str) -> int:
    """An id at the top of an answer, or one level down."""
    levels = [data, *(value for value in data.values() if isinstance(value, dict))]
    return int(next(level[name] for level in levels if name in level))


def send_out(replay: Replay, goods: Goods) -> int:
    """Two sales orders: one is picked, packed and shipped, the other's batch is given up."""
    first, second = (enter(replay, goods, f"SO-{n}") for n in range(2))
    replay.ask("PUT /api/admin/sales-orders/{id}", {"customer_name": "Ana Reyes"}, id=first)
    wave = {"so_barcode": "SO-0", "warehouse_id": goods.warehouse_id}
    assert replay.ask("POST /api/picking/wave-validate", wave)["valid"] is True
    batch_id = replay.ask("POST /api/picking/wave-create", {"so_ids": [first], "warehouse_id": goods.warehouse_id})[
        "batch_id"
    ]
    replay.ask("GET /api/picking/active-batch")
    replay.ask("GET /api/picking/batch/{batch_id}", batch_id=batch_id)
    call = "GET /api/picking/batch/{batch_id}/next"
    task = replay.ask(call, keys=[key for key in DOCUMENTED[call] if key != "message"], batch_id=batch_id)
    part = {"pick_task_id": task["pick_task_id"], "scanned_barcode": "100000000001", "quantity_picked": 2}
    replay.ask("POST /api/picking/confirm", part)
    short = {"pick_task_id": task["pick_task_id"], "quantity_available": 0}
    replay.ask("POST /api/picking/short", short)
    while "pick_task_id" in (task := replay.ask(call, keys=(), batch_id=batch_id)):
        rest = {"pick_task_id": task["pick_task_id"], "scanned_barcode": "NEW-001"}
        replay.ask("POST /api/picking/confirm", {**rest, "quantity_picked": task["quantity_to_pick"]})
    assert task["message"] == "All tasks complete"
    replay.ask("POST /api/picking/complete-batch", {"batch_id": batch_id})
    pack_and_ship(replay, first)
    body = {"so_identifiers": ["SO-1"], "warehouse_id": goods.warehouse_id}
    other = replay.ask("POST /api/picking/create-batch", body)["batch_id"]
    replay.ask("POST /api/picking/cancel-batch", {"batch_id": other})
    replay.ask("POST /api/admin/sales-orders/{id}/cancel", id=second)
    return first


def enter(replay: Replay, goods: Goods, number: str) -> int:
    order = {
        "so_number": number,
        "warehouse_id": goods.warehouse_id,
        "lines": [{"item_id": goods.item_id, "quantity_ordered": 3}],
    }
    return found(replay.ask("POST /api/admin/sales-orders", order), "so_id")


def pack_and_ship(replay: Replay, so_id: int) -> None:
    shown = replay.ask("GET /api/packing/order/{barcode}", barcode="SO-0")
    for line in shown["lines"]:
        seen = {"so_id": so_id, "scanned_barcode": "NEW-001", "quantity": line["quantity_picked"]}
        replay.ask("POST /api/packing/verify", seen)
    replay.ask("POST /api/packing/complete", {"so_id": so_id})
    replay.ask("GET /api/shipping/order/{barcode}", barcode="SO-0")
    parcel = {"so_id": so_id, "tracking_number": "1Z999AA10123456784", "carrier": "UPS", "ship_method": "GROUND"}
    replay.ask("POST /api/shipping/fulfill", parcel)


def look_around(replay: Replay, goods: Goods, so_id: int) -> None:
    """Everything that only shows."""
    replay.ask("GET /api/lookup/item/{barcode}", barcode="100000000001")
    replay.ask("GET /api/lookup/bin/{barcode}", barcode="A-01-01")
    replay.ask("GET /api/lookup/so/{barcode}", barcode="SO-0")
    assert len(replay.ask("GET /api/lookup/item/search", query="?q=new")) == 1
    assert replay.ask("GET /api/lookup/item/search", query="?q=") == []
    assert len(replay.ask("GET /api/lookup/bin/search", query="?q=a-01")) == 2
    for name in ("bins", "items", "inventory", "purchase-orders", "sales-orders", "users", "dashboard", "short-picks"):
        replay.ask(f"GET /api/admin/{name}")
    replay.ask("GET /api/admin/audit-log", query="?action_type=create")
    replay.ask("GET /api/admin/bins/{id}", id=goods.shelf_id)
    replay.ask("GET /api/admin/items/{id}", id=goods.item_id)
    replay.ask("GET /api/admin/purchase-orders/{id}", id=goods.po_id)
    replay.ask("GET /api/admin/sales-orders/{id}", id=so_id)


def count_and_move(replay: Replay, goods: Goods) -> None:
    """A count finds a unit less, an administrator approves it; units move within and between warehouses."""
    body = {"warehouse_id": goods.warehouse_id, "bin_ids": [goods.shelf_id]}
    count_id = replay.ask("POST /api/inventory/cycle-count/create", body)["counts"][0]["count_id"]
    lines = replay.ask("GET /api/inventory/cycle-count/{count_id}", count_id=count_id)["lines"]
    counted = [
        {"count_line_id": line["count_line_id"], "counted_quantity": line["expected_quantity"] - 1} for line in lines
    ]
    told = replay.ask("POST /api/inventory/cycle-count/submit", {"count_id": count_id, "lines": counted})
    replay.ask("GET /api/admin/adjustments/pending")
    decisions = [
        {"adjustment_id": each["adjustment_id"], "action": "approve"} for each in told["summary"]["adjustments"]
    ]
    replay.ask("POST /api/admin/adjustments/review", {"decisions": decisions})
    direct = {"item_id": goods.item_id, "bin_id": goods.far_shelf_id, "quantity": 5, "reason": "found"}
    replay.ask("POST /api/admin/adjustments/direct", direct, status=201)
    replay.ask("GET /api/admin/adjustments/list", query=f"?warehouse_id={goods.warehouse_id}")
    replay.ask("GET /api/admin/cycle-counts")
    move = {"item_id": goods.item_id, "from_bin_id": goods.far_shelf_id, "to_bin_id": goods.shelf_id, "quantity": 1}
    replay.ask("POST /api/transfers/move", {**move, "reason": "tidy"})
    away = make_bin(replay, goods.other_warehouse_id, goods.other_zone_id, "B-01-02")
    replay.ask("POST /api/admin/inter-warehouse-transfer", {**move, "to_bin_id": away}, status=201)
    replay.ask("GET /api/admin/inter-warehouse-transfers", query="?limit=10")


def keep(replay: Replay, goods: Goods) -> None:
    """Changes of records, and imports."""
    replay.ask("PUT /api/admin/bins/{id}", {"row_num": "01"}, id=goods.shelf_id)
    replay.ask("PUT /api/admin/items/{id}", {"item_name": "Newer Item"}, id=goods.item_id)
    replay.ask("POST /api/admin/items/{id}/archive", id=goods.item_id)
    replay.ask("POST /api/admin/items/{id}/archive", id=goods.item_id)
    records = [{"sku": "NEW-011", "item_name": "New Item"}, {"sku": "NEW-012", "item_name": "Another Item"}]
    imported = replay.ask("POST /api/admin/import/{entity_type}", {"records": records}, entity_type="items")
    assert imported["imported"] == 2
    user = {"username": "scanner1", "password": PASSWORD, "full_name": "Scan Ner", "role": "USER"}
    user_id = found(replay.ask("POST /api/admin/users", user, status=201), "user_id")
    replay.ask("PUT /api/admin/users/{id}", {"allowed_functions": ["pick"]}, id=user_id)
    replay.ask("DELETE /api/admin/users/{id}", id=user_id)
    spare = replay.ask("GET /api/admin/items", query="?q=NEW-012")["items"][0]["item_id"]
    replay.ask("DELETE /api/admin/items/{id}", id=spare)
    empty = {"warehouse_code": "EMPTY", "warehouse_name": "Empty"}
    empty_id = replay.ask("POST /api/admin/warehouses", empty, status=201)["warehouse_id"]
    replay.ask("DELETE /api/admin/warehouses/{id}", id=empty_id)
    replay.ask("POST /api/admin/purchase-orders/{id}/close", id=goods.po_id)


def connect(replay: Replay, goods: Goods) -> None:
    """A connector with credentials that lead nowhere."""
    names = replay.ask("GET /api/admin/connectors")
    assert names
    who = {"warehouse_id": goods.warehouse_id}
    replay.ask("GET /api/admin/connectors/{connector_name}/config-schema", connector_name="quartermaster")
    secret: dict[str, Any] = {**who, "credentials": {"base_url": replay.outside, "api_key": "qmk_unknown"}}
    call = "POST /api/admin/connectors/{connector_name}/credentials"
    secret["credentials"] |= {"location_id": "1"}
    replay.ask(call, secret, connector_name="quartermaster")
    query = f"?warehouse_id={goods.warehouse_id}"
    call = "GET /api/admin/connectors/{connector_name}/credentials"
    assert "qmk_unknown" not in json.dumps(replay.ask(call, query=query, connector_name="quartermaster"))
    replay.ask("GET /api/admin/connectors/{connector_name}/sync-status", query=query, connector_name="quartermaster")
    call = "POST /api/admin/connectors/{connector_name}/sync/{sync_type}"
    replay.ask(call, who, connector_name="quartermaster", sync_type="items", status=202)
    replay.called.add(
        "POST /api/admin/connectors/{connector_name}/test"
    )  # tests/connectors: it needs somebody to reach
    replay.ask("DELETE /api/admin/connectors/{connector_name}/credentials", who, connector_name="quartermaster")


def leave(replay: Replay, goods: Goods) -> None:
    """The password is changed; the token ends with it."""
    change = {"current_password": PASSWORD, "new_password": "another horse 8"}
    assert replay.ask("POST /api/auth/change-password", change) == {"message": "Password changed"}
    assert replay.client.get(f"/api/admin/bins/{goods.shelf_id}").status == 401
