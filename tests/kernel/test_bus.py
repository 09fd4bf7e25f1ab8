"""Announcements: what happened is told on the event bus, at least once, and says nothing about anybody."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import psycopg
import pytest
from botocore.exceptions import ClientError

from chalicelib.kernel import bus, jobs
from chalicelib.kernel.outbox import Event
from chalicelib.kernel.settings import settings
from infra.local.postgres import Cluster
from tests.factories.orders import make_order
from tests.factories.stock import make_shelf
from tests.tenant import Clock, Tenant


class NoteTaken(Event, topic="kernel.note_taken", queue="work", is_announced=True):
    """Announced."""

    note_id: int


class Quiet(Event, topic="kernel.quiet", queue="work"):
    """Not announced."""


@pytest.fixture
def heard(database: Cluster, aws: None) -> Iterator[Any]:
    """A listener's queue behind a rule on the bus; gives what it has heard since it was last asked."""
    with psycopg.connect(database.owner_url(), autocommit=True) as connection:
        connection.execute("UPDATE outbox SET closed_at = now() WHERE closed_at IS NULL AND dead_at IS NULL")
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    named = {"Name": "listen", "EventBusName": settings().bus_name}
    events.put_rule(**named, EventPattern=json.dumps({"source": ["quartermaster"]}))
    events.put_targets(Rule="listen", EventBusName=settings().bus_name, Targets=[{"Id": "1", "Arn": arn}])

    def take() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    yield take
    events.remove_targets(Rule="listen", EventBusName=settings().bus_name, Ids=["1"])
    events.delete_rule(**named)
    sqs.delete_queue(QueueUrl=url)


class OnABadDay:
    """EventBridge refusing one entry, then the whole call."""

    def __init__(self) -> None:
        self.answers = [{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}]

    def put_events(self, **_asked: Any) -> Any:
        if self.answers:
            return self.answers.pop()
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutEvents")


def open_announcements(tenant: Tenant) -> int:
    return int(tenant.value("SELECT count(*) FROM outbox WHERE queue = 'bus' AND closed_at IS NULL"))


def test_an_event_is_announced_and_its_work_queued(tenant: Tenant, heard: Any) -> None:
    with tenant.uow() as uow:
        uow.publish(NoteTaken(note_id=7).message())
        uow.publish(Quiet().message())
    assert jobs.relay() == 3
    (event,) = heard()
    assert (event["source"], event["detail-type"]) == ("quartermaster", "kernel.note_taken")
    assert {k: v for k, v in event["detail"].items() if k != "id"} == {"note_id": 7, "organization_id": tenant.id}
    assert open_announcements(tenant) == 0
    assert jobs.relay() == 0


def test_more_than_a_call_takes_are_all_told(tenant: Tenant, heard: Any) -> None:
    with tenant.uow() as uow:
        for number in range(23):
            uow.publish(NoteTaken(note_id=number).message())
    jobs.relay()
    told = heard()
    assert sorted(event["detail"]["note_id"] for event in told) == list(range(23))
    assert len({event["detail"]["id"] for event in told}) == 23


def test_what_the_bus_does_not_take_is_told_later(
    tenant: Tenant,
    heard: Any,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with tenant.uow() as uow:
        uow.publish(NoteTaken(note_id=1).message())

    bad_day = OnABadDay()
    monkeypatch.setattr(bus, "client", lambda: bad_day)
    for _ in range(2):
        jobs.relay()
        clock.advance(seconds=jobs.RESEND_AFTER.total_seconds() + 1)
    assert capsys.readouterr().out.count('"RelayFailed": 1') == 2
    monkeypatch.undo()
    assert (open_announcements(tenant), heard()) == (1, [])
    jobs.relay()
    assert (open_announcements(tenant), [e["detail"]["note_id"] for e in heard()]) == (0, [1])


def test_a_relay_that_dies_before_it_closes_tells_again_under_the_same_id(
    tenant: Tenant, heard: Any, clock: Clock
) -> None:
    with tenant.uow() as uow:
        uow.publish(NoteTaken(note_id=5).message())
    taken = [envelope for envelope in jobs._take_due(recalling=False) if envelope.queue == "bus"]
    assert bus.announce(taken) == [taken[0].id]
    assert (jobs.relay(), open_announcements(tenant)) == (0, 1), "it is marked as sent, and nobody closed it"
    clock.advance(seconds=jobs.RESEND_AFTER.total_seconds() + 1)
    jobs.relay()
    assert [event["detail"]["id"] for event in heard()] == [str(taken[0].id)] * 2
    assert open_announcements(tenant) == 0


def test_an_order_tells_its_story_in_ids(tenant: Tenant, heard: Any) -> None:
    order = make_order(tenant, (make_shelf(tenant, free=5).product_id, 2))
    jobs.relay()
    (event,) = heard()
    assert event["detail-type"] == "orders.placed"
    assert {k: v for k, v in event["detail"].items() if k != "id"} == {
        "order_id": order["id"],
        "organization_id": tenant.id,
    }
