"""Where a wave stops: never a longer walk than along the pick sequence, on every layout, however ways are measured."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.picking.route import fewer_stops
from chalicelib.picking.rules import Demand, PlannedTask, plan, units_by_line
from chalicelib.stock import FreeStock

DATES = [None, date(2099, 1, 1), date(2099, 6, 1)]


@dataclass(frozen=True)
class Bin:
    """A bin of a generated warehouse: where it stands, and when the walk comes by."""

    id: int
    aisle: int
    row: int
    level: int
    sequence: int
    kind: str = "Pickable"


@dataclass(frozen=True)
class Case:
    """A warehouse with stock, and what is wanted of it."""

    bins: dict[int, Bin]
    free: list[FreeStock]
    demands: list[Demand]
    combined: bool


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Few items and many bins, so that items lie in several; sequences in any order, ties included."""
    count = draw(st.integers(1, 14))
    bins = {
        n: Bin(
            n,
            draw(st.integers(0, 3)),
            draw(st.integers(0, 9)),
            draw(st.integers(0, 3)),
            draw(st.integers(0, 12)),
            draw(st.sampled_from(["Pickable"] * 5 + ["RobotBox"])),
        )
        for n in range(1, count + 1)
    }
    keys = st.tuples(st.integers(1, 4), st.sampled_from(sorted(bins)), st.sampled_from([None, 1, 2]))
    levels = draw(st.dictionaries(keys, st.integers(1, 9), max_size=20))
    free = [level_of(bins[place], variant, lot, units) for (variant, place, lot), units in levels.items()]
    free.sort(key=lambda f: (f.variant_id, f.expires_on or date.max, f.pick_sequence, f.bin_id, f.lot_id or 0))
    wanted = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 12)), min_size=1, max_size=8))
    demands = [Demand(line, variant, units) for line, (variant, units) in enumerate(wanted, 1)]
    return Case(bins, free, demands, draw(st.booleans()))


def level_of(place: Bin, variant: int, lot: int | None, units: int) -> FreeStock:
    return FreeStock(
        variant_id=variant,
        account_id=place.id,
        bin_id=place.id,
        bin_code=f"B-{place.id}",
        bin_kind=place.kind,
        pick_sequence=place.sequence,
        lot_id=lot,
        lot_number=None if lot is None else f"L{lot}",
        expires_on=None if lot is None else DATES[lot],
        free=units,
    )


def walk(tasks: Sequence[PlannedTask], bins: dict[int, Bin]) -> list[Bin]:
    """The bins one walks to, in pick sequence."""
    stops = {task.level.account_id for task in tasks if task.is_ready}
    return sorted((bins[place] for place in stops), key=lambda b: (b.sequence, b.id))


def along_aisles(a: Bin, b: Bin) -> int:
    """Steps through a hall whose aisles are open at one end; a level up or down costs one."""
    level = abs(a.level - b.level)
    return (abs(a.row - b.row) if a.aisle == b.aisle else a.row + 5 * abs(a.aisle - b.aisle) + b.row) + level


def across_the_hall(a: Bin, b: Bin) -> int:
    return abs(a.row - b.row) + abs(a.aisle - b.aisle)


def in_sequence(a: Bin, b: Bin) -> int:
    return abs(a.sequence - b.sequence)


def per_stop(a: Bin, b: Bin) -> int:
    return int(a.id != b.id)


WAYS: list[Callable[[Bin, Bin], int]] = [along_aisles, across_the_hall, in_sequence, per_stop]


def length(stops: Sequence[Bin], way: Callable[[Bin, Bin], int]) -> int:
    """From a door, along the stops and back to it."""
    door = Bin(0, 0, 0, 0, 0)
    return sum(way(a, b) for a, b in zip([door, *stops], [*stops, door], strict=True))


@given(cases())
def test_the_walk_is_never_longer_than_the_pick_sequence_makes_it(case: Case) -> None:
    first = plan(case.demands, case.free, combined=case.combined)
    chosen = fewer_stops(first, case.free, combined=case.combined)
    before, after = walk(first, case.bins), walk(chosen, case.bins)
    assert set(after) <= set(before)
    assert [length(after, way) <= length(before, way) for way in WAYS] == [True] * len(WAYS)


@given(cases())
def test_the_same_units_are_picked_for_the_same_lines_with_the_same_dates(case: Case) -> None:
    first = plan(case.demands, case.free, combined=case.combined)
    chosen = fewer_stops(first, case.free, combined=case.combined)
    assert units_by_line(chosen) == units_by_line(first)
    assert by_date(chosen) == by_date(first)
    assert {t.level.account_id: t for t in chosen if not t.is_ready} == {
        t.level.account_id: t for t in first if not t.is_ready
    }


@given(cases())
def test_no_bin_gives_more_than_it_has_and_no_pick_is_made_twice(case: Case) -> None:
    chosen = fewer_stops(plan(case.demands, case.free, combined=case.combined), case.free, combined=case.combined)
    taken: dict[tuple[int, int, int | None], int] = defaultdict(int)
    picks = []
    for task in chosen:
        key = (task.level.variant_id, task.level.account_id, task.level.lot_id)
        taken[key] += task.quantity
        picks.append((key, None if case.combined else task.shares[0].order_line_id))
    there = {(f.variant_id, f.account_id, f.lot_id): f.free for f in case.free}
    assert all(taken[key] <= there[key] for key in taken)
    assert len(picks) == len(set(picks))


def by_date(tasks: Sequence[PlannedTask]) -> dict[tuple[int, date | None], int]:
    """Units per item and date of expiry: which are left for later does not change."""
    units: dict[tuple[int, date | None], int] = defaultdict(int)
    for task in tasks:
        units[task.level.variant_id, task.level.expires_on] += task.quantity
    return dict(units)


def test_an_item_is_taken_where_the_walk_stops_anyway() -> None:
    near, far = Bin(1, 0, 1, 0, 10), Bin(2, 0, 9, 0, 20)
    free = [level_of(near, 1, None, 5), level_of(far, 1, None, 5), level_of(far, 2, None, 5)]
    demands = [Demand(1, 1, 3), Demand(2, 2, 2)]
    chosen = fewer_stops(plan(demands, free, combined=True), free, combined=True)
    assert {(t.level.account_id, t.level.variant_id, t.quantity) for t in chosen} == {(2, 1, 3), (2, 2, 2)}


def test_a_bin_is_emptied_before_the_next_one_where_the_walk_stops_at_neither() -> None:
    near, far = Bin(1, 0, 1, 0, 10), Bin(2, 0, 9, 0, 20)
    free = [level_of(near, 1, None, 2), level_of(far, 1, None, 5)]
    chosen = fewer_stops(plan([Demand(1, 1, 2)], free, combined=True), free, combined=True)
    assert [(t.level.account_id, t.quantity) for t in chosen] == [(1, 2)]
