"""Bins in the admin panel."""

from typing import Any

import pytest

from chalicelib import places
from tests.client import Client
from tests.factories.floor import make_floor, make_lot, make_storage, place, put
from tests.factories.identity import make_staff
from tests.factories.places import make_bins, make_warehouse, make_zone
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant

PATH = "/api/admin/bins"


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    return make_staff(tenant).client()


def new_bin(tenant: Tenant, zone_id: int, **fields: Any) -> dict[str, Any]:
    base = {"bin_code": "A-01-02", "bin_barcode": "BIN-7", "bin_type": "Pickable"}
    return {"zone_id": zone_id, "warehouse_id": tenant.warehouse_id, **base, **fields}


def counts(tenant: Tenant) -> dict[str, Any]:
    return tenant.rows("SELECT (SELECT count(*) FROM bin) AS bins, (SELECT count(*) FROM account) AS accounts")[0]


def test_creating_a_bin(tenant: Tenant, admin: Client) -> None:
    zone_id = make_zone(tenant)
    body = new_bin(tenant, zone_id, aisle="A", row_num="01", level_num=2, pick_sequence=30, description="Heavy")
    reply = admin.post(PATH, body)
    made = reply.json
    assert (reply.status, reply.statements) == (201, 6)
    zone_code = admin.get("/api/admin/zones").json["zones"][0]["zone_code"]
    assert made == {
        **body,
        "id": made["id"],
        "bin_id": made["id"],
        "zone_name": zone_code,
        "zone_type": "STORAGE",
        "level_num": "2",
        "position_num": "",
        "putaway_sequence": 0,
        "is_active": True,
    }
    shown = admin.get(f"{PATH}/{made['id']}")
    assert (shown.json, shown.statements) == ({"bin": made, "inventory": []}, 4)
    entry = tenant.rows("SELECT action, after FROM audit_entry WHERE entity = 'bin'")[0]
    assert (entry["action"], entry["after"]["code"], entry["after"]["row_num"]) == ("create", "A-01-02", "01")


def test_a_repeated_key_makes_one_bin(tenant: Tenant, admin: Client) -> None:
    body = new_bin(tenant, make_zone(tenant))
    first, second = (admin.post(PATH, body, idempotency_key="once") for _ in range(2))
    assert (first.status, second.status, first.json, first.statements) == (201, 201, second.json, 8)


def test_what_a_bin_is_refused_for(tenant: Tenant, other_tenant: Tenant, admin: Client) -> None:
    zone_id, elsewhere = make_zone(tenant), make_zone(tenant, warehouse_id=make_warehouse(tenant).id)
    make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="TAKEN", barcode="LABEL"))
    unknown = 2**31 - 1
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"bin_code": "TAKEN"}, 400, "Duplicate bin code: TAKEN"),
        ({"bin_code": "DEFAULT"}, 400, "Duplicate bin code: DEFAULT"),
        ({"bin_barcode": "LABEL"}, 400, "Duplicate bin barcode: LABEL"),
        ({"zone_id": elsewhere}, 400, "Zone and bin are in different warehouses"),
        ({"zone_id": unknown}, 409, "integrity_constraint_violation"),
        ({"zone_id": make_zone(other_tenant)}, 409, "integrity_constraint_violation"),
        ({"warehouse_id": unknown}, 409, "integrity_constraint_violation"),
        ({"warehouse_id": other_tenant.warehouse_id}, 409, "integrity_constraint_violation"),
        ({"bin_type": "Default"}, 400, "validation_error"),
        ({"bin_type": "RobotBox"}, 400, "validation_error"),
        ({"bin_code": " "}, 400, "validation_error"),
        ({"bin_barcode": "A\tB"}, 400, "validation_error"),
        ({"bin_barcode": "x" * 129}, 400, "validation_error"),
        ({"row_num": 1.5}, 400, "validation_error"),
        ({"row_num": True}, 400, "validation_error"),
        ({"aisle": "x" * 33}, 400, "validation_error"),
        ({"pick_sequence": -1}, 400, "validation_error"),
        ({"pick_sequence": 2**31}, 400, "validation_error"),
        ({"zone_id": None}, 400, "validation_error"),
        ({"colour": "red"}, 400, "validation_error"),
    ]
    before = counts(tenant)
    for change, status, error in cases:
        reply = admin.post(PATH, {**new_bin(tenant, zone_id), **change})
        assert (reply.status, reply.json["error"]) == (status, error), change
    assert counts(tenant) == before


def test_what_lies_in_a_bin(tenant: Tenant, admin: Client) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=5, sku="B-2")
    first = make_shelf(tenant, free=0, sku="a-1")
    put(tenant, first, 3, account_id=shelf.account_id)
    lot_id = make_lot(tenant, shelf, expires_on=None)
    put(tenant, shelf, 7, account_id=shelf.account_id, lot_id=lot_id)
    put(tenant, make_shelf(tenant, free=0), 1)
    floor.wave(place(tenant, (shelf, 2)))
    reply = admin.get(f"{PATH}/{shelf.bin_id}")
    lines = [
        (i["sku"], i["lot_number"] is not None, i["quantity_on_hand"], i["quantity_allocated"], i["quantity_available"])
        for i in reply.json["inventory"]
    ]
    assert [(i[0], i[1], i[2]) for i in lines] == [("a-1", False, 3), ("B-2", True, 7), ("B-2", False, 5)]
    assert sum(i[3] for i in lines) == 2
    assert all(on_hand - allocated == free for _, _, on_hand, allocated, free in lines)
    assert reply.json["inventory"][0]["item_id"] == first.variant_id


def test_the_lists(tenant: Tenant, other_tenant: Tenant, admin: Client) -> None:
    other, left, right = make_warehouse(tenant), make_zone(tenant), make_zone(tenant)
    far = make_zone(tenant, warehouse_id=other.id)
    kinds: list[places.BinKind] = ["Pickable", "PickableStaging", "Staging"]
    made = [
        places.NewBin(warehouse_id=tenant.warehouse_id, zone_id=[left, right][n % 2], code=f"A-0{n}", kind=kinds[n % 3])
        for n in range(6)
    ]
    make_bins(tenant, *made, places.NewBin(warehouse_id=other.id, zone_id=far, code="Z-1", barcode="100%"))
    make_bins(other_tenant, places.NewBin(warehouse_id=other_tenant.warehouse_id, code="A-01"))
    make_storage(tenant)

    def codes(query: str) -> list[str]:
        reply = admin.get(f"{PATH}?{query}")
        assert (reply.status, reply.statements) == (200, 4), reply.json
        assert query.count("page") or reply.json["total"] == len(reply.json["bins"])
        return [found["bin_code"] for found in reply.json["bins"] if not found["bin_code"].startswith("BALCONY")]

    six = [f"A-0{n}" for n in range(6)]
    assert codes("") == [*six, "Z-1"]
    assert codes(f"warehouse_id={other.id}") == ["Z-1"]
    assert codes(f"zone_id={left}") == six[::2]
    assert codes(f"zone_id={left}&bin_type=Staging") == ["A-02"]
    assert codes("bin_type=Staging") == ["A-02", "A-05"]
    assert codes(f"zone_id={left}&warehouse_id={other.id}") == []
    assert codes(f"zone_id={2**31 - 1}") == codes(f"warehouse_id={2**31 - 1}") == []
    assert codes("bin_type=Default") == ["DEFAULT", "DEFAULT"]
    assert len(codes("bin_type=RobotBox")) == 2
    assert codes("per_page=2&page=3") == six[4:]
    assert codes("q=a-0") == codes("q=A-0") == six
    assert codes("q=-05") == ["A-05"]
    assert codes("q=w1-a-03") == ["A-03"]
    assert codes("q=a") == six
    assert codes("q=%25") == codes("q=_") == []
    assert codes("q=00%25") == ["Z-1"]
    assert codes(f"q=A-0&zone_id={right}&bin_type=Pickable") == ["A-03"]
    assert codes("q=%20") == [*six, "Z-1"]
    assert admin.get(f"{PATH}?bin_type=Shelf").status == 400
    assert admin.get(f"{PATH}?zone_id=x").status == 400


def test_changing_a_bin(tenant: Tenant, admin: Client) -> None:
    zone_id, next_zone = make_zone(tenant), make_zone(tenant, kind="STAGING")
    made = admin.post(PATH, new_bin(tenant, zone_id)).json
    assert admin.put(f"{PATH}/{made['id']}", {}).json == made
    assert admin.put(f"{PATH}/{made['id']}", new_bin(tenant, zone_id)).json == made
    change = {"bin_code": "B-1", "bin_barcode": "NEW", "bin_type": "Staging", "zone_id": next_zone, "level_num": "007"}
    reply = admin.put(f"{PATH}/{made['id']}", change)
    assert (reply.status, reply.statements) == (200, 6)
    assert reply.json == {**made, **change, "zone_type": "STAGING", "zone_name": reply.json["zone_name"]}
    assert reply.json["zone_name"] != made["zone_name"]
    assert admin.get(f"{PATH}/{made['id']}").json["bin"] == reply.json
    entries = tenant.rows("SELECT before, after FROM audit_entry WHERE entity = 'bin' AND action = 'update'")
    assert [entry["before"] for entry in entries] == [
        {"code": "A-01-02", "barcode": "BIN-7", "kind": "Pickable", "zone_id": zone_id, "level_num": ""}
    ]
    assert admin.put(f"{PATH}/{made['id']}", {"level_num": ""}).json["level_num"] == ""


def test_a_change_is_refused_like_a_new_bin(tenant: Tenant, other_tenant: Tenant, admin: Client) -> None:
    zone_id, other = make_zone(tenant), make_warehouse(tenant)
    elsewhere = make_zone(tenant, warehouse_id=other.id)
    make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="TAKEN", barcode="LABEL"))
    made = admin.post(PATH, new_bin(tenant, zone_id)).json
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"bin_code": "TAKEN"}, 400, "Duplicate bin code: TAKEN"),
        ({"bin_barcode": "LABEL"}, 400, "Duplicate bin barcode: LABEL"),
        ({"zone_id": elsewhere}, 400, "Zone and bin are in different warehouses"),
        ({"warehouse_id": other.id}, 400, "Zone and bin are in different warehouses"),
        ({"zone_id": 2**31 - 1}, 409, "integrity_constraint_violation"),
        ({"zone_id": make_zone(other_tenant)}, 409, "integrity_constraint_violation"),
        ({"warehouse_id": 2**31 - 1}, 409, "integrity_constraint_violation"),
        ({"bin_type": "Default"}, 400, "validation_error"),
        ({"bin_code": "  "}, 400, "validation_error"),
        ({"account_id": 1}, 400, "validation_error"),
    ]
    for change, status, error in cases:
        reply = admin.put(f"{PATH}/{made['id']}", {"description": "changed", **change})
        assert (reply.status, reply.json["error"]) == (status, error), change
    assert admin.get(f"{PATH}/{made['id']}").json["bin"] == made


def test_hidden_bins_and_robots_boxes_stay_as_they_are(tenant: Tenant, admin: Client) -> None:
    make_storage(tenant)
    for row in tenant.rows("SELECT id, code, kind FROM bin WHERE kind IN ('Default', 'RobotBox')"):
        reply = admin.put(f"{PATH}/{row['id']}", {"bin_code": "MINE"})
        assert (reply.status, row["kind"] in reply.json["error"]) == (409, True)
        assert admin.get(f"{PATH}/{row['id']}").json["bin"]["bin_code"] == row["code"]


def test_a_bin_in_another_kind_of_zone_is_barred_and_admitted(tenant: Tenant, admin: Client) -> None:
    shelf, damage, storage = make_shelf(tenant, free=4), make_zone(tenant, kind="DAMAGE"), make_zone(tenant)
    reply = admin.put(f"{PATH}/{shelf.bin_id}", {"zone_id": damage})
    assert (reply.status, reply.statements, shelf.free()) == (200, 9, 0)
    check_books(tenant)
    assert admin.put(f"{PATH}/{shelf.bin_id}", {"zone_id": storage}).json["zone_type"] == "STORAGE"
    assert shelf.free() == 4
    floor = make_floor(tenant)
    floor.wave(place(tenant, (shelf, 1)))
    assert admin.put(f"{PATH}/{shelf.bin_id}", {"zone_id": damage, "bin_code": "X"}).status == 409
    assert admin.get(f"{PATH}/{shelf.bin_id}").json["bin"]["zone_id"] == storage
    check_books(tenant)


def test_only_an_empty_bin_is_closed(tenant: Tenant, admin: Client) -> None:
    floor, shelf = make_floor(tenant), make_shelf(tenant, free=2)
    path = f"{PATH}/{shelf.bin_id}"
    reply = admin.put(path, {"is_active": False})
    assert (reply.status, "holds 2 units" in reply.json["error"]) == (409, True)
    batch_id = floor.wave(place(tenant, (shelf, 2))).json["batch_id"]
    floor.confirm(floor.tasks(batch_id)[0]["pick_task_id"], shelf.sku, 2)
    assert shelf.levels() == (0, 0)
    reply = admin.put(path, {"is_active": False})
    assert (reply.status, "a pick in progress" in reply.json["error"]) == (409, True)
    floor.complete(batch_id)
    reply = admin.put(path, {"is_active": False})
    assert (reply.status, reply.statements, reply.json["is_active"]) == (200, 10, False)
    assert tenant.value("SELECT is_open FROM account WHERE id = %(id)s", id=shelf.account_id) is False
    assert admin.put(path, {"is_active": True}).json["is_active"] is True
    put(tenant, shelf, 1, account_id=shelf.account_id)
    check_books(tenant)


def test_a_bin_that_others_rely_on_is_not_closed(tenant: Tenant, admin: Client) -> None:
    staging_account_id, _ = make_storage(tenant)
    bin_id = tenant.value("SELECT id FROM bin WHERE account_id = %(id)s", id=staging_account_id)
    reply = admin.put(f"{PATH}/{bin_id}", {"is_active": False})
    assert (reply.status, "a balcony" in reply.json["error"]) == (409, True)
    assert admin.put("/api/admin/settings", {"settings": {"default_receiving_bin": bin_id}}).status == 200
    for change in ({"is_active": False}, {"bin_type": "Pickable"}):
        reply = admin.put(f"{PATH}/{bin_id}", change)
        assert (reply.status, "is the default receiving bin" in reply.json["error"]) == (409, True)


def test_a_bin_that_never_had_stock_moves_to_another_warehouse(tenant: Tenant, admin: Client) -> None:
    other = make_warehouse(tenant)
    zone_id, damage = make_zone(tenant), make_zone(tenant, warehouse_id=other.id, kind="DAMAGE")
    made = admin.post(PATH, new_bin(tenant, zone_id)).json
    change = {"warehouse_id": other.id, "zone_id": damage}
    reply = admin.put(f"{PATH}/{made['id']}", change)
    assert (reply.status, reply.json["warehouse_id"], reply.json["zone_id"]) == (200, other.id, damage)
    account = tenant.rows(
        "SELECT a.warehouse_id, a.is_available FROM account a JOIN bin b ON b.account_id = a.id WHERE b.id = %(id)s",
        id=made["id"],
    )
    assert account == [{"warehouse_id": other.id, "is_available": False}]
    shelf = make_shelf(tenant, free=1)
    floor = make_floor(tenant)
    batch_id = floor.wave(place(tenant, (shelf, 1))).json["batch_id"]
    floor.confirm(floor.tasks(batch_id)[0]["pick_task_id"], shelf.sku, 1)
    floor.complete(batch_id)
    reply = admin.put(f"{PATH}/{shelf.bin_id}", change)
    assert (reply.status, "has had stock" in reply.json["error"]) == (409, True)
    check_books(tenant)


def test_unknown_and_foreign_bins(tenant: Tenant, other_tenant: Tenant, admin: Client) -> None:
    foreign = make_bins(other_tenant, places.NewBin(warehouse_id=other_tenant.warehouse_id, code="A"))[0].id
    for bin_id in (foreign, 2**31 - 1):
        replies = [admin.get(f"{PATH}/{bin_id}"), admin.put(f"{PATH}/{bin_id}", {"bin_code": "B"})]
        assert [(r.status, r.json) for r in replies] == [(404, {"error": "Bin not found"})] * 2
