"""Webhooks in: verify on the raw bytes, insert once, queue, answer 2xx; any order and number of deliveries end alike.

A source is a verifier in an adapter and a consumer in a context. The verifier raises BadSignature; without a configured
secret the endpoint does not exist.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from psycopg.types.json import Jsonb

from chalicelib.kernel import faults, store
from chalicelib.kernel.errors import NotFound, Unauthenticated
from chalicelib.kernel.log import count
from chalicelib.kernel.outbox import Event
from chalicelib.kernel.requests import HttpRequest
from chalicelib.kernel.uow import UnitOfWork

VERIFIERS = {
    "stripe": "chalicelib.adapters.signatures:verify_stripe",
    "twilio": "chalicelib.adapters.signatures:verify_twilio",
    "elevenlabs": "chalicelib.adapters.signatures:verify_elevenlabs",
}
"""source -> function of an adapter; imported when the source first calls (the SDKs are slow to import)."""


class BadSignature(Unauthenticated):
    """Forged, tampered with, or too old."""

    code = "bad_signature"
    sentence = "Invalid signature"


class NotConfigured(NotFound):
    """There is no secret for this source, so there is no endpoint."""


def verify(source: str, request: HttpRequest) -> None:
    """Checks the signature of a source. Raises BadSignature, NotConfigured."""
    module, name = VERIFIERS[source].split(":")
    verifier: Callable[[HttpRequest], None] = getattr(import_module(module), name)
    try:
        verifier(request)
    except BadSignature:
        count("WebhookRefused", source=source)
        raise


class WebhookArrived(Event, queue="webhooks"):
    """A delivery to be worked on; subclassed per source so that each has a consumer of its own."""

    delivery_id: int


def receive(
    uow: UnitOfWork,
    event: type[WebhookArrived],
    *,
    source: str,
    external_id: str,
    event_type: str,
    payload: dict[str, Any],
) -> bool:
    """Keeps a delivery and queues it, once per (source, external_id); whether it was new. May be repeated."""
    delivery_id = uow.value(
        store.RECEIVE_WEBHOOK,
        {
            "source": source,
            "external_id": external_id,
            "event_type": event_type,
            "payload": Jsonb(payload),
            "now": uow.now,
        },
    )
    if delivery_id is None:
        return False
    uow.publish(event(delivery_id=delivery_id).message())
    faults.point("webhook.received", source)
    return True


def delivery(uow: UnitOfWork, delivery_id: int) -> dict[str, Any]:
    """A kept delivery: source, external_id, event_type, payload, received_at. Raises NotFound."""
    row = uow.row(store.GET_WEBHOOK, {"id": delivery_id})
    if row is None:
        raise NotFound
    return row
