"""EventBridge: what the platform announces to whoever made a rule for it. Told at least once, in no order.

An event's `source` is ``quartermaster``, its `detail-type` the type of the fact (``order.placed``), its `detail` what the feed
says of it, with `organization_id`; a listener knows a repetition by the `id`.
"""

import json
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.kernel.log import count, logger
from chalicelib.kernel.queues import Envelope
from chalicelib.kernel.settings import settings

SOURCE = "quartermaster"
BATCH = 10
"""PutEvents takes no more at once (EventBridge quotas)."""
_lock = threading.Lock()


@lru_cache(maxsize=1)
def _client() -> Any:
    return boto3.client(
        "events", config=Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 2, "mode": "standard"})
    )


def client() -> Any:
    """The process's EventBridge client."""
    with _lock:
        return _client()


def announce(envelopes: Sequence[Envelope]) -> list[int]:
    """Puts announcements on the bus, ten a call; the ids of those it took. The rest is announced again later."""
    taken: list[int] = []
    for start in range(0, len(envelopes), BATCH):
        taken += _announce_batch(envelopes[start : start + BATCH])
    return taken


def _announce_batch(envelopes: Sequence[Envelope]) -> list[int]:
    try:
        answer = client().put_events(Entries=[_entry(envelope) for envelope in envelopes])
    except (BotoCoreError, ClientError) as error:
        logger.error("bus unreachable", extra={"error": type(error).__name__})
        count("RelayFailed", len(envelopes), queue="bus")
        return []
    # PutEvents answers in the order of what was asked; an entry without an id was not taken.
    results = zip(envelopes, answer["Entries"], strict=True)
    taken = [envelope.id for envelope, result in results if "EventId" in result]
    if len(taken) < len(envelopes):
        count("RelayFailed", len(envelopes) - len(taken), queue="bus")
    return taken


def _entry(envelope: Envelope) -> dict[str, str]:
    detail = {"id": str(envelope.id), **(envelope.announced or {}), "organization_id": envelope.organization_id}
    return {
        "EventBusName": settings().bus_name,
        "Source": SOURCE,
        "DetailType": envelope.topic,
        "Detail": json.dumps(detail),
    }
