"""Picking: how a wave is cut into tasks, and how picked units are shared out. Pure."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chalicelib import stock
from chalicelib.kernel.states import Machine

BatchStatus = Literal["IN_PROGRESS", "COMPLETED", "CANCELLED"]
TaskStatus = Literal["PENDING", "PICKED", "SHORT", "SKIPPED"]

BATCH: Machine[BatchStatus, Literal["complete", "cancel"]] = Machine(
    "batch", {("IN_PROGRESS", "complete"): "COMPLETED", ("IN_PROGRESS", "cancel"): "CANCELLED"}
)
TASK: Machine[TaskStatus, Literal["pick", "short", "drop"]] = Machine(
    "pick task",
    {
        ("PENDING", "pick"): "PICKED",
        ("PENDING", "short"): "SHORT",
        # A batch that is given up drops its tasks. A short one stays short: its units were missing all the same.
        ("PENDING", "drop"): "SKIPPED",
        ("PICKED", "drop"): "SKIPPED",
        ("SHORT", "drop"): "SHORT",
        ("SKIPPED", "drop"): "SKIPPED",
    },
)

ROBOT_BOX = "RobotBox"


@dataclass(frozen=True)
class Demand:
    """Units that an order line waits for."""

    order_line_id: int
    variant_id: int
    quantity: int


@dataclass(frozen=True)
class Share:
    """Units of a task that are for one order line."""

    order_line_id: int
    quantity: int


@dataclass(frozen=True)
class PlannedTask:
    """A task not yet written: units from one level, for one or more order lines."""

    level: stock.FreeStock
    shares: tuple[Share, ...]

    @property
    def quantity(self) -> int:
        """Units to take."""
        return sum(share.quantity for share in self.shares)

    @property
    def is_ready(self) -> bool:
        """False for units in a robot box, until a robot has handed them out."""
        return self.level.bin_kind != ROBOT_BOX


@dataclass(frozen=True)
class TaskShare:
    """Units of a task for one order line; `tote` is the position of its order in the batch."""

    order_line_id: int
    quantity: int
    picked: int
    tote: int


@dataclass(frozen=True)
class Task:
    """A locked task."""

    batch_id: int
    warehouse_id: int
    is_wave: bool
    batch_status: BatchStatus
    id: int
    variant_id: int
    account_id: int
    lot_id: int | None
    quantity: int
    picked: int
    pick_sequence: int
    status: TaskStatus
    is_ready: bool
    sku: str
    bin_code: str
    shares: tuple[TaskShare, ...]

    @property
    def left(self) -> int:
        """Units still to take."""
        return self.quantity - self.picked

    @property
    def waiting(self) -> dict[int, int]:
        """Units still to take per order line, in the order of the shares."""
        return {s.order_line_id: s.quantity - s.picked for s in self.shares if s.quantity > s.picked}

    @property
    def document(self) -> str:
        """How the stock ledger names this task."""
        return f"pick_task:{self.id}"


@dataclass(frozen=True)
class Departure:
    """What becomes of a task when one of its orders leaves the batch."""

    task: Task
    quantity: int
    picked: int
    status: TaskStatus
    returned: int
    """Picked units that go back."""
    released: int
    """Units not picked yet, which are set aside no more."""
    undone_line_ids: tuple[int, ...]
    """Lines of the order, where the task was for it alone: they stay, with nothing picked."""
    removed_line_ids: tuple[int, ...]
    """Lines of the order, where others go on: the task is for these others alone from now on."""


def depart(task: Task, tote: int) -> Departure:
    """Takes the order with this tote out of a task."""
    mine = [share for share in task.shares if share.tote == tote]
    lines = tuple(share.order_line_id for share in mine)
    returned, wanted = sum(s.picked for s in mine), sum(s.quantity for s in mine)
    released = wanted - returned if task.status == "PENDING" else 0
    if len(mine) == len(task.shares):
        status = TASK.next(task.status, "drop")
        return Departure(task, task.quantity, task.picked - returned, status, returned, released, lines, ())
    quantity, picked = task.quantity - wanted, task.picked - returned
    status = TASK.next(task.status, "pick") if task.status == "PENDING" and picked == quantity else task.status
    return Departure(task, quantity, picked, status, returned, released, (), lines)


def plan(demands: Sequence[Demand], free: Iterable[stock.FreeStock], *, combined: bool) -> list[PlannedTask]:
    """Cuts demands into tasks, taking from the levels in the order given: one task per level and group.

    `combined` makes one group of all lines of a variant, so that they are picked once; else every line is a group. What
    the levels do not hold is left out.
    """
    shelves: dict[int, deque[_Shelf]] = defaultdict(deque)
    for level in free:
        shelves[level.variant_id].append(_Shelf(level, level.free))
    planned: list[PlannedTask] = []
    for group in _groups(demands, combined=combined):
        planned += _fill(group, shelves[group[0].variant_id])
    return planned


@dataclass
class _Shelf:
    level: stock.FreeStock
    left: int


def _groups(demands: Sequence[Demand], *, combined: bool) -> list[list[Demand]]:
    if not combined:
        return [[demand] for demand in demands]
    by_variant: dict[int, list[Demand]] = defaultdict(list)
    for demand in demands:
        by_variant[demand.variant_id].append(demand)
    return list(by_variant.values())


def _fill(group: Sequence[Demand], shelves: deque[_Shelf]) -> list[PlannedTask]:
    planned = []
    waiting = {demand.order_line_id: demand.quantity for demand in group if demand.quantity > 0}
    while waiting and shelves:
        shelf = shelves[0]
        given = spread(waiting, min(shelf.left, sum(waiting.values())))
        planned.append(PlannedTask(shelf.level, tuple(Share(line, quantity) for line, quantity in given.items())))
        shelf.left -= sum(given.values())
        waiting = subtract(waiting, given)
        if shelf.left == 0:
            shelves.popleft()
    return planned


def spread(waiting: Mapping[int, int], quantity: int) -> dict[int, int]:
    """Gives `quantity` units to the lines in their order, each at most what it waits for; lines that get none are out."""
    given = {}
    for line, wanted in waiting.items():
        taken = min(wanted, quantity)
        if taken > 0:
            given[line] = taken
            quantity -= taken
    return given


def add(units: Mapping[int, int], more: Mapping[int, int]) -> dict[int, int]:
    """The sum per line."""
    return {line: units.get(line, 0) + more.get(line, 0) for line in {**units, **more}}


def subtract(units: Mapping[int, int], taken: Mapping[int, int]) -> dict[int, int]:
    """What is left per line; lines with nothing left are out."""
    return {line: left for line, quantity in units.items() if (left := quantity - taken.get(line, 0)) > 0}


def units_by_line(planned: Iterable[PlannedTask]) -> dict[int, int]:
    """Planned units per order line."""
    units: dict[int, int] = defaultdict(int)
    for task in planned:
        for share in task.shares:
            units[share.order_line_id] += share.quantity
    return dict(units)


def batch_number(batch_id: int, created_at: datetime, *, is_wave: bool) -> str:
    """What people call a batch. The id makes it unique: two waves in one second are two numbers."""
    return f"{'WAVE' if is_wave else 'BATCH'}-{created_at:%Y%m%d}-{batch_id}"


def tote_number(position: int) -> str:
    """The tote of the n-th order of a batch."""
    return f"TOTE-{position}"


def tote_of(positions: Iterable[int]) -> str:
    """Where the units of a task go: the tote of its order, or all together for several orders."""
    several = set(positions)
    return tote_number(several.pop()) if len(several) == 1 else "WAVE"
