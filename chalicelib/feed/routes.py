"""The feed of events and webhook endpoints, for integrators."""

from chalicelib.adapters.outbound import BlockedDestination
from chalicelib.feed import service, store
from chalicelib.feed.service import CursorGone, EndpointDisabled, TooManyEndpoints
from chalicelib.feed.shapes import (
    DeliveryPage,
    DeliveryQuery,
    DeliveryQueued,
    EndpointChange,
    EndpointCreated,
    EndpointList,
    EndpointView,
    EventPage,
    EventQuery,
    NewEndpoint,
    Replay,
    Replayed,
    Rotate,
    SecretRotated,
)
from chalicelib.kernel.access import KEY
from chalicelib.kernel.endpoint import Call, Outside, endpoint
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.ids import PathId
from chalicelib.kernel.shapes import NoBody

READER = KEY("events:read")
MANAGER = KEY("webhooks:write")


@endpoint("GET", "/api/v1/events", allow=READER, errors=(CursorGone,))
def list_events(call: Call[NoBody], query: EventQuery) -> EventPage:
    """What happened, in an order that never changes and without gaps. Events are kept for 30 days.

    Begin without `after`, or with `after=latest`; then go on with `next` of the last answer, every few seconds. An event is
    seen about a second after it happened. A page may be empty although there is more: `has_more` says so.
    """
    return service.list_events(call.uow, query)


@endpoint(
    "POST",
    "/api/v1/webhook_endpoints",
    allow=MANAGER,
    status=201,
    errors=(BlockedDestination, TooManyEndpoints),
    keeps_replies=False,
)
def create_webhook_endpoint(call: Call[NewEndpoint]) -> EndpointCreated | Outside[tuple[str, str], EndpointCreated]:
    """Has events delivered to an address of yours, as Standard Webhooks describes. `secret` is shown this once.

    Any 2xx within 15 seconds takes an event; everything else is tried again over about a day, and 410 disables the
    endpoint. Events may arrive twice (under one `webhook-id`) and in another order (`sequence` counts per record).
    """
    return service.create_endpoint(call.uow, call.body)


@endpoint("GET", "/api/v1/webhook_endpoints", allow=MANAGER)
def list_webhook_endpoints(call: Call[NoBody]) -> EndpointList:
    """All webhook endpoints, the oldest first."""
    return EndpointList(webhook_endpoints=[EndpointView.of(each) for each in store.list_endpoints(call.uow)])


@endpoint("GET", "/api/v1/webhook_endpoints/{endpoint_id}", allow=MANAGER, errors=(NotFound,))
def get_webhook_endpoint(call: Call[NoBody], endpoint_id: PathId) -> EndpointView:
    """One webhook endpoint."""
    return EndpointView.of(store.get_endpoint(call.uow, endpoint_id))


@endpoint("PATCH", "/api/v1/webhook_endpoints/{endpoint_id}", allow=MANAGER, errors=(NotFound, BlockedDestination))
def change_webhook_endpoint(
    call: Call[EndpointChange], endpoint_id: PathId
) -> EndpointView | Outside[None, EndpointView]:
    """Changes an endpoint. Events that happen while it is disabled are not delivered, until they are replayed."""
    return service.change_endpoint(call.uow, endpoint_id, call.body)


@endpoint("DELETE", "/api/v1/webhook_endpoints/{endpoint_id}", allow=MANAGER, status=204, errors=(NotFound,))
def delete_webhook_endpoint(call: Call[NoBody], endpoint_id: PathId) -> None:
    """Removes an endpoint; what waits for it is not delivered any more."""
    service.delete_endpoint(call.uow, endpoint_id)


@endpoint(
    "POST",
    "/api/v1/webhook_endpoints/{endpoint_id}/rotate_secret",
    allow=MANAGER,
    errors=(NotFound,),
    keeps_replies=False,
)
def rotate_webhook_secret(
    call: Call[Rotate], endpoint_id: PathId
) -> SecretRotated | Outside[tuple[str, str], SecretRotated]:
    """A new secret, shown this once. For some hours deliveries carry a signature by the previous one as well."""
    return service.rotate_secret(call.uow, endpoint_id, call.body.keep_previous_hours)


@endpoint("GET", "/api/v1/webhook_endpoints/{endpoint_id}/deliveries", allow=MANAGER, errors=(NotFound,))
def list_webhook_deliveries(call: Call[NoBody], query: DeliveryQuery, endpoint_id: PathId) -> DeliveryPage:
    """What was sent to an endpoint or waits for it, the latest event first, with the last answer of each."""
    return service.list_deliveries(call.uow, endpoint_id, query)


@endpoint(
    "POST",
    "/api/v1/webhook_endpoints/{endpoint_id}/replay",
    allow=MANAGER,
    errors=(NotFound, EndpointDisabled, CursorGone),
)
def replay_webhook_deliveries(call: Call[Replay], endpoint_id: PathId) -> Replayed:
    """Delivers again: all events since a time or after a cursor, or, with neither, what could not be delivered."""
    return service.replay(call.uow, endpoint_id, call.body)


@endpoint(
    "POST",
    "/api/v1/webhook_endpoints/{endpoint_id}/test",
    allow=MANAGER,
    status=202,
    errors=(NotFound, EndpointDisabled),
)
def try_webhook_endpoint(call: Call[NoBody], endpoint_id: PathId) -> DeliveryQueued:
    """Sends this endpoint an event of type `webhook_endpoint.tested`."""
    service.try_out(call.uow, endpoint_id)
    return DeliveryQueued(message="A test event is on its way")
