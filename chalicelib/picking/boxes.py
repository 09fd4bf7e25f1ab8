"""Units in robot boxes: asked for when a task is planned, picked once they are at a balcony."""

from collections.abc import Sequence

from chalicelib.kernel.uow import UnitOfWork
from chalicelib.picking.rules import PlannedTask


def request(uow: UnitOfWork, warehouse_id: int, planned: Sequence[PlannedTask], task_ids: Sequence[int]) -> None:
    """Asks the robots for the boxes of new tasks, in this transaction; nothing where no units lie in boxes."""
    waiting = [(task, task_id) for task, task_id in zip(planned, task_ids, strict=True) if not task.is_ready]
    if not waiting:
        return
    # robots calls back (`picking.hand_over`), so it is imported where it is used.
    from chalicelib import robots

    picks = [
        robots.RobotPick(task_id, task.level.account_id, task.level.variant_id, task.level.lot_id, task.quantity)
        for task, task_id in waiting
    ]
    robots.request_fulfilment(uow, warehouse_id, picks)
