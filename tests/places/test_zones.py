"""Zones in the admin panel."""

from typing import Any

import pytest

from chalicelib import places
from tests.client import Client
from tests.factories.floor import held_for, make_floor, place, put
from tests.factories.identity import make_staff
from tests.factories.places import make_bins, make_warehouse, make_zone
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant

PATH = "/api/admin/zones"
KINDS = ("STORAGE", "RECEIVING", "STAGING", "SHIPPING", "QUALITY", "DAMAGE")


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    return make_staff(tenant).client()


def put_into(shelf: Shelf, zone_id: int | None) -> None:
    """As if the shelf's bin had always been there."""
    sql = "UPDATE bin SET zone_id = %(zone)s WHERE id = %(id)s RETURNING id"
    shelf.tenant.rows(sql, zone=zone_id, id=shelf.bin_id)


@pytest.mark.parametrize("kind", KINDS)
def test_creating_a_zone(tenant: Tenant, admin: Client, kind: str) -> None:
    body = {"warehouse_id": tenant.warehouse_id, "zone_code": "A", "zone_name": "Aisles", "zone_type": kind}
    reply = admin.post(PATH, body)
    made = reply.json
    assert (reply.status, reply.statements) == (201, 5)
    assert made == {"id": made["id"], "zone_id": made["id"], "is_active": True, **body}
    listed = admin.get(PATH)
    assert (listed.json["zones"], listed.json["total"], listed.statements) == ([made], 1, 4)
    entry = tenant.rows("SELECT action, after FROM audit_entry WHERE entity = 'zone'")
    after = {"warehouse_id": tenant.warehouse_id, "code": "A", "name": "Aisles", "kind": kind}
    assert entry == [{"action": "create", "after": after}]


@pytest.mark.parametrize(
    ("_case", "change", "status", "error"),
    [
        ("taken code", {"zone_code": "A"}, 400, "Duplicate zone code: A"),
        ("unknown warehouse", {"warehouse_id": 2**31 - 1}, 409, "integrity_constraint_violation"),
        ("somebody else's warehouse", {"warehouse_id": "foreign"}, 409, "integrity_constraint_violation"),
        ("unknown kind", {"zone_type": "ATTIC"}, 400, "validation_error"),
        ("no name", {"zone_name": None}, 400, "validation_error"),
        ("a text as id", {"warehouse_id": "1"}, 400, "validation_error"),
        ("unknown field", {"colour": 1}, 400, "validation_error"),
    ],
)
def test_a_wrong_zone_is_refused(
    tenant: Tenant, other_tenant: Tenant, admin: Client, _case: str, change: dict[str, Any], status: int, error: str
) -> None:
    with tenant.uow() as uow:
        places.create_zone(uow, warehouse_id=tenant.warehouse_id, code="A")
    if change.get("warehouse_id") == "foreign":
        change = {"warehouse_id": other_tenant.warehouse_id}
    body = {"warehouse_id": tenant.warehouse_id, "zone_code": "B", "zone_name": "B", "zone_type": "STORAGE", **change}
    reply = admin.post(PATH, body)
    assert (reply.status, reply.json["error"]) == (status, error)
    assert tenant.value("SELECT count(*) FROM zone") == 1


def test_zones_of_one_warehouse(tenant: Tenant, admin: Client) -> None:
    other = make_warehouse(tenant)
    mine, theirs = [make_zone(tenant) for _ in range(3)], make_zone(tenant, warehouse_id=other.id)

    def ids(query: str) -> list[int]:
        return [zone["zone_id"] for zone in admin.get(f"{PATH}{query}").json["zones"]]

    assert ids("") == [*mine, theirs]
    assert ids(f"?warehouse_id={other.id}") == [theirs]
    assert ids(f"?warehouse_id={tenant.warehouse_id}&per_page=2&page=2") == mine[2:]
    assert ids(f"?warehouse_id={2**31 - 1}") == []
    assert admin.get(f"{PATH}?warehouse_id=x").status == 400


def test_changing_a_zone(tenant: Tenant, admin: Client) -> None:
    zone_id = make_zone(tenant)
    before = admin.get(PATH).json["zones"][0]
    assert admin.put(f"{PATH}/{zone_id}", {}).json == before
    reply = admin.put(f"{PATH}/{zone_id}", {"zone_code": "NEW", "zone_type": "STAGING", "zone_name": "Staging"})
    assert (reply.status, reply.statements) == (200, 6)
    assert reply.json == {**before, "zone_code": "NEW", "zone_type": "STAGING", "zone_name": "Staging"}
    assert admin.get(PATH).json["zones"] == [reply.json]
    entry = tenant.rows("SELECT before, after FROM audit_entry WHERE entity = 'zone' AND action = 'update'")
    assert entry == [
        {
            "before": {"code": before["zone_code"], "kind": "STORAGE", "name": ""},
            "after": {"code": "NEW", "kind": "STAGING", "name": "Staging"},
        }
    ]


def test_codes_are_unique_in_a_warehouse(tenant: Tenant, admin: Client) -> None:
    first, second = make_zone(tenant), make_zone(tenant)
    code = admin.get(PATH).json["zones"][0]["zone_code"]
    reply = admin.put(f"{PATH}/{second}", {"zone_code": code})
    assert (reply.status, reply.json) == (400, {"error": f"Duplicate zone code: {code}"})
    assert first != second


def test_an_empty_zone_moves_to_another_warehouse_and_one_with_bins_does_not(tenant: Tenant, admin: Client) -> None:
    other, zone_id = make_warehouse(tenant), make_zone(tenant)
    assert admin.put(f"{PATH}/{zone_id}", {"warehouse_id": 2**31 - 1}).status == 409
    assert admin.put(f"{PATH}/{zone_id}", {"warehouse_id": other.id}).json["warehouse_id"] == other.id
    make_bins(tenant, places.NewBin(warehouse_id=other.id, zone_id=zone_id, code="A-1"))
    reply = admin.put(f"{PATH}/{zone_id}", {"warehouse_id": tenant.warehouse_id, "zone_code": "Q"})
    assert (reply.status, reply.json["error"].split(" ", 2)[2]) == (409, "has bins and stays in its warehouse")
    assert tenant.value("SELECT code FROM zone WHERE id = %(id)s", id=zone_id) != "Q"


def test_a_zone_with_open_bins_is_not_closed(tenant: Tenant, admin: Client) -> None:
    zone_id = make_zone(tenant)
    made = make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, zone_id=zone_id, code="A-1"))[0]
    reply = admin.put(f"{PATH}/{zone_id}", {"is_active": False})
    assert (reply.status, "has 1 open bins" in reply.json["error"]) == (409, True)
    assert admin.put(f"/api/admin/bins/{made.id}", {"is_active": False}).status == 200
    assert admin.put(f"{PATH}/{zone_id}", {"is_active": False}).json["is_active"] is False
    reply = admin.put(f"/api/admin/bins/{made.id}", {"is_active": True})
    assert (reply.status, reply.json) == (400, {"error": "Zone is closed"})
    body = {"zone_id": zone_id, "warehouse_id": tenant.warehouse_id, "bin_code": "B", "bin_barcode": "B"}
    reply = admin.post("/api/admin/bins", {**body, "bin_type": "Pickable"})
    assert (reply.status, reply.json) == (400, {"error": "Zone is closed"})


@pytest.mark.parametrize("kind", ["QUALITY", "DAMAGE"])
def test_with_its_kind_the_zones_stock_is_barred_and_admitted(tenant: Tenant, admin: Client, kind: str) -> None:
    zone_id, shelves = make_zone(tenant), [make_shelf(tenant, free=10) for _ in range(2)]
    for shelf in shelves:
        put_into(shelf, zone_id)
    put(tenant, shelves[0], 3)
    reply = admin.put(f"{PATH}/{zone_id}", {"zone_type": kind})
    assert (reply.status, reply.statements) == (200, 10)
    assert [shelf.free() for shelf in shelves] == [3, 0]
    check_books(tenant)
    assert admin.put(f"{PATH}/{zone_id}", {"zone_type": "QUALITY" if kind == "DAMAGE" else "DAMAGE"}).status == 200
    assert [shelf.free() for shelf in shelves] == [3, 0]
    assert admin.put(f"{PATH}/{zone_id}", {"zone_type": "SHIPPING"}).status == 200
    assert [shelf.free() for shelf in shelves] == [13, 10]
    check_books(tenant)


def test_barring_a_zone_breaks_holds_and_is_refused_by_picks(tenant: Tenant, admin: Client) -> None:
    zone_id, shelf, floor = make_zone(tenant), make_shelf(tenant, free=10), make_floor(tenant)
    put_into(shelf, zone_id)
    order = place(tenant, (shelf, 4))
    batch_id = floor.wave(order).json["batch_id"]
    reply = admin.put(f"{PATH}/{zone_id}", {"zone_type": "DAMAGE", "zone_name": "Broken"})
    assert (reply.status, reply.json) == (
        409,
        {"error": "4 units there are allocated to picks; finish or cancel those first"},
    )
    assert tenant.rows("SELECT kind, name FROM zone") == [{"kind": "STORAGE", "name": ""}]
    floor.cancel(batch_id)
    reply = admin.put(f"{PATH}/{zone_id}", {"zone_type": "DAMAGE"})
    assert (reply.status, reply.statements) == (200, 10)
    assert (shelf.free(), held_for(tenant, order)) == (0, [0])
    tenant.work_off()
    check_books(tenant)
    because = tenant.value("SELECT after FROM audit_entry WHERE action = 'order.short'")
    assert because == {"because_of": f"zone:{zone_id}"}


def test_unknown_and_foreign_zones(tenant: Tenant, other_tenant: Tenant, admin: Client) -> None:
    for zone_id in (make_zone(other_tenant), 2**31 - 1):
        reply = admin.put(f"{PATH}/{zone_id}", {"zone_name": "Mine"})
        assert (reply.status, reply.json) == (404, {"error": "Zone not found"})
