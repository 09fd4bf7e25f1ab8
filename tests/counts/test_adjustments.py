"""Deciding about what counts found, and correcting bins directly."""

from typing import Any

import pytest

from chalicelib import places
from tests.factories.counts import make_counter, make_reviewer, move, set_floor, units_of
from tests.factories.floor import held_for, make_floor, make_lot, make_storage, place, put, units_in
from tests.factories.places import make_bins, make_warehouse
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant


def statuses(tenant: Tenant) -> list[str]:
    return [row["status"] for row in tenant.rows("SELECT status FROM stock_adjustment ORDER BY id")]


def moves_of(tenant: Tenant, adjustment_id: int) -> list[dict[str, Any]]:
    sql = "SELECT quantity, reason, actor FROM stock_move WHERE document = %(d)s"
    return tenant.rows(sql, d=f"adjustment:{adjustment_id}")


# Review.


def test_approving_corrects_the_books(tenant: Tenant) -> None:
    counter, reviewer = make_counter(tenant), make_reviewer(tenant)
    bolts, nuts = make_shelf(tenant, free=50), make_shelf(tenant, free=5)
    less, more = counter.propose(bolts, 45), counter.propose(nuts, 8)
    reply = reviewer.approve(less, more)
    assert (reply.status, reply.statements) == (200, 8)
    assert reply.json == {
        "results": [
            {"adjustment_id": less, "action": "approve", "status": "APPROVED", "is_applied": True, "error": None},
            {"adjustment_id": more, "action": "approve", "status": "APPROVED", "is_applied": True, "error": None},
        ],
        "message": "Adjustments reviewed",
        "approved": 2,
        "rejected": 0,
        "refused": 0,
    }
    assert (bolts.levels(), bolts.free(), nuts.levels(), nuts.free()) == ((45, 0), 45, (8, 0), 8)
    [moved] = moves_of(tenant, less)
    assert (moved["quantity"], moved["reason"]) == (5, "cycle_count_adjustment")
    assert reviewer.pending() == []
    check_books(tenant)
    entries = tenant.rows("SELECT before, after FROM audit_entry WHERE action = 'adjustment.approved' ORDER BY id")
    assert [(e["before"]["status"], e["after"]["status"], e["after"]["quantity"]) for e in entries] == [
        ("PENDING", "APPROVED", -5),
        ("PENDING", "APPROVED", 3),
    ]


def test_rejecting_leaves_the_books_alone(tenant: Tenant) -> None:
    counter, reviewer, shelf = make_counter(tenant), make_reviewer(tenant), make_shelf(tenant, free=50)
    adjustment_id = counter.propose(shelf, 45)
    body = {"decisions": [{"adjustment_id": adjustment_id, "action": "reject", "note": "Count again"}]}
    reply = reviewer.client.post("/api/admin/adjustments/review", body)
    assert (reply.status, reply.json["rejected"], reply.statements) == (200, 1, 6)
    assert (shelf.levels(), moves_of(tenant, adjustment_id)) == ((50, 0), [])
    [row] = tenant.rows("SELECT status, note FROM stock_adjustment")
    assert row == {"status": "REJECTED", "note": "Count again"}


def test_statements_do_not_grow_with_decisions(tenant: Tenant) -> None:
    counter, reviewer = make_counter(tenant), make_reviewer(tenant)
    shelves = [make_shelf(tenant, free=9) for _ in range(12)]
    for shelf in shelves:
        place(tenant, (shelf, 9))
    reply = reviewer.approve(*[counter.propose(shelf, 5) for shelf in shelves])
    assert (reply.status, reply.json["approved"]) == (200, 12)
    assert reply.statements == 9
    tenant.work_off()
    check_books(tenant)


def test_what_was_decided_stays_decided(tenant: Tenant) -> None:
    counter, reviewer, shelf = make_counter(tenant), make_reviewer(tenant), make_shelf(tenant, free=50)
    adjustment_id = counter.propose(shelf, 45)
    assert reviewer.approve(adjustment_id).status == 200
    for action in ("approve", "reject"):
        reply = reviewer.decide((adjustment_id, action))
        sentence = f"Adjustment {adjustment_id} is already APPROVED"
        assert (reply.status, reply.json) == (
            409,
            {
                "error": sentence,
                "results": [
                    {
                        "adjustment_id": adjustment_id,
                        "action": action,
                        "status": "APPROVED",
                        "is_applied": False,
                        "error": sentence,
                    }
                ],
            },
        )
    assert (shelf.levels(), statuses(tenant)) == ((45, 0), ["APPROVED"])


def test_one_that_cannot_be_carried_out_does_not_stop_the_others(tenant: Tenant) -> None:
    counter, reviewer = make_counter(tenant), make_reviewer(tenant)
    shelves = [make_shelf(tenant, free=10) for _ in range(3)]
    gone, good, done = (counter.propose(shelf, 6) for shelf in shelves)
    assert reviewer.reject(done).status == 200
    assert move(tenant, shelves[0], 8, shelves[1])
    reply = reviewer.approve(gone, good, done)
    assert (reply.status, reply.json["approved"], reply.json["refused"]) == (200, 1, 2)
    assert [(r["status"], r["is_applied"]) for r in reply.json["results"]] == [
        ("PENDING", False),
        ("APPROVED", True),
        ("REJECTED", False),
    ]
    code = tenant.value("SELECT code FROM bin WHERE id = %(id)s", id=shelves[0].bin_id)
    assert reply.json["results"][0]["error"] == (
        f"Cannot take 4 of {shelves[0].sku} from bin {code}: 2 on hand, 0 of them allocated to picks"
    )
    assert statuses(tenant) == ["PENDING", "APPROVED", "REJECTED"]
    check_books(tenant)


def test_the_difference_is_what_was_missing_then_whatever_moved_since(tenant: Tenant) -> None:
    counter, reviewer = make_counter(tenant), make_reviewer(tenant)
    here, there = make_shelf(tenant, free=50), make_shelf(tenant, free=0)
    adjustment_id = counter.propose(here, 45)
    assert move(tenant, here, 20, there)
    put(tenant, here, 3, account_id=here.account_id)
    [waiting] = reviewer.pending()
    assert (waiting["booked_quantity"], waiting["quantity_on_hand"]) == (50, 33)
    assert reviewer.approve(adjustment_id).status == 200
    assert sorted(units_of(tenant, here).values()) == [20, 28]
    check_books(tenant)


def test_units_set_aside_for_a_pick_are_not_taken_away(tenant: Tenant) -> None:
    floor, counter, reviewer = make_floor(tenant), make_counter(tenant), make_reviewer(tenant)
    shelf = make_shelf(tenant, free=10)
    adjustment_id = counter.propose(shelf, 4)
    wave = floor.wave(place(tenant, (shelf, 6)))
    reply = reviewer.approve(adjustment_id)
    assert (reply.status, statuses(tenant)) == (409, ["PENDING"])
    assert reply.json["error"].endswith("10 on hand, 6 of them allocated to picks")
    assert shelf.levels() == (10, 6)
    floor.cancel(wave.json["batch_id"])
    assert reviewer.approve(adjustment_id).status == 200
    assert shelf.levels() == (4, 0)
    tenant.work_off()
    check_books(tenant)


def test_the_youngest_orders_lose_what_is_not_there(tenant: Tenant) -> None:
    counter, reviewer, shelf = make_counter(tenant), make_reviewer(tenant), make_shelf(tenant, free=10)
    older, younger = place(tenant, (shelf, 6)), place(tenant, (shelf, 4))
    assert reviewer.approve(counter.propose(shelf, 7)).statements == 9
    assert (held_for(tenant, older), held_for(tenant, younger), shelf.free()) == ([6], [1], 0)
    tenant.work_off()
    assert tenant.rows("SELECT id FROM sales_order WHERE is_short") == [{"id": younger.id}]
    check_books(tenant)


def test_what_must_not_be_sold_is_counted_too(tenant: Tenant) -> None:
    counter, reviewer, shelf = make_counter(tenant), make_reviewer(tenant), make_shelf(tenant, free=10)
    with tenant.uow() as uow:
        zone_id = places.create_zone(uow, warehouse_id=tenant.warehouse_id, code="DMG", kind="DAMAGE")
    [broken] = make_bins(tenant, places.NewBin(warehouse_id=tenant.warehouse_id, code="D-1", zone_id=zone_id))
    put(tenant, shelf, 5, account_id=broken.account_id)
    damaged = Shelf(**{**vars(shelf), "bin_id": broken.id, "account_id": broken.account_id})
    assert reviewer.approve(counter.propose(damaged, 2)).status == 200
    assert (damaged.levels(), shelf.levels(), shelf.free()) == ((2, 0), (10, 0), 10)
    check_books(tenant)


@pytest.mark.parametrize(
    ("decisions", "status", "error"),
    [
        ([], 400, "validation_error"),
        ([{"adjustment_id": 1}], 400, "validation_error"),
        ([{"adjustment_id": 1, "action": "APPROVED"}], 400, "validation_error"),
        ([{"adjustment_id": "1", "action": "approve"}], 400, "validation_error"),
        ([{"adjustment_id": 2_000_000_000, "action": "approve"}], 404, "Adjustment not found: 2000000000"),
        ([{"adjustment_id": 7, "action": "approve"}] * 2, 400, "Duplicate adjustment IDs in request"),
    ],
)
def test_decisions_that_cannot_be_meant(
    decisions: list[dict[str, Any]], status: int, error: str, tenant: Tenant
) -> None:
    reply = make_reviewer(tenant).client.post("/api/admin/adjustments/review", {"decisions": decisions})
    assert (reply.status, reply.json["error"]) == (status, error)


def test_an_unknown_adjustment_stops_them_all(tenant: Tenant, other_tenant: Tenant) -> None:
    counter, reviewer, shelf = make_counter(tenant), make_reviewer(tenant), make_shelf(tenant, free=10)
    theirs = make_counter(other_tenant).propose(make_shelf(other_tenant, free=10), 6)
    adjustment_id = counter.propose(shelf, 6)
    assert reviewer.approve(adjustment_id, theirs).status == 404
    assert (shelf.levels(), statuses(tenant), statuses(other_tenant)) == ((10, 0), ["PENDING"], ["PENDING"])


def test_a_repeated_review_has_one_effect(tenant: Tenant) -> None:
    counter, reviewer, shelf = make_counter(tenant), make_reviewer(tenant), make_shelf(tenant, free=10)
    adjustment_id = counter.propose(shelf, 6)
    key = "9b3f7a52-7a44-4c4b-8a34-0d7f7f6f4a02"
    first, again = (reviewer.decide((adjustment_id, "approve"), idempotency_key=key) for _ in range(2))
    assert (first.status, again.status, first.json) == (200, 200, again.json)
    assert shelf.levels() == (6, 0)


# Separation.


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_nobody_decides_about_a_count_of_their_own(action: str, tenant: Tenant) -> None:
    set_floor(tenant, require_count_approval_separation="true")
    own, reviewer = make_counter(tenant, wms_role="ADMIN"), make_reviewer(tenant)
    shelf, other = make_shelf(tenant, free=10), make_shelf(tenant, free=10)
    adjustment_id, innocent = own.propose(shelf, 6), make_counter(tenant).propose(other, 6)
    body = {"decisions": [{"adjustment_id": i, "action": action} for i in (innocent, adjustment_id)]}
    reply = own.client.post("/api/admin/adjustments/review", body)
    assert (reply.status, reply.json) == (
        403,
        {"error": f"Adjustment {adjustment_id} is of your own count; somebody else must decide about it"},
    )
    assert (statuses(tenant), shelf.levels(), other.levels()) == (["PENDING", "PENDING"], (10, 0), (10, 0))
    assert reviewer.decide((adjustment_id, action), (innocent, action)).status == 200


def test_who_opened_a_count_that_another_handed_in_does_not_decide_either(tenant: Tenant) -> None:
    set_floor(tenant, require_count_approval_separation=True)
    opener, shelf = make_counter(tenant, wms_role="ADMIN"), make_shelf(tenant, free=10)
    opener.opened(shelf.bin_id)
    adjustment_id = make_counter(tenant).propose(shelf, 6)
    body = {"decisions": [{"adjustment_id": adjustment_id, "action": "approve"}]}
    assert opener.client.post("/api/admin/adjustments/review", body).status == 403


def test_without_separation_everybody_may_decide(tenant: Tenant) -> None:
    own, shelf = make_counter(tenant, wms_role="ADMIN"), make_shelf(tenant, free=10)
    body = {"decisions": [{"adjustment_id": own.propose(shelf, 6), "action": "approve"}]}
    assert own.client.post("/api/admin/adjustments/review", body).status == 200


# Directly.


def test_units_are_added_and_taken_away_directly(tenant: Tenant) -> None:
    reviewer, shelf = make_reviewer(tenant), make_shelf(tenant, free=10)
    reply = reviewer.direct(shelf, 5, notes="Behind rack 4", warehouse_id=tenant.warehouse_id)
    assert (reply.status, reply.statements) == (201, 8)
    assert {n: v for n, v in reply.json.items() if n not in ("adjustment_id", "created_at", "bin_code")} == {
        "item_id": shelf.variant_id,
        "sku": shelf.sku,
        "warehouse_id": tenant.warehouse_id,
        "bin_id": shelf.bin_id,
        "lot_number": None,
        "quantity_change": 5,
        "quantity_on_hand": 15,
        "reason": "Found behind the rack",
        "notes": "Behind rack 4",
        "status": "APPROVED",
    }
    assert [m["quantity"] for m in moves_of(tenant, reply.json["adjustment_id"])] == [5]
    less = reviewer.direct(shelf, -15, reason="Forklift")
    assert (less.status, less.json["quantity_on_hand"], shelf.levels()) == (201, 0, (0, 0))
    assert units_in(tenant, shelf, "adjustment") == 10
    entry = tenant.rows("SELECT before, after FROM audit_entry WHERE action = 'adjustment.direct' ORDER BY id")[0]
    assert (entry["before"]["quantity_on_hand"], entry["after"]["quantity_on_hand"]) == (10, 15)
    check_books(tenant)


def test_taking_away_directly_breaks_the_youngest_holds(tenant: Tenant) -> None:
    reviewer, shelf = make_reviewer(tenant), make_shelf(tenant, free=10)
    older, younger = place(tenant, (shelf, 6)), place(tenant, (shelf, 4))
    reply = reviewer.direct(shelf, -3)
    assert (reply.status, reply.statements) == (201, 9)
    assert (held_for(tenant, older), held_for(tenant, younger)) == ([6], [1])
    tenant.work_off()
    check_books(tenant)


def test_a_lot_is_adjusted_where_it_is_named(tenant: Tenant) -> None:
    reviewer, shelf = make_reviewer(tenant), make_shelf(tenant, free=10)
    lot_id = make_lot(tenant, shelf, expires_on=None)
    number = tenant.value("SELECT number FROM lot WHERE id = %(id)s", id=lot_id)
    reply = reviewer.direct(shelf, 4, lot_number=number)
    assert (reply.status, reply.json["lot_number"], reply.json["quantity_on_hand"]) == (201, number, 4)
    assert shelf.levels() == (10, 0)


@pytest.mark.parametrize(
    ("_case", "change", "status", "error"),
    [
        ("nothing", {"quantity": 0}, 400, "validation_error"),
        ("a fraction", {"quantity": 1.5}, 400, "validation_error"),
        ("no reason", {"reason": ""}, 400, "validation_error"),
        ("huge", {"quantity": 10**12}, 400, "validation_error"),
        ("an unknown item", {"item_id": 2_000_000_000}, 409, "integrity_constraint_violation"),
        ("an unknown bin", {"bin_id": 2_000_000_000}, 409, "integrity_constraint_violation"),
        ("another warehouse", {"warehouse_id": 2_000_000_000}, 400, "Bin CODE is in a different warehouse"),
        ("an unknown lot", {"lot_number": "L-9"}, 400, "Unknown lot: L-9"),
        (
            "more than there is",
            {"quantity": -11},
            400,
            "Insufficient stock: 10 on hand, 0 of them allocated to picks, 11 asked",
        ),
    ],
)
def test_direct_adjustments_that_are_refused_change_nothing(
    _case: str, change: dict[str, Any], status: int, error: str, tenant: Tenant
) -> None:
    reviewer, shelf = make_reviewer(tenant), make_shelf(tenant, free=10)
    code = tenant.value("SELECT code FROM bin WHERE id = %(id)s", id=shelf.bin_id)
    reply = reviewer.direct(shelf, 1, **change)
    assert (reply.status, reply.json["error"]) == (status, error.replace("CODE", code))
    assert (shelf.levels(), tenant.value("SELECT count(*) FROM stock_adjustment")) == ((10, 0), 0)


def test_a_pick_keeps_its_units(tenant: Tenant) -> None:
    floor, reviewer, shelf = make_floor(tenant), make_reviewer(tenant), make_shelf(tenant, free=10)
    floor.wave(place(tenant, (shelf, 6)))
    reply = reviewer.direct(shelf, -5)
    assert (reply.status, shelf.levels()) == (400, (10, 6))
    assert reply.json["error"] == "Insufficient stock: 10 on hand, 6 of them allocated to picks, 5 asked"
    assert reviewer.direct(shelf, -4).status == 201


def test_a_closed_bin_can_be_emptied_but_not_filled(tenant: Tenant) -> None:
    reviewer, shelf = make_reviewer(tenant), make_shelf(tenant, free=10)
    tenant.rows("UPDATE bin SET is_active = false WHERE id = %(id)s RETURNING id", id=shelf.bin_id)
    assert (reviewer.direct(shelf, 1).status, reviewer.direct(shelf, -10).status) == (400, 201)


def test_robot_boxes_can_be_corrected(tenant: Tenant) -> None:
    reviewer, shelf = make_reviewer(tenant), make_shelf(tenant, free=0)
    _, (box, _other) = make_storage(tenant)
    bin_id = tenant.value("SELECT id FROM bin WHERE account_id = %(a)s", a=box)
    assert reviewer.direct(shelf, 3, bin_id=bin_id).json["quantity_on_hand"] == 3


def test_a_repeated_direct_adjustment_has_one_effect(tenant: Tenant) -> None:
    reviewer, shelf = make_reviewer(tenant), make_shelf(tenant, free=10)
    client = reviewer.client.with_headers(idempotency_key="9b3f7a52-7a44-4c4b-8a34-0d7f7f6f4a03")
    body = {"item_id": shelf.variant_id, "bin_id": shelf.bin_id, "quantity": 5, "reason": "found"}
    first, again = (client.post("/api/admin/adjustments/direct", body) for _ in range(2))
    assert (first.json, shelf.levels()) == (again.json, (15, 0))


# Lists.


def test_the_history_comes_in_pages_newest_first(tenant: Tenant) -> None:
    counter, reviewer = make_counter(tenant), make_reviewer(tenant)
    bolts, nuts = make_shelf(tenant, free=10), make_shelf(tenant, free=10)
    proposed = counter.propose(bolts, 6)
    direct = [reviewer.direct(nuts, n).json["adjustment_id"] for n in (1, 2, -1)]
    page = reviewer.client.get("/api/admin/adjustments/list?per_page=3")
    assert (page.status, page.statements) == (200, 4)
    assert {n: page.json[n] for n in ("total", "page", "per_page", "pages")} == {
        "total": 4,
        "page": 1,
        "per_page": 3,
        "pages": 2,
    }
    newest = page.json["adjustments"][0]
    assert (newest["quantity_change"], newest["status"], newest["reason"], newest["count_id"]) == (
        -1,
        "APPROVED",
        "Found behind the rack",
        None,
    )
    assert (newest["created_by"], newest["decided_by"]) == (reviewer.username, reviewer.username)
    assert [a["adjustment_id"] for a in page.json["adjustments"]] == direct[::-1]

    def listed(query: str) -> list[int]:
        answer = reviewer.client.get(f"/api/admin/adjustments/list?{query}").json
        return [a["adjustment_id"] for a in answer["adjustments"]]

    assert listed("page=2&per_page=3") == [proposed]
    assert listed("page=9") == []
    assert listed("status=PENDING") == [proposed]
    assert listed(f"warehouse_id={tenant.warehouse_id}&status=APPROVED") == direct[::-1]
    assert listed("warehouse_id=2000000000") == []
    last = reviewer.client.get("/api/admin/adjustments/list?status=PENDING").json["adjustments"][0]
    assert (last["expected_quantity"], last["booked_quantity"], last["counted_quantity"]) == (10, 10, 6)
    assert last["created_by"] == counter.username


@pytest.mark.parametrize(
    "query", ["page=0", "per_page=0", "per_page=1001", "page=x", "warehouse_id=x", "status=x", "y=1"]
)
def test_wrong_pages_and_filters(query: str, tenant: Tenant) -> None:
    assert make_reviewer(tenant).client.get(f"/api/admin/adjustments/list?{query}").status == 400


def test_what_waits_is_listed_oldest_first(tenant: Tenant) -> None:
    counter, reviewer = make_counter(tenant), make_reviewer(tenant)
    bolts, nuts = make_shelf(tenant, free=10), make_shelf(tenant, free=10)
    first, second = counter.propose(bolts, 6), counter.propose(nuts, 12)
    reviewer.direct(nuts, 5)
    reply = reviewer.client.get("/api/admin/adjustments/pending")
    assert (reply.status, reply.statements) == (200, 4)
    assert [(a["adjustment_id"], a["variance"], a["quantity_on_hand"]) for a in reply.json["adjustments"]] == [
        (first, -4, 10),
        (second, 2, 15),
    ]
    waiting = reply.json["adjustments"][0]
    assert (waiting["sku"], waiting["created_by"], waiting["status"]) == (bolts.sku, counter.username, "PENDING")
    assert [a["adjustment_id"] for a in reviewer.pending(f"?warehouse_id={tenant.warehouse_id}")] == [first, second]
    assert reviewer.pending("?warehouse_id=2000000000") == []


def test_administrators_see_all_warehouses_of_theirs_alone(tenant: Tenant, other_tenant: Tenant) -> None:
    elsewhere = make_warehouse(tenant)
    shelf = make_shelf(tenant, free=10, warehouse_id=elsewhere.id)
    reviewer = make_reviewer(tenant)
    assert reviewer.direct(shelf, 1).status == 201
    assert make_reviewer(other_tenant).direct(make_shelf(other_tenant), 1).status == 201
    answer = reviewer.client.get("/api/admin/adjustments/list").json
    assert [a["warehouse_id"] for a in answer["adjustments"]] == [elsewhere.id]


def test_a_foreign_item_or_bin_is_one_that_is_not_there(tenant: Tenant, other_tenant: Tenant) -> None:
    reviewer, ours, theirs = make_reviewer(tenant), make_shelf(tenant), make_shelf(other_tenant)
    for change in ({"item_id": theirs.variant_id}, {"bin_id": theirs.bin_id}):
        assert reviewer.direct(ours, 1, **change).status == 409
    assert theirs.levels() == (10, 0)
