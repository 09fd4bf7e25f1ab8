"""Warehouses in the admin panel."""

from typing import Any

import pytest

from chalicelib import places
from tests.client import Client
from tests.factories.floor import place
from tests.factories.identity import make_staff, make_warehouse_user
from tests.factories.places import make_bins, make_warehouse, make_zone
from tests.factories.robots import make_storage
from tests.factories.stock import make_shelf
from tests.tenant import Tenant

PATH = "/api/admin/warehouses"


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    return make_staff(tenant).client()


def audited(tenant: Tenant, entity: str) -> list[dict[str, Any]]:
    sql = "SELECT action, before, after FROM audit_entry WHERE entity = %(entity)s ORDER BY id"
    return tenant.rows(sql, entity=entity)


def test_creating_a_warehouse(tenant: Tenant, admin: Client) -> None:
    body = {"warehouse_code": " EAST ", "warehouse_name": "East side", "address": "1 Harbor St"}
    reply = admin.post(PATH, body)
    assert (reply.status, reply.statements) == (201, 5)
    made = reply.json
    assert made == {
        "id": made["id"],
        "warehouse_id": made["id"],
        "warehouse_code": "EAST",
        "warehouse_name": "East side",
        "address": "1 Harbor St",
        "preference": 100,
        "is_active": True,
        "created_at": made["created_at"],
    }
    assert admin.get(f"{PATH}/{made['id']}").json == {"warehouse": made, "zones": [], "bin_count": 0}
    after = {"code": "EAST", "name": "East side", "address": "1 Harbor St", "preference": 100}
    assert audited(tenant, "warehouse")[-1] == {"action": "create", "before": None, "after": after}


def test_a_repeated_key_makes_one_warehouse(tenant: Tenant, admin: Client) -> None:
    body = {"warehouse_code": "EAST", "warehouse_name": "East"}
    first, second = (admin.post(PATH, body, idempotency_key="once") for _ in range(2))
    assert (first.status, second.status, first.json) == (201, 201, second.json)
    assert tenant.value("SELECT count(*) FROM warehouse") == 2


@pytest.mark.parametrize(
    ("_case", "change", "status", "wrong"),
    [
        ("no code", {"warehouse_code": None}, 400, "warehouse_code"),
        ("blanks only", {"warehouse_code": "   "}, 400, "warehouse_code"),
        ("blank name", {"warehouse_name": "  "}, 400, "warehouse_name"),
        ("a line break", {"warehouse_name": "East\nside"}, 400, "warehouse_name"),
        ("a control character", {"warehouse_code": "E\x07"}, 400, "warehouse_code"),
        ("very long", {"warehouse_name": "x" * 256}, 400, "warehouse_name"),
        ("a number", {"warehouse_code": 7}, 400, "warehouse_code"),
        ("unknown field", {"colour": "red"}, 400, "colour"),
        ("preference of nothing", {"preference": 0}, 400, "preference"),
    ],
)
def test_a_wrong_warehouse_is_refused(
    tenant: Tenant, admin: Client, _case: str, change: dict[str, Any], status: int, wrong: str
) -> None:
    body = {"warehouse_code": "EAST", "warehouse_name": "East", **change}
    for reply in (admin.post(PATH, body), admin.put(f"{PATH}/{tenant.warehouse_id}", change | {"is_active": False})):
        if reply.status == 200:
            assert change == {wrong: None}, "only a null is no change"
            continue
        assert (reply.status, reply.json["error"]) == (status, "validation_error")
        assert [d["loc"] for d in reply.json["details"]] == [[wrong]]
    assert tenant.value("SELECT count(*) FROM warehouse") == 1


def test_nul_is_refused(admin: Client) -> None:
    assert admin.post(PATH, {"warehouse_code": "E\0", "warehouse_name": "East"}).status == 400


def test_codes_are_unique(tenant: Tenant, admin: Client) -> None:
    other = make_warehouse(tenant, code="EAST")
    reply = admin.post(PATH, {"warehouse_code": "W1", "warehouse_name": "Again"})
    assert (reply.status, reply.json) == (400, {"error": "Duplicate warehouse code: W1"})
    reply = admin.put(f"{PATH}/{other.id}", {"warehouse_code": "W1"})
    assert (reply.status, reply.json) == (400, {"error": "Duplicate warehouse code: W1"})
    make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="X", barcode="N1-DEFAULT"))
    for reply in (
        admin.post(PATH, {"warehouse_code": "N1", "warehouse_name": "North"}),
        admin.put(f"{PATH}/{other.id}", {"warehouse_code": "N1"}),
    ):
        assert (reply.status, reply.json) == (400, {"error": "Duplicate bin barcode: N1-DEFAULT"})


def test_changing_a_warehouse(tenant: Tenant, admin: Client) -> None:
    before = admin.get(f"{PATH}/{tenant.warehouse_id}").json["warehouse"]
    same = admin.put(f"{PATH}/{tenant.warehouse_id}", {})
    assert (same.status, same.json) == (200, before)
    reply = admin.put(f"{PATH}/{tenant.warehouse_id}", {"warehouse_code": "MAIN", "preference": 5, "is_active": False})
    assert (reply.status, reply.statements) == (200, 6)
    assert reply.json == {**before, "warehouse_code": "MAIN", "preference": 5, "is_active": False}
    assert admin.get(f"{PATH}/{tenant.warehouse_id}").json["warehouse"] == reply.json
    assert audited(tenant, "warehouse")[1:] == [
        {
            "action": "update",
            "before": {"code": "W1", "preference": 100, "is_active": True},
            "after": {"code": "MAIN", "preference": 5, "is_active": False},
        }
    ]
    assert admin.get("/api/warehouses/list").json == {"warehouses": []}
    assert admin.post(PATH, {"warehouse_code": "W1", "warehouse_name": "The new one"}).status == 201


def test_the_list_is_paged_by_code_and_shows_closed_ones(tenant: Tenant, admin: Client) -> None:
    for code in ("B", "A", "C"):
        make_warehouse(tenant, code=code)
    tenant.rows("UPDATE warehouse SET is_active = false WHERE code = 'B' RETURNING id")
    reply = admin.get(f"{PATH}?per_page=3")
    assert (reply.status, reply.statements) == (200, 4)
    assert [w["warehouse_code"] for w in reply.json["warehouses"]] == ["A", "B", "C"]
    assert {k: reply.json[k] for k in ("total", "page", "per_page", "pages")} == {
        "total": 4,
        "page": 1,
        "per_page": 3,
        "pages": 2,
    }
    assert [w["warehouse_code"] for w in admin.get(f"{PATH}?per_page=3&page=2").json["warehouses"]] == ["W1"]
    past = admin.get(f"{PATH}?page=9").json
    assert (past["warehouses"], past["total"]) == ([], 4)


@pytest.mark.parametrize("query", ["page=0", "page=x", "per_page=0", "per_page=1001", "per_page=-1", "colour=red"])
def test_wrong_pages_are_refused(admin: Client, query: str) -> None:
    for path in (PATH, "/api/admin/zones", "/api/admin/bins"):
        reply = admin.get(f"{path}?{query}")
        assert (reply.status, reply.json["error"]) == (400, "validation_error")


def test_a_warehouse_with_its_zones(tenant: Tenant, admin: Client) -> None:
    full, empty = make_zone(tenant), make_zone(tenant, kind="DAMAGE")
    make_bins(tenant, *[places.NewBin(warehouse_id=tenant.warehouse_id, zone_id=full, code=f"A-{n}") for n in range(3)])
    reply = admin.get(f"{PATH}/{tenant.warehouse_id}")
    assert (reply.status, reply.statements, reply.json["bin_count"]) == (200, 4, 3)
    assert [(z["zone_id"], z["zone_type"], z["bin_count"]) for z in reply.json["zones"]] == [
        (full, "STORAGE", 3),
        (empty, "DAMAGE", 0),
    ]


def test_an_unused_warehouse_is_deleted_with_all_it_has(tenant: Tenant, admin: Client) -> None:
    before = tenant.rows("SELECT (SELECT count(*) FROM account) AS accounts, (SELECT count(*) FROM bin) AS bins")
    made = admin.post(PATH, {"warehouse_code": "EAST", "warehouse_name": "East"}).json
    reply = admin.delete(f"{PATH}/{made['id']}")
    assert (reply.status, reply.json, reply.statements) == (200, {"message": "Warehouse deleted"}, 10)
    assert admin.get(f"{PATH}/{made['id']}").status == 404
    assert admin.delete(f"{PATH}/{made['id']}").status == 404
    assert (
        tenant.rows("SELECT (SELECT count(*) FROM account) AS accounts, (SELECT count(*) FROM bin) AS bins") == before
    )
    assert audited(tenant, "warehouse")[-1] == {
        "action": "delete",
        "before": {"code": "EAST", "name": "East", "address": ""},
        "after": None,
    }


def test_a_warehouse_that_is_used_stays(tenant: Tenant, admin: Client) -> None:
    warehouse_id = make_warehouse(tenant, code="EAST").id
    path = f"{PATH}/{warehouse_id}"
    zone_id = make_zone(tenant, warehouse_id=warehouse_id)
    assert admin.delete(path).json == {"error": "Cannot delete warehouse with existing zones"}
    make_warehouse_user(tenant, "pick", warehouse_id=warehouse_id, warehouse_ids=[warehouse_id])
    make_bins(tenant, places.NewBin(warehouse_id=warehouse_id, zone_id=zone_id, code="A-1"))
    shelf = make_shelf(tenant, warehouse_id=warehouse_id)
    place(tenant, (shelf, 2))
    reply = admin.delete(path)
    assert (reply.status, reply.json) == (
        409,
        {"error": "Cannot delete warehouse with existing inventory, bins, zones, sales orders, users, stock history"},
    )
    assert admin.get(path).json["bin_count"] == 2
    assert tenant.value("SELECT count(*) FROM account WHERE warehouse_id = %(w)s", w=warehouse_id) == 5


def test_a_warehouse_that_robots_work_in_stays(tenant: Tenant, admin: Client) -> None:
    make_storage(tenant)
    assert "robots" in admin.delete(f"{PATH}/{tenant.warehouse_id}").json["error"]


def test_what_nobody_thought_of_keeps_a_warehouse_too(tenant: Tenant, admin: Client) -> None:
    """Here an item whose preferred bin is the hidden one."""
    warehouse, shelf = make_warehouse(tenant), make_shelf(tenant)
    tenant.rows(
        "INSERT INTO preferred_bin (variant_id, bin_id, priority, created_at, updated_at)"
        " VALUES (%(v)s, %(b)s, 1, '2026-01-01Z', '2026-01-01Z') RETURNING id",
        v=shelf.variant_id,
        b=warehouse.default_bin_id,
    )
    reply = admin.delete(f"{PATH}/{warehouse.id}")
    assert (reply.status, reply.json) == (409, {"error": "Cannot delete warehouse: a preferred bin names it"})
    assert tenant.value("SELECT count(*) FROM bin WHERE warehouse_id = %(w)s", w=warehouse.id) == 1


def test_others_warehouses_are_not_there(tenant: Tenant, other_tenant: Tenant, admin: Client) -> None:
    path = f"{PATH}/{other_tenant.warehouse_id}"
    replies = [admin.get(path), admin.put(path, {"warehouse_name": "Mine"}), admin.delete(path)]
    assert [(r.status, r.json) for r in replies] == [(404, {"error": "Warehouse not found"})] * 3


def test_users_may_not(tenant: Tenant) -> None:
    user = make_warehouse_user(tenant, "pick").client()
    assert [user.get(p).status for p in (PATH, "/api/admin/zones", "/api/admin/bins", "/api/admin/settings")] == [
        403
    ] * 4
