"""What picking refuses. 400 where warehouse clients know a 400, although a state is what forbids."""

from typing import ClassVar

from pydantic import BaseModel

from chalicelib.kernel.errors import BadRequest, Conflict, NotFound
from chalicelib.kernel.shapes import Shape


class _Candidate(Shape):
    valid: bool
    batch_id: int | None = None


class CandidateRefused(BadRequest):
    """The order cannot be picked now."""

    Extra: ClassVar[type[BaseModel] | None] = _Candidate


class CandidateUnknown(NotFound):
    """There is no such order at this warehouse."""

    Extra: ClassVar[type[BaseModel] | None] = _Candidate
    sentence = "Order not found"


class CandidateTaken(Conflict):
    """The order is in a batch that somebody is working on."""

    Extra: ClassVar[type[BaseModel] | None] = _Candidate
    sentence = "Order already in active pick batch"


class WrongBarcode(BadRequest):
    """What was scanned is not what the task asks for."""

    code = "wrong_barcode"


class TaskDone(BadRequest):
    """Somebody has finished this task already."""

    code = "task_done"


class NotReady(Conflict):
    """The units are in a robot box on its way."""

    code = "waiting_for_robot"
    sentence = "Pick task is waiting for a robot"


class AlreadyInBatch(Conflict):
    """An order is in one active batch at most."""

    code = "already_in_batch"
    sentence = "Order already in active pick batch"
