"""SQS: the transport between the outbox and its consumers. Nothing in a queue is the only copy of anything."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
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
QUEUES = ("work", "messages", "robots", "telemetry", "webhooks", "deliveries")
"""Each has a dead-letter queue beside it, ``<name>-dead``."""
READ_HIDES_S = 20
"""What is read from a dead-letter queue without being removed is hidden from other readers for so long at most."""
READ_MAX = 2000
"""Messages of one dead-letter queue that are looked at in one go."""
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
        "sqs", config=Config(connect_timeout=1, read_timeout=4, retries={"total_max_attempts": 2, "mode": "standard"})
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
    """Sends envelopes to their queues, ten a call. What cannot be sent stays in the outbox and is sent again later.

    A queue that does not answer is not asked for the rest: ten times the time-out would hold up everybody else.
    """
    ordered = sorted(envelopes, key=lambda e: (e.queue, e.id))
    for queue, group in groupby(ordered, key=lambda e: e.queue):
        waiting = list(group)
        sent = 0
        try:
            for start in range(0, len(waiting), BATCH):
                sent += _send_batch(queue, waiting[start : start + BATCH])
        except (BotoCoreError, ClientError) as error:
            logger.error("queue unreachable", extra={"queue": queue, "error": type(error).__name__})
        if sent < len(waiting):
            count("RelayFailed", len(waiting) - sent, queue=queue)


def _send_batch(queue: str, envelopes: Sequence[Envelope]) -> int:
    """How many of them the queue took."""
    entries = [{"Id": str(e.id), "MessageBody": e.body()} for e in envelopes]
    answer = client().send_message_batch(QueueUrl=url(queue), Entries=entries)
    return len(entries) - len(answer.get("Failed", ()))


def bury(envelope: Envelope) -> None:
    """Puts a note of a dead outbox row where the alarm looks; the row itself stays and can be replayed."""
    try:
        client().send_message(QueueUrl=url(f"{envelope.queue}-dead"), MessageBody=envelope.body())
    except (BotoCoreError, ClientError):
        logger.exception("dead letter not announced", extra={"outbox_id": envelope.id})


@dataclass(frozen=True)
class DeadMessage:
    """A message in a dead-letter queue."""

    id: str
    queue: str
    """The queue that it was for."""
    body: str
    sent_ms: int
    """When it was sent, in milliseconds since the epoch."""
    receipt: str

    @property
    def envelope(self) -> Envelope | None:
        """The outbox row that it is about; None for what cannot be read or is none of the outbox's."""
        try:
            found = json.loads(self.body)
            return Envelope(int(found["outbox_id"]), int(found["organization_id"]), str(found["topic"]), self.queue)
        except (ValueError, TypeError, KeyError):
            return None


def read_dead(queue: str) -> Iterator[DeadMessage]:
    """The messages of a queue's dead-letter queue, each once. SQS cannot be looked into: they are hidden meanwhile.

    Whoever reads on to the end, `READ_MAX` at most, makes them visible again; `drop_dead` removes one. Raises botocore's
    errors.
    """
    dead_url = url(f"{queue}-dead")
    seen: dict[str, str] = {}
    while len(seen) < READ_MAX and (batch := _receive(dead_url)):
        for message in batch:
            if message["MessageId"] not in seen:
                sent_ms = int(message["Attributes"]["SentTimestamp"])
                yield DeadMessage(message["MessageId"], queue, message["Body"], sent_ms, message["ReceiptHandle"])
            seen[message["MessageId"]] = message["ReceiptHandle"]
    _show_again(dead_url, list(seen.values()))


def _receive(queue_url: str) -> list[dict[str, Any]]:
    answer = client().receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=BATCH,
        VisibilityTimeout=READ_HIDES_S,
        MessageSystemAttributeNames=["SentTimestamp"],
    )
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


def _show_again(queue_url: str, receipts: Sequence[str]) -> None:
    """Those that were dropped meanwhile are among the failed ones, which SQS lists and we need not."""
    for start in range(0, len(receipts), BATCH):
        entries = [
            {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
            for number, receipt in enumerate(receipts[start : start + BATCH])
        ]
        client().change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)


def drop_dead(message: DeadMessage) -> None:
    """Removes a message from its dead-letter queue. Raises botocore's errors."""
    client().delete_message(QueueUrl=url(f"{message.queue}-dead"), ReceiptHandle=message.receipt)


def redrive(message: DeadMessage) -> None:
    """Sends a dead message to its queue again, then removes it: a failure in between leaves two, which consumers bear."""
    client().send_message(QueueUrl=url(message.queue), MessageBody=message.body)
    drop_dead(message)
