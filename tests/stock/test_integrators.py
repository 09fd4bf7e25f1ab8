"""Levels, ledger and adjustments over the inventory contract."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib import identity
from tests.client import Client
from tests.factories.orders import make_order
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Clock, Tenant
from tests.threads import together


@pytest.fixture
def key(tenant: Tenant, api: Client) -> Client:
    """An integrator's key that may read and write."""
    with tenant.uow() as uow:
        return api.as_bearer(identity.create_api_key(uow, name="erp", scopes=["inventory:read", "inventory:write"]))


def test_levels_say_what_lies_there_what_is_promised_and_what_is_left(tenant: Tenant, key: Client) -> None:
    shelf = make_shelf(tenant, free=10)
    make_order(tenant, (shelf.product_id, 3))
    reply = key.get(f"/api/v1/inventory_levels?sku={shelf.sku.lower()}")
    assert reply.statements == 4
    [level] = reply.json["inventory_levels"]
    assert {name: level[name] for name in ("variant_id", "sku", "location_id", "on_hand", "available", "reserved")} == {
        "variant_id": shelf.variant_id,
        "sku": shelf.sku,
        "location_id": tenant.warehouse_id,
        "on_hand": 10,
        "available": 7,
        "reserved": 3,
    }


@pytest.mark.parametrize("time", ["0.5", "0", "1772352000", "2026-03-01", "2026-03-01T08:00:00", "now"])
def test_a_time_is_iso_8601_with_its_offset(key: Client, time: str) -> None:
    for path in ("inventory_levels?as_of", "inventory_ledger?created_after", "inventory_ledger?created_before"):
        reply = key.get(f"/api/v1/{path}={time}")
        assert (reply.status, [d["loc"] for d in reply.json["details"]]) == (422, [[path.rpartition("?")[2]]])


def test_levels_as_of_an_instant_are_the_old_ones(tenant: Tenant, key: Client, clock: Clock) -> None:
    shelf = make_shelf(tenant, free=10)
    with tenant.uow() as uow:
        before = uow.now + timedelta(minutes=1)
    clock.advance(seconds=3600)
    body = {"sku": shelf.sku, "location_id": tenant.warehouse_id, "quantity": -4, "reason": "shrinkage"}
    assert key.post("/api/v1/inventory_adjustments", body).status == 201
    past = key.get(f"/api/v1/inventory_levels?sku={shelf.sku}&as_of={quote(before.isoformat())}")
    today = key.get(f"/api/v1/inventory_levels?sku={shelf.sku}")
    assert past.json["inventory_levels"][0]["on_hand"] == 10
    assert today.json["inventory_levels"][0]["on_hand"] == 6
    assert past.statements == 4


def test_the_ledger_names_reason_places_and_actor(tenant: Tenant, key: Client) -> None:
    shelf = make_shelf(tenant, free=10)
    body = {
        "variant_id": shelf.variant_id,
        "location_id": tenant.warehouse_id,
        "quantity": 5,
        "reason": "found",
        "note": "under A",
    }
    adjusted = key.post("/api/v1/inventory_adjustments", body).json
    assert (adjusted["on_hand"], adjusted["available"], adjusted["released_order_ids"]) == (15, 15, [])
    reply = key.get(f"/api/v1/inventory_ledger?variant_id={shelf.variant_id}")
    newest, oldest = reply.json["inventory_ledger"]
    assert (
        newest["quantity"],
        newest["entry_type"],
        newest["note"],
        newest["from_kind"],
        newest["to_location_id"],
    ) == (
        5,
        "found",
        "under A",
        "adjustment",
        tenant.warehouse_id,
    )
    assert newest["actor"].startswith("api_key:")
    assert (oldest["quantity"], oldest["entry_type"], oldest["from_kind"]) == (10, "purchase_received", "supplier")
    assert reply.statements == 4


def test_taking_away_what_is_promised_releases_the_youngest_order(tenant: Tenant, key: Client) -> None:
    shelf = make_shelf(tenant, free=10)
    older = make_order(tenant, (shelf.product_id, 4))
    younger = make_order(tenant, (shelf.product_id, 5))
    body = {"sku": shelf.sku, "location_id": tenant.warehouse_id, "quantity": -3, "reason": "damage"}
    adjusted = key.post("/api/v1/inventory_adjustments", body).json
    assert (adjusted["on_hand"], adjusted["available"], adjusted["released_order_ids"]) == (7, 0, [younger["id"]])
    holds = tenant.rows(
        "SELECT l.order_id, h.quantity FROM stock_hold h JOIN order_line l ON l.id = h.order_line_id ORDER BY l.order_id"
    )
    assert holds == [{"order_id": older["id"], "quantity": 4}, {"order_id": younger["id"], "quantity": 3}]
    tenant.work_off()
    flagged = tenant.rows("SELECT id FROM sales_order WHERE is_short")
    assert flagged == [{"id": younger["id"]}]
    check_books(tenant)


@pytest.mark.parametrize(
    ("_case", "change", "status"),
    [
        ("nothing", {"quantity": 0}, 422),
        ("huge", {"quantity": 10**12}, 422),
        ("text", {"quantity": "5"}, 422),
        ("unknown reason", {"reason": "magic"}, 422),
        ("unknown location", {"location_id": 999_999}, 404),
        ("unknown SKU", {"sku": "NO-SUCH"}, 404),
        ("more than there is", {"quantity": -11}, 422),
        ("both names", {"variant_id": 1}, 422),
    ],
)
def test_bad_adjustments_change_nothing(
    _case: str, change: dict[str, Any], status: int, tenant: Tenant, key: Client
) -> None:
    shelf = make_shelf(tenant, free=10)
    body = {"sku": shelf.sku, "location_id": tenant.warehouse_id, "quantity": -1, **change}
    reply = key.post("/api/v1/inventory_adjustments", body)
    assert (reply.status, shelf.levels()) == (status, (10, 0))
    assert "error" in reply.json
    assert "code" in reply.json


def test_parallel_adjustments_take_each_unit_once(tenant: Tenant, key: Client) -> None:
    shelf = make_shelf(tenant, free=10)
    body = {"sku": shelf.sku, "location_id": tenant.warehouse_id, "quantity": -1}
    statuses = sorted(r.status for r in together(20, lambda _: key.post("/api/v1/inventory_adjustments", body)))
    assert statuses == [201] * 10 + [422] * 10
    assert shelf.levels() == (0, 0)
    check_books(tenant)


def test_a_key_needs_its_scope_and_sees_its_own_organization(tenant: Tenant, other_tenant: Tenant, api: Client) -> None:
    shelf = make_shelf(tenant)
    with tenant.uow() as uow:
        reader = api.as_key(identity.create_api_key(uow, name="reader", scopes=["inventory:read"]))
    with other_tenant.uow() as uow:
        foreign = api.as_key(identity.create_api_key(uow, name="foreign", scopes=["inventory:read", "inventory:write"]))
    body = {"sku": shelf.sku, "location_id": tenant.warehouse_id, "quantity": -1}
    assert reader.post("/api/v1/inventory_adjustments", body).status == 403
    assert foreign.post("/api/v1/inventory_adjustments", body).status == 404
    assert foreign.get(f"/api/v1/inventory_levels?sku={shelf.sku}").json["inventory_levels"] == []
    assert api.get("/api/v1/inventory_levels").status == 401
