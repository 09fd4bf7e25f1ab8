"""What the picking endpoints read and say. Names as scanners of the contract know them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Self

from pydantic import Field, StrictInt

from chalicelib.kernel.ids import Id
from chalicelib.kernel.shapes import QUANTITY_MAX, Barcode, Instant, Quantity, Shape
from chalicelib.picking.rules import BatchStatus, TaskStatus, batch_number, tote_number, tote_of

Row = Mapping[str, Any]
"""A row of store.SHOW_BATCH or store.ACTIVE_BATCH."""
ORDERS_MAX = 200


class WaveCandidate(Shape):
    """One order, to be checked before it joins a wave."""

    so_barcode: Barcode
    """Barcode or number."""
    warehouse_id: Id


class NewWave(Shape):
    """Orders to be picked together, by id."""

    so_ids: Annotated[list[Id], Field(min_length=1, max_length=ORDERS_MAX)]
    warehouse_id: Id


class NewBatch(Shape):
    """Orders to be picked on one walk, by number or barcode."""

    so_identifiers: Annotated[list[Barcode], Field(min_length=1, max_length=ORDERS_MAX)]
    warehouse_id: Id


class Pick(Shape):
    """Units that were taken."""

    pick_task_id: Id
    scanned_barcode: Barcode
    quantity_picked: Quantity


class ShortReport(Shape):
    """Fewer units lie there than the task wants."""

    pick_task_id: Id
    quantity_available: Annotated[StrictInt, Field(ge=0, le=QUANTITY_MAX)] = 0


class BatchReference(Shape):
    """A batch."""

    batch_id: Id


class Candidate(Shape):
    """An order that can be picked."""

    valid: bool = True
    so_id: int
    so_number: str
    line_count: int
    total_units: int


class Message(Shape):
    """A sentence."""

    message: str


class Waiting(Shape):
    """What is left lies in robot boxes that are on their way."""

    message: str
    waiting: int


class ActiveBatch(Shape):
    """The latest batch a user is working on."""

    active: bool = True
    batch_id: int
    batch_number: str
    warehouse_id: int
    total_picks: int
    completed_picks: int
    total_orders: int
    created_at: Instant

    @classmethod
    def of(cls, row: Row) -> Self:
        """From its row."""
        return cls(
            batch_id=row["batch_id"],
            batch_number=batch_number(row["batch_id"], row["created_at"], is_wave=row["is_wave"]),
            warehouse_id=row["warehouse_id"],
            total_picks=row["total"],
            completed_picks=row["completed"],
            total_orders=row["orders"],
            created_at=row["created_at"],
        )


class NoActiveBatch(Shape):
    """The user is working on none."""

    active: bool = False


class Contribution(Shape):
    """What a task is for."""

    so_id: int
    so_number: str
    tote_number: str
    quantity: int


class TaskView(Shape):
    """A pick task as a scanner shows it."""

    pick_task_id: int
    pick_sequence: int
    bin_id: int
    bin_code: str
    bin_barcode: str
    zone: str | None
    aisle: str | None
    row_num: str
    level_num: str
    item_id: int
    sku: str
    item_name: str
    upc: str | None
    lot_number: str | None
    expires_on: date | None
    quantity_to_pick: int
    quantity_picked: int
    tote_number: str
    so_number: str
    status: TaskStatus
    is_ready: bool
    contributing_orders: list[Contribution]

    @classmethod
    def of_task(cls, row: Row, **more: int) -> Self:
        """From a row that has a task."""
        shares = row["shares"]
        return cls(
            pick_task_id=row["id"],
            pick_sequence=row["pick_sequence"],
            bin_id=row["bin_id"],
            bin_code=row["bin_code"],
            bin_barcode=row["bin_barcode"],
            zone=row["zone"],
            aisle=row["aisle"],
            row_num=row["row_num"],
            level_num=row["level_num"],
            item_id=row["variant_id"],
            sku=row["sku"],
            item_name=row["item_name"],
            upc=row["upc"],
            lot_number=row["lot_number"],
            expires_on=row["expires_on"],
            quantity_to_pick=row["quantity"],
            quantity_picked=row["picked"],
            tote_number=tote_of(s["position"] for s in shares),
            so_number=shares[0]["number"],
            status=row["status"],
            is_ready=row["is_ready"],
            contributing_orders=[
                Contribution(
                    so_id=s["order_id"],
                    so_number=s["number"],
                    tote_number=tote_number(s["position"]),
                    quantity=s["quantity"],
                )
                for s in shares
            ],
            **more,
        )


class NextTask(TaskView):
    """The task to do now."""

    pick_number: int
    total_picks: int

    @classmethod
    def of(cls, row: Row) -> Self | None:
        """The task of a row, or None where there is none to do."""
        if row["id"] is None:
            return None
        return cls.of_task(row, pick_number=row["total"] - row["pending"] + 1, total_picks=row["total"])


class BatchOrder(Shape):
    """An order of a batch and its tote."""

    so_id: int
    so_number: str
    tote_number: str
    line_count: int

    @classmethod
    def all_of(cls, row: Row) -> list[Self]:
        """The orders of a batch's row."""
        return [
            cls(
                so_id=o["order_id"],
                so_number=o["number"],
                tote_number=tote_number(o["position"]),
                line_count=o["line_count"],
            )
            for o in row["orders"]
        ]


class Shortage(Shape):
    """An item of which the bins hold less than the orders want."""

    sku: str
    needed: int
    available: int


class WaveCreated(Shape):
    """A new batch."""

    batch_id: int
    batch_number: str
    batch_status: BatchStatus
    total_orders: int
    total_picks: int
    total_units: int
    orders: list[BatchOrder]
    first_pick: NextTask | None
    warnings: list[Shortage] | None
    """None when everything is there."""

    @classmethod
    def of(cls, row: Row, *, warnings: list[Shortage] | None) -> Self:
        """From the batch's row with its first task."""
        return cls(
            batch_id=row["batch_id"],
            batch_number=batch_number(row["batch_id"], row["created_at"], is_wave=row["is_wave"]),
            batch_status=row["batch_status"],
            total_orders=len(row["orders"]),
            total_picks=row["total"],
            total_units=row["units"],
            orders=BatchOrder.all_of(row),
            first_pick=NextTask.of(row),
            warnings=warnings,
        )


class BatchView(Shape):
    """A batch with its tasks, in the order of the path."""

    batch_id: int
    batch_number: str
    status: BatchStatus
    warehouse_id: int
    created_at: Instant
    total_orders: int
    total_items: int
    total_picks: int
    completed_picks: int
    orders: list[BatchOrder]
    tasks: list[TaskView]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Self:
        """From the batch's rows, one per task."""
        first = rows[0]
        return cls(
            batch_id=first["batch_id"],
            batch_number=batch_number(first["batch_id"], first["created_at"], is_wave=first["is_wave"]),
            status=first["batch_status"],
            warehouse_id=first["warehouse_id"],
            created_at=first["created_at"],
            total_orders=len(first["orders"]),
            total_items=first["units"],
            total_picks=first["total"],
            completed_picks=first["completed"],
            orders=BatchOrder.all_of(first),
            tasks=[TaskView.of_task(row) for row in rows if row["id"] is not None],
        )


class PickedTask(Shape):
    """A task after a pick."""

    pick_task_id: int
    status: TaskStatus
    sku: str
    quantity_picked: int
    """By this call."""
    quantity_remaining: int
    bin_code: str
    tote_number: str


class PickConfirmed(Shape):
    """Units were taken."""

    message: str
    task: PickedTask
    remaining_tasks: int


class ShortTask(Shape):
    """A task after a short pick."""

    pick_task_id: int
    status: TaskStatus
    sku: str
    quantity_to_pick: int
    quantity_picked: int
    shortage: int
    bin_code: str


class Replanned(Shape):
    """Where missing units are picked instead."""

    pick_task_id: int
    bin_code: str
    lot_number: str | None
    quantity: int
    is_ready: bool


class ShortRecorded(Shape):
    """A short pick, and what became of the rest."""

    message: str
    task: ShortTask
    replanned: list[Replanned]
    quantity_replanned: int
    quantity_short: int
    """Units the orders will not get."""
    remaining_tasks: int


class OrderOutcome(Shape):
    """An order after its batch."""

    so_number: str
    status: str


class BatchSummary(Shape):
    """What a batch did."""

    total_orders: int
    total_items_picked: int
    total_shorts: int
    orders: list[OrderOutcome]


class BatchCompleted(Shape):
    """The end of a batch."""

    message: str
    batch_id: int
    batch_number: str
    summary: BatchSummary


class BatchCancelled(Shape):
    """A batch that was given up."""

    message: str
    batch_id: int
    units_returned: int
    """Picked units that went back to their bins."""
