"""An order leaves the batch it is picked in: what was taken for it goes back, the other orders go on."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib import stock
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.picking import rules, store
from chalicelib.picking.rules import Departure


@dataclass(frozen=True)
class Picks:
    """What is picked, or planned to be, for one order of an active batch; locked."""

    batch_id: int
    order_id: int
    departures: tuple[Departure, ...]

    @property
    def moves(self) -> list[stock.Move]:
        """Picked units, back to where they were taken."""
        return [
            stock.Move(
                d.task.variant_id,
                d.returned,
                "outbound",
                d.task.account_id,
                "pick_cancelled",
                d.task.document,
                lot_id=d.task.lot_id,
                warehouse_id=d.task.warehouse_id,
            )
            for d in self.departures
            if d.returned
        ]

    @property
    def allocations(self) -> list[stock.AllocationChange]:
        """Units that need not be set aside any more."""
        return [
            stock.AllocationChange(d.task.variant_id, d.task.account_id, d.task.lot_id, -d.released)
            for d in self.departures
            if d.released
        ]


def lock_picks(uow: UnitOfWork, order_id: int) -> Picks | None:
    """The picks of an order in an active batch; None where it is in none. One statement, two when it is.

    Locks the batch, so that no pick of it is in flight and none begins, then the tasks: before the caller locks the order.
    """
    batch = store.lock_batch_of_order(uow, order_id)
    if batch is None:
        return None
    batch_id, tote = batch
    tasks = store.lock_tasks_of_order(uow, batch_id, order_id)
    return Picks(batch_id, order_id, tuple(rules.depart(task, tote) for task in tasks))


def drop(uow: UnitOfWork, picks: Picks) -> int:
    """Takes an order out of its batch: the units that go back. A batch left without orders ends. One statement.

    The caller posts `moves` and `allocations` in the same transaction, and sees to the order and its holds.
    """
    store.drop_order(uow, picks.batch_id, picks.order_id, picks.departures)
    return sum(departure.returned for departure in picks.departures)


def move_shares(uow: UnitOfWork, line_ids: Sequence[int], to_line_id: int) -> None:
    """Lets tasks that are over name another line of the same order instead of these, which are to be removed."""
    store.move_shares(uow, line_ids, to_line_id)
