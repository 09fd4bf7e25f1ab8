"""Endpoints of picking: the scanners' ``/api/picking``."""

from chalicelib.kernel.access import FLOOR
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import BadRequest, Conflict, Forbidden, NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody
from chalicelib.picking import service, tasks
from chalicelib.picking.errors import (
    AlreadyInBatch,
    CandidateRefused,
    CandidateTaken,
    CandidateUnknown,
    NotReady,
    TaskDone,
    WrongBarcode,
)
from chalicelib.picking.shapes import (
    ActiveBatch,
    BatchCancelled,
    BatchCompleted,
    BatchReference,
    BatchView,
    Candidate,
    Message,
    NewBatch,
    NewWave,
    NextTask,
    NoActiveBatch,
    Pick,
    PickConfirmed,
    ShortRecorded,
    ShortReport,
    Waiting,
    WaveCandidate,
    WaveCreated,
)

PICK = FLOOR("pick")


@endpoint(
    "POST",
    "/api/picking/wave-validate",
    allow=PICK,
    errors=(CandidateRefused, CandidateUnknown, CandidateTaken, Forbidden),
)
def validate_wave_order(call: Call[WaveCandidate]) -> Candidate:
    """Checks one sales order before it joins a wave."""
    return service.validate(call.uow, call.body.so_barcode, call.body.warehouse_id)


@endpoint("POST", "/api/picking/wave-create", allow=PICK, errors=(BadRequest, AlreadyInBatch, Forbidden))
def create_wave(call: Call[NewWave]) -> WaveCreated:
    """Starts a wave: equal items of several orders are picked once."""
    return service.create_wave(call.uow, call.body.so_ids, call.body.warehouse_id)


@endpoint("POST", "/api/picking/create-batch", allow=PICK, errors=(BadRequest, AlreadyInBatch, Forbidden))
def create_pick_batch(call: Call[NewBatch]) -> WaveCreated:
    """Starts a batch over orders by number or barcode; every line is picked into its order's tote."""
    return service.create_batch(call.uow, call.body.so_identifiers, call.body.warehouse_id)


@endpoint("GET", "/api/picking/active-batch", allow=PICK)
def show_active_batch(call: Call[NoBody]) -> ActiveBatch | NoActiveBatch:
    """The batch the caller is working on."""
    return service.active_batch(call.uow)


@endpoint("GET", "/api/picking/batch/{batch_id}", allow=PICK, errors=(NotFound,))
def show_pick_batch(call: Call[NoBody], batch_id: PathId) -> BatchView:
    """A batch with all its tasks, in the order of the path."""
    return service.show_batch(call.uow, batch_id)


@endpoint("GET", "/api/picking/batch/{batch_id}/next", allow=PICK, errors=(NotFound,))
def show_next_pick(call: Call[NoBody], batch_id: PathId) -> NextTask | Waiting | Message:
    """The next task that can be done now."""
    return service.next_task(call.uow, batch_id)


@endpoint("POST", "/api/picking/confirm", allow=PICK, errors=(BadRequest, WrongBarcode, TaskDone, NotReady, NotFound))
def confirm_pick(call: Call[Pick]) -> PickConfirmed:
    """Confirms that units of a task were taken; the scanned barcode must be the item's."""
    return tasks.confirm(call.uow, call.body.pick_task_id, call.body.scanned_barcode, call.body.quantity_picked)


@endpoint("POST", "/api/picking/short", allow=PICK, errors=(BadRequest, TaskDone, NotReady, NotFound))
def report_short_pick(call: Call[ShortReport]) -> ShortRecorded:
    """Reports that a bin holds less than the task wants."""
    return tasks.report_short(call.uow, call.body.pick_task_id, call.body.quantity_available)


@endpoint("POST", "/api/picking/complete-batch", allow=PICK, errors=(BadRequest, NotFound, Conflict))
def complete_pick_batch(call: Call[BatchReference]) -> BatchCompleted:
    """Ends a batch whose tasks are all picked, short or skipped."""
    return service.complete_batch(call.uow, call.body.batch_id)


@endpoint("POST", "/api/picking/cancel-batch", allow=PICK, errors=(NotFound, Conflict))
def cancel_pick_batch(call: Call[BatchReference]) -> BatchCancelled:
    """Gives a batch up; its orders are OPEN again and keep their stock."""
    return service.cancel_batch(call.uow, call.body.batch_id)
