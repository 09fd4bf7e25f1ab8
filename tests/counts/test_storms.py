"""Many counters, reviewers and movers at once on the real database. Nothing is made, lost or done twice; nobody sees a 5xx."""

from collections import Counter as Tally

import pytest

from tests.client import Reply
from tests.factories.counts import as_counted, found, make_counter, make_reviewer, move, set_floor, units_of
from tests.factories.floor import check_floor, make_floor, place, put, units_in
from tests.factories.stock import check_books, make_shelf
from tests.tenant import Tenant
from tests.threads import together

CLIENTS = 50


def tally(replies: list[Reply]) -> Tally[int]:
    return Tally(reply.status for reply in replies)


def test_one_count_submitted_by_many_proposes_one_adjustment_per_line(tenant: Tenant) -> None:
    counter, bolts, nuts = make_counter(tenant), make_shelf(tenant, free=50), make_shelf(tenant, free=0)
    put(tenant, nuts, 9, account_id=bolts.account_id)
    count_id = counter.opened(bolts.bin_id)
    lines = as_counted(counter.lines(count_id), 45, 11)
    replies = together(CLIENTS, lambda _: counter.submit(count_id, *lines))
    assert tally(replies) == {200: 1, 400: CLIENTS - 1}
    assert {r.json["error"] for r in replies if r.status == 400} == {"Count already submitted"}
    assert tenant.rows("SELECT quantity FROM stock_adjustment ORDER BY id") == [{"quantity": -5}, {"quantity": 2}]


def test_one_bin_opened_by_many_has_one_count(tenant: Tenant) -> None:
    counters, bolts, nuts = [make_counter(tenant) for _ in range(5)], make_shelf(tenant, free=5), make_shelf(tenant)
    replies = together(20, lambda n: counters[n % 5].open(*[bolts.bin_id, nuts.bin_id][:: 1 if n % 2 else -1]))
    assert tally(replies) == {200: 20}
    assert {(c["bin_id"], c["lines"]) for r in replies for c in r.json["counts"]} == {
        (bolts.bin_id, 1),
        (nuts.bin_id, 1),
    }
    assert tenant.value("SELECT count(*) FROM cycle_count") == 2
    assert tenant.value("SELECT count(*) FROM cycle_count_line") == 2


def test_one_bin_counted_by_many_loses_its_units_once(tenant: Tenant) -> None:
    """Everybody opens, counts, hands in and approves what is proposed; all say that 45 of 50 lie there."""
    counters, shelf = [make_counter(tenant, wms_role="ADMIN") for _ in range(8)], make_shelf(tenant, free=50)

    def work(n: int) -> set[int]:
        counter, statuses = counters[n], set()
        for _ in range(3):
            count_id = counter.opened(shelf.bin_id)
            submitted = counter.submit(count_id, *as_counted(counter.lines(count_id), 45))
            statuses.add(submitted.status)
            proposed = submitted.json.get("summary", {}).get("adjustments", [])
            decisions = [{"adjustment_id": a["adjustment_id"], "action": "approve"} for a in proposed]
            if decisions:
                reply = counter.client.post("/api/admin/adjustments/review", {"decisions": decisions})
                statuses.add(reply.status)
        return statuses

    assert set().union(*together(8, work)) <= {200, 400, 409}
    assert shelf.levels() == (45, 0)
    approved = "SELECT coalesce(sum(quantity), 0)::int FROM stock_adjustment WHERE status = 'APPROVED'"
    assert tenant.value(approved) == -5
    check_books(tenant)


@pytest.mark.parametrize("action", ["approve", "mixed"])
def test_one_adjustment_decided_by_many_is_decided_once(action: str, tenant: Tenant) -> None:
    counter, reviewers = make_counter(tenant), [make_reviewer(tenant) for _ in range(5)]
    shelf = make_shelf(tenant, free=50)
    adjustment_id = counter.propose(shelf, 45)
    actions = ["approve", "approve" if action == "approve" else "reject"]
    replies = together(CLIENTS, lambda n: reviewers[n % 5].decide((adjustment_id, actions[n % 2])))
    assert tally(replies) == {200: 1, 409: CLIENTS - 1}
    [first] = [r.json["results"][0]["status"] for r in replies if r.status == 200]
    assert tenant.value("SELECT status FROM stock_adjustment") == first
    assert shelf.levels() == ((45, 0) if first == "APPROVED" else (50, 0))
    assert tenant.value("SELECT count(*) FROM stock_move WHERE reason = 'cycle_count_adjustment'") == (
        first == "APPROVED"
    )
    check_books(tenant)


def test_the_same_adjustments_in_any_order_at_once(tenant: Tenant) -> None:
    counter, reviewers = make_counter(tenant), [make_reviewer(tenant) for _ in range(4)]
    shelves = [make_shelf(tenant, free=10) for _ in range(6)]
    ids = [counter.propose(shelf, 10 + n - 3 if n != 3 else 15) for n, shelf in enumerate(shelves)]
    replies = together(12, lambda n: reviewers[n % 4].approve(*(ids if n % 2 else ids[::-1])))
    assert tally(replies) == {200: 1, 409: 11}
    assert [s.levels()[0] for s in shelves] == [7, 8, 9, 15, 11, 12]
    check_books(tenant)


def test_counts_approved_while_stock_moves_make_and_lose_nothing(tenant: Tenant) -> None:
    """Movers carry units between two bins, pickers take some, counters always find two fewer than the books say."""
    floor, reviewer = make_floor(tenant), make_reviewer(tenant)
    here, there = make_shelf(tenant, free=60), make_shelf(tenant, free=0)
    waves = [floor.wave(place(tenant, (here, 2))).json for _ in range(4)]
    counter = make_counter(tenant)

    def work(n: int) -> list[int]:
        statuses: list[int] = []
        for step in range(6):
            if n % 4 == 0:
                move(tenant, here, 1 + step % 3, there)
            elif n % 4 == 1:
                back = there if step % 2 else here
                reply = reviewer.direct(here, 1 if step % 2 else -1, bin_id=back.bin_id)
                statuses.append(reply.status)
            elif n % 4 == 2 and step == n // 4:
                task = waves[n // 4]["first_pick"]
                statuses.append(floor.confirm(task["pick_task_id"], task["sku"], 2).status)
            elif n % 4 == 3:
                count_id = counter.opened(here.bin_id)
                lines = counter.lines(count_id)
                counted = [max(0, line["expected_quantity"] - 2) for line in lines]
                submitted = counter.submit(count_id, *as_counted(lines, *counted))
                statuses.append(submitted.status)
                proposed = submitted.json.get("summary", {}).get("adjustments", [])
                statuses += [reviewer.approve(a["adjustment_id"]).status for a in proposed]
        return statuses

    seen = {status for statuses in together(16, work) for status in statuses}
    assert seen <= {200, 201, 400, 409}
    approved = int(tenant.value("SELECT coalesce(sum(quantity), 0) FROM stock_adjustment WHERE status = 'APPROVED'"))
    picked = units_in(tenant, here, "outbound")
    assert picked == 8
    assert sum(units_of(tenant, here).values()) == 60 + approved - picked
    assert -approved == units_in(tenant, here, "adjustment")
    check_books(tenant)
    check_floor(tenant)


def test_approvals_and_moves_of_the_same_last_units(tenant: Tenant) -> None:
    """The units that are to be taken away may just be leaving: the approval is refused then, and stays possible."""
    counter, reviewer = make_counter(tenant), make_reviewer(tenant)
    here, there = make_shelf(tenant, free=10), make_shelf(tenant, free=0)
    for _ in range(5):
        adjustment_id = counter.propose(here, here.levels()[0] - 2)

        def work(n: int) -> int:
            if n:
                return 200 if move(tenant, here, 4, there) else 400
            return reviewer.approve(adjustment_id).status  # noqa: B023  # called before the loop goes on

        statuses = together(4, work)
        assert statuses[0] in (200, 409)
        waiting = tenant.value("SELECT status FROM stock_adjustment WHERE id = %(id)s", id=adjustment_id)
        assert waiting == ("APPROVED" if statuses[0] == 200 else "PENDING")
        put(tenant, here, 10, account_id=here.account_id)
        check_books(tenant)


def test_holds_break_once_where_counts_and_orders_meet(tenant: Tenant) -> None:
    counter, reviewer = make_counter(tenant), make_reviewer(tenant)
    shelves = [make_shelf(tenant, free=10) for _ in range(4)]
    for shelf in shelves:
        place(tenant, (shelf, 9))
    ids = [counter.propose(shelf, 6) for shelf in shelves]
    floor = make_floor(tenant)
    placed = [place(tenant, (shelf, 1)) for shelf in shelves]
    replies = together(8, lambda n: reviewer.approve(ids[n // 2]) if n % 2 else floor.wave(placed[n // 2]))
    assert {r.status for r in replies} <= {200, 409}
    tenant.work_off()
    check_books(tenant)
    check_floor(tenant)


def test_direct_adjustments_take_each_unit_once(tenant: Tenant) -> None:
    reviewer, shelf = make_reviewer(tenant), make_shelf(tenant, free=10)
    replies = together(CLIENTS, lambda _: reviewer.direct(shelf, -1))
    assert tally(replies) == {201: 10, 400: CLIENTS - 10}
    assert shelf.levels() == (0, 0)
    assert len({r.json["adjustment_id"] for r in replies if r.status == 201}) == 10
    check_books(tenant)


def test_first_units_of_an_item_in_a_bin_come_together(tenant: Tenant) -> None:
    counters, reviewer = [make_counter(tenant) for _ in range(6)], make_reviewer(tenant)
    item, bins = make_shelf(tenant, free=0), [make_shelf(tenant, free=0) for _ in range(6)]

    def work(n: int) -> int:
        count_id = counters[n].opened(bins[n].bin_id)
        submitted = counters[n].submit(count_id, found(item, n + 1))
        [proposed] = submitted.json["summary"]["adjustments"]
        return reviewer.approve(proposed["adjustment_id"]).status

    assert together(6, work) == [200] * 6
    assert sorted(units_of(tenant, item).values()) == [1, 2, 3, 4, 5, 6]
    assert item.free() == 21
    check_books(tenant)


def test_separation_holds_when_everybody_hurries(tenant: Tenant) -> None:
    set_floor(tenant, require_count_approval_separation="true")
    own, shelf = make_counter(tenant, wms_role="ADMIN"), make_shelf(tenant, free=10)
    adjustment_id = own.propose(shelf, 6)
    body = {"decisions": [{"adjustment_id": adjustment_id, "action": "approve"}]}
    replies = together(10, lambda _: own.client.post("/api/admin/adjustments/review", body))
    assert tally(replies) == {403: 10}
    assert shelf.levels() == (10, 0)
