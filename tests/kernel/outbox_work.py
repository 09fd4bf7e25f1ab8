"""Work for the outbox's tests: published, run, looked at."""

import json
from collections.abc import Callable
from typing import Any

import boto3

from chalicelib.kernel import jobs, queues
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.jobs import Job
from tests.kernel.handlers import CONSUMERS, ScriptDue, script
from tests.tenant import Tenant

BUMP = (
    "INSERT INTO kernel_note (name, number) VALUES ('n', 1)"
    " ON CONFLICT (organization_id, name) DO UPDATE SET number = kernel_note.number + 1"
)
Notes = Callable[[], dict[str, int]]
OpenRows = Callable[[], list[dict[str, Any]]]
Work = Callable[[Job[ScriptDue]], Outside[Any, None] | None]


def bump(job: Job[ScriptDue]) -> None:
    """The work that must be done once."""
    job.uow.execute(BUMP)


def publish(tenant: Tenant, work: Work, **options: Any) -> int:
    """Publishes a script; the id of its outbox row."""
    with tenant.uow() as uow:
        uow.publish(ScriptDue(name=script(work)).message(**options))
    return int(tenant.value("SELECT max(id) FROM outbox"))


def run(tenant: Tenant, outbox_id: int) -> None:
    jobs.run(tenant.id, outbox_id, ScriptDue.topic, CONSUMERS)


def row_of(tenant: Tenant, outbox_id: int) -> dict[str, Any]:
    return tenant.rows("SELECT * FROM outbox WHERE id = %(id)s", id=outbox_id)[0]


def envelope(tenant: Tenant, outbox_id: int, message_id: str = "m1", topic: str = ScriptDue.topic) -> dict[str, Any]:
    body = queues.Envelope(outbox_id, tenant.id, topic, "work").body()
    return {"messageId": message_id, "body": body}


def drain(name: str) -> list[dict[str, Any]]:
    """All messages of a queue, taken out."""
    sqs = boto3.client("sqs")
    url = queues.url(name)
    found = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in batch:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found
