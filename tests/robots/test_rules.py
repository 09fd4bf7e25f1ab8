"""Pure decisions: which boxes, which robot, which state follows, section codes."""

from collections import Counter
from datetime import UTC, date, datetime
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.robots import sections
from chalicelib.robots.fleet.rules import (
    ORDER,
    CarrierSituation,
    NewWork,
    OnlineBot,
    OrderEvent,
    OrderStatus,
    RobotOrder,
    Station,
    is_late,
    is_restart,
    plan,
)
from chalicelib.robots.rules import (
    JOB,
    REQUEST,
    Box,
    JobEvent,
    JobStatus,
    Piece,
    RequestEvent,
    RequestStatus,
    Wanted,
    choose_boxes,
    choose_space,
)
from chalicelib.stock import FreeStock

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def level(
    account: int, free: int, *, expires: date | None = None, variant: int = 1, lot: int | None = None
) -> FreeStock:
    return FreeStock(variant, account, account, f"B{account}", "RobotBox", 0, lot, None, expires, free)


def want(quantity: int, *, position: int = 0, variant: int = 1) -> Wanted:
    return Wanted(position, variant, f"SKU-{variant}", quantity)


@pytest.mark.parametrize(
    ("_case", "asked", "levels", "carriers", "taken"),
    [
        ("one box", [4], [(1, 10)], {1: 1}, [(1, 4)]),
        ("the carrier that has all of it", [9], [(1, 8), (2, 9)], {1: 1, 2: 2}, [(2, 9)]),
        (
            "two boxes of one carrier before a third",
            [9],
            [(1, 5), (2, 8), (3, 4)],
            {1: 1, 2: 2, 3: 1},
            [(1, 5), (3, 4)],
        ),
        ("the fullest first when none has all", [12], [(1, 5), (2, 8)], {1: 1, 2: 2}, [(2, 8), (1, 4)]),
        ("a carrier that comes anyway", [8, 2], [(1, 2), (2, 10)], {1: 1, 2: 2}, [(2, 8), (2, 2)]),
        ("no more than there is", [6, 5], [(1, 10)], {1: 1}, [(1, 6)]),
        ("shelves are passed over", [5], [(7, 99), (1, 5)], {1: 1}, [(1, 5)]),
    ],
)
def test_choosing_boxes(
    _case: str, asked: list[int], levels: list[tuple[int, int]], carriers: dict[int, int], taken: list[tuple[int, int]]
) -> None:
    wanted = [want(quantity, position=n) for n, quantity in enumerate(asked)]
    pieces, short = choose_boxes(wanted, [level(a, free) for a, free in levels], carriers)
    assert [(p.stock.account_id, p.quantity) for p in pieces] == taken
    assert sum(p.quantity for p in pieces) + sum(w.quantity for w in short) == sum(asked)


def test_what_expires_first_goes_first_even_from_another_carrier() -> None:
    soon, late = date(2027, 1, 1), date(2028, 1, 1)
    levels = [level(1, 2, expires=soon, lot=1), level(2, 50, expires=late, lot=2), level(3, 50)]
    pieces, _ = choose_boxes([want(5)], levels, {1: 1, 2: 2, 3: 3})
    assert [(p.stock.account_id, p.quantity) for p in pieces] == [(1, 2), (2, 3)]


@given(
    asked=st.lists(st.integers(1, 20), min_size=1, max_size=6),
    levels=st.lists(st.tuples(st.integers(0, 15), st.integers(1, 4), st.sampled_from([None, 2027, 2028])), max_size=10),
)
def test_choices_take_exactly_what_is_asked_and_never_more_than_lies_there(
    asked: list[int], levels: list[tuple[int, int, int | None]]
) -> None:
    known = [
        level(n, free, expires=date(year, 1, 1) if year else None, lot=n) for n, (free, _, year) in enumerate(levels)
    ]
    known.sort(key=lambda one: one.expires_on or date.max)
    carriers = {n: carrier for n, (_, carrier, _) in enumerate(levels)}
    wanted = [want(quantity, position=n) for n, quantity in enumerate(asked)]
    pieces, short = choose_boxes(wanted, known, carriers)
    given_to, taken = Counter[int](), Counter[int]()
    for piece in pieces:
        assert piece.quantity > 0
        given_to[piece.position] += piece.quantity
        taken[piece.stock.account_id] += piece.quantity
    lacking = {w.position for w in short}
    assert all(given_to[w.position] == (0 if w.position in lacking else w.quantity) for w in wanted)
    assert all(taken[one.account_id] <= one.free for one in known)
    left = sum(one.free for one in known) - sum(taken.values())
    assert all(w.quantity > left for w in short[-1:])


def test_choosing_space() -> None:
    pieces = [Piece(0, level(100, 9), 9), Piece(1, level(100, 9, variant=2), 3)]
    boxes = [
        Box(1, 1, 10, None, 0),
        Box(2, 1, 10, 1, 6),
        Box(3, 1, 2, 2, 2),
        Box(4, 1, None, 3, 1),
        Box(5, 2, 2, None, 0),
    ]
    placed, full = choose_space(pieces, boxes)
    assert [(p.position, box.account_id, n) for p, box, n in placed] == [(0, 2, 4), (0, 1, 5)]
    assert [p.position for p in full] == [1]


JOB_ALLOWED = {
    "CREATED": {"accept", "run", "dock", "retry", "finish", "fail", "cancel"},
    "ACCEPTED": {"run", "dock", "retry", "finish", "fail"},
    "RUNNING": {"dock", "retry", "finish", "fail"},
    "WAITING": {"succeed", "fail", "cancel"},
}
REQUEST_ALLOWED = {
    "CREATED": {"accept", "run", "complete", "fail", "cancel"},
    "ACCEPTED": {"run", "complete", "fail", "cancel"},
    "RUNNING": {"complete", "fail", "cancel"},
}
ORDER_ALLOWED = {
    "CREATED": {"accept", "run", "finish", "fail", "cancel"},
    "ACCEPTED": {"run", "finish", "fail", "cancel"},
    "RUNNING": {"finish", "fail", "cancel"},
}


def test_every_state_and_event() -> None:
    for state, event in product(get_args(JobStatus), get_args(JobEvent)):
        assert JOB.allows(state, event) == (event in JOB_ALLOWED.get(state, ())), (state, event)
    for state, event in product(get_args(RequestStatus), get_args(RequestEvent)):
        assert REQUEST.allows(state, event) == (event in REQUEST_ALLOWED.get(state, ())), (state, event)
    for state, event in product(get_args(OrderStatus), get_args(OrderEvent)):
        assert ORDER.allows(state, event) == (event in ORDER_ALLOWED.get(state, ())), (state, event)


@given(st.lists(st.sampled_from(["accept", "run", "finish", "fail"]), max_size=8))
def test_an_orders_end_does_not_depend_on_the_order_of_news(events: list[OrderEvent]) -> None:
    ends = {"finish", "fail"} & set(events)
    if len(ends) > 1:
        return
    states = set()
    for order in (events, sorted(events), sorted(events, reverse=True)):
        status: OrderStatus = "CREATED"
        for event in order:
            status = ORDER.next(status, event) if ORDER.allows(status, event) else status
        states.add(status)
    assert len(states) == 1


def carrier(
    id: int, *, balcony: int | None = None, order: RobotOrder | None = None, **more: object
) -> CarrierSituation:
    defaults: dict[str, object] = {"store_failures": 0, "is_worked_on": False, "brought_by": None, "work": ()}
    return CarrierSituation(id=id, balcony_id=balcony, order=order, **{**defaults, **more})  # type: ignore[arg-type]  # the fields are given by name


def work(job: str, *, request: str = "R", priority: int = 0, **more: int | None) -> NewWork:
    defaults: dict[str, int | None] = {"balcony_id": None, "placing_pos": None, "avoided_bot_id": None}
    return NewWork(job, request, priority, **{**defaults, **more})


def moving(kind: str) -> RobotOrder:
    return RobotOrder(9, "o", 0, kind, "RUNNING", 1, 1, 5, None, EPOCH)


BOTS, STATIONS = [OnlineBot(1, 2), OnlineBot(2, 0), OnlineBot(3, 0)], [Station(5, 1), Station(6, 0)]


@pytest.mark.parametrize(
    ("_case", "situation", "expected"),
    [
        ("brought by the least loaded to the emptiest", carrier(1, work=(work("j"),)), [("bringCarrier", 6, 2)]),
        ("not by the one that failed", carrier(1, work=(work("j", avoided_bot_id=2),)), [("bringCarrier", 6, 3)]),
        ("where the request's others went", carrier(1, work=(work("j", placing_pos=5),)), [("bringCarrier", 5, 2)]),
        ("where its units lie", carrier(1, work=(work("j", balcony_id=5, placing_pos=6),)), [("bringCarrier", 5, 2)]),
        ("taken back by who brought it", carrier(1, balcony=5, brought_by=("o", 0, 1)), [("storeCarrier", 5, 1)]),
        ("or by another if that one failed", carrier(1, balcony=5, brought_by=("o", 1, 2), store_failures=1),
         [("storeCarrier", 5, 3)]),
        ("or is away", carrier(1, balcony=5, brought_by=("o", 0, 8)), [("storeCarrier", 5, 2)]),
        ("not while a person works on it", carrier(1, balcony=5, is_worked_on=True), []),
        ("nor after too many failures", carrier(1, balcony=5, store_failures=3), []),
        ("nor twice", carrier(1, balcony=5, order=moving("storeCarrier")), []),
        ("nothing to do", carrier(1), []),
    ],
)  # fmt: skip
def test_planning_one_carrier(_case: str, situation: CarrierSituation, expected: list[tuple[str, int, int]]) -> None:
    made = plan([situation], BOTS, STATIONS)
    assert [(o.kind, o.balcony_id, o.bot_id) for o, _ in made.orders] == expected
    assert (made.docked, made.joined) == ([], [])


def test_work_on_a_carrier_that_stands_there_or_comes_needs_no_robot() -> None:
    there = plan([carrier(1, balcony=5, is_worked_on=True, work=(work("a"), work("b")))], [], [])
    assert [(w.job_id, balcony) for w, balcony in there.docked] == [("a", 5), ("b", 5)]
    coming = plan([carrier(1, order=moving("bringCarrier"), work=(work("a"),))], [], [])
    assert [(w.job_id, order.id) for w, order in coming.joined] == [("a", 9)]
    leaving = plan([carrier(1, balcony=5, order=moving("storeCarrier"), work=(work("a"),))], BOTS, STATIONS)
    assert (leaving.docked, leaving.joined, leaving.orders) == ([], [], [])


def test_without_robots_or_balconies_work_waits() -> None:
    waiting = [carrier(1, work=(work("a"),)), carrier(2, balcony=5)]
    assert plan(waiting, [], STATIONS).orders == []
    assert [o.kind for o, _ in plan(waiting, BOTS, []).orders] == ["storeCarrier"]


def test_urgent_carriers_get_robots_first_and_load_is_spread() -> None:
    made = plan(
        [carrier(n, work=(work(f"j{n}", request=f"R{n}", priority=n),)) for n in range(1, 5)], BOTS, [Station(5, 0)]
    )
    assert [(o.carrier_id, o.bot_id) for o, _ in made.orders] == [(4, 2), (3, 3), (2, 2), (1, 3)]


def test_what_is_too_much_for_the_robots_waits() -> None:
    carriers = [carrier(n, work=(work(f"j{n}", request=f"R{n}"),)) for n in range(1, 13)]
    made = plan(
        [*carriers, carrier(99, balcony=5, brought_by=("o", 0, 1))], [OnlineBot(1, 3), OnlineBot(2, 7)], STATIONS
    )
    assert [(o.carrier_id, o.bot_id) for o, _ in made.orders] == [(99, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 2)]


@pytest.mark.parametrize(
    ("code", "canonical", "legacy"),
    [
        ("1", "0" * 28 + "1111", "00000001"),
        (10000000, "1111" + "0" * 28, "10000000"),
        ("1000000000000001", "11" + "0" * 28 + "11", "10000001"),
        ("0" * 31 + "1", "0" * 31 + "1", "00000001"),
        ("1" * 32, "1" * 32, "11111111"),
    ],
)
def test_section_codes(code: str | int, canonical: str, legacy: str) -> None:
    assert (sections.canonical(code), sections.legacy(canonical)) == (canonical, legacy)


@pytest.mark.parametrize("code", ["", "0", "00000000", "2", "101010101", "1" * 17, "1" * 33, "-1", "1 1", 12])
def test_bad_section_codes(code: str | int) -> None:
    with pytest.raises(sections.BadSectionCode):
        sections.canonical(code)


def test_lateness() -> None:
    def at(second: int) -> datetime:
        return EPOCH.replace(second=second)

    assert not is_late((6, at(6)), (5, at(5)), counted_from=EPOCH)
    assert is_late((4, at(4)), (5, at(5)), counted_from=EPOCH)
    assert is_late((5, at(5)), (5, at(5)), counted_from=EPOCH)
    assert not is_late((1, at(9)), (5, at(5)), counted_from=EPOCH)
    assert is_restart((1, at(9)), (5, at(5)))
    assert is_late((7, at(7)), (1, at(9)), counted_from=at(9))
