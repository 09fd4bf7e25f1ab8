"""The inventory as the warehouse's panel lists it."""

from datetime import date

import pytest

from tests.client import Client
from tests.factories.floor import make_floor, make_lot, place
from tests.factories.movement import bin_of, default_bin, lay, make_bin, make_carrier, make_manager
from tests.factories.places import make_warehouse
from tests.factories.stock import make_shelf
from tests.tenant import Tenant


@pytest.fixture
def panel(tenant: Tenant) -> Client:
    return make_manager(tenant).client


def test_what_lies_where(tenant: Tenant, panel: Client) -> None:
    shelf, floor, zoned = make_shelf(tenant, free=10), make_floor(tenant), make_bin(tenant, zone="STORAGE")
    lot_id = make_lot(tenant, shelf, expires_on=date(2031, 1, 1))
    lay(tenant, shelf, zoned, 3, lot_id=lot_id)
    make_shelf(tenant, free=0)
    assert floor.wave(place(tenant, (shelf, 4))).status == 200
    reply = panel.get("/api/admin/inventory")
    assert (reply.status, reply.statements) == (200, 4)
    assert {k: reply.json[k] for k in ("total", "page", "per_page", "pages")} == {
        "total": 2,
        "page": 1,
        "per_page": 50,
        "pages": 1,
    }
    plain, of_lot = reply.json["inventory"]
    assert {k: v for k, v in plain.items() if k not in ("inventory_id", "updated_at")} == {
        "item_id": shelf.variant_id,
        "sku": shelf.sku,
        "item_name": tenant.value("SELECT name FROM product ORDER BY id LIMIT 1"),
        "warehouse_id": tenant.warehouse_id,
        "bin_id": shelf.bin_id,
        "bin_code": bin_of(shelf).code,
        "zone_name": None,
        "lot_number": None,
        "quantity_on_hand": 10,
        "quantity_allocated": 1,
        "quantity_available": 9,
    }
    assert (of_lot["bin_id"], of_lot["quantity_on_hand"], of_lot["quantity_allocated"]) == (zoned.id, 3, 3)
    assert of_lot["lot_number"] == tenant.value("SELECT number FROM lot")
    assert of_lot["zone_name"] == tenant.value("SELECT code FROM zone")
    assert plain["inventory_id"] != of_lot["inventory_id"]


def test_pages_and_filters(tenant: Tenant, other_tenant: Tenant, panel: Client) -> None:
    other = make_warehouse(tenant)
    shelves = [make_shelf(tenant, free=n + 1) for n in range(4)]
    there = make_bin(tenant, warehouse_id=other.id)
    lay(tenant, shelves[0], there, 9)
    lay(tenant, shelves[1], default_bin(tenant), 8)
    make_shelf(other_tenant)

    def listed(query: str) -> tuple[int, list[tuple[str, int]]]:
        reply = panel.get(f"/api/admin/inventory?{query}")
        assert (reply.status, reply.statements) == (200, 4), reply.json
        return reply.json["total"], [(r["sku"], r["quantity_on_hand"]) for r in reply.json["inventory"]]

    here = [(shelf.sku, n + 1) for n, shelf in enumerate(shelves)] + [(shelves[1].sku, 8)]
    every = [*here, (shelves[0].sku, 9)]
    assert listed("") == (6, every)
    assert listed("page=2&per_page=4") == (6, every[4:])
    assert listed("page=99") == (6, [])
    assert listed(f"warehouse_id={tenant.warehouse_id}") == (5, here)
    assert listed(f"warehouse_id={other.id}") == (1, every[-1:])
    assert listed(f"item_id={shelves[1].variant_id}") == (2, [every[1], every[4]])
    assert listed(f"item_id={shelves[1].variant_id}&warehouse_id={other.id}") == (0, [])
    assert listed(f"bin_id={shelves[2].bin_id}") == (1, every[2:3])
    assert listed(f"q={shelves[0].sku.lower()}") == (2, [every[0], every[5]])
    assert listed(f"q={shelves[3].barcode}") == (1, every[3:4])
    assert listed("q=SKU-&per_page=2") == (6, every[:2])
    assert listed("q=nothing") == (0, [])
    assert listed("q=+")[0] == 6
    assert listed("warehouse_id=2000000000") == (0, [])


@pytest.mark.parametrize(
    "query", ["page=0", "per_page=-1", "per_page=1001", "warehouse_id=x", "item_id=1.5", "sort=sku"]
)
def test_queries_that_are_wrong(query: str, panel: Client) -> None:
    reply = panel.get(f"/api/admin/inventory?{query}")
    assert (reply.status, reply.json["error"]) == (400, "validation_error")


def test_scanners_may_not(tenant: Tenant) -> None:
    reply = make_carrier(tenant).client.get("/api/admin/inventory")
    assert (reply.status, reply.json["error"]) == (403, "Admin access required")
