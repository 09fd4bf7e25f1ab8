"""Delivering events to webhook endpoints: one outbox row per event and endpoint, tried for about a day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from chalicelib.adapters import standard_webhooks
from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable
from chalicelib.adapters.outbound import BlockedDestination, outbound
from chalicelib.feed import rules, service, store
from chalicelib.feed.events import DeliveryDue
from chalicelib.feed.facts import Disabled
from chalicelib.feed.rules import Answer, Disablement, FeedEvent
from chalicelib.feed.store import Endpoint
from chalicelib.kernel import sealing
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import LEASE_MAX, Failed, Job, consumer
from chalicelib.kernel.providers import seconds_of
from chalicelib.kernel.uow import UnitOfWork

TIMEOUT_S = 15.0
"""For all of a delivery; Standard Webhooks wants receivers to have 15 to 30 seconds."""
ANSWER_BYTES_MAX = 65_536
PROVIDER = "webhook endpoint"


@dataclass(frozen=True)
class Attempt:
    """One try to deliver an event."""

    organization_id: int
    endpoint_id: int
    url: str
    event: FeedEvent
    sealed: Mapping[str, str] = field(repr=False)


@consumer(DeliveryDue)
def deliver(job: Job[DeliveryDue]) -> Outside[Answer, Failed | None] | None:
    """Notes the try, asks the receiver between the transactions, records the answer. It may be told twice, under one id.

    What is delivered or no longer kept is done; an endpoint that is disabled or deleted gets nothing. Waits, without using
    up a try, while an endpoint that keeps failing is let be, or is busy with enough others.
    """
    endpoint = store.lock_even_deleted(job.uow, job.event.endpoint_id)
    event = store.find_undelivered(job.uow, endpoint.id, job.event.position)
    if event is None:
        return None
    if not endpoint.is_enabled or endpoint.deleted_at is not None:
        because = "disabled" if endpoint.deleted_at is None else "deleted"
        store.skip_delivery(job.uow, endpoint.id, event.position, because)
        return None
    _begin(job.uow, endpoint, event)
    sealed = endpoint.secrets(job.uow.now)
    attempt = Attempt(job.uow.organization.id, endpoint.id, endpoint.url, event, sealed)
    return Outside(partial(_send, attempt), partial(_record, attempt))


def _begin(uow: UnitOfWork, endpoint: Endpoint, event: FeedEvent) -> None:
    """Raises ProviderUnavailable while it is not this delivery's turn."""
    rest_s = endpoint.health.rest_s(uow.now)
    if rest_s:
        raise _not_yet("keeps failing", rest_s)
    until = uow.now + LEASE_MAX
    if not store.begin_delivery(uow, endpoint.id, event.position, until=until, at_once=rules.AT_ONCE):
        raise _not_yet("is busy", rules.BUSY_S)
    begun = endpoint.health.begun(uow.now)
    if begun != endpoint.health:
        store.set_health(uow, endpoint.id, begun)


def _not_yet(message: str, retry_after_s: float) -> ProviderUnavailable:
    return ProviderUnavailable(PROVIDER, message, maybe_done=False, cause="deferred", retry_after_s=retry_after_s)


def _send(attempt: Attempt) -> Answer:
    """Asks the receiver. Raises Unavailable when KMS cannot be asked, or the work's time would be over."""
    secrets = sealing.unseal(attempt.sealed, service.binding(attempt.organization_id))
    body = rules.body_of(attempt.organization_id, attempt.event)
    event_id = rules.event_id(attempt.organization_id, attempt.event.position)
    headers = standard_webhooks.headers(event_id, body, list(secrets.values()))
    try:
        reply = outbound().request(
            "POST",
            attempt.url,
            headers={**headers, "Content-Type": "application/json"},
            body=body,
            timeout_s=TIMEOUT_S,
            bytes_max=ANSWER_BYTES_MAX,
        )
    except BlockedDestination:
        return Answer(error="its address is no public one")
    except ProviderUnavailable as error:
        return Answer(error=str(error).partition(": ")[2])
    except ProviderRefused as error:
        return Answer(error=error.message)
    retry_after_s = min(rules.RETRY_AFTER_MAX_S, seconds_of(reply.headers.get("retry-after")) or 0.0)
    return Answer(reply.status, rules.excerpt(reply.body), retry_after_s=retry_after_s)


def _record(attempt: Attempt, uow: UnitOfWork, answer: Answer) -> Failed | None:
    endpoint = store.lock_even_deleted(uow, attempt.endpoint_id)
    store.end_delivery(uow, endpoint.id, attempt.event.position, answer)
    if answer.is_taken:
        if not endpoint.health.is_well:
            store.set_health(uow, endpoint.id, rules.WELL)
        return None
    if answer.is_gone:
        _disable(uow, endpoint, "gone")
        return None
    health = endpoint.health.failed(uow.now)
    store.set_health(uow, endpoint.id, health)
    if health.is_hopeless(uow.now):
        _disable(uow, endpoint, "failing")
    return Failed(answer.reason, answer.retry_after_s)


def _disable(uow: UnitOfWork, endpoint: Endpoint, reason: Disablement) -> None:
    if endpoint.deleted_at is None and store.disable_endpoint(uow, endpoint.id, reason):
        uow.tell(Disabled(webhook_endpoint_id=endpoint.id, reason=reason))
        uow.audit("disable", "webhook_endpoint", endpoint.id, after={"reason": reason})
