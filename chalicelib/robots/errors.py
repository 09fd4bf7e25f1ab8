"""What the storage refuses."""

from collections.abc import Sequence
from dataclasses import asdict

from chalicelib.kernel.errors import Conflict, Unprocessable
from chalicelib.robots.rules import Feedback
from chalicelib.robots.shapes import Aborted


class RequestAborted(Unprocessable):
    """Entities of a request are wrong; all of them are named, and nothing was done."""

    Extra = Aborted
    code = "request_aborted"
    sentence = "Request was aborted due to validation errors"

    def __init__(self, request_id: str, feedback: Sequence[Feedback]) -> None:
        told = "; ".join(str(each) for each in feedback)
        super().__init__(
            f"Request {request_id} was aborted due to validation errors: {told}",
            entity_feedback=[asdict(each) for each in feedback],
            request_id=request_id,
        )


class NotWaiting(Conflict):
    """Only a job that waits at a balcony can be triggered."""

    code = "job_not_waiting"
    sentence = "The job does not wait for a trigger"


class NoStorage(Conflict):
    """The organization has no balcony in service, so there is nowhere to bring anything."""

    code = "no_storage"
    sentence = "No robot storage is set up"


class SectionTaken(Conflict):
    """Two boxes cannot lie on the same section of a carrier."""

    code = "section_taken"
    sentence = "The section is taken"
