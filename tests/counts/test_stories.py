"""A difference explains itself: what moved since the bin and item were counted before."""

import pytest

from tests.factories.counts import as_counted, make_counter, make_reviewer, move
from tests.factories.floor import make_floor, make_lot, place, put
from tests.factories.stock import make_shelf
from tests.tenant import Tenant


def test_a_first_difference_lists_the_whole_story(tenant: Tenant) -> None:
    counter, reviewer = make_counter(tenant), make_reviewer(tenant)
    here, there = make_shelf(tenant, free=50), make_shelf(tenant, free=0)
    assert move(tenant, here, 20, there)
    reviewer.direct(here, 2)
    adjustment_id = counter.propose(here, 30)
    [waiting] = reviewer.pending()
    codes = [tenant.value("SELECT code FROM bin WHERE id = %(id)s", id=s.bin_id) for s in (here, there)]
    assert waiting["last_count"] is None
    assert [
        (m["quantity"], m["reason"], m["from_place"], m["to_place"]) for m in waiting["moves_since_last_count"]
    ] == [
        (2, "adjustment", "adjustment", codes[0]),
        (-20, "bin_transfer", *codes),
        (50, "purchase_received", "supplier", codes[0]),
    ]
    assert waiting["moves_since_last_count"][0]["actor"] == reviewer.username
    shown = reviewer.client.get(f"/api/inventory/cycle-count/{waiting['count_id']}").json
    assert shown["lines"][0]["adjustment_id"] == adjustment_id
    assert shown["lines"][0]["moves_since_last_count"] == waiting["moves_since_last_count"]


def test_the_story_begins_at_the_last_count_and_ends_at_this_one(tenant: Tenant) -> None:
    floor, counter, reviewer = make_floor(tenant), make_counter(tenant), make_reviewer(tenant)
    here, there = make_shelf(tenant, free=50), make_shelf(tenant, free=10)
    first = counter.propose(here, 49)
    reviewer.approve(first)
    assert move(tenant, here, 5, there)
    wave = floor.wave(place(tenant, (here, 3))).json
    floor.confirm(wave["first_pick"]["pick_task_id"], here.sku, 3)
    assert move(tenant, there, 2, here)
    put(tenant, there, 9, account_id=here.account_id)
    count_id = counter.opened(here.bin_id)
    lines = {line["item_id"]: line for line in counter.lines(count_id)}
    counter.submit(count_id, *as_counted([lines[here.variant_id], lines[there.variant_id]], 40, 12))
    assert move(tenant, here, 1, there)
    [waiting, other] = reviewer.pending()
    assert [m["quantity"] for m in waiting["moves_since_last_count"]] == [-3, -5, -1]
    assert [m["document"] for m in waiting["moves_since_last_count"]][2] == f"adjustment:{first}"
    past = waiting["last_count"]
    assert (past["counted_quantity"], waiting["booked_quantity"]) == (49, 41)
    assert other["last_count"] is None
    assert [m["quantity"] for m in other["moves_since_last_count"]] == [9, 2]


def test_other_lots_belong_to_the_story(tenant: Tenant) -> None:
    counter, reviewer, shelf = make_counter(tenant), make_reviewer(tenant), make_shelf(tenant, free=5)
    lot_id = make_lot(tenant, shelf, expires_on=None)
    counter.count(shelf, 5)
    put(tenant, shelf, 7, account_id=shelf.account_id, lot_id=lot_id)
    count_id = counter.opened(shelf.bin_id)
    counter.submit(count_id, *as_counted(counter.lines(count_id), 7, 5))
    lot, no_lot = reviewer.pending()
    assert [m["quantity"] for m in no_lot["moves_since_last_count"]] == [7]
    assert no_lot["last_count"]["counted_quantity"] == 5
    assert lot["last_count"]["counted_quantity"] is None
    number = tenant.value("SELECT number FROM lot WHERE id = %(id)s", id=lot_id)
    assert lot["moves_since_last_count"][0]["lot_number"] == number


def test_a_line_that_agrees_needs_no_story(tenant: Tenant) -> None:
    counter, shelf = make_counter(tenant), make_shelf(tenant, free=5)
    count_id = counter.opened(shelf.bin_id)
    counter.submit(count_id, *as_counted(counter.lines(count_id), 5))
    assert counter.lines(count_id)[0]["moves_since_last_count"] == []


def test_long_stories_are_cut(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.counts.service.MOVES_SHOWN", 3)
    monkeypatch.setattr("chalicelib.counts.adjustments.MOVES_SHOWN", 2)
    counter, reviewer, shelf = make_counter(tenant), make_reviewer(tenant), make_shelf(tenant, free=5)
    for units in range(1, 6):
        reviewer.direct(shelf, units)
    counter.propose(shelf, 1)
    [waiting] = reviewer.pending()
    assert [m["quantity"] for m in waiting["moves_since_last_count"]] == [5, 4]
    assert [m["quantity"] for m in counter.lines(waiting["count_id"])[0]["moves_since_last_count"]] == [5, 4, 3]
    monkeypatch.setattr("chalicelib.counts.service.MOVES_IN_ALL", 2)
    assert len(counter.lines(waiting["count_id"])[0]["moves_since_last_count"]) == 2
