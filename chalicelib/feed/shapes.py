"""Requests and replies of the feed and of webhook endpoints (inventory dialect)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.feed.rules import EventType, FeedEvent, State, event_id
from chalicelib.feed.store import Delivery, Endpoint
from chalicelib.kernel.shapes import Instant, JsonObject, OptionalText, Shape, TimeIn

LATEST = "latest"


def _refuse_repetitions(types: list[EventType]) -> list[EventType]:
    if len(set(types)) < len(types):
        raise PydanticCustomError("list_repeats", "Types should not be repeated")
    return types


Cursor = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
"""A place in the feed, as an earlier answer or an event gave it."""
CursorOrLatest = Annotated[str, StringConstraints(pattern=r"^([0-9]{1,18}|latest)$")]
Record = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}:[A-Za-z0-9_.-]{1,64}$")]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Types = Annotated[list[EventType], Field(max_length=50), AfterValidator(_refuse_repetitions)]


class EventQuery(Shape):
    """Which events of the feed."""

    after: CursorOrLatest | None = Field(
        None,
        description="`next` of the last answer, or the `cursor` of an event. Nothing: from the oldest event that is kept; "
        "`latest`: from now on",
    )
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    type: list[EventType] = Field([], max_length=50, description="Only these types; may be repeated")
    record: Record | None = Field(None, description="Only what happened to this record, such as `order:12`")


class EventView(Shape):
    """Something that happened, as the feed and every webhook tell it."""

    id: str = Field(description="The same wherever and however often the event is told")
    type: str
    timestamp: Instant = Field(description="When it happened")
    record: str = Field(description="To what it happened, such as `order:12`")
    sequence: int = Field(description="1, 2, 3 ... per record, without gaps")
    cursor: str = Field(description="Its place in the feed")
    data: JsonObject

    @classmethod
    def of(cls, organization_id: int, event: FeedEvent) -> "EventView":
        """From the row."""
        return cls(
            id=event_id(organization_id, event.position),
            type=event.type,
            timestamp=event.occurred_at,
            record=event.record,
            sequence=event.sequence,
            cursor=str(event.position),
            data=dict(event.data),
        )


class EventPage(Shape):
    """Events in the order of the feed, which never changes. Ask again after `next`, at once while there `has_more`."""

    events: list[EventView]
    next: str
    has_more: bool


class CursorBounds(Shape):
    """Where the feed begins and ends now."""

    oldest: str
    latest: str


class NewEndpoint(Shape):
    """A webhook endpoint to be."""

    url: Url = Field(description="https, on the usual port, at a public address")
    description: OptionalText = ""
    event_types: Types = Field([], description="Which events it gets; none named: all")


class EndpointChange(Shape):
    """What is to be different about an endpoint."""

    url: Url | None = None
    description: OptionalText | None = None
    event_types: Types | None = None
    is_enabled: bool | None = None


class EndpointView(Shape):
    """A webhook endpoint."""

    id: int
    url: str
    description: str
    event_types: list[str]
    is_enabled: bool
    disabled_because: Literal["owner", "gone", "failing"] | None = Field(
        description="`gone`: it answered 410; `failing`: nothing arrived for five days"
    )
    previous_secret_until: Instant | None = Field(
        description="So long deliveries are signed with the previous secret too"
    )
    failing_since: Instant | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, endpoint: Endpoint) -> "EndpointView":
        """From the row."""
        return cls(**_shown(endpoint))


class EndpointCreated(EndpointView):
    """A new endpoint with its secret, which is shown this once."""

    secret: str

    @classmethod
    def made(cls, endpoint: Endpoint, secret: str) -> "EndpointCreated":
        """From the row and the secret."""
        return cls(**_shown(endpoint), secret=secret)


class EndpointList(Shape):
    """All endpoints of the organization."""

    webhook_endpoints: list[EndpointView]


class Rotate(Shape):
    """How long the present secret stays in force beside the new one."""

    keep_previous_hours: Annotated[int, Field(ge=0, le=168)] = 24


class SecretRotated(Shape):
    """The new secret, which is shown this once."""

    secret: str
    previous_secret_until: Instant | None


class DeliveryQuery(Shape):
    """Which deliveries of an endpoint."""

    state: State | None = None
    before: Cursor | None = Field(None, description="`next` of the last answer")
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class DeliveryView(Shape):
    """One event on its way to one endpoint. `dead`: it was tried eight times over a day and waits for a replay."""

    event_id: str
    cursor: str
    type: str
    record: str
    sequence: int
    state: State
    attempts: int
    last_attempt_at: Instant | None
    next_attempt_at: Instant | None
    delivered_at: Instant | None
    skipped_because: Literal["disabled", "deleted", "gone"] | None
    answer_status: int | None
    answer_excerpt: str | None
    error: str | None

    @classmethod
    def of(cls, organization_id: int, delivery: Delivery) -> "DeliveryView":
        """From the row."""
        return cls(
            event_id=event_id(organization_id, delivery.position),
            cursor=str(delivery.position),
            **{name: getattr(delivery, name) for name in cls.model_fields if name not in ("event_id", "cursor")},
        )


class DeliveryPage(Shape):
    """Deliveries, the latest event first. `next` is null when there are no older ones."""

    deliveries: list[DeliveryView]
    next: str | None


class Replay(Shape):
    """What is to be delivered again: everything since a time or after a cursor, or, with neither, what is dead."""

    since: TimeIn | None = None
    after: Cursor | None = None

    @model_validator(mode="after")
    def _from_one_place(self) -> "Replay":
        if self.since is not None and self.after is not None:
            raise ValueError("give either since or after")
        return self


class Replayed(Shape):
    """How many deliveries were queued. `next`: go on with `after` this; null: that was all."""

    replayed: int
    next: str | None


class DeliveryQueued(Shape):
    """A delivery of type `webhook_endpoint.tested` is on its way."""

    message: str


def _shown(endpoint: Endpoint) -> JsonObject:
    same = ("id", "url", "description", "event_types", "disabled_because", "created_at", "updated_at")
    return {
        **{name: getattr(endpoint, name) for name in same},
        "is_enabled": endpoint.is_enabled,
        "failing_since": endpoint.health.failing_since,
        "previous_secret_until": endpoint.previous_until,
    }
