"""Where a wave stops: fewer bins where stock that expires together lies in several. Pure.

The walk goes along the pick sequence. A stop is left out when all its units can be taken from bins where the walk stops
anyway, so that what is left is a part of the same walk: it is not longer, however the way between two bins is measured, as
long as no detour is shorter than the way itself (infra/decisions/0030).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from chalicelib import stock
from chalicelib.picking.rules import PlannedTask, Share, spread, subtract

LevelKey = tuple[int, int, int | None]
"""(variant, account, lot)"""


def fewer_stops(
    planned: Sequence[PlannedTask], free: Iterable[stock.FreeStock], *, combined: bool
) -> list[PlannedTask]:
    """The same units for the same lines from the same or fewer bins.

    `free` and `combined` are what the plan was made from. Units change their bin only for units with the same date of
    expiry; robot boxes, to which nobody walks, neither lose nor gain any. The stops with the fewest units are tried first.
    """
    walk = _Walk(planned, free, combined=combined)
    for account_id in sorted(walk.stops, key=lambda stop: (sum(t.quantity for t in walk.stops[stop]), stop)):
        walk.leave_out(account_id)
    return [*(task for tasks in walk.stops.values() for task in tasks), *(t for t in planned if not t.is_ready)]


class _Walk:
    """A plan and what its bins hold besides."""

    def __init__(self, planned: Sequence[PlannedTask], free: Iterable[stock.FreeStock], *, combined: bool) -> None:
        self.stops: dict[int, list[PlannedTask]] = defaultdict(list)
        """Account of a bin -> what is taken there."""
        for task in planned:
            if task.is_ready:
                self.stops[task.level.account_id].append(task)
        self._combined = combined
        self._place = {
            line: n for n, line in enumerate(dict.fromkeys(s.order_line_id for t in planned for s in t.shares))
        }
        self._levels: dict[int, list[stock.FreeStock]] = defaultdict(list)
        self._spare: dict[LevelKey, int] = {}
        for level in free:
            self._levels[level.variant_id].append(level)
            self._spare[_key(level)] = level.free
        for task in planned:
            self._spare[_key(task.level)] -= task.quantity

    def leave_out(self, account_id: int) -> None:
        """Takes the units of a stop from other stops, if all of them can be."""
        taken: dict[LevelKey, int] = defaultdict(int)
        moved: list[PlannedTask] = []
        for task in self.stops[account_id]:
            elsewhere = self._elsewhere(task, taken)
            if elsewhere is None:
                return
            moved += elsewhere
        for task in self.stops.pop(account_id):
            taken[_key(task.level)] -= task.quantity
        for key, quantity in taken.items():
            self._spare[key] -= quantity
        for task in moved:
            self._add(task)

    def _elsewhere(self, task: PlannedTask, taken: dict[LevelKey, int]) -> list[PlannedTask] | None:
        """The task's units at other stops, added to `taken`; None where they have too few."""
        waiting = {share.order_line_id: share.quantity for share in task.shares}
        found = []
        for level in self._levels[task.level.variant_id]:
            here = level.account_id == task.level.account_id
            if here or level.account_id not in self.stops or level.expires_on != task.level.expires_on:
                continue
            given = spread(waiting, self._spare[_key(level)] - taken[_key(level)])
            if given:
                taken[_key(level)] += sum(given.values())
                waiting = subtract(waiting, given)
                found.append(PlannedTask(level, tuple(Share(line, quantity) for line, quantity in given.items())))
        return None if waiting else found

    def _add(self, more: PlannedTask) -> None:
        """Adds a task at a stop, to the one that takes units of the same level for the same lines already, if any."""
        tasks = self.stops[more.level.account_id]
        for n, task in enumerate(tasks):
            if self._is_same(task, more):
                tasks[n] = self._joined(task, more)
                return
        tasks.append(more)

    def _is_same(self, task: PlannedTask, more: PlannedTask) -> bool:
        """Whether two tasks are one pick: a wave takes a level's units once, a batch once for each line."""
        lines = {share.order_line_id for share in more.shares}
        return _key(task.level) == _key(more.level) and (
            self._combined or not lines.isdisjoint(share.order_line_id for share in task.shares)
        )

    def _joined(self, task: PlannedTask, more: PlannedTask) -> PlannedTask:
        """One task for both, its lines in the order of the wave."""
        units: dict[int, int] = defaultdict(int)
        for share in (*task.shares, *more.shares):
            units[share.order_line_id] += share.quantity
        lines = sorted(units, key=self._place.__getitem__)
        return replace(task, shares=tuple(Share(line, units[line]) for line in lines))


def _key(level: stock.FreeStock) -> LevelKey:
    return level.variant_id, level.account_id, level.lot_id


def _serves(level: stock.FreeStock, task: PlannedTask) -> bool:
    return level.variant_id == task.level.variant_id and level.expires_on == task.level.expires_on
