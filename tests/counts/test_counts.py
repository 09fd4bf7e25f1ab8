"""Counting bins: what is asked, what is handed in, and what becomes of it."""

from datetime import date
from typing import Any

import pytest

from chalicelib import places
from tests.factories.counts import as_counted, found, make_counter, make_reviewer, move, set_floor
from tests.factories.floor import make_floor, make_lot, make_storage, place, put
from tests.factories.places import make_bins, make_warehouse
from tests.factories.stock import Shelf, check_books, make_shelf
from tests.tenant import Tenant


def bin_code(tenant: Tenant, shelf: Shelf) -> str:
    return str(tenant.value("SELECT code FROM bin WHERE id = %(id)s", id=shelf.bin_id))


def test_a_count_freezes_what_the_books_say(tenant: Tenant) -> None:
    counter, bolts, nuts = make_counter(tenant), make_shelf(tenant, free=50), make_shelf(tenant, free=7)
    put(tenant, nuts, 4, account_id=bolts.account_id)
    reply = counter.open(bolts.bin_id, nuts.bin_id)
    assert (reply.status, reply.statements) == (200, 6)
    first, second = reply.json["counts"]
    assert first == {
        "count_id": first["count_id"],
        "bin_id": bolts.bin_id,
        "bin_code": bin_code(tenant, bolts),
        "status": "PENDING",
        "lines": 2,
        "assigned_to": counter.username,
    }
    assert (second["bin_id"], second["lines"]) == (nuts.bin_id, 1)
    shown = counter.show(first["count_id"])
    assert (shown.status, shown.statements) == (200, 4)
    assert {n: v for n, v in shown.json.items() if n not in ("lines", "created_at", "count_id")} == {
        "warehouse_id": tenant.warehouse_id,
        "bin_id": bolts.bin_id,
        "bin_code": bin_code(tenant, bolts),
        "status": "PENDING",
        "assigned_to": counter.username,
        "created_by": counter.username,
        "counted_by": None,
        "counted_at": None,
        "show_expected": True,
    }
    line = shown.json["lines"][0]
    assert {n: v for n, v in line.items() if n not in ("count_line_id", "item_name")} == {
        "item_id": bolts.variant_id,
        "sku": bolts.sku,
        "upc": None,
        "lot_number": None,
        "counted_quantity": None,
        "unexpected": False,
        "expected_quantity": 50,
        "booked_quantity": None,
        "variance": None,
        "adjustment_id": None,
        "adjustment_status": None,
        "last_count": None,
        "moves_since_last_count": [],
    }
    assert [li["expected_quantity"] for li in shown.json["lines"]] == [50, 4]


def test_what_differs_waits_for_a_decision(tenant: Tenant) -> None:
    counter, bolts, nuts = make_counter(tenant), make_shelf(tenant, free=50), make_shelf(tenant, free=0)
    put(tenant, nuts, 4, account_id=bolts.account_id)
    count_id = counter.opened(bolts.bin_id)
    reply = counter.submit(count_id, *as_counted(counter.lines(count_id), 45, 4))
    adjustment_id = tenant.value("SELECT id FROM stock_adjustment")
    assert (reply.status, reply.statements) == (200, 8)
    assert reply.json == {
        "status": "VARIANCE",
        "summary": {
            "total_lines": 2,
            "lines_with_variance": 1,
            "adjustments": [
                {"sku": bolts.sku, "expected": 50, "counted": 45, "variance": -5, "adjustment_id": adjustment_id}
            ],
        },
    }
    assert bolts.levels() == (50, 0)
    shown = counter.show(count_id).json
    assert (shown["status"], shown["counted_by"]) == ("VARIANCE", counter.username)
    assert [(li["counted_quantity"], li["variance"], li["adjustment_status"]) for li in shown["lines"]] == [
        (45, -5, "PENDING"),
        (4, 0, None),
    ]


def test_a_count_that_agrees_is_complete(tenant: Tenant) -> None:
    counter, shelf = make_counter(tenant), make_shelf(tenant, free=12)
    reply = counter.count(shelf, 12)
    assert reply.json == {
        "status": "COMPLETED",
        "summary": {"total_lines": 1, "lines_with_variance": 0, "adjustments": []},
    }
    assert tenant.value("SELECT count(*) FROM stock_adjustment") == 0


def test_statements_do_not_grow_with_bins_and_lines(tenant: Tenant) -> None:
    counter, shelves = make_counter(tenant), [make_shelf(tenant, free=9) for _ in range(12)]
    for shelf in shelves[1:]:
        put(tenant, shelf, 3, account_id=shelves[0].account_id)
    opened = counter.open(*[s.bin_id for s in shelves])
    assert (opened.status, opened.statements, opened.json["counts"][0]["lines"]) == (200, 6, 12)
    count_id = opened.json["counts"][0]["count_id"]
    reply = counter.submit(count_id, *as_counted(counter.lines(count_id), *range(12)))
    assert (reply.status, reply.statements, reply.json["summary"]["total_lines"]) == (200, 8, 12)
    assert counter.show(count_id).statements == 4


def test_lots_are_counted_one_by_one(tenant: Tenant) -> None:
    counter, shelf = make_counter(tenant), make_shelf(tenant, free=5)
    early, late = (make_lot(tenant, shelf, expires_on=date(2030, month, 1)) for month in (1, 9))
    for lot_id, units in ((early, 10), (late, 20)):
        put(tenant, shelf, units, account_id=shelf.account_id, lot_id=lot_id)
    count_id = counter.opened(shelf.bin_id)
    lines = counter.lines(count_id)
    assert [(li["lot_number"] is None, li["expected_quantity"]) for li in lines] == [
        (True, 5),
        (False, 10),
        (False, 20),
    ]
    reply = counter.submit(count_id, *as_counted(lines, 5, 9, 21)).json
    assert [a["variance"] for a in reply["summary"]["adjustments"]] == [-1, 1]
    assert make_reviewer(tenant).approve(*[a["adjustment_id"] for a in reply["summary"]["adjustments"]]).status == 200
    levels = tenant.rows("SELECT lot_id, on_hand FROM stock_level WHERE account_id = %(a)s", a=shelf.account_id)
    assert {row["lot_id"]: row["on_hand"] for row in levels} == {None: 5, early: 9, late: 21}
    check_books(tenant)


def test_what_was_not_expected_is_a_line_of_its_own(tenant: Tenant) -> None:
    counter, bolts, nuts = make_counter(tenant), make_shelf(tenant, free=5), make_shelf(tenant, free=3)
    lot_id = make_lot(tenant, nuts, expires_on=None)
    number = tenant.value("SELECT number FROM lot WHERE id = %(id)s", id=lot_id)
    count_id = counter.opened(bolts.bin_id)
    reply = counter.submit(
        count_id,
        *as_counted(counter.lines(count_id), 5),
        found(nuts, 2, count_line_id=0),
        found(nuts, 6, lot_number=number),
    )
    assert reply.json["summary"]["total_lines"] == 3
    assert [(a["sku"], a["expected"], a["variance"]) for a in reply.json["summary"]["adjustments"]] == [
        (nuts.sku, 0, 2),
        (nuts.sku, 0, 6),
    ]
    assert [(li["unexpected"], li["counted_quantity"]) for li in counter.lines(count_id)] == [
        (False, 5),
        (True, 2),
        (True, 6),
    ]
    ids = [a["adjustment_id"] for a in reply.json["summary"]["adjustments"]]
    assert make_reviewer(tenant).approve(*ids).status == 200
    levels = tenant.rows(
        "SELECT lot_id, on_hand FROM stock_level WHERE account_id = %(a)s AND variant_id = %(v)s ORDER BY lot_id",
        a=bolts.account_id,
        v=nuts.variant_id,
    )
    assert [(row["lot_id"], row["on_hand"]) for row in levels] == [(lot_id, 6), (None, 2)]
    check_books(tenant)


def test_what_came_in_after_the_count_was_opened_counts_as_what_it_is(tenant: Tenant) -> None:
    counter, bolts, nuts = make_counter(tenant), make_shelf(tenant, free=5), make_shelf(tenant, free=3)
    count_id = counter.opened(bolts.bin_id)
    assert move(tenant, nuts, 3, bolts)
    reply = counter.submit(count_id, *as_counted(counter.lines(count_id), 5), found(nuts, 3))
    assert (reply.json["status"], reply.json["summary"]["total_lines"]) == ("COMPLETED", 2)


def test_the_books_of_the_moment_count_and_not_those_of_the_opening(tenant: Tenant) -> None:
    counter, bolts, other = make_counter(tenant), make_shelf(tenant, free=50), make_shelf(tenant, free=0)
    count_id = counter.opened(bolts.bin_id)
    lines = counter.lines(count_id)
    assert move(tenant, bolts, 20, other)
    reply = counter.submit(count_id, *as_counted(lines, 29))
    [proposed] = reply.json["summary"]["adjustments"]
    assert (proposed["expected"], proposed["counted"], proposed["variance"]) == (30, 29, -1)
    [line] = counter.lines(count_id)
    assert (line["expected_quantity"], line["booked_quantity"]) == (50, 30)


def test_an_empty_bin_can_be_counted(tenant: Tenant) -> None:
    counter, shelf = make_counter(tenant), make_shelf(tenant, free=0)
    count_id = counter.opened(shelf.bin_id)
    assert counter.lines(count_id) == []
    assert counter.submit(count_id).json["status"] == "COMPLETED"
    assert counter.count(shelf, 4).json["summary"]["adjustments"][0]["variance"] == 4


def test_robot_boxes_and_the_hidden_bin_can_be_counted(tenant: Tenant) -> None:
    counter, shelf = make_counter(tenant), make_shelf(tenant, free=0)
    _, (box, _other) = make_storage(tenant)
    put(tenant, shelf, 6, account_id=box)
    hidden = tenant.value(
        "SELECT account_id FROM bin WHERE kind = 'Default' AND warehouse_id = %(w)s", w=tenant.warehouse_id
    )
    put(tenant, shelf, 2, account_id=hidden)
    ids = [tenant.value("SELECT id FROM bin WHERE account_id = %(a)s", a=account) for account in (box, hidden)]
    assert [c["lines"] for c in counter.open(*ids).json["counts"]] == [1, 1]


def test_a_bin_has_one_open_count_which_the_next_counter_takes_over(tenant: Tenant) -> None:
    first, second = make_counter(tenant), make_counter(tenant)
    bolts, nuts = make_shelf(tenant, free=50), make_shelf(tenant, free=3)
    count_id = first.opened(bolts.bin_id)
    [line] = first.lines(count_id)
    assert move(tenant, nuts, 3, bolts)
    assert move(tenant, bolts, 10, nuts)
    again = second.open(bolts.bin_id).json["counts"][0]
    assert (again["count_id"], again["lines"], again["assigned_to"]) == (count_id, 2, second.username)
    lines = second.lines(count_id)
    assert [(li["item_id"], li["expected_quantity"]) for li in lines] == [(bolts.variant_id, 40), (nuts.variant_id, 3)]
    assert lines[0]["count_line_id"] == line["count_line_id"]
    refused = first.submit(count_id, *as_counted([line], 40))
    assert (refused.status, refused.json) == (400, {"error": f"Lines not counted: {lines[1]['count_line_id']}"})
    assert second.submit(count_id, *as_counted(lines, 40, 3)).json["status"] == "COMPLETED"
    assert second.opened(bolts.bin_id) != count_id


def test_a_new_count_takes_the_place_of_what_waits_undecided(tenant: Tenant) -> None:
    """Otherwise approving both would take the same units away twice."""
    counter, reviewer = make_counter(tenant), make_reviewer(tenant)
    bolts, nuts = make_shelf(tenant, free=50), make_shelf(tenant, free=3)
    count_id = counter.opened(bolts.bin_id)
    counter.submit(count_id, *as_counted(counter.lines(count_id), 45), found(nuts, 2))
    again = counter.opened(bolts.bin_id)
    lines = counter.lines(again)
    assert [(li["item_id"], li["expected_quantity"]) for li in lines] == [(bolts.variant_id, 50), (nuts.variant_id, 0)]
    [proposed] = counter.submit(again, *as_counted(lines, 46, 0)).json["summary"]["adjustments"]
    rows = tenant.rows("SELECT quantity, status, note FROM stock_adjustment ORDER BY id")
    assert rows == [
        {"quantity": -5, "status": "REJECTED", "note": f"Superseded by count {again}"},
        {"quantity": 2, "status": "REJECTED", "note": f"Superseded by count {again}"},
        {"quantity": -4, "status": "PENDING", "note": ""},
    ]
    assert [a["adjustment_id"] for a in reviewer.pending()] == [proposed["adjustment_id"]]
    assert reviewer.approve(proposed["adjustment_id"]).status == 200
    assert bolts.levels() == (46, 0)
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE action = 'adjustment.superseded'") == 2


def test_picked_units_are_gone_and_allocated_ones_are_there(tenant: Tenant) -> None:
    floor, counter, shelf = make_floor(tenant), make_counter(tenant), make_shelf(tenant, free=10)
    wave = floor.wave(place(tenant, (shelf, 4))).json
    count_id = counter.opened(shelf.bin_id)
    floor.confirm(wave["first_pick"]["pick_task_id"], shelf.sku, 3)
    reply = counter.submit(count_id, *as_counted(counter.lines(count_id), 7))
    assert reply.json["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("_case", "lines", "error"),
    [
        (
            "a line that is not there",
            [{"count_line_id": 2_000_000_000, "counted_quantity": 1}],
            "Count line not found: 2000000000",
        ),
        ("no line", [], "Lines not counted: LINE"),
        ("twice", [{"count_line_id": "LINE", "counted_quantity": 1}] * 2, "Duplicate count line: SKU"),
        ("of another item", [{"count_line_id": "LINE", "counted_quantity": 1, "item_id": 2_000_000_000}], None),
        (
            "an unknown item",
            [
                {"count_line_id": "LINE", "counted_quantity": 1},
                {"unexpected": True, "item_id": 2_000_000_000, "counted_quantity": 1},
            ],
            "Item not found: 2000000000",
        ),
        (
            "an unknown lot",
            [
                {"count_line_id": "LINE", "counted_quantity": 1},
                {"unexpected": True, "item_id": "ITEM", "counted_quantity": 1, "lot_number": "L-9"},
            ],
            "Item not found: ITEM, lot L-9",
        ),
        (
            "found although expected",
            [
                {"count_line_id": "LINE", "counted_quantity": 1},
                {"unexpected": True, "item_id": "ITEM", "counted_quantity": 1},
            ],
            "Duplicate count line: SKU",
        ),
    ],
)
def test_lines_that_do_not_fit(_case: str, lines: list[dict[str, Any]], error: str | None, tenant: Tenant) -> None:
    counter, shelf = make_counter(tenant), make_shelf(tenant, free=10)
    count_id = counter.opened(shelf.bin_id)
    known = {"LINE": counter.lines(count_id)[0]["count_line_id"], "ITEM": shelf.variant_id, "SKU": shelf.sku}
    sent = [
        {name: known.get(value, value) if isinstance(value, str) else value for name, value in li.items()}
        for li in lines
    ]
    reply = counter.submit(count_id, *sent)
    expected = error
    for word, value in known.items():
        expected = expected and expected.replace(word, str(value))
    assert reply.status == 400
    assert expected is None or reply.json == {"error": expected}
    assert counter.show(count_id).json["status"] == "PENDING"
    assert tenant.value("SELECT count(*) FROM stock_adjustment") == 0


@pytest.mark.parametrize(
    ("line", "loc"),
    [
        ({"counted_quantity": 1}, ["lines", 0]),
        ({"count_line_id": 0, "counted_quantity": 1}, ["lines", 0]),
        ({"unexpected": True, "counted_quantity": 1}, ["lines", 0]),
        ({"count_line_id": 1, "counted_quantity": -1}, ["lines", 0, "counted_quantity"]),
        ({"count_line_id": 1, "counted_quantity": 1.0}, ["lines", 0, "counted_quantity"]),
        ({"count_line_id": 1, "counted_quantity": "1"}, ["lines", 0, "counted_quantity"]),
        ({"count_line_id": 1}, ["lines", 0, "counted_quantity"]),
        ({"count_line_id": 1, "counted_quantity": 1, "quantity": 1}, ["lines", 0, "quantity"]),
    ],
)
def test_wrong_fields_are_named(line: dict[str, Any], loc: list[Any], tenant: Tenant) -> None:
    reply = make_counter(tenant).submit(1, line)
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert reply.json["details"][0]["loc"] == loc


def test_an_unexpected_line_found_before_and_expected_by_now_counts_as_that_line(tenant: Tenant) -> None:
    counter, bolts, nuts = make_counter(tenant), make_shelf(tenant, free=5), make_shelf(tenant, free=3)
    count_id = counter.opened(bolts.bin_id)
    [line] = counter.lines(count_id)
    assert move(tenant, nuts, 3, bolts)
    assert counter.opened(bolts.bin_id) == count_id
    assert counter.submit(count_id, *as_counted([line], 5), found(nuts, 3)).json["status"] == "COMPLETED"
    assert [li["unexpected"] for li in counter.lines(count_id)] == [False, False]


def test_a_count_is_handed_in_once(tenant: Tenant) -> None:
    counter, shelf = make_counter(tenant), make_shelf(tenant, free=10)
    count_id = counter.opened(shelf.bin_id)
    lines = as_counted(counter.lines(count_id), 8)
    key = "9b3f7a52-7a44-4c4b-8a34-0d7f7f6f4a01"
    first = counter.submit(count_id, *lines, idempotency_key=key)
    again = counter.submit(count_id, *lines, idempotency_key=key)
    assert (again.status, again.json, again.headers["Idempotent-Replay"]) == (200, first.json, "true")
    refused = counter.submit(count_id, *lines)
    assert (refused.status, refused.json) == (400, {"error": "Count already submitted"})
    assert tenant.value("SELECT count(*) FROM stock_adjustment") == 1


def test_bins_must_be_there_and_of_the_warehouse(tenant: Tenant) -> None:
    counter, shelf = make_counter(tenant), make_shelf(tenant)
    elsewhere = make_warehouse(tenant)
    [foreign] = make_bins(tenant, places.NewBin(warehouse_id=elsewhere.id, code="F-1"))
    closed = make_shelf(tenant)
    tenant.rows("UPDATE bin SET is_active = false WHERE id = %(id)s RETURNING id", id=closed.bin_id)
    administrator = make_counter(tenant, wms_role="ADMIN")

    def answers(*bin_ids: int, by: Any = counter, **more: Any) -> tuple[int, str]:
        reply = by.open(*bin_ids, **more)
        return reply.status, reply.json["error"]

    assert answers(shelf.bin_id, warehouse_id=elsewhere.id) == (403, "Access denied for this warehouse")
    assert answers(shelf.bin_id, foreign.id) == (404, f"Bin not found: {foreign.id}")
    assert answers(2_000_000_000) == (404, "Bin not found: 2000000000")
    assert answers(foreign.id, by=administrator) == (400, "Bin F-1 is in a different warehouse")
    assert answers(closed.bin_id) == (400, f"Bin {bin_code(tenant, closed)} is not active")
    assert answers(shelf.bin_id, shelf.bin_id) == (400, "Duplicate bin IDs in request")
    assert answers() == (400, "validation_error")
    assert tenant.value("SELECT count(*) FROM cycle_count") == 0
    assert administrator.open(foreign.id, warehouse_id=elsewhere.id).status == 200


def test_counts_of_other_warehouses_are_not_there(tenant: Tenant) -> None:
    elsewhere = make_warehouse(tenant)
    administrator, counter = make_counter(tenant, wms_role="ADMIN"), make_counter(tenant)
    shelf = make_shelf(tenant, warehouse_id=elsewhere.id)
    count_id = administrator.open(shelf.bin_id, warehouse_id=elsewhere.id).json["counts"][0]["count_id"]
    for reply in (counter.show(count_id), counter.submit(count_id), counter.show(2_000_000_000)):
        assert (reply.status, reply.json) == (404, {"error": "Cycle count not found"})
    assert administrator.show(count_id).status == 200


def test_bins_with_more_than_one_can_hand_in_are_refused(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.counts.service.LINES_MAX", 2)
    counter, shelves = make_counter(tenant), [make_shelf(tenant) for _ in range(3)]
    reply = counter.open(*[s.bin_id for s in shelves])
    assert (reply.status, reply.json["error"]) == (400, "These bins hold more than 2 items; count fewer bins at once")
    assert tenant.value("SELECT count(*) FROM cycle_count") == 0
    assert counter.open(*[s.bin_id for s in shelves[:2]]).status == 200


# Blind counts.

HIDDEN = {
    "expected_quantity",
    "booked_quantity",
    "variance",
    "adjustment_id",
    "adjustment_status",
    "last_count",
    "moves_since_last_count",
}


def test_a_blind_count_says_nowhere_what_is_expected(tenant: Tenant) -> None:
    set_floor(tenant, count_show_expected="false")
    counter, reviewer, shelf = make_counter(tenant), make_reviewer(tenant), make_shelf(tenant, free=1234)
    opened = counter.open(shelf.bin_id)
    count_id = opened.json["counts"][0]["count_id"]
    shown = counter.show(count_id)
    panel = reviewer.client.get("/api/admin/cycle-counts")
    administrator = reviewer.client.get(f"/api/inventory/cycle-count/{count_id}")
    submitted = counter.submit(count_id, *as_counted(counter.lines(count_id), 1230))
    after = counter.show(count_id)
    for reply in (opened, shown, panel, administrator, submitted, after):
        assert reply.status == 200
        assert b"1234" not in reply.body
        assert b"-4" not in reply.body
    assert not HIDDEN & shown.json["lines"][0].keys()
    assert not HIDDEN & after.json["lines"][0].keys()
    assert (after.json["status"], after.json["show_expected"]) == ("COMPLETED", False)
    assert submitted.json == {
        "status": "COMPLETED",
        "summary": {"total_lines": 1, "lines_with_variance": None, "adjustments": []},
    }


def test_administrators_see_what_a_blind_count_came_to(tenant: Tenant) -> None:
    set_floor(tenant, count_show_expected=False)
    counter, reviewer, shelf = make_counter(tenant), make_reviewer(tenant), make_shelf(tenant, free=50)
    counter.count(shelf, 45)
    [listed] = reviewer.client.get("/api/admin/cycle-counts").json["cycle_counts"]
    assert (listed["status"], listed["lines"][0]["expected_quantity"]) == ("VARIANCE", 50)
    shown = reviewer.client.get(f"/api/inventory/cycle-count/{listed['count_id']}").json
    assert (shown["status"], shown["lines"][0]["variance"]) == ("VARIANCE", -5)
    assert [a["variance"] for a in reviewer.pending()] == [-5]


def test_a_blind_count_looks_the_same_whether_it_agrees_or_not(tenant: Tenant) -> None:
    set_floor(tenant, count_show_expected="0")
    counter, shelf = make_counter(tenant), make_shelf(tenant, free=50)
    assert counter.count(shelf, 45).json == counter.count(shelf, 50).json


# The panel.


def test_the_panel_lists_the_last_counts_with_their_lines(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.counts.service.COUNTS_SHOWN", 2)
    monkeypatch.setattr("chalicelib.counts.service.LINES_SHOWN", 1)
    counter, reviewer, shelves = make_counter(tenant), make_reviewer(tenant), [make_shelf(tenant) for _ in range(3)]
    put(tenant, shelves[0], 1, account_id=shelves[2].account_id)
    ids = [counter.opened(s.bin_id) for s in shelves]
    counter.submit(ids[1], *as_counted(counter.lines(ids[1]), 11))
    reply = reviewer.client.get("/api/admin/cycle-counts")
    assert (reply.status, reply.statements) == (200, 4)
    newest, middle = reply.json["cycle_counts"]
    assert (newest["count_id"], newest["total_lines"], len(newest["lines"])) == (ids[2], 2, 1)
    assert (middle["status"], middle["counted_by"], middle["lines"][0]["variance"]) == ("VARIANCE", counter.username, 1)

    def filtered(query: str) -> list[int]:
        counts = reviewer.client.get(f"/api/admin/cycle-counts?{query}").json["cycle_counts"]
        return [c["count_id"] for c in counts]

    assert filtered("status=PENDING") == [ids[2], ids[0]]
    assert filtered(f"warehouse_id={tenant.warehouse_id}&status=VARIANCE") == [ids[1]]
    assert filtered("warehouse_id=2000000000") == []
    assert reviewer.client.get("/api/admin/cycle-counts?warehouse_id=x").status == 400
    assert reviewer.client.get("/api/admin/cycle-counts?status=OPEN").status == 400
