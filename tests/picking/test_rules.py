"""How a wave is cut into tasks: pure, so any wave will do."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.picking import rules
from chalicelib.picking.rules import BATCH, TASK, Demand
from chalicelib.stock import FreeStock


def level(account_id: int, free: int, *, variant_id: int = 1, kind: str = "Pickable") -> FreeStock:
    return FreeStock(variant_id, account_id, account_id, f"B{account_id}", kind, account_id, None, None, None, free)


def cut(demands: list[Demand], free: list[FreeStock], *, combined: bool = True) -> list[tuple[int, dict[int, int]]]:
    planned = rules.plan(demands, free, combined=combined)
    return [(task.level.account_id, {s.order_line_id: s.quantity for s in task.shares}) for task in planned]


@pytest.mark.parametrize(
    ("_case", "wanted", "free", "combined", "tasks"),
    [
        ("one bin for two lines", [2, 3], [10], True, [(1, {0: 2, 1: 3})]),
        ("lines apart", [2, 3], [10], False, [(1, {0: 2}), (1, {1: 3})]),
        ("a line over two bins", [5], [3, 4], True, [(1, {0: 3}), (2, {0: 2})]),
        ("bins and lines overlap", [2, 3], [3, 4], True, [(1, {0: 2, 1: 1}), (2, {1: 2})]),
        ("apart, the second takes what is left", [2, 3], [3, 4], False, [(1, {0: 2}), (1, {1: 1}), (2, {1: 2})]),
        ("less than wanted", [4, 4], [5], True, [(1, {0: 4, 1: 1})]),
        ("nothing there", [4], [], True, []),
        ("nothing wanted", [0], [5], True, []),
        ("a line of nothing between", [1, 0, 1], [5], True, [(1, {0: 1, 2: 1})]),
    ],
)
def test_cutting_a_wave(
    _case: str, wanted: list[int], free: list[int], combined: bool, tasks: list[tuple[int, dict[int, int]]]
) -> None:
    demands = [Demand(line, 1, units) for line, units in enumerate(wanted)]
    assert cut(demands, [level(n, units) for n, units in enumerate(free, 1)], combined=combined) == tasks


waves = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9)), max_size=8)
shelves = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9)), max_size=8)


@given(wave=waves, stock=shelves, combined=st.booleans())
def test_a_plan_takes_all_that_is_wanted_and_there_and_no_more(
    wave: list[tuple[int, int]], stock: list[tuple[int, int]], combined: bool
) -> None:
    demands = [Demand(line, variant, units) for line, (variant, units) in enumerate(wave)]
    free = [level(account, units, variant_id=variant) for account, (variant, units) in enumerate(stock)]
    planned = rules.plan(demands, free, combined=combined)
    taken: Counter[int] = Counter()
    for task in planned:
        taken[task.level.account_id] += task.quantity
        assert all(wave[s.order_line_id][0] == task.level.variant_id for s in task.shares)
        assert len({s.order_line_id for s in task.shares}) == len(task.shares)
    assert all(taken[f.account_id] <= f.free for f in free)
    got = rules.units_by_line(planned)
    assert all(got.get(d.order_line_id, 0) <= d.quantity for d in demands)
    for variant in (1, 2, 3):
        wanted = sum(units for v, units in wave if v == variant)
        there = sum(units for v, units in stock if v == variant)
        assert sum(t.quantity for t in planned if t.level.variant_id == variant) == min(wanted, there)


@given(waiting=st.dictionaries(st.integers(1, 9), st.integers(1, 9), max_size=6), quantity=st.integers(0, 60))
def test_what_is_given_and_what_is_left_are_what_was_wanted(waiting: dict[int, int], quantity: int) -> None:
    given_units = rules.spread(waiting, quantity)
    left = rules.subtract(waiting, given_units)
    assert sum(given_units.values()) == min(quantity, sum(waiting.values()))
    assert {line: given_units.get(line, 0) + left.get(line, 0) for line in waiting} == waiting
    first_left = next(iter(left), None)
    assert all(line == first_left or given_units.get(line, 0) == 0 for line in left)


def test_units_in_robot_boxes_are_not_ready() -> None:
    free = [level(1, 1, kind="RobotBox"), level(2, 1)]
    assert [task.is_ready for task in rules.plan([Demand(1, 1, 2)], free, combined=True)] == [False, True]


def test_every_step_of_a_batch_and_of_a_task() -> None:
    assert BATCH.transitions == {("IN_PROGRESS", "complete"): "COMPLETED", ("IN_PROGRESS", "cancel"): "CANCELLED"}
    assert TASK.transitions == {
        ("PENDING", "pick"): "PICKED",
        ("PENDING", "short"): "SHORT",
        ("PENDING", "drop"): "SKIPPED",
        ("PICKED", "drop"): "SKIPPED",
        ("SHORT", "drop"): "SHORT",
        ("SKIPPED", "drop"): "SKIPPED",
    }
