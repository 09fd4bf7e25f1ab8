"""The dashboard's figures and the report of short picks, against what was done."""

import pytest

from tests.client import Client
from tests.factories.floor import make_floor, place
from tests.factories.identity import make_staff
from tests.factories.movement import lay, make_bin
from tests.factories.purchasing import make_dock, make_purchase_order
from tests.factories.stock import make_shelf
from tests.tenant import Tenant, create_tenant


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    return make_staff(tenant, wms_role="ADMIN").client()


def figures(admin: Client, query: str = "") -> dict[str, object]:
    reply = admin.get(f"/api/admin/dashboard{query}")
    assert (reply.status, reply.statements) == (200, 4), reply.json
    found: dict[str, object] = reply.json
    return found


def test_an_empty_organization(tenant: Tenant, admin: Client) -> None:
    found = figures(admin)
    assert {name for name, value in found.items() if value} == {"require_packing", "recent_activity"}


def test_orders_are_counted_where_they_are(tenant: Tenant, admin: Client) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=50)
    placed = [place(tenant, (shelf, 2)) for _ in range(5)]
    floor.pick_all(placed[0], placed[1])
    floor.verify(placed[0], shelf.barcode, 2)
    assert floor.pack(placed[0]).status == 200
    floor.wave(placed[2])
    found = figures(admin)
    expected = {
        "open_sos": 2,
        "orders_ready_to_pick": 2,
        "orders_in_picking": 1,
        "ready_to_pack": 1,
        "ready_to_ship": 1,
        "orders_packed": 1,
        "total_skus": 1,
    }
    assert {name: found[name] for name in expected} == expected
    admin.put("/api/admin/settings", {"settings": {"require_packing_before_shipping": "false"}})
    without = figures(admin)
    assert (without["ready_to_pack"], without["ready_to_ship"], without["require_packing"]) == (0, 2, False)


def test_goods_on_their_way_in(tenant: Tenant, admin: Client) -> None:
    shelf, staging = make_shelf(tenant), make_bin(tenant, kind="Staging")
    bought = make_purchase_order(tenant, (shelf, 10))
    make_purchase_order(tenant, (shelf, 10))
    lay(tenant, shelf, staging, 4)
    assert make_dock(tenant).receive(bought, (shelf, 3)).status == 200
    found = figures(admin)
    assert (found["open_pos"], found["pending_receipts"]) == (1, 2)
    assert found["items_awaiting_putaway"] in (1, 2)


def test_low_stock_counts_what_is_available(tenant: Tenant, admin: Client) -> None:
    shelf = make_shelf(tenant, free=5)
    assert admin.put(f"/api/admin/items/{shelf.variant_id}", {"reorder_point": 5}).status == 200
    assert figures(admin)["low_stock_items"] == 0
    place(tenant, (shelf, 1))
    assert figures(admin)["low_stock_items"] == 1


def test_figures_of_one_warehouse(tenant: Tenant, admin: Client) -> None:
    shelf = make_shelf(tenant, free=5)
    place(tenant, (shelf, 1))
    new = {"warehouse_code": "OTHER", "warehouse_name": "Other"}
    other = admin.post("/api/admin/warehouses", new).json["warehouse_id"]
    here, there = (figures(admin, f"?warehouse_id={each}") for each in (tenant.warehouse_id, other))
    assert (here["open_sos"], there["open_sos"]) == (1, 0)
    assert there["total_bins"] == 0


def test_short_picks_are_reported_with_their_orders(tenant: Tenant, admin: Client) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=5)
    order = place(tenant, (shelf, 5))
    batch_id = floor.wave(order).json["batch_id"]
    task = floor.tasks(batch_id)[0]
    assert floor.short(task["pick_task_id"], 3).status == 200
    reply = admin.get("/api/admin/short-picks")
    (found,) = reply.json["short_picks"]
    assert (found["sku"], found["quantity_to_pick"], found["quantity_picked"], found["shortage"]) == (
        shelf.sku,
        5,
        3,
        2,
    )
    assert (found["so_numbers"], found["bin_code"], reply.statements) == ([order.number], task["bin_code"], 4)
    assert (figures(admin)["short_picks_7d"], reply.json["total"]) == (1, 1)
    assert admin.get(f"/api/admin/short-picks?days=1&warehouse_id={tenant.warehouse_id}").json["total"] == 1


@pytest.mark.parametrize("query", ["days=0", "days=366", "days=x", "warehouse_id=0", "warehouse_id=x", "since=2026"])
def test_wrong_questions(query: str, admin: Client) -> None:
    assert admin.get(f"/api/admin/short-picks?{query}").status == 400


def test_other_organizations_do_not_count(tenant: Tenant, admin: Client) -> None:
    other = create_tenant(tenant.owner_url, f"elsewhere-{tenant.id}")
    make_shelf(other, free=5)
    assert figures(admin)["total_skus"] == 0
