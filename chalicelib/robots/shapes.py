"""Bodies and replies about requests and jobs, as the storage contract writes them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, RootModel, StrictBool, StrictInt, StringConstraints

from chalicelib.kernel.ids import Id
from chalicelib.kernel.legacy_time import LegacyTime, UtcTime, utc_twin_of
from chalicelib.kernel.shapes import Quantity, Shape, Sku, Text, at_most
from chalicelib.robots.rules import JobStatus, RequestStatus, RequestType

RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:\-]{0,63}$")]
"""Chosen by the client: letters, digits and ``_ . : -``, at most 64. Left out: we choose one."""
Priority = Annotated[StrictInt, Field(ge=0, le=1000, description="Higher is served first")]
CarrierCode = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), at_most(64)]
ENTITIES_MAX = 500


class SkuEntity(Shape):
    """Units of a SKU. Which boxes they lie in the storage finds out."""

    sku_id: Sku
    quantity: Quantity


class CarrierEntity(Shape):
    """A carrier by its id."""

    carrier_id: CarrierCode


class _NewRequest(Shape):
    id: RequestId | None = None


class Fulfillment(_NewRequest):
    """Bring units out of the storage to a balcony."""

    type: Literal["FULFILLMENT"]
    entities: Annotated[list[SkuEntity], Field(min_length=1, max_length=ENTITIES_MAX)]
    priority: Priority = 0


class Replenishment(_NewRequest):
    """Put units that lie in a balcony's staging bin into boxes with room for them."""

    type: Literal["REPLENISHMENT"]
    entities: Annotated[list[SkuEntity], Field(min_length=1, max_length=ENTITIES_MAX)]
    priority: Priority = 0


class Fetch(_NewRequest):
    """Bring carriers to a balcony, whatever is on them."""

    type: Literal["FETCH"]
    entities: Annotated[list[CarrierEntity], Field(min_length=1, max_length=ENTITIES_MAX)]
    priority: Priority = 0


class Onboarding(_NewRequest):
    """Take the connected robots that are out of service into it."""

    type: Literal["ONBOARDING"]


class Offboarding(_NewRequest):
    """Take a robot out of service; others do what it has not begun."""

    type: Literal["OFFBOARDING"]
    bot_id: Id


class RfidWrite(_NewRequest):
    """Write RFID tags. These robots cannot: refused."""

    type: Literal["RFID_WRITE"]
    action_type: Text | None = None
    bot_id: Id | None = None
    level_id: Id | None = None
    start_from_scratch: StrictBool | None = None


class Pause(_NewRequest):
    """Give robots no new orders, and tell them to stop where they are."""

    type: Literal["PAUSE"]


class Resume(_NewRequest):
    """Go on."""

    type: Literal["RESUME"]


class _Charge(_NewRequest):
    bot_id: Id | None = None
    level_id: Id | None = None
    force: Annotated[StrictBool, Field(description="Also robots that have work to do")] = False


class Charging(_Charge):
    """Send robots to charge: one, those of a level, or all."""

    type: Literal["CHARGING"]


class Uncharging(_Charge):
    """Call robots back from charging: one, those of a level, or all."""

    type: Literal["UNCHARGING"]


class CarrierOnboarding(_NewRequest):
    """Take a new carrier into the storage. These robots cannot tell carriers apart: refused."""

    type: Literal["CARRIER_ONBOARDING"]
    balcony_id: Id | None = None


NewRequestBody = Annotated[
    Fulfillment
    | Replenishment
    | Fetch
    | Onboarding
    | Offboarding
    | RfidWrite
    | Pause
    | Resume
    | Charging
    | Uncharging
    | CarrierOnboarding,
    Field(discriminator="type"),
]


class RequestBody(RootModel[NewRequestBody]):
    """One of the eleven kinds of request; `type` says which."""


class EntityView(Shape):
    """How far one line of a request is. Quantities are units, or carriers.

    `succeeded_quantity` was handed over, `completed_quantity` was worked on at a balcony with or without success,
    `cancelled_quantity` was given up before.
    """

    id: str
    entity_type: Literal["Sku", "Carrier"]
    job_type: str
    total_quantity: int
    succeeded_quantity: int = 0
    completed_quantity: int = 0
    cancelled_quantity: int = 0


class RequestView(Shape):
    """A request."""

    id: str
    counter: int
    type: RequestType
    status: RequestStatus
    priority: int
    entities: list[EntityView]
    bot_id: int | None
    level_id: int | None
    placing_pos: Annotated[int | None, Field(description="The balcony that its carriers are brought to")]
    warnings: list[dict[str, Any]]
    created_at: LegacyTime
    created_at_utc: UtcTime = utc_twin_of("created_at")
    updated_at: LegacyTime
    updated_at_utc: UtcTime = utc_twin_of("updated_at")


class JobView(Shape):
    """A job: one box, or one carrier, or one robot."""

    id: str
    request_id: str
    type: str
    status: JobStatus
    bot_id: int | None
    box_id: int | None
    carrier_id: str | None
    balcony_id: int | None
    level_id: int | None
    sku_id: str | None
    sku_name: str | None
    quantity: int
    measurement_unit: str | None
    on_empty_sku_action: str | None
    created_at: LegacyTime
    created_at_utc: UtcTime = utc_twin_of("created_at")
    updated_at: LegacyTime
    updated_at_utc: UtcTime = utc_twin_of("updated_at")


class Trigger(Shape):
    """What a person at the balcony says. `FAILED_TRIGGER`: it could not be done; `CANCELLED_TRIGGER`: not needed any more."""

    TriggerStatus: Literal["SUCCEEDED_TRIGGER", "FAILED_TRIGGER", "CANCELLED_TRIGGER"] = "SUCCEEDED_TRIGGER"


class Triggered(Shape):
    """An empty object; what happened shows in the job and its request."""


class EntityFeedback(BaseModel):
    """What is wrong with one entity."""

    entity_id: str
    entity_type: str
    error_code: str
    human_string: str


class Aborted(BaseModel):
    """Further fields of the answer to a request that was aborted."""

    entity_feedback: list[EntityFeedback]
    request_id: str
