"""SQS: the transport between the outbox and its consumers. Nothing in a queue is the only copy of anything."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.kernel.log import count, logger
from chalicelib.kernel.settings import settings

BATCH = 10
_lock = threading.Lock()


@dataclass(frozen=True)
class Envelope:
    """What travels: which row of which organization's outbox, for which topic."""

    id: int
    organization_id: int
    topic: str
    queue: str
    announced: Mapping[str, Any] | None = None
    """Of an announcement: what it says."""

    def body(self) -> str:
        """The message body."""
        return json.dumps({"organization_id": self.organization_id, "outbox_id": self.id, "topic": self.topic})


@lru_cache(maxsize=1)
def _client() -> Any:
    return boto3.client(
        "sqs", config=Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 2, "mode": "standard"})
    )


def client() -> Any:
    """The process's SQS client."""
    with _lock:
        return _client()


@lru_cache(maxsize=32)
def url(name: str) -> str:
    """The URL of a queue by its short name."""
    answer = client().get_queue_url(QueueName=f"{settings().queue_prefix}{name}")
    return str(answer["QueueUrl"])


def send(envelopes: Sequence[Envelope]) -> None:
    """Sends envelopes to their queues, ten a call. What cannot be sent stays in the outbox and is sent again later."""
    ordered = sorted(envelopes, key=lambda e: (e.queue, e.id))
    for queue, group in groupby(ordered, key=lambda e: e.queue):
        waiting = list(group)
        for start in range(0, len(waiting), BATCH):
            _send_batch(queue, waiting[start : start + BATCH])


def _send_batch(queue: str, envelopes: Sequence[Envelope]) -> None:
    entries = [{"Id": str(e.id), "MessageBody": e.body()} for e in envelopes]
    try:
        answer = client().send_message_batch(QueueUrl=url(queue), Entries=entries)
        failed = len(answer.get("Failed", ()))
    except (BotoCoreError, ClientError) as error:
        logger.error("queue unreachable", extra={"queue": queue, "error": type(error).__name__})
        failed = len(entries)
    if failed:
        count("RelayFailed", failed, queue=queue)


def bury(envelope: Envelope) -> None:
    """Puts a note of a dead outbox row where the alarm looks; the row itself stays and can be replayed."""
    try:
        client().send_message(QueueUrl=url(f"{envelope.queue}-dead"), MessageBody=envelope.body())
    except (BotoCoreError, ClientError):
        logger.exception("dead letter not announced", extra={"outbox_id": envelope.id})
