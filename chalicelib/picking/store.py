"""SQL of picking: batches, tasks, shares."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.picking.errors import AlreadyInBatch
from chalicelib.picking.rules import BatchStatus, Departure, PlannedTask, Task, TaskShare, TaskStatus

INSERT_BATCH = """
    WITH batch AS (
        INSERT INTO pick_batch (warehouse_id, staff_id, is_wave, created_at)
        VALUES (%(warehouse_id)s, %(staff_id)s, %(is_wave)s, %(now)s)
        RETURNING id
    ), member AS (
        INSERT INTO pick_batch_order (batch_id, order_id, position)
        SELECT batch.id, o.id, o.position FROM batch, unnest(%(order_ids)s::int[]) WITH ORDINALITY AS o (id, position)
    )
    SELECT id FROM batch
"""

# The only statement that writes tasks: changes known ones and their shares, adds new ones with theirs, and counts what
# is still to do in the batch besides.
WRITE_TASKS = """
    WITH changed AS (
        UPDATE pick_task t
           SET picked = t.picked + c.picked, status = c.status, worked_by = %(actor)s, worked_at = %(now)s
          FROM jsonb_to_recordset(%(changes)s) AS c (task_id int, picked bigint, status text)
         WHERE t.id = c.task_id
    ), credited AS (
        UPDATE pick_task_share s SET picked = s.picked + c.picked
          FROM jsonb_to_recordset(%(credits)s) AS c (task_id int, order_line_id int, picked bigint)
         WHERE s.task_id = c.task_id AND s.order_line_id = c.order_line_id
    ), numbered AS MATERIALIZED (
        SELECT nextval('pick_task_id_seq')::int AS id, n, variant_id, account_id, lot_id, quantity, pick_sequence, is_ready
          FROM jsonb_to_recordset(%(tasks)s) AS t (n int, variant_id int, account_id int, lot_id int, quantity bigint,
               pick_sequence int, is_ready boolean)
    ), added AS (
        INSERT INTO pick_task (id, batch_id, variant_id, account_id, lot_id, quantity, pick_sequence, is_ready)
        SELECT id, %(batch_id)s, variant_id, account_id, lot_id, quantity, pick_sequence, is_ready FROM numbered
    ), shared AS (
        INSERT INTO pick_task_share (task_id, order_line_id, position, quantity)
        SELECT numbered.id, s.order_line_id, s.position, s.quantity
          FROM jsonb_to_recordset(%(shares)s) AS s (n int, order_line_id int, position int, quantity bigint)
          JOIN numbered USING (n)
    )
    SELECT coalesce((SELECT jsonb_agg(id ORDER BY n) FROM numbered), '[]') AS added_ids,
           (SELECT count(*) FROM pick_task t
             WHERE t.batch_id = %(batch_id)s AND t.status = 'PENDING'
               AND t.id NOT IN (SELECT task_id FROM jsonb_to_recordset(%(changes)s) AS c (task_id int))) AS others_pending
"""

# The batch is locked against its end, then the tasks with their shares; locked rows come back as they are then.
_TASKS = SQL("""
    SELECT b.id AS batch_id, b.warehouse_id, b.is_wave, b.status AS batch_status, t.id, t.variant_id, t.account_id, t.lot_id,
           t.quantity, t.picked, t.pick_sequence, t.status, t.is_ready, v.sku, bin.code AS bin_code,
           s.order_line_id, s.quantity AS share_quantity, s.picked AS share_picked, m.position AS tote
      FROM pick_batch b
      JOIN pick_task t ON t.batch_id = b.id
      JOIN pick_task_share s ON s.task_id = t.id
      JOIN order_line l ON l.id = s.order_line_id
      JOIN pick_batch_order m ON m.batch_id = b.id AND m.order_id = l.order_id
      JOIN variant v ON v.id = t.variant_id
      JOIN bin ON bin.account_id = t.account_id
""")
LOCK_TASK = _TASKS + SQL(" WHERE t.id = %(task_id)s ORDER BY s.position FOR SHARE OF b FOR UPDATE OF t, s")
LOCK_TASKS = _TASKS + SQL(" WHERE b.id = %(batch_id)s ORDER BY t.id, s.position FOR UPDATE OF t, s")

LOCK_TASKS_OF_ORDER = _TASKS + SQL("""
     WHERE b.id = %(batch_id)s AND t.id IN (
           SELECT mine.task_id FROM pick_task_share mine JOIN order_line ON order_line.id = mine.order_line_id
            WHERE order_line.order_id = %(order_id)s)
     ORDER BY t.id, s.position FOR UPDATE OF t, s
""")
LOCK_BATCH_OF_ORDER = """
    SELECT b.id, m.position
      FROM pick_batch_order m JOIN pick_batch b ON b.id = m.batch_id
     WHERE m.order_id = %(order_id)s AND m.is_active AND b.status = 'IN_PROGRESS'
       FOR UPDATE OF b, m
"""
# An order leaves its batch. What was worked on stays as it was, with who did it.
DROP_ORDER = """
    WITH changed AS (
        UPDATE pick_task t
           SET quantity = c.quantity, picked = c.picked, status = c.status,
               worked_by = CASE WHEN t.status = c.status THEN t.worked_by ELSE %(actor)s END,
               worked_at = CASE WHEN t.status = c.status THEN t.worked_at ELSE %(now)s END
          FROM jsonb_to_recordset(%(changes)s) AS c (task_id int, quantity bigint, picked bigint, status text)
         WHERE t.id = c.task_id
    ), undone AS (
        UPDATE pick_task_share s SET picked = 0
          FROM jsonb_to_recordset(%(undone)s) AS c (task_id int, order_line_id int)
         WHERE s.task_id = c.task_id AND s.order_line_id = c.order_line_id
    ), removed AS (
        DELETE FROM pick_task_share s USING jsonb_to_recordset(%(removed)s) AS c (task_id int, order_line_id int)
         WHERE s.task_id = c.task_id AND s.order_line_id = c.order_line_id
    ), departed AS (
        UPDATE pick_batch_order SET is_active = false WHERE batch_id = %(batch_id)s AND order_id = %(order_id)s
    )
    UPDATE pick_batch b SET status = 'CANCELLED', ended_at = %(now)s
     WHERE b.id = %(batch_id)s AND NOT EXISTS (
           SELECT FROM pick_batch_order m WHERE m.batch_id = b.id AND m.is_active AND m.order_id <> %(order_id)s)
"""
MOVE_SHARES = """
    WITH moved AS (
        DELETE FROM pick_task_share WHERE order_line_id = ANY(%(line_ids)s) RETURNING task_id, position, quantity, picked
    )
    INSERT INTO pick_task_share (task_id, order_line_id, position, quantity, picked)
    SELECT task_id, %(to_line_id)s, min(position), sum(quantity), sum(picked) FROM moved GROUP BY task_id
        ON CONFLICT (task_id, order_line_id) DO UPDATE
       SET quantity = pick_task_share.quantity + EXCLUDED.quantity, picked = pick_task_share.picked + EXCLUDED.picked
"""

LOCK_BATCH = """
    SELECT id, warehouse_id, is_wave, status, created_at FROM pick_batch WHERE id = %(batch_id)s FOR UPDATE
"""
SUM_BATCH = """
    SELECT (SELECT coalesce(jsonb_agg(m.order_id ORDER BY m.position), '[]')
              FROM pick_batch_order m WHERE m.batch_id = %(batch_id)s AND m.is_active) AS order_ids,
           count(*) FILTER (WHERE status = 'PENDING') AS pending,
           count(*) FILTER (WHERE status = 'SHORT') AS shorts,
           coalesce(sum(picked), 0)::bigint AS units_picked
      FROM pick_task WHERE batch_id = %(batch_id)s
"""
END_BATCH = """
    WITH ended AS (
        UPDATE pick_batch SET status = %(status)s, ended_at = %(now)s WHERE id = %(batch_id)s
    )
    UPDATE pick_batch_order SET is_active = false WHERE batch_id = %(batch_id)s
"""

# One statement for a batch, its orders and its tasks in the order of the path: all of them, or the next one to do.
SHOW_BATCH = """
    SELECT b.id AS batch_id, b.warehouse_id, b.is_wave, b.status AS batch_status, b.created_at,
           counts.total, counts.pending, counts.completed, counts.units,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('order_id', o.id, 'number', o.number, 'position', m.position,
                   'line_count', (SELECT count(*) FROM order_line l WHERE l.order_id = o.id)) ORDER BY m.position), '[]')
              FROM pick_batch_order m JOIN sales_order o ON o.id = m.order_id
             WHERE m.batch_id = b.id AND (m.is_active OR b.status <> 'IN_PROGRESS')) AS orders,
           task.*
      FROM pick_batch b
      CROSS JOIN LATERAL (
          SELECT count(*) AS total, count(*) FILTER (WHERE status = 'PENDING') AS pending,
                 count(*) FILTER (WHERE status IN ('PICKED', 'SHORT')) AS completed,
                 coalesce(sum(quantity), 0)::bigint AS units
            FROM pick_task WHERE batch_id = b.id) counts
      LEFT JOIN LATERAL (
          SELECT t.id, t.pick_sequence, t.quantity, t.picked, t.status, t.is_ready, t.variant_id, bin.id AS bin_id,
                 bin.code AS bin_code, bin.barcode AS bin_barcode, nullif(bin.aisle, '') AS aisle, bin.row_num, bin.level_num,
                 coalesce(nullif(zone.name, ''), zone.code) AS zone, v.sku,
                 coalesce(nullif(v.name, ''), p.name) AS item_name,
                 (SELECT c.code FROM barcode c WHERE c.variant_id = v.id AND c.kind = 'gtin' ORDER BY c.id LIMIT 1) AS upc,
                 lot.number AS lot_number, lot.expires_on,
                 (SELECT jsonb_agg(jsonb_build_object('order_id', o.id, 'number', o.number, 'position', m.position,
                         'quantity', s.quantity) ORDER BY s.position)
                    FROM pick_task_share s
                    JOIN order_line l ON l.id = s.order_line_id
                    JOIN sales_order o ON o.id = l.order_id
                    JOIN pick_batch_order m ON m.batch_id = b.id AND m.order_id = o.id
                   WHERE s.task_id = t.id) AS shares
            FROM pick_task t
            JOIN bin ON bin.account_id = t.account_id
            LEFT JOIN zone ON zone.id = bin.zone_id
            JOIN variant v ON v.id = t.variant_id
            JOIN product p ON p.id = v.product_id
            LEFT JOIN lot ON lot.id = t.lot_id
           WHERE t.batch_id = b.id AND (NOT %(only_next)s OR (t.status = 'PENDING' AND t.is_ready))
           ORDER BY t.pick_sequence, bin.code, t.id
           LIMIT CASE WHEN %(only_next)s THEN 1 END) task ON true
     WHERE b.id = %(batch_id)s
     ORDER BY task.pick_sequence, task.bin_code, task.id
"""

ACTIVE_BATCH = """
    SELECT b.id AS batch_id, b.warehouse_id, b.is_wave, b.created_at,
           (SELECT count(*) FROM pick_batch_order m WHERE m.batch_id = b.id AND m.is_active) AS orders,
           (SELECT count(*) FROM pick_task t WHERE t.batch_id = b.id) AS total,
           (SELECT count(*) FROM pick_task t WHERE t.batch_id = b.id AND t.status IN ('PICKED', 'SHORT')) AS completed
      FROM pick_batch b
     WHERE b.staff_id = %(staff_id)s AND b.status = 'IN_PROGRESS'
     ORDER BY b.id DESC LIMIT 1
"""

FIND_ACTIVE_BATCH_OF_ORDER = "SELECT batch_id FROM pick_batch_order WHERE order_id = %(order_id)s AND is_active"

HAND_OVER = """
    UPDATE pick_task SET account_id = %(account_id)s, is_ready = true,
           pick_sequence = coalesce((SELECT bin.pick_sequence FROM bin WHERE bin.account_id = %(account_id)s), pick_sequence)
     WHERE id = %(task_id)s
"""

LEAVE_TO_HANDS = """
    UPDATE pick_task SET is_ready = true WHERE id = ANY(%(task_ids)s) AND status = 'PENDING' AND NOT is_ready
"""

PICKED_UNITS = """
    SELECT s.order_line_id, t.variant_id, t.lot_id, sum(s.picked)::bigint AS quantity
      FROM pick_task_share s JOIN pick_task t ON t.id = s.task_id
     WHERE s.order_line_id = ANY(%(order_line_ids)s)
     GROUP BY s.order_line_id, t.variant_id, t.lot_id
    HAVING sum(s.picked) > 0
     ORDER BY s.order_line_id, t.lot_id
"""


@dataclass(frozen=True)
class Batch:
    """A locked batch."""

    id: int
    warehouse_id: int
    is_wave: bool
    status: BatchStatus
    created_at: datetime


@dataclass(frozen=True)
class BatchTotals:
    """What a batch has come to."""

    order_ids: list[int]
    pending: int
    shorts: int
    units_picked: int


@dataclass(frozen=True)
class TaskChange:
    """Units picked of a task (signed), its status from now on, and what each order line gets of them."""

    task_id: int
    picked: int
    status: TaskStatus
    credits: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """New tasks' ids in the order given, and how many other tasks of the batch are still to do."""

    added_ids: list[int]
    others_pending: int


@dataclass(frozen=True)
class PickedUnits:
    """Picked units of an order line, by lot."""

    order_line_id: int
    variant_id: int
    lot_id: int | None
    quantity: int


def insert_batch(uow: UnitOfWork, warehouse_id: int, order_ids: Sequence[int], *, is_wave: bool) -> int:
    """A new batch of the caller's; its id. Raises AlreadyInBatch when another one was quicker."""
    params = {"warehouse_id": warehouse_id, "staff_id": uow.actor.id, "is_wave": is_wave, "now": uow.now}
    try:
        batch_id: int = uow.value(INSERT_BATCH, {**params, "order_ids": list(order_ids)})
    except psycopg.errors.UniqueViolation:
        raise AlreadyInBatch from None
    return batch_id


def write_tasks(
    uow: UnitOfWork, batch_id: int, *, changes: Iterable[TaskChange] = (), planned: Sequence[PlannedTask] = ()
) -> Written:
    """Changes tasks that the caller has locked and adds new ones, in one statement."""
    changed = list(changes)
    row = uow.row(
        WRITE_TASKS,
        {
            "batch_id": batch_id,
            "changes": Jsonb([{"task_id": c.task_id, "picked": c.picked, "status": c.status} for c in changed]),
            "credits": Jsonb(
                [
                    {"task_id": c.task_id, "order_line_id": line, "picked": picked}
                    for c in changed
                    for line, picked in c.credits.items()
                ]
            ),
            "tasks": Jsonb([_task_row(n, task) for n, task in enumerate(planned)]),
            "shares": Jsonb(
                [
                    {"n": n, "order_line_id": s.order_line_id, "position": position, "quantity": s.quantity}
                    for n, task in enumerate(planned)
                    for position, s in enumerate(task.shares, 1)
                ]
            ),
            "actor": uow.actor.label,
            "now": uow.now,
        },
    )
    assert row is not None  # a SELECT without FROM
    return Written(row["added_ids"], row["others_pending"])


def _task_row(n: int, task: PlannedTask) -> dict[str, Any]:
    level = task.level
    return {
        "n": n,
        "variant_id": level.variant_id,
        "account_id": level.account_id,
        "lot_id": level.lot_id,
        "quantity": task.quantity,
        "pick_sequence": level.pick_sequence,
        "is_ready": task.is_ready,
    }


def lock_task(uow: UnitOfWork, task_id: int) -> Task | None:
    """A task with its shares, locked, its batch locked against ending; None when there is none."""
    tasks = _tasks_of(uow.rows(LOCK_TASK, {"task_id": task_id}))
    return tasks[0] if tasks else None


def lock_tasks(uow: UnitOfWork, batch_id: int) -> list[Task]:
    """All tasks of a batch that the caller has locked."""
    return _tasks_of(uow.rows(LOCK_TASKS, {"batch_id": batch_id}))


def _tasks_of(rows: Sequence[Row]) -> list[Task]:
    shares: dict[int, list[TaskShare]] = {}
    first: dict[int, Row] = {}
    for row in rows:
        share = TaskShare(row.pop("order_line_id"), row.pop("share_quantity"), row.pop("share_picked"), row.pop("tote"))
        shares.setdefault(row["id"], []).append(share)
        first[row["id"]] = row
    return [Task(**row, shares=tuple(shares[task_id])) for task_id, row in first.items()]


def lock_tasks_of_order(uow: UnitOfWork, batch_id: int, order_id: int) -> list[Task]:
    """The tasks of a locked batch that are for an order, with all their shares."""
    return _tasks_of(uow.rows(LOCK_TASKS_OF_ORDER, {"batch_id": batch_id, "order_id": order_id}))


def lock_batch_of_order(uow: UnitOfWork, order_id: int) -> tuple[int, int] | None:
    """The active batch that an order is in, locked, and its position there; None where it is in none."""
    row = uow.row(LOCK_BATCH_OF_ORDER, {"order_id": order_id})
    return None if row is None else (row["id"], row["position"])


def drop_order(uow: UnitOfWork, batch_id: int, order_id: int, departures: Iterable[Departure]) -> None:
    """Takes an order out of a batch and its tasks, which the caller has locked; ends a batch left without orders."""
    leaving = list(departures)
    changes = [{"task_id": d.task.id, "quantity": d.quantity, "picked": d.picked, "status": d.status} for d in leaving]
    undone = [{"task_id": d.task.id, "order_line_id": line} for d in leaving for line in d.undone_line_ids]
    removed = [{"task_id": d.task.id, "order_line_id": line} for d in leaving for line in d.removed_line_ids]
    uow.execute(
        DROP_ORDER,
        {
            "batch_id": batch_id,
            "order_id": order_id,
            "changes": Jsonb(changes),
            "undone": Jsonb(undone),
            "removed": Jsonb(removed),
            "actor": uow.actor.label,
            "now": uow.now,
        },
    )


def move_shares(uow: UnitOfWork, line_ids: Sequence[int], to_line_id: int) -> None:
    """Gives the shares of order lines to another one."""
    uow.execute(MOVE_SHARES, {"line_ids": list(line_ids), "to_line_id": to_line_id})


def lock_batch(uow: UnitOfWork, batch_id: int) -> Batch | None:
    """A batch, locked, or None."""
    return uow.fetch(Batch, LOCK_BATCH, {"batch_id": batch_id})


def sum_batch(uow: UnitOfWork, batch_id: int) -> BatchTotals:
    """What a locked batch has come to."""
    totals = uow.fetch(BatchTotals, SUM_BATCH, {"batch_id": batch_id})
    assert totals is not None  # an aggregate without GROUP BY
    return totals


def end_batch(uow: UnitOfWork, batch_id: int, status: BatchStatus) -> None:
    """Ends a locked batch; its orders may join another one."""
    uow.execute(END_BATCH, {"batch_id": batch_id, "status": status, "now": uow.now})


def show_batch(uow: UnitOfWork, batch_id: int, *, only_next: bool) -> list[Row]:
    """A batch as rows, one per task (one with an empty task when there is none); no rows for an unknown batch."""
    return uow.rows(SHOW_BATCH, {"batch_id": batch_id, "only_next": only_next})


def find_active_batch(uow: UnitOfWork, staff_id: int) -> Row | None:
    """The latest batch somebody is working on, or None."""
    return uow.row(ACTIVE_BATCH, {"staff_id": staff_id})


def find_active_batch_of_order(uow: UnitOfWork, order_id: int) -> int | None:
    """The batch an order is in, or None."""
    batch_id: int | None = uow.value(FIND_ACTIVE_BATCH_OF_ORDER, {"order_id": order_id})
    return batch_id


def hand_over(uow: UnitOfWork, task_id: int, account_id: int) -> None:
    """Puts a locked task's units to another place, where they can be picked at once."""
    uow.execute(HAND_OVER, {"task_id": task_id, "account_id": account_id})


def leave_to_hands(uow: UnitOfWork, task_ids: Sequence[int]) -> None:
    """Lets open tasks be picked where their units lie; those that are done, given up or ready stay as they are."""
    uow.execute(LEAVE_TO_HANDS, {"task_ids": sorted(task_ids)})


def picked_units(uow: UnitOfWork, order_line_ids: Sequence[int]) -> list[PickedUnits]:
    """What was picked for order lines, by lot."""
    return uow.fetch_all(PickedUnits, PICKED_UNITS, {"order_line_ids": list(order_line_ids)})
