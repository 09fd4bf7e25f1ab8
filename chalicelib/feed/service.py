"""Use cases of the feed and its webhook endpoints. What happens to deliveries by themselves stands in jobs.py."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from chalicelib.adapters import standard_webhooks
from chalicelib.adapters.outbound import outbound
from chalicelib.feed import rules, store
from chalicelib.feed.facts import Tested
from chalicelib.feed.shapes import (
    LATEST,
    CursorBounds,
    DeliveryPage,
    DeliveryQuery,
    DeliveryView,
    EndpointChange,
    EndpointCreated,
    EndpointView,
    EventPage,
    EventQuery,
    EventView,
    NewEndpoint,
    Replay,
    Replayed,
    SecretRotated,
)
from chalicelib.feed.store import Bounds, Endpoint
from chalicelib.kernel import sealing
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Conflict, Refusal
from chalicelib.kernel.uow import UnitOfWork

ENDPOINTS_MAX = 20
REPLAY_MAX = 1000
"""Deliveries that one call queues again."""


class CursorGone(Refusal):
    """Events after this cursor are no longer kept, or it is of another feed: begin anew from `oldest` or `latest`."""

    status = 410
    code = "cursor_gone"
    sentence = "Events after this cursor are no longer kept"
    Extra = CursorBounds


class TooManyEndpoints(Conflict):
    """There are as many webhook endpoints as an organization may have."""

    code = "too_many_endpoints"
    sentence = f"An organization may have {ENDPOINTS_MAX} webhook endpoints"


class EndpointDisabled(Conflict):
    """Nothing is sent to this endpoint: enable it first."""

    code = "endpoint_disabled"
    sentence = "The webhook endpoint is disabled"


def list_events(uow: UnitOfWork, query: EventQuery) -> EventPage:
    """Events after a cursor, in an order that never changes. Four statements. Raises CursorGone.

    Without a record a call looks through `SCAN_MAX` positions at most, so a page may be empty although there is more.
    """
    after = None if query.after in (None, LATEST) else int(query.after or 0)
    bounds, begun, events = store.list_events(
        uow,
        after=after,
        is_latest=query.after == LATEST,
        scan_max=rules.SCAN_MAX,
        limit=query.limit,
        types=query.type,
        record=query.record,
    )
    _check_cursor(begun, bounds)
    until = bounds.latest if query.record else rules.stretch(begun, bounds.latest).until
    following = events[-1].position if len(events) == query.limit else until
    return EventPage(
        events=[EventView.of(uow.organization.id, event) for event in events],
        next=str(following),
        has_more=following < bounds.latest,
    )


def _check_cursor(after: int, bounds: Bounds) -> None:
    if not bounds.oldest <= after <= bounds.latest:
        raise CursorGone(oldest=str(bounds.oldest), latest=str(bounds.latest))


def create_endpoint(uow: UnitOfWork, new: NewEndpoint) -> Outside[tuple[str, str], EndpointCreated]:
    """Adds an endpoint, once its address has been looked at and a secret been made and sealed, outside of a transaction.

    Raises BlockedDestination, TooManyEndpoints.
    """

    def prepared() -> tuple[str, str]:
        outbound().check(new.url)
        return _new_secret(uow.organization.id)

    return Outside(prepared, partial(_insert, new))


def _new_secret(organization_id: int) -> tuple[str, str]:
    """A secret and what is stored of it. Raises Unavailable."""
    secret = standard_webhooks.new_secret()
    return secret, sealing.seal({"secret": secret}, binding(organization_id))["secret"]


def binding(organization_id: int) -> sealing.Binding:
    """What the sealed secrets are for."""
    return sealing.Binding(organization_id, "webhook_endpoint")


def _insert(new: NewEndpoint, uow: UnitOfWork, made: tuple[str, str]) -> EndpointCreated:
    if store.count_endpoints(uow) >= ENDPOINTS_MAX:
        raise TooManyEndpoints
    secret, sealed = made
    endpoint = store.insert_endpoint(uow, {**new.model_dump(), "secret": sealed})
    uow.audit("create", "webhook_endpoint", endpoint.id, after=_noted(endpoint))
    return EndpointCreated.made(endpoint, secret)


def _noted(endpoint: Endpoint) -> EndpointView:
    """What the audit log keeps; secrets are no part of it."""
    return EndpointView.of(endpoint)


def change_endpoint(
    uow: UnitOfWork, endpoint_id: int, change: EndpointChange
) -> EndpointView | Outside[None, EndpointView]:
    """Changes an endpoint; a new address is looked at first, outside of the transaction. Raises NotFound, BlockedDestination.

    Who enables an endpoint gives it another chance: what it failed at is forgotten.
    """
    if change.url is None:
        return _changed(change, endpoint_id, uow, None)
    store.get_endpoint(uow, endpoint_id)
    return Outside(partial(outbound().check, change.url), partial(_changed, change, endpoint_id))


def _changed(change: EndpointChange, endpoint_id: int, uow: UnitOfWork, _checked: None) -> EndpointView:
    before = store.lock_endpoint(uow, endpoint_id)
    asked = change.model_dump(exclude_none=True, exclude={"is_enabled"})
    if "event_types" in asked:
        asked["event_types"] = tuple(asked["event_types"])
    after = replace(before, **asked)
    if change.is_enabled:
        after = replace(after, disabled_at=None, disabled_because=None, health=rules.WELL)
    elif change.is_enabled is False and before.is_enabled:
        after = replace(after, disabled_at=uow.now, disabled_because="owner")
    after = store.change_endpoint(uow, after)
    uow.audit("update", "webhook_endpoint", endpoint_id, before=_noted(before), after=_noted(after))
    return EndpointView.of(after)


def delete_endpoint(uow: UnitOfWork, endpoint_id: int) -> None:
    """Removes an endpoint with its secrets; what waits for it is not sent. Raises NotFound."""
    endpoint = store.lock_endpoint(uow, endpoint_id)
    store.delete_endpoint(uow, endpoint_id)
    uow.audit("delete", "webhook_endpoint", endpoint_id, before=_noted(endpoint))


def rotate_secret(uow: UnitOfWork, endpoint_id: int, keep_hours: int) -> Outside[tuple[str, str], SecretRotated]:
    """Makes a new secret; the present one signs beside it for so many hours. Raises NotFound.

    Never more than two are in force: a rotation within those hours ends the one before the present one.
    """
    store.get_endpoint(uow, endpoint_id)
    return Outside(partial(_new_secret, uow.organization.id), partial(_rotated, endpoint_id, keep_hours))


def _rotated(endpoint_id: int, keep_hours: int, uow: UnitOfWork, made: tuple[str, str]) -> SecretRotated:
    store.lock_endpoint(uow, endpoint_id)
    secret, sealed = made
    until = uow.now + timedelta(hours=keep_hours) if keep_hours else None
    store.rotate_secret(uow, endpoint_id, sealed, until)
    uow.audit("rotate_secret", "webhook_endpoint", endpoint_id, after={"previous_secret_until": until})
    return SecretRotated(secret=secret, previous_secret_until=until)


def list_deliveries(uow: UnitOfWork, endpoint_id: int, query: DeliveryQuery) -> DeliveryPage:
    """What was sent to an endpoint or will be, the latest event first. Four statements. Raises NotFound."""
    before, oldest, found = store.list_deliveries(
        uow,
        endpoint_id,
        state=query.state,
        before=None if query.before is None else int(query.before),
        limit=query.limit,
        scan_max=rules.SCAN_MAX,
    )
    following = found[-1].position if len(found) == query.limit else before - rules.SCAN_MAX
    return DeliveryPage(
        deliveries=[DeliveryView.of(uow.organization.id, delivery) for delivery in found],
        next=str(following) if following > oldest + 1 else None,
    )


def replay(uow: UnitOfWork, endpoint_id: int, asked: Replay) -> Replayed:
    """Queues deliveries again, `REPLAY_MAX` at most: what is dead, or all that the endpoint wants from some place on.

    The latter includes what it missed while it was disabled. The endpoint gets another chance at once. May be repeated;
    every delivery keeps its event's id. Raises NotFound, EndpointDisabled, CursorGone.
    """
    endpoint = store.lock_endpoint(uow, endpoint_id)
    if not endpoint.is_enabled:
        raise EndpointDisabled
    if asked.since is None and asked.after is None:
        positions, following = store.list_dead(uow, endpoint_id, REPLAY_MAX), None
    else:
        positions, following = _wanted(uow, endpoint_id, asked)
    store.set_health(uow, endpoint_id, rules.WELL)
    replayed = store.deliver_again(uow, endpoint_id, positions)
    uow.audit("replay", "webhook_endpoint", endpoint_id, after={"deliveries": replayed})
    return Replayed(replayed=replayed, next=following)


def _wanted(uow: UnitOfWork, endpoint_id: int, asked: Replay) -> tuple[list[int], str | None]:
    """Positions to deliver, and the cursor after which there are more."""
    bounds = store.find_head(uow)
    if asked.since is not None:
        first = store.find_first_since(uow, asked.since)
        after = bounds.latest if first is None else first - 1
    else:
        after = int(asked.after or 0)
        _check_cursor(after, bounds)
    looked_at = rules.stretch(after, bounds.latest)
    positions = store.list_wanted(uow, endpoint_id, looked_at, REPLAY_MAX)
    if len(positions) == REPLAY_MAX:
        return positions, str(positions[-1])
    return positions, None if looked_at.is_last else str(looked_at.until)


def try_out(uow: UnitOfWork, endpoint_id: int) -> None:
    """Tells a fact that only this endpoint hears. Raises NotFound, EndpointDisabled."""
    if not store.get_endpoint(uow, endpoint_id).is_enabled:
        raise EndpointDisabled
    uow.tell(Tested(webhook_endpoint_id=endpoint_id))
    uow.audit("test", "webhook_endpoint", endpoint_id)
