"""One pick task: units are taken, found missing, or handed out by a robot."""

from collections.abc import Sequence

from chalicelib import catalogue, orders, stock
from chalicelib.kernel.errors import BadRequest, NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import LineProgress
from chalicelib.picking import boxes, rules, store
from chalicelib.picking.errors import NotReady, TaskDone, WrongBarcode
from chalicelib.picking.rules import TASK, Demand, PlannedTask, Task
from chalicelib.picking.service import allocation
from chalicelib.picking.shapes import PickConfirmed, PickedTask, Replanned, ShortRecorded, ShortTask


def confirm(uow: UnitOfWork, task_id: int, scanned: str, quantity: int) -> PickConfirmed:
    """Takes units out of their bin: they are on their way out, and the orders get them in the order of the wave.

    Less than the task wants leaves it open for the rest. Raises NotFound, TaskDone, NotReady, WrongBarcode, BadRequest
    for more than is left. Nine statements.
    """
    task = _lock(uow, task_id)
    if not task.is_ready:
        raise NotReady
    if task.variant_id not in [v.id for v in catalogue.variants_by_barcode(uow, scanned)]:
        raise WrongBarcode(f"Wrong item scanned. Expected SKU: {task.sku}")
    if quantity > task.left:
        raise BadRequest(f"Cannot pick {quantity} - task only requires {task.left}")
    given = rules.spread(task.waiting, quantity)
    status = TASK.next(task.status, "pick") if quantity == task.left else task.status
    orders.add_progress(uow, [LineProgress(line, picked=units) for line, units in given.items()])
    stock.post(
        uow,
        moves=[_take(task, quantity)],
        holds=_holds(task, given, -1),
        allocations=[stock.AllocationChange(task.variant_id, task.account_id, task.lot_id, -quantity)],
    )
    written = store.write_tasks(uow, task.batch_id, changes=[store.TaskChange(task.id, quantity, status, given)])
    return PickConfirmed(
        message="Pick confirmed",
        task=PickedTask(
            pick_task_id=task.id,
            status=status,
            sku=task.sku,
            quantity_picked=quantity,
            quantity_remaining=task.left - quantity,
            bin_code=task.bin_code,
            tote_number=rules.tote_of(s.tote for s in task.shares),
        ),
        remaining_tasks=written.others_pending + (status == "PENDING"),
    )


def report_short(uow: UnitOfWork, task_id: int, available: int) -> ShortRecorded:
    """Takes what is there and books the rest as missing; the rest is picked elsewhere when there is more in stock.

    `available` units are picked as in `confirm`. For what is missing the orders' hold goes with it; where units of the
    warehouse are neither held nor allocated they are held and allocated in its place. What is left after that the
    orders will not get: they are flagged. Raises NotFound, TaskDone, BadRequest for more than is left.
    """
    task = _lock(uow, task_id)
    if available > task.left:
        raise BadRequest(f"Available quantity {available} exceeds task requirement {task.left} - use confirm instead")
    if available and not task.is_ready:
        raise NotReady
    given = rules.spread(task.waiting, available)
    missing = rules.subtract(task.waiting, given)
    planned = _replan(uow, task, missing)
    _post_short(uow, task, given, missing, planned)
    status = TASK.next(task.status, "short" if missing else "pick")
    written = store.write_tasks(
        uow, task.batch_id, changes=[store.TaskChange(task.id, available, status, given)], planned=planned
    )
    short = rules.subtract(missing, rules.units_by_line(planned))
    _tell_orders(uow, given, short)
    boxes.request(uow, task.warehouse_id, planned, written.added_ids)
    return ShortRecorded(
        message="Short pick recorded",
        task=ShortTask(
            pick_task_id=task.id,
            status=status,
            sku=task.sku,
            quantity_to_pick=task.quantity,
            quantity_picked=task.picked + available,
            shortage=sum(missing.values()),
            bin_code=task.bin_code,
        ),
        replanned=[
            Replanned(
                pick_task_id=new_id,
                bin_code=new.level.bin_code,
                lot_number=new.level.lot_number,
                quantity=new.quantity,
                is_ready=new.is_ready,
            )
            for new, new_id in zip(planned, written.added_ids, strict=True)
        ],
        quantity_replanned=sum(new.quantity for new in planned),
        quantity_short=sum(short.values()),
        remaining_tasks=written.others_pending + len(planned),
    )


def hand_over(uow: UnitOfWork, task_id: int, to_account_id: int) -> bool:
    """Moves a task's units from their robot box to a balcony's bin, where they can be picked.

    False, and nothing happens, for a task that is done, given up or handed over already: the units stay in their box.
    Raises stock.Allocated when the box does not hold them.
    """
    task = store.lock_task(uow, task_id)
    if task is None or task.status != "PENDING" or task.is_ready:
        return False
    variant_id, lot_id, units = task.variant_id, task.lot_id, task.left
    stock.post(
        uow,
        moves=[stock.Move(variant_id, units, task.account_id, to_account_id, "robot_hand_over", task.document, lot_id)],
        allocations=[
            stock.AllocationChange(variant_id, task.account_id, lot_id, -units),
            stock.AllocationChange(variant_id, to_account_id, lot_id, units),
        ],
    )
    store.hand_over(uow, task.id, to_account_id)
    return True


def leave_to_hands(uow: UnitOfWork, task_ids: Sequence[int]) -> None:
    """Robots could not bring these tasks' boxes: somebody picks at the box, or reports what is not there.

    The units stay where they are, allocated to their tasks. May be repeated.
    """
    store.leave_to_hands(uow, task_ids)


def _lock(uow: UnitOfWork, task_id: int) -> Task:
    """A task that is to be done. Raises NotFound, TaskDone."""
    task = store.lock_task(uow, task_id)
    if task is None or not uow.actor.sees_warehouse(task.warehouse_id):
        raise NotFound("Pick task not found")
    if task.status != "PENDING":
        raise TaskDone(f"Pick task is already {task.status}")
    return task


def _replan(uow: UnitOfWork, task: Task, missing: dict[int, int]) -> list[PlannedTask]:
    """Tasks for missing units from other bins, as far as the warehouse has units that nobody else was promised."""
    if not missing:
        return []
    wants = [stock.Want(line, task.variant_id, task.sku, units) for line, units in missing.items()]
    promised = stock.choose(uow, wants, warehouse_id=task.warehouse_id, all_or_nothing=False).quantities
    demands = [Demand(line, task.variant_id, units) for line, units in zip(missing, promised, strict=True)]
    free = stock.free_stock(uow, task.warehouse_id, [task.variant_id])
    elsewhere = [level for level in free if level.account_id != task.account_id]
    return rules.plan(demands, elsewhere, combined=task.is_wave)


def _post_short(
    uow: UnitOfWork,
    task: Task,
    given: dict[int, int],
    missing: dict[int, int],
    planned: Sequence[PlannedTask],
) -> None:
    moves = [_take(task, sum(given.values()))] if given else []
    if missing:
        moves.append(_lose(task, sum(missing.values())))
    stock.post(
        uow,
        moves=moves,
        holds=[
            *_holds(task, given, -1),
            *_holds(task, missing, -1),
            *_holds(task, rules.units_by_line(planned), 1),
        ],
        allocations=[
            stock.AllocationChange(task.variant_id, task.account_id, task.lot_id, -task.left),
            *(allocation(new.level, new.quantity) for new in planned),
        ],
    )


def _tell_orders(uow: UnitOfWork, given: dict[int, int], short: dict[int, int]) -> None:
    lines = dict.fromkeys([*given, *short])
    orders.add_progress(
        uow, [LineProgress(line, picked=given.get(line, 0), short=short.get(line, 0)) for line in lines]
    )


def _take(task: Task, quantity: int) -> stock.Move:
    return stock.Move(
        task.variant_id,
        quantity,
        task.account_id,
        "outbound",
        "pick",
        task.document,
        lot_id=task.lot_id,
        warehouse_id=task.warehouse_id,
    )


def _lose(task: Task, quantity: int) -> stock.Move:
    return stock.Move(
        task.variant_id,
        quantity,
        task.account_id,
        "missing",
        "short_pick",
        task.document,
        lot_id=task.lot_id,
        warehouse_id=task.warehouse_id,
    )


def _holds(task: Task, units: dict[int, int], sign: int) -> list[stock.HoldChange]:
    return [
        stock.HoldChange(line, task.variant_id, task.warehouse_id, sign * quantity) for line, quantity in units.items()
    ]
