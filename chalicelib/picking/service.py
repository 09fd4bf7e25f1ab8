"""Batches: from orders to tasks, and how a batch ends. What is done with one task stands in tasks.py.

Locks are taken in one order: batch, tasks, orders with their lines, stock. A task's own transaction only shares its batch,
so that the end of a batch waits for every pick in flight and no pick starts after it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from chalicelib import orders, stock
from chalicelib.kernel.errors import BadRequest, NotFound
from chalicelib.kernel.principals import Actor
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.orders import LineProgress, Order
from chalicelib.picking import boxes, route, rules, store
from chalicelib.picking.errors import CandidateRefused, CandidateTaken, CandidateUnknown
from chalicelib.picking.rules import BATCH, TASK, Demand, PlannedTask, Task
from chalicelib.picking.shapes import (
    ActiveBatch,
    BatchCancelled,
    BatchCompleted,
    BatchSummary,
    BatchView,
    Candidate,
    Message,
    NextTask,
    NoActiveBatch,
    OrderOutcome,
    Shortage,
    Waiting,
    WaveCreated,
)
from chalicelib.stock import Claim


def validate(uow: UnitOfWork, barcode: str, warehouse_id: int) -> Candidate:
    """Says whether an order may join a wave. Raises the Candidate refusals, Forbidden for a foreign warehouse."""
    uow.actor.check_warehouse(warehouse_id)
    order = next((o for o in orders.find(uow, [barcode]) if o.warehouse_id == warehouse_id), None)
    if order is None:
        raise CandidateUnknown(valid=False)
    if order.state == "picking":
        batch_id = store.find_active_batch_of_order(uow, order.id)
        raise CandidateTaken(valid=False, batch_id=batch_id)
    reason = _why_not(order)
    if reason is not None:
        raise CandidateRefused(f"Order {reason}", valid=False)
    units = sum(line.quantity for line in order.lines)
    return Candidate(so_id=order.id, so_number=order.number, line_count=len(order.lines), total_units=units)


def create_wave(uow: UnitOfWork, order_ids: Sequence[int], warehouse_id: int) -> WaveCreated:
    """Starts a batch over orders by id, with equal items of all of them picked at once.

    Orders that hold less than they want hold what is free by now. What they hold is allocated, first expired first, in as
    few bins as that leaves open; a shortage is a warning. 13 statements, 14 with robots. Raises BadRequest for orders that are
    unknown, elsewhere, not OPEN or named twice, AlreadyInBatch, Forbidden for a foreign warehouse.
    """
    uow.actor.check_warehouse(warehouse_id)
    if len(set(order_ids)) != len(order_ids):
        raise BadRequest("Duplicate SO IDs in request")
    found = {order.id: order for order in orders.lock(uow, order_ids)}
    for order_id in order_ids:
        if order_id not in found or not uow.actor.sees_warehouse(found[order_id].warehouse_id):
            raise BadRequest(f"SO not found: {order_id}")
    return _create(uow, [found[order_id] for order_id in order_ids], warehouse_id, is_wave=True)


def create_batch(uow: UnitOfWork, references: Sequence[str], warehouse_id: int) -> WaveCreated:
    """Starts a batch over orders by number or barcode, with a task for each line: its units go to the order's tote.

    Raises as `create_wave` does.
    """
    uow.actor.check_warehouse(warehouse_id)
    by_reference: dict[str, int] = {}
    for order in orders.find(uow, references):
        if order.warehouse_id == warehouse_id:
            by_reference |= {reference: order.id for reference in (order.barcode, order.number) if reference}
    for reference in references:
        if reference not in by_reference:
            raise BadRequest(f"Sales order '{reference}' not found")
    order_ids = [by_reference[reference] for reference in references]
    if len(set(order_ids)) != len(order_ids):
        raise BadRequest("Duplicate sales orders in request")
    found = {order.id: order for order in orders.lock(uow, order_ids)}
    return _create(uow, [found[order_id] for order_id in order_ids], warehouse_id, is_wave=False)


def _create(uow: UnitOfWork, chosen: Sequence[Order], warehouse_id: int, *, is_wave: bool) -> WaveCreated:
    for order in chosen:
        _check_pickable(order, warehouse_id)
    claims = [Claim(line.id, line.variant_id, warehouse_id, line.open) for o in chosen for line in o.lines]
    there = stock.standing(uow, claims, [claim.order_line_id for claim in claims])
    more = there.grants(claims)
    held = rules.add(there.held_at(warehouse_id), {hold.order_line_id: hold.quantity for hold in more})
    planned = _plan(uow, claims, held, warehouse_id, combined=is_wave)
    stock.post(uow, holds=more, allocations=[allocation(task.level, task.quantity) for task in planned])
    batch_id = store.insert_batch(uow, warehouse_id, [order.id for order in chosen], is_wave=is_wave)
    written = store.write_tasks(uow, batch_id, planned=planned)
    orders.advance(uow, chosen, "start_picking", covered={order.id for order in chosen if orders.is_whole(order, held)})
    boxes.request(uow, warehouse_id, planned, written.added_ids)
    uow.audit(
        "batch.created",
        "pick_batch",
        batch_id,
        after={"orders": [order.number for order in chosen], "tasks": len(planned), "warehouse_id": warehouse_id},
    )
    row = store.show_batch(uow, batch_id, only_next=True)[0]
    return WaveCreated.of(row, warnings=_shortages(chosen, planned) or None)


def _check_pickable(order: Order, warehouse_id: int) -> None:
    if order.warehouse_id != warehouse_id:
        raise BadRequest(f"SO {order.number} is in a different warehouse")
    reason = _why_not(order)
    if reason is not None:
        raise BadRequest(f"SO {order.number} {reason}")


def _why_not(order: Order) -> str | None:
    """Why the floor may not start on an order, or None."""
    status = orders.wms_status(order)
    if status != "OPEN":
        return f"status is {status}, must be OPEN"
    stopped = orders.why_stopped(order)
    if stopped is not None:
        return stopped
    if not orders.is_released(order):
        return f"is not released for picking: payment is {order.payment_state}"
    return None if order.lines else "has no items"


def _plan(
    uow: UnitOfWork, claims: Sequence[Claim], held: Mapping[int, int], warehouse_id: int, *, combined: bool
) -> list[PlannedTask]:
    """Tasks for what the orders hold at this warehouse, in the order of the orders."""
    demands = [Demand(c.order_line_id, c.variant_id, min(held.get(c.order_line_id, 0), c.quantity)) for c in claims]
    free = stock.free_stock(uow, warehouse_id, [d.variant_id for d in demands if d.quantity > 0])
    planned = rules.plan(demands, free, combined=combined)
    return route.fewer_stops(planned, free, combined=combined)


def allocation(level: stock.FreeStock, quantity: int) -> stock.AllocationChange:
    """Sets units of a level aside."""
    return stock.AllocationChange(level.variant_id, level.account_id, level.lot_id, quantity)


def _shortages(chosen: Sequence[Order], planned: Sequence[PlannedTask]) -> list[Shortage]:
    """Items of which the tasks do not cover what the orders still want."""
    allocated = rules.units_by_line(planned)
    needed: dict[str, int] = defaultdict(int)
    available: dict[str, int] = defaultdict(int)
    for order in chosen:
        for line in order.lines:
            needed[line.sku] += line.open
            available[line.sku] += allocated.get(line.id, 0)
    return [Shortage(sku=s, needed=n, available=available[s]) for s, n in needed.items() if available[s] < n]


def active_batch(uow: UnitOfWork) -> ActiveBatch | NoActiveBatch:
    """The caller's latest batch in progress."""
    row = store.find_active_batch(uow, uow.actor.id)
    return NoActiveBatch() if row is None else ActiveBatch.of(row)


def show_batch(uow: UnitOfWork, batch_id: int) -> BatchView:
    """A batch with its tasks. Raises NotFound."""
    rows = store.show_batch(uow, batch_id, only_next=False)
    if not rows or not uow.actor.sees_warehouse(rows[0]["warehouse_id"]):
        raise NotFound("Batch not found")
    return BatchView.of(rows)


def next_task(uow: UnitOfWork, batch_id: int) -> NextTask | Waiting | Message:
    """The task to do now; tasks that wait for robots are left out. An unknown batch has none to do.

    Raises NotFound for a batch of another warehouse.
    """
    rows = store.show_batch(uow, batch_id, only_next=True)
    if not rows:
        return Message(message="All tasks complete")
    if not uow.actor.sees_warehouse(rows[0]["warehouse_id"]):
        raise NotFound("Batch not found")
    task = NextTask.of(rows[0])
    if task is not None:
        return task
    waiting = rows[0]["pending"]
    return Waiting(message="Waiting for robots", waiting=waiting) if waiting else Message(message="All tasks complete")


def complete_batch(uow: UnitOfWork, batch_id: int) -> BatchCompleted:
    """Ends a batch whose tasks are all done; its orders are picked.

    What a picked order did not get by then it will not get: its rest is short and gives its hold back. An order that
    got nothing at all is OPEN again, for there is nothing to pack; it keeps what it holds. Raises BadRequest for an
    unknown batch and while tasks are to do, NotFound for another warehouse's, Conflict when it has ended.
    """
    batch = store.lock_batch(uow, batch_id)
    if batch is None:
        raise BadRequest("Batch not found")
    _check_visible(uow.actor, batch)
    following = BATCH.next(batch.status, "complete", f"Batch is already {batch.status}")
    totals = store.sum_batch(uow, batch_id)
    if totals.pending:
        raise BadRequest(f"Cannot complete batch - {totals.pending} tasks still pending")
    done = orders.lock(uow, totals.order_ids)
    picked = [order for order in done if any(line.picked for line in order.lines)]
    untouched = [order for order in done if order not in picked]
    _give_up_rest(uow, picked)
    orders.advance(uow, picked, "finish_picking")
    orders.advance(uow, untouched, "stop_picking")
    store.end_batch(uow, batch_id, following)
    uow.audit("batch.completed", "pick_batch", batch_id, after={"units": totals.units_picked, "shorts": totals.shorts})
    return BatchCompleted(
        message="Batch completed",
        batch_id=batch_id,
        batch_number=rules.batch_number(batch.id, batch.created_at, is_wave=batch.is_wave),
        summary=BatchSummary(
            total_orders=len(done),
            total_items_picked=totals.units_picked,
            total_shorts=totals.shorts,
            orders=[OrderOutcome(so_number=o.number, status="PICKED" if o in picked else "OPEN") for o in done],
        ),
    )


def _give_up_rest(uow: UnitOfWork, picked: Sequence[Order]) -> None:
    rest = {line.id: line.open for order in picked for line in order.lines if line.open > 0}
    if rest:
        stock.release(uow, list(rest))
        orders.add_progress(uow, [LineProgress(line_id, short=units) for line_id, units in rest.items()])


def cancel_batch(uow: UnitOfWork, batch_id: int) -> BatchCancelled:
    """Gives a batch up: allocations are released, picked units go back to their bins, orders are OPEN and hold as before.

    Raises NotFound, Conflict when the batch has ended.
    """
    batch = store.lock_batch(uow, batch_id)
    if batch is None:
        raise NotFound("Batch not found")
    _check_visible(uow.actor, batch)
    following = BATCH.next(batch.status, "cancel", f"Batch is already {batch.status}")
    totals = store.sum_batch(uow, batch_id)
    tasks = store.lock_tasks(uow, batch_id)
    stopped = orders.lock(uow, totals.order_ids)
    progress = [LineProgress(s.order_line_id, picked=-s.picked) for t in tasks for s in t.shares if s.picked]
    orders.add_progress(uow, _added_up(progress))
    stock.post(
        uow,
        moves=[_back(task) for task in tasks if task.picked],
        holds=[
            stock.HoldChange(s.order_line_id, t.variant_id, t.warehouse_id, s.picked)
            for t in tasks
            for s in t.shares
            if s.picked
        ],
        allocations=[
            stock.AllocationChange(t.variant_id, t.account_id, t.lot_id, -t.left)
            for t in tasks
            if t.status == "PENDING"
        ],
    )
    store.write_tasks(uow, batch_id, changes=[_undone(task) for task in tasks])
    orders.advance(uow, stopped, "stop_picking")
    store.end_batch(uow, batch_id, following)
    uow.audit("batch.cancelled", "pick_batch", batch_id, after={"units_returned": totals.units_picked})
    return BatchCancelled(message="Batch cancelled", batch_id=batch_id, units_returned=totals.units_picked)


def _added_up(progress: Sequence[LineProgress]) -> list[LineProgress]:
    """One entry per line: a line that two tasks pick for is changed once."""
    picked: dict[int, int] = defaultdict(int)
    for p in progress:
        picked[p.line_id] += p.picked
    return [LineProgress(line_id, picked=units) for line_id, units in picked.items()]


def _back(task: Task) -> stock.Move:
    return stock.Move(
        task.variant_id,
        task.picked,
        "outbound",
        task.account_id,
        "pick_cancelled",
        task.document,
        lot_id=task.lot_id,
        warehouse_id=task.warehouse_id,
    )


def _undone(task: Task) -> store.TaskChange:
    returned = {s.order_line_id: -s.picked for s in task.shares if s.picked}
    return store.TaskChange(task.id, -task.picked, TASK.next(task.status, "drop"), returned)


def _check_visible(actor: Actor, batch: store.Batch) -> None:
    if not actor.sees_warehouse(batch.warehouse_id):
        raise NotFound("Batch not found")
