"""The stage's queues from the outside: what somebody puts into them, and what lies in their dead-letter queues."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from tests.faults.rig import Rig, RigFailure

NAME = "quartermaster-"
PATIENCE_S = 120.0


class Queues:
    """SQS of one stage."""

    def __init__(self, rig: Rig) -> None:
        self._sqs = boto3.client(
            "sqs",
            endpoint_url=f"http://127.0.0.1:{rig.ports()['aws']}",
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def _url(self, queue: str) -> str:
        return str(self._sqs.get_queue_url(QueueName=NAME + queue)["QueueUrl"])

    def send(self, queue: str, *bodies: str) -> None:
        """Puts messages into a queue."""
        for body in bodies:
            self._sqs.send_message(QueueUrl=self._url(queue), MessageBody=body)

    def dead(self, queue: str) -> list[str]:
        """Bodies in a queue's dead-letter queue, which stay there."""
        found: dict[str, str] = {}
        url = self._url(f"{queue}-dead")
        for _ in range(5):
            answer = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
            found |= {message["MessageId"]: message["Body"] for message in answer.get("Messages", ())}
        return list(found.values())

    def wait_for_dead(self, queue: str, *bodies: str) -> None:
        """Waits until these messages, and no others, lie in a queue's dead-letter queue. Raises RigFailure."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := sorted(self.dead(queue))) != sorted(bodies):
            if time.monotonic() > deadline:
                raise RigFailure(
                    f"{queue}-dead holds {found}, not {sorted(bodies)}; {self.sizes(queue)} are in {queue}"
                )
            time.sleep(0.1)

    def sizes(self, queue: str) -> int:
        """Messages that are in a queue, received or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found: dict[str, Any] = self._sqs.get_queue_attributes(QueueUrl=self._url(queue), AttributeNames=names)
        return sum(map(int, found["Attributes"].values()))

    def empty_dead(self, *queues: str) -> None:
        """Forgets what lies in dead-letter queues."""
        for queue in queues:
            self._sqs.purge_queue(QueueUrl=self._url(f"{queue}-dead"))

    @contextmanager
    def hasty(self, *queues: str) -> Iterator[None]:
        """For this block a message that was not deleted comes again after two seconds instead of a minute."""
        for queue in queues:
            self._sqs.set_queue_attributes(QueueUrl=self._url(queue), Attributes={"VisibilityTimeout": "2"})
        try:
            yield
        finally:
            for queue in queues:
                self._sqs.set_queue_attributes(QueueUrl=self._url(queue), Attributes={"VisibilityTimeout": "60"})


def envelope(organization_id: int, outbox_id: int, topic: str) -> str:
    """A message about an outbox row, as the relay writes it."""
    return json.dumps({"organization_id": organization_id, "outbox_id": outbox_id, "topic": topic})
