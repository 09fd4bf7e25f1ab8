"""Which bins items prefer: ranks, the panel's list, and two people who rank at once."""

from typing import Any

import pytest

from chalicelib import places
from tests.client import Client, Reply
from tests.factories.floor import make_storage
from tests.factories.movement import bin_at, default_bin, make_bin, make_carrier, make_manager
from tests.factories.places import make_warehouse
from tests.factories.stock import Shelf, make_shelf
from tests.tenant import Tenant
from tests.threads import together


@pytest.fixture
def panel(tenant: Tenant) -> Client:
    return make_manager(tenant).client


def prefer(client: Client, shelf: Shelf, bin_: places.Bin, **more: Any) -> Reply:
    body = {"item_id": shelf.variant_id, "bin_id": bin_.id, **more}
    return client.post("/api/putaway/update-preferred", body)


def enter(client: Client, shelf: Shelf, bin_: places.Bin, **more: Any) -> Reply:
    return client.post("/api/admin/preferred-bins", {"item_id": shelf.variant_id, "bin_id": bin_.id, **more})


def ranks(tenant: Tenant, shelf: Shelf, *bins: places.Bin) -> list[int]:
    """The priorities of these bins."""
    rows = tenant.rows("SELECT bin_id, priority FROM preferred_bin WHERE variant_id = %(v)s", v=shelf.variant_id)
    found = {row["bin_id"]: row["priority"] for row in rows}
    return [found[each.id] for each in bins]


def test_the_latest_primary_pushes_the_others_back(tenant: Tenant) -> None:
    client, shelf, bins = make_carrier(tenant).client, make_shelf(tenant), [make_bin(tenant) for _ in range(3)]
    for each in bins:
        reply = prefer(client, shelf, each)
        assert (reply.status, reply.statements) == (200, 7)
    assert ranks(tenant, shelf, *bins) == [3, 2, 1]
    assert prefer(client, shelf, bins[1]).status == 200
    assert ranks(tenant, shelf, *bins) == [3, 1, 2]
    before = tenant.value("SELECT count(*) FROM audit_entry")
    assert prefer(client, shelf, bins[1]).status == 200
    assert tenant.value("SELECT count(*) FROM audit_entry") == before


def test_one_that_is_not_to_be_primary_comes_last_and_then_stays(tenant: Tenant) -> None:
    client, shelf, bins = make_carrier(tenant).client, make_shelf(tenant), [make_bin(tenant) for _ in range(3)]
    for each in bins:
        assert prefer(client, shelf, each, set_as_primary=False).status == 200
    assert ranks(tenant, shelf, *bins) == [1, 2, 3]
    assert prefer(client, shelf, bins[0], set_as_primary=False).status == 200
    assert ranks(tenant, shelf, *bins) == [1, 2, 3]


def test_every_warehouse_has_its_own_primary_bin(tenant: Tenant) -> None:
    other, shelf = make_warehouse(tenant), make_shelf(tenant)
    here, there = make_bin(tenant), make_bin(tenant, warehouse_id=other.id)
    both = make_carrier(tenant, warehouse_ids=[tenant.warehouse_id, other.id]).client
    assert [prefer(both, shelf, each).status for each in (here, there)] == [200, 200]
    assert ranks(tenant, shelf, here, there) == [1, 1]


def test_what_cannot_be_preferred(tenant: Tenant, other_tenant: Tenant, panel: Client) -> None:
    shelf, scanner = make_shelf(tenant), make_carrier(tenant).client
    _, (box, _) = make_storage(tenant)
    kinds = [make_bin(tenant, kind="Staging"), make_bin(tenant, kind="PickableStaging")]
    for each in (*kinds, bin_at(tenant, box), default_bin(tenant)):
        for reply in (prefer(scanner, shelf, each), enter(panel, shelf, each)):
            sentence = f"Bin {each.code} is a {each.kind} bin; only Pickable bins can be preferred"
            assert (reply.status, reply.json["error"]) == (400, sentence)
    foreign = make_bin(other_tenant)
    elsewhere = make_bin(tenant, warehouse_id=make_warehouse(tenant).id)
    for each in (foreign, elsewhere):
        assert prefer(scanner, shelf, each).json["error"] == "Bin not found"
    assert prefer(scanner, make_shelf(other_tenant), make_bin(tenant)).json["error"] == "Item not found"
    for reply in (enter(panel, shelf, foreign), enter(panel, make_shelf(other_tenant), make_bin(tenant))):
        assert (reply.status, reply.json["error"]) == (409, "integrity_constraint_violation")
    assert tenant.value("SELECT count(*) FROM preferred_bin") == 0


def test_the_panel_enters_changes_and_removes(tenant: Tenant, panel: Client) -> None:
    shelf, bins = make_shelf(tenant), [make_bin(tenant, zone="STORAGE"), make_bin(tenant)]
    made = enter(panel, shelf, bins[0], notes="by the window")
    assert (made.status, made.statements) == (200, 8)
    zone = tenant.value("SELECT code FROM zone WHERE id = %(id)s", id=bins[0].zone_id)
    expected = {
        "item_id": shelf.variant_id,
        "sku": shelf.sku,
        "item_name": tenant.value("SELECT name FROM product"),
        "bin_id": bins[0].id,
        "bin_code": bins[0].code,
        "bin_barcode": bins[0].barcode,
        "zone_name": zone,
        "warehouse_id": tenant.warehouse_id,
        "priority": 1,
        "notes": "by the window",
    }
    assert expected.items() <= made.json.items()
    assert enter(panel, shelf, bins[1], priority=5).json["priority"] == 5
    assert enter(panel, shelf, bins[1]).json["priority"] == 5
    assert enter(panel, shelf, bins[1], priority=1).json["priority"] == 1
    assert ranks(tenant, shelf, *bins) == [2, 1]
    path = f"/api/admin/preferred-bins/{made.json['preferred_bin_id']}"
    changed = panel.put(path, {"priority": 1})
    assert (changed.status, changed.json["priority"], changed.json["notes"]) == (200, 1, "by the window")
    assert changed.statements == 9
    assert ranks(tenant, shelf, *bins) == [1, 2]
    removed = panel.delete(path)
    assert (removed.status, removed.json, removed.statements) == (200, {"message": "Preferred bin deleted"}, 5)
    assert [panel.delete(path).status, panel.put(path, {"priority": 1}).status] == [404, 404]
    said = tenant.rows("SELECT action, before, after FROM audit_entry WHERE entity = 'preferred_bin' ORDER BY id")
    assert [row["action"] for row in said] == ["preferred_bin.set"] * 4 + ["preferred_bin.deleted"]
    assert (said[3]["before"], said[3]["after"]["priority"]) == ({"priority": 2, "notes": "by the window"}, 1)
    assert said[4]["before"]["priority"] == 1


@pytest.mark.parametrize("priority", [0, -1, 1.5, "1", True, None, 1_000_001])
def test_priorities_that_are_wrong(priority: Any, tenant: Tenant, panel: Client) -> None:
    shelf, bin_ = make_shelf(tenant), make_bin(tenant)
    preferred_bin_id = enter(panel, shelf, bin_).json["preferred_bin_id"]
    reply = panel.put(f"/api/admin/preferred-bins/{preferred_bin_id}", {"priority": priority})
    assert (reply.status, reply.json["details"][0]["loc"]) == (400, ["priority"])
    assert ranks(tenant, shelf, bin_) == [1]


def test_many_who_rank_at_once_leave_one_primary_bin(tenant: Tenant, panel: Client) -> None:
    shelf, client, bins = make_shelf(tenant), make_carrier(tenant).client, [make_bin(tenant) for _ in range(10)]

    def work(n: int) -> Reply:
        bin_ = bins[n % 10]
        return (
            enter(panel, shelf, bin_, priority=1)
            if n % 3 == 0
            else prefer(client, shelf, bin_, set_as_primary=n % 3 == 1)
        )

    assert {reply.status for reply in together(50, work)} == {200}
    assert sorted(ranks(tenant, shelf, *bins)) == sorted(set(ranks(tenant, shelf, *bins)))
    assert min(ranks(tenant, shelf, *bins)) == 1


def test_the_list_is_paged_filtered_and_searched(tenant: Tenant, other_tenant: Tenant, panel: Client) -> None:
    shelves, bins = [make_shelf(tenant) for _ in range(3)], [make_bin(tenant) for _ in range(3)]
    for shelf in shelves:
        for each in bins[::-1]:
            assert enter(panel, shelf, each).status == 200

    def listed(query: str) -> tuple[int, list[tuple[int, int]]]:
        reply = panel.get(f"/api/admin/preferred-bins{query}")
        assert (reply.status, reply.statements) == (200, 4)
        return reply.json["total"], [(r["item_id"], r["bin_id"]) for r in reply.json["preferred_bins"]]

    every = [(shelf.variant_id, each.id) for shelf in shelves for each in bins]
    assert listed("") == (9, every)
    assert listed("?page=2&per_page=4") == (9, every[4:8])
    assert listed("?page=9") == (9, [])
    assert listed(f"?item_id={shelves[1].variant_id}") == (3, every[3:6])
    assert listed(f"?bin_id={bins[2].id}") == (3, every[2::3])
    assert listed(f"?q={shelves[2].sku}") == (3, every[6:])
    assert listed(f"?q={shelves[2].barcode}") == (3, every[6:])
    assert listed(f"?q={bins[0].code.lower()}") == (3, every[::3])
    assert listed(f"?q={bins[0].code}&item_id={shelves[0].variant_id}") == (1, every[:1])
    name = tenant.value("SELECT name FROM product ORDER BY id LIMIT 1").split()[-1]
    assert listed(f"?q=product+{name}")[0] == 3
    assert listed("?q=%25") == (0, [])
    assert listed("?q=zzzzzzzz") == (0, [])
    assert listed("?q=+")[0] == 9
    theirs = make_manager(other_tenant).client.get(f"/api/admin/preferred-bins?q={bins[0].code}")
    assert theirs.json["total"] == 0


@pytest.mark.parametrize("query", ["page=0", "per_page=0", "per_page=1001", "item_id=x", "bin_id=-1", "other=1"])
def test_queries_that_are_wrong(query: str, panel: Client) -> None:
    reply = panel.get(f"/api/admin/preferred-bins?{query}")
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
