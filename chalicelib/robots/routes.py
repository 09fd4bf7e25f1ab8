"""Requests and triggers: what the storage is asked to do."""

from collections.abc import Callable
from typing import Any

from chalicelib.kernel.access import STORAGE
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.robots import controls, service
from chalicelib.robots.errors import NoStorage, NotWaiting, RequestAborted
from chalicelib.robots.shapes import RequestBody, RequestView, Trigger, Triggered
from chalicelib.robots.store import CarrierAsked, RequestIdTaken

KINDS: dict[str, Callable[[UnitOfWork, Any], RequestView]] = {
    "FULFILLMENT": service.fulfil,
    "REPLENISHMENT": service.replenish,
    "FETCH": service.fetch,
    "ONBOARDING": controls.onboard,
    "OFFBOARDING": controls.offboard,
    "RFID_WRITE": controls.refuse,
    "PAUSE": controls.pause,
    "RESUME": controls.pause,
    "CHARGING": controls.charge,
    "UNCHARGING": controls.charge,
    "CARRIER_ONBOARDING": controls.refuse,
}


@endpoint(
    "POST",
    "/api/v2/requests",
    allow=STORAGE(),
    errors=(RequestAborted, RequestIdTaken, CarrierAsked, NoStorage),
)
def create_storage_request(call: Call[RequestBody]) -> RequestView:
    """Asks the storage for work of one of eleven kinds. Entities that are wrong abort it, all named at once."""
    body = call.body.root
    return KINDS[body.type](call.uow, body)


@endpoint("POST", "/api/v2/trigger/{job_id}", allow=STORAGE(), errors=(NotFound, NotWaiting))
def trigger_job(call: Call[Trigger], job_id: str) -> Triggered:
    """Lets a job go on that waits at a balcony; each job once."""
    service.trigger(call.uow, job_id, call.body)
    return Triggered()
